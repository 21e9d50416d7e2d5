"""`hybridgw serve`: takes the lock, the port and the signals, starts its children and keeps them up.

The supervisor answers no request and reads no file after its start, so there is little that could
kill it; everything that may fail lives in a child that it restarts. It waits in one system call
(`sigtimedwait`) with all its signals blocked: no handler interrupts anything, a signal that arrives
early waits, and a child that dies is one more signal. Children inherit the blocked mask and lift it
when they are ready to obey, so a stop that comes while they start is not lost either.

Children run in sessions of their own: Ctrl-C reaches the supervisor alone, which turns it into an
orderly drain; a second one ends everything at once.

    SIGTERM, SIGINT    drain and stop          SIGINT again   stop at once
    SIGHUP             reload the configuration; if the terminal it was started from is gone, drain and stop
"""

import contextlib
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from hybridgw.config.errors import ConfigError
from hybridgw.config.schema import Settings
from hybridgw.host import child, listener
from hybridgw.host.announcement import announce
from hybridgw.host.child import Child
from hybridgw.host.console import say
from hybridgw.host.demo import DemoUpstreams, NoDemo
from hybridgw.host.preparation import Prepared, prepare, publish_found
from hybridgw.host.runtime import GRACE, START_UP_FAILED, ready_workers, remove_run_dir

OK, FAILED, UNUSABLE = 0, 1, 2
"""Exit status: stopped as asked; the workers do not start; configuration or address unusable."""

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)
_YOUNG_DEATHS = 5
_READY_POLL = 0.01
_LEDGER_WAITS = 1.0
"""Seconds after the start before the ledger begins: it is in no hurry, and its modules are large."""
_QUEUE_PATIENCE = 0.1
"""Seconds given to the workers to accept what already waits when a drain begins."""


class Supervisor:
    """One run. `prepared` is everything that was decided before the first child."""

    def __init__(self, prepared: Prepared, when_ready: Callable[[Settings], None] | None = None) -> None:
        self.prepared = prepared
        self.info = prepared.info
        self._when_ready = when_ready
        fds = (prepared.lock.fd,)
        argument = (str(prepared.info_path),)
        self.server = Child(
            "server", "hybridgw.host.serve_workers", argument, (self.info.listen_fd, prepared.lock.fd)
        )
        self.housekeeper = Child("housekeeper", "hybridgw.host.housekeeper", argument, fds)
        self.ledger = Child("ledger", "hybridgw.host.ledger_process", argument, ())
        self.children = [self.server, self.housekeeper, self.ledger]
        self.settings = prepared.settings
        self._demo: DemoUpstreams | None = None
        self._from_terminal = _has_terminal()
        self._announced = False
        self._end: float | None = None
        """When the drain is over; None while serving."""

    def run(self) -> int:
        """Until told to stop or until the workers do not start; the exit status."""
        # The housekeeper comes second: at a cold start the processors belong to the workers.
        self.server.start()
        if self.info.config_path is None:
            # While the server loads its modules; it waits for a publication before it forks.
            try:
                self.settings, self._demo = publish_found(self.prepared)
            except (ConfigError, NoDemo, OSError) as error:
                say("serve", str(error), "error")
                return UNUSABLE
            if self._demo is not None:
                self.children.append(self._demo.child)
        self.housekeeper.due = time.monotonic() + 1.0
        self.ledger.due = time.monotonic() + _LEDGER_WAITS
        while True:
            status = self._turn()
            if status is not None:
                return status

    def _turn(self) -> int | None:
        arrived = signal.sigtimedwait(_SIGNALS, self._pause())
        number = arrived.si_signo if arrived else 0
        if number in (signal.SIGTERM, signal.SIGINT):
            self._asked_to_stop(at_once=self._end is not None and number == signal.SIGINT)
        elif number == signal.SIGHUP:
            if self._from_terminal and not _has_terminal():
                # Whoever closed the window expects it to end, as everything else there does.
                self._asked_to_stop(at_once=False)
            else:
                self.housekeeper.send(signal.SIGHUP)
        for pid, status in child.reap():
            hopeless = status == START_UP_FAILED and pid == self.server.pid and not self._announced
            self._ended(pid, status)
            if hopeless and self._end is None:
                say("supervisor", "no worker can start, see above; giving up", "error")
                return FAILED
        if self._end is not None:
            return self._drained()
        self._keep_up()
        if self.server.young_deaths >= _YOUNG_DEATHS:
            say("supervisor", f"the server died {_YOUNG_DEATHS} times at its start; giving up", "error")
            return FAILED
        if not self._announced and ready_workers(self.info):
            self._announced = True
            self.housekeeper.due = 0.0
            self._keep_up()
            announce(self.settings, self.info)
            if self._when_ready is not None:
                self._when_ready(self.settings)
        return None

    def _pause(self) -> float:
        now = time.monotonic()
        if self._end is not None:
            return max(0.0, self._end - now)
        if not self._announced:
            return _READY_POLL
        down = [c.due - now for c in self.children if c.process is None]
        return max(0.0, min(down, default=3600.0))

    def _keep_up(self) -> None:
        now = time.monotonic()
        for one in self.children:
            if one.process is None and one.due <= now:
                one.start()

    def _ended(self, pid: int, status: int) -> None:
        for one in self.children:
            if pid == one.pid:
                one.reaped(status)
                if self._end is None:
                    say(
                        "supervisor",
                        f"the {one.label} {child.describe(status)}, starting it again",
                        "warning",
                    )

    def _asked_to_stop(self, at_once: bool) -> None:
        if at_once:
            say("supervisor", "stopping at once", "warning")
            self.server.kill()
            self._end = time.monotonic()
            return
        if self._end is not None:
            return
        say("supervisor", f"draining, at most {self.info.drain:g} s")
        self._end = time.monotonic() + self.info.drain + 2 * GRACE
        # What waits is accepted first, so that nobody whose request may be on its way is reset.
        until = time.monotonic() + _QUEUE_PATIENCE
        while listener.waiting(self.prepared.socket) and time.monotonic() < until:
            time.sleep(0.001)
        self.server.send(signal.SIGTERM)
        self.prepared.socket.close()

    def _drained(self) -> int | None:
        assert self._end is not None
        if self.server.process is None:
            say("supervisor", "stopped")
            return OK
        if time.monotonic() >= self._end:
            say("supervisor", "the server did not stop in time and was ended", "warning")
            return OK
        return None

    def close(self) -> None:
        """End what still runs and remove what belonged to this run. The journal stays."""
        self._end = time.monotonic()
        self.server.kill()
        # The workers have settled everything: what the ledger reads now is complete.
        helpers = (self.housekeeper, self.ledger)
        for one in helpers:
            one.send(signal.SIGTERM)
        until = time.monotonic() + GRACE
        while any(one.process is not None for one in (self.server, *helpers)):
            for pid, status in child.reap():
                self._ended(pid, status)
            if time.monotonic() >= until:
                for one in helpers:
                    one.kill()
            signal.sigtimedwait((signal.SIGCHLD,), 0.02)
        if self._demo is not None:
            self._demo.close()
        self.prepared.socket.close()
        remove_run_dir(Path(self.info.run_dir))
        self.prepared.lock.release()


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return False
    return True


def serve(
    config_path: str | None = None,
    *,
    host: str | None = None,
    port: int | None = None,
    workers: int | None = None,
    allow_cloud: bool = False,
    application: str = "hybridgw.server.app:application",
    when_ready: Callable[[Settings], None] | None = None,
) -> int:
    """Serve in the foreground until told to stop; the exit status.

    `host`, `port` and `workers` replace what the configuration says. `when_ready` is called once,
    when the first worker answers. Must run in the main thread, which keeps its signals blocked
    while this runs.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        prepared = prepare(
            config_path,
            host=host,
            port=port,
            workers=workers,
            allow_cloud=allow_cloud,
            application=application,
        )
        if prepared is None:
            return UNUSABLE
        supervisor = Supervisor(prepared, when_ready)
        try:
            return supervisor.run()
        finally:
            supervisor.close()
    finally:
        # A second Ctrl-C that is still pending has been obeyed.
        with contextlib.suppress(InterruptedError):
            while signal.sigtimedwait(_SIGNALS, 0) is not None:
                pass
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
