"""Once per host: everything that must happen regularly and that no request may wait for.

A list of duties with intervals, run one after the other by a loop that sleeps in `sigtimedwait`:
signals and time arrive in the same call, and there is no handler, thread or event loop that could
fail in a way of its own. No duty takes long and none of them is needed for a request to be
answered: while this process is dead, requests go on, only nobody sweeps, reloads or flushes. A duty
that raises is reported and tried again at its next turn; the others do not notice.

    sweep     100 ms         gives back the slots of dead workers
    life      1 s            tells of workers that hang, and ends them
    reload    250 ms, HUP    publishes a changed configuration
    sync      journal_sync   flushes the journal to the disk
    probe     100 ms         asks engines whose breaker is open whether they are back, each at its interval
    forget    10 s           removes stored responses that have expired
    learn     250 ms         asks engines at their interval what models they have, and what these can do
    load      250 ms         asks engines that tell it how many requests wait inside them
    tidy      10 s           shortens the segments of killed workers, removes the oldest beyond journal_max
                             that the ledger has counted

    python -m hybridgw.host.housekeeper RUNTIME_INFO
"""

import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from hybridgw.config.ledger import hard_limit
from hybridgw.config.schema import Settings
from hybridgw.host import publication
from hybridgw.host.configure import again
from hybridgw.host.console import say
from hybridgw.host.journal_care import Syncer, Trimmer, prune
from hybridgw.host.journal_status import JournalStatus, note_journal
from hybridgw.host.learning import Learner
from hybridgw.host.life import LOOK, LifeWatch
from hybridgw.host.loads import LoadWatch
from hybridgw.host.lock import live_instances
from hybridgw.host.probes import Prober
from hybridgw.host.process import alive, die_with_parent
from hybridgw.host.reload import Reloader
from hybridgw.host.runtime import RuntimeInfo, read_info, remove_run_dir
from hybridgw.host.slots import sweep
from hybridgw.ledger import standing
from hybridgw.ledger.response_store import forget
from hybridgw.native import StateFile

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_SWEEP = 0.1
_LOOK = 0.25
_PROBE = 0.1
_TIDY = 10.0
_SHORTEST = 0.001
_REPEAT = 60.0
"""Seconds between two reports of the same failure of one duty."""


class Duty:
    """Something to be done every so often. Times are `time.monotonic` seconds."""

    def __init__(self, name: str, interval: float, act: Callable[[], object]) -> None:
        self.name = name
        self.interval = max(_SHORTEST, interval)
        self.due = 0.0
        self._act = act
        self._reported: tuple[str, float] = ("", 0.0)

    def run(self, now: float) -> None:
        """Do it, and be due again one interval from now: a late turn is not made up for."""
        self.due = now + self.interval
        try:
            self._act()
        except Exception as error:
            # One broken duty must not end the others.
            text = f"{self.name}: {type(error).__name__}: {error}"
            what, when = self._reported
            if what != text or now - when >= _REPEAT:
                self._reported = (text, now)
                say("housekeeper", text, "error")


class Housekeeper:
    """The duties of one host and the loop that does them."""

    def __init__(self, info: RuntimeInfo) -> None:
        state = StateFile.open(info.state_file)
        limits = publication.read_published(info, state).settings.state
        journal = Path(info.journal_dir)
        self._reloader = Reloader(info, state, again)
        self._syncer = Syncer(journal, info.instance)
        prober = Prober(state)
        loads = LoadWatch(state)
        life = LifeWatch(state)
        learner = Learner(info, self._reloader)
        tidier = Tidier(info, lambda: self._reloader.settings)
        self.duties = [
            Duty("sweep", _SWEEP, lambda: sweep(state)),
            Duty("life", LOOK, life.look),
            Duty("sync", limits.journal_sync, self._syncer.sync),
            Duty("reload", _LOOK, self._reloader.look),
            Duty("probe", _PROBE, lambda: prober.look(self._reloader.settings)),
            Duty("forget", _TIDY, lambda: forget(Path(info.state_dir))),
            Duty("learn", _LOOK, learner.look),
            Duty("load", _LOOK, lambda: loads.look(self._reloader.settings)),
            Duty("tidy", _TIDY, tidier.tidy),
        ]

    def run(self) -> None:
        """Until SIGTERM; the journal is flushed a last time."""
        while True:
            now = time.monotonic()
            for duty in self.duties:
                if duty.due <= now:
                    duty.run(now)
            pause = min(duty.due for duty in self.duties) - time.monotonic()
            arrived = signal.sigtimedwait(_SIGNALS, max(0.0, pause))
            if arrived is None:
                continue
            if arrived.si_signo == signal.SIGHUP:
                self._reloader.reload()
            else:
                self._syncer.sync()
                return


class Tidier:
    """Keeps the journal within its bounds, and says how large it is."""

    def __init__(self, info: RuntimeInfo, settings: Callable[[], Settings]) -> None:
        self._info = info
        self._settings = settings
        self._journal = Path(info.journal_dir)
        self._trimmer = Trimmer(self._journal)
        self._status = JournalStatus()

    def tidy(self) -> None:
        """Shorten what was left by killed workers, remove what is old."""
        info, settings, before = self._info, self._settings(), self._status
        state_dir = Path(info.state_dir)
        live = live_instances(state_dir) | {info.instance}
        self._trimmer.trim(live)
        hard = hard_limit(settings.state)
        dropping = settings.ledger.full == "drop"
        done = prune(
            self._journal,
            settings.state.journal_max,
            live,
            standing.read_by_all(state_dir),
            hard if dropping else 0,
        )
        if done.removed:
            say("housekeeper", f"removed {len(done.removed)} journal segments beyond journal_max", "warning")
        if done.dropped:
            what = f"dropped {len(done.dropped)} journal segments that the ledger had not counted"
            say("housekeeper", f"{what}: the journal is at journal_hard_max", "error")
        status = JournalStatus(
            size=done.size,
            held=done.held,
            alarm=done.size > hard // 2,
            full=done.size > hard and not dropping,
            dropped=before.dropped + len(done.dropped),
        )
        if status.alarm and not before.alarm:
            say("housekeeper", "the journal is over half of journal_hard_max: is the ledger behind?", "error")
        if status.full and not before.full:
            say("housekeeper", "the journal is at journal_hard_max: requests are refused", "error")
        if status != before:
            note_journal(info, status)
            self._status = status


def main(info_path: str) -> None:
    """Run until told to stop. Told by the death of the supervisor, remove what it cannot any more:
    those that still drain have mapped what they need."""
    # Usually inherited blocked from the supervisor; a signal that came before waits for `run`.
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    info = read_info(Path(info_path))
    die_with_parent(info.supervisor_pid)
    Housekeeper(info).run()
    if not alive(info.supervisor_pid, info.supervisor_ticks):
        remove_run_dir(Path(info.run_dir))


if __name__ == "__main__":
    main(sys.argv[1])
