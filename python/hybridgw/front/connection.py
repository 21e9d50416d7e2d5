"""One connection of a client: requests after one another, whatever the pieces in which they come.

    waits for a head ─► serves a request ─► waits for the next ─► …
           │ no request       │ may carry no more
           └──────────────────┴─► lingers: what still arrives is thrown away, so that the answer is not lost

A request is served by a task of its own. What follows it on the wire (pipelining) is kept, and the
connection stops reading until the answer is out; so answers leave in order and nothing is buffered beyond
one read.

A client that closes its side still gets its answer, because some do so to say that their request is
complete. Whether it did that or went away cannot be seen from here, so it is probed: a client that is gone
answers with a reset.
"""

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING, cast

from hybridgw.front.client import LeanClient
from hybridgw.front.head import BadHead, Head
from hybridgw.front.seam import Serve

if TYPE_CHECKING:
    from hybridgw.front.crowd import Crowd

_FIRST_LOOK = 0.02
"""Seconds after a client closed its side before it is probed: most answers are out by then."""
_NEXT_LOOKS = 0.25
_TCP_CLOSED = 7
"""The first byte of the kernel's `tcp_info`: the connection was reset."""
_CLOSE_WAIT = 8
"""The client closed its side."""
_LINGER_BYTES = 64 * 1024 * 1024
_BLANK = 4096
"""Most bytes of empty lines before a request."""


async def _served(serve: Serve, client: LeanClient) -> None:
    """Serve a request, and see to it that its client gets an end."""
    error: BaseException | None = None
    try:
        await serve(client)
    except Exception as bug:
        error = bug
    finally:
        if not client.ended:
            client.deserted(error)


class Connection(asyncio.Protocol):
    """See the module. Owned by a `Crowd`."""

    __slots__ = (
        "_blank",
        "_client",
        "_crowd",
        "_drainers",
        "_half",
        "_head",
        "_lingers",
        "_looked_at",
        "_paused",
        "_rest",
        "_socket",
        "_task",
        "_unread",
        "closes",
        "full",
        "loop",
        "transport",
    )

    transport: asyncio.Transport

    def __init__(self, crowd: "Crowd", sock: socket.socket) -> None:
        self._crowd = crowd
        self._socket = sock
        self.loop = crowd.loop
        self._head: Head | None = None
        self._client: LeanClient | None = None
        self._task: asyncio.Task[None] | None = None
        """Serves the present request. Kept here because the loop keeps no task that waits; not longer,
        because a task that was cancelled keeps its frames, and with them the request's body."""
        self._rest = b""
        self._blank = 0
        self._looked_at: LeanClient | None = None
        """Whose departure is looked for, since nothing is read meanwhile."""
        self._paused = False
        self._half = False
        self._lingers = False
        self._unread = 0
        self._drainers: list[asyncio.Future[None]] = []
        self.full = False
        """The client does not take what is written."""
        self.closes = False
        """No request is taken after this one."""

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._crowd.joined(self)

    def data_received(self, data: bytes) -> None:
        client = self._client
        if client is None:
            if self._lingers:
                self._unread += len(data)
                if self._unread > _LINGER_BYTES:
                    self.transport.abort()
                return
            self._take(data)
        elif client.whole:
            self.keep(data)
        elif not client.broken:
            rest = client.feed(data)
            if rest:
                self.keep(rest)

    def eof_received(self) -> bool:
        client = self._client
        if client is None:
            if self._lingers or self._head is None:
                return False
            self._half = True
            self.refuse("bad_request", "the request is not valid HTTP: it ended early")
            return True
        self._half = True
        if client.whole:
            self.loop.call_later(_FIRST_LOOK, self._look, client, True)
        else:
            client.cut()
        return True

    def pause_writing(self) -> None:
        self.full = True

    def resume_writing(self) -> None:
        self.full = False
        self._let_go()
        if self._rest and self._client is None:
            self.loop.call_soon(self._next)

    def connection_lost(self, exc: Exception | None) -> None:
        self._crowd.left(self)
        client, self._client = self._client, None
        self._head = self._looked_at = None
        self._rest = b""
        self.full = False
        if client is not None:
            client.lost()
        self._let_go()

    # Requests.

    def _take(self, data: bytes) -> None:
        """Bytes of a request head, and perhaps what follows it."""
        head = self._head
        if head is None:
            data = self._without_blanks(data)
            if not data:
                return
            if self.full:
                # It does not take its answers: the next one would only be heaped on them.
                self.keep(data)
                return
            head = Head()
        try:
            taken = head.feed(data)
        except BadHead as error:
            self._head = head
            self.refuse(error.code, error.message)
            return
        if not head.complete:
            if self._head is None:
                self._head = head
                self._crowd.begins(self)
            return
        self._head = None
        self._blank = 0
        self._crowd.works(self)
        rest = data[taken:]
        if len(rest) == head.length:
            client = self._client = LeanClient(self, head, rest)
        else:
            client = self._client = LeanClient(self, head, b"")
            if rest and not client.whole:
                rest = client.feed(rest)
            if rest:
                self.keep(rest)
        self._task = self.loop.create_task(_served(self._crowd.serve, client))

    def _without_blanks(self, data: bytes) -> bytes:
        """Empty lines before a request are ignored, as old clients send them behind a body; some of them."""
        if data[0] not in b"\r\n":
            return data
        rest = data.lstrip(b"\r\n")
        self._blank += len(data) - len(rest)
        if self._blank > _BLANK:
            self.refuse("bad_request", "the request is not valid HTTP: too many empty lines")
            return b""
        return rest

    def keep(self, data: bytes) -> None:
        """These bytes are the next request: their turn comes when this one is answered."""
        if not self._rest:
            data = data.lstrip(b"\r\n")
            if not data:
                return
        self._rest += data
        self.pause()
        client = self._client
        if client is not None and self._looked_at is not client:
            # What is not read does not say that its client has left.
            self._looked_at = client
            self.loop.call_later(_NEXT_LOOKS, self._look, client, False)

    def _next(self) -> None:
        if self._client is not None or self._lingers or self.full:
            return
        rest, self._rest = self._rest, b""
        self.resume()
        if rest:
            self.data_received(rest)

    def finished(self, client: LeanClient) -> None:
        """The whole answer was written."""
        self._client = self._task = None
        if client.keep and not self.closes and (self._rest or not self._half):
            if self._rest:
                # Another turn of the loop: a thousand of them must not hold up the others. One that does not
                # take its answers waits until it does (`resume_writing`).
                self.loop.call_soon(self._next)
            elif self._paused:
                self.resume()
            # Every connection without a request stands in a row: nothing else ends it.
            self._crowd.rests(self)
        elif self._half or (client.whole and not self._rest):
            self.transport.close()
        else:
            self._linger()

    def abandoned(self, client: LeanClient, begun: bool) -> None:
        """The answer will not come to its end; `begun`: a part of it is out."""
        client.keep = False
        self._client = self._task = None
        if begun:
            self.transport.abort()
        else:
            self.refuse("internal_error", "internal error", client.path)

    def refuse(self, code: str, message: str, path: str = "") -> None:
        """Answer what is no request, and take no other."""
        head, self._head = self._head, None
        if head is not None and head.url:
            path = head.split()[0]
        self._crowd.works(self)
        self._rest = b""
        self.transport.write(self._crowd.refusal(code, message, path))
        if self._half:
            self.transport.close()
        else:
            self._linger()

    def leave(self) -> bool:
        """Close a connection that no request is on. Not where one has arrived that was not read yet: it would
        be answered with a reset. That one is the last, and true is returned for all others."""
        self.closes = True
        with contextlib.suppress(OSError):
            if self._socket.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT):
                return False
        self.transport.close()
        return True

    def _linger(self) -> None:
        """Closing a socket with unread bytes resets it, and the answer would be lost on its way."""
        self._lingers = self.closes = True
        self._rest = b""
        self.transport.write_eof()
        self.resume()
        self._crowd.lingers(self)

    # Both ways.

    def pause(self) -> None:
        """Read no more until `resume`."""
        if not self._paused and not self.transport.is_closing():
            self._paused = True
            self.transport.pause_reading()

    def resume(self) -> None:
        """Read again."""
        client = self._client
        if self._paused and not (client is not None and client.behind):
            self._paused = False
            if not self.transport.is_closing() and not self._half:
                self.transport.resume_reading()

    async def drained(self) -> None:
        """Wait until the client takes what is written, or is gone."""
        waiter = self.loop.create_future()
        self._drainers.append(waiter)
        await waiter

    def _let_go(self) -> None:
        drainers, self._drainers = self._drainers, []
        for waiter in drainers:
            if not waiter.done():
                waiter.set_result(None)

    def _look(self, client: LeanClient, probe: bool) -> None:
        """Whether a client that closed its side, or of which nothing is read, is still there."""
        if self._client is not client or self.transport.is_closing():
            return
        state = self._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
        if state == _TCP_CLOSED:
            self.transport.abort()
            return
        if state == _CLOSE_WAIT and self._paused and not self._half:
            self._half = probe = True
        if probe:
            client.probe()
        self.loop.call_later(_NEXT_LOOKS if not probe else _FIRST_LOOK, self._look, client, False)
