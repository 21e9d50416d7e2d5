"""Members of a request that a backend refuses by name, and the request without them.

The gateway adds to requests: it asks for the usage of a stream, sets what the configuration wants, says in
a backend's words what a client said in others. A backend that does not know such a member must not make a
request fail that would have been answered without the gateway. So a refusal that names one of `MEMBERS` is
recognised here, the request is sent once more without it, and all workers are told (a bit for each name in
the shared words of the deployment; behind `*`, each worker remembers by itself what which model refuses).
What the client itself said is left out only where it, or the configuration, allows that (`drop_params`),
because somebody may rely on it; then it is listed.

Nothing that carries content, bounds an answer or offers a tool is in the table: without it the answer would
be another one. A limit has two names, so it is never left out but told by the other one.
"""

import re
from collections.abc import Callable, Mapping

import msgspec
import orjson

from hybridgw.providers.base import Backend

MEMBERS = (
    "stream_options", "max_tokens", "max_completion_tokens", "parallel_tool_calls", "reasoning_effort",
    "thinking", "reasoning", "verbosity", "service_tier", "metadata", "user", "safety_identifier", "store",
    "temperature", "top_p", "top_k", "min_p", "seed", "presence_penalty", "frequency_penalty", "logit_bias",
    "logprobs", "top_logprobs", "repetition_penalty", "prompt_cache_key", "prompt_cache_retention",
    "prediction", "modalities", "web_search_options", "think", "truncate", "keep_alive", "dimensions",
    "encoding_format", "chat_template_kwargs", "cache_prompt", "output_config", "n", "stop",
)  # fmt: skip
"""By position the bits of `Permit.refused`. At most 40; only ever append."""

_BITS = {name: 1 << at for at, name in enumerate(MEMBERS)}
_OTHER_NAME = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}
_CODES = frozenset(
    {
        "unsupported_parameter", "unsupported_value", "unknown_parameter", "unknown_field", "extra_forbidden",
        "unrecognized_parameter", "invalid_parameter_name",
    }
)  # fmt: skip
_SAYS_UNKNOWN = re.compile(
    r"unsupported|not supported|does not support|unrecogni[sz]ed|not permitted|not allowed|was unexpected"
    r"|unknown (?:name|parameter|field|argument|key)|unexpected (?:keyword|argument|field|parameter)"
    r"|cannot find field|no such (?:parameter|field)"
).search
_NAMED = re.compile(r"(?<![\w.])(?:" + "|".join(sorted(MEMBERS, key=len, reverse=True)) + r")(?!\w)").search
_STATUSES = frozenset({400, 422, 501})
_LONGEST = 4096
"""Characters of a message in which a name is looked for."""


def refused(status: int, answer: bytes) -> int:
    """The bit of the member that this answer refuses as one that it does not take; 0 for any other."""
    if status not in _STATUSES:
        return 0
    try:
        said = orjson.loads(answer)
    except orjson.JSONDecodeError:
        return 0
    if isinstance(said, list) and said:
        said = said[0]
    if not isinstance(said, dict):
        return 0
    inner = said.get("error", said)
    if isinstance(inner, str):
        return _by_words(inner)
    if not isinstance(inner, dict):
        return 0
    detail = inner.get("detail")
    if isinstance(detail, list):
        return next((bit for each in detail if (bit := _by_place(each))), 0)
    message = _text(inner.get("message") or detail)
    name = re.split(r"[.\[]", _text(inner.get("param")))[0]
    if name in _BITS and (_CODES & {_text(inner.get("code")), _text(inner.get("type"))} or _unknown(message)):
        return _BITS[name]
    return _by_words(message)


def about_a_value(answer: bytes) -> bool:
    """Whether the complaint is about what was said, and not that it was said."""
    return _VALUE(answer[:_LONGEST].lower()) is not None


_VALUE = re.compile(
    rb"unsupported_value|unsupported value|supported values|value is supported|maximum|minimum|at most"
    rb"|at least|must be|too large|too small|out of range|greater than|less than"
).search


def _by_place(detail: object) -> int:
    """A validator's complaint: where, and of what kind."""
    if not isinstance(detail, dict):
        return 0
    place = detail.get("loc")
    if not isinstance(place, list) or not (
        detail.get("type") in _CODES or _unknown(_text(detail.get("msg")))
    ):
        return 0
    return next((_BITS[each] for each in place if isinstance(each, str) and each in _BITS), 0)


def _by_words(message: str) -> int:
    named = _NAMED(message[:_LONGEST]) if _unknown(message) else None
    return _BITS[named.group()] if named else 0


def _unknown(message: str) -> bool:
    return _SAYS_UNKNOWN(message[:_LONGEST].lower()) is not None


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


class Without(msgspec.Struct, frozen=True):
    """What is changed in a request for a backend that refuses some members."""

    withhold: list[str]
    """Not added by the gateway."""
    leave: list[str]
    """Not sent, although the client said it."""
    renames: list[tuple[str, str]]

    @staticmethod
    def of(bits: int, may_leave: bool) -> "Without | None":
        """None for no bits: the usual case."""
        if not bits:
            return None
        names = [name for name, bit in _BITS.items() if bits & bit]
        both = all(name in names for name in _OTHER_NAME)
        renames = [(name, _OTHER_NAME[name]) for name in names if name in _OTHER_NAME and not both]
        names = [name for name in names if name not in _OTHER_NAME]
        return Without(names, names if may_leave else [], renames)

    def backend(self, backend: Backend, says: Callable[[str], bool]) -> Backend:
        """The same for a translated request; `says` tells which members the client has by these names.
        Whatever it has not is the gateway's own way to put it."""
        drops = [name for name in self.withhold if name in self.leave or not says(name)]
        return msgspec.structs.replace(
            backend,
            ask_usage=backend.ask_usage and "stream_options" not in self.withhold,
            refuses=tuple(name for name in drops if name != "stream_options"),
            defaults=self._kept(backend.defaults),
            force=self._kept(backend.force),
            renames={**backend.renames, **dict(self.renames)},
        )

    def _kept(self, values: Mapping[str, object]) -> dict[str, object]:
        return {name: value for name, value in values.items() if name not in self.withhold}
