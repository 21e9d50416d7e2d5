"""A server of ours in the test's own loop, with a small application behind it.

GET  /N            N bytes
POST /echo         the body
GET  /events       three chunks, each when it is asked for by `Stage.go`
any  /deny         401 without a look at the body
any  /nothing      204
any  /hold         waits for `Stage.go`
any  /bug          raises; /bug-late after the first chunk; /short, /long: not the length it states
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import uvloop

from hybridgw.front.lean import Balance, LeanServer, Limits, plain_refusal
from hybridgw.front.seam import Client, CutShort, TooLarge

Scenario = Callable[["Stage"], Awaitable[None]]


class Stage:
    """One running server; see the module."""

    def __init__(self, limits: Limits, balance: Balance | None = None) -> None:
        self.go = asyncio.Event()
        self.served: list[str] = []
        self.gone: list[str] = []
        self.errors: list[BaseException] = []
        self.progress: list[int] = []
        self.wires: list[Wire] = []
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.listening.setblocking(False)
        self.address = self.listening.getsockname()
        self.server = LeanServer(self.listening, self._serve, plain_refusal, limits, balance)
        self.server.start()

    @property
    def count(self) -> int:
        """Connections that the server holds."""
        return len(self.server._crowd)

    async def _serve(self, client: Client) -> None:
        self.served.append(client.path)
        watch = asyncio.create_task(self._watch(client))
        try:
            await self._answer(client)
        except BaseException as error:
            self.errors.append(error)
            raise
        finally:
            watch.cancel()

    async def _watch(self, client: Client) -> None:
        await client.gone()
        self.gone.append(client.path)

    async def _answer(self, client: Client) -> None:
        path = client.path
        if path == "/echo":
            try:
                body = await client.body(1 << 24, self.progress.append)
            except (CutShort, TooLarge) as error:
                client.start(400, [])
                await client.end(type(error).__name__.encode())
                return
            client.start(200, [])
            await client.end(body)
        elif path == "/events":
            client.start(200, [(b"content-type", b"text/event-stream")])
            await client.write(b"one")
            await self.go.wait()
            await client.write(b"two")
            await client.end(b"three")
        elif path == "/deny":
            while await client.skip():
                pass
            client.start(401, [(b"content-length", b"2")])
            await client.end(b"no")
        elif path == "/hold":
            await self.go.wait()
            client.start(200, [(b"content-length", b"4")])
            await client.end(b"held")
        elif path == "/nothing":
            client.start(204, [(b"content-length", b"0"), (b"x-a", b"b")])
            await client.end()
        elif path == "/bug":
            raise LookupError("a bug")
        elif path == "/bug-late":
            client.start(200, [])
            await client.write(b"one")
            raise LookupError("a bug")
        elif path == "/short":
            client.start(200, [(b"content-length", b"9")])
            await client.end(b"one")
        elif path == "/long":
            client.start(200, [(b"content-length", b"1")])
            await client.end(b"one")
        else:
            body = b"x" * int(path[1:])
            client.start(200, [(b"content-length", b"%d" % len(body))])
            await client.end(body)

    async def connect(self) -> "Wire":
        """A client's connection."""
        reader, writer = await asyncio.open_connection(*self.address)
        wire = Wire(reader, writer)
        self.wires.append(wire)
        return wire

    async def until(self, true: Callable[[], object]) -> None:
        """Wait until something is so."""
        async with asyncio.timeout(5):
            while not true():  # noqa: ASYNC110
                await asyncio.sleep(0.002)


class Wire:
    """The client's end of a connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, data: bytes) -> None:
        """Write."""
        self.writer.write(data)

    async def answer(self) -> tuple[int, dict[bytes, bytes], bytes]:
        """The next whole answer, framed as it says."""
        async with asyncio.timeout(5):
            status, headers = await self.head()
            if b"content-length" in headers:
                return status, headers, await self.reader.readexactly(int(headers[b"content-length"]))
            if headers.get(b"transfer-encoding") == b"chunked":
                return status, headers, await self.chunks()
            return status, headers, b"" if status in (100, 204, 304) else await self.reader.read()

    async def head(self) -> tuple[int, dict[bytes, bytes]]:
        """Status and headers."""
        async with asyncio.timeout(5):
            first, *lines = (await self.reader.readuntil(b"\r\n\r\n"))[:-4].split(b"\r\n")
        return int(first.split()[1]), dict(line.lower().split(b": ", 1) for line in lines)

    async def chunks(self) -> bytes:
        """All chunks to the end."""
        content = b""
        while size := int(await self.reader.readuntil(b"\r\n"), 16):
            content += (await self.reader.readexactly(size + 2))[:-2]
        await self.reader.readexactly(2)
        return content

    async def rest(self) -> bytes:
        """All until the server closes."""
        async with asyncio.timeout(5):
            return await self.reader.read()

    def half_close(self) -> None:
        """Say that nothing more will be sent."""
        self.writer.write_eof()

    def reset(self) -> None:
        """Leave with a reset."""
        sock: Any = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        self.writer.transport.abort()

    def close(self) -> None:
        """Leave."""
        self.writer.close()


Run = Callable[..., None]


@pytest.fixture
def on_stage() -> Run:
    """Runs a scenario against a server of its own."""

    def run(
        scenario: Scenario, *, head: float = 5.0, idle: float = 5.0, most: int = 100, balance: Any = None
    ) -> None:
        async def main() -> None:
            stage = Stage(Limits(most, head, idle), balance)
            try:
                await scenario(stage)
            finally:
                stage.go.set()
                stage.server.drain()
                await stage.server.finish(1.0)
                for wire in stage.wires:
                    wire.writer.transport.abort()
                await asyncio.sleep(0.01)

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(main())

    return run
