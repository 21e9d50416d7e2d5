"""A TCP server that plays a script on every connection and remembers what it received.

Faults are easiest to state as bytes and pauses, so a script is a list of steps and nothing in it knows
HTTP, except `Expect`, which reads one request to its end. It shares no code with the package under
test. The scripts are dealt to connections in order; the last one is played again for all that follow.

    async with Scripted([Expect(), Send(b"HTTP/1.1 200 OK\r\n\r\n", slices=1), Reset()]) as server:
        ...  # talk to server.port
    assert server.requests[0].body == b"..."
"""

import asyncio
import socket
import ssl
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType


@dataclass
class Received:
    """One request as it came in: the raw head, and the body after chunked decoding."""

    head: bytes
    body: bytes
    connection: int

    @property
    def line(self) -> str:
        """The request line."""
        return self.head.split(b"\r\n", 1)[0].decode("latin-1")

    def header(self, name: str) -> list[str]:
        """All values of a field, in order."""
        wanted = name.lower().encode()
        fields = (line.partition(b":") for line in self.head.split(b"\r\n")[1:])
        return [value.strip().decode("latin-1") for key, _, value in fields if key.lower() == wanted]


@dataclass
class Connection:
    """One accepted connection, as the script's steps see it."""

    number: int
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    server: "Scripted"


class Step:
    """Something to do on a connection. Return False to stop playing."""

    async def play(self, on: Connection) -> bool:
        """Do it."""
        raise NotImplementedError


@dataclass
class Expect(Step):
    """Read one request. Stops playing if the client closes instead."""

    async def play(self, on: Connection) -> bool:
        try:
            head = await on.reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return False
        length = 0
        for line in head.split(b"\r\n")[1:]:
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        body = await on.reader.readexactly(length)
        on.server.took(Received(head, body, on.number))
        return True


@dataclass
class ExpectHead(Step):
    """Read a request's head and leave its body in the socket."""

    async def play(self, on: Connection) -> bool:
        head = await on.reader.readuntil(b"\r\n\r\n")
        on.server.took(Received(head, b"", on.number))
        return True


@dataclass
class Send(Step):
    """Write bytes, whole or in slices of `slices` bytes, each its own packet as far as TCP allows."""

    data: bytes
    slices: int = 0
    pause: float = 0.0

    async def play(self, on: Connection) -> bool:
        size = self.slices or max(1, len(self.data))
        for start in range(0, len(self.data), size):
            if on.writer.transport.is_closing():
                raise ConnectionResetError
            on.writer.write(self.data[start : start + size])
            await on.writer.drain()
            # Yield even without a pause, so that the other side reads between two slices.
            await asyncio.sleep(self.pause)
        return True


@dataclass
class Flood(Step):
    """Write `piece` again and again up to `total` bytes, counting what the socket took."""

    piece: bytes
    total: int

    async def play(self, on: Connection) -> bool:
        on.writer.transport.set_write_buffer_limits(high=0)
        while on.server.flooded < self.total:
            on.writer.write(self.piece)
            await on.writer.drain()
            on.server.flooded += len(self.piece)
        return True


@dataclass
class Wait(Step):
    """Pause for some seconds."""

    seconds: float

    async def play(self, on: Connection) -> bool:
        await asyncio.sleep(self.seconds)
        return True


@dataclass
class Hold(Step):
    """Pause until the test sets `event`."""

    event: asyncio.Event

    async def play(self, on: Connection) -> bool:
        await self.event.wait()
        return True


@dataclass
class Stall(Step):
    """Say nothing until the client leaves; then `server.client_left` is set."""

    async def play(self, on: Connection) -> bool:
        try:
            while await on.reader.read(65536):
                pass
        except ConnectionError:
            pass
        on.server.client_left.set()
        return False


@dataclass
class Reset(Step):
    """Close with RST: unread and unsent data is gone."""

    async def play(self, on: Connection) -> bool:
        raw = on.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        on.writer.transport.abort()
        return False


@dataclass
class Close(Step):
    """Close properly, with FIN."""

    async def play(self, on: Connection) -> bool:
        on.writer.close()
        return False


@dataclass
class Repeat(Step):
    """Play steps again and again until one of them stops the connection."""

    steps: Sequence[Step]

    async def play(self, on: Connection) -> bool:
        while True:
            for step in self.steps:
                if not await step.play(on):
                    return False


@dataclass
class Scripted:
    """The server; an async context manager that listens on a free port of `host`."""

    script: Sequence[Step]
    more: Sequence[Sequence[Step]] = ()
    """Scripts of the second connection and later ones."""
    host: str = "127.0.0.1"
    tls: ssl.SSLContext | None = None
    """Serve TLS with this context."""
    requests: list[Received] = field(default_factory=list)
    connections: int = 0
    flooded: int = 0

    async def __aenter__(self) -> "Scripted":
        self.client_left = asyncio.Event()
        self._news = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server = await asyncio.start_server(
            self._accept,
            self.host,
            0,
            ssl=self.tls,
            limit=1 << 20,
        )
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def took(self, request: Received) -> None:
        """Remember a request and tell who waits for it."""
        self.requests.append(request)
        self._news.set()

    async def arrived(self, count: int) -> None:
        """Wait until `count` requests have come in."""
        while len(self.requests) < count:
            self._news.clear()
            await self._news.wait()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        number = self.connections
        self.connections += 1
        script = [self.script, *self.more][min(number, len(self.more))]
        on = Connection(number, reader, writer, self)
        try:
            for step in script:
                if not await step.play(on):
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            self.client_left.set()
        except asyncio.CancelledError:
            pass  # the test is over
        finally:
            writer.transport.abort()
            self._tasks.discard(task)
