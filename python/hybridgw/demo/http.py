"""HTTP/1.1 on asyncio.Protocol and httptools: one connection reads requests and plays scripts.

A web framework would be slower than the gateways that this program is put behind, and would correct
the faults that it is asked to commit. So the protocol is bare: httptools reads, a script (see
`script`) says what to write and when, and no task is created per request. It decides nothing about
content; `site` does.

Requests that arrive while an answer is playing wait in order, and reading stops while some wait.
"""

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Callable
from typing import Protocol, cast

import httptools

from hybridgw.demo.script import Act, Script, Step, head

BODY_LIMIT = 256 * 2**20
"""Bytes of a request body; more is answered with 413 and a close."""
_JOIN = 256 * 1024
"""Neighbouring writes are joined up to about this size."""
_LINGER_RESET = struct.pack("ii", 1, 0)


class Request:
    """One request as it arrived. Header names are as sent, not folded."""

    __slots__ = ("body", "headers", "http11", "keep_alive", "method", "path")

    def __init__(
        self,
        method: str,
        path: str,
        headers: list[tuple[bytes, bytes]],
        body: bytes,
        http11: bool,
        keep_alive: bool,
    ) -> None:
        self.method = method
        self.path = path
        self.headers = headers
        self.body = body
        self.http11 = http11
        self.keep_alive = keep_alive

    def header(self, name: bytes) -> str | None:
        """The first value of a header (`name` in lower case)."""
        for key, value in self.headers:
            if key.lower() == name:
                return value.decode("latin-1")
        return None


class Site(Protocol):
    """What answers requests."""

    def opened(self, player: "Player") -> None:
        """A connection was made."""

    def closed(self, player: "Player") -> None:
        """That connection is gone."""

    def answer(self, request: Request) -> tuple[Script, Callable[[str], None]]:
        """The script of the answer and what to call at its end with `complete`, `aborted` or `reset`."""


class Player(asyncio.Protocol):
    """Plays one script at a time onto a transport, with its timers and its back-pressure."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.transport: asyncio.Transport | None = None
        self._script: Script | None = None
        self._ended: Callable[[str], None] | None = None
        self._held: Step | None = None
        self._timer: asyncio.Handle | None = None
        self._due = 0.0
        self._paused = False

    # Called by the event loop.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        self._finish("aborted")

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        if self._script is not None and self._timer is None:
            self._due = self.loop.time()
            self._run()

    # Called by the connection.

    @property
    def playing(self) -> bool:
        """An answer is under way."""
        return self._script is not None

    def play(self, script: Script, ended: Callable[[str], None]) -> None:
        """Start a script; the first steps may be written before this returns."""
        self._script, self._ended = script, ended
        self._due = self.loop.time()
        self._run()

    def idle(self) -> None:
        """The answer is over and the connection may be used again. For the connection to override."""

    def abort(self) -> None:
        """Drop the connection, whatever it is doing."""
        if self.transport is not None:
            self.transport.abort()

    def _finish(self, how: str) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        ended, self._script, self._ended, self._held = self._ended, None, None, None
        if ended is not None:
            ended(how)

    def _run(self) -> None:
        self._timer = None
        script, transport = self._script, self.transport
        if script is None or transport is None:
            return
        parts: list[bytes] = []
        size = 0
        while True:
            step = self._held or next(script, None)
            self._held = None
            if step is None:
                step = Step(0.0, Act.STALL)
            after, act, data = step
            if after > 0.0 or (self._paused and act is not Act.RESET) or size > _JOIN:
                # A pause in writing keeps the step; resume_writing comes back for it.
                self._held = Step(0.0, act, data)
                if parts:
                    transport.write(b"".join(parts))
                    parts, size = [], 0
                if after > 0.0:
                    # Counted from when the step before was due, so that lateness does not add up.
                    self._due = max(self._due + after, self.loop.time())
                    self._timer = self.loop.call_at(self._due, self._run)
                    return
                if self._paused:
                    return
                self._held = None
            if act is Act.WRITE:
                parts.append(data)
                size += len(data)
                continue
            if parts:
                transport.write(b"".join(parts))
                parts, size = [], 0
            if act is Act.PACKET:
                if data:
                    transport.write(data)
                # The loop sends what was written before it calls back, so packets stay apart.
                self._timer = self.loop.call_soon(self._run)
            elif act is Act.END:
                self._finish("complete")
                self.idle()
            elif act is Act.CLOSE:
                self._finish("complete")
                transport.close()
            elif act is Act.RESET:
                self._finish("reset")
                raw = transport.get_extra_info("socket")
                if raw is not None:
                    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_RESET)
                transport.abort()
            return


class Connection(Player):
    """Reads requests with httptools and has the site answer them in order."""

    def __init__(self, site: Site) -> None:
        super().__init__()
        self.site = site
        self._parser = httptools.HttpRequestParser(self)
        self._waiting: deque[Request] = deque()
        self._url = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []
        self._size = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.site.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._waiting.clear()
        super().connection_lost(exc)
        self.site.closed(self)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._refuse(400)

    def eof_received(self) -> bool:
        # A client that closed its sending side counts as gone, as with real engines: cancelling the
        # generation at once matters more than the rare client that half-closes and still reads.
        return False

    # Called by httptools.

    def on_message_begin(self) -> None:
        self._url, self._headers, self._body, self._size = b"", [], [], 0

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        for name, value in self._headers:
            if name.lower() == b"expect" and value.lower() == b"100-continue" and self.transport:
                self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        self._size += len(body)
        if self._size > BODY_LIMIT:
            self._body.clear()
            self._refuse(413)
            return
        self._body.append(body)

    def on_message_complete(self) -> None:
        parser = self._parser
        request = Request(
            parser.get_method().decode("latin-1"),
            self._url.decode("latin-1"),
            self._headers,
            b"".join(self._body),
            parser.get_http_version() == "1.1",
            parser.should_keep_alive(),
        )
        self._body = []
        if self.playing:
            self._waiting.append(request)
            if self.transport is not None:
                self.transport.pause_reading()
        else:
            self.play(*self.site.answer(request))

    def idle(self) -> None:
        if self._waiting:
            # From the loop, not from here: a long pipeline must not deepen the stack.
            self.loop.call_soon(self._next)
        elif self.transport is not None and not self.transport.is_reading():
            self.transport.resume_reading()

    def _next(self) -> None:
        if self._waiting and not self.playing and self.transport is not None:
            self.play(*self.site.answer(self._waiting.popleft()))

    def _refuse(self, status: int) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(head(status, [("content-length", "0"), ("connection", "close")]))
            self.transport.close()
