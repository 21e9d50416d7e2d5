"""Response heads: what a client is told beside the answer itself."""

from hybridgw.pipeline.call import Call, Message

# The exact type makes the server flush the head before the first event; the last header keeps a
# proxy in front of us from collecting events.
_STREAM = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
)
_WHOLE = ((b"content-type", b"application/json"),)


def stream_head(call: Call) -> Message:
    """The head of an event stream. Before the first content it may not know who will answer."""
    return {"type": "http.response.start", "status": 200, "headers": [*_STREAM, *_facts(call)]}


def whole_head(call: Call, status: int, length: int) -> Message:
    """The head of a complete JSON answer of `length` bytes."""
    return {
        "type": "http.response.start",
        "status": status,
        "headers": [*_WHOLE, (b"content-length", b"%d" % length), *_facts(call)],
    }


def _facts(call: Call) -> list[tuple[bytes, bytes]]:
    decision = call.decision
    if decision is None:
        return []
    facts = [(b"x-request-id", decision.id.encode())]
    permit = call.permit
    if permit is not None:
        facts.extend(call.plan.upstreams[permit.deployment].response_headers)
        if permit.attempt > 1:
            facts.append((b"x-hybridgw-attempts", b"%d" % permit.attempt))
    return facts
