"""What the journal needs beside being written: reaching the disk, and not filling it.

Workers append to mapped memory without a system call, which survives their death and not the
machine's. Writing back on an interval bounds what a power loss can take, here and not in a worker,
because a flush may take milliseconds. A killed worker leaves a segment that is mostly room for
records which will never come: it is cut behind its last record. Old segments go when all of them
together are too large and the ledger has counted them; at a hard maximum also before. One that a living
process may write to is neither cut nor removed.

What was refused before it was admitted lies in a folder of its own, which anybody can make grow: so its
limit is fixed, and small.
"""

import contextlib
import os
import time
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from hybridgw.ledger.segments import sealed, segments
from hybridgw.native import read_batch

_FRESH_NS = 100_000_000
"""A modification time younger than this may hide a later change within the same tick of the clock."""
REFUSED = "refused"
"""The folder of such refusals within that of the journal."""
REFUSED_MAX = 16 << 20
"""Bytes that all of them together may take: 200,000 refusals."""
_PAGE = 4096
_AT_ONCE = 10_000
"""Records passed at once; none is made an object."""


class Pruned(NamedTuple):
    """What became of old segments."""

    removed: list[Path]
    """Counted by the ledger, and beyond the maximum."""
    dropped: list[Path]
    """Removed at the hard maximum although the ledger had not counted them."""
    size: int
    """Bytes of all that are left."""
    held: int
    """Bytes of those among them that are kept only because they were not counted yet."""


def prune(folder: Path, limit: int, live: set[int], counted: Collection[str], hard: int) -> Pruned:
    """Remove the oldest sealed segments until at most `limit` bytes remain, of those that the ledger has
    `counted`; beyond `hard` bytes (0: never) also those that it has not."""
    found = segments(folder)
    sizes = {}
    for one in found:
        with contextlib.suppress(FileNotFoundError):
            sizes[one.path] = one.path.stat().st_blocks * 512
    total = sum(sizes.values())
    removed: list[Path] = []
    dropped: list[Path] = []
    old = sealed(found, live)
    for one in old:
        if total <= limit:
            break
        known = one.path.name in counted
        if not known and (hard == 0 or total <= hard):
            continue
        with contextlib.suppress(FileNotFoundError):
            one.path.unlink()
            total -= sizes.get(one.path, 0)
            (removed if known else dropped).append(one.path)
    gone = {*removed, *dropped}
    uncounted = sum(
        sizes.get(one.path, 0) for one in old if one.path not in gone and one.path.name not in counted
    )
    return Pruned(removed, dropped, total, min(uncounted, max(0, total - limit)))


class Trimmer:
    """Gives back the unused room of segments whose writer was killed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._done: set[str] = set()

    def trim(self, live: set[int]) -> int:
        """Cut every sealed segment behind its last record; how many became shorter.

        One whose end is damaged stays as it is: what follows may be all that is left of something.
        """
        cut = 0
        found = segments(self._folder)
        for one in sealed(found, live):
            if one.path.name in self._done:
                continue
            with contextlib.suppress(OSError):  # pruned meanwhile, or damaged from its first byte
                if _has_room(one.path):
                    end, torn = _last_record(one.path)
                    if not torn and 0 < end < one.path.stat().st_size:
                        os.truncate(one.path, end)
                        cut += 1
            self._done.add(one.path.name)
        self._done &= {one.path.name for one in found}
        return cut


def _has_room(path: Path) -> bool:
    """Whether a segment ends in a page that nobody wrote to: such space is zero, and no record is.
    Nearly all segments were closed in order, so this spares reading a whole journal at every start."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _PAGE))
        return size > _PAGE and not any(file.read(_PAGE))


def _last_record(path: Path) -> tuple[int, bool]:
    offset, tail = 0, "more"
    while tail == "more":
        _, offset, tail = read_batch(str(path), offset, _AT_ONCE, ())
    return offset, tail == "torn"


class Syncer:
    """Writes changed segments back to the disk.

    What other runs left is flushed once; one that still lives flushes its own. So a turn costs as
    much as this run has segments, however many years of them lie in the folder.
    """

    def __init__(self, folder: Path, instance: int) -> None:
        self._folder = folder
        self._ours = f"{instance:016x}-"
        self._listed = 0
        """Modification time of the folder as it was listed; 0 to list it again."""
        self._synced: dict[str, int] = {}
        """Modification times of our segments as they were flushed; 0 to flush again."""
        self._foreign: set[str] = set()

    def sync(self) -> int:
        """Flush every segment written to since its last flush; how many there were.

        An idle journal costs one `stat` per segment of this run and no flush, which would wake the disk.
        """
        flushed = self._list()
        for name, synced in list(self._synced.items()):
            path = self._folder / name
            try:
                modified = path.lstat().st_mtime_ns
                if modified != synced:
                    _flush(path)
                    flushed += 1
            except FileNotFoundError:  # pruned
                del self._synced[name]
                continue
            self._synced[name] = _settled(modified)
        return flushed

    def _list(self) -> int:
        """Look for segments that appeared or went, if any did; how many of them had to be flushed."""
        modified = self._folder.stat().st_mtime_ns
        if modified == self._listed:
            return 0
        self._listed = _settled(modified)
        names = {name for name in os.listdir(self._folder) if name.endswith(".journal")}
        ours = {name for name in names if name.startswith(self._ours)}
        self._synced = {name: self._synced.get(name, 0) for name in ours}
        fresh = names - ours - self._foreign
        self._foreign = names - ours
        for name in fresh:
            with contextlib.suppress(FileNotFoundError):
                _flush(self._folder / name)
        return len(fresh)


def _settled(modified: int) -> int:
    """A modification time that a later change would surely move, or 0: within the same tick of the
    clock it would not, so what is that fresh has to be looked at once more."""
    # A time in the future was made before the clock was set back: it will not be repeated soon either.
    return modified if abs(time.time_ns() - modified) > _FRESH_NS else 0


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.fdatasync(descriptor)
    finally:
        os.close(descriptor)
