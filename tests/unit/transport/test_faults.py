"""Every way in which an upstream can fail, by phase, and the outcome that the breaker is told."""

import asyncio
import contextlib
import resource
import socket
import threading
import time
from contextlib import ExitStack

import pytest

from hybridgw.core import Boundary, Outcome, Timeouts
from hybridgw.errors import UpstreamError, UpstreamTimeout
from tests.support.loops import LoopFactory, run
from tests.support.names import Names
from tests.support.scripted import Close, Expect, Repeat, Reset, Scripted, Send, Stall, Step, Wait
from tests.support.transports import FAST, OK, ask, deployment, open_transport, post

HEAD = b"HTTP/1.1 200 OK\r\n"
LENGTH = HEAD + b"content-length: 10\r\n\r\n"
CHUNKED = HEAD + b"transfer-encoding: chunked\r\n\r\n"
T, M, R = Outcome.TRUNCATED, Outcome.MALFORMED, Outcome.RESET


def outcome(kind: str, loop: LoopFactory, script: list[Step]) -> tuple[Outcome, bytes]:
    """The outcome of an exchange that must fail, and the bytes that were handed out before."""

    async def main() -> tuple[Outcome, bytes]:
        got = b""
        async with Scripted(script) as server, open_transport(kind) as transport:
            try:
                response = await ask(transport, server)
                while data := await response.read():
                    got += data
            except UpstreamError as error:
                assert error.message.startswith("local/test: ") and "127.0.0.1" not in error.message
                assert "secret" not in error.message
                assert transport.stats()["pooled"] == transport.stats()["in_use"] == 0
                return Outcome(error.outcome), got
        raise AssertionError("the exchange did not fail")

    return run(main(), loop)


BROKEN: dict[str, tuple[list[Step], Outcome, bytes]] = {
    "reset on accept": ([Reset()], R, b""),
    "close on accept": ([Close()], R, b""),
    "reset after the request": ([Expect(), Reset()], R, b""),
    "close after the request": ([Expect(), Close()], R, b""),
    "close in the head": ([Expect(), Send(HEAD + b"content-le"), Close()], R, b""),
    "reset in the head": ([Expect(), Send(HEAD), Wait(0.05), Reset()], R, b""),
    "close after the head": ([Expect(), Send(LENGTH), Close()], T, b""),
    "reset after the head": ([Expect(), Send(LENGTH), Wait(0.05), Reset()], T, b""),
    "short length": ([Expect(), Send(LENGTH + b"12345"), Close()], T, b"12345"),
    "reset in length": ([Expect(), Send(LENGTH + b"12345"), Wait(0.05), Reset()], T, b"12345"),
    "short chunked": ([Expect(), Send(CHUNKED + b"5\r\nhello\r\n"), Close()], T, b"hello"),
    "short chunk": ([Expect(), Send(CHUNKED + b"5\r\nhel"), Close()], T, b"hel"),
    "short trailer": ([Expect(), Send(CHUNKED + b"5\r\nhello\r\n0\r\nx: "), Close()], T, b"hello"),
    "reset in chunked": ([Expect(), Send(CHUNKED + b"5\r\nhello\r\n"), Wait(0.05), Reset()], T, b"hello"),
    "reset until close": ([Expect(), Send(HEAD + b"\r\nhello"), Wait(0.05), Reset()], T, b"hello"),
    "not http": ([Expect(), Send(b"SSH-2.0-OpenSSH_9\r\n")], M, b""),
    "http/2 preface": ([Expect(), Send(b"\x00\x00\x12\x04\x00\x00\x00\x00\x00" + bytes(18))], M, b""),
    "two lengths": ([Expect(), Send(HEAD + b"content-length: 1\r\ncontent-length: 2\r\n\r\nab")], M, b""),
    "bad length": ([Expect(), Send(HEAD + b"content-length: 1x\r\n\r\nab")], M, b""),
    "switching protocols": (
        [Expect(), Send(b"HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n")],
        M,
        b"",
    ),
    "head too large": ([Expect(), Send(HEAD + b"x: " + b"y" * 200_000 + b"\r\n\r\n")], M, b""),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken(case: str, kind: str, loop: LoopFactory) -> None:
    script, expected, before = BROKEN[case]
    assert outcome(kind, loop, [*script, Stall()]) == (expected, before)


@pytest.mark.parametrize("slices", [0, 900])
def test_own_client_bounds_bytes_without_content(slices: int, loop: LoopFactory) -> None:
    """aiohttp has no such bounds of its own; its deployments are bound by time limits."""
    many = b"".join(b"x-%d: y\r\n" % number for number in range(8000))
    endless = {
        "interim": b"HTTP/1.1 102 Processing\r\n\r\n" * 4000,
        "fields": HEAD + many + b"content-length: 0\r\n\r\n",
        "one field": HEAD + b"x: " + b"y" * 70_000,
        "extension": CHUNKED + b"5;" + b"e" * 70_000,
        "trailer": CHUNKED + b"5\r\nhello\r\n0\r\n" + many,
    }
    if slices == 0:
        del endless["trailer"]  # what fits one read is bounded by the size of a read
    for name, raw in endless.items():
        got = outcome("lean", loop, [Expect(), Send(raw, slices=slices), Stall()])[0]
        assert got == M, name


def test_malformed_chunks(kind: str, loop: LoopFactory) -> None:
    """aiohttp reports a broken chunk and a missing one alike; both mean that the body is lost."""
    for bad in (b"zz\r\nhello\r\n", b"5\r\nhelloworld\r\n0\r\n\r\n", b"-1\r\n", b"ffffffffffffffffff\r\nx"):
        got, _ = outcome(kind, loop, [Expect(), Send(CHUNKED + bad), Stall()])
        assert got in ((M,) if kind == "lean" else (M, T)), bad


def test_length_and_chunked_together_is_never_reused(kind: str, loop: LoopFactory) -> None:
    raw = HEAD + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"
    assert outcome(kind, loop, [Expect(), Send(raw), Stall()])[0] == M


QUICK = Timeouts(connect=2.0, first_token=0.08, idle=5.0, total=10.0)


def timed_out(kind: str, loop: LoopFactory, script: list[Step], timeouts: Timeouts, arm: bool) -> Outcome:
    async def main() -> Outcome:
        async with Scripted(script) as server, open_transport(kind) as transport:
            with pytest.raises(UpstreamTimeout) as caught:
                response = await ask(transport, server, timeouts=timeouts)
                if arm:
                    response.arm(0.08, Outcome.STALLED)
                while await response.read():
                    response.touch()
            await asyncio.wait_for(server.client_left.wait(), 1.0)
            assert transport.stats()["in_use"] == 0
            return Outcome(caught.value.outcome)

    return run(main(), loop)


def test_slow_head(kind: str, loop: LoopFactory) -> None:
    script: list[Step] = [Expect(), Send(b"HTTP/1.1 200 OK\r\n"), Stall()]
    assert timed_out(kind, loop, script, QUICK, False) == Outcome.FIRST_TOKEN_TIMEOUT


def test_first_token_limit_covers_the_body(kind: str, loop: LoopFactory) -> None:
    assert (
        timed_out(kind, loop, [Expect(), Send(LENGTH), Stall()], QUICK, False) == Outcome.FIRST_TOKEN_TIMEOUT
    )


@pytest.mark.parametrize("head", [LENGTH, CHUNKED, HEAD + b"\r\n"])
def test_stall(head: bytes, kind: str, loop: LoopFactory) -> None:
    assert timed_out(kind, loop, [Expect(), Send(head), Stall()], FAST, True) == Outcome.STALLED


def test_total(kind: str, loop: LoopFactory) -> None:
    """Content keeps coming, and the total limit ends it all the same."""
    limits = Timeouts(connect=2.0, first_token=5.0, idle=5.0, total=0.3)
    script: list[Step] = [Expect(), Send(CHUNKED), *([Send(b"1\r\nx\r\n"), Wait(0.03)] * 20), Stall()]
    assert timed_out(kind, loop, script, limits, True) == Outcome.TOTAL_TIMEOUT


def test_touch_moves_the_limit(kind: str, loop: LoopFactory) -> None:
    async def main() -> None:
        script = [Expect(), Send(CHUNKED), *([Send(b"1\r\nx\r\n"), Wait(0.05)] * 8), Send(b"0\r\n\r\n")]
        async with Scripted(script) as server, open_transport(kind) as transport:
            response = await ask(transport, server)
            response.arm(0.25, Outcome.STALLED)
            got = b""
            while data := await response.read():
                response.touch()
                got += data
            assert got == b"x" * 8

    run(main(), loop)


def test_a_busy_reader_does_not_blame_the_upstream(kind: str, loop: LoopFactory) -> None:
    async def main() -> None:
        script = [Expect(), Send(CHUNKED + b"1\r\nx\r\n"), Wait(0.1), Send(b"1\r\ny\r\n0\r\n\r\n")]
        async with Scripted(script) as server, open_transport(kind) as transport:
            response = await ask(transport, server)
            response.arm(0.02, Outcome.STALLED)
            await asyncio.sleep(0.2)
            assert await response.read_all(10) == b"xy"

    run(main(), loop)


def test_held_up_loop_is_not_a_timeout(kind: str, loop: LoopFactory) -> None:
    """The answer is in the socket before the limit; the loop just did not look in time."""

    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:

            def serve() -> None:
                client, _ = listener.accept()
                with client:
                    client.recv(65536)
                    time.sleep(0.05)
                    client.sendall(OK)
                    time.sleep(0.3)

            thread = threading.Thread(target=serve)
            thread.start()
            async with open_transport(kind) as transport:
                target = deployment(listener.getsockname()[1])
                sending = asyncio.create_task(transport.send(Boundary.DEVICE, target, post(), QUICK))
                await asyncio.sleep(0.03)  # connected and sent, the limit of 80 ms is running
                time.sleep(0.15)  # noqa: ASYNC251 - holding up the loop is the point
                response = await sending
                assert await response.read_all(10) == b"{}"
            thread.join()

    run(main(), loop)


def test_refused(kind: str, loop: LoopFactory) -> None:
    async def main() -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        async with open_transport(kind) as transport:
            with pytest.raises(UpstreamError) as caught:
                await transport.send(Boundary.DEVICE, deployment(port), post(), FAST)
            assert caught.value.outcome == Outcome.CONNECT_FAILED
            assert transport.stats()["open"] == 0

    run(main(), loop)


def test_connecting_takes_too_long(kind: str, loop: LoopFactory) -> None:
    """A full backlog swallows the SYN."""

    async def main() -> None:
        with ExitStack() as stack:
            listener = stack.enter_context(socket.socket())
            listener.bind(("127.0.0.1", 0))
            listener.listen(0)
            for _ in range(4):
                filler = stack.enter_context(socket.socket())
                filler.setblocking(False)
                filler.connect_ex(listener.getsockname())
            async with open_transport(kind) as transport:
                limits = Timeouts(connect=0.2, first_token=5.0, idle=5.0, total=5.0)
                with pytest.raises(UpstreamError) as caught:
                    await transport.send(
                        Boundary.DEVICE, deployment(listener.getsockname()[1]), post(), limits
                    )
                assert caught.value.outcome == Outcome.CONNECT_FAILED
                assert transport.stats()["open"] == 0

    run(main(), loop)


@pytest.mark.parametrize(
    "names",
    [
        Names(error=socket.gaierror(socket.EAI_NONAME, "unknown")),
        Names(error=UnicodeError("label too long")),
        Names("127.0.0.1", seconds=1.5),
    ],
    ids=["unknown", "not a name", "slow"],
)
def test_name_does_not_resolve(names: Names, kind: str, loop: LoopFactory) -> None:
    async def main() -> None:
        async with open_transport(kind, resolver=names) as transport:
            limits = Timeouts(connect=0.2, first_token=5.0, idle=5.0, total=5.0)
            with pytest.raises(UpstreamError) as caught:
                await transport.send(Boundary.EXTERNAL, deployment(9, host="engine.test"), post(), limits)
            assert caught.value.outcome == Outcome.CONNECT_FAILED

    run(main(), loop)


def test_next_address_is_tried(kind: str, loop: LoopFactory) -> None:
    async def main() -> None:
        names = Names("127.0.0.9", "::1", "127.0.0.1")
        async with (
            Scripted([Expect(), Send(OK)]) as server,
            open_transport(kind, resolver=names) as transport,
        ):
            target = deployment(server.port, host="engine.test")
            response = await transport.send(Boundary.DEVICE, target, post(), FAST)
            assert response.peer == "127.0.0.1"
            assert server.requests[0].header("host") == [f"engine.test:{server.port}"]
            assert await response.read_all(10) == b"{}"

    run(main(), loop)


def test_no_descriptors_left_is_our_own_fault(kind: str, loop: LoopFactory) -> None:
    async def main() -> None:
        async with Scripted([Repeat([Expect(), Send(OK)])]) as server, open_transport(kind) as transport:
            warm = await ask(transport, server)  # so that nothing else needs a descriptor below
            await warm.read_all(10)
            soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            spare = socket.socket()
            lowest = spare.fileno()
            spare.close()
            resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
            held = []
            try:
                # One that something else closed meanwhile would serve.
                with contextlib.suppress(OSError):
                    while True:
                        held.append(socket.socket())
                # Another name for the same host, so that the kept connection does not serve.
                with pytest.raises(UpstreamError) as caught:
                    await transport.send(
                        Boundary.DEVICE, deployment(server.port, host="127.0.0.2"), post(), FAST
                    )
            finally:
                for one in held:
                    one.close()
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            assert caught.value.outcome == Outcome.LOCAL_FAULT
            again = await ask(transport, server)
            assert await again.read_all(10) == b"{}"

    run(main(), loop)
