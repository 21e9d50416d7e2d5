"""Response heads: what a client is told beside the answer itself."""

import re

from hybridgw.core import Level
from hybridgw.front.seam import Headers
from hybridgw.native import Decision, Permit
from hybridgw.pipeline.call import Call
from hybridgw.routing.plan import Upstream

# The exact type makes the server flush the head before the first event; the last header keeps a
# proxy in front of us from collecting events.
_STREAM = (
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
)
_JSON = (b"content-type", b"application/json")
_LEVELS = tuple((b"x-hybridgw-level", level.name.lower().encode()) for level in Level)


def stream_head(call: Call) -> Headers:
    """The headers of an event stream. Before the first content it may not know who will answer."""
    headers = [(b"content-type", call.dialect.stream_type), *_STREAM]
    if call.decision is not None:
        name = call.decision.id.encode()
        # Two families of SDKs read it under two names.
        headers += ((b"x-request-id", name), (b"request-id", name))
        headers.append(_LEVELS[call.decision.level])
        headers.append((b"x-hybridgw-tokens", b"%d" % call.decision.prompt_tokens))
        if call.permit is not None:
            headers += call.plan.upstreams[call.permit.deployment].response_headers
            _note(headers, call, call.permit)
    return headers


def whole_head(call: Call, decision: Decision, permit: Permit, upstream: Upstream, length: int) -> Headers:
    """The headers of a complete JSON answer of `length` bytes."""
    name = decision.id.encode()
    headers = [
        _JSON,
        (b"content-length", b"%d" % length),
        (b"x-request-id", name),
        (b"request-id", name),
        _LEVELS[decision.level],
        (b"x-hybridgw-tokens", b"%d" % decision.prompt_tokens),
        *upstream.response_headers,
    ]
    _note(headers, call, permit)
    return headers


def dropped(names: tuple[str, ...]) -> bytes:
    """The parameters that the backend was not told. Clients choose names: these may neither end the
    header nor fill it."""
    listed = [_UNFIT.sub("?", name[:_LONGEST_NAME]) for name in names[:_MOST_NAMES]]
    return ",".join(listed).encode()


_LONGEST_NAME = 64
_MOST_NAMES = 64
_UNFIT = re.compile(r"[^!-+\--~]")


_ELSEWHERE = frozenset({"fallback", "context_fallback"})


def count_fallback(call: Call, permit: Permit) -> None:
    """A failed attempt: remember whether it was at another model than the one asked for."""
    call.fallbacks += permit.reason in _ELSEWHERE


def _note(headers: list[tuple[bytes, bytes]], call: Call, permit: Permit) -> None:
    if call.plan.litellm and call.decision is not None:
        fallbacks = call.fallbacks + (permit.reason in _ELSEWHERE)
        headers += (
            (b"x-litellm-call-id", call.decision.id.encode()),
            (b"x-litellm-attempted-fallbacks", b"%d" % fallbacks),
            (b"x-litellm-attempted-retries", b"%d" % max(0, permit.attempt - 1 - fallbacks)),
        )
    if call.dropped:
        headers.append((b"x-hybridgw-dropped", dropped(call.dropped)))
    if call.warning:
        headers.append((b"x-hybridgw-warning", call.warning))
    if permit.attempt > 1:
        headers.append((b"x-hybridgw-attempts", b"%d" % permit.attempt))
