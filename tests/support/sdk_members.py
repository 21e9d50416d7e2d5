"""Requests made from the types of a vendor's SDK: every member, and every kind of every part, once.

    for variant in variants(SomeParams): variant.value, variant.leaves

A variant is one value of a type; of each union there are as many as it has kinds. All members of an object
are set, so a member that a new version of the SDK brings is in the values without anybody listing it. Each
leaf has a mark of its own, by which it is found again in what a backend is sent.
"""

import itertools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from typing_extensions import is_typeddict

Path = tuple[str, ...]


@dataclass
class Variant:
    """One value, and the mark of each leaf by its path (names of members; lists add nothing)."""

    value: Any
    leaves: dict[Path, str] = field(default_factory=dict)


Given = Mapping[str, Callable[[str], Any]]
"""By the name of a member (or the end of its path, with dots): makes its value of a mark, where any text
will not do. None in place of a value leaves the member out."""


class Maker:
    """Makes variants of types; `given` are the values of members that have to be of a certain form."""

    def __init__(self, given: Given, apart: Mapping[Path, str] | None = None) -> None:
        """`apart`: objects, by their path, whose optional members exclude each other and are set one at a
        time; beside each the one that is named."""
        self._given = given
        self._apart = apart or {}
        self._number = itertools.count()

    def variants(self, kind: Any, path: Path = (), around: tuple[Any, ...] = ()) -> list[Variant]:
        """All variants of a type."""
        kind = _bare(kind)
        origin = get_origin(kind)
        for name in (".".join(path[-2:]), path[-1] if path else ""):
            if name in self._given:
                mark = self._mark()
                value = self._given[name](mark)
                return [] if value is None else [Variant(value, {path: mark})]
        if origin in (Union, UnionType):
            kinds = [each for each in get_args(kind) if each is not type(None)]
            if any(is_typeddict(_bare(each)) or get_origin(_bare(each)) is not None for each in kinds):
                kinds = [each for each in kinds if _bare(each) is not str or len(kinds) == 1]
            found = [variant for each in kinds for variant in self.variants(each, path, around)]
            # Kinds without any member inside say the same.
            return found
        if origin is Literal:
            word = str(get_args(kind)[-1])
            return [Variant(word, {path: f'"{word}"'})]
        if is_typeddict(kind):
            return [] if kind in around else self._objects(kind, path, (*around, kind))
        if kind is dict or origin is dict or "Mapping" in str(kind):
            mark = self._mark()
            return [Variant({mark: "x"}, {path: mark})]
        if origin is not None and get_args(kind):
            return [
                Variant([each.value], each.leaves) for each in self.variants(get_args(kind)[0], path, around)
            ]
        if kind is bool:
            return [Variant(True, {path: "true"})]
        if kind in (int, float):
            number = 100_000 + next(self._number)
            return [Variant(number, {path: str(number)})]
        mark = self._mark()
        return [Variant(mark, {path: mark})]

    def _objects(self, kind: Any, path: Path, around: tuple[Any, ...]) -> list[Variant]:
        """One object for each kind of its most various member, the others' kinds beside them."""
        members = {
            name: made
            for name, hint in get_type_hints(kind, include_extras=True).items()
            if (made := self.variants(hint, (*path, name), around))
        }
        if path in self._apart:
            return self._one_at_a_time(kind, members, self._apart[path])
        return self._together(members)

    def _one_at_a_time(self, kind: Any, members: dict[str, list[Variant]], beside: str) -> list[Variant]:
        hints = get_type_hints(kind, include_extras=True)
        always = {name for name in members if name == beside or "Required[" in str(hints[name])[:32]}
        fixed = {name: members[name] for name in members if name in always}
        objects = self._together(fixed)
        for name in members.keys() - always:
            first = {other: made[:1] for other, made in fixed.items()}
            objects += self._together({**first, name: members[name]})
        return objects

    @staticmethod
    def _together(members: dict[str, list[Variant]]) -> list[Variant]:
        count = max((len(made) for made in members.values()), default=1)
        objects = []
        for at in range(count):
            each = {name: made[at % len(made)] for name, made in members.items()}
            leaves = {place: mark for part in each.values() for place, mark in part.leaves.items()}
            objects.append(Variant({name: part.value for name, part in each.items()}, leaves))
        return objects

    def _mark(self) -> str:
        # Four letters or a multiple are base64, too.
        return f"mk{next(self._number):06d}"


def names_in(value: Any) -> set[str]:
    """The names of all members, however deep."""
    if isinstance(value, dict):
        return set(value) | {name for each in value.values() for name in names_in(each)}
    return {name for each in value for name in names_in(each)} if isinstance(value, list) else set()


def lost(
    variant: Variant, sent: bytes, told: set[str], moot: frozenset[str], words: Mapping[str, tuple[str, ...]]
) -> set[str]:
    """Leaves of which nothing is left in what was `sent` and nothing was told. `moot`: names, or ends of
    paths, that mean nothing there; `words`: the members that say the same in another protocol."""
    keys, text = names_in(json.loads(sent)), sent.decode()
    said = {each.rpartition(".")[2] for each in told}
    gone = set()
    for path, mark in variant.leaves.items():
        ends = {".".join(path[at:]) for at in range(len(path))}
        # Those at the top are another test's.
        if len(path) == 1 or said & set(path) or moot & ends:
            continue
        word = mark.startswith('"') or mark == "true"
        found = path[-1] in keys if word else mark in text
        if not found and not any(other in keys for name in path for other in words.get(name, ())):
            gone.add(".".join(path))
    return gone


def _bare(kind: Any) -> Any:
    """A type without `Required` and the like around it."""
    while hasattr(kind, "__origin__") and str(get_origin(kind)).rpartition(".")[2] in (
        "Required", "NotRequired", "Annotated",
    ):  # fmt: skip
        kind = get_args(kind)[0]
    if get_origin(kind) is not None and str(kind).startswith(
        ("typing.Annotated", "typing_extensions.Annotated")
    ):
        kind = get_args(kind)[0]
    return kind
