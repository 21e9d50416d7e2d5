"""Any requests in any pieces: the same answers in the same order, on one connection without a network."""

import asyncio
from itertools import pairwise
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from hybridgw.front.connection import Connection
from hybridgw.front.crowd import Crowd, Limits
from hybridgw.front.lean import plain_refusal
from hybridgw.front.seam import Client


class Wire:
    """As much of a transport as a connection uses."""

    def __init__(self) -> None:
        self.out = b""
        self.reading = True
        self.closed = False

    def write(self, data: bytes) -> None:
        self.out += data

    def pause_reading(self) -> None:
        assert self.reading
        self.reading = False

    def resume_reading(self) -> None:
        assert not self.reading
        self.reading = True

    def is_closing(self) -> bool:
        return self.closed

    def get_write_buffer_size(self) -> int:
        return 0

    def write_eof(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True

    abort = close


async def serve(client: Client) -> None:
    body = await client.body(1 << 20, lambda _: None)
    await asyncio.sleep(0)
    client.start(200, [(b"content-length", b"%d" % (len(client.path) + len(body)))])
    await client.end(client.path.encode() + body)


def counted(path: str, body: bytes) -> bytes:
    return b"POST %b HTTP/1.1\r\nContent-Length: %d\r\n\r\n%b" % (path.encode(), len(body), body)


def chunked(path: str, body: bytes) -> bytes:
    middle = len(body) // 2
    parts = b"".join(b"%X;x\r\n%b\r\n" % (len(p), p) for p in (body[:middle], body[middle:]) if p)
    return b"POST %b HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n%b0\r\n\r\n" % (path.encode(), parts)


def plain(path: str, body: bytes) -> bytes:
    return b"\r\nGET %b%b HTTP/1.1\r\nhost: a\r\n\r\n" % (path.encode(), b"")


REQUESTS = st.lists(
    st.tuples(
        st.sampled_from((counted, chunked, plain)),
        st.from_regex(r"/[a-z]{0,5}", fullmatch=True),
        st.binary(max_size=30),
    ),
    min_size=1,
    max_size=5,
)


@given(REQUESTS, st.data())
def test_any_requests_in_any_pieces(requests: list[Any], data: st.DataObject) -> None:
    raw = b"".join(write(path, body) for write, path, body in requests)
    cuts = data.draw(st.lists(st.integers(1, len(raw)), max_size=12, unique=True))
    edges = sorted({0, *cuts, len(raw)})
    expected = [path.encode() + (b"" if write is plain else body) for write, path, body in requests]

    async def main() -> bytes:
        wire = Wire()
        crowd = Crowd(asyncio.get_running_loop(), serve, plain_refusal, Limits(10, 5.0, 5.0))
        connection = Connection(crowd, cast(Any, None))
        crowd.coming = 1
        connection.connection_made(cast(Any, wire))
        for start, end in pairwise(edges):
            while not wire.reading:  # noqa: ASYNC110
                await asyncio.sleep(0)
            connection.data_received(raw[start:end])
            if data.draw(st.booleans()):
                await asyncio.sleep(0)
        for _ in range(12 * len(requests)):
            await asyncio.sleep(0)
        connection.connection_lost(None)
        assert len(crowd) == 0
        assert not wire.closed
        return wire.out

    out = asyncio.run(main())
    for answer in expected:
        head, _, out = out.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        assert out[: len(answer)] == answer
        out = out[len(answer) :]
    assert out == b""
