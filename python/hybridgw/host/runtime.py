"""What the processes of one running gateway agree on, and the folder where they meet.

The supervisor decides everything that is fixed for a run (addresses, file descriptors, folders) and
writes it once, as `RuntimeInfo`, into a private run folder; children get the path of that file as
their argument. A file and not an environment variable, because the environment is inherited by
everything and read in one place only; not a pipe, because a worker that is respawned hours later
reads it again.

The run folder lies in /dev/shm where that is usable: what it holds (the state file, the resolved
settings with their credentials) is memory of this run, must not reach a disk and is worthless
after it. Otherwise it lies in the state folder. It is 0700, its files 0600.

The instance id is made anew at every start. It is part of every record id in the journal, where
(instance, slot epoch, sequence, attempt) must never repeat: epochs begin again with each new state
file, so an id that outlived the run would make two different requests look like one to the
idempotent drain, and money would vanish. It begins with the time of the start, so that journals
sort by age, and has 63 bits, so that every database stores it as its ordinary integer.
"""

import contextlib
import os
import secrets
import shutil
import stat
import time
from pathlib import Path
from typing import Literal

import msgspec

from hybridgw.host import bell
from hybridgw.ledger.durable import write_private

START_UP_FAILED = 3
"""Exit status of a child that means: this cannot start, trying again will not mend it."""

GRACE = 2.0
"""Seconds beyond the drain time for cancelled requests to be settled and files to be closed."""

_ASK = "ask-again"
_SHM = Path("/dev/shm")
_PREFIX = "hybridgw-"
_INFO = "runtime.json"
_READY = "ready"
_RUN_FILES = 32
"""More than a run folder ever holds."""


class RuntimeInfo(msgspec.Struct, frozen=True, kw_only=True):
    """Fixed for one run of the gateway; the same in all its processes."""

    instance: int
    supervisor_pid: int
    supervisor_ticks: int
    run_dir: str
    state_file: str
    state_dir: str
    journal_dir: str
    host: str
    port: int
    workers: int
    start_method: str
    listen_fd: int
    """Inherited listening socket, the same number in every process that needs it."""
    drain: float
    """Seconds that running requests get after SIGTERM."""
    header_timeout: float
    http: str
    """The server in front of each worker: lean or granian."""
    config_path: str | None
    allow_cloud: bool
    application: str
    """The ASGI application, as `module:name`."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_json: bool = False
    """How every process of this run writes its lines."""


def new_instance() -> int:
    """63 bits: seconds of the start, then 30 random bits. Unique without asking anybody."""
    return (int(time.time()) & 0x1_FFFF_FFFF) << 30 | secrets.randbits(30)


def make_run_dir(instance: int, state_dir: Path, room: int) -> Path:
    """A new private folder for `room` bytes, in shared memory if it is there and has the room."""
    name = f"{_PREFIX}{os.getuid()}-{instance:016x}"
    if _usable(_SHM, room):
        try:
            path = _SHM / name
            path.mkdir(mode=0o700)
            return path
        except OSError:
            pass  # mounted read-only or full of inodes: the state folder serves as well
    path = state_dir / f"run-{instance:016x}"
    path.mkdir(mode=0o700)
    return path


def _usable(folder: Path, room: int) -> bool:
    try:
        free = os.statvfs(folder)
    except OSError:
        return False
    inodes = free.f_files == 0 or free.f_favail > _RUN_FILES  # without files at all: it does not count them
    return os.access(folder, os.W_OK | os.X_OK) and inodes and free.f_bavail * free.f_frsize > room


def remove_run_dir(path: Path) -> None:
    """Remove a run folder of ours. Refuses anything that is not one: the path may come from a file."""
    with contextlib.suppress(OSError):
        ours = path.name.startswith((_PREFIX, "run-"))
        about = path.lstat()
        if ours and stat.S_ISDIR(about.st_mode) and about.st_uid == os.getuid():
            shutil.rmtree(path, ignore_errors=True)


def write_info(info: RuntimeInfo) -> Path:
    """Leave the info in its run folder; the returned path is what children are started with."""
    path = Path(info.run_dir) / _INFO
    write_private(path, msgspec.json.encode(info))
    return path


def read_info(path: Path) -> RuntimeInfo:
    """The info that `write_info` left; OSError or msgspec.MsgspecError when there is none."""
    return msgspec.json.decode(path.read_bytes(), type=RuntimeInfo)


def mark_ready(info: RuntimeInfo) -> None:
    """Note that a worker completed its start-up. Appends, so concurrent workers never collide."""
    descriptor = os.open(
        Path(info.run_dir) / _READY, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600
    )
    try:
        os.write(descriptor, b"%d\n" % os.getpid())
    finally:
        os.close(descriptor)


def ready_workers(info: RuntimeInfo) -> list[int]:
    """Pids of all workers that ever completed their start-up in this run, oldest first."""
    try:
        return [int(line) for line in (Path(info.run_dir) / _READY).read_bytes().split()]
    except OSError:
        return []


_current: RuntimeInfo | None = None


def adopt(info: RuntimeInfo) -> None:
    """Make `info` the one that `current` answers here; called once, before the application loads."""
    global _current
    _current = info


def current() -> RuntimeInfo:
    """The run that this process belongs to. RuntimeError outside a gateway's processes."""
    if _current is None:
        raise RuntimeError("this process was not started by a hybridgw supervisor")
    return _current


def ask_again(info: RuntimeInfo) -> None:
    """Have the housekeeper ask the engines again soon: something of theirs has changed."""
    write_private(Path(info.run_dir) / _ASK, b"")
    bell.ring(info.run_dir)


def was_asked(info: RuntimeInfo) -> bool:
    """Whether somebody called `ask_again` since this was called last."""
    try:
        (Path(info.run_dir) / _ASK).unlink()
    except OSError:
        return False
    return True
