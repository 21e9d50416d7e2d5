"""The access log: a line for each attempt, to a rotated file or to standard output.

To a file every attempt is written exactly once. The lines of a turn are appended first, then the cursor is
replaced, which remembers the file's length; what a kill leaves behind that length is cut off before the next
line. A file is rotated between two turns only, and the cursor of the new, empty file is durable before its
first line. If the file was replaced from outside (logrotate), nothing is cut off: the cursor names another.

To standard output every attempt is written at least once, with its id: what a pipe has taken cannot be
taken back. A reader that stops reading stalls this consumer and no other.
"""

import contextlib
import os
import stat
from collections.abc import Callable
from pathlib import Path

from hybridgw.ledger import log_cursor
from hybridgw.ledger.cursor import Attempt, Cursor, Walk

Format = Callable[[Attempt], bytes]

_AT_ONCE = 4096
"""Bytes of one write to a pipe: up to here it is not mixed with what others write there (PIPE_BUF)."""


class FileLog:
    """Lines in a file that is rotated: `access.log`, the one before `access.log.1`, and so on.

    `most` bytes in the file, about: a turn's lines are not divided. `kept`: how many older ones stay.
    """

    name = "log"
    counts = False

    def __init__(self, path: Path, cursor: Path, line: Format, *, most: int, kept: int) -> None:
        self._path = path
        self._cursor = cursor
        self._line = line
        self._most = most
        self._kept = kept
        self._file: int | None = None
        self._length = 0
        self._id = (0, 0)

    def open(self) -> Cursor | None:
        """See `Sink`."""
        kept = log_cursor.load(self._cursor)
        self._reopen()
        if kept is None:
            return None
        if self._id == (kept.device, kept.inode) and self._length > kept.length:
            assert self._file is not None
            os.ftruncate(self._file, kept.length)
            self._length = kept.length
        return kept.cursor

    def _reopen(self) -> None:
        self.close()
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        self._file = os.open(self._path, flags, 0o600)
        about = os.fstat(self._file)
        if not stat.S_ISREG(about.st_mode):
            self.close()
            raise OSError(f"{self._path.name} is no ordinary file")
        self._length = about.st_size
        self._id = (about.st_dev, about.st_ino)

    def write(self, walk: Walk) -> None:
        """See `Sink`."""
        lines = b"".join(map(self._line, walk.step.attempts))
        if lines:
            self._turn_over(len(lines))
            assert self._file is not None
            _write_all(self._file, lines)
            self._length += len(lines)
        self._save(walk)

    def _save(self, walk: Walk) -> None:
        device, inode = self._id
        log_cursor.save(self._cursor, walk, self._length, inode, device)

    def _turn_over(self, more: int) -> None:
        """Go on in another file if this one is full, or is not the one of this name any more."""
        try:
            about = self._path.lstat()
            moved = (about.st_dev, about.st_ino) != self._id
        except FileNotFoundError:
            moved = True
        full = self._length > 0 and self._length + more > self._most
        if not moved and not full:
            return
        if full and not moved:
            self._shift()
        self._reopen()
        # From here on the durable cursor must name this file: behind the length of the old one nothing
        # could be cut off. It stays where it is in the journal.
        kept = log_cursor.load(self._cursor)
        before = kept.cursor if kept is not None else None
        if before is not None:
            device, inode = self._id
            log_cursor.replace(self._cursor, before, self._length, inode, device)

    def _shift(self) -> None:
        if self._kept == 0:
            self._path.unlink()
            return
        for number in range(self._kept - 1, 0, -1):
            with contextlib.suppress(FileNotFoundError):
                self._numbered(number).replace(self._numbered(number + 1))
        self._path.replace(self._numbered(1))

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")

    def tidy(self) -> None:
        """Old files go when a new one is begun."""

    def close(self) -> None:
        """See `Sink`."""
        if self._file is not None:
            file, self._file = self._file, None
            os.close(file)


class StreamLog:
    """Lines on a stream that this process was given, by its descriptor."""

    name = "log"
    counts = False

    def __init__(self, descriptor: int, cursor: Path, line: Format) -> None:
        self._descriptor = descriptor
        self._cursor = cursor
        self._line = line

    def open(self) -> Cursor | None:
        """See `Sink`."""
        kept = log_cursor.load(self._cursor)
        return None if kept is None else kept.cursor

    def write(self, walk: Walk) -> None:
        """See `Sink`. Waits for whoever reads the stream."""
        part = b""
        for line in map(self._line, walk.step.attempts):
            if part and len(part) + len(line) > _AT_ONCE:
                _write_all(self._descriptor, part)
                part = b""
            part += line
        _write_all(self._descriptor, part)
        log_cursor.save(self._cursor, walk)

    def tidy(self) -> None:
        """There is nothing to tidy."""

    def close(self) -> None:
        """The stream is not ours to close."""


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
