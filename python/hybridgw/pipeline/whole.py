"""Answers that are not streams: read whole, observed, judged, settled, sent in one piece."""

import time

import msgspec

from hybridgw.core import Outcome, Shape
from hybridgw.errors import UpstreamError
from hybridgw.native import Relay
from hybridgw.pipeline.attempt import Attempt
from hybridgw.pipeline.divided import Parts
from hybridgw.pipeline.exchange import failure_inside, joined_answers, keep, opened, rest_of
from hybridgw.pipeline.gate import Gate
from hybridgw.pipeline.head import whole_head
from hybridgw.pipeline.phase import Phase
from hybridgw.routing.plan import Upstream
from hybridgw.transport.seam import UpstreamResponse

_FAR_BELOW = 0.75
"""Of the tokens that we counted: less than this is no other way of counting."""
_ANSWER_LIMIT = 256 * 1024 * 1024


async def read_whole(gate: Gate, attempt: Attempt) -> None:
    """One attempt at a complete JSON answer: `attempt.held`. Raises UpstreamError; nothing is sent."""
    response = await opened(attempt)
    call, upstream, shape = attempt.call, attempt.upstream, attempt.exchange.shape
    call.move(Phase.HOLDING)
    relay = attempt.relay = attempt.permit.relay(shape, False)
    body, failure = await _read(response)
    answer = answered(upstream, relay, body, failure)
    if call.parts is not None:
        answer = await _with_rest(attempt, call.parts, answer)
    call.back(time.monotonic_ns())
    if attempt.translation is not None:
        attempt.held = attempt.translation.read_whole(answer)
    else:
        if shape is Shape.RESPONSES:
            _check_kind(answer)
        attempt.held = answer
    attempt.complete = True


async def send_whole(gate: Gate, attempt: Attempt) -> None:
    """Commit the answer of this attempt and send it. Raises UpstreamError, and commits nothing, where it
    cannot be written for the client."""
    call, decision, upstream = attempt.call, attempt.decision, attempt.upstream
    answer = attempt.held
    if attempt.translation is not None:
        answer = attempt.translation.write_whole(answer)
    if upstream.window_setting and upstream.window:
        attempt.warning = attempt.warning or _window_filled(
            attempt.relay, upstream.window, decision.prompt_tokens
        )
    gate.commit(attempt)
    call.bytes_sent = len(answer)
    # Settled before the last byte leaves: what a client has seen complete is never missing from
    # the journal.
    attempt.settle(Outcome.SUCCESS, 200)
    if call.memory is not None:
        await call.memory.keep(decision, answer, observing=call.plan.observing)
    call.begin_head(200)
    call.end()
    call.sending_since_ns = time.monotonic_ns()
    client = call.client
    client.start(200, whole_head(call, attempt, len(answer)))
    await client.end(answer)
    call.sending_since_ns = 0


async def _with_rest(attempt: Attempt, parts: Parts, first: bytes) -> bytes:
    """The whole answer to a divided request, of which `first` answers the piece that was sent. Each piece is
    observed by itself and kept: what one of them used is known, and its answer there, when the next one
    fails."""
    keep(parts, first)
    while parts.rest:
        body, failure = await _read(await rest_of(attempt, parts.rest[0]))
        relay = attempt.permit.relay(attempt.exchange.shape, False)
        keep(parts, answered(attempt.upstream, relay, body, failure))
    attempt.call.parts = None
    return joined_answers(parts)


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


class _Response(msgspec.Struct):
    output: msgspec.Raw


_response = msgspec.json.Decoder(_Response)


def _check_kind(answer: bytes) -> None:
    """UpstreamError for an object that is no response: servers exist that answer in Chat on any path, and
    a client would find nothing in it."""
    try:
        _response.decode(answer)
    except msgspec.ValidationError:
        raise UpstreamError(
            Outcome.MALFORMED, "the upstream's answer is no response: it has no output", status=200
        ) from None
    except msgspec.MsgspecError:
        pass  # half a surrogate pair, which passes


def _window_filled(relay: Relay, window: int, expected: int) -> bytes:
    """What an engine does not say: that it left out a part of the prompt to make it fit, or that the answer
    ends where the window does. Empty when neither is so."""
    usage = relay.usage
    if usage is None:
        return b""
    prompt, completion = usage[0], usage[1]
    if expected > window and prompt <= window and prompt < expected * _FAR_BELOW:
        return b"context-truncated"
    return b"context-full" if prompt + completion >= window else b""


def answered(upstream: Upstream, relay: Relay, body: bytes, failure: UpstreamError | None) -> bytes:
    """`observed`, where an answer that says itself that it failed is a failure."""
    answer = observed(relay, body, failure)
    if relay.error is not None:
        raise failure_inside(upstream, relay.error)
    return answer


def observed(relay: Relay, body: bytes, failure: UpstreamError | None) -> bytes:
    """The body as the relay passes it on. UpstreamError for one that cannot be an answer: an HTML
    page, or an object that was cut off. One that is whole is an answer, whatever became of its
    connection afterwards (`failure`). White space before the object is legal; some hosts send it while
    the client waits. Gemini puts some of its errors into an array."""
    answer = relay.observe(body) if body.lstrip()[:1] in (b"{", b"[") else b""
    if not answer or relay.unreadable:
        if failure is not None:
            raise failure.anew()
        raise UpstreamError(Outcome.MALFORMED, "the upstream's answer is not a JSON object", status=200)
    return answer
