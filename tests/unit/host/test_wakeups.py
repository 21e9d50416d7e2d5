"""Signals, descriptors and time in one call."""

import os
import signal
from collections.abc import Iterator

import pytest

from hybridgw.host.wakeups import Wakeups

NUMBERS = (signal.SIGUSR1, signal.SIGUSR2)


@pytest.fixture
def wakeups() -> Iterator[Wakeups]:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, NUMBERS)
    found = Wakeups(NUMBERS)
    yield found
    found.close()
    signal.pthread_sigmask(signal.SIG_SETMASK, before)


def test_time_passes(wakeups: Wakeups) -> None:
    assert wakeups.wait(0.0) == ([], set())
    assert wakeups.wait(-1.0) == ([], set())


def test_signals_that_came_before_are_there(wakeups: Wakeups) -> None:
    signal.raise_signal(signal.SIGUSR1)
    signal.raise_signal(signal.SIGUSR2)
    arrived, ready = wakeups.wait(float(10))
    assert (set(arrived), ready) == (set(NUMBERS), set())
    assert wakeups.wait(0.0) == ([], set())


def test_a_descriptor_is_ready_until_it_is_read(wakeups: Wakeups) -> None:
    reader, writer = os.pipe()
    try:
        wakeups.add(reader)
        os.write(writer, b"x")
        assert wakeups.wait(10.0) == ([], {reader})
        assert wakeups.wait(0.0) == ([], {reader})
        os.read(reader, 1)
        assert wakeups.wait(0.0) == ([], set())
    finally:
        os.close(reader)
        os.close(writer)
