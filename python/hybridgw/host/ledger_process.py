"""The ledger process: reads the journal and feeds its consumers. One per state folder, by lock.

Every gateway starts one; where several gateways share a state folder, the first holds the lock and the
others stand by, which costs them one system call a second, and take over when it dies. Killed at any
instruction it loses and doubles nothing (`ledger.consumer`); while it is dead requests go on and the journal
grows.

The main thread waits in `sigtimedwait`. It looks whether the journal has grown, often while records arrive
and every two seconds when none do (mapped memory that is written to wakes nobody), and wakes the consumers,
each of which is a thread. What they need to know of the configuration is taken up when that changes.

    python -m hybridgw.host.ledger_process RUNTIME_INFO
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from hybridgw.config.schema import Settings
from hybridgw.host import publication
from hybridgw.host.console import configure, say
from hybridgw.host.lock import live_instances
from hybridgw.host.process import die_with_parent
from hybridgw.host.runtime import RuntimeInfo, read_info
from hybridgw.ledger import standing
from hybridgw.ledger.batches import JournalReader
from hybridgw.ledger.consumer import Consumer, Sink, Waker
from hybridgw.native import StateFile

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_STAND_BY = 1.0
_SHORTEST, _LONGEST = 0.05, 2.0
"""Seconds between two looks at the journal: while records arrive, and at most."""
_SAY = 1.0
"""Seconds between two reports of how consumers do."""
_END = 1.5
"""Seconds that consumers get to read to the end when this process is told to stop."""


def sinks(settings: Settings, state_dir: Path) -> list[Sink]:
    """The consumers of a configuration. Imports the database only here: standing by needs none."""
    from hybridgw.ledger.access_log import FileLog, StreamLog
    from hybridgw.ledger.database.attempts import AttemptsSink
    from hybridgw.ledger.database.audit import AuditSink
    from hybridgw.ledger.database.engine import url_of
    from hybridgw.ledger.log_line import json_line, text_line

    ledger = settings.ledger
    url = url_of(ledger.database_url, state_dir)
    found: list[Sink] = [
        AttemptsSink(url, keep=ledger.keep_attempts, keep_usage=ledger.keep_usage),
        AuditSink(url, keep=ledger.keep_audit),
    ]
    log = ledger.log
    cursor = standing.folder(state_dir) / "log.cursor"
    readable = log.format == "text" or (log.format == "auto" and log.to == "stdout" and os.isatty(1))
    line = text_line if readable else json_line
    if log.to == "stdout":
        found.append(StreamLog(1, cursor, line))
    elif log.to == "file":
        found.append(FileLog(state_dir / log.path, cursor, line, most=log.max_size, kept=log.files))
    else:
        # Turned on again, it begins with what comes then.
        cursor.unlink(missing_ok=True)
    return found


class LedgerProcess:
    """One run of it, holding the lock."""

    def __init__(self, info: RuntimeInfo) -> None:
        self._info = info
        self._folder = Path(info.state_dir)
        self._state = StateFile.open(info.state_file)
        self._reader = JournalReader(Path(info.journal_dir), self._live)
        self._said: tuple[object, float] = (None, 0.0)
        self._read: set[str] | None = None

    def _live(self) -> set[int]:
        return live_instances(self._folder) | {self._info.instance}

    def run(self) -> None:
        """Until SIGTERM. Begins anew with other consumers when the configuration says so."""
        published = publication.read_published(self._info, self._state)
        while True:
            waker = Waker()
            consumers = [
                Consumer(sink, self._reader, self._live, _report)
                for sink in sinks(published.settings, self._folder)
            ]
            threads = [
                threading.Thread(target=one.run, args=(waker,), name=one.sink.name, daemon=True)
                for one in consumers
            ]
            for thread in threads:
                thread.start()
            newer = self._watch(published, waker, consumers)
            waker.stop()
            end = time.monotonic() + _END
            for thread in threads:
                thread.join(max(0.0, end - time.monotonic()))
            self._publish(consumers, at_once=True)
            if newer is None or any(thread.is_alive() for thread in threads):
                # One that is stalled keeps its sink: the next process begins at the durable cursors.
                return
            published = newer

    def _watch(
        self, published: publication.Published, waker: Waker, consumers: list[Consumer]
    ) -> publication.Published | None:
        """Wake the consumers when there is something new; the publication that needs other consumers, or
        None when told to stop."""
        pause = _SHORTEST
        while signal.sigtimedwait(_SIGNALS, pause) is None:
            if self._reader.grown():
                waker.wake()
                pause = _SHORTEST
            else:
                pause = min(2 * pause, _LONGEST)
            self._publish(consumers)
            if publication.changed(self._state, published.generation):
                try:
                    newer = publication.read_published(self._info, self._state)
                except publication.PublicationError as error:
                    say("ledger", str(error), "error")
                    continue
                if newer.settings.ledger != published.settings.ledger:
                    return newer
                published = newer
        return None

    def _publish(self, consumers: list[Consumer], *, at_once: bool = False) -> None:
        """Report progress, at most every second and only where it differs: a disk may sleep meanwhile."""
        try:
            read = set.intersection(*(set(one.finished) for one in consumers if one.sink.counts))
            if read != self._read:
                standing.publish_read(self._folder, read)
                self._read = read
            now = time.monotonic()
            before, when = self._said
            if not at_once and now - when < _SAY:
                return
            told = {one.sink.name: one.progress() for one in consumers}
            if told != before:
                standing.publish_status(self._folder, told)
            self._said = (told, now)
        except OSError as error:
            _report("status", error.strerror or str(error))


def _report(consumer: str, text: str) -> None:
    say("ledger", f"{consumer}: {text}", "error")


def wait_for_lock(take: Callable[[], int | None]) -> int | None:
    """Stand by until this is the ledger process of its state folder; None when told to stop before."""
    while True:
        descriptor = take()
        if descriptor is not None:
            return descriptor
        if signal.sigtimedwait(_SIGNALS, _STAND_BY) is not None:
            return None


def main(info_path: str) -> None:
    """Run until told to stop, by a signal or by the death of the supervisor."""
    signal.pthread_sigmask(signal.SIG_BLOCK, (*_SIGNALS, signal.SIGHUP))
    info = read_info(Path(info_path))
    configure(info.log_level, info.log_json)
    die_with_parent(info.supervisor_pid)
    descriptor = wait_for_lock(lambda: standing.take_lock(Path(info.state_dir)))
    if descriptor is None:
        return
    LedgerProcess(info).run()
    # Not by returning: a thread that waits, say for a stdout that is not read, must not hold this up.
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1])
