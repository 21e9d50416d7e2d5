"""Reading a request body: bounded in bytes, whatever the chunks and whatever it was packed in.

The time limit is the watchdog's: it knows since when the call waits, and aborts it.
"""

import asyncio
import contextlib
import time
from collections.abc import Iterator

from hybridgw.errors import Refused, RequestError
from hybridgw.front.seam import Client, CutShort, TooLarge
from hybridgw.pipeline.call import Call
from hybridgw.server import decoding

_LINGER = 3.0
"""Seconds for which a refused body is still taken from the wire."""
_PAUSE = 0.3
"""Seconds of silence after which its sender is taken to wait for the answer."""
_BEYOND = 64 * 1024 * 1024
"""Bytes over the limit for the same."""
_STEP = 1024 * 1024
"""Bytes that are counted before they have come."""
_OFF_THE_LOOP = 64 * 1024
"""Bytes, packed or not. Above it a body is decoded in the executor."""


@contextlib.contextmanager
def watched(call: Call) -> Iterator[Call]:
    """The watchdog sees the call for as long as this lasts: a slow body ends, a client that left is
    noticed. For calls that are answered from here; inference has more to end."""
    call.worker.enter(call)
    try:
        yield call
    finally:
        call.worker.leave(call)
        call.dismiss()


async def read_body(call: Call, declared: int, encoding: bytes | None = None) -> bytes:
    """The whole body of a call that the watchdog sees (`worker.active`), decoded if it was `encoding`.

    RequestError `request_too_large` above the configured limit, `request_timeout` when the watchdog
    gave up on it, `bad_request` when it ends early: the client left, or its framing is broken and the
    server gave up on it. A client that left does not see that answer, one that sent nonsense shall.
    Refused `draining` when the worker has no time left, `overloaded` when it has no room for the body."""
    try:
        if encoding is None:
            body = await _whole(call, call.plan.settings.server.max_body, declared)
        else:
            body = await _unpacked(call, declared, encoding)
    except asyncio.CancelledError:
        if call.cause is None:
            raise
        call.resumed()
        call.body_is_read()  # nobody waits for the rest any more
        if call.cause == "draining":
            raise Refused("draining", "the gateway is stopping", retry_after=1.0) from None
        call.cause = None
        raise RequestError("request_timeout", "the request body did not arrive in time") from None
    call.body_is_read()
    return body


async def _whole(call: Call, limit: int, declared: int) -> bytes:
    client = call.client
    if declared > limit:
        if declared <= limit + _BEYOND:
            call.refused = True
            await discard_body(client, limit)
        raise _too_large(limit)

    def arrived(size: int) -> None:
        call.received = size
        if size > call.held:
            call.hold(size)

    try:
        # Not all that is declared: who announces much and sends nothing would keep the place of others.
        call.hold(min(declared, _STEP))
        body = await client.body(limit, arrived)
        call.hold(len(body))
    except TooLarge:
        call.refused = True
        await discard_body(client, limit)
        raise _too_large(limit) from None
    except Refused:
        call.refused = True
        await discard_body(client, limit)
        raise
    except CutShort:
        raise RequestError("bad_request", "the body ended early or is framed wrongly") from None
    if call.received:
        call.mark_ns = time.monotonic_ns()  # its arrival was the client's time
    return body


async def _unpacked(call: Call, declared: int, encoding: bytes) -> bytes:
    """The body behind a Content-Encoding. The limit counts twice: for what arrives, and for what it
    turns out to be."""
    limit = call.plan.settings.server.max_body
    try:
        coding = decoding.coding_of(encoding)
    except RequestError:
        call.refused = True
        await discard_body(call.client, limit)
        raise
    body = await _whole(call, limit, declared)
    if coding is None:
        return body
    if len(body) <= _OFF_THE_LOOP and decoding.is_loaded(coding):
        # Nearly all are small when unpacked, too. One that is not is begun again elsewhere.
        with contextlib.suppress(decoding.Larger):
            return decoding.decode(coding, body, min(limit, _OFF_THE_LOOP))
    # Nobody knows what comes out before it is out, so the most that may is counted meanwhile.
    call.hold(len(body) + limit)
    try:
        decoded = await call.worker.loop.run_in_executor(None, decoding.decode, coding, body, limit)
    except decoding.Larger:
        raise _too_large(limit) from None
    call.hold(len(decoded))
    return decoded


async def discard_body(client: Client, limit: int) -> None:
    """Take what a client still sends and forget it, within bounds.

    Most clients read an answer only when all of their request is written, and closing a connection on
    unread bytes resets it, so an early answer would be lost on the way."""
    left = limit + _BEYOND
    now = asyncio.get_running_loop().time
    end = now() + _LINGER
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_PAUSE) as patience:
            while left > 0:
                skipped = await client.skip()
                if not skipped:
                    return
                left -= skipped
                patience.reschedule(min(end, now() + _PAUSE))


def _too_large(limit: int) -> RequestError:
    return RequestError("request_too_large", f"the body is larger than the limit of {limit} bytes")
