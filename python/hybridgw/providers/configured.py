"""What a configuration says of a deployment's parameters, put into a request at the hub.

Bodies in Chat's names have had it spliced in natively before they are read, and then nothing here
changes anything; requests of other dialects know no Chat names, so for them it happens here. Values
are written as JSON text once, like everything else that only passes through. Content is never touched.
"""

from typing import Any

import msgspec

from hybridgw.providers.base import Backend
from hybridgw.wire import Ask

_SAME = frozenset({"temperature", "top_p", "top_k", "seed", "presence_penalty", "frequency_penalty"})
_COUNTS = {"max_tokens": "max_tokens", "max_completion_tokens": "max_tokens"}
_WORDS = {"reasoning_effort": "effort", "verbosity": "verbosity", "service_tier": "service_tier"}
_UNSET: dict[str, Any] = {
    "n": 1, "parallel_tool_calls": ("parallel", None), "logprobs": False, "stop": [],
    "response_format": ("format", None), "user": None, "top_logprobs": None, "thinking": None,
}  # fmt: skip


def apply(ask: Ask, backend: Backend) -> None:
    """Drops, then forced values, then defaults for what is still unsaid."""
    if backend.drops:
        for name in backend.drops:
            _forget(ask, name)
    for name, value in backend.force.items():
        _put(ask, name, value, replace=True)
    for name, value in backend.defaults.items():
        _put(ask, name, value, replace=False)


def _forget(ask: Ask, name: str) -> None:
    member = name if name in _SAME else _COUNTS.get(name) or _WORDS.get(name)
    if member is not None:
        setattr(ask, member, None)
    elif name in _UNSET:
        unset = _UNSET[name]
        member, value = unset if isinstance(unset, tuple) else (name, unset)
        setattr(ask, member, value)
    else:
        ask.extra.pop(name, None)


def _put(ask: Ask, name: str, value: object, *, replace: bool) -> None:
    if name in _SAME:
        member, fit = name, msgspec.Raw(msgspec.json.encode(value))
    elif name in _COUNTS and isinstance(value, int):
        member, fit = _COUNTS[name], value  # type: ignore[assignment]
    elif name in _WORDS and isinstance(value, str):
        member, fit = _WORDS[name], value  # type: ignore[assignment]
    elif name == "stop" and isinstance(value, (str, list)):
        if replace or not ask.stop:
            ask.stop = [value] if isinstance(value, str) else [str(each) for each in value]
        return
    else:
        if replace or name not in ask.extra:
            # A dictionary that belongs to this request alone: the default of the struct is copied.
            ask.extra[name] = msgspec.Raw(msgspec.json.encode(value))
        return
    if replace or getattr(ask, member) is None:
        setattr(ask, member, fit)
