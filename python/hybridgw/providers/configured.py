"""What a configuration says of a deployment's parameters, put into a request at the hub.

One meaning for every wire, and for bytes that pass (`passing`, and `body::Edits` of the native side):

1. What the client says counts; null says nothing.
2. `drop_params` takes away what the client says, by any of its names, and it is listed in the client's words.
   A default of the same name is not told either: what must not be said is not said by the gateway.
3. `defaults` are for what is unsaid.
4. `extra_body` replaces whatever is there, and is told after a drop, too.
5. A backend's own spelling comes last (`chat_request`).

Names are Chat's. What has a place in the hub is put there, and the outbound judges it like what a client said
(a level of effort that the model lacks becomes the nearest, and so on); where the backend reads Chat, it is
written as it stands, as it is where bytes pass. Everything else is the backend's own affair and stands in
`ask.configured`, from where the outbound takes it. The client is not told of a default that its backend has
no word for. Content is never touched.
"""

from typing import Any

import msgspec

from hybridgw.providers.base import Backend
from hybridgw.providers.capabilities import CAPABILITIES
from hybridgw.wire import Ask, Format
from hybridgw.wire.parameters import Said, same

_NUMBERS = frozenset({"temperature", "top_p", "top_k", "seed", "presence_penalty", "frequency_penalty"})
_COUNTS = {"max_tokens": "max_tokens", "max_completion_tokens": "max_tokens"}
_UNSET: dict[str, tuple[tuple[str, Any], ...]] = {
    **{name: ((name, None),) for name in ("user", "top_logprobs", "verbosity", "service_tier", *_NUMBERS)},
    **{name: ((member, None),) for name, member in _COUNTS.items()},
    "safety_identifier": (("user", None),), "n": (("n", 1),), "stop": (("stop", []),),
    "logprobs": (("logprobs", False),), "parallel_tool_calls": (("parallel", None),),
    "response_format": (("format", None),),
    # How much is thought has two ways to be said, of which one becomes the other on the way.
    "reasoning_effort": (("effort", None), ("thinking", None), ("thinking_budget", None)),
    "thinking": (("thinking", None), ("thinking_budget", None)),
}  # fmt: skip
"""Chat's name -> members of the hub, and how each is when nobody said anything."""
_TYPES: dict[str, tuple[str, type | tuple[type, ...]]] = {
    **{name: (member, int) for name, member in _COUNTS.items()},
    "reasoning_effort": ("effort", str), "verbosity": ("verbosity", str),
    "service_tier": ("service_tier", str), "user": ("user", str), "safety_identifier": ("user", str),
    "n": ("n", int), "logprobs": ("logprobs", bool),
    "top_logprobs": ("top_logprobs", int), "parallel_tool_calls": ("parallel", bool),
}  # fmt: skip
_THOUGHTS = ("reasoning_effort", "thinking")
_THINKS = frozenset({"enabled", "adaptive", "disabled"})

NAMES = frozenset(_UNSET)
"""What has a place in the hub."""
FAMILY = (
    NAMES | {"logit_bias", "stream_options"} | frozenset().union(*(it.extras for it in CAPABILITIES.values()))
)
"""What means something in Chat's protocol, to one backend or another."""


def apply(ask: Ask, backend: Backend, said: Said) -> None:
    """Put the rules of `backend` into `ask`, of which `said` is the client's body."""
    if not (backend.drops or backend.defaults or backend.force):
        return
    dropped = {each for name in backend.drops for each in same(name)}
    for name in backend.drops:
        if words := said.names(name):
            ask.drop(*words)
        for each in same(name):
            _forget(ask, each)
    unsaid: set[str] = set()

    def alone(name: str) -> None:
        names = _THOUGHTS if name in _THOUGHTS else same(name)
        if not any(said.names(each) for each in names):
            unsaid.update(names)

    for name, value in backend.defaults.items():
        if name not in dropped and not backend.force.keys() & set(same(name)) and not said.names(name):
            _put(ask, name, value)
            alone(name)
    for name, value in backend.force.items():
        alone(name)
        for each in same(name):
            _forget(ask, each)
        _put(ask, name, value)
    ask.unsaid = frozenset(unsaid)


def _forget(ask: Ask, name: str) -> None:
    for member, unset in _UNSET.get(name, ()):
        if name == "thinking" and member == "thinking" and ask.thinking is not None:
            ask.effort = None  # it was made of this
        setattr(ask, member, unset.copy() if isinstance(unset, list) else unset)
    ask.extra.pop(name, None)
    ask.configured.pop(name, None)


def _put(ask: Ask, name: str, value: Any) -> None:
    ask.configured[name] = value
    if name in _NUMBERS:
        setattr(ask, name, msgspec.Raw(msgspec.json.encode(value)))
    elif name in _TYPES and isinstance(value, _TYPES[name][1]):
        setattr(ask, _TYPES[name][0], value)
    elif name == "stop" and isinstance(value, (str, list)):
        ask.stop = [value] if isinstance(value, str) else [str(each) for each in value]
    elif name == "response_format":
        ask.format = format_of(value)
    elif name == "thinking" and isinstance(value, dict) and value.get("type") in _THINKS:
        budget = value.get("budget_tokens")
        ask.thinking = value["type"]
        ask.thinking_budget = budget if isinstance(budget, int) else None


def format_of(value: Any) -> Format | None:
    """Chat's `response_format`; None for plain text, and for what is none."""
    kind = value.get("type") if isinstance(value, dict) else None
    if kind == "json_object":
        return Format("json_object")
    said = value.get("json_schema") if kind == "json_schema" else None
    if not isinstance(said, dict) or "schema" not in said:
        return None
    schema = msgspec.Raw(msgspec.json.encode(said["schema"]))
    return Format(
        "json_schema", said.get("name", "output"), schema, said.get("strict"), said.get("description")
    )


def write(ask: Ask, backend: Backend, body: dict[str, Any], own: frozenset[str] = frozenset()) -> None:
    """Put into a body, of a wire other than Chat's, what the configuration says in the wire's own words:
    names of `own`, and those that mean nothing in Chat's."""
    for name, value in ask.configured.items():
        if name in own or name not in FAMILY:
            if name in backend.force:
                body[name] = value
            else:
                body.setdefault(name, value)


def leave_out(ask: Ask, backend: Backend, *bodies: dict[str, Any]) -> None:
    """Take out of a finished body what the backend refuses, by its own names, and what of a wire's own words
    is not to be said. What the configuration sets stays."""
    own = [name for name in backend.drops if name not in NAMES and name not in ask.configured]
    for name in (*backend.refuses, *own):
        for body in bodies:
            if name != "model" and body.pop(name, None) is not None:
                ask.drop(name)
