"""Response heads: what a client is told beside the answer itself."""

from hybridgw.core import Level
from hybridgw.native import Decision, Permit
from hybridgw.pipeline.call import Call, Message
from hybridgw.routing.plan import Upstream

# The exact type makes the server flush the head before the first event; the last header keeps a
# proxy in front of us from collecting events.
_STREAM = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
)
_JSON = (b"content-type", b"application/json")
_LEVELS = tuple((b"x-hybridgw-level", level.name.lower().encode()) for level in Level)


def stream_head(call: Call) -> Message:
    """The head of an event stream. Before the first content it may not know who will answer."""
    headers = list(_STREAM)
    if call.decision is not None:
        headers.append((b"x-request-id", call.decision.id.encode()))
        headers.append(_LEVELS[call.decision.level])
        headers.append((b"x-hybridgw-tokens", b"%d" % call.decision.prompt_tokens))
        if call.permit is not None:
            headers += call.plan.upstreams[call.permit.deployment].response_headers
            _note_attempts(headers, call.permit)
    return {"type": "http.response.start", "status": 200, "headers": headers}


def whole_head(decision: Decision, permit: Permit, upstream: Upstream, length: int) -> Message:
    """The head of a complete JSON answer of `length` bytes."""
    headers = [
        _JSON,
        (b"content-length", b"%d" % length),
        (b"x-request-id", decision.id.encode()),
        _LEVELS[decision.level],
        (b"x-hybridgw-tokens", b"%d" % decision.prompt_tokens),
        *upstream.response_headers,
    ]
    _note_attempts(headers, permit)
    return {"type": "http.response.start", "status": 200, "headers": headers}


def _note_attempts(headers: list[tuple[bytes, bytes]], permit: Permit) -> None:
    if permit.attempt > 1:
        headers.append((b"x-hybridgw-attempts", b"%d" % permit.attempt))
