"""One HTTP/1.1 connection on `asyncio.Protocol` and `httptools`.

Why our own client for plain HTTP: nearly all of a general client's cost per request is objects
(request, response, timer contexts, stream reader, header multidicts). Here a request is one write and
one future; a response that fits one packet is parsed, completed and its connection put back before
the waiting task wakes, once. The parser is llhttp, so that framing rules are not ours to get wrong.

What llhttp leaves open is decided here, always towards closing the connection: it is used again only
if the message was framed by length or chunks, the peer wants to keep it, no byte followed the message,
no interim (1xx) response was seen, and the request had been written completely.
"""

import asyncio
from typing import cast

import httptools

from hybridgw.core import Outcome, Timeouts
from hybridgw.transport.deadline import Deadline
from hybridgw.transport.failures import TIMEOUTS, Phase, failed, outcome_of, timed_out
from hybridgw.transport.lean_response import LeanResponse
from hybridgw.transport.pool import HostPool
from hybridgw.transport.seam import HEAD_LIMIT, HIGH_WATER, STALE_WITHIN, Patience, UpstreamRequest

_ONE_WRITE = 64 * 1024
"""Largest body that is copied behind its head; a larger one is written by reference."""

_MANY_CHUNKS = 4096
"""Unread pieces at which reading pauses: one-byte chunks cost far more memory than their bytes."""

# Where the current response stands. HEAD also covers interim responses.
_HEAD, _BODY, _DONE = 0, 1, 2


class StaleConnection(Exception):
    """A kept connection turned out to be closed: nothing of a response was received on it."""


class LeanConnection(asyncio.Protocol):
    """A connection; owned by a HostPool, carries one exchange at a time."""

    __slots__ = (
        "_dirty",
        "_framing",
        "_gone",
        "_headers",
        "_interim",
        "_keep",
        "_limits",
        "_name",
        "_no_body",
        "_orphan",
        "_parser",
        "_patience",
        "_response",
        "_sent",
        "_stage",
        "_started",
        "_until_close",
        "deadline",
        "host",
        "idle_since",
        "loop",
        "paused",
        "peer",
        "transport",
        "used",
    )

    transport: asyncio.Transport

    def __init__(self, host: HostPool, loop: asyncio.AbstractEventLoop) -> None:
        self.host = host
        self.loop = loop
        self._name = ""
        self.peer = ""
        self.used = False
        self.paused = False
        self.idle_since = 0.0
        self.deadline = Deadline(loop, self._expired)
        self._parser = httptools.HttpResponseParser(self)
        self._response: LeanResponse | None = None
        self._headers: list[tuple[bytes, bytes]] = []
        self._stage = _DONE
        self._gone = False
        self._orphan = False
        self._limits: Timeouts | None = None
        self._sent = 0.0
        self._patience: Patience | None = None

    # The exchange.

    async def exchange(
        self,
        name: str,
        head: bytes,
        request: UpstreamRequest,
        timeouts: Timeouts,
        patience: Patience | None = None,
    ) -> LeanResponse:
        """Write a request and wait for the head of its final response; `name` is for messages.

        Raises StaleConnection if this was a kept connection and the peer closed it at once, without a byte.
        """
        if self._gone:  # the peer closed it between connecting and now
            raise failed(Outcome.RESET, name)
        self._name = name
        self._limits = timeouts
        self._patience = patience
        kept = self.used
        response = LeanResponse(self, self.peer)
        self.used = True
        self._response = response
        self._stage = _HEAD
        self._started = self._interim = self._dirty = self._until_close = False
        self._keep = True
        self._no_body = request.method == "HEAD"
        self._framing = 0
        transport = self.transport
        body = request.body
        if len(body) <= _ONE_WRITE:
            transport.write(b"%b%b" % (head, body))
        else:
            transport.write(head)
            transport.write(body)
        del body
        if request.once and not kept:
            # Only a kept connection can turn out to be closed, and have it sent once more.
            request.body = b""
        sent = self._sent = self.loop.time()
        self.deadline.start(timeouts.first_token, Outcome.FIRST_TOKEN_TIMEOUT, timeouts.total)
        waiter = response.waiter = self.loop.create_future()
        try:
            await waiter
        except asyncio.CancelledError:
            self.give_up(response)
            raise
        finally:
            response.waiter = None
        failure = response.failure
        if failure is None or response.status:
            return response
        in_time = self.loop.time() - sent < STALE_WITHIN
        if kept and not self._started and failure.outcome == Outcome.RESET and in_time:
            raise StaleConnection
        raise failure.anew()

    def give_up(self, response: LeanResponse) -> None:
        """The task that waited for `response` was cancelled."""
        if self._response is response:
            self.abort()

    def abort(self) -> None:
        """Close the socket now; whoever waits is told that the response ended early."""
        self._detach(self._lost_outcome(), "")
        self._leave()

    def keep(self, idle_seconds: float) -> None:
        """Become idle for at most `idle_seconds`."""
        self.idle_since = self.loop.time()
        self.deadline.start(idle_seconds, Outcome.STALLED, idle_seconds)

    def resume(self) -> None:
        """Go on reading after the reader has taken what was buffered."""
        self.paused = False
        if not self.transport.is_closing():
            self.transport.resume_reading()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        # Without an address the peer cannot be placed, and what cannot be placed is external.
        self.peer = str(peer[0]) if peer else ""
        self.host.connected(self)

    def data_received(self, data: bytes) -> None:
        response = self._response
        if response is None:
            # Bytes that nobody asked for: whatever they are, they must not meet the next request. Or that
            # nobody waits for any more: the engine has begun to answer, so its model is loaded.
            self._leave()
            return
        self._started = True
        stage, size = self._stage, response.size
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if self._stage != _DONE:
                self._fail(outcome_of(error, Phase.HEAD), "")
                return
            self._dirty = True  # the message was whole; what followed it was not HTTP
        if stage != self._stage and len(data) > HEAD_LIMIT and _length(response.headers) > HEAD_LIMIT:
            response.status = 0
            self._fail(Outcome.MALFORMED, "the head is too large")
        elif self._stage == _DONE:
            self._finish(response)
            response.wake()
        elif response.size > size:
            self._framing = 0
            if response.size > HIGH_WATER or len(response.chunks) > _MANY_CHUNKS:
                self._pause()
            response.wake()
        else:
            self._framing += len(data)
            if self._framing > HEAD_LIMIT:
                self._fail(Outcome.MALFORMED, "too many bytes without content")
            elif stage != self._stage:
                response.wake()  # a head, and nothing of the body yet

    def eof_received(self) -> bool:
        self._ended(None)
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended(exc)
        self.host.pool.socket_lost()
        # Protocol, parser and timer refer to each other; nothing here should wait for the collector.
        del self._parser, self.deadline

    # httptools

    def on_message_begin(self) -> None:
        if self._stage == _DONE:
            self._dirty = True

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._stage == _HEAD:
            self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        if self._stage != _HEAD:
            return
        parser = self._parser
        status = parser.get_status_code()
        if status < 200:
            self._interim = True
            return
        response = cast("LeanResponse", self._response)
        response.status = status
        response.headers = self._headers
        self._headers = []
        if self._no_body:
            # The parser was not told that this answers a HEAD and would wait for the body.
            self._stage = _DONE
            self._keep = False
            return
        self._stage = _BODY
        if not parser.should_keep_alive():
            self._keep = False
            self._until_close = not _framed(response.headers)

    def on_body(self, data: bytes) -> None:
        if self._stage == _BODY:
            response = cast("LeanResponse", self._response)
            response.chunks.append(data)
            response.size += len(data)

    def on_message_complete(self) -> None:
        if self._stage == _BODY:
            self._stage = _DONE
        elif self._stage == _HEAD:
            self._headers = []  # an interim response; the final one follows

    # Ends.

    def _finish(self, response: LeanResponse) -> None:
        """The message is whole: let go of it, and keep the connection if it is clean."""
        response.complete = True
        response.connection = None
        self._patience = None  # it knows the request
        self._response = None
        if (
            self._keep
            and not self._dirty
            and not self._interim
            and self.transport.get_write_buffer_size() == 0
            and not self.transport.is_closing()
        ):
            self.host.put(self)
        else:
            self._leave()

    def _ended(self, error: Exception | None) -> None:
        """The peer closed its side, or the connection broke."""
        response = self._response
        if response is None:
            self._leave()
        elif error is None and self._until_close and self._stage == _BODY:
            self._keep = False
            self._finish(response)
            response.wake()
        else:
            self._fail(self._lost_outcome() if error is None else self._outcome_of(error), "")

    def _fail(self, outcome: Outcome, detail: str) -> None:
        self._detach(outcome, detail)
        self._leave()

    def _detach(self, outcome: Outcome, detail: str) -> None:
        response = self._response
        self._patience = None
        if response is not None:
            self._response = None
            response.connection = None
            if outcome in TIMEOUTS and self._limits is not None:
                response.failure = timed_out(outcome, self._name, self._limits, self.loop.time() - self._sent)
            else:
                response.failure = failed(outcome, self._name, detail)
            response.wake()

    def _leave(self) -> None:
        if not self._gone:
            self._gone = True
            if self._orphan:
                self.host.orphans.discard(self._name)
            self.deadline.stop()
            self.host.forget(self)
            self.transport.abort()

    def _pause(self) -> None:
        if not self.paused and not self.transport.is_closing():
            self.paused = True
            self.transport.pause_reading()

    def _expired(self, outcome: Outcome) -> None:
        response = self._response
        if response is None:
            self._leave()  # idle for long enough
        elif response.waiter is None and outcome != Outcome.TOTAL_TIMEOUT:
            # Our reader is busy elsewhere, so silence is not the upstream's fault yet.
            self.deadline.again()
        elif outcome == Outcome.FIRST_TOKEN_TIMEOUT and self._patience is not None:
            more = self._patience()
            if more > 0:
                self.deadline.arm(more, outcome)
            else:
                self._abandon(outcome)
        else:
            self._fail(outcome, "")

    def _abandon(self, outcome: Outcome) -> None:
        """Nobody waits for this answer any more, and the engine may finish what it began: closing the socket
        would end the loading of a model, and the next request would begin it anew. One per deployment
        is enough to keep a load going."""
        limits, name = self._limits, self._name
        assert limits is not None
        self._detach(outcome, "")
        left = limits.load - limits.first_token
        if left <= 0 or name in self.host.orphans or self.transport.is_closing():
            self._leave()
            return
        self._orphan = True
        self.host.orphans.add(name)
        self.deadline.start(left, Outcome.STALLED, left)

    def _phase(self) -> Phase:
        return Phase.HEAD if self._stage == _HEAD else Phase.BODY

    def _lost_outcome(self) -> Outcome:
        return outcome_of(EOFError(), self._phase())

    def _outcome_of(self, error: Exception) -> Outcome:
        return outcome_of(error, self._phase())


def _framed(headers: list[tuple[bytes, bytes]]) -> bool:
    """Whether the end of the body is marked, so that an earlier close is a truncation."""
    for name, value in headers:
        if name == b"content-length":
            return True
        if name == b"transfer-encoding" and value.lower().rstrip().endswith(b"chunked"):
            return True
    return False


def _length(headers: list[tuple[bytes, bytes]]) -> int:
    return sum(len(name) + len(value) + 4 for name, value in headers)
