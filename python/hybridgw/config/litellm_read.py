"""The tree of a LiteLLM file as plain values: included files, variables, and what is said about keys.

A LiteLLM file is somebody else's contract, so reading it is lenient where ours is strict: a value of
the wrong type is ignored with a warning, a missing variable is an absent value, an unknown key is a
notice. What still ends in an error is a file that cannot be understood at all.
"""

import math
import os
import re
from collections.abc import Mapping as Environment
from typing import Any

from hybridgw.config import units
from hybridgw.config.bind import Missing, nearest
from hybridgw.config.errors import ConfigError
from hybridgw.config.litellm_keys import REMARKS, TOPICS, Fate, Table, Topic
from hybridgw.config.schema import Notice
from hybridgw.config.tree import Mapping, Node, Scalar, Sequence, parse, read_file

_MAX_INCLUDES = 32
_PREFIX = "os.environ/"
_GRAVE = {
    Fate.LATER: "IGNORED, not acted on yet",
    Fate.SKIPPED: "IGNORED, not supported",
    Fate.NEEDLESS: "IGNORED, not needed",
}
_FOREIGN = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*(:[-?][^{}]*)?\}")
"""How other formats write a variable."""


def with_includes(root: Mapping, file: str, repeated: list[ConfigError]) -> tuple[Mapping, tuple[str, ...]]:
    """The file with what it includes: lists are appended, mappings joined, the including file wins.
    Also the names of all files read. Keys that an included file gives twice are added to `repeated`."""
    files = [file]
    merged = Mapping(root.file, root.line, dict(root.items), dict(root.key_lines))
    pending = [(root, file)]
    while pending:
        source, base = pending.pop(0)
        include = source.items.get("include")
        if include is None:
            continue
        items = include.items if isinstance(include, Sequence) else [include]
        for item in items:
            if not isinstance(item, Scalar) or not item.text:
                raise ConfigError(include.where, "include", "is no list of files", "write [a.yaml, b.yaml]")
            path = os.path.join(os.path.dirname(base), item.text)
            if os.path.realpath(path) in {os.path.realpath(f) for f in files}:
                continue
            if len(files) > _MAX_INCLUDES:
                raise ConfigError(
                    item.where, "include", f"names over {_MAX_INCLUDES} files", "join some of them"
                )
            try:
                tree = parse(read_file(path), path, repeated)
            except ConfigError as error:
                if error.where == path:
                    raise ConfigError(item.where, "include", f"{path} {error.message}", error.fix) from None
                raise
            files.append(path)
            if tree is None:
                continue
            if not isinstance(tree, Mapping):
                raise ConfigError(
                    tree.where, "", "an included file holds no keys", "write `key: value` lines"
                )
            _join(merged, tree)
            pending.append((tree, path))
    return merged, tuple(files)


def _join(target: Mapping, source: Mapping) -> None:
    for key, node in source.items.items():
        if key == "include":
            continue
        own = target.items.get(key)
        if isinstance(own, Sequence) and isinstance(node, Sequence):
            target.items[key] = Sequence(own.file, own.line, [*own.items, *node.items])
        elif isinstance(own, Mapping) and isinstance(node, Mapping):
            lines = {**node.key_lines, **own.key_lines}
            target.items[key] = Mapping(own.file, own.line, {**node.items, **own.items}, lines)
        elif own is None:
            target.items[key] = node
            target.key_lines[key] = source.key_lines.get(key, source.line)


def _says_nothing(node: Node) -> bool:
    """A key that is off, empty or null asks for nothing, so nothing is ignored."""
    if isinstance(node, Scalar):
        return node.value is None or node.value is False or node.value == ""
    return isinstance(node, Mapping | Sequence) and not node.items


class Values:
    """One mapping of the file: its values with variables resolved, and where each stands."""

    def __init__(self, node: Node | None, key: str, data: dict[str, Any]) -> None:
        self.node = node
        self.key = key
        self.data = data

    def where(self, name: str = "") -> str:
        if isinstance(self.node, Mapping) and name in self.node.items:
            return self.node.items[name].where
        return self.node.where if self.node is not None else ""

    def get(self, name: str) -> Any:
        return self.data.get(name)


class Reader:
    """Reads sections against one environment; collects notices and missing variables."""

    def __init__(self, environ: Environment[str, str], file: str) -> None:
        self.file = file
        self.environ: dict[str, str] = dict(environ)
        self.missing: list[Missing] = []
        self._said: dict[tuple[str, str], list[Any]] = {}

    def say(
        self, where: str, key: str, message: str, warning: bool = False, about: Topic | None = None
    ) -> None:
        """A notice; the same words about the same key are said once, with a count."""
        entry = self._said.setdefault((key, message), [where or self.file, warning, 0, about])
        entry[2] += 1

    @property
    def notices(self) -> list[Notice]:
        return [
            Notice(
                level="warning" if warning else "info",
                where=where,
                key=key,
                message=f"{message} ({count} times)" if count > 1 else message,
                about=about,
            )
            for (key, message), (where, warning, count, about) in self._said.items()
        ]

    def section(self, node: Node | None, key: str, table: Table | None = None, shown: str = "") -> Values:
        """A mapping's values. With a table, says what becomes of every key of it."""
        if node is None or (isinstance(node, Scalar) and node.value is None):
            return Values(None, key, {})
        if not isinstance(node, Mapping):
            raise ConfigError(node.where, key, "expected keys and values", "write `key: value` lines")
        if table is not None:
            for name in node.items:
                self.fate(node, shown or key, name, table)
        return Values(node, key, {n: self.plain(c, f"{key}.{n}") for n, c in node.items.items()})

    def fate(self, node: Mapping, key: str, name: str, table: Table) -> None:
        """Says what becomes of a key, unless it has its effect."""
        fate = table.get(name)
        path = f"{key}.{name}" if key else name
        child = node.items[name]
        if fate is None:
            hint = nearest(name, table)
            misspelt = hint.startswith("did")
            self.say(
                node.key_where(name), path, f"unknown key, ignored{'; ' + hint if misspelt else ''}", misspelt
            )
        elif fate is not Fate.ACTED_ON and not _says_nothing(child):
            about = TOPICS.get(name)
            message = REMARKS.get(name) or (_GRAVE[fate] if about else fate.value)
            warning = fate in (Fate.LATER, Fate.SKIPPED) and name not in REMARKS
            self.say(node.key_where(name), path, message, warning, about)

    def plain(self, node: Node, key: str, in_list: bool = False) -> Any:
        """Plain data, `os.environ/NAME` resolved. A bare text in a list stays as it is."""
        if isinstance(node, Mapping):
            return {name: self.plain(child, f"{key}.{name}") for name, child in node.items.items()}
        if isinstance(node, Sequence):
            return [self.plain(child, f"{key}[{i}]", True) for i, child in enumerate(node.items)]
        assert isinstance(node, Scalar)
        if _FOREIGN.search(node.text):
            self.say(
                node.where,
                key,
                "holds ${…}, which is sent as it stands; write os.environ/NAME as the whole value",
                True,
            )
        if in_list or not node.text.startswith(_PREFIX):
            return node.value
        name = node.text.removeprefix(_PREFIX).strip()
        value = self.environ.get(name, "")
        if not value:
            self.missing.append(Missing(node.where, key, name))
            return None
        return value

    def take_missing(self, prefix: str) -> list[Missing]:
        """Removes and returns the missing variables below a key."""
        taken = [m for m in self.missing if m.key.startswith(prefix)]
        self.missing = [m for m in self.missing if not m.key.startswith(prefix)]
        return taken

    def seconds(self, values: Values, name: str) -> float | None:
        """A duration of at least a millisecond, or None with a warning."""
        value = values.get(name)
        if value is None:
            return None
        try:
            number = units.seconds(value)
        except ValueError:
            number = 0.0
        if number < 0.001:
            self.say(values.where(name), f"{values.key}.{name}", "is no duration above zero, ignored", True)
            return None
        return number

    def number(self, values: Values, name: str, low: float = 0.0, high: float = 1e15) -> float | None:
        """A number, also one written as text, or None with a warning."""
        value = values.get(name)
        if value is None:
            return None
        try:
            number = math.nan if isinstance(value, bool) else float(value)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        if number > high:
            self.say(
                values.where(name), f"{values.key}.{name}", f"is more than {high:g}, which is used", True
            )
            return high
        if not low <= number:
            self.say(values.where(name), f"{values.key}.{name}", f"is no number from {low:g}, ignored", True)
            return None
        return number

    def integer(self, values: Values, name: str, low: int = 0, high: int = 2**31) -> int | None:
        """A whole number, or None with a warning."""
        number = self.number(values, name, low, high)
        return None if number is None else int(number)

    def text(self, values: Values, name: str) -> str | None:
        """A text; numbers are taken as written."""
        value = values.get(name)
        if value is None or isinstance(value, bool | dict | list):
            if value is not None:
                self.say(values.where(name), f"{values.key}.{name}", "is no text, ignored", True)
            return None
        node = values.node.items.get(name) if isinstance(values.node, Mapping) else None
        resolved = isinstance(node, Scalar) and not node.text.startswith(_PREFIX)
        return node.text if resolved and isinstance(node, Scalar) else str(value)

    def names(self, value: Any, where: str, key: str) -> tuple[str, ...]:
        """A list of model names; a single text counts as a list of one, with a warning."""
        if isinstance(value, str):
            self.say(where, key, "is a text where a list is meant; read as a list of one", True)
            return (value,)
        names: list[str] = []
        for item in value if isinstance(value, list) else []:
            name = item.get("model") if isinstance(item, dict) else item
            if isinstance(name, str):
                names.append(name)
            if not isinstance(item, str):
                self.say(where, key, "holds more than model names; only the names are used", True)
        if not isinstance(value, list) and value is not None:
            self.say(where, key, "is no list of model names, ignored", True)
        return tuple(dict.fromkeys(names))
