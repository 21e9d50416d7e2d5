"""Reading the journal: segments in order of age, starts and ends joined into attempts.

Workers append to it from the native side, a start record when a permit is taken and an end before the
last byte of an answer leaves. A start without an end is a request in flight, or one whose worker died:
readers show it as open and decide nothing about it. Other kinds of records have other readers.
"""

from bisect import insort
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from hybridgw.ledger.cursor import Cursor, Position
from hybridgw.ledger.records import End, Record, Start, read
from hybridgw.native import journal_segment

_AT_ONCE = 1000
"""Records read at once: as objects they are large, and a journal may hold millions."""
_KINDS = ("start", "end")


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One attempt."""

    id: str
    attempt: int
    """1 for the first."""
    time: float
    """Unix seconds of the start."""
    route: str
    model: str
    deployment: str
    level: str
    ceiling: str
    stream: bool
    estimated_tokens: int = 0
    """Of the prompt, before anything was sent."""
    outcome: str | None = None
    """None while open."""
    status: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    usage_reported: bool = False
    first_token_ms: float = 0.0
    duration_ms: float = 0.0
    bytes_sent: int = 0
    cost_nano_usd: int | None = None
    """As the upstream reported it, in billionths of a US dollar; most report none."""


class Tail:
    """Follows a journal folder. What was read once is not read again; a segment that its writer has
    closed is not even opened again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._offsets: dict[Path, int] = {}
        self._done: set[Path] = set()
        self.damaged: dict[Path, str] = {}
        """Segments that cannot be read, and why."""

    def records(self) -> Iterator[Record]:
        """Starts and ends that were added since the last call, segment by segment, oldest segment first."""
        for path in segments(self._folder):
            if path not in self._done:
                yield from self._records(path)

    def newest(self, attempts: "Attempts", count: int) -> list[Entry]:
        """The `count` attempts that started last, oldest first; those still open are among them.

        Reads as few segments as that takes and passes over the rest.
        """
        kept: list[Entry] = []
        for path, latest in self._by_age():
            if latest is not None and len(kept) == count and kept[0].time > latest:
                self._done.add(path)
                continue
            for record in self._records(path):
                entry = attempts.add(record)
                if entry is not None and (len(kept) < count or entry.time > kept[0].time):
                    insort(kept, entry, key=_time)
                    del kept[:-count]
        return sorted([*kept, *attempts.open()], key=_time)[-count:]

    def cursor(self, attempts: "Attempts") -> Cursor:
        """Where reading stands, to be gone on from by a `Walk`; `attempts` has joined what was read."""
        names = {path.name: Position(offset, path in self._done) for path, offset in self._offsets.items()}
        names |= {path.name: Position(0, True) for path in self._done if path.name not in names}
        cursor = Cursor(names)
        for start in attempts.starts():
            cursor.starts.setdefault(start.id, []).append(start._asdict())
        return cursor

    def _by_age(self) -> list[tuple[Path, float | None]]:
        """Segments with a time after all of their records, newest first; before them those that may
        still grow, whose time says nothing: writing to mapped memory need not move it."""
        growing: list[tuple[Path, float | None]] = []
        closed: list[tuple[Path, float]] = []
        for path in segments(self._folder):
            try:
                if _closed(path):
                    closed.append((path, path.stat().st_mtime))
                    continue
            except OSError:
                pass  # pruned, or damaged: then reading it says so
            growing.append((path, None))
        return [*growing, *sorted(closed, key=lambda one: one[1], reverse=True)]

    def _records(self, path: Path) -> Iterator[Record]:
        try:
            closed = _closed(path)  # asked first: then nothing can follow what is read now
            while True:
                batch = read(path, self._offsets.get(path, 0), _AT_ONCE, _KINDS)
                self._offsets[path] = batch.next_offset
                yield from batch.records
                if batch.tail != "more":
                    break
        except FileNotFoundError:
            return  # pruned between listing and reading
        except OSError as error:
            self.damaged[path] = error.strerror or str(error)
            closed = True
        if closed:
            self._done.add(path)


class Attempts:
    """Joins starts with ends, in whatever order segments are read."""

    def __init__(self) -> None:
        self._starts: dict[tuple[str, int], Start] = {}
        self._ends: dict[tuple[str, int], End] = {}

    def add(self, record: Record) -> Entry | None:
        """The attempt, if `record` completes one."""
        key = (record.id, record.attempt)
        if isinstance(record, Start):
            end = self._ends.pop(key, None)
            if end is not None:
                return entry_of(record, end)
            self._starts[key] = record
        elif isinstance(record, End):
            start = self._starts.pop(key, None)
            if start is not None:
                return entry_of(start, record)
            self._ends[key] = record
        return None

    def open(self) -> list[Entry]:
        """Attempts that were not settled."""
        return [entry_of(start, None) for start in self._starts.values()]

    def starts(self) -> list[Start]:
        """Their start records."""
        return list(self._starts.values())


def segments(folder: Path) -> list[Path]:
    """All segments, oldest run first: their names begin with the time of their run."""
    return sorted(folder.glob("*.journal"))


def _closed(path: Path) -> bool:
    about = journal_segment(path)
    return about is not None and bool(about["sealed"])


def _time(entry: Entry) -> float:
    return entry.time


def entry_of(start: Start, end: End | None) -> Entry:
    """What two records say of an attempt."""
    common: dict[str, Any] = {
        "id": start.id,
        "attempt": start.attempt + 1,
        "time": start.wall_ns / 1e9,
        "route": start.route,
        "model": start.model,
        "deployment": start.deployment_name,
        "level": start.level,
        "ceiling": start.ceiling,
        "stream": start.stream,
        "estimated_tokens": start.estimated_prompt_tokens,
    }
    if end is None:
        return Entry(**common)
    return Entry(
        **common,
        outcome=end.outcome.lower(),
        status=end.status,
        prompt_tokens=end.prompt_tokens,
        completion_tokens=end.completion_tokens,
        cached_tokens=end.cached_tokens,
        cache_write_tokens=end.cache_write_tokens,
        usage_reported=end.usage_reported,
        first_token_ms=end.ttft_us / 1000,
        duration_ms=end.duration_us / 1000,
        bytes_sent=end.bytes_sent,
        cost_nano_usd=end.cost_nanos,
    )
