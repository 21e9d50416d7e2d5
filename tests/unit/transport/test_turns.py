"""Waiting in order: nobody is woken for nothing, and no turn is lost."""

import asyncio

import pytest

from hybridgw.errors import UpstreamError
from hybridgw.transport.turns import Turns


async def _both() -> None:
    turns, free = Turns(), [False]

    async def wait(seconds: float) -> str:
        try:
            await turns.turn(lambda: free[0], seconds, "local/a", 1)
        except UpstreamError as error:
            assert "transport.max_connections" in error.message
            return "late"
        return "in"

    first, second = asyncio.create_task(wait(0.02)), asyncio.create_task(wait(30))
    await asyncio.sleep(0)
    # The timer of the first and the release fall into one turn of the loop.

    def release() -> None:
        free[0] = True
        turns.pass_on()

    asyncio.get_running_loop().call_later(0.02, release)
    assert await second == "in", "the turn of one who came too late goes on to the next"
    assert await first in ("in", "late")


def test_a_turn_that_comes_too_late_is_passed_on() -> None:
    for _ in range(20):
        asyncio.run(asyncio.wait_for(_both(), 10))


def test_nobody_waits_where_there_is_place() -> None:
    asyncio.run(Turns().turn(lambda: True, 0, "local/a", 1))


def test_without_patience_the_bound_is_named_at_once() -> None:
    with pytest.raises(UpstreamError, match="all 3 connections"):
        asyncio.run(Turns().turn(lambda: False, 0, "local/a", 3))
