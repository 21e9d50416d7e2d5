"""The lazy timer, on a clock that only the test moves."""

import asyncio
from collections.abc import Callable
from math import inf
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridgw.core import Outcome
from hybridgw.transport.deadline import Deadline


class Clock:
    """The part of an event loop that a deadline uses."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.timers: list[Timer] = []
        self.scheduled = 0

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, call: Callable[[], None]) -> "Timer":
        timer = Timer(self.now + delay, call)
        self.timers.append(timer)
        self.scheduled += 1
        return timer

    def advance(self, seconds: float) -> None:
        """Let time pass, firing timers in order."""
        end = self.now + seconds
        while due := [timer for timer in self.timers if timer.when <= end and not timer.cancelled]:
            timer = min(due, key=lambda each: each.when)
            self.timers.remove(timer)
            self.now = max(self.now, timer.when)
            timer.call()
        self.now = end


class Timer:
    def __init__(self, when: float, call: Callable[[], None]) -> None:
        self.when = when
        self.call = call
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


def made() -> tuple[Clock, Deadline, list[tuple[object, Outcome]]]:
    clock = Clock()
    seen: list[tuple[object, Outcome]] = []

    def expired(outcome: Outcome) -> None:
        seen.append((clock.now - 1000.0, outcome))
        deadline.stop()

    deadline = Deadline(cast("asyncio.AbstractEventLoop", cast(Any, clock)), expired)
    return clock, deadline, seen


def test_phase_then_total() -> None:
    clock, deadline, seen = made()
    deadline.start(5.0, Outcome.FIRST_TOKEN_TIMEOUT, 20.0)
    clock.advance(4.9)
    assert seen == []
    clock.advance(0.2)
    assert seen == [(pytest.approx(5.001), Outcome.FIRST_TOKEN_TIMEOUT)]
    deadline.start(50.0, Outcome.FIRST_TOKEN_TIMEOUT, 20.0)
    clock.advance(30.0)
    assert seen[1:] == [(pytest.approx(25.101), Outcome.TOTAL_TIMEOUT)]


def test_a_new_phase_replaces_the_old_one() -> None:
    clock, deadline, seen = made()
    deadline.start(5.0, Outcome.FIRST_TOKEN_TIMEOUT, inf)
    clock.advance(4.0)
    deadline.arm(2.0, Outcome.STALLED)
    clock.advance(1.5)
    deadline.arm(0.1, Outcome.STALLED)  # nearer than the timer that is set
    clock.advance(0.2)
    assert seen == [(pytest.approx(5.601), Outcome.STALLED)]


def test_touching_costs_no_timer() -> None:
    clock, deadline, seen = made()
    deadline.start(1.0, Outcome.STALLED, inf)
    for _ in range(10_000):
        clock.advance(0.001)
        deadline.touch()
    assert seen == []
    assert clock.scheduled <= 12
    clock.advance(2.0)
    assert seen == [(pytest.approx(11.001), Outcome.STALLED)]


def test_exchanges_on_one_connection_share_a_timer() -> None:
    clock, deadline, seen = made()
    for _ in range(1000):
        deadline.start(60.0, Outcome.FIRST_TOKEN_TIMEOUT, 600.0)
        clock.advance(0.001)
        deadline.start(15.0, Outcome.STALLED, 15.0)  # idle in the pool
        clock.advance(0.001)
    assert clock.scheduled <= 3
    assert seen == []


def test_stop_and_no_limits() -> None:
    clock, deadline, seen = made()
    deadline.start(1.0, Outcome.STALLED, 2.0)
    deadline.stop()
    clock.advance(10.0)
    deadline.start(inf, Outcome.STALLED, inf)
    clock.advance(10.0)
    assert seen == []
    assert all(timer.cancelled for timer in clock.timers)


def test_nothing_left_expires_at_once() -> None:
    clock, deadline, seen = made()
    deadline.start(1.0, Outcome.FIRST_TOKEN_TIMEOUT, -3.0)
    clock.advance(0.01)
    assert [outcome for _, outcome in seen] == [Outcome.TOTAL_TIMEOUT]


def test_confirmed_a_moment_later() -> None:
    """A deadline that is met between the timer and its confirmation does not expire."""
    clock, deadline, seen = made()
    deadline.start(1.0, Outcome.STALLED, inf)
    clock.advance(1.0005)
    deadline.touch()
    clock.advance(0.9)
    assert seen == []
    clock.advance(0.2)
    assert len(seen) == 1


@given(
    st.lists(st.tuples(st.sampled_from(["arm", "touch", "wait"]), st.integers(1, 50)), max_size=40),
    st.integers(1, 300),
)
def test_expires_when_a_plain_timer_would(steps: list[tuple[str, int]], total: int) -> None:
    clock, deadline, seen = made()
    seconds, at = 20.0, 20.0
    deadline.start(seconds, Outcome.STALLED, float(total))
    for step, value in steps:
        now = clock.now - 1000.0
        if now >= min(at, total):
            break
        if step == "wait":
            clock.advance(float(value))
        elif step == "touch":
            deadline.touch()
            at = now + seconds
        else:
            seconds, at = float(value), now + value
            deadline.arm(seconds, Outcome.STALLED)
    clock.advance(1000.0)
    ((when, outcome),) = seen
    assert when == pytest.approx(min(at, total) + 0.001)
    assert outcome == (Outcome.TOTAL_TIMEOUT if total <= at else Outcome.STALLED)
