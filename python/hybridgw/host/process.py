"""What the kernel says about processes: start ticks, liveness, and dying with a parent.

A pid alone names nobody: it is reused. A pid with the start time that the kernel recorded for it
names one process for as long as the machine is up, so every slot, lock and record that refers to a
process carries both.

Ties between our processes are made by the kernel (`PR_SET_PDEATHSIG`), not by heartbeats: a
supervisor that dies at any instruction still has its children told, within microseconds, by the
same signal that asks for an orderly drain. Linux only, like the rest of the host layer.
"""

import ctypes
import os
import signal
from pathlib import Path

_PR_SET_PDEATHSIG = 1


def _stat(pid: int) -> tuple[str, int] | None:
    """State letter and start ticks; None when there is no such process."""
    try:
        # Plain calls: this is done every second, and a file object costs twice as many.
        descriptor = os.open(f"/proc/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)
        try:
            raw = os.read(descriptor, 4096)
        finally:
            os.close(descriptor)
    except OSError:
        return None
    # The command name stands in parentheses and may hold spaces and parentheses itself.
    fields = raw[raw.rfind(b")") + 2 :].split()
    return fields[0].decode(), int(fields[19])


def start_ticks(pid: int) -> int:
    """Clock ticks from boot to the start of a process; 0 when there is no such process."""
    found = _stat(pid)
    return 0 if found is None else found[1]


def alive(pid: int, ticks: int) -> bool:
    """Whether that very process runs. One that is dead but not yet reaped is dead."""
    found = _stat(pid)
    return found is not None and found[1] == ticks and found[0] not in ("Z", "X")


def name(pid: int) -> str:
    """The command name of a process, for messages; "" when it is not known."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def die_with_parent(expected_parent: int, number: signal.Signals = signal.SIGTERM) -> None:
    """Have the kernel send this process `number` when its parent dies.

    `expected_parent` is the pid that the parent told us: if it has died before this call, nobody
    would ever send the signal, so it is sent here. Must be called in the child, in every process
    anew: the setting is not inherited over fork.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"prctl(PR_SET_PDEATHSIG): {os.strerror(error)}")
    if os.getppid() != expected_parent:
        os.kill(os.getpid(), number)
