"""The tree into a struct: types, units, bounds and variables, each mistake with its line.

`msgspec.convert` would do the typing, but its errors know a path and no line, it takes the first
mistake's wording from the library, and it cannot tell a duration from a number. The struct's own
type information drives this binder, so a section is described once, in the schema.

Text stands for itself: a key of type str takes `8b` and `8` alike. A setting whose variable is
missing takes its default and is recorded in `missing`; whoever owns that part decides what then.
"""

import difflib
from collections.abc import Iterable
from collections.abc import Mapping as Environment
from typing import Any, TypeVar, cast

import msgspec
from msgspec import inspect

from hybridgw.config import units
from hybridgw.config.errors import ConfigError
from hybridgw.config.expand import MissingVariable, expand, has_reference
from hybridgw.config.tree import Mapping, Node, Scalar, Sequence, resolve

T = TypeVar("T", bound=msgspec.Struct)


class Missing(msgspec.Struct, frozen=True):
    """A key whose variable has no value."""

    where: str
    key: str
    variable: str


_ALIKE = 0.74
"""Share of letters in common from which a name is taken for a misspelt one: `modle` is one of `model`,
`prompts` none of `port`."""


def nearest(name: str, known: Iterable[str]) -> str:
    """How to fix an unknown name: the nearest known one, or all of them when there are few."""
    names = sorted(known)
    close = difflib.get_close_matches(name[:64], names, n=1, cutoff=_ALIKE)
    if close:
        return f"did you mean {close[0]}?"
    return f"known: {', '.join(names)}" if names else "remove it"


class Binder:
    """Binds nodes against one environment and remembers which variables were missing."""

    def __init__(self, environ: Environment[str, str]) -> None:
        self.environ = environ
        self.missing: list[Missing] = []

    def struct(self, node: Node, kind: type[T], key: str) -> T:
        """An instance of `kind`; ConfigError on the first mistake."""
        info = inspect.type_info(kind)
        return cast(T, self._struct(node, cast(inspect.StructType, info), key))

    def plain(self, node: Node, key: str) -> Any:
        """The node as JSON-like data with variables expanded. Non-finite numbers cannot occur."""
        if isinstance(node, Mapping):
            result: dict[str, Any] = {}
            for name, child in node.items.items():
                try:
                    result[name] = self.plain(child, f"{key}.{name}")
                except MissingVariable as error:
                    self._note(child, f"{key}.{name}", error)
            return result
        if isinstance(node, Sequence):
            return [self.plain(child, f"{key}[{i}]") for i, child in enumerate(node.items)]
        return self._leaf(cast(Scalar, node), key)

    def _note(self, node: Node, key: str, error: MissingVariable) -> None:
        self.missing.append(Missing(node.where, key, error.name))

    def _leaf(self, node: Scalar, key: str) -> str | int | float | bool | None:
        if not has_reference(node.text):
            return node.value
        text = expand(node.text, self.environ, node.where, key)
        return resolve(text) if node.plain else text

    def _text(self, node: Scalar, key: str) -> str:
        if not has_reference(node.text):
            return node.text
        return expand(node.text, self.environ, node.where, key)

    def _struct(self, node: Node, info: inspect.StructType, key: str) -> Any:
        if isinstance(node, Scalar) and node.value is None and not any(f.required for f in info.fields):
            return info.cls()
        if not isinstance(node, Mapping):
            raise ConfigError(node.where, key, "expected keys and values", "write `key: value` lines")
        fields = {field.encode_name: field for field in info.fields}
        for name in node.items:
            if name not in fields:
                raise ConfigError(
                    node.key_where(name), _join(key, name), "is not a known key", nearest(name, fields)
                )
        values: dict[str, Any] = {}
        for name, field in fields.items():
            path = _join(key, name)
            child = node.items.get(name)
            if child is None:
                if field.required:
                    raise ConfigError(node.where, path, "is missing", f"add `{name}:`")
                continue
            try:
                values[field.name] = self._value(child, field.type, path)
            except MissingVariable as error:
                self._note(child, path, error)
                if field.required:
                    values[field.name] = _placeholder(field.type)
        return info.cls(**values)

    def _value(self, node: Node, kind: inspect.Type, key: str) -> Any:
        unit = None
        while isinstance(kind, inspect.Metadata):
            unit = (kind.extra or {}).get("unit", unit)
            kind = kind.type
        if isinstance(kind, inspect.UnionType):
            if isinstance(node, Scalar) and node.plain and node.value is None:
                return None
            kind = next(t for t in kind.types if not isinstance(t, inspect.NoneType))
            return self._value(node, kind, key)
        if isinstance(kind, inspect.AnyType):
            return self.plain(node, key)
        if isinstance(kind, inspect.StructType):
            return self._struct(node, kind, key)
        if isinstance(kind, inspect.DictType):
            return self._dict(node, kind, key)
        if isinstance(kind, inspect.VarTupleType):
            return self._tuple(node, kind, key)
        if not isinstance(node, Scalar):
            raise ConfigError(node.where, key, f"expected {_describe(kind, unit)}", "write a single value")
        return self._scalar(node, kind, unit, key)

    def _dict(self, node: Node, kind: inspect.DictType, key: str) -> dict[str, Any]:
        if isinstance(node, Scalar) and node.plain and node.value is None:
            return {}
        if not isinstance(node, Mapping):
            raise ConfigError(node.where, key, "expected keys and values", "write `key: value` lines")
        result = {}
        for name, child in node.items.items():
            try:
                result[name] = self._value(child, kind.value_type, _join(key, name))
            except MissingVariable as error:
                self._note(child, _join(key, name), error)
        return result

    def _tuple(self, node: Node, kind: inspect.VarTupleType, key: str) -> tuple[Any, ...]:
        if isinstance(node, Scalar) and node.plain and node.value is None:
            return ()
        if not isinstance(node, Sequence):
            raise ConfigError(
                node.where, key, "expected a list", "write [a, b] or lines that begin with a dash"
            )
        result = []
        for index, child in enumerate(node.items):
            try:
                result.append(self._value(child, kind.item_type, f"{key}[{index}]"))
            except MissingVariable as error:
                self._note(child, f"{key}[{index}]", error)
        return tuple(result)

    def _scalar(self, node: Scalar, kind: inspect.Type, unit: object, key: str) -> Any:
        if isinstance(kind, inspect.StrType):
            if node.plain and node.value is None:
                raise ConfigError(node.where, key, "is empty", "give it a text")
            return self._text(node, key)
        value = self._leaf(node, key)
        if isinstance(value, str) and unit is None:
            value = resolve(value.strip()) if not isinstance(kind, inspect.LiteralType) else value
        try:
            return _checked(value, kind, unit)
        except ValueError as error:
            raise ConfigError(node.where, key, str(error), f"write {_describe(kind, unit)}") from None


def _join(key: str, name: str) -> str:
    return f"{key}.{name}" if key else name


def _checked(value: object, kind: inspect.Type, unit: object) -> Any:
    if isinstance(kind, inspect.LiteralType):
        if value not in kind.values:
            text = "on" if value is True else "off" if value is False else str(value)[:60]
            raise ValueError(f"{text!r} is not one of the choices")
        return value
    if isinstance(kind, inspect.BoolType):
        if not isinstance(value, bool):
            raise ValueError("is not a yes or no")
        return value
    number: float
    if isinstance(kind, inspect.IntType):
        if unit == "bytes":
            number = units.size(value)
        elif isinstance(value, bool) or not isinstance(value, int):
            raise ValueError("is not a whole number")
        else:
            number = value
    elif isinstance(kind, inspect.FloatType):
        if unit == "seconds":
            number = units.seconds(value)
        elif isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > 1e15:
            raise ValueError("is not a number")
        else:
            number = float(value)
    else:
        raise TypeError(f"the schema uses a type that files cannot hold: {kind}")
    if kind.ge is not None and number < kind.ge:
        raise ValueError(f"{number:g} is below {kind.ge:g}")
    if kind.le is not None and number > kind.le:
        raise ValueError(f"{number:g} is above {kind.le:g}")
    return number


def _describe(kind: inspect.Type, unit: object) -> str:
    if unit == "seconds":
        return "a duration such as 30s or 500ms"
    if unit == "bytes":
        return "a size such as 20MiB"
    if isinstance(kind, inspect.LiteralType):
        return " or ".join(str(v) for v in kind.values)
    if isinstance(kind, inspect.BoolType):
        return "true or false"
    if isinstance(kind, inspect.IntType | inspect.FloatType):
        what = "a whole number" if isinstance(kind, inspect.IntType) else "a number"
        low = f" from {kind.ge:g}" if kind.ge is not None else ""
        return f"{what}{low}" + (f" to {kind.le:g}" if kind.le is not None else "")
    return "a text"


def _placeholder(kind: inspect.Type) -> Any:
    """Stands where a required value is missing; the entry around it is put out of use."""
    while isinstance(kind, inspect.Metadata):
        kind = kind.type
    return () if isinstance(kind, inspect.VarTupleType) else ""
