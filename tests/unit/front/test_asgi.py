"""The seam over ASGI and ASGI over the seam, each by what the other side sees."""

import asyncio
from typing import Any

import pytest

from hybridgw.front.asgi import AsgiClient, over_asgi
from hybridgw.front.seam import CutShort, TooLarge
from tests.unit.front.conftest import Run, Stage

SCOPE = {"type": "http", "method": "POST", "path": "/a", "query_string": b"b=c", "headers": [(b"host", b"x")]}


def part(body: bytes, more: bool) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


GONE = {"type": "http.disconnect"}


def client_of(*messages: dict[str, Any]) -> tuple[AsgiClient, list[Any]]:
    waiting, sent = list(messages), []

    async def receive() -> Any:
        return waiting.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    return AsgiClient(SCOPE, receive, send), sent


def test_a_body_is_joined_bounded_and_its_arrival_told() -> None:
    async def scenario() -> None:
        came: list[int] = []
        client, _ = client_of(part(b"ab", True), part(b"", True), part(b"cde", False))
        assert (client.method, client.path, client.query) == ("POST", "/a", b"b=c")
        assert await client.body(5, came.append) == b"abcde"
        assert came == [2, 2]
        assert await client_of(part(b"abc", False))[0].body(3, came.append) == b"abc"
        for messages in ([part(b"abc", False)], [part(b"a", True), part(b"bc", False)], [part(b"abc", True)]):
            with pytest.raises(TooLarge):
                await client_of(*messages)[0].body(2, came.append)
        for messages in ([GONE], [part(b"a", True), GONE]):
            with pytest.raises(CutShort):
                await client_of(*messages)[0].body(9, came.append)

    asyncio.run(scenario())


def test_what_the_reader_raises_ends_the_reading() -> None:
    async def scenario() -> None:
        def full(size: int) -> None:
            raise LookupError(size)

        client, _ = client_of(part(b"ab", True), part(b"cd", True), part(b"e", False))
        with pytest.raises(LookupError):
            await client.body(9, full)
        assert [await client.skip() for _ in range(3)] == [2, 1, 0]

    asyncio.run(scenario())


def test_skipping_ends_with_the_body_or_the_client() -> None:
    async def scenario() -> None:
        client, _ = client_of(part(b"ab", True), part(b"", True), part(b"c", False))
        assert [await client.skip() for _ in range(3)] == [2, 1, 0]
        client, _ = client_of(part(b"ab", True), GONE)
        assert [await client.skip() for _ in range(3)] == [2, 0, 0]
        client, _ = client_of(part(b"", True), GONE)
        await client.gone()

    asyncio.run(scenario())


def test_the_head_waits_for_the_first_bytes() -> None:
    async def scenario() -> None:
        client, sent = client_of()
        client.more_headers = ((b"vary", b"origin"),)
        client.start(200, [(b"a", b"b")])
        assert not sent
        await client.write(b"one")
        await client.end(b"two")
        assert sent == [
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [(b"a", b"b"), (b"vary", b"origin")],
            },
            {"type": "http.response.body", "body": b"one", "more_body": True},
            {"type": "http.response.body", "body": b"two", "more_body": False},
        ]

    asyncio.run(scenario())


def test_an_application_that_knows_asgi_only_is_served(on_stage: Run) -> None:
    seen: list[Any] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        seen.append((scope["type"], scope["method"], scope["path"], scope["query_string"]))
        message = await receive()
        seen.append(message)
        if message["type"] == "http.disconnect":
            return
        await send({"type": "http.response.start", "status": 201, "headers": [(b"x-a", b"b")]})
        await send({"type": "http.response.body", "body": b"one", "more_body": True})
        await send({"type": "http.response.body", "body": b"two"})
        seen.append(await receive())

    async def scenario(stage: Stage) -> None:
        stage.server._crowd.serve = over_asgi(application)
        wire = await stage.connect()
        wire.send(b"POST /p%20q?r HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nhi")
        status, headers, body = await wire.answer()
        assert (status, headers[b"x-a"], body) == (201, b"b", b"onetwo")
        await stage.until(lambda: len(seen) == 3)
        assert seen == [("http", "POST", "/p q", b"r"), part(b"hi", False), GONE]
        seen.clear()
        wire = await stage.connect()
        wire.send(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nh")
        await stage.until(lambda: seen)
        wire.reset()
        await stage.until(lambda: len(seen) == 2)
        assert seen[1] == GONE

    on_stage(scenario)
