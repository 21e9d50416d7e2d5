"""Our own server, by what its clients see and what its application learns of them."""

import asyncio
import json
import logging

import pytest

from tests.unit.front.conftest import Run, Stage

GET = b"GET /%d HTTP/1.1\r\nhost: a\r\n\r\n"
ECHO = b"POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: %d\r\n\r\n%b"
CHUNKED = b"POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n"


def test_requests_follow_one_another_on_a_connection(on_stage: Run) -> None:
    async def scenario(stage: Stage) -> None:
        wire = await stage.connect()
        for size in (0, 1, 100, 70_000, 3_000_000):
            wire.send(GET % size)
            status, headers, body = await wire.answer()
            assert (status, len(body)) == (200, size)
            assert headers[b"content-length"] == b"%d" % size
            assert b"connection" not in headers
            assert b"date" in headers
        for size in (1, 60_000, 1_000_000):
            wire.send(ECHO % (size, b"y" * size))
            assert (await wire.answer())[2] == b"y" * size
        assert stage.count == 1

    on_stage(scenario)


def test_a_request_byte_by_byte(on_stage: Run) -> None:
    async def scenario(stage: Stage) -> None:
        wire = await stage.connect()
        for raw in (ECHO % (5, b"hello"), CHUNKED + b"3\r\nhel\r\n2;x\r\nlo\r\n0\r\na: b\r\n\r\n"):
            for i in range(len(raw)):
                wire.send(raw[i : i + 1])
                await asyncio.sleep(0)
            assert (await wire.answer())[2] == b"hello"

    on_stage(scenario)


def test_pipelined_requests_are_answered_in_order(on_stage: Run) -> None:
    async def scenario(stage: Stage) -> None:
        wire = await stage.connect()
        wire.send(b"".join(GET % n + b"\r\n" + ECHO % (2, b"%02d" % n) for n in range(50)))
        for n in range(50):
            assert len((await wire.answer())[2]) == n
            assert (await wire.answer())[2] == b"%02d" % n
        wire.send(CHUNKED + b"1\r\nx\r\n0\r\n\r\n" + GET % 7)
        assert (await wire.answer())[2] == b"x"
        assert len((await wire.answer())[2]) == 7

    on_stage(scenario)


def test_what_follows_a_request_waits_unread(on_stage: Run) -> None:
    async def scenario(stage: Stage) -> None:
        wire = await stage.connect()
        wire.send(b"GET /hold HTTP/1.1\r\nhost: a\r\n\r\n" + GET % 3)
        await stage.until(lambda: stage.served)
        for _ in range(200):
            wire.send(GET % 3 * 1000)
        await asyncio.sleep(0.05)
        assert stage.served == ["/hold"]
        assert wire.writer.transport.get_write_buffer_size(), "the server must not have read all of it"
        stage.go.set()
        assert (await wire.answer())[2] == b"held"
        for _ in range(1000):
            assert (await wire.answer())[2] == b"xxx"
        wire.reset()

    on_stage(scenario)


def test_a_stream_leaves_as_it_is_written(on_stage: Run) -> None:
    async def scenario(stage: Stage) -> None:
        wire = await stage.connect()
        wire.send(b"GET /events HTTP/1.1\r\nhost: a\r\n\r\n")
        status, headers = await wire.head()
        assert (status, headers[b"transfer-encoding"]) == (200, b"chunked")
        assert await wire.reader.readexactly(8) == b"3\r\none\r\n"
        stage.go.set()
        assert await wire.chunks() == b"twothree"
        wire.send(GET % 1)
        assert (await wire.answer())[2] == b"x"

    on_stage(scenario)


def test_http_1_0(on_stage: Run) -> None:
    async def scenario(stage: Stage) -> None:
        wire = await stage.connect()
        wire.send(b"GET /3 HTTP/1.0\r\nconnection: keep-alive\r\n\r\n")
        _, headers, body = await wire.answer()
        assert (headers[b"connection"], body) == (b"keep-alive", b"xxx")
        wire.send(b"GET /events HTTP/1.0\r\nconnection: keep-alive\r\n\r\n")
        stage.go.set()
        _, headers = await wire.head()
        assert headers[b"connection"] == b"close"
        assert b"transfer-encoding" not in headers
        assert await wire.rest() == b"onetwothree"

    on_stage(scenario)


def test_head_has_no_body(on_stage: Run) -> None:
    async def scenario(stage: Stage) -> None:
        wire = await stage.connect()
        wire.send(b"HEAD /3 HTTP/1.1\r\nhost: a\r\n\r\n" + GET % 1)
        assert (await wire.head())[0] == 200
        assert (await wire.answer())[2] == b"x"

    on_stage(scenario)


def test_an_answer_without_a_body_states_no_length(on_stage: Run) -> None:
    async def scenario(stage: Stage) -> None:
        wire = await stage.connect()
        wire.send(b"OPTIONS /nothing HTTP/1.1\r\nhost: a\r\n\r\n" + GET % 1)
        status, headers = await wire.head()
        assert (status, headers[b"x-a"]) == (204, b"b")
        assert b"content-length" not in headers and b"transfer-encoding" not in headers
        assert (await wire.answer())[2] == b"x"

    on_stage(scenario)


def test_connection_close_is_kept_to(on_stage: Run) -> None:
    async def scenario(stage: Stage) -> None:
        wire = await stage.connect()
        wire.send(b"GET /3 HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n" + GET % 4)
        _, headers, body = await wire.answer()
        assert (headers[b"connection"], body) == (b"close", b"xxx")
        assert await wire.rest() == b""
        assert stage.served == ["/3"]
        wire.close()
        await stage.until(lambda: not stage.count)

    on_stage(scenario)


def test_the_body_is_asked_for_when_it_is_wanted(on_stage: Run) -> None:
    async def scenario(stage: Stage) -> None:
        wire = await stage.connect()
        wire.send(b"POST /echo HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n")
        assert (await wire.answer())[0] == 100
        wire.send(b"hi" + GET % 1)
        assert (await wire.answer())[2] == b"hi"
        assert (await wire.answer())[2] == b"x"
        # Refused without a look at it: it is not asked for, and may come or not.
        wire.send(b"POST /deny HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n")
        status, headers, _ = await wire.answer()
        assert (status, headers[b"connection"]) == (401, b"close")
        assert await wire.rest() == b""
        # A client that does not wait is not told to go on.
        wire = await stage.connect()
        wire.send(b"POST /echo HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\nhi")
        assert (await wire.answer())[0] == 200

    on_stage(scenario)


def test_a_refused_body_does_not_cost_the_answer(on_stage: Run) -> None:
    async def scenario(stage: Stage) -> None:
        wire = await stage.connect()
        wire.send(b"POST /deny HTTP/1.1\r\nhost: a\r\ncontent-length: 3000000\r\n\r\n")
        wire.send(b"z" * 3_000_000 + GET % 1)
        assert (await wire.answer())[0] == 401
        assert (await wire.answer())[2] == b"x"

    on_stage(scenario)


def test_bodies_are_bounded_and_their_arrival_is_told(on_stage: Run) -> None:
    async def scenario(stage: Stage) -> None:
        wire = await stage.connect()
        wire.send(ECHO % (6, b"abc"))
        await stage.until(lambda: stage.progress)
        wire.send(b"d")
        await stage.until(lambda: stage.progress[-1] == 4)
        wire.send(b"ef")
        assert (await wire.answer())[2] == b"abcdef"
        wire.send(ECHO % ((1 << 24) + 1, b""))
        assert (await wire.answer())[2] == b"TooLarge"
        wire = await stage.connect()
        wire.send(CHUNKED)
        for _ in range(18):
            wire.send(b"100000\r\n" + bytes(1 << 20) + b"\r\n")
        assert (await wire.answer())[2] == b"TooLarge"

    on_stage(scenario)


@pytest.mark.parametrize("rest", [b"5\r\nhel", b"5\r\nhello\n0\r\n\r\n", b"x\r\n"])
def test_a_body_that_breaks_off_is_cut_short(on_stage: Run, rest: bytes) -> None:
    async def scenario(stage: Stage) -> None:
        wire = await stage.connect()
        wire.send(CHUNKED + rest)
        wire.half_close()
        _, headers, body = await wire.answer()
        assert (headers[b"connection"], body) == (b"close", b"CutShort")
        assert await wire.rest() == b""

    on_stage(scenario)


def test_one_byte_pieces_take_no_more_memory_than_their_bytes(on_stage: Run) -> None:
    async def scenario(stage: Stage) -> None:
        wire = await stage.connect()
        wire.send(CHUNKED)
        for _ in range(300):
            wire.send(b"1\r\nx\r\n" * 100)
        await stage.until(lambda: stage.progress and stage.progress[-1] == 30_000)
        (connection,) = stage.server._crowd.all
        client = connection._client
        assert client is not None and len(client._parts) <= 2
        wire.send(b"0\r\n\r\n")
        assert (await wire.answer())[2] == b"x" * 30_000

    on_stage(scenario)


def test_a_body_that_nobody_reads_is_not_read(on_stage: Run) -> None:
    async def scenario(stage: Stage) -> None:
        wire = await stage.connect()
        wire.send(b"POST /hold HTTP/1.1\r\nhost: a\r\ncontent-length: 30000000\r\n\r\n" + bytes(20_000_000))
        await asyncio.sleep(0.1)
        (connection,) = stage.server._crowd.all
        client = connection._client
        assert client is not None and client._held < 2_000_000
        assert wire.writer.transport.get_write_buffer_size()
        stage.go.set()
        _, headers, body = await wire.answer()
        assert (headers[b"connection"], body) == (b"close", b"held")
        wire.reset()

    on_stage(scenario)


def test_a_reader_that_does_not_read_stops_the_writer(on_stage: Run) -> None:
    async def scenario(stage: Stage) -> None:
        async def flood(client: object) -> None:
            client.start(200, [])  # type: ignore[attr-defined]
            for _ in range(2000):
                await client.write(bytes(10_000))  # type: ignore[attr-defined]
                stage.progress.append(1)
            await client.end()  # type: ignore[attr-defined]

        stage.server._crowd.serve = flood
        wire = await stage.connect()
        wire.writer.transport.pause_reading()  # type: ignore[attr-defined]
        wire.send(GET % 1)
        await stage.until(lambda: stage.progress)
        await asyncio.sleep(0.1)
        assert len(stage.progress) < 1900
        wire.writer.transport.resume_reading()  # type: ignore[attr-defined]
        assert len((await wire.answer())[2]) == 20_000_000
        # One that leaves instead lets the writer go.
        wire.writer.transport.pause_reading()  # type: ignore[attr-defined]
        wire.send(GET % 1)
        await stage.until(lambda: len(stage.progress) > 2000)
        wire.reset()
        await stage.until(lambda: len(stage.progress) == 4000)

    on_stage(scenario)


def test_a_client_that_closes_its_side_gets_its_answer(on_stage: Run) -> None:
    async def scenario(stage: Stage) -> None:
        quick = await stage.connect()
        quick.send(GET % 3 + GET % 4)
        quick.half_close()
        answer = await quick.rest()
        assert answer.count(b"HTTP/1.1 200 OK") == 2
        assert answer.endswith(b"xxxx")
        wire = await stage.connect()
        wire.send(b"GET /hold HTTP/1.1\r\nhost: a\r\n\r\n")
        wire.half_close()
        # It is asked whether it is there, by a response that says nothing.
        assert (await wire.answer())[0] == 100
        await asyncio.sleep(0.4)
        stage.go.set()
        assert (await wire.answer())[2] == b"held"
        assert await wire.rest() == b""
        assert not stage.gone

    on_stage(scenario)


def test_a_stream_goes_on_for_a_client_that_closed_its_side(on_stage: Run) -> None:
    async def scenario(stage: Stage) -> None:
        wire = await stage.connect()
        wire.send(b"GET /events HTTP/1.1\r\nhost: a\r\n\r\n")
        await wire.head()
        wire.half_close()
        await asyncio.sleep(0.1)
        stage.go.set()
        assert await wire.chunks() == b"onetwothree"
        assert await wire.rest() == b""

    on_stage(scenario)


@pytest.mark.parametrize("path", [b"/hold", b"/events"])
@pytest.mark.parametrize("how", ["close", "reset"])
def test_a_client_that_left_is_noticed(on_stage: Run, path: bytes, how: str) -> None:
    async def scenario(stage: Stage) -> None:
        wire = await stage.connect()
        wire.send(b"GET %b HTTP/1.1\r\nhost: a\r\n\r\n" % path)
        await stage.until(lambda: stage.served)
        getattr(wire, how)()
        await stage.until(lambda: stage.gone)
        stage.go.set()
        await stage.until(lambda: not stage.count)
        assert not stage.errors, "writing to nobody does nothing"

    on_stage(scenario)


def test_resets_at_every_byte_leave_nothing_behind(on_stage: Run) -> None:
    async def scenario(stage: Stage) -> None:
        for raw in (ECHO % (5, b"hello"), CHUNKED + b"5\r\nhello\r\n0\r\n\r\n"):
            for end in range(len(raw)):
                wire = await stage.connect()
                wire.send(raw[:end])
                await asyncio.sleep(0)
                wire.reset()
        await stage.until(lambda: not stage.count)
        wire = await stage.connect()
        wire.send(GET % 1)
        assert (await wire.answer())[0] == 200

    on_stage(scenario)


@pytest.mark.parametrize(
    ("raw", "status", "code"),
    [
        (b"GET / HTTP/1.1\nhost: a\n\n", 400, "bad_request"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 20, 400, "bad_request"),
        (b"GET / HTTP/1.1\r\nx: " + b"a" * 70_000 + b"\r\n\r\n", 431, "headers_too_large"),
        (b"GET /" + b"a" * 200_000, 431, "headers_too_large"),
    ],
)
def test_what_is_no_request_is_answered_and_ends_the_connection(
    on_stage: Run, raw: bytes, status: int, code: str
) -> None:
    async def scenario(stage: Stage) -> None:
        wire = await stage.connect()
        wire.send(GET % 1 + raw)
        assert (await wire.answer())[0] == 200
        told, headers, body = await wire.answer()
        assert (told, headers[b"connection"]) == (status, b"close")
        assert json.loads(body)["error"]["code"] == code
        assert await wire.rest() == b""
        wire.close()
        await stage.until(lambda: not stage.count)
        assert stage.served == ["/1"]

    on_stage(scenario)


def test_a_head_that_ends_early_is_answered(on_stage: Run) -> None:
    async def scenario(stage: Stage) -> None:
        wire = await stage.connect()
        wire.send(b"GET / HTTP/1.1\r\nhost")
        wire.half_close()
        assert (await wire.answer())[0] == 400
        silent = await stage.connect()
        silent.half_close()
        assert await silent.rest() == b""

    on_stage(scenario)


def test_heads_that_do_not_come_and_idle_connections_end(on_stage: Run) -> None:
    async def scenario(stage: Stage) -> None:
        silent, slow, kept = [await stage.connect() for _ in range(3)]
        slow.send(b"GET / HTTP/1.1\r\nhost")
        kept.send(GET % 1)
        assert (await kept.answer())[0] == 200
        assert (await slow.answer())[0] == 408
        assert await silent.rest() == b""
        assert await kept.rest() == b""
        # Bytes that are no head do not buy time.
        lines = await stage.connect()
        for _ in range(5):
            lines.send(b"\r\n")
            await asyncio.sleep(0.01)
        assert await lines.rest() == b""

    on_stage(scenario, head=0.3, idle=0.6)


def test_a_connection_that_is_served_is_no_idle_one(on_stage: Run) -> None:
    async def scenario(stage: Stage) -> None:
        wire = await stage.connect()
        wire.send(b"GET /hold HTTP/1.1\r\nhost: a\r\n\r\n")
        await asyncio.sleep(0.8)
        stage.go.set()
        assert (await wire.answer())[2] == b"held"

    on_stage(scenario, head=0.3, idle=0.3)


def test_idle_connections_make_room_the_longest_idle_first(on_stage: Run) -> None:
    async def scenario(stage: Stage) -> None:
        first, second, third = [await stage.connect() for _ in range(3)]
        for wire in (second, first, third):
            wire.send(GET % 1)
            await wire.answer()
        newcomer = await stage.connect()
        newcomer.send(GET % 2)
        assert (await newcomer.answer())[2] == b"xx"
        assert await second.rest() == b""
        for wire in (first, third):
            wire.send(GET % 3)
            assert (await wire.answer())[2] == b"xxx"
        # Those that have sent nothing at all go before those that are in use.
        silent = [await stage.connect() for _ in range(10)]
        await asyncio.sleep(0.05)
        assert stage.count <= 3
        late = await stage.connect()
        late.send(GET % 1)
        assert (await late.answer())[0] == 200
        for wire in silent:
            wire.close()

    on_stage(scenario, most=3)


def test_who_is_served_is_never_ended_for_others(on_stage: Run) -> None:
    async def scenario(stage: Stage) -> None:
        busy = [await stage.connect() for _ in range(2)]
        for wire in busy:
            wire.send(b"GET /hold HTTP/1.1\r\nhost: a\r\n\r\n")
        await stage.until(lambda: len(stage.served) == 2)
        waiting = await stage.connect()
        waiting.send(GET % 1)
        await asyncio.sleep(0.05)
        assert len(stage.served) == 2
        stage.go.set()
        for wire in busy:
            assert (await wire.answer())[2] == b"held"
        assert (await waiting.answer())[2] == b"x"

    on_stage(scenario, most=2)


def test_a_head_that_does_not_come_makes_room(on_stage: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hybridgw.front.crowd._SLOW_HEAD", 0.0)

    async def scenario(stage: Stage) -> None:
        slow = await stage.connect()
        slow.send(b"GET / HT")
        await stage.until(lambda: stage.server._crowd._heads)
        waiting = await stage.connect()
        waiting.send(GET % 1)
        assert (await slow.answer())[0] == 408
        slow.close()
        assert (await waiting.answer())[2] == b"x"

    on_stage(scenario, most=1)


def test_a_drain_ends_idle_connections_at_once_and_others_with_their_answer(on_stage: Run) -> None:
    async def scenario(stage: Stage) -> None:
        idle, begun, busy = [await stage.connect() for _ in range(3)]
        idle.send(GET % 1)
        await idle.answer()
        begun.send(b"GET / HT")
        busy.send(b"GET /hold HTTP/1.1\r\nhost: a\r\n\r\n")
        await stage.until(lambda: stage.served == ["/1", "/hold"] and stage.server._crowd._heads)
        stage.server.drain()
        assert await idle.rest() == b""
        assert await begun.rest() == b""
        with pytest.raises(ConnectionRefusedError):
            await stage.connect()
        stage.go.set()
        _, headers, body = await busy.answer()
        assert (headers[b"connection"], body) == (b"close", b"held")
        await stage.server.finish(5)
        assert stage.count == 0

    on_stage(scenario)


def test_a_drain_ends_after_its_time(on_stage: Run) -> None:
    async def scenario(stage: Stage) -> None:
        wire = await stage.connect()
        wire.send(b"GET /hold HTTP/1.1\r\nhost: a\r\n\r\n")
        await stage.until(lambda: stage.served)
        stage.server.drain()
        await stage.server.finish(0.05)
        assert await wire.rest() == b""

    on_stage(scenario)


def test_bugs_end_their_own_connection(on_stage: Run, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(stage: Stage) -> None:
        for path, status in ((b"/bug", 500), (b"/long", 500)):
            wire = await stage.connect()
            wire.send(b"GET %b HTTP/1.1\r\nhost: a\r\n\r\n" % path)
            told, _, body = await wire.answer()
            assert told == status
            assert json.loads(body)["error"]["code"] == "internal_error"
        late = await stage.connect()
        late.send(b"GET /bug-late HTTP/1.1\r\nhost: a\r\n\r\n")
        await late.head()
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await late.chunks()
        short = await stage.connect()
        short.send(b"GET /short HTTP/1.1\r\nhost: a\r\n\r\n")
        await short.head()
        assert await short.rest() == b"one"

    with caplog.at_level(logging.ERROR):
        on_stage(scenario)
    assert caplog.text.count("LookupError: a bug") == 2
    assert "the body is longer than its head states" in caplog.text
