"""Who shows no life is told of and ended; who slept because the one that looks slept, is not."""

import os
import signal
import subprocess
import sys
from typing import Any

import pytest

from hybridgw.host import life
from hybridgw.host.life import HOPELESS, SUSPECT, LifeWatch, missing_workers
from hybridgw.host.process import start_ticks


class Slots:
    def __init__(self, *entries: dict[str, Any]) -> None:
        self.entries = list(entries)

    def slots(self) -> list[dict[str, Any]]:
        return self.entries


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    lines: list[str] = []
    monkeypatch.setattr(life, "say", lambda _, text, level: lines.append(f"{level}: {text}"))
    return lines


def test_a_worker_that_hangs_is_told_of_once_and_ended(said: list[str]) -> None:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        entry = {"slot": 0, "pid": process.pid, "start_ticks": start_ticks(process.pid), "heartbeat": 7}
        watch = LifeWatch(Slots(entry))
        for _ in range(HOPELESS):
            watch.look()
        assert said == [f"warning: worker (pid {process.pid}) has shown no life for {SUSPECT} s"]
        assert process.poll() is None
        watch.look()
        assert "is ended" in said[-1]
        assert process.wait(10) == -signal.SIGKILL
    finally:
        process.kill()
        process.wait()


def test_a_sign_of_life_begins_the_count_anew(said: list[str]) -> None:
    entry = {"slot": 0, "pid": os.getpid(), "start_ticks": start_ticks(os.getpid()), "heartbeat": 0}
    watch = LifeWatch(Slots(entry))
    for number in range(4 * HOPELESS):
        entry["heartbeat"] = number // SUSPECT
        watch.look()
    assert said == []


def test_another_process_of_that_number_is_not_ended(said: list[str]) -> None:
    entry = {"slot": 0, "pid": os.getpid(), "start_ticks": start_ticks(os.getpid()) - 1, "heartbeat": 0}
    watch = LifeWatch(Slots(entry))
    for _ in range(2 * HOPELESS):
        watch.look()
    assert len(said) == 1


def test_missing_are_those_that_are_not_there_or_old() -> None:
    now = 100_000_000_000
    fresh, old = {"heartbeat": now - 1_000_000_000}, {"heartbeat": now - 20_000_000_000}
    assert missing_workers(Slots(fresh, fresh), 2, now) == 0
    assert missing_workers(Slots(fresh, old), 2, now) == 1
    assert missing_workers(Slots(fresh, fresh, fresh), 2, now) == 0, "one that drains counts as well"
    assert missing_workers(Slots(), 2, now) == 2
