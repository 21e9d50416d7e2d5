"""`python -m bench.faults.idle`: what a gateway does while nothing is asked of it.

Promise: with one worker, all its processes together make at most `--most` system calls a second. They are
counted by strace where it may attach; elsewhere voluntary context switches stand for them, which are fewer.
The rounds of questions to engines (`health`) are configured work and no idling, so they are left out unless
`--questions` is given.
"""

import argparse
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from bench import processes
from bench.faults.harness import Gateway, Promises

_TOTAL = re.compile(r"^\s*100\.00\s+[\d.]+\s+\d+\s+(\d+)", re.MULTILINE)
_ATTACH = 0.5
"""Seconds for strace to attach, and for what its attaching interrupts."""


def main() -> int:
    """Exit status 1 if the promise was broken."""
    parser = argparse.ArgumentParser(prog="bench.faults.idle")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=30.0, help="how long to count")
    parser.add_argument("--settle", type=float, default=8.0, help="seconds between the start and the count")
    parser.add_argument("--most", type=float, default=20.0, help="system calls a second that are promised")
    parser.add_argument("--questions", action="store_true", help="ask the two engines for what they can do")
    parser.add_argument("--write", action="store_true", help="keep the result in bench/results")
    options = parser.parse_args()
    found = Promises()
    with Gateway(workers=options.workers, settings={"health": {"enabled": options.questions}}) as gateway:
        time.sleep(options.settle)
        pids = gateway.child.tree()
        what, counts = _count(pids, options.seconds, gateway.folder)
        for pid in pids:
            name = _name(gateway, pid)
            found.figure(f"{name} {pid}: {what} a second", round(counts.get(pid, 0) / options.seconds, 1))
            found.figure(f"{name} {pid}: memory (PSS), MiB", round(processes.pss(pid) / 2**20, 1))
        same = gateway.child.tree() == pids
    total = round(sum(counts.values()) / options.seconds, 1)
    found.figure(f"all: {what} a second", total)
    found.promise("the processes counted are those of the start", same)
    found.promise(f"at most {options.most:g} {what} a second", 0 < total <= options.most)
    return found.finish("faults-idle", write=options.write)


def _name(gateway: Gateway, pid: int) -> str:
    if pid in gateway.workers():
        return "worker"
    line = processes.command_line(pid)
    names = {"serve_workers": "server", "housekeeper": "housekeeper"}
    return next((name for module, name in names.items() if module in line), "supervisor")


def _count(pids: list[int], seconds: float, folder: Path) -> tuple[str, dict[int, int]]:
    """What was counted, and how many of it by process."""
    if shutil.which("strace"):
        return "system calls", _system_calls(pids, seconds, folder)
    before = {pid: _switches(pid) for pid in pids}
    time.sleep(seconds)
    return "voluntary context switches", {pid: _switches(pid) - before[pid] for pid in pids}


def _system_calls(pids: list[int], seconds: float, folder: Path) -> dict[int, int]:
    tracers = {}
    for pid in pids:
        command = ["strace", "-f", "-qq", "-c", "-o", str(folder / f"strace-{pid}"), "-p", str(pid)]
        tracers[pid] = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    time.sleep(_ATTACH + seconds)
    for tracer in tracers.values():
        tracer.send_signal(signal.SIGINT)
    for tracer in tracers.values():
        tracer.wait(30)
    found = {}
    for pid in pids:
        match = _TOTAL.search((folder / f"strace-{pid}").read_text())
        found[pid] = int(match[1]) if match else 0
    return found


def _switches(pid: int) -> int:
    """Voluntary context switches of all threads of a process so far."""
    total = 0
    for status in Path(f"/proc/{pid}/task").glob("*/status"):
        match = re.search(r"^voluntary_ctxt_switches:\s*(\d+)", status.read_text(), re.MULTILINE)
        total += int(match[1]) if match else 0
    return total


if __name__ == "__main__":
    sys.exit(main())
