"""New connections go to the worker that has the fewest."""

import asyncio
import socket

from hybridgw.front.acceptor import Acceptor
from hybridgw.front.crowd import Crowd, Limits
from hybridgw.front.lean import plain_refusal
from hybridgw.front.seam import Client
from tests.unit.front.conftest import Run, Stage


class Others:
    """What another worker holds, and what it hears of this one."""

    def __init__(self, fewest: int | None) -> None:
        self.least = fewest
        self.heard: list[int | None] = []

    def hold(self, connections: int | None) -> None:
        self.heard.append(connections)

    def fewest(self) -> int | None:
        return self.least


def test_the_number_of_connections_is_told(on_stage: Run) -> None:
    others = Others(None)

    async def scenario(stage: Stage) -> None:
        assert others.heard == [0]
        first, second = await stage.connect(), await stage.connect()
        await stage.until(lambda: others.heard == [0, 1, 2])
        first.close()
        await stage.until(lambda: others.heard[-1] == 1)
        stage.server.drain()
        assert others.heard[-1] is None, "a worker that drains is no place for connections"
        second.close()
        await stage.until(lambda: not stage.count)
        assert others.heard[-1] is None

    on_stage(scenario, balance=others)


def test_a_connection_waits_a_moment_for_those_that_have_fewer_and_is_taken_then(on_stage: Run) -> None:
    async def scenario(stage: Stage) -> None:
        for _ in range(3):
            wire = await stage.connect()
            wire.send(b"GET /1 HTTP/1.1\r\nhost: a\r\n\r\n")
            assert (await wire.answer())[0] == 200
        assert stage.count == 3

    on_stage(scenario, balance=Others(0))


def test_two_workers_share_evenly() -> None:
    """Both in one loop, on one socket, each with the count of the other: one by one and all at once."""

    class Half:
        def __init__(self) -> None:
            self.other: Half | None = None
            self.held: int | None = None

        def hold(self, connections: int | None) -> None:
            self.held = connections

        def fewest(self) -> int | None:
            assert self.other is not None
            return self.other.held

    async def serve(client: Client) -> None:
        raise AssertionError("nothing is sent")

    async def main() -> list[int]:
        listening = socket.create_server(("127.0.0.1", 0), backlog=200)
        listening.setblocking(False)
        one, two = Half(), Half()
        one.other, two.other = two, one
        loop = asyncio.get_running_loop()
        crowds, acceptors, writers = [], [], []
        for half in (one, two):
            crowd = Crowd(loop, serve, plain_refusal, Limits(500, 5.0, 5.0))
            acceptor = Acceptor(crowd, listening.dup(), half)
            acceptor.start()
            crowds.append(crowd)
            acceptors.append(acceptor)
        for _ in range(30):
            _, writer = await asyncio.open_connection(*listening.getsockname())
            writers.append(writer)
        more = [asyncio.open_connection(*listening.getsockname()) for _ in range(90)]
        writers += [writer for _, writer in await asyncio.gather(*more)]
        async with asyncio.timeout(5):
            while sum(map(len, crowds)) < 120:  # noqa: ASYNC110
                await asyncio.sleep(0.002)
        spread = [len(crowd) for crowd in crowds]
        for acceptor, crowd in zip(acceptors, crowds, strict=True):
            acceptor.close()
            crowd.abort()
        for writer in writers:
            writer.transport.abort()
        listening.close()
        await asyncio.sleep(0.02)
        return spread

    one, two = asyncio.run(main())
    assert abs(one - two) <= 20
