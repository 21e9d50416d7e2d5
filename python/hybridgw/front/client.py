"""One request on a connection of ours, and its answer: the seam's `Client` for `lean`.

The body is collected here, once, as it arrives: the reader waits for all of it and is woken once, and what
came whole with the head is there before it asks. What waits here for a reader is bounded: the connection then
stops reading.

An answer is framed here as well: by the length that its head states, else in chunks, else (HTTP/1.0) by the
end of the connection. Its head waits for the first bytes, so that a small answer is one write.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from hybridgw.front import render
from hybridgw.front.chunks import BadChunk, Chunks
from hybridgw.front.head import CHUNKED, Head
from hybridgw.front.seam import CutShort, Headers, TooLarge

if TYPE_CHECKING:
    from hybridgw.front.connection import Connection

_log = logging.getLogger(__name__)

_HIGH = 256 * 1024
"""Bytes of a body that wait for a reader, above which the connection stops reading."""
_SMALL = 16 * 1024
"""Pieces below this are put together as they come: one-byte chunks cost far more memory than their bytes."""
_ONE_WRITE = 64 * 1024
"""Most bytes that are copied behind their head or into their chunk; more are written by reference."""
_BODYLESS = frozenset({204, 304})


class LeanClient:
    """See `seam.Client`. The connection fills it in.

    What starts the same for every request is a default of the class: an attribute that most requests never
    touch costs them nothing.
    """

    more_headers: tuple[tuple[bytes, bytes], ...] = ()
    ended = False
    """The whole answer was written."""
    broken = False
    """The rest of the body will not come."""
    behind = b""
    """Bytes of the body that were read and wait for another turn of the loop."""
    _chunks: Chunks | None = None
    _held = 0
    _size = 0
    _limit = 0
    _arrived: Callable[[int], None] | None = None
    _refused: Exception | None = None
    _waiter: asyncio.Future[None] | None = None
    _leaving: asyncio.Future[None] | None = None
    _head: Headers | None = None
    _status = 0
    _begun = False
    """A part of the answer was written."""
    _chunked = False
    _owed = -1
    """Bytes that the stated length still lacks; -1 where none is stated."""

    def __init__(self, connection: "Connection", head: Head, data: bytes) -> None:
        """`data` is what came of the body together with its head, and not more."""
        self._connection: Connection | None = connection
        self.method = head.method
        self.path, self.query = head.split()
        self.headers = head.headers
        self.keep = head.keep
        """The connection may carry another request after this one."""
        self._modern = head.modern
        self._expects = head.expects
        self._silent = head.method == "HEAD"
        self._parts: list[bytes | bytearray] = []
        length = head.length
        if len(data) == length:
            # Nearly always: the whole request in one piece.
            self.whole = True
            """All of the body arrived."""
            if data:
                self._parts.append(data)
                self._held = self._size = length
            self._left = 0
            return
        self.whole = False
        self._left = length
        if length == CHUNKED:
            self._chunks = Chunks()

    # The body.

    async def body(self, limit: int, arrived: Callable[[int], None]) -> bytes:
        if not self.whole:
            await self._collect(limit, arrived)
        if self._size > limit:
            self._drop()
            raise TooLarge
        parts, self._parts = self._parts, []
        self._held = 0
        if len(parts) == 1 and isinstance(parts[0], bytes):
            return parts[0]
        return b"".join(parts)

    async def skip(self) -> int:
        while True:
            dropped = self._drop()
            if dropped or self.whole or self.broken or self._expects:
                return dropped
            await self._wait()

    async def _collect(self, limit: int, arrived: Callable[[int], None]) -> None:
        if self._chunks is None and self._size + self._left > limit:
            raise TooLarge
        if self._size:
            arrived(self._size)
        self._limit, self._arrived = limit, arrived
        try:
            if not self.broken and self._size <= limit:
                await self._wait()
        finally:
            self._arrived = None
        refused, self._refused = self._refused, None
        if refused is not None:
            self._drop()
            raise refused
        if self.broken and self._size <= limit:
            raise CutShort

    async def _wait(self) -> None:
        connection = self._connection
        if connection is None:
            return
        if self._expects:
            self._expects = False
            connection.transport.write(render.CONTINUE)
        connection.resume()
        waiter = self._waiter = connection.loop.create_future()
        try:
            await waiter
        finally:
            self._waiter = None

    def _drop(self) -> int:
        """Forget what is held; how many bytes that were."""
        held, self._held = self._held, 0
        self._parts.clear()
        return held

    def feed(self, data: bytes) -> bytes:
        """Bytes of the body from the wire; what follows its end."""
        rest = b""
        self._expects = False
        if self.behind:
            self.behind += data
            return b""
        if self._chunks is None:
            left = self._left
            if len(data) > left:
                data, rest = data[:left], data[left:]
            self._left = left - len(data)
            self.whole = not self._left
            self._add(data)
        else:
            try:
                pieces, rest = self._chunks.feed(data)
            except BadChunk:
                self.cut()
                return b""
            self.whole = self._chunks.done
            for piece in pieces:
                self._add(piece)
            if rest and not self.whole:
                self._put_off(rest)
                rest = b""
        self._came()
        return rest

    def _put_off(self, data: bytes) -> None:
        """Go on with these bytes when the others had their turn, and read no more until then."""
        connection = self._connection
        if connection is not None:
            self.behind = data
            connection.pause()
            connection.loop.call_soon(self._catch_up)

    def _catch_up(self) -> None:
        connection = self._connection
        data, self.behind = self.behind, b""
        if connection is None or self.broken or not data:
            return
        rest = self.feed(data)
        if rest:
            connection.keep(rest)
        elif not self.behind and self._held <= _HIGH:
            connection.resume()

    def cut(self) -> None:
        """The rest of the body will not come."""
        self.broken = True
        self.keep = False
        self._wake()

    def _add(self, data: bytes) -> None:
        self._size += len(data)
        self._held += len(data)
        parts = self._parts
        if len(data) >= _SMALL or not parts:
            parts.append(data)
        elif isinstance(last := parts[-1], bytearray):
            last += data
        else:
            parts.append(bytearray(data))

    def _came(self) -> None:
        if self._waiter is None:
            if self._held > _HIGH and self._connection is not None:
                self._connection.pause()
        elif self.whole or self._arrived is None or self._size > self._limit:
            self._wake()
        else:
            try:
                self._arrived(self._size)
            except Exception as error:
                self._refused = error
                self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # The answer.

    def start(self, status: int, headers: Headers) -> None:
        self._status = status
        self._head = headers

    async def write(self, data: bytes) -> None:
        connection = self._connection
        if connection is None:
            return
        if self._silent:
            data = b""
        if self._head is not None:
            out = self._opening(self._head)
            if not data:
                self._begun = True
                connection.transport.write(out)
                return
        elif not data:
            return
        else:
            out = b""
        self._send(connection, out, data, b"\r\n" if self._chunked else b"")
        if connection.full:
            await connection.drained()

    async def end(self, data: bytes = b"") -> None:
        connection = self._connection
        if connection is None:
            self.ended = True
            return
        if self._silent:
            data = b""
        out = b"" if self._head is None else self._opening(self._head)
        if self._chunked:
            if data:
                self._send(connection, out, data, b"\r\n0\r\n\r\n")
            else:
                connection.transport.write(out + b"0\r\n\r\n")
        elif out or data:
            self._send(connection, out, data, b"")
        if self._owed > 0 and not self._silent:
            # Less than its head states: only the end of the connection can say so.
            self.keep = False
        self.ended = True
        connection.finished(self)

    async def gone(self) -> None:
        connection = self._connection
        if connection is None:
            return
        leaving = self._leaving = connection.loop.create_future()
        await leaving

    def _opening(self, headers: Headers) -> bytes:
        """The rendered head."""
        self._head = None
        stated = False
        closes = False
        for name, value in headers:
            if name == b"content-length":
                stated = True
                self._owed = int(value)
            elif name == b"connection":
                closes = True
        silent = self._silent
        if self._status in _BODYLESS or self._status < 200:
            # These have no body, and a length would be one too much (RFC 9110, 8.6).
            self._silent = silent = True
            headers = [pair for pair in headers if pair[0] != b"content-length"]
        framing = b""
        if not stated and not silent:
            if self._modern:
                framing = b"transfer-encoding: chunked\r\n"
                self._chunked = True
            else:
                self.keep = False
        connection = self._connection
        if closes or not self.whole or (connection is not None and connection.closes):
            self.keep = False
        if not self.keep:
            if not closes:
                framing += b"connection: close\r\n"
        elif not self._modern:
            framing += b"connection: keep-alive\r\n"
        return render.head(self._status, headers, self.more_headers, framing)

    def _send(self, connection: "Connection", out: bytes, data: bytes, after: bytes) -> None:
        """Write a piece behind what goes before it; `after` ends its chunk, where it is one."""
        size = len(data)
        if self._owed >= 0:
            self._owed -= size
            if self._owed < 0 and not self._silent:
                raise ValueError("the body is longer than its head states")
        self._begun = True
        write = connection.transport.write
        if after:
            out = b"%b%x\r\n" % (out, size)
        if size <= _ONE_WRITE:
            write(b"%b%b%b" % (out, data, after) if out or after else data)
            return
        # Written in one turn of the loop, these leave in one system call as well.
        if out:
            write(out)
        write(data)
        if after:
            write(after)

    # The connection.

    def lost(self) -> None:
        """The client has left."""
        self._connection = None
        self.broken = not self.whole
        self._wake()
        leaving = self._leaving
        if leaving is not None and not leaving.done():
            leaving.set_result(None)

    def probe(self) -> None:
        """Send something that says nothing, to a client that has closed its side: from one that is gone it
        comes back as a reset. Before the head that is an interim response, among chunks a leading zero of
        the next one's size."""
        connection = self._connection
        if connection is None or connection.transport.get_write_buffer_size():
            return
        if not self._begun:
            if self._modern:
                connection.transport.write(render.CONTINUE)
        elif self._chunked:
            connection.transport.write(b"0")

    def deserted(self, error: BaseException | None) -> None:
        """Its task has left it without an end: a bug, or the task was cancelled."""
        if error is not None:
            _log.error("unexpected error while serving a request", exc_info=error)
        connection = self._connection
        if not self.ended and connection is not None:
            self.ended = True
            connection.abandoned(self, self._begun)
