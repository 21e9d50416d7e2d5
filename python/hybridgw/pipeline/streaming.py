"""The relay of event streams: whole events through, as they come, canonical in the client's dialect.

Two phases. Until the first content nothing binds us: events are held, a failure is an ordinary
failure and the next candidate is asked. From the first content on each event goes out as it
arrives, and a failure becomes an error event in the client's dialect, without the mark that
clients take for success. Back-pressure is the server's own: `write` waits while the client does
not read, so the transport stops reading the upstream. Nothing is buffered behind that.
"""

import time
from typing import NoReturn

from hybridgw.core import Outcome, Shape
from hybridgw.errors import UpstreamError
from hybridgw.native import Decision, Permit, Relay
from hybridgw.pipeline.call import Call
from hybridgw.pipeline.ends import Verdict, failed, verdict
from hybridgw.pipeline.exchange import exchange_of, failure_inside, opened
from hybridgw.pipeline.head import stream_head
from hybridgw.pipeline.memory import Memory
from hybridgw.pipeline.translation import Translation, as_stream
from hybridgw.pipeline.whole import observed
from hybridgw.providers.failures import hide
from hybridgw.transport.seam import UpstreamResponse

_HELD_LIMIT = 1024 * 1024
_AFTER_DONE = 1.0


async def attempt_stream(call: Call, decision: Decision, permit: Permit) -> None:
    """One attempt at a stream. Raises UpstreamError; `call.content_sent` tells whether too late."""
    upstream = call.plan.upstreams[permit.deployment]
    exchange, translation, response = await opened(call, decision, permit, upstream)
    # Through the hub the writer decides what the client is told; elsewhere only these two wires have
    # a usage event that comes on demand.
    strip = exchange.outbound is None and exchange.shape <= Shape.COMPLETIONS and not decision.include_usage
    relay = permit.relay(exchange.shape, strip, decision.id, int(time.time()))
    held = await _until_content(call, permit, response, relay, translation)
    if held is not None:
        await _relay(call, permit, response, relay, translation, held)


async def _next(response: UpstreamResponse) -> tuple[bytes, UpstreamError | None]:
    """The next bytes; at the end none, and what ended them where that was no clean end."""
    try:
        return await response.read(), None
    except UpstreamError as failure:
        return b"", failure


async def _until_content(
    call: Call, permit: Permit, response: UpstreamResponse, relay: Relay, translation: Translation | None
) -> bytes | None:
    """Read until the first content; what was held so far, or None when the stream is already over.

    A stream that ends properly without content is an answer (a limit of one token, a refusal).
    """
    held: list[bytes] = []
    size = 0
    while True:
        chunk, failure = await _next(response)
        events = relay.feed(chunk) if chunk else relay.finish()
        if relay.error is not None:
            raise failure_inside(call.plan.upstreams[permit.deployment], relay.error)
        if relay.too_large:
            raise failed(Verdict.TOO_LARGE, None)
        if relay.unreadable:
            raise _unreadable()
        if not chunk:
            found = verdict(relay.end, failure)
            if found is Verdict.WHOLE:
                await _whole_as_stream(call, permit, relay, translation, failure)
                return None
            if found is not Verdict.COMPLETE:
                raise failed(found, failure)
        if events:
            held.append(events)
            size += len(events)
        if relay.content:
            mono = time.monotonic_ns()
            call.back(mono)
            permit.first_token(mono)
            upstream = call.plan.upstreams[permit.deployment]
            response.arm(upstream.stream_timeouts.idle, Outcome.STALLED)
        if not chunk or relay.terminal or relay.content:
            # The content may be all there is: an event that only the end of the body completed.
            break
        if size > _HELD_LIMIT:
            raise UpstreamError(Outcome.MALFORMED, "the upstream's stream holds no content", status=200)
    first = held[0] if len(held) == 1 else b"".join(held)
    if translation is not None:
        if call.beat is not None:
            await call.beat  # it was written before: a writer numbers what it writes
        first = translation.feed(first)
    if relay.terminal or not chunk:
        await _last(call, permit, first if translation is None else first + translation.close())
        if chunk:
            await _drain(response)
        return None
    return first


async def _relay(
    call: Call,
    permit: Permit,
    response: UpstreamResponse,
    relay: Relay,
    translation: Translation | None,
    first: bytes,
) -> None:
    """Send from the first content to the end."""
    write = call.client.write
    call.content_sent = True
    permit.commit()
    call.relay = relay if translation is None else None
    await _head(call)
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
        chunk, failure = await _next(response)
        if translation is not None and call.beat is not None:
            await call.beat
        if not chunk:
            break
        response.touch()
        events = relay.feed(chunk)
        if relay.error is not None:
            await _failed_inside(call, permit, relay, translation, events or b"")
        if relay.unreadable or relay.too_large:
            await _failed_here(call, relay, translation, events)
        if translation is not None and events:
            events = translation.feed(events)
        if relay.terminal:
            await _last(call, permit, _closed(translation, events))
            await _drain(response)
            return
    events = relay.finish()
    if relay.error is not None:
        await _failed_inside(call, permit, relay, translation, events or b"")
    if relay.unreadable:
        await _failed_here(call, relay, translation, events)
    found = verdict(relay.end, failure)
    if found is not Verdict.COMPLETE:
        await _send_rest(call, translation, events)
        raise failed(found, failure)
    if translation is not None and events:
        events = translation.feed(events)
    await _last(call, permit, _closed(translation, events))


async def _failed_here(
    call: Call, relay: Relay, translation: Translation | None, events: bytes | None
) -> NoReturn:
    """An event came that no client can read: what came before it goes out, and nothing after it."""
    await _send_rest(call, translation, events)
    raise _unreadable() if relay.unreadable else failed(Verdict.TOO_LARGE, None)


async def _send_rest(call: Call, translation: Translation | None, events: bytes | None) -> None:
    """Send what came before a failure."""
    if translation is not None and events:
        events = translation.feed(events)
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


async def _failed_inside(
    call: Call, permit: Permit, relay: Relay, translation: Translation | None, events: bytes
) -> NoReturn:
    """The upstream told of its failure inside its stream. Where its bytes pass through, its own words
    are the last ones; elsewhere the dialect has words for it."""
    assert relay.error is not None
    if translation is None:
        await _end_body(call, _last_words(call, permit, events))
    raise failure_inside(call.plan.upstreams[permit.deployment], relay.error)


def _last_words(call: Call, permit: Permit, events: bytes) -> bytes:
    """Events of which the last one is the upstream's own error. No credential of ours is in them."""
    secrets = call.plan.upstreams[permit.deployment].secrets
    return hide(events.decode("latin-1"), secrets).encode("latin-1")


async def _head(call: Call) -> None:
    """Send the head unless a heartbeat did."""
    if call.beat is not None:
        await call.beat
    if not call.head_sent:
        call.head_sent = True
        call.status = 200
        call.client.start(200, stream_head(call))


async def _last(call: Call, permit: Permit, events: bytes) -> None:
    """Settle, then send the last bytes and end the body at once: some clients read to the end of
    the body before they report a finished answer."""
    call.content_sent = True
    call.bytes_sent += len(events)
    permit.finish(Outcome.SUCCESS, 200, call.bytes_sent, True, time.monotonic_ns(), time.time_ns())
    if call.memory is not None:
        await _keep(call, call.memory, events)
    await _head(call)
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
    call.ended = True
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


async def _whole_as_stream(
    call: Call,
    permit: Permit,
    stream: Relay,
    translation: Translation | None,
    failure: UpstreamError | None,
) -> None:
    """A backend that answers a request for a stream with one JSON object: its answer is told as
    events, an error in it is an error, and anything else (an HTML page) is no answer."""
    upstream = call.plan.upstreams[permit.deployment]
    exchange = exchange_of(call, upstream, permit)
    relay = permit.relay(exchange.shape, False)
    body = observed(relay, stream.take_body(), failure)
    if relay.error is not None:
        raise failure_inside(upstream, relay.error)
    call.back(time.monotonic_ns())
    decision = call.decision
    assert decision is not None
    if translation is not None:
        if call.beat is not None:
            await call.beat
        events = translation.whole_as_stream(body)
    elif exchange.shape <= Shape.COMPLETIONS:
        events = as_stream(body, call, decision.include_usage)
    else:
        raise UpstreamError(Outcome.MALFORMED, "the upstream answered a stream with one object", status=200)
    await _last(call, permit, events)
