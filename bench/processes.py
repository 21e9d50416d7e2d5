"""Child processes of a bench: started, measured and ended here, and only those.

Each program gets a session of its own, so that ending it reaches its workers and nobody else. Processor
time and memory are read from /proc for the whole tree below the program: a gateway is charged for
every process that it needs.
"""

import os
import resource
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

from bench.machine import ROOT

_TICKS = os.sysconf("SC_CLK_TCK")


class StartError(RuntimeError):
    """The program did not come up; the message holds the end of what it printed."""


class Child:
    """A program and everything that it started. Use as a context manager."""

    def __init__(
        self,
        command: Sequence[str],
        log: Path,
        *,
        env: Mapping[str, str] | None = None,
        stdout: int | None = None,
        cwd: Path = ROOT,
    ) -> None:
        self.log = log
        self.started = time.monotonic()
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=output if stdout is None else stdout,
                stderr=output,
                env=dict(os.environ) | dict(env or {}),
                cwd=cwd,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Of the program itself."""
        return self.process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def alive(self) -> bool:
        """The program itself still runs."""
        return self.process.poll() is None

    def tree(self) -> list[int]:
        """The program and its living descendants."""
        return tree(self.pid)

    def cpu(self) -> float:
        """Seconds of processor time, user and system, of the whole tree so far, ended children included."""
        return sum(cpu_seconds(pid) for pid in self.tree())

    def memory(self) -> int:
        """Proportional set size of the whole tree in bytes."""
        return sum(pss(pid) for pid in self.tree())

    def stop(self, patience: float = 8.0) -> None:
        """SIGTERM, patience, SIGKILL to the session; returns when the program is gone."""
        if self.alive():
            self.process.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(patience)
        # The session holds nothing but what this program started.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self.process.wait(5)
        if self.process.stdout is not None:
            self.process.stdout.close()

    def fail(self, what: str) -> StartError:
        """An error with the end of the log."""
        try:
            tail = self.log.read_text(errors="replace")[-600:].strip()
        except OSError:
            tail = ""
        return StartError(f"{what}: {tail or 'it printed nothing'}")


def tree(root: int) -> list[int]:
    """A process and its living descendants, parents first."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            fields = _stat(int(entry))
            if fields:
                children.setdefault(int(fields[1]), []).append(int(entry))
    found, queue = [], [root]
    while queue:
        pid = queue.pop(0)
        if _stat(pid):
            found.append(pid)
        queue += children.get(pid, [])
    return found


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and of its children that have ended; 0 if it is gone."""
    fields = _stat(pid)
    return sum(int(f) for f in fields[11:15]) / _TICKS if fields else 0.0


def parent(pid: int) -> int:
    """Parent's pid; 0 if the process is gone."""
    fields = _stat(pid)
    return int(fields[1]) if fields else 0


def pss(pid: int) -> int:
    """Proportional set size in bytes: shared pages are divided among those who share them."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    for line in text.splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0


def command_line(pid: int) -> str:
    """Arguments of a process, joined by spaces; empty if it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def raise_file_limit() -> int:
    """As many open files as allowed, for this process and the children to come."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def _stat(pid: int) -> list[str]:
    """Fields of /proc/<pid>/stat from the state on (the name before them may hold anything)."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return []
    fields = text[text.rindex(")") + 2 :].split()
    return [] if fields[0] == "Z" else fields
