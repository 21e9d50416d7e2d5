"""Good exchanges: what goes out, and every way in which a response may be framed."""

import asyncio

import pytest

from hybridgw.core import Boundary
from hybridgw.errors import UpstreamError
from hybridgw.transport import UpstreamRequest
from tests.support.loops import LoopFactory, run
from tests.support.scripted import Close, Connection, Expect, Repeat, Scripted, Send
from tests.support.transports import FAST, OK, ask, deployment, open_transport, post, whole

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
FRAMED = {
    "length": (HEAD + b"content-length: 11\r\n\r\nhello world", b"hello world"),
    "empty": (HEAD + b"content-length: 0\r\n\r\n", b""),
    "chunked": (
        HEAD + b"transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n",
        b"hello world",
    ),
    "extensions": (
        HEAD + b"transfer-encoding: chunked\r\n\r\n5;a=b;c\r\nhello\r\n0;z\r\n\r\n",
        b"hello",
    ),
    "trailers": (
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nx-sum: 1\r\nx-more: 2\r\n\r\n",
        b"hello",
    ),
    "until-close": (HEAD + b"\r\nhello world", b"hello world"),
    "http/1.0": (b"HTTP/1.0 200 OK\r\ncontent-type: text/html\r\n\r\nhello", b"hello"),
    "no-content": (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
    "not-modified": (b"HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n", b""),
    "continue": (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nlink: x\r\n\r\n"
        + HEAD
        + b"content-length: 2\r\n\r\nok",
        b"ok",
    ),
    "no-reason": (b"HTTP/1.1 500\r\ncontent-length: 1\r\n\r\nx", b"x"),
}


@pytest.mark.parametrize("slices", [0, 1, 7])
@pytest.mark.parametrize("case", FRAMED)
def test_framing(case: str, slices: int, kind: str, loop: LoopFactory) -> None:
    raw, expected = FRAMED[case]
    status, headers, body = run(whole(kind, [Expect(), Send(raw, slices=slices), Close()]), loop)
    assert body == expected
    assert status == int(raw.rsplit(b"HTTP/1.", 1)[1][2:5])
    assert all(name == name.lower() for name, _ in headers)
    assert not any(name.startswith((b"x-", b"link")) for name, _ in headers)


def test_what_is_sent(kind: str, loop: LoopFactory) -> None:
    async def main() -> None:
        async with Scripted([Expect(), Send(OK)]) as server, open_transport(kind) as transport:
            request = post(
                b'{"a":1}', target="/v1/x%20y?q=1&z", headers=((b"authorization", b"forged"), (b"a", b"\t1"))
            )
            response = await ask(transport, server, request)
            assert response.peer == "127.0.0.1"
            assert await response.read_all(100) == b"{}"
            (received,) = server.requests
            assert received.line == "POST /v1/x%20y?q=1&z HTTP/1.1"
            assert received.header("host") == [f"127.0.0.1:{server.port}"]
            assert received.header("authorization") == ["Bearer secret-key"]
            assert received.header("accept-encoding") == ["identity"]
            assert received.header("content-length") == ["7"]
            assert received.header("user-agent")[0].startswith("hybridgw/")
            assert received.header("a") == ["1"]
            assert received.body == b'{"a":1}'
            for absent in ("cookie", "expect", "transfer-encoding", "accept", "content-type"):
                assert received.header(absent) == []

    run(main(), loop)


def test_get_has_no_length(kind: str, loop: LoopFactory) -> None:
    async def main() -> None:
        async with Scripted([Expect(), Send(OK)]) as server, open_transport(kind) as transport:
            response = await ask(transport, server, UpstreamRequest("GET", "/v1/models", (), b""))
            assert await response.read_all(100) == b"{}"
            assert server.requests[0].header("content-length") == []

    run(main(), loop)


def test_head_answer_has_no_body(kind: str, loop: LoopFactory) -> None:
    answer = b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n"
    request = UpstreamRequest("HEAD", "/", (), b"")
    assert run(whole(kind, answer, request), loop)[::2] == (200, b"")


def test_large_bodies_both_ways(kind: str, loop: LoopFactory) -> None:
    sent = bytes(range(256)) * 20_000
    answer = bytes(reversed(range(256))) * 15_000
    raw = HEAD + b"transfer-encoding: chunked\r\n\r\n"
    for start in range(0, len(answer), 100_000):
        piece = answer[start : start + 100_000]
        raw += b"%x\r\n%b\r\n" % (len(piece), piece)
    raw += b"0\r\n\r\n"

    async def main() -> None:
        async with Scripted([Expect(), Send(raw)]) as server, open_transport(kind) as transport:
            response = await ask(transport, server, post(sent))
            assert await response.read_all(1 << 24) == answer
            assert server.requests[0].body == sent

    run(main(), loop)


def test_connection_is_kept(kind: str, loop: LoopFactory) -> None:
    async def main() -> None:
        async with Scripted([Repeat([Expect(), Send(OK)])]) as server, open_transport(kind) as transport:
            for _ in range(5):
                response = await ask(transport, server)
                assert await response.read_all(10) == b"{}"
                response.close()
            stats = transport.stats()
            assert (server.connections, stats["opened"], stats["reused"], stats["pooled"]) == (1, 1, 4, 1)
            assert (stats["in_use"], stats["open"]) == (0, 1)

    run(main(), loop)


def test_concurrent_requests_do_not_mix(kind: str, loop: LoopFactory) -> None:
    """Twenty tasks share a pool; each gets the answer to its own request."""

    class Echo(Send):
        async def play(self, on: Connection) -> bool:
            own = [each for each in on.server.requests if each.connection == on.number]
            body = own[-1].body
            on.writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
            return True

    async def main() -> None:
        async with Scripted([Repeat([Expect(), Echo(b"")])]) as server, open_transport(kind) as transport:
            target = deployment(server.port)

            async def one(number: int) -> None:
                for turn in range(5):
                    body = b"%d-%d" % (number, turn)
                    response = await transport.send(Boundary.DEVICE, target, post(body), FAST)
                    assert await response.read_all(100) == body

            async with asyncio.TaskGroup() as group:
                for number in range(20):
                    group.create_task(one(number))
            assert server.connections <= 20

    run(main(), loop)


def test_read_all_is_bounded(kind: str, loop: LoopFactory) -> None:
    async def main() -> None:
        raw = HEAD + b"content-length: 1000000\r\n\r\n" + bytes(1_000_000)
        async with Scripted([Expect(), Send(raw)]) as server, open_transport(kind) as transport:
            response = await ask(transport, server)
            with pytest.raises(UpstreamError, match="larger than 1000 bytes"):
                await response.read_all(1000)
            assert transport.stats()["pooled"] == 0

    run(main(), loop)
