"""The server: owns the worker processes, replaces those that die, drains them at the end.

What stands in front of a worker, `lean` or granian, does HTTP; this is the process management for both.
granian's own ends the whole server when two workers die within seconds, restarts them on SIGHUP and gives
up if one then fails, forgets a worker that dies while another is being replaced, and watches each with a
thread, in a process that forks. Here one loop waits on the sentinels of all workers and one pipe for
signals; a process is a file descriptor that becomes readable, so no death is missed and none ends the
server.

A worker that was killed is replaced at once. One that lived less than a second waits a little
first, so that a crash at every start does not eat the machine. Only when no worker has ever come up
and several tried, this process gives up and says so: then the fault is the configuration, the
supervisor's caller has to see it, and trying again will not mend it.

With `fork`, the application's modules are imported here once and shared by all workers: they start
in milliseconds. The parent therefore holds no threads, no loop, no sockets but the listening one.

    python -m hybridgw.host.serve_workers RUNTIME_INFO
"""

import gc
import importlib
import multiprocessing
import os
import signal
import socket
import sys
import time
import traceback
from multiprocessing import resource_tracker
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path

from hybridgw.host import worker
from hybridgw.host.console import configure, say
from hybridgw.host.process import die_with_parent
from hybridgw.host.runtime import GRACE, START_UP_FAILED, RuntimeInfo, read_info, ready_workers
from hybridgw.host.slots import sweep
from hybridgw.native import StateFile

_FIRST_LOOK = 0.005
_SETTLED = 1.0
"""Seconds after which a worker's death says nothing about its start."""
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = {"killed": 1.0, "failed": 5.0}
_FAILED_STARTS = 5
_ASK_AGAIN = 0.5


class Place:
    """One worker's place: the process in it, and when the next may start."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.worker: BaseProcess | None = None
        self.birth = 0.0
        self.short_lives = 0
        self.due = 0.0

    @property
    def process(self) -> BaseProcess:
        """The process in it; there must be one."""
        assert self.worker is not None
        return self.worker

    def bury(self, now: float) -> int:
        """Reap the process that died and decide when its successor starts; its exit status."""
        self.process.join()
        status = int(self.process.exitcode or 0)
        lived = now - self.birth
        self.worker = None
        if lived >= _SETTLED:
            self.short_lives = 0
            self.due = now
        else:
            self.short_lives += 1
            longest = _LONGEST_PAUSE["failed" if status > 0 else "killed"]
            self.due = now + min(longest, _FIRST_PAUSE * 2 ** min(self.short_lives - 1, 10))
        return status


class Server:
    """Runs the workers of one gateway; see the module."""

    def __init__(self, info: RuntimeInfo, info_path: str) -> None:
        self.info = info
        self._info_path = info_path
        self._listening = socket.socket(fileno=info.listen_fd)
        self._told_to_stop = False
        self.places = [Place(index) for index in range(info.workers)]

    def serve(self) -> None:
        """Until told to stop. Exits with START_UP_FAILED when no worker can start."""
        wakeup = self._take_signals()
        state = StateFile.open(self.info.state_file)
        while not state.generation() and not self._stopping():
            self._wait(wakeup, _FIRST_LOOK)  # the supervisor is still looking for engines
        failed_starts = 0
        status = 0
        while not self._stopping():
            now = time.monotonic()
            for place in self.places:
                if place.worker is None and place.due <= now:
                    self._start(place)
            self._wait(wakeup, min((p.due - now for p in self.places if p.worker is None), default=None))
            dead = self._dead()
            for place in dead:
                status = place.bury(time.monotonic())
                if self._stopping():
                    continue
                if status > 0:
                    failed_starts += 1
                else:
                    how = f"was killed by {signal.Signals(-status).name}" if status < 0 else "ended"
                    say("server", f"worker {place.index + 1} {how}, starting another", "warning")
            if dead:
                sweep(state)
            if failed_starts and ready_workers(self.info):
                failed_starts = 0
            if failed_starts >= _FAILED_STARTS:
                say("server", f"no worker could start in {failed_starts} attempts", "error")
                break
        self._drain(wakeup)
        if not self._stopping():
            sys.exit(START_UP_FAILED)

    def _stopping(self) -> bool:
        return self._told_to_stop

    def _take_signals(self) -> int:
        """Handle our signals; the returned descriptor becomes readable when one arrived."""
        reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)

        def stop(*_: object) -> None:
            self._told_to_stop = True

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        return reader

    def _start(self, place: Place) -> None:
        # The socket goes along as an object: that is how a spawned process gets its descriptor.
        place.worker = multiprocessing.Process(
            target=worker.run, args=(self._info_path, os.getpid(), self._listening), name="hybridgw-worker"
        )
        # The worker inherits the mask and lifts it once its loop can handle signals.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM, signal.SIGINT))
        try:
            place.birth = time.monotonic()
            place.worker.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _running(self) -> list[Place]:
        return [place for place in self.places if place.worker is not None]

    def _dead(self) -> list[Place]:
        ready = set(wait([place.process.sentinel for place in self._running()], timeout=0))
        return [place for place in self._running() if place.process.sentinel in ready]

    def _wait(self, wakeup: int, timeout: float | None) -> None:
        """Until a worker died, a signal arrived or `timeout` seconds passed."""
        wait([wakeup, *(place.process.sentinel for place in self._running())], timeout)
        try:
            os.read(wakeup, 4096)
        except BlockingIOError:
            return

    def _drain(self, wakeup: int) -> None:
        """Ask every worker to finish what it has, then end those that do not. The application ends
        its requests within the drain time itself; only one that is stuck is ended here."""
        deadline = time.monotonic() + self.info.drain + GRACE
        # The last copy that goes ends the listening: clients are refused instead of kept waiting.
        self._listening.close()
        # Asked more than once, because a loop that is just being started can miss a signal.
        asked = 0.0
        while self._running() and (left := deadline - time.monotonic()) > 0:
            if time.monotonic() - asked >= _ASK_AGAIN:
                asked = time.monotonic()
                for place in self._running():
                    place.process.terminate()
            self._wait(wakeup, min(left, _ASK_AGAIN))
            for place in self._dead():
                place.bury(time.monotonic())
        for place in self._running():
            say(
                "server",
                f"worker {place.index + 1} did not stop within {self.info.drain + GRACE:g} s and was ended",
                "warning",
            )
            place.process.kill()
            place.bury(time.monotonic())


def main(info_path: str) -> None:
    """Serve until told to stop. Exits 0 after an orderly drain, 3 when no worker can start."""
    info = read_info(Path(info_path))
    configure(info.log_level, info.log_json)
    die_with_parent(info.supervisor_pid)
    multiprocessing.set_start_method(info.start_method)
    server = Server(info, info_path)
    if info.start_method == "fork":
        try:
            worker.import_application(info.application)
            if info.http == "granian":
                importlib.import_module("hybridgw.front.granian")
        except Exception:
            # A module that does not load now will not load at the next try.
            say("server", f"the application does not load\n{traceback.format_exc().rstrip()}", "error")
            sys.exit(START_UP_FAILED)
        # What is shared by fork stays shared only if the collector never writes to it.
        gc.collect()
        gc.freeze()
    else:
        # Starting it unblocks the signals that the first worker has to inherit blocked.
        resource_tracker.ensure_running()
    server.serve()


if __name__ == "__main__":
    main(sys.argv[1])
