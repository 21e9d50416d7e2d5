"""Answers that are not streams: read whole, observed, settled, sent in one piece."""

import time

from hybridgw.core import Outcome
from hybridgw.errors import UpstreamError
from hybridgw.native import Decision, Permit, Relay
from hybridgw.pipeline.call import Call
from hybridgw.pipeline.exchange import exchange_of, failure_inside, open_exchange
from hybridgw.pipeline.head import whole_head
from hybridgw.pipeline.translation import translation_of
from hybridgw.transport.seam import UpstreamResponse

_SUCCESS = int(Outcome.SUCCESS)
_ANSWER_LIMIT = 256 * 1024 * 1024


async def attempt_whole(call: Call, decision: Decision, permit: Permit) -> None:
    """One attempt at a complete JSON answer. Raises UpstreamError while nothing was sent."""
    upstream = call.plan.upstreams[permit.deployment]
    exchange = exchange_of(call, upstream)
    translation = translation_of(call, upstream, exchange)
    response = await open_exchange(call, decision, permit, upstream, exchange, translation)
    body, failure = await _read(response)
    now = time.monotonic_ns()
    call.back(now)
    relay = Relay(exchange.shape, False)
    answer = observed(relay, body, failure)
    if relay.error is not None:
        raise failure_inside(upstream, relay.error)
    if translation is not None:
        answer = translation.whole(answer)
    call.content_sent = True
    # Settled before the last byte leaves: what a client has seen complete is never missing from
    # the journal.
    permit.finish(_SUCCESS, 200, relay, len(answer), True, now, time.time_ns())
    if call.memory is not None:
        await call.memory.keep(decision, answer, observing=call.plan.observing)
    call.status = 200
    call.head_sent = call.ended = True
    call.sending_since_ns = now
    await call.send(whole_head(call, decision, permit, upstream, len(answer)))
    await call.send({"type": "http.response.body", "body": answer, "more_body": False})
    call.sending_since_ns = 0


async def _read(response: UpstreamResponse) -> tuple[bytes, UpstreamError | None]:
    """All that came of the body, and what ended it where that was no clean end."""
    parts: list[bytes] = []
    size = 0
    try:
        while data := await response.read():
            size += len(data)
            if size > _ANSWER_LIMIT:
                response.close()
                message = f"the response is larger than {_ANSWER_LIMIT} bytes"
                raise UpstreamError(Outcome.MALFORMED, message)
            parts.append(data)
    except UpstreamError as failure:
        if not parts or size > _ANSWER_LIMIT:
            raise
        return b"".join(parts), failure
    return parts[0] if len(parts) == 1 else b"".join(parts), None


def observed(relay: Relay, body: bytes, failure: UpstreamError | None) -> bytes:
    """The body as the relay passes it on. UpstreamError for one that cannot be an answer: an HTML
    page, or an object that was cut off. One that is whole is an answer, whatever became of its
    connection afterwards (`failure`). White space before the object is legal; some hosts send it while
    the client waits. Gemini puts some of its errors into an array."""
    answer = relay.observe(body) if body.lstrip()[:1] in (b"{", b"[") else b""
    if not answer or relay.unreadable:
        if failure is not None:
            raise failure
        raise UpstreamError(Outcome.MALFORMED, "the upstream's answer is not a JSON object", status=200)
    return answer
