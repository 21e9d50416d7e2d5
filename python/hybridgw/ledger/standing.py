"""What the ledger process says of itself, in files of its folder inside the state folder.

`read`: segments that every consumer has read which counts money or audits; the housekeeper removes no other.
It is written after the cursors are durable, so it may say too little and never too much.
`status`: how each consumer does, for `/metrics`. `lock`: held for as long as a ledger process lives; one for
each state folder, however many gateways share it.
"""

import fcntl
import os
from collections.abc import Collection
from pathlib import Path

import msgspec

from hybridgw.ledger.durable import write_private

_READ, _STATUS, _LOCK = "read.json", "status.json", "lock"


class Progress(msgspec.Struct, frozen=True):
    """How a consumer does, for pages. Never used to decide anything about records."""

    lag_bytes: int
    lag_records: int
    """About: by the mean size of those that were read."""
    behind: bool
    """Far behind: for a minute it has not read to the end."""
    failures: int
    error: str | None
    """Why it waits, in words without paths; None when it does not."""
    missed_segments: int
    damaged_segments: int
    attempts: int
    """Given to the sink since this process began."""


def folder(state_dir: Path) -> Path:
    """The ledger's own folder, made if need be."""
    path = state_dir / "ledger"
    path.mkdir(mode=0o700, exist_ok=True)
    return path


def read_by_all(state_dir: Path) -> set[str]:
    """Names of the segments that nobody needs any more; none when that is not known."""
    try:
        return set(msgspec.json.decode((state_dir / "ledger" / _READ).read_bytes(), type=list[str]))
    except (OSError, msgspec.MsgspecError):
        return set()


def publish_read(state_dir: Path, names: Collection[str]) -> None:
    """Say which segments nobody needs any more."""
    write_private(folder(state_dir) / _READ, msgspec.json.encode(sorted(names)))


def forget_read(state_dir: Path) -> None:
    """Let nothing be removed until cursors that were put back have been looked at."""
    (state_dir / "ledger" / _READ).unlink(missing_ok=True)


def status(state_dir: Path) -> dict[str, Progress]:
    """How each consumer did when the ledger process said so last; empty if it never did."""
    try:
        data = (state_dir / "ledger" / _STATUS).read_bytes()
        return msgspec.json.decode(data, type=dict[str, Progress])
    except (OSError, msgspec.MsgspecError):
        return {}


def publish_status(state_dir: Path, consumers: dict[str, Progress]) -> None:
    """Say how each consumer does."""
    write_private(folder(state_dir) / _STATUS, msgspec.json.encode(consumers))


def take_lock(state_dir: Path) -> int | None:
    """Become the ledger process of a state folder: the descriptor that holds the lock until it is closed.
    None when there is one."""
    path = folder(state_dir) / _LOCK
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def running(state_dir: Path) -> bool:
    """Whether a ledger process lives."""
    try:
        descriptor = os.open(state_dir / "ledger" / _LOCK, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return False
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
