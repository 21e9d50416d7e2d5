"""Event streams: held back until the gate commits them, then relayed event by event as they come.

Two steps. `read_stream` holds what arrives until the hold is over, by default with the first content: a
failure is an ordinary failure then, and the next candidate is asked. `send_stream` sends what was held and
from then on each event as it arrives, canonical in the client's dialect; a failure becomes an error event,
without the mark that clients take for success. Back-pressure is the server's own: `write` waits while the
client does not read, so the transport stops reading the upstream. Nothing is buffered behind that.
"""

import asyncio
import time
from typing import NoReturn

from hybridgw.core import Outcome, Shape
from hybridgw.errors import UpstreamError
from hybridgw.pipeline.attempt import Attempt
from hybridgw.pipeline.call import Call
from hybridgw.pipeline.ends import Ending, ending, failed
from hybridgw.pipeline.exchange import failure_inside, opened
from hybridgw.pipeline.gate import Gate
from hybridgw.pipeline.head import stream_head
from hybridgw.pipeline.memory import Memory
from hybridgw.pipeline.phase import Phase
from hybridgw.pipeline.translation import as_stream
from hybridgw.pipeline.translation_seam import Translation
from hybridgw.pipeline.whole import answered
from hybridgw.providers.failures import hide
from hybridgw.transport.seam import UpstreamResponse

_HELD_LIMIT = 1024 * 1024
_AFTER_DONE = 1.0


async def read_stream(gate: Gate, attempt: Attempt) -> None:
    """One attempt at a stream, to the end of its hold: `attempt.held`, and whether that is all of it. Raises
    UpstreamError; nothing is sent.

    A stream that ends properly without content is an answer (a limit of one token, a refusal)."""
    response = await opened(attempt)
    call, exchange, decision, permit = attempt.call, attempt.exchange, attempt.decision, attempt.permit
    call.move(Phase.HOLDING)
    # Through the hub the writer decides what the client is told; elsewhere only these two wires have
    # a usage event that comes on demand.
    strip = exchange.outbound is None and exchange.shape <= Shape.COMPLETIONS and not decision.include_usage
    relay = attempt.relay = permit.relay(exchange.shape, strip, decision.id, int(time.time()))
    hold = gate.hold
    held: list[bytes] = []
    size = 0
    begun = False
    chunk: bytes | None
    while True:
        if hold is None or not begun:
            chunk, failure = await _next(response)
        else:
            chunk, failure = await _next_in_time(gate, attempt, response)
            if chunk is None:
                break
        events = relay.feed(chunk) if chunk else relay.finish()
        if relay.error is not None:
            raise failure_inside(attempt.upstream, relay.error)
        if relay.too_large:
            raise failed(Ending.TOO_LARGE, None)
        if relay.unreadable:
            raise _unreadable()
        if not chunk:
            found = ending(relay.end, failure)
            if found is Ending.WHOLE:
                _read_in_one_piece(attempt, failure)
                return
            if found is not Ending.COMPLETE:
                raise failed(found, failure)
        if events:
            held.append(events)
            size += len(events)
        if relay.content and not begun:
            begun = True
            mono = time.monotonic_ns()
            call.back(mono)
            permit.first_token(mono)
            response.arm(attempt.upstream.stream_timeouts.idle, Outcome.STALLED)
        if not chunk or relay.terminal:
            # The content may be all there is: an event that only the end of the body completed.
            attempt.complete = True
            break
        if begun:
            if hold is None or gate.is_over(relay, size, attempt):
                break
            response.touch()
        elif size > _HELD_LIMIT:
            raise UpstreamError(Outcome.MALFORMED, "the upstream's stream holds no content", status=200)
    first = held[0] if len(held) == 1 else b"".join(held)
    translation = attempt.translation
    if translation is None:
        attempt.held = first
    else:
        attempt.held = translation.read(first)
        if attempt.complete:
            attempt.held += translation.read_end()


async def _next(response: UpstreamResponse) -> tuple[bytes, UpstreamError | None]:
    """The next bytes; at the end none, and what ended them where that was no clean end."""
    try:
        return await response.read(), None
    except UpstreamError as failure:
        return b"", failure


async def _next_in_time(
    gate: Gate, attempt: Attempt, response: UpstreamResponse
) -> tuple[bytes | None, UpstreamError | None]:
    """The next bytes of a stream that is held for a time; None when that is over and they have not come.
    They are read by whoever goes on with the stream."""
    if not gate.by_time:
        return await _next(response)
    reading = asyncio.ensure_future(response.read())
    attempt.pending = reading
    await asyncio.wait((reading,), timeout=max(0.0, gate.left(attempt)))
    if not reading.done():
        return None, None
    return await _resumed(attempt, reading)


async def _resumed(attempt: Attempt, reading: "asyncio.Task[bytes]") -> tuple[bytes, UpstreamError | None]:
    try:
        return await reading, None
    except UpstreamError as failure:
        return b"", failure
    finally:
        attempt.pending = None


async def send_stream(gate: Gate, attempt: Attempt) -> None:
    """Commit the stream of this attempt, and send it to its end. Raises UpstreamError; while nothing was
    committed (`attempt.committed`) another one may be asked."""
    call = attempt.call
    if call.beat is not None:
        await call.beat  # it was written before: a writer numbers what it writes
    if call.writer is not None and attempt.writer is not None:
        # It has begun: what it is given now it cannot take back.
        gate.commit(attempt)
    first = _written(attempt)
    if not attempt.committed:
        gate.commit(attempt)
    if not attempt.complete:
        await _relay(attempt, first)
        return
    response = attempt.response
    drains = attempt.relay.terminal and not attempt.released and not attempt.body
    await _last(attempt, first)
    if drains and response is not None:
        await _drain(response)


def _written(attempt: Attempt) -> bytes:
    """What was held, for the client."""
    translation = attempt.translation
    if attempt.body:
        if translation is not None:
            return translation.write_as_stream(attempt.held)
        return as_stream(attempt.held, attempt.call, attempt.decision.include_usage)
    if translation is None:
        held: bytes = attempt.held
        return held
    first = translation.write(attempt.held)
    return first + translation.write_end() if attempt.complete else first


async def _relay(attempt: Attempt, first: bytes) -> None:
    """Send from the first content to the end."""
    call, relay, translation, response = attempt.call, attempt.relay, attempt.translation, attempt.response
    assert response is not None
    write = call.client.write
    await _head(attempt)
    if not first:
        await write(b"")  # the head alone
    # From here on it is the upstream or the client that takes the time; two clocks for each event
    # would cost more than what they could measure.
    call.leave(time.monotonic_ns())
    events: bytes | None = first
    while True:
        if events:
            now = time.monotonic_ns()
            call.sending_since_ns = now
            if call.beat is not None:
                await call.beat
                call.sending_since_ns = now
            await write(events)
            call.bytes_sent += len(events)
            call.sending_since_ns = 0
            call.last_sent_ns = now
        if attempt.pending is None:
            chunk, failure = await _next(response)
        else:
            chunk, failure = await _resumed(attempt, attempt.pending)
        if translation is not None and call.beat is not None:
            await call.beat
        if not chunk:
            break
        response.touch()
        events = relay.feed(chunk)
        if relay.error is not None:
            await _failed_inside(attempt, events or b"")
        if relay.unreadable or relay.too_large:
            await _failed_here(attempt, events)
        if translation is not None and events:
            events = translation.feed(events)
        if relay.terminal:
            await _last(attempt, _closed(translation, events))
            await _drain(response)
            return
    events = relay.finish()
    if relay.error is not None:
        await _failed_inside(attempt, events or b"")
    if relay.unreadable:
        await _failed_here(attempt, events)
    found = ending(relay.end, failure)
    if found is not Ending.COMPLETE:
        await _send_rest(attempt, events)
        raise failed(found, failure)
    if translation is not None and events:
        events = translation.feed(events)
    await _last(attempt, _closed(translation, events))


async def _failed_here(attempt: Attempt, events: bytes | None) -> NoReturn:
    """An event came that no client can read: what came before it goes out, and nothing after it."""
    await _send_rest(attempt, events)
    raise _unreadable() if attempt.relay.unreadable else failed(Ending.TOO_LARGE, None)


async def _send_rest(attempt: Attempt, events: bytes | None) -> None:
    """Send what came before a failure."""
    call = attempt.call
    if attempt.translation is not None and events:
        events = attempt.translation.feed(events)
    if events:
        if call.beat is not None:
            await call.beat
        call.sending_since_ns = time.monotonic_ns()
        await call.client.write(events)
        call.bytes_sent += len(events)
        call.sending_since_ns = 0


def _unreadable() -> UpstreamError:
    return UpstreamError(Outcome.MALFORMED, "the upstream's events are not those of its protocol", status=200)


def _closed(translation: Translation | None, events: bytes | None) -> bytes:
    """The last events, with what is due after them."""
    return (events or b"") if translation is None else (events or b"") + translation.close()


async def _failed_inside(attempt: Attempt, events: bytes) -> NoReturn:
    """The upstream told of its failure inside its stream. Where its bytes pass through, its own words
    are the last ones; elsewhere the dialect has words for it."""
    error = attempt.relay.error
    assert error is not None
    if attempt.translation is None:
        await _end_body(attempt.call, _last_words(attempt, events))
    raise failure_inside(attempt.upstream, error)


def _last_words(attempt: Attempt, events: bytes) -> bytes:
    """Events of which the last one is the upstream's own error. No credential of ours is in them."""
    return hide(events.decode("latin-1"), attempt.upstream.secrets).encode("latin-1")


async def _head(attempt: Attempt) -> None:
    """Send the head unless a heartbeat did."""
    call = attempt.call
    if call.beat is not None:
        await call.beat
    if not call.head_sent:
        call.begin_head(200)
        call.client.start(200, stream_head(call, attempt))


async def _last(attempt: Attempt, events: bytes) -> None:
    """Settle, then send the last bytes and end the body at once: some clients read to the end of
    the body before they report a finished answer."""
    call = attempt.call
    call.bytes_sent += len(events)
    attempt.settle(Outcome.SUCCESS, 200)
    if call.memory is not None:
        await _keep(call, call.memory, events)
    await _head(attempt)
    await _end_body(call, events)


async def _keep(call: Call, memory: Memory, events: bytes) -> None:
    """Store the response whose last events these are. The end is written by now, so no heartbeat may
    come before it any more."""
    if call.beat is not None:
        await call.beat
    call.sending_since_ns = time.monotonic_ns()
    assert call.decision is not None
    await memory.keep(call.decision, events, observing=call.plan.observing)


async def _end_body(call: Call, events: bytes) -> None:
    """Send the last bytes. A heartbeat on its way goes first, and none may follow."""
    if call.beat is not None:
        await call.beat
    call.sending_since_ns = time.monotonic_ns()
    call.end()
    await call.client.end(events)
    call.sending_since_ns = 0


async def _drain(response: UpstreamResponse) -> None:
    """After the terminal event, give the upstream a moment to end its body: only a connection
    whose answer was read to the end can be used again."""
    response.arm(_AFTER_DONE, Outcome.STALLED)
    try:
        while await response.read():
            pass
    except UpstreamError:
        response.close()


def _read_in_one_piece(attempt: Attempt, failure: UpstreamError | None) -> None:
    """A backend that answers a request for a stream with one JSON object: its answer is told as
    events, an error in it is an error, and anything else (an HTML page) is no answer."""
    exchange, translation = attempt.exchange, attempt.translation
    stream, relay = attempt.relay, attempt.permit.relay(exchange.shape, False)
    body = answered(attempt.upstream, relay, stream.take_body(), failure)
    attempt.call.back(time.monotonic_ns())
    attempt.relay, attempt.body, attempt.complete = relay, True, True
    if translation is not None:
        attempt.held = translation.read_whole(body)
    elif exchange.shape <= Shape.COMPLETIONS:
        attempt.held = body
    else:
        raise UpstreamError(Outcome.MALFORMED, "the upstream answered a stream with one object", status=200)
