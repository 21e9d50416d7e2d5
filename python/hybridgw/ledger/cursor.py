"""How far a consumer has read the journal, and what it has to remember of what it read.

A start whose end has not been read belongs to the cursor: the two may lie in different batches, with a kill
of this process in between. A consumer that commits its output and this cursor as one sees every attempt
exactly once, whenever it is killed.

An attempt whose worker died has no end and never will: once the writer is known to have ended and all of
its segments are read, its open starts are given out as lost, so that what must be remembered stays as small
as what is in flight. An end whose start was in a segment that is gone counts all the same: there may be money
in it.
"""

from pathlib import Path
from typing import NamedTuple

import msgspec

from hybridgw.ledger.batches import AT_ONCE, JournalReader, Listing, Record
from hybridgw.ledger.segments import Segment, Writer, writer_of

Key = tuple[str, int]
"""Request id and attempt, from 0."""


class Attempt(NamedTuple):
    """What is known of one attempt. `end` is None when its worker died, `start` when that was lost."""

    start: Record | None
    end: Record | None


class Position(msgspec.Struct, frozen=True, array_like=True):
    """A place in one segment."""

    offset: int
    finished: bool
    """Nothing will follow."""


class Cursor(msgspec.Struct):
    """All places of one consumer, by the names of segments, and the starts that it waits for."""

    positions: dict[str, Position] = {}
    starts: dict[str, list[Record]] = {}
    """By request id: attempts of one request are few."""


class Step:
    """What one turn of a consumer brought: its output, and how its cursor differs afterwards.

    The cursor in memory is ahead of the durable one by exactly this.
    """

    def __init__(self) -> None:
        self.attempts: list[Attempt] = []
        self.others: list[Record] = []
        """Records that are neither a start nor an end of an attempt."""
        self.moved: dict[str, Position] = {}
        self.removed: set[str] = set()
        """Segments that are gone."""
        self.missed: list[str] = []
        """Segments that went before they were read to their end."""
        self.damaged: list[str] = []
        """Complete segments with bytes in or behind them that are no record."""
        self.opened: dict[Key, Record] = {}
        self.closed: set[Key] = set()
        """Starts of earlier steps that are open no more."""
        self.records = 0

    def __bool__(self) -> bool:
        return bool(self.moved or self.removed)

    @property
    def pressing(self) -> bool:
        """Whether it should be written at once. What only moves a cursor may wait: read again after a kill,
        it comes to the same."""
        finished = any(position.finished for position in self.moved.values())
        return bool(self.attempts or self.others or self.missed or finished or len(self.opened) > 1000)


class Walk:
    """A cursor being moved through the journal. Not for use by several threads."""

    def __init__(self, reader: JournalReader, cursor: Cursor) -> None:
        self.cursor = cursor
        self.step = Step()
        self._reader = reader
        self._starts = {
            (str(record["id"]), int(record["attempt"])): record
            for records in cursor.starts.values()
            for record in records
        }
        self._durable = dict(cursor.positions)
        self._version = -1
        self._unfinished: list[Segment] = []
        self._ended: frozenset[Writer] = frozenset()
        self.unreadable: dict[Path, str] = {}
        """Segments that are left aside, and why: they are tried again when the listing changes."""
        for name, position in cursor.positions.items():
            self._note(name, position)

    def _note(self, name: str, position: Position) -> None:
        self._reader.reached(self._reader.folder / name, position.offset, position.finished)

    def begin_with(self, live: set[int]) -> None:
        """For a first run: what gateways wrote that are gone by now is passed over."""
        for one in self._reader.listing().segments:
            if one.instance not in live:
                self._move(one.path.name, Position(0, True))

    def advance(self, most: int) -> bool:
        """Read on, about `most` records in all; whether there may be more. What was read is in `step`, on
        top of what is there."""
        listing = self._reader.listing()
        if listing.version != self._version:
            self._relist(listing)
        budget = most
        blocked: set[Writer] = set()
        finished = more = False
        for segment in self._unfinished:
            # A worker's records come in the order of its segments: an end is never read before its start.
            if segment.writer in blocked:
                continue
            if budget <= 0:
                more = True
                break
            complete = segment.path in listing.complete
            # A busy worker must not keep those of the others from being read.
            share = budget if complete else min(budget, AT_ONCE)
            count, done = self._read(segment, share, complete)
            more |= count >= share
            budget -= count
            finished |= done
            if not done and segment.path not in self.unreadable:
                blocked.add(segment.writer)
        if finished:
            self._drop_finished()
            self._give_up_lost()
        return more

    def _read(self, segment: Segment, most: int, complete: bool) -> tuple[int, bool]:
        """(records read, whether the segment is finished)."""
        path, name = segment.path, segment.path.name
        begin = offset = self.cursor.positions.get(name, _BEGIN).offset
        count = 0
        closed = complete  # known before the read that finds nothing: then nothing can follow it
        try:
            while count < most:
                batch = self._reader.read(path, offset)
                if batch.offset > offset:
                    # Perhaps without a record: those of kinds that no consumer takes are passed over.
                    offset = batch.offset
                    count += len(batch.records)
                    self._take(batch.records)
                    continue
                if closed:
                    if batch.torn:
                        self.step.damaged.append(name)
                    self._move(name, Position(max(offset, batch.offset), True))
                    return count, True
                closed = self._reader.closed(path)
                if not closed:
                    break
        except FileNotFoundError:
            pass  # the next listing is without it
        except OSError as error:
            self.unreadable[path] = error.strerror or str(error)
        if offset > begin:
            self._move(name, Position(offset, False))
        return count, False

    def _take(self, records: list[Record]) -> None:
        step, starts, opened = self.step, self._starts, self.step.opened
        step.records += len(records)
        for record in records:
            kind = record["kind"]
            if kind == "start":
                key = (record["id"], record["attempt"])
                starts[key] = opened[key] = record
            elif kind == "end":
                key = (record["id"], record["attempt"])
                start = starts.pop(key, None)
                step.attempts.append(Attempt(start, record))
                if start is not None and opened.pop(key, None) is None:
                    step.closed.add(key)
            else:
                step.others.append(record)

    def _move(self, name: str, position: Position) -> None:
        self.cursor.positions[name] = self.step.moved[name] = position
        if position.finished:
            self._note(name, position)

    def _relist(self, listing: Listing) -> None:
        self._version = listing.version
        self._ended = listing.ended
        self.unreadable.clear()
        there = {one.path.name for one in listing.segments}
        for name in [name for name in self.cursor.positions if name not in there]:
            if not self.cursor.positions.pop(name).finished:
                self.step.missed.append(name)
            self.step.moved.pop(name, None)
            self.step.removed.add(name)
        self._unfinished = list(listing.segments)
        self._drop_finished()
        self._give_up_lost()

    def _drop_finished(self) -> None:
        positions = self.cursor.positions
        self._unfinished = [
            one for one in self._unfinished if not positions.get(one.path.name, _BEGIN).finished
        ]

    def _give_up_lost(self) -> None:
        """Give out the open starts of writers that have ended and are read to their end."""
        if not self._starts:
            return
        reading = {one.writer for one in self._unfinished}
        there = {one.writer for one in self._reader.listing().segments}
        for key in list(self._starts):
            writer = writer_of(key[0])
            if writer in reading or (writer in there and writer not in self._ended):
                continue
            self.step.attempts.append(Attempt(self._starts.pop(key), None))
            if self.step.opened.pop(key, None) is None:
                self.step.closed.add(key)

    def open_starts(self) -> dict[str, list[Record]]:
        """What the durable cursor has to hold."""
        found: dict[str, list[Record]] = {}
        for (request, _attempt), record in self._starts.items():
            found.setdefault(request, []).append(record)
        return found

    def written(self) -> None:
        """The step has become durable; a new one begins."""
        for name in self.step.removed:
            self._durable.pop(name, None)
        self._durable.update(self.step.moved)
        self.step = Step()

    def finished(self) -> set[str]:
        """Segments that the durable cursor has behind it."""
        return {name for name, position in self._durable.items() if position.finished}

    def behind(self) -> int:
        """Bytes that are known to be there and not behind the durable cursor. From any thread."""
        total = 0
        for one in self._reader.listing().segments:
            position = self._durable.get(one.path.name, _BEGIN)
            if not position.finished:
                total += max(0, self._reader.size(one) - position.offset)
        return total


_BEGIN = Position(0, False)
