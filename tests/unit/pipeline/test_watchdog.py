"""What the scan does with a request that waits, by its clock and without any."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from hybridgw.config.schema import ServerSettings, Settings, Source
from hybridgw.pipeline.call import Call, Worker
from hybridgw.pipeline.watchdog import Watchdog

SECOND = 1_000_000_000


class Waiting:
    """As much of a call as the scan looks at."""

    begun_ns = 0
    last_sent_ns = 0
    reading = False
    refused = False
    received = 0
    ended = False
    head_sent = True
    sending_since_ns = 0
    watch = beat = decision = None

    def __init__(self, **differs: Any) -> None:
        self.__dict__.update(differs)
        self.causes: list[str] = []

    def abort(self, cause: str) -> None:
        self.causes.append(cause)


def causes(seconds: float, server: ServerSettings, **differs: Any) -> list[str]:
    """Why a call like this is ended after so many seconds."""

    async def look() -> list[str]:
        call = Waiting(watch=object(), **differs)
        Watchdog(cast(Any, None))._look(cast(Call, call), int(seconds * SECOND), server)
        assert call.beat is None
        return call.causes

    return asyncio.run(look())


@pytest.mark.parametrize(
    ("seconds", "received", "given_up"),
    [(4.9, 0, False), (6.0, 99, True), (6.0, 100, False), (15.0, 999, True)],
)
def test_a_body_slower_than_the_least_rate_is_given_up(seconds: float, received: int, given_up: bool) -> None:
    server = ServerSettings(body_min_rate=100)
    assert causes(seconds, server, reading=True, received=received) == ["body_timeout"] * given_up


def test_a_refused_body_has_limits_of_its_own() -> None:
    server = ServerSettings(body_timeout=1.0)
    assert causes(2, server, reading=True) == ["body_timeout"]
    assert causes(2, server, reading=True, refused=True) == []


def test_the_last_bytes_may_stall_and_get_no_heartbeat() -> None:
    class Streaming:
        stream = True

    server = ServerSettings(write_stall=1.0, heartbeat=1.0)
    assert causes(3, server, ended=True, decision=Streaming()) == []
    assert causes(3, server, ended=True, sending_since_ns=SECOND, decision=Streaming()) == ["client_stalled"]


class Scene:
    """As much of a worker as the watchdog looks at, on a loop whose timers can be counted."""

    def __init__(self) -> None:
        self.worker = cast(Any, Worker.__new__(Worker))
        self.worker.active = set()
        self.worker.plan = SimpleNamespace(
            settings=Settings(source=Source(kind="native", path="x", files=()))
        )
        self.watchdog = cast(Any, Watchdog(self.worker))

    @property
    def timers(self) -> int:
        loop = cast(Any, asyncio.get_running_loop())
        return sum(not timer.cancelled() for timer in loop._scheduled)


def test_no_timer_runs_while_there_is_no_request() -> None:
    async def look() -> None:
        scene = Scene()
        scene.watchdog.start()
        assert (scene.watchdog.ticking, scene.timers) == (False, 0)
        call = cast(Call, Waiting(begun_ns=1 << 62))
        scene.worker.enter(call)
        scene.worker.enter(cast(Call, Waiting(begun_ns=1 << 62)))
        assert (scene.watchdog.ticking, scene.timers) == (True, 1)
        scene.watchdog._handle.cancel()
        scene.watchdog._scan()
        assert (scene.watchdog.ticking, scene.timers) == (True, 1), "requests are watched to their end"
        for one in tuple(scene.worker.active):
            scene.worker.leave(one)
        scene.watchdog._handle.cancel()
        scene.watchdog._scan()
        assert (scene.watchdog.ticking, scene.timers) == (False, 0)
        scene.worker.enter(call)
        assert (scene.watchdog.ticking, scene.timers) == (True, 1)
        scene.watchdog.stop()
        assert scene.timers == 0

    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        runner.run(look())


def test_a_request_that_was_there_before_is_watched() -> None:
    async def look() -> None:
        scene = Scene()
        scene.worker.active.add(cast(Call, Waiting()))
        scene.watchdog.start()
        assert scene.watchdog.ticking
        scene.watchdog.stop()

    asyncio.run(look())
