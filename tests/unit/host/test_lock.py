import os
from pathlib import Path

import pytest

from hybridgw.host.lock import Held, Holder, InstanceLock, abandoned_runs, live_instances
from hybridgw.host.process import start_ticks


class Clock:
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.sleeps = 0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.sleeps += 1


def holder(pid: int, ticks: int, instance: int = 7) -> Holder:
    return Holder(pid=pid, ticks=ticks, instance=instance, run_dir=f"/nowhere/{instance}")


def take(path: Path, clock: Clock, wait: float = 1.0) -> InstanceLock:
    return InstanceLock.acquire(path, wait, clock, clock.sleep)


def test_a_living_holder_is_refused_without_waiting(tmp_path: Path) -> None:
    clock = Clock()
    lock = take(tmp_path / "instance-1.lock", clock)
    lock.claim(holder(os.getpid(), start_ticks(os.getpid())))
    with pytest.raises(Held) as refused:
        take(tmp_path / "instance-1.lock", clock)
    assert refused.value.holder == holder(os.getpid(), start_ticks(os.getpid()))
    assert clock.sleeps == 0
    lock.release()


def test_children_of_a_dead_holder_are_waited_for_and_no_longer(tmp_path: Path) -> None:
    clock = Clock()
    lock = take(tmp_path / "instance-1.lock", clock)
    lock.claim(holder(os.getpid(), 1))  # A pid that was reused: its first owner is dead.
    with pytest.raises(Held):
        take(tmp_path / "instance-1.lock", clock, wait=3.0)
    assert 3.0 <= clock.now < 3.1
    lock.release()


def test_the_wait_ends_when_the_last_of_them_lets_go(tmp_path: Path) -> None:
    clock = Clock()
    first = take(tmp_path / "instance-1.lock", clock)
    first.claim(holder(os.getpid(), 1))
    inherited = os.dup(first.fd)
    first.release()

    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        if clock.sleeps == 3:
            os.close(inherited)

    second = InstanceLock.acquire(tmp_path / "instance-1.lock", 60.0, clock, sleep)
    assert clock.sleeps == 3
    assert second.previous() == holder(os.getpid(), 1)
    second.release()


def test_ports_do_not_share_a_lock(tmp_path: Path) -> None:
    clock = Clock()
    for lock in [take(tmp_path / f"instance-{port}.lock", clock) for port in (1, 2)]:
        lock.release()


def test_a_shorter_record_replaces_a_longer_one(tmp_path: Path) -> None:
    lock = take(tmp_path / "instance-1.lock", Clock())
    lock.claim(holder(2**21, 2**60, 2**62))
    lock.claim(holder(1, 1, 1))
    assert lock.previous() == holder(1, 1, 1)
    lock.release()


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[]", b'{"pid": "x"}'])
def test_a_file_that_says_nothing_useful_is_no_obstacle(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "instance-1.lock"
    path.write_bytes(content)
    lock = take(path, Clock())
    assert lock.previous() is None
    lock.release()


def test_a_link_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").touch()
    (tmp_path / "instance-1.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic"):
        take(tmp_path / "instance-1.lock", Clock())


def test_live_instances_are_those_whose_lock_is_held(tmp_path: Path) -> None:
    clock = Clock()
    held = take(tmp_path / "instance-1.lock", clock)
    held.claim(holder(1, 1, instance=11))
    free = take(tmp_path / "instance-2.lock", clock)
    free.claim(holder(1, 1, instance=22))
    free.release()
    assert live_instances(tmp_path) == {11}
    assert abandoned_runs(tmp_path) == ["/nowhere/22"]
    held.release()
    assert live_instances(tmp_path) == set()
