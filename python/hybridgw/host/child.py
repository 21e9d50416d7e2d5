"""A child of the supervisor: started, waited for, started again.

Each child is a fresh interpreter running one module of ours, in a session of its own, holding the
descriptors it was given and nothing else. It is restarted when it dies, after a pause that doubles
while it keeps dying young, so that a fault that needs somebody's help does not burn a processor
meanwhile.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time

_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0
_YOUNG = 5.0
"""Seconds: a child that lived longer was in order when it started."""


class Child:
    """One child process and when it may be started again. Times are `time.monotonic` seconds."""

    def __init__(self, label: str, module: str, arguments: tuple[str, ...], fds: tuple[int, ...]) -> None:
        self.label = label
        self.command = (sys.executable, "-P", "-m", module, *arguments)
        self.fds = fds
        self.process: subprocess.Popen[bytes] | None = None
        self.young_deaths = 0
        """Deaths in a row soon after the start."""
        self.due = 0.0
        self._born = 0.0

    @property
    def pid(self) -> int:
        """0 when it does not run."""
        return 0 if self.process is None else self.process.pid

    def start(self) -> None:
        """Start it now."""
        self._born = time.monotonic()
        # -P: the working directory is no place to import from, whatever it holds.
        self.process = subprocess.Popen(
            self.command, stdin=subprocess.DEVNULL, pass_fds=self.fds, start_new_session=True
        )

    def reaped(self, status: int) -> None:
        """Told by whoever waited for it: it ended with `status` (negative: killed by that signal)."""
        if self.process is not None:
            self.process.returncode = status
            self.process = None
        now = time.monotonic()
        if now - self._born >= _YOUNG:
            self.young_deaths = 0
        else:
            self.young_deaths += 1
        pause = _FIRST_PAUSE * 2 ** min(max(self.young_deaths - 1, 0), 10)
        self.due = now + min(_LONGEST_PAUSE, pause)

    def send(self, number: signal.Signals) -> None:
        """Signal it, if it runs."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.process.pid, number)

    def kill(self) -> None:
        """End it and all processes of its session group at once."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)


def reap() -> list[tuple[int, int]]:
    """(pid, status) of every child that has ended, also of orphans that a container's first process
    is given and nobody else would ever wait for."""
    ended = []
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                break
            ended.append((pid, os.waitstatus_to_exitcode(status)))
    return ended


def describe(status: int) -> str:
    """How a process ended, in words."""
    if status < 0:
        return f"was killed by {signal.Signals(-status).name}"
    return "ended" if status == 0 else f"ended with status {status}"
