"""One consumer of the journal: a thread that reads, writes to its sink, and is the only one to wait for it.

Each consumer has a thread, a cursor and a sink of its own and shares nothing with the others but the reader,
which waits for no sink. There is no queue between them: a consumer takes records when it can, so one that
is stalled holds one turn's records and nothing more, however long that lasts, and reads on from its cursor
afterwards.

A sink makes a turn's output and the cursor durable as one (`Sink.write`). Whatever fails, the consumer
forgets what it had in memory and begins again at the durable cursor, exactly as after a kill: there is one
way back, and it is used often enough to be right.
"""

import threading
import time
from collections.abc import Callable
from typing import Protocol

from hybridgw.ledger.batches import JournalReader
from hybridgw.ledger.cursor import Cursor, Walk
from hybridgw.ledger.standing import Progress

_AT_ONCE = 2000
"""Records of one turn, about."""
_HELD = 5.0
"""Seconds that a step may wait which only moves the cursor."""
_IDLE = 300.0
"""Seconds after which a consumer without work looks whether there is something to tidy."""
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 10.0
_BEHIND = 60.0
"""Seconds without having read to the end after which a consumer counts as far behind."""


class Sink(Protocol):
    """Where a consumer's output goes. Called from one thread only."""

    @property
    def name(self) -> str:
        """Names its cursor and its metrics."""

    @property
    def counts(self) -> bool:
        """Whether it counts money or audits: then it begins with the oldest record, and no segment is
        removed before it was read. Others begin with what the gateways that live now have written."""

    def open(self) -> Cursor | None:
        """Undo what was written beyond the durable cursor; that cursor, None for a first run."""

    def write(self, walk: Walk) -> None:
        """Make `walk.step` and the cursor durable as one."""

    def tidy(self) -> None:
        """Remove what is kept no longer, if it is time to; called after every turn, and now and then."""

    def close(self) -> None:
        """Let go of files and connections; `open` may follow."""


class Waker:
    """Wakes consumers that have read to the end."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._turn = 0
        self._stop = threading.Event()

    @property
    def stopping(self) -> bool:
        """Whether this process is about to end."""
        return self._stop.is_set()

    @property
    def turn(self) -> int:
        """To be read before the look that finds nothing."""
        return self._turn

    def wake(self) -> None:
        """There may be something new."""
        with self._condition:
            self._turn += 1
            self._condition.notify_all()

    def stop(self) -> None:
        """Read to the end a last time, then end."""
        self._stop.set()
        self.wake()

    def wait(self, turn: int, seconds: float) -> None:
        """Until `wake` was called after `turn` was read, at most so long."""
        with self._condition:
            self._condition.wait_for(lambda: self._turn != turn, seconds)

    def pause(self, seconds: float) -> None:
        """Let time pass, whatever is new meanwhile; `stop` ends it."""
        self._stop.wait(seconds)


class Consumer:
    """A sink with its cursor. `run` is the thread; `turn` is one round of it, for tests as well."""

    def __init__(
        self,
        sink: Sink,
        reader: JournalReader,
        live: Callable[[], set[int]],
        report: Callable[[str, str], None] = lambda consumer, text: None,
    ) -> None:
        self.sink = sink
        self._reader = reader
        self._live = live
        self._report = report
        self._walk: Walk | None = None
        self._began: float | None = None
        """When the step in memory was begun."""
        self._caught_up = time.monotonic()
        self._failures = self._attempts = self._missed = self._damaged = 0
        self._error: str | None = None
        self._reported: tuple[str, float] = ("", 0.0)
        self._finished: frozenset[str] = frozenset()
        self._behind = 0
        """Of the cursor in memory that was dropped last."""

    @property
    def finished(self) -> frozenset[str]:
        """Segments that the durable cursor has behind it."""
        return self._finished

    def run(self, waker: Waker) -> None:
        """Until `waker.stop`, and then to the end of what there is."""
        pause = _FIRST_PAUSE
        while True:
            turn, stopping = waker.turn, waker.stopping
            try:
                more = self.turn(last=stopping)
            except Exception as error:
                self._failed(error)
                if stopping:
                    break
                waker.pause(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
                continue
            pause = _FIRST_PAUSE
            if more:
                continue
            if stopping:
                break
            waker.wait(turn, _HELD if self._began is not None else _IDLE)
        self._drop()

    def turn(self, last: bool = False) -> bool:
        """Read once and write what there is to write; whether there may be more. Raises what the sink does:
        then the next turn begins at the durable cursor."""
        try:
            return self._turn(last)
        except BaseException:
            self._drop()
            raise

    def _turn(self, last: bool) -> bool:
        if self._walk is None:
            self._walk = self._opened()
        walk = self._walk
        step = walk.step
        more = True
        while more and step.records < _AT_ONCE:
            # In large turns: each has a transaction, and its sums have rows of their own.
            more = walk.advance(_AT_ONCE - step.records)
        now = time.monotonic()
        if step:
            if self._began is None:
                self._began = now
            if step.pressing or last or now - self._began >= _HELD:
                self._write(walk)
        self.sink.tidy()
        self._error = None
        if not more:
            self._caught_up = now
        return more

    def _opened(self) -> Walk:
        cursor = self.sink.open()
        walk = Walk(self._reader, Cursor() if cursor is None else cursor)
        if cursor is None:
            if not self.sink.counts:
                walk.begin_with(self._live())
            # Where it began must be durable before anything is written: after a kill it begins there again.
            self.sink.write(walk)
            walk.written()
        self._finished = frozenset(walk.finished())
        self._began = None
        return walk

    def _write(self, walk: Walk) -> None:
        step = walk.step
        self.sink.write(walk)
        walk.written()
        self._began = None
        self._attempts += len(step.attempts)
        self._missed += len(step.missed)
        self._damaged += len(step.damaged)
        if step.removed or any(position.finished for position in step.moved.values()):
            self._finished = frozenset(walk.finished())
        for name in step.missed:
            self._report(self.sink.name, f"the segment {name} was removed before it was read to its end")
        for name in step.damaged:
            self._report(
                self.sink.name, f"the segment {name} is damaged; what follows the damage is not read"
            )

    def _failed(self, error: Exception) -> None:
        self._failures += 1
        self._error = text = told(error)
        what, when = self._reported
        if what != text or time.monotonic() - when >= _BEHIND:
            self._reported = (text, time.monotonic())
            self._report(self.sink.name, text)

    def _drop(self) -> None:
        if self._walk is not None:
            self._behind = self._walk.behind()
        self._walk = None
        self._began = None
        try:
            self.sink.close()
        except Exception as error:
            self._report(self.sink.name, f"closing: {told(error)}")

    def progress(self) -> Progress:
        """How it does. From any thread; a sink that hangs does not hold it up."""
        walk = self._walk
        behind = self._behind if walk is None else walk.behind()
        mean = self._reader.bytes_read / self._reader.records_read if self._reader.records_read else 100.0
        late = time.monotonic() - self._caught_up > _BEHIND
        return Progress(
            lag_bytes=behind,
            lag_records=round(behind / mean),
            behind=behind > 0 and late,
            failures=self._failures,
            error=self._error,
            missed_segments=self._missed,
            damaged_segments=self._damaged,
            attempts=self._attempts,
        )


def told(error: Exception) -> str:
    """What went wrong, in one line, without the path of this machine and without a statement's values."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return f"{type(error).__name__}: {error}".splitlines()[0][:300]
