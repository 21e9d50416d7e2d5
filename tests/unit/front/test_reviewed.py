"""What a hostile client found: each held up, filled or leaked something."""

import asyncio
import socket

import pytest

from hybridgw.front.chunks import BadChunk, Chunks
from hybridgw.front.lean import LeanServer, Limits, plain_refusal
from hybridgw.front.seam import Client

LIMITS = Limits(connections=4, head=30.0, idle=0.3)
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


def test_one_call_decodes_a_bounded_number_of_chunks() -> None:
    body = b"1\r\nx\r\n" * 1000 + b"0\r\n\r\n"
    chunks, content, rest, calls = Chunks(), b"", body, 0
    while not chunks.done:
        pieces, rest = chunks.feed(rest)
        content += b"".join(pieces)
        calls += 1
    assert content == b"x" * 1000 and rest == b"" and calls > 4


def test_framing_that_dwarfs_its_content_is_refused() -> None:
    chunks, piece = Chunks(), b"1;" + b"e" * 4000 + b"\r\nx\r\n"
    with pytest.raises(BadChunk, match="far longer"):
        for _ in range(1000):
            chunks.feed(piece)


class Served:
    """A server whose every answer is `size` bytes long; `answered` counts them."""

    def __init__(self, size: int, wait: float = 0.0) -> None:
        self.body = b"y" * size
        self.wait = wait
        self.answered = 0
        self.left = 0

    async def __call__(self, client: Client) -> None:
        await client.body(1 << 20, lambda _: None)
        if self.wait:
            leaving = asyncio.ensure_future(client.gone())
            await asyncio.wait([leaving], timeout=self.wait)
            self.left += leaving.done()
            leaving.cancel()
        client.start(200, [(b"content-length", b"%d" % len(self.body))])
        await client.end(self.body)
        self.answered += 1


async def started(served: Served, limits: Limits = LIMITS) -> tuple[LeanServer, int]:
    listening = socket.create_server(("127.0.0.1", 0))
    listening.setblocking(False)
    server = LeanServer(listening, served, plain_refusal, limits, None)
    server.start()
    return server, listening.getsockname()[1]


def test_pipelined_answers_wait_for_their_reader() -> None:
    async def main() -> None:
        served = Served(200_000)
        server, port = await started(served, LIMITS._replace(idle=30.0))
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        writer.write(GET * 500)
        await asyncio.sleep(0.5)
        assert served.answered < 100, "nobody reads them"
        seen = 0
        while seen < 500 * 200_000:
            piece = await reader.read(1 << 20)
            assert piece
            seen += len(piece)
        assert served.answered == 500
        writer.close()
        server.drain()
        await server.finish(1.0)

    asyncio.run(main())


@pytest.mark.parametrize("behind", [b"", b"\r\n", b"\r\n\r\n"])
def test_a_connection_that_is_done_with_is_let_go(behind: bytes) -> None:
    async def main() -> None:
        server, port = await started(Served(2))
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(GET + behind)
        await reader.readuntil(b"\r\n\r\nyy")
        assert await asyncio.wait_for(reader.read(), 5.0) == b""
        writer.close()
        server.drain()
        await server.finish(1.0)

    asyncio.run(main())


def test_empty_lines_have_an_end() -> None:
    async def main() -> None:
        server, port = await started(Served(2))
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"\r\n" * 4000)
        assert b" 400 " in await asyncio.wait_for(reader.readline(), 5.0)
        writer.close()
        server.drain()
        await server.finish(1.0)

    asyncio.run(main())


@pytest.mark.parametrize("behind", [b"", b"\r\n", GET])
def test_who_left_is_noticed_whatever_followed_the_request(behind: bytes) -> None:
    async def main() -> None:
        served = Served(2, wait=5.0)
        server, port = await started(served)
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(GET + behind)
        await asyncio.sleep(0.1)
        # A reset, not a half-closed connection.
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        writer.transport.abort()
        for _ in range(40):
            if served.left:
                break
            await asyncio.sleep(0.05)
        assert served.left == 1
        server.drain()
        await server.finish(1.0)

    asyncio.run(main())
