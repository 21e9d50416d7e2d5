"""The pipe in the run folder that wakes the housekeeper, from any process of the run.

It sleeps while there is nothing to do, so whoever makes work for it rings: a worker whose record is the
first since the journal was flushed (the native side does that), a page that changed what an engine has, a
thread whose round of questions is over. What came is not in the pipe: the one who is woken looks for
itself. A named pipe, because it needs no inherited descriptor, and a ring while the housekeeper is dead stays
in it as long as a worker has it open; its successor looks at everything once anyhow.

Where the run folder's file system knows no pipes there is none, and the housekeeper polls.
"""

import contextlib
import os
from pathlib import Path

_NAME = "bell"
_FLAGS = os.O_RDWR | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
"""For both directions: it needs no reader to be there, and its end is never seen."""
_ALL = 65536


def make(run_dir: Path) -> None:
    """Make the pipe of a run, if the file system can."""
    with contextlib.suppress(OSError):
        os.mkfifo(run_dir / _NAME, 0o600)


def path(run_dir: str) -> str | None:
    """Where the pipe of a run is; None if it has none."""
    found = Path(run_dir) / _NAME
    return str(found) if found.is_fifo() else None


def ring(run_dir: str) -> None:
    """Wake the housekeeper of a run. Never waits, never raises."""
    with contextlib.suppress(OSError):
        descriptor = os.open(Path(run_dir) / _NAME, _FLAGS)
        try:
            os.write(descriptor, b"\1")  # a full pipe wakes as well
        finally:
            os.close(descriptor)


def listen(run_dir: str) -> int | None:
    """The descriptor that becomes readable at a ring; None where there is no pipe."""
    if path(run_dir) is None:
        return None
    with contextlib.suppress(OSError):
        return os.open(Path(run_dir) / _NAME, _FLAGS)
    return None


def silence(descriptor: int) -> bool:
    """Take all rings; whether there were any."""
    try:
        return bool(os.read(descriptor, _ALL))
    except BlockingIOError:
        return False
