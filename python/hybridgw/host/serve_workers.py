"""The server: owns the worker processes, replaces those that die, drains them at the end.

granian does the HTTP; this is its process management, replaced. Its own ends the whole server when
two workers die within seconds, restarts them on SIGHUP and gives up if one then fails, forgets a
worker that dies while another is being replaced, and watches each with a thread, in a process that
forks. Here one loop waits on the sentinels of all workers and one pipe for signals; a process is a
file descriptor that becomes readable, so no death is missed and none ends the server.

A worker that was killed is replaced at once. One that lived less than a second waits a little
first, so that a crash at every start does not eat the machine. Only when no worker has ever come up
and several tried, this process gives up and says so: then the fault is the configuration, the
supervisor's caller has to see it, and trying again will not mend it.

With `fork`, the application's modules are imported here once and shared by all workers: they start
in milliseconds. The parent therefore holds no threads, no loop, no sockets but the listening one.

    python -m hybridgw.host.serve_workers RUNTIME_INFO
"""

import gc
import multiprocessing
import os
import signal
import socket
import sys
import time
import traceback
from functools import partial
from multiprocessing import resource_tracker
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from granian._granian import SocketHolder
from granian.constants import HTTPModes, Interfaces, Loops, RuntimeModes
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.mp import MPServer

from hybridgw.host import worker
from hybridgw.host.console import configure, say
from hybridgw.host.limits import connection_limit
from hybridgw.host.listener import BACKLOG
from hybridgw.host.process import die_with_parent
from hybridgw.host.runtime import GRACE, START_UP_FAILED, RuntimeInfo, read_info, ready_workers
from hybridgw.host.slots import sweep
from hybridgw.native import StateFile

_HEADERS_MAX = 64 * 1024
_FIRST_LOOK = 0.005
_SETTLED = 1.0
"""Seconds after which a worker's death says nothing about its start."""
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = {"killed": 1.0, "failed": 5.0}
_FAILED_STARTS = 5
_ASK_AGAIN = 0.5

_LOGGING = {
    # The server's own lines go where ours go: standard output belongs to whoever started us.
    "handlers": {"console": {"class": "hybridgw.host.console.LineHandler"}},
    "loggers": {"_granian": {"handlers": ["console"], "level": "ERROR", "propagate": False}},
}


class Place:
    """One worker's place: the process in it, and when the next may start."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.worker: Any = None
        self.short_lives = 0
        self.due = 0.0

    @property
    def sentinel(self) -> int:
        return int(self.worker.inner.sentinel)

    def bury(self, now: float) -> int:
        """Reap the process that died and decide when its successor starts; its exit status."""
        self.worker.inner.join()
        status = int(self.worker.inner.exitcode or 0)
        lived = now - self.worker.birth
        self.worker = None
        if lived >= _SETTLED:
            self.short_lives = 0
            self.due = now
        else:
            self.short_lives += 1
            longest = _LONGEST_PAUSE["failed" if status > 0 else "killed"]
            self.due = now + min(longest, _FIRST_PAUSE * 2 ** min(self.short_lives - 1, 10))
        return status


class Server(MPServer):
    """granian's process server with our own management of the processes."""

    def __init__(self, info: RuntimeInfo) -> None:
        super().__init__(
            info.application,
            address=info.host,
            port=info.port,
            interface=Interfaces.ASGI,
            workers=info.workers,
            loop=Loops.uvloop,
            http=HTTPModes.http1,
            runtime_mode=RuntimeModes.mt,
            websockets=False,
            backlog=BACKLOG,
            backpressure=connection_limit(),
            http1_settings=HTTP1Settings(
                # The buffer holds a request's whole head: a larger one is answered with 431.
                max_buffer_size=_HEADERS_MAX,
                header_read_timeout=max(1, round(info.header_timeout * 1000)),
            ),
            # Its warnings advise about its own command line and its own process management.
            log_level=LogLevels.error,
            log_dictconfig=_LOGGING,
        )
        self.info = info
        self._told_to_stop = False
        self.places = [Place(index) for index in range(info.workers)]

    def _init_shared_socket(self) -> None:
        """Use the inherited socket. `_sso` is what hands it to spawned workers, under the same number."""
        self._ssp = None
        self._shd = SocketHolder(self.info.listen_fd, False, BACKLOG)
        self._sfd = self.info.listen_fd
        self._sso = socket.socket(fileno=self.info.listen_fd)

    def _serve(self, spawn_target: Any, target_loader: Any) -> None:
        self._init_shared_socket()
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
                    self._start(place, spawn_target, target_loader)
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

    def _start(self, place: Place, spawn_target: Any, target_loader: Any) -> None:
        place.worker = self._spawn_worker(place.index, spawn_target, target_loader)
        place.worker._watch = _no_thread
        # The worker inherits the mask and lifts it once its loop can handle signals.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM, signal.SIGINT))
        try:
            place.worker.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _running(self) -> list[Place]:
        return [place for place in self.places if place.worker is not None]

    def _dead(self) -> list[Place]:
        ready = set(wait([place.sentinel for place in self._running()], timeout=0))
        return [place for place in self._running() if place.sentinel in ready]

    def _wait(self, wakeup: int, timeout: float | None) -> None:
        """Until a worker died, a signal arrived or `timeout` seconds passed."""
        wait([wakeup, *(place.sentinel for place in self._running())], timeout)
        try:
            os.read(wakeup, 4096)
        except BlockingIOError:
            return

    def _drain(self, wakeup: int) -> None:
        """Ask every worker to finish what it has, then end those that do not. The application ends
        its requests within the drain time itself; only one that is stuck is ended here."""
        deadline = time.monotonic() + self.info.drain + GRACE
        # The last copy that goes ends the listening: clients are refused instead of kept waiting.
        self._sso.close()
        # Asked more than once, because a loop that is just being started can miss a signal.
        asked = 0.0
        while self._running() and (left := deadline - time.monotonic()) > 0:
            if time.monotonic() - asked >= _ASK_AGAIN:
                asked = time.monotonic()
                for place in self._running():
                    place.worker.inner.terminate()
            self._wait(wakeup, min(left, _ASK_AGAIN))
            for place in self._dead():
                place.bury(time.monotonic())
        for place in self._running():
            say(
                "server",
                f"worker {place.index + 1} did not stop within {self.info.drain + GRACE:g} s and was ended",
                "warning",
            )
            place.worker.inner.kill()
            place.bury(time.monotonic())


def _no_thread() -> None:
    """In place of granian's watching thread."""


def main(info_path: str) -> None:
    """Serve until told to stop. Exits 0 after an orderly drain, 3 when no worker can start."""
    info = read_info(Path(info_path))
    configure(info.log_level, info.log_json)
    die_with_parent(info.supervisor_pid)
    multiprocessing.set_start_method(info.start_method)
    server = Server(info)
    if info.start_method == "fork":
        try:
            worker.import_application(info.application)
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
    server.serve(target_loader=partial(worker.load, info_path, os.getpid()), wrap_loader=False)


if __name__ == "__main__":
    main(sys.argv[1])
