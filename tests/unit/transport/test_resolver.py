"""Names to addresses: cached, shared, and never in the way."""

import asyncio
import socket
from typing import Any

import pytest

from hybridgw.transport.resolver import Resolver
from tests.support.loops import LoopFactory, run


class Questions:
    """Stands in for the loop's resolver and counts what it is asked."""

    def __init__(self, *answers: str, seconds: float = 0.01) -> None:
        self.answers = answers
        self.seconds = seconds
        self.asked = 0

    async def __call__(self, host: str, port: Any, **_: Any) -> list[Any]:
        self.asked += 1
        await asyncio.sleep(self.seconds)
        if not self.answers:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (answer, 0)) for answer in self.answers]


def test_address_stands_for_itself(loop: LoopFactory) -> None:
    resolver = Resolver(30.0)
    for text in ("127.0.0.1", "::1", "fe80::1%lo"):
        assert run(resolver.resolve(text), loop) == (text,)


def test_real_look_up(loop: LoopFactory) -> None:
    assert set(run(Resolver(30.0).resolve("localhost"), loop)) <= {"127.0.0.1", "::1"}


def test_cached_for_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    questions = Questions("127.0.0.1", "127.0.0.2", "127.0.0.1")

    async def main() -> None:
        nonlocal now
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", questions)
        resolver = Resolver(30.0, clock=lambda: now)
        for _ in range(3):
            assert await resolver.resolve("engine.test") == ("127.0.0.1", "127.0.0.2")
        assert questions.asked == 1
        now += 31.0
        await resolver.resolve("engine.test")
        assert questions.asked == 2

    run(main())


def test_one_question_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    questions = Questions("127.0.0.1")

    async def main() -> None:
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", questions)
        resolver = Resolver(30.0)
        impatient = asyncio.create_task(resolver.resolve("engine.test"))
        others = [asyncio.create_task(resolver.resolve("engine.test")) for _ in range(50)]
        await asyncio.sleep(0)
        impatient.cancel()  # must not take the answer from the others
        assert set(await asyncio.gather(*others)) == {("127.0.0.1",)}
        assert questions.asked == 1

    run(main())


def test_failures_are_not_cached(monkeypatch: pytest.MonkeyPatch) -> None:
    questions = Questions()

    async def main() -> None:
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", questions)
        resolver = Resolver(30.0)
        for _ in range(2):
            with pytest.raises(socket.gaierror):
                await resolver.resolve("engine.test")
        assert questions.asked == 2

    run(main())


def test_closing_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", Questions("127.0.0.1", seconds=30.0))
        resolver = Resolver(30.0)
        waiting = asyncio.create_task(resolver.resolve("engine.test"))
        await asyncio.sleep(0.01)
        await resolver.aclose()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    run(main())
