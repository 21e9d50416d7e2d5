"""The journal as its consumers read it: batches of records with the place where each batch begins and ends.

Consumers walk at their own pace and mostly in step. So a batch that was read is kept for a moment: the next
consumer that asks for the same place gets the same batch, and records are decoded once, not once for each.
One that lags behind reads again from the disk and costs the others nothing.

Which segments are complete is decided by names and by which gateways live (`segments`), or by the writer's
own mark in the segment. Only a complete one is ever called finished; what may still grow is asked again.
This is the one place that knows how records are read; nothing here writes or removes.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from hybridgw.ledger.records import named
from hybridgw.ledger.segments import Segment, Writer, ended_writers, sealed, segments
from hybridgw.native import journal_segment, read_batch

Record = dict[str, Any]
"""One record by the names of its fields; `kind`, `id` and `attempt` are always among them."""

AT_ONCE = 500
"""Records passed by a batch: as objects they are large."""
KINDS = ("start", "end", "refusal")
"""Kinds of records that any consumer takes; others are passed over and never become objects."""
_KEPT = 4
"""Batches that are kept for the next consumer."""
_FINISHED = 1 << 62
_RELIST = 5.0
"""Seconds between two looks at which gateways live."""


class Batch(NamedTuple):
    """Some records of one segment, in the order in which they were written."""

    records: list[Record]
    offset: int
    """Where to go on."""
    more: bool
    """Whether more are known to follow."""
    torn: bool
    """Whether bytes follow that are no record: one being written, or a damaged end."""


class Listing(NamedTuple):
    """The segments that there are."""

    version: int
    """Another one where anything differs."""
    segments: tuple[Segment, ...]
    """Oldest first."""
    complete: frozenset[Path]
    """No process can write to these any more."""
    ended: frozenset[Writer]
    """Writers that will write no more."""


class JournalReader:
    """The journal of one state folder, for any number of threads. `live` names the instances that have a
    process left; it is asked every few seconds."""

    def __init__(self, folder: Path, live: Callable[[], set[int]]) -> None:
        self.folder = folder
        self._live = live
        self._lock = threading.Lock()
        self._listing = Listing(0, (), frozenset(), frozenset())
        self._looked: tuple[int, float] = (0, -_RELIST)
        self._kept: OrderedDict[tuple[Path, int], Batch] = OrderedDict()
        self._reached: dict[Path, int] = {}
        """The farthest that any consumer has read."""
        self._asked = 0
        self.bytes_read = self.records_read = 0
        """Of batches that held records: what one takes on average."""

    def listing(self) -> Listing:
        """The segments of now; asks the folder only if something was added or removed, or after a while."""
        with self._lock:
            try:
                modified = self.folder.stat().st_mtime_ns
            except FileNotFoundError:
                modified = -1
            now = time.monotonic()
            if modified == self._looked[0] and now - self._looked[1] < _RELIST:
                return self._listing
            # Which gateways live is asked before the folder: a segment of one that starts meanwhile must
            # not be taken for one that nobody writes to.
            live = self._live()
            found = () if modified < 0 else tuple(segments(self.folder))
            complete = frozenset(one.path for one in sealed(found, live))
            ended = frozenset(ended_writers(found, live))
            if (found, complete, ended) != self._listing[1:]:
                self._listing = Listing(self._listing.version + 1, found, complete, ended)
                self._reached = {one.path: self._reached.get(one.path, 0) for one in found}
            # A listing made within the same tick of the clock may lack what came right after it.
            fresh = abs(time.time_ns() - modified) < 100_000_000
            self._looked = (0 if fresh else modified, now)
            return self._listing

    def read(self, path: Path, offset: int) -> Batch:
        """The records at a place, at most `AT_ONCE`. There is nothing yet where the batch ends at `offset`;
        one that ends behind it may hold none as well. OSError for a file that is gone or no journal."""
        key = (path, offset)
        with self._lock:
            batch = self._kept.get(key)
            if batch is not None:
                return batch
            found, end, tail = read_batch(str(path), offset, AT_ONCE, KINDS)
            records = [named(one)._asdict() for one in found]
            batch = Batch(records, end, tail == "more", tail == "torn")
            if end > offset:
                self.bytes_read += end - offset
                self.records_read += len(records)
                self._reached[path] = max(end, self._reached.get(path, 0))
                self._kept[key] = batch
                if len(self._kept) > _KEPT:
                    self._kept.popitem(last=False)
            return batch

    def closed(self, path: Path) -> bool:
        """Whether its writer has closed a segment: then nothing follows what can be read now. OSError as
        `read`."""
        about = journal_segment(str(path))
        return about is not None and bool(about["sealed"])

    def reached(self, path: Path, offset: int, finished: bool) -> None:
        """A consumer's cursor says that it has read this far."""
        with self._lock:
            self._reached[path] = _FINISHED if finished else max(offset, self._reached.get(path, 0))

    def grown(self) -> bool:
        """Whether there is more than the farthest consumer has read, or another segment than at the last
        call. Cheap, and keeps nothing: it is asked many times a second."""
        listing = self.listing()
        if listing.version != self._asked:
            self._asked = listing.version
            return True
        for one in listing.segments:
            offset = self._reached.get(one.path, 0)
            if offset == _FINISHED:
                continue
            try:
                if read_batch(str(one.path), offset, 1, None)[0]:
                    return True
            except OSError:
                continue  # gone, or damaged: then reading it says so
        return False

    def size(self, segment: Segment) -> int:
        """Offset behind the last record, as far as it is known without reading: the size of a complete
        segment, and what some consumer has reached in one that grows."""
        offset = self._reached.get(segment.path, 0)
        if offset != _FINISHED and segment.path not in self._listing.complete:
            return offset
        try:
            return segment.path.stat().st_size
        except OSError:
            return 0
