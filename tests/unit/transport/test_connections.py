"""When a connection is used again, when not, and when a request is sent a second time."""

import asyncio
import os
import re
from typing import Any, cast

import pytest

from hybridgw.config.addresses import BoundaryNetworks
from hybridgw.core import Boundary, Outcome, Timeouts
from hybridgw.errors import UpstreamError
from hybridgw.transport import TransportLimits
from hybridgw.transport.lean_connection import LeanConnection
from hybridgw.transport.pool import Pool
from hybridgw.transport.resolver import Resolver
from tests.support.loops import LoopFactory, run
from tests.support.scripted import (
    Close,
    Expect,
    ExpectHead,
    Flood,
    Hold,
    Repeat,
    Reset,
    Scripted,
    Send,
    Stall,
    Step,
    Wait,
)
from tests.support.transports import FAST, OK, ask, deployment, open_transport, post

ANSWER: list[Step] = [Expect(), Send(OK)]
CLOSING = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}"
OLD = b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\n{}"
OLD_KEPT = b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\nconnection: keep-alive\r\n\r\n{}"
INTERIM = b"HTTP/1.1 103 Early Hints\r\n\r\n" + OK


def connections_for_two(kind: str, loop: LoopFactory, answer: bytes) -> int:
    """How many connections two requests in a row took."""

    async def main() -> int:
        async with Scripted([Repeat([Expect(), Send(answer)])]) as server, open_transport(kind) as transport:
            for _ in range(2):
                response = await ask(transport, server)
                assert await response.read_all(10) == b"{}"
                response.close()
                await asyncio.sleep(0.02)
            return server.connections

    return run(main(), loop)


@pytest.mark.parametrize(
    ("answer", "connections"),
    [(OK, 1), (OLD_KEPT, 1), (CLOSING, 2), (OLD, 2), (OK + OK, 2)],
    ids=["plain", "1.0 keep-alive", "close", "1.0", "second response"],
)
def test_reuse(answer: bytes, connections: int, kind: str, loop: LoopFactory) -> None:
    assert connections_for_two(kind, loop, answer) == connections


def test_garbage_behind_a_response(kind: str, loop: LoopFactory) -> None:
    """Our client gives out the response and drops the connection; aiohttp drops both."""
    if kind == "lean":
        assert connections_for_two(kind, loop, OK + b"garbage") == 2
    else:
        with pytest.raises(UpstreamError) as caught:
            connections_for_two(kind, loop, OK + b"garbage")
        assert caught.value.outcome == Outcome.MALFORMED


def test_own_client_does_not_reuse_after_an_interim_response(loop: LoopFactory) -> None:
    assert connections_for_two("lean", loop, INTERIM) == 2


def test_late_bytes_close_a_kept_connection(kind: str, loop: LoopFactory) -> None:
    """A response that nobody asked for must never answer the next request."""

    async def main() -> None:
        evil = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil"
        script: list[Step] = [*ANSWER, Wait(0.02), Send(evil), Stall()]
        async with Scripted(script, [[*ANSWER, Stall()]]) as server, open_transport(kind) as transport:
            await (await ask(transport, server)).read_all(10)
            await asyncio.sleep(0.1)
            assert await (await ask(transport, server)).read_all(10) == b"{}"
            assert server.connections == 2

    run(main(), loop)


@pytest.mark.parametrize("end", [Close(), Reset()], ids=["fin", "rst"])
def test_stale_connection_is_retried_once(end: Step, kind: str, loop: LoopFactory) -> None:
    """The server takes the second request of a kept connection and closes without a byte."""

    async def main() -> None:
        script = [*ANSWER, ExpectHead(), end]
        async with Scripted(script, [[*ANSWER, Stall()]]) as server, open_transport(kind) as transport:
            await (await ask(transport, server)).read_all(10)
            assert await (await ask(transport, server)).read_all(10) == b"{}"
            assert server.connections == 2
            assert transport.stats()["retried"] == 1

    run(main(), loop)


def test_stale_connections_are_all_skipped_by_the_retry(kind: str, loop: LoopFactory) -> None:
    """Three kept connections have gone stale: the retry uses a new one, not the next stale one."""

    async def main() -> None:
        gate = asyncio.Event()
        stale: list[Step] = [Expect(), Hold(gate), Send(OK), ExpectHead(), Close()]
        scripts = [stale, stale, [*ANSWER, Stall()]]
        async with Scripted(stale, scripts) as server, open_transport(kind) as transport:
            asks = [asyncio.create_task(ask(transport, server)) for _ in range(3)]
            await server.arrived(3)
            gate.set()
            for each in asks:
                await (await each).read_all(10)
            assert transport.stats()["pooled"] == 3
            assert await (await ask(transport, server)).read_all(10) == b"{}"
            assert transport.stats()["retried"] == 1

    run(main(), loop)


@pytest.mark.parametrize(
    ("first", "second", "requests"),
    [
        ([*ANSWER, Expect(), Close()], [Expect(), Close()], 3),
        ([*ANSWER, Expect(), Send(b"HTTP/1.1"), Close()], [*ANSWER, Stall()], 2),
        ([*ANSWER, Expect(), Send(b"H"), Wait(0.05), Reset()], [*ANSWER, Stall()], 2),
    ],
    ids=["fresh one fails too", "after some bytes", "after one byte"],
)
def test_no_second_retry(
    first: list[Step], second: list[Step], requests: int, kind: str, loop: LoopFactory
) -> None:
    async def main() -> None:
        async with Scripted(first, [second]) as server, open_transport(kind) as transport:
            await (await ask(transport, server)).read_all(10)
            with pytest.raises(UpstreamError) as caught:
                await ask(transport, server)
            assert caught.value.outcome == Outcome.RESET
            assert len(server.requests) == requests

    run(main(), loop)


def test_fresh_connection_is_not_retried(kind: str, loop: LoopFactory) -> None:
    async def main() -> None:
        async with Scripted([Expect(), Close()]) as server, open_transport(kind) as transport:
            with pytest.raises(UpstreamError):
                await ask(transport, server, post(b"", method="GET"))
            assert len(server.requests) == 1

    run(main(), loop)


def test_answer_before_the_request_was_written(kind: str, loop: LoopFactory) -> None:
    """An early refusal is a good answer, but the rest of the request must not become the next one."""

    async def main() -> None:
        early = b"HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\n\r\n{}"
        script: list[Step] = [ExpectHead(), Send(early), Wait(1.0)]
        async with Scripted(script) as server, open_transport(kind) as transport:
            response = await ask(transport, server, post(bytes(30_000_000)))
            assert response.status == 413
            assert await response.read_all(10) == b"{}"
            response.close()
            await asyncio.sleep(0.05)
            assert transport.stats()["pooled"] == 0

    run(main(), loop)


def test_idle_connections_expire(kind: str, loop: LoopFactory) -> None:
    async def main() -> None:
        limits = TransportLimits(idle_seconds=0.1)
        async with Scripted([*ANSWER, Stall()]) as server, open_transport(kind, limits=limits) as transport:
            await (await ask(transport, server)).read_all(10)
            await asyncio.wait_for(server.client_left.wait(), 2.0)
            assert transport.stats()["open"] == 0

    run(main(), loop)


def test_last_used_first(loop: LoopFactory) -> None:
    async def main() -> None:
        gates = [asyncio.Event(), asyncio.Event()]
        first: list[Step] = [Expect(), Hold(gates[0]), Send(OK), *ANSWER]
        second: list[Step] = [Expect(), Hold(gates[1]), Send(OK), *ANSWER]
        async with Scripted(first, [second]) as server, open_transport("lean") as transport:
            asks = [asyncio.create_task(ask(transport, server)) for _ in range(2)]
            await server.arrived(2)
            for gate, each in zip(gates, asks, strict=True):
                gate.set()
                await (await each).read_all(10)
            await (await ask(transport, server)).read_all(10)
            assert server.requests[2].connection == 1

    run(main(), loop)


SHORT = TransportLimits(per_host=2, wait_seconds=0.05)


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (SHORT, "all 2 connections to this host were in use for 0.05 s (transport.max_connections)"),
        (TransportLimits(connections=2), "too many connections"),
    ],
)
def test_beyond_a_limit_the_attempt_fails(
    limits: TransportLimits, words: str, kind: str, loop: LoopFactory
) -> None:
    async def main() -> None:
        gate = asyncio.Event()
        script = [Repeat([Expect(), Hold(gate), Send(OK)])]
        async with Scripted(script) as server, open_transport(kind, limits=limits) as transport:
            asks = [asyncio.create_task(ask(transport, server)) for _ in range(2)]
            await server.arrived(2)
            with pytest.raises(UpstreamError, match=re.escape(words)) as caught:
                await ask(transport, server)
            assert caught.value.outcome == Outcome.LOCAL_FAULT
            gate.set()
            for each in asks:
                await (await each).read_all(10)
            await (await ask(transport, server)).read_all(10)
            assert transport.stats()["open"] == 2

    run(main(), loop)


def test_a_burst_is_answered_in_order_by_the_connections_there_are(kind: str, loop: LoopFactory) -> None:
    async def main() -> None:
        limits = TransportLimits(per_host=2, wait_seconds=30)
        gate = asyncio.Event()
        script = [Repeat([Expect(), Hold(gate), Send(OK)])]
        done: list[int] = []

        async def one(number: int) -> None:
            await (await ask(transport, server)).read_all(10)
            done.append(number)

        async with Scripted(script) as server, open_transport(kind, limits=limits) as transport:
            asks = []
            for number in range(20):
                asks.append(asyncio.create_task(one(number)))
                await asyncio.sleep(0)
            await server.arrived(2)
            asks[10].cancel()
            gate.set()
            await asyncio.gather(*asks, return_exceptions=True)
            assert sorted(done) == [number for number in range(20) if number != 10]
            # Two at a time, so a place may differ by one.
            assert all(abs(place - number) <= 2 for place, number in enumerate(done)), done
            assert max(request.connection for request in server.requests) == 1
            assert transport.stats()["in_use"] == 0

    run(main(), loop)


def test_a_turn_that_cannot_be_used_is_passed_on(kind: str, loop: LoopFactory) -> None:
    """While it was on its way, a request to another host took the last connection that all may have."""

    async def main() -> None:
        limits = TransportLimits(per_host=1, connections=2, wait_seconds=3600)
        gate = asyncio.Event()
        script: list[Step] = [Repeat([Expect(), Hold(gate), Send(OK)])]
        async with (
            Scripted([Repeat([Expect(), Send(OK[:-1]), Hold(gate)])]) as host,
            Scripted(script) as other,
            Scripted(script) as third,
            open_transport(kind, limits=limits) as transport,
        ):
            held = await ask(transport, host)
            elsewhere = [asyncio.create_task(ask(transport, other))]
            await other.arrived(1)
            waiting = [asyncio.create_task(ask(transport, host)) for _ in range(3)]
            await asyncio.sleep(0.05)
            elsewhere.append(asyncio.create_task(ask(transport, third)))
            held.close()
            for each in waiting:
                with pytest.raises(UpstreamError, match="too many connections"):
                    await asyncio.wait_for(each, 10)
            gate.set()
            for each in elsewhere:
                await (await each).read_all(10)

    run(main(), loop)


def test_idle_connection_elsewhere_makes_room(loop: LoopFactory) -> None:
    async def main() -> None:
        limits = TransportLimits(connections=1)
        script: list[Step] = [Repeat(ANSWER)]
        async with (
            Scripted(script) as one,
            Scripted(script) as two,
            open_transport("lean", limits=limits) as transport,
        ):
            for server in (one, two, one):
                await (await ask(transport, server)).read_all(10)
            assert transport.stats()["open"] == 1
            assert (one.connections, two.connections) == (2, 1)

    run(main(), loop)


def test_what_makes_room_is_closed_before_another_is_opened(loop: LoopFactory) -> None:
    """Many at once: a descriptor for each that goes and each that comes would be twice the bound."""
    together = 8
    descriptors: list[int] = []

    class Counting(Resolver):
        """Counts when a connection is about to be opened."""

        async def resolve(self, host: str) -> tuple[str, ...]:
            descriptors.append(len(os.listdir("/proc/self/fd")))
            return await super().resolve(host)

    async def main() -> None:
        gate = asyncio.Event()
        held: list[Step] = [Repeat([Expect(), Hold(gate), Send(OK)])]
        async with (
            Scripted(held) as one,
            Scripted([Repeat(ANSWER)]) as two,
            open_transport(
                "lean", limits=TransportLimits(connections=together), resolver=Counting(60.0)
            ) as transport,
        ):
            asks = [asyncio.create_task(ask(transport, one)) for _ in range(together)]
            await one.arrived(together)
            gate.set()
            for each in asks:
                await (await each).read_all(10)
            assert transport.stats()["pooled"] == together
            before = len(os.listdir("/proc/self/fd"))
            descriptors.clear()
            for response in await asyncio.gather(*(ask(transport, two) for _ in range(together))):
                await response.read_all(10)
            assert max(descriptors) < before

    run(main(), loop)


STREAM = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n"


def test_cancelled_while_waiting_for_the_head(kind: str, loop: LoopFactory) -> None:
    async def main() -> None:
        async with Scripted([Expect(), Stall()]) as server, open_transport(kind) as transport:
            task = asyncio.create_task(ask(transport, server))
            await server.arrived(1)
            await cancelled(task, server, transport)

    run(main(), loop)


def test_cancelled_while_reading(kind: str, loop: LoopFactory) -> None:
    async def main() -> None:
        async with Scripted([Expect(), Send(STREAM), Stall()]) as server, open_transport(kind) as transport:
            response = await ask(transport, server)
            assert await response.read() == b"hello"
            task = asyncio.create_task(response.read())
            await asyncio.sleep(0.02)
            await cancelled(task, server, transport)
            with pytest.raises(UpstreamError):
                await response.read()

    run(main(), loop)


def test_cancelled_while_sending_a_large_body(kind: str, loop: LoopFactory) -> None:
    """The upstream does not read; unsent bytes must not keep the connection open."""

    async def main() -> None:
        script: list[Step] = [ExpectHead(), Wait(0.2), Stall()]
        async with Scripted(script) as server, open_transport(kind) as transport:
            task = asyncio.create_task(ask(transport, server, post(bytes(30_000_000))))
            await server.arrived(1)
            await cancelled(task, server, transport)

    run(main(), loop)


def test_cancelled_while_connecting(kind: str, loop: LoopFactory) -> None:
    async def main() -> None:
        async with open_transport(kind) as transport:
            target = deployment(9, host="127.0.0.1")
            task = asyncio.create_task(transport.send(Boundary.DEVICE, target, post(), FAST))
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            task = asyncio.create_task(transport.send(Boundary.DEVICE, target, post(), FAST))
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises((asyncio.CancelledError, UpstreamError)):
                await task
            await asyncio.sleep(0.01)
            assert transport.stats()["open"] == 0

    run(main(), loop)


def test_close_of_an_incomplete_body(kind: str, loop: LoopFactory) -> None:
    async def main() -> None:
        async with Scripted([Expect(), Send(STREAM), Stall()]) as server, open_transport(kind) as transport:
            response = await ask(transport, server)
            response.close()
            response.close()
            await asyncio.wait_for(server.client_left.wait(), 1.0)
            assert transport.stats()["open"] == 0
            response.arm(0.01, Outcome.STALLED)
            response.touch()
            with pytest.raises(UpstreamError):
                await response.read()

    run(main(), loop)


async def cancelled(task: "asyncio.Task[Any]", server: Scripted, transport: Any) -> None:
    """Cancel a task that waits for the upstream; the upstream must notice within a second."""
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(server.client_left.wait(), 1.0)
    assert transport.stats()["in_use"] == 0
    assert transport.stats()["open"] == 0


def test_closing_the_transport_ends_what_is_under_way(kind: str, loop: LoopFactory) -> None:
    async def main() -> None:
        async with Scripted([Expect(), Send(STREAM), Stall()]) as server, open_transport(kind) as transport:
            response = await ask(transport, server)
            await response.read()
            await transport.aclose()
            with pytest.raises(UpstreamError):
                await response.read()
            await asyncio.wait_for(server.client_left.wait(), 1.0)
            with pytest.raises(UpstreamError) as caught:
                await ask(transport, server)
            assert caught.value.outcome == Outcome.DRAINING

    run(main(), loop)


@pytest.mark.parametrize("size", [1, 50, 16_384], ids=["one byte", "small", "large"])
def test_back_pressure(size: int, kind: str, loop: LoopFactory) -> None:
    """An upstream that sends as fast as it can is stopped by a reader that does not read."""

    async def main() -> None:
        piece = (b"%x\r\n" % size + bytes(size) + b"\r\n") * max(1, 4096 // size)
        total = 30_000_000 if size > 1 else 3_000_000
        script: list[Step] = [
            Expect(),
            Send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"),
            Flood(piece, 10 * total),
        ]
        async with Scripted(script) as server, open_transport(kind) as transport:
            timeouts = Timeouts(connect=2.0, first_token=5.0, idle=5.0, total=20.0)
            response = await ask(transport, server, timeouts=timeouts)
            before = -1
            while server.flooded != before:  # until the server makes no progress
                before = server.flooded
                await asyncio.sleep(0.1)
            assert before < 10 * total
            got = len(await response.read())
            # What arrived was bounded, and what one read hands out is what was buffered.
            assert got <= 2 * 256 * 1024 + 256 * 1024
            while got < 400_000:
                got += len(await response.read())
            response.close()

    run(main(), loop)


@pytest.mark.parametrize("once", [False, True])
def test_a_body_that_can_be_made_again_is_not_held_while_the_upstream_works(
    once: bool, loop: LoopFactory
) -> None:
    async def main() -> None:
        gates = [asyncio.Event(), asyncio.Event()]
        script = [Expect(), Hold(gates[0]), Send(OK), Expect(), Hold(gates[1]), Send(OK)]
        async with Scripted(script) as server, open_transport("lean") as transport:
            for number, gate in enumerate(gates):
                request = post(b"x" * 100_000, once=once)
                asking = asyncio.create_task(ask(transport, server, request))
                await server.arrived(number + 1)
                # On a kept connection it may have to be sent once more.
                assert bool(request.body) is (number == 1 or not once)
                gate.set()
                await (await asking).read_all(10)
            assert [len(each.body) for each in server.requests] == [100_000] * 2

    run(main(), loop)


def test_a_connection_whose_maker_has_not_woken_yet_counts_once() -> None:
    async def main() -> None:
        pool = Pool(BoundaryNetworks(), TransportLimits(connections=2, per_host=2))
        host = pool.host("a", 1)
        first, second = cast(LeanConnection, object()), cast(LeanConnection, object())
        host.reserve("m")
        host.connected(first)
        assert (pool.open, host.is_free()) == (1, True)
        host.reserve("m")
        host.unreserve()
        host.connected(second)
        host.unreserve()
        assert (pool.open, host.is_free()) == (2, False)
        with pytest.raises(UpstreamError, match="too many connections"):
            host.reserve("m")
        for connection in (first, second):
            host.forget(connection)
        assert pool.open == 0

    asyncio.run(main())
