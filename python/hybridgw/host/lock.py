"""One gateway per state folder and port, held by the kernel for as long as any of its processes lives.

`flock` and not a pid file: the lock belongs to an open file that children inherit, so it is released
exactly when the last of them is gone, whatever killed them. A successor can therefore tell two cases
apart that a pid file cannot: the port is served by a living supervisor (refuse at once), or the
supervisor died and its workers are still finishing their requests (wait for them, a bounded time).
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from hybridgw.host.process import alive


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """What the lock file says about who holds it, or held it last."""

    pid: int
    ticks: int
    instance: int
    run_dir: str


class Held(Exception):
    """Another gateway holds the lock. `holder` is None when it has not written its name yet."""

    def __init__(self, holder: Holder | None) -> None:
        super().__init__("the instance lock is held")
        self.holder = holder


class InstanceLock:
    """The lock of one port in one state folder. `fd` is to be inherited by every child."""

    def __init__(self, path: Path, fd: int) -> None:
        self.path = path
        self.fd = fd

    @classmethod
    def acquire(
        cls, path: Path, wait: float, clock: Callable[[], float], sleep: Callable[[float], None]
    ) -> "InstanceLock":
        """Take the lock; raises `Held` at once if its holder lives, or after `wait` seconds if
        only the holder's children do."""
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        give_up = clock() + wait
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return cls(path, fd)
            except BlockingIOError:
                holder = _read(fd)
                lives = holder is not None and alive(holder.pid, holder.ticks)
                if lives or clock() >= give_up:
                    os.close(fd)
                    raise Held(holder) from None
            sleep(0.02)

    def previous(self) -> Holder | None:
        """Who held the lock last, so that what it left behind can be removed."""
        return _read(self.fd)

    def claim(self, holder: Holder) -> None:
        """Write our own name into the file."""
        data = msgspec.json.encode(holder)
        os.pwrite(self.fd, data, 0)
        os.ftruncate(self.fd, len(data))

    def release(self) -> None:
        """Let go of our part of it; children that still live keep theirs."""
        os.close(self.fd)


def _read(fd: int) -> Holder | None:
    try:
        return msgspec.json.decode(os.pread(fd, 4096, 0), type=Holder)
    except msgspec.MsgspecError:
        return None


def live_instances(state_dir: Path) -> set[int]:
    """Ids of all gateways of this state folder that have a process left."""
    return {holder.instance for holder, held in _holders(state_dir) if held}


def abandoned_runs(state_dir: Path) -> list[str]:
    """Run folders named by gateways of this state folder that have no process left. Killed together
    with all its children, a gateway leaves its folder behind, and the next may use another port."""
    return [holder.run_dir for holder, held in _holders(state_dir) if not held]


def _holders(state_dir: Path) -> Iterator[tuple[Holder, bool]]:
    """Whoever is named by a lock file of this state folder, and whether the lock is held."""
    for path in state_dir.glob("instance-*.lock"):
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            # Held shared and for an instant only: a supervisor that starts meanwhile tries again.
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
            held = False
        except BlockingIOError:
            held = True
        try:
            holder = _read(fd)
        finally:
            os.close(fd)
        if holder is not None:
            yield holder, held
