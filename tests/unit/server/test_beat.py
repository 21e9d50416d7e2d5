"""One timer, fast while there is something to do and slow while there is not."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, cast

import pytest

from hybridgw.server.beat import FAST, SLOW, Beat


def run(look: Callable[[], Coroutine[Any, Any, None]]) -> None:
    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        runner.run(look())


def timers() -> list[float]:
    """Seconds until each timer of this loop, rounded."""
    loop = cast(Any, asyncio.get_running_loop())
    return [round(one.when() - loop.time(), 1) for one in loop._scheduled if not one.cancelled()]


def test_it_rests_is_roused_and_rests_again() -> None:
    async def look() -> None:
        busy, beats = False, 0

        def act() -> bool:
            nonlocal beats
            beats += 1
            return busy

        beat = Beat(act)
        assert timers() == []
        beat.now()
        assert (beats, timers()) == (1, [SLOW])
        beat.rouse()
        beat.rouse()
        assert (beats, timers()) == (1, [FAST])
        busy = True
        beat.now()
        assert (beats, timers()) == (2, [FAST])
        beat.rouse()
        busy = False
        beat.now()
        assert (beats, timers()) == (3, [SLOW])
        beat.stop()
        assert timers() == []
        beat.rouse()
        assert timers() == [], "stopped"

    run(look)


def test_a_beat_that_fails_is_reported_and_not_the_last(caplog: pytest.LogCaptureFixture) -> None:
    async def look() -> None:
        def fail() -> bool:
            raise ZeroDivisionError("surprise")

        beat = Beat(fail)
        with caplog.at_level(logging.ERROR):
            beat.now()
        assert timers() == [FAST]
        beat.stop()

    run(look)
    assert "surprise" in caplog.text
