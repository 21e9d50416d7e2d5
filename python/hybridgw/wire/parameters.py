"""Where each dialect has what Chat calls by name.

A deployment's parameters are configured in Chat's names (`defaults`, `extra_body`, `drop_params`), and the
rule is about the thing, not about the word: `max_tokens` is `max_output_tokens` in Responses and
`options.num_predict` in Ollama's own protocol. This is the one table of that. It serves both ways of asking a
backend: `providers.passing` writes rules for bytes that pass with it, and `providers.configured` learns from
it what a client said, and in which words.

It knows names only; what a value looks like elsewhere is for these two.
"""

from collections.abc import Mapping

import msgspec

from hybridgw.core import Route

Path = tuple[str, ...]
"""A member of a body, or an object and a member in it."""

_SAME = (("max_tokens", "max_completion_tokens"), ("user", "safety_identifier"))
_OTHERS = {name: tuple(it for it in names if it != name) for names in _SAME for name in names}
SAMPLERS = frozenset(
    {"min_p", "typical_p", "repeat_penalty", "repeat_last_n", "mirostat", "mirostat_eta", "mirostat_tau"}
)
"""Members without a place in the hub that clients of engines send, and that are options of Ollama's."""

_LIMIT: Path = ("max_tokens",)
_MESSAGES: dict[str, tuple[Path, ...]] = {
    "max_tokens": (_LIMIT,), "max_completion_tokens": (_LIMIT,), "stop": (("stop_sequences",),),
    "user": (("metadata", "user_id"),), "safety_identifier": (("metadata", "user_id"),),
    "reasoning_effort": (("output_config", "effort"), ("thinking",)),
    "response_format": (("output_config", "format"), ("output_format",)),
    "parallel_tool_calls": (("tool_choice", "disable_parallel_tool_use"),),
}  # fmt: skip
_RESPONSES: dict[str, tuple[Path, ...]] = {
    "max_tokens": (("max_output_tokens",),), "max_completion_tokens": (("max_output_tokens",),),
    "reasoning_effort": (("reasoning", "effort"),), "verbosity": (("text", "verbosity"),),
    "response_format": (("text", "format"),),
}  # fmt: skip
_OPTIONS = ("temperature", "top_p", "top_k", "seed", "presence_penalty", "frequency_penalty", "stop")
_OLLAMA: dict[str, tuple[Path, ...]] = {
    **{name: (("options", name),) for name in (*_OPTIONS, *SAMPLERS)},
    "max_tokens": (("options", "num_predict"),), "max_completion_tokens": (("options", "num_predict"),),
    "reasoning_effort": (("think",),), "thinking": (("think",),), "response_format": (("format",),),
}  # fmt: skip
_TABLES: Mapping[Route, Mapping[str, tuple[Path, ...]]] = {
    Route.COMPLETIONS: {"max_completion_tokens": (_LIMIT, ("max_completion_tokens",))},
    Route.MESSAGES: _MESSAGES, Route.RESPONSES: _RESPONSES,
    Route.OLLAMA_CHAT: _OLLAMA, Route.OLLAMA_GENERATE: _OLLAMA,
}  # fmt: skip


def same(name: str) -> tuple[str, ...]:
    """All of Chat's names for what it calls `name`; that one first."""
    return (name, *_OTHERS.get(name, ()))


def places(route: Route, name: str) -> tuple[Path, ...]:
    """Where a body of this route says what Chat calls `name`. The first is where a value is written. A name
    that is not in the table stands for itself."""
    table = _TABLES.get(route, {})
    found = [path for each in same(name) for path in table.get(each, ((each,),))]
    return tuple(dict.fromkeys(found))


_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_NULL = b"null"


class Said:
    """What a client's body says. Reads the body when it is asked for the first time."""

    def __init__(self, route: Route, body: bytes) -> None:
        self._route = route
        self._body = body
        self._members: dict[str, msgspec.Raw] | None = None

    def names(self, name: str) -> list[str]:
        """The client's own words for what Chat calls `name`: those that it said, null left out."""
        if self._members is None:
            self._members = _members.decode(self._body)
        return [".".join(path) for path in places(self._route, name) if _there(self._members, path)]


def _there(members: dict[str, msgspec.Raw], path: Path) -> bool:
    value = members.get(path[0])
    if value is None or _is_null(value):
        return False
    if len(path) == 1:
        return True
    if memoryview(value)[0] != ord("{"):
        return False
    inner = _members.decode(value).get(path[1])
    return inner is not None and not _is_null(inner)


def _is_null(value: msgspec.Raw) -> bool:
    return len(memoryview(value)) == len(_NULL) and bytes(value) == _NULL
