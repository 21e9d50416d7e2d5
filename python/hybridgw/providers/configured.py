"""What a configuration says of a deployment's parameters, put into a request at the hub.

It is written in Chat's names. Where the backend reads Chat these are its own members, and `chat_request`
sets them in the finished body, as the native side does where bytes pass through. For every other wire they
are put into the `Ask` here, before it is written: there the outbound judges them like what a client said.
Names without a place in the hub go to `ask.extra` as JSON text, from where the outbound takes what its
backend knows.

The native side has set the same members in the client's body already. A reader that knows no such name has
noted it as dropped, which is wrong as soon as it has a place here. Content is never touched.
"""

from typing import Any

import msgspec

from hybridgw.providers.base import Backend
from hybridgw.wire import Ask

_NUMBERS = frozenset({"temperature", "top_p", "top_k", "seed", "presence_penalty", "frequency_penalty"})
_COUNTS = {"max_tokens": "max_tokens", "max_completion_tokens": "max_tokens"}
_WORDS = {"reasoning_effort": "effort", "verbosity": "verbosity", "service_tier": "service_tier"}
_UNSET: dict[str, tuple[str, Any]] = {
    **{name: (name, None) for name in ("user", "top_logprobs", "thinking", *_NUMBERS)},
    **{name: (member, None) for name, member in (_COUNTS | _WORDS).items()},
    "n": ("n", 1), "stop": ("stop", []), "logprobs": ("logprobs", False),
    "parallel_tool_calls": ("parallel", None), "response_format": ("format", None),
}  # fmt: skip
"""Chat's name -> the member of the hub, and how it is when nobody said anything."""

NAMES = frozenset(_UNSET)
"""What has a place in the hub."""


def apply(ask: Ask, backend: Backend) -> None:
    """Drops, then forced values, then defaults for what is still unsaid."""
    for name in backend.drops:
        _forget(ask, name)
    for name, value in backend.force.items():
        _put(ask, name, value, replace=True)
    for name, value in backend.defaults.items():
        _put(ask, name, value, replace=False)


def _forget(ask: Ask, name: str) -> None:
    if name in _UNSET:
        member, unset = _UNSET[name]
        if getattr(ask, member) != unset:
            setattr(ask, member, unset.copy() if isinstance(unset, list) else unset)
            ask.drop(name)
    elif ask.extra.pop(name, None) is not None:
        ask.drop(name)


def _put(ask: Ask, name: str, value: object, *, replace: bool) -> None:
    fit: object
    if name in _NUMBERS:
        member, fit = name, msgspec.Raw(msgspec.json.encode(value))
    elif name in _COUNTS and isinstance(value, int):
        member, fit = _COUNTS[name], value
    elif name in _WORDS and isinstance(value, str):
        member, fit = _WORDS[name], value
    elif name == "stop" and isinstance(value, (str, list)):
        member, fit = name, [value] if isinstance(value, str) else [str(each) for each in value]
    else:
        if replace or name not in ask.extra:
            ask.extra[name] = msgspec.Raw(msgspec.json.encode(value))
        return
    if replace or getattr(ask, member) in (None, []):
        setattr(ask, member, fit)
    if name in ask.dropped:
        ask.dropped.remove(name)
