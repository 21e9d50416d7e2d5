"""Once per host: everything that must happen regularly and that no request may wait for.

A list of duties, run one after the other by a loop that sleeps until one is due or something wakes it:
a signal, a change in a folder of the configuration, a ring of the bell (`host.bell`). A duty says itself
when it wants its next turn, so a gateway that has nothing to do hardly wakes up; turns that are a second
and more away fall on whole seconds and share one wake-up. No duty takes long and none of them is needed
for a request to be answered: while this process is dead, requests go on, only nobody reloads or flushes.
A duty that raises is reported and tried again at its next turn; the others do not notice.

    sweep     1 s            gives back the slots of dead workers that the server did not see die
    life      1 s            tells of workers that hang, and ends them
    sync      journal_sync   flushes the journal to the disk; rests while nothing is written
    reload    event, HUP     publishes a changed configuration; without an event it looks every 5 s, and
                             every 2 s where there are no events
    probe     100 ms         asks engines whose breaker is open whether they are back, each at its interval;
                             1 s while nothing is written, since only requests open a breaker
    forget    10 s           removes stored responses that have expired
    learn     interval, ring asks engines what models they have, and what these can do
    load      interval       asks engines that tell it how many requests wait inside them
    tidy      10 s           shortens the segments of killed workers, removes the oldest beyond journal_max
                             that the ledger has counted

    python -m hybridgw.host.housekeeper RUNTIME_INFO
"""

import math
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from hybridgw.config.ledger import hard_limit
from hybridgw.config.schema import Settings
from hybridgw.host import bell, publication
from hybridgw.host.configure import again
from hybridgw.host.console import configure, say
from hybridgw.host.folder_events import FolderEvents
from hybridgw.host.journal_care import REFUSED, REFUSED_MAX, Syncer, Trimmer, prune
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
from hybridgw.host.wakeups import Wakeups
from hybridgw.ledger import standing
from hybridgw.ledger.response_store import forget
from hybridgw.native import StateFile

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_SETTLE = 0.25
"""Seconds between two looks at something that may still be changing."""
_PROBE = 0.1
_TIDY = 10.0
_SHORTEST = 0.001
_REPEAT = 60.0
"""Seconds between two reports of the same failure of one duty."""


class Duty:
    """Something to be done every so often. Times are `time.monotonic` seconds.

    `act` may answer with the seconds until it wants its next turn, infinity for "when I am woken"; if
    it answers with anything else, or raises, that is one interval from now.
    """

    def __init__(self, name: str, interval: float, act: Callable[[], object]) -> None:
        self.name = name
        self.interval = max(_SHORTEST, interval)
        self.due = 0.0
        self._act = act
        self._reported: tuple[str, float] = ("", 0.0)

    def run(self, now: float) -> None:
        """Do it. A late turn is not made up for."""
        pause: object = None
        try:
            pause = self._act()
        except Exception as error:
            # One broken duty must not end the others.
            text = f"{self.name}: {type(error).__name__}: {error}"
            what, when = self._reported
            if what != text or now - when >= _REPEAT:
                self._reported = (text, now)
                say("housekeeper", text, "error")
        self.due = _turn(now, max(_SHORTEST, pause) if isinstance(pause, float) else self.interval)


def _turn(now: float, pause: float) -> float:
    """When a pause is over. Long ones end at a whole second, so that what is rare wakes up together."""
    due = now + pause
    return due if pause < 1.0 or due == math.inf else float(math.floor(due))


class Housekeeper:
    """The duties of one host and the loop that does them."""

    def __init__(self, info: RuntimeInfo) -> None:
        self._state = state = StateFile.open(info.state_file)
        limits = publication.read_published(info, state).settings.state
        journal = Path(info.journal_dir)
        self.wakeups = Wakeups(_SIGNALS)
        self._events = FolderEvents()
        self._bell = bell.listen(info.run_dir)
        for descriptor in (self._events.descriptor, self._bell):
            if descriptor is not None:
                self.wakeups.add(descriptor)
        self._reloader = Reloader(info, state, again, self._events)
        self._syncer = Syncer(journal, info.instance)
        self._journal_sync = limits.journal_sync
        self._flushing = True
        """The journal is flushed at its interval; False while it rests."""
        # What the one before missed is found by its own looks, and nobody rings for it.
        state.set_flushing(True)
        self._prober = Prober(state)
        loads = LoadWatch(state)
        life = LifeWatch(state)
        learner = Learner(info, self._reloader)
        tidier = Tidier(info, lambda: self._reloader.settings)
        self._sync = Duty("sync", limits.journal_sync, self._flush)
        self._reload = Duty("reload", _SETTLE, self._reloader.look)
        self._probe = Duty("probe", _PROBE, self._look_at_breakers)
        self._learn = Duty("learn", _SETTLE, self._polled(learner.look))
        self._load = Duty("load", _SETTLE, lambda: loads.look(self._reloader.settings))
        self._settings = self._reloader.settings
        self.duties = [
            Duty("sweep", LOOK, lambda: _sweep(state)),
            Duty("life", LOOK, life.look),
            self._sync,
            self._reload,
            self._probe,
            Duty("forget", _TIDY, lambda: _forget(info)),
            self._learn,
            self._load,
            Duty("tidy", _TIDY, tidier.tidy),
        ]

    def run(self) -> None:
        """Until SIGTERM; the journal is flushed a last time."""
        while self.turn():
            pass
        self._syncer.sync()

    def turn(self) -> bool:
        """Do what is due, then wait until something is; whether to go on."""
        now = time.monotonic()
        for duty in self.duties:
            if duty.due <= now:
                duty.run(now)
        if self._reloader.settings is not self._settings:
            self._settings = self._reloader.settings
            _at_once(self._probe, self._learn, self._load)
        pause = min(duty.due for duty in self.duties) - time.monotonic()
        arrived, ready = self.wakeups.wait(pause)
        if self._bell in ready and bell.silence(self._bell):
            self._flushing = True
            _at_once(self._sync, self._probe, self._learn)
        if self._events.descriptor in ready and self._events.take():
            self._reloader.stir()
            _at_once(self._reload)
        for number in arrived:
            if number != signal.SIGHUP:
                return False
            self._reloader.reload()
            _at_once(self._reload)
        return True

    def _flush(self) -> float:
        """Flush what was written. Once nothing was, rest until a writer rings: having said so, look once
        more, because a writer that looked before needs not have rung."""
        if self._syncer.sync() or self._bell is None:
            return self._journal_sync
        self._flushing = True
        self._state.set_flushing(False)
        try:
            self._flushing = self._syncer.sync() > 0
        finally:
            if self._flushing:
                self._state.set_flushing(True)
        return self._journal_sync if self._flushing else math.inf

    def _look_at_breakers(self) -> float:
        pause = self._prober.look(self._reloader.settings)
        return max(_PROBE, min(pause, _PROBE if self._flushing else LOOK))

    def _polled(self, look: Callable[[], float]) -> Callable[[], float]:
        """A look that a ring brings forward; where there is no bell, it cannot wait for one."""
        return look if self._bell is not None else lambda: min(look(), _SETTLE)


def _at_once(*duties: Duty) -> None:
    for duty in duties:
        duty.due = 0.0


def _sweep(state: StateFile) -> None:
    sweep(state)


def _forget(info: RuntimeInfo) -> None:
    forget(Path(info.state_dir))


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
        self._tidy_refused(live)

    def _tidy_refused(self, live: set[int]) -> None:
        refused = self._journal / REFUSED
        if refused.is_dir():
            Trimmer(refused).trim(live)
            # No ledger counts these: the limit is also the hard one.
            prune(refused, REFUSED_MAX, live, (), REFUSED_MAX)


def main(info_path: str) -> None:
    """Run until told to stop. Told by the death of the supervisor, remove what it cannot any more:
    those that still drain have mapped what they need."""
    # Usually inherited blocked from the supervisor; a signal that came before waits for `run`.
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    info = read_info(Path(info_path))
    configure(info.log_level, info.log_json)
    die_with_parent(info.supervisor_pid)
    Housekeeper(info).run()
    if not alive(info.supervisor_pid, info.supervisor_ticks):
        remove_run_dir(Path(info.run_dir))


if __name__ == "__main__":
    main(sys.argv[1])
