"""One connection of the generator: sends a request, times what comes back, checks it.

Bare asyncio.Protocol and httptools, because the time that a client library spends is time that the
report would blame on the server. Events of a stream are told apart by their blank lines only; the
first one with text in it is the first token. Nothing is decoded as JSON while the clock runs.
"""

import asyncio
import re
from collections.abc import Callable
from time import perf_counter
from typing import NamedTuple, cast

import httptools

_CONTENT = re.compile(rb'"(?:content|text|reasoning|reasoning_content|arguments)":\s*"[^"]')
_ERROR = re.compile(rb'data:\s*\{\s*"error"')
_KEPT_TAIL = 64


class Outcome(NamedTuple):
    """How one request ended. Times are seconds of `perf_counter`: the loop's clock counts milliseconds."""

    cause: str
    """`ok`, or what was wrong: status_503, connect, reset, timeout, truncated, error_event, wrong_answer."""
    status: int
    first: float
    """When the first content came; 0 if none did."""
    end: float
    events: int


class Connection(asyncio.Protocol):
    """A keep-alive connection that serves one request at a time."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        gap: Callable[[float], None],
        lost: Callable[["Connection"], None],
    ) -> None:
        self.loop = loop
        self._gap = gap
        self._lost = lost
        self.transport: asyncio.Transport | None = None
        self.usable = False
        self.kept = ""
        """Value of the response header that a `KeepingConnection` looks for."""
        self._parser = httptools.HttpResponseParser(self)
        self._done: Callable[[Connection, Outcome], None] | None = None
        self._stream = False
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.usable = True

    def send(
        self, request: bytes, *, stream: bool, timeout: float, done: Callable[["Connection", Outcome], None]
    ) -> None:
        """Send one request; `done` is called once, with this connection and the outcome."""
        self._done, self._stream = done, stream
        self._first = self._last = 0.0
        self._events = 0
        self._tail = b""
        self._error = False
        self._length = 0
        self.kept = ""
        self._timer = self.loop.call_later(timeout, self._expire)
        assert self.transport is not None
        self.transport.write(request)

    def abort(self, cause: str = "cancelled") -> None:
        """Give up the request under way and the connection."""
        self._finish(cause)
        if self.transport is not None:
            self.transport.abort()

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.abort("malformed")

    def connection_lost(self, exc: Exception | None) -> None:
        self.usable = False
        self.transport = None
        self._finish("truncated" if self._events or self._length else "reset")
        self._lost(self)

    # Called by httptools.

    def on_body(self, body: bytes) -> None:
        self._length += len(body)
        now = perf_counter()
        if not self._stream:
            self._tail = body if not self._tail else (self._tail + body)[-4096:]
            return
        if self._first:
            # Content that arrives together has one gap; the events of a batch are not told apart.
            self._gap(now - self._last)
            self._last = now
        elif _CONTENT.search(body):
            self._first = self._last = now
        self._events += body.count(b"\n\n")
        self._tail = (self._tail + body)[-_KEPT_TAIL:] if len(body) < _KEPT_TAIL else body[-_KEPT_TAIL:]
        if _ERROR.search(body):
            self._error = True

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        if not self._parser.should_keep_alive():
            self.usable = False
        if status != 200:
            cause = f"status_{status}"
        elif self._error:
            cause = "error_event"
        elif self._stream:
            cause = "ok" if b"[DONE]" in self._tail else "truncated"
        else:
            self._first = perf_counter()
            cause = "ok" if b'"choices"' in self._tail or b'"usage"' in self._tail else "wrong_answer"
        self._finish(cause, status)
        if not self.usable and self.transport is not None:
            self.transport.close()

    def _expire(self) -> None:
        self._timer = None
        self.abort("timeout")

    def _finish(self, cause: str, status: int = 0) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        done, self._done = self._done, None
        if done is not None:
            if cause != "ok":
                self.usable = False if status == 0 else self.usable
            done(self, Outcome(cause, status, self._first, perf_counter(), self._events))


class KeepingConnection(Connection):
    """Also keeps one response header. A class of its own, because a callback per header line costs."""

    wanted = b""
    """Name of the header in lower case."""

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == self.wanted:
            self.kept = value.decode("latin-1")


def connection_class(header: str) -> type[Connection]:
    """The plain class, or one that keeps `header`."""
    if not header:
        return Connection
    return type("Keeping", (KeepingConnection,), {"wanted": header.lower().encode()})
