"""Tools that stand in a namespace (Codex' MCP servers) under names that every backend takes, and back.

Only Responses has namespaces. Elsewhere a tool has one name, so `mcp__wiki` and `read` become
`mcp__wiki__read`: at most 64 characters of `[A-Za-z0-9_-]`, unique within the request, and the same for the
same tool in every turn, or the history would call tools that nobody was told of. Where the plain form does
not do (too long, other characters, taken) it is cut and ends in a digest of both names.

What the client is told is always the pair. A plain tool keeps its name unless a flattened one took it.
"""

import hashlib
import re

LONGEST_FLAT = 64
"""Characters: what the strictest backend takes."""
_DIGEST = 8
_ODD = re.compile(r"[^A-Za-z0-9_-]").sub

Origin = tuple[str | None, str]
"""A namespace, or None, and the name in it."""


class Names:
    """The tools of one request. `add` while they are read, `say` for whoever refers to one."""

    def __init__(self) -> None:
        self._flat: dict[Origin, str] = {}
        self._origins: dict[str, Origin] = {}

    def add(self, namespace: str | None, name: str) -> str:
        """The name under which a backend is told of this tool."""
        origin = namespace, name
        flat = self._flat.get(origin)
        if flat is None:
            flat = name if namespace is None else _joined(namespace, name)
            if self._origins.get(flat, origin) != origin:
                flat = _digested(namespace, name)
            self._flat[origin] = flat
            self._origins[flat] = origin
        return flat

    def say(self, namespace: str | None, name: str) -> str:
        """The same for a call in the history or a choice, also of a tool that is not offered any more. One
        without a namespace may be a flattened name that a client of another dialect was told, or the
        only tool of that name."""
        if namespace is not None or (None, name) in self._flat or name in self._origins:
            known = self._flat.get((namespace, name))
            if known is not None or namespace is None:
                return known or name
            return _joined(namespace, name)
        within = [flat for (_, own), flat in self._flat.items() if own == name]
        return within[0] if len(within) == 1 else name

    def within(self, namespace: str) -> list[str]:
        """All tools of a namespace, as backends know them."""
        return [flat for (where, _), flat in self._flat.items() if where == namespace]

    @property
    def renamed(self) -> dict[str, Origin]:
        """What a writer has to turn back: flat name -> where it comes from."""
        return {flat: origin for flat, origin in self._origins.items() if origin != (None, flat)}


def _joined(namespace: str, name: str) -> str:
    between = "" if namespace.endswith("__") else "__"
    flat = f"{namespace}{between}{name}"
    return flat if len(flat) <= LONGEST_FLAT and _ODD("", flat) == flat else _digested(namespace, name)


def _digested(namespace: str | None, name: str) -> str:
    """The end of a name says more than its beginning, which many tools share."""
    both = f"{namespace or ''}\0{name}"
    digest = hashlib.sha256(both.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST]
    room = LONGEST_FLAT - _DIGEST - 1
    told = f"{namespace.rstrip('_')}__{name}" if namespace else name
    return f"{_ODD('_', told)[-room:]}_{digest}"
