"""What the kernel says about names in folders (inotify), so that files need not be looked at all the time.

Folders are watched and not files: an editor writes another file and renames it, Kubernetes swaps the link
`..data`, and a watch on a file would stay with the one that is gone. For a path with links in it every folder
counts in which one of its links stands, and of what does not exist yet the folder in which it would appear.

An event says "look", never what is there. Not seen are changes by remote machines (NFS), stores into mapped
files and renamed folders further up: the user of this looks by itself as well, rarely. Where the kernel has
no inotify, or this account has no watch left, nothing is watched, and `watch` says so.
"""

import ctypes
import os
import stat
import struct
from collections.abc import Collection, Iterable

_MODIFIED = 0x0000_0008 | 0x0000_0004
"""IN_CLOSE_WRITE, IN_ATTRIB. Without IN_MODIFY: a log file that lies in the same folder would wake us at
every line."""
_NAMES = 0x0000_0040 | 0x0000_0080 | 0x0000_0100 | 0x0000_0200
"""IN_MOVED_FROM, IN_MOVED_TO, IN_CREATE, IN_DELETE."""
_ITSELF = 0x0000_0400 | 0x0000_0800
"""IN_DELETE_SELF, IN_MOVE_SELF."""
_ONLY_FOLDERS = 0x0100_0000
_GONE = 0x0000_2000 | 0x0000_8000
"""IN_UNMOUNT, IN_IGNORED."""
_OVERFLOW = 0x0000_4000
_EVENT = struct.Struct("iIII")
_AT_ONCE = 65536
_MOST_LINKS = 40
"""As many as the kernel follows."""

Place = tuple[str, str]
"""A folder and a name in it."""


def places(path: str) -> set[Place]:
    """Where a change of a name may change what `path` holds."""
    found: set[Place] = set()
    rest = [part for part in os.path.abspath(path).split("/") if part]
    here = "/"
    links = 0
    while rest:
        name = rest.pop(0)
        if name == "..":
            here = os.path.dirname(here)
            continue
        full = os.path.join(here, name)
        try:
            mode = os.lstat(full).st_mode
        except OSError:
            found.add((here, name))
            break
        if stat.S_ISLNK(mode):
            found.add((here, name))
            links += 1
            if links > _MOST_LINKS:
                break
            target = os.readlink(full)
            here = "/" if target.startswith("/") else here
            rest = [part for part in target.split("/") if part not in ("", ".")] + rest
        elif rest:
            here = full
        else:
            found.add((here, name))
    return found


class FolderEvents:
    """A queue of events about some names. `descriptor` becomes readable when there are any; None where the
    kernel has none for us."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        try:
            # Its flags are those of open(2).
            descriptor = int(self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))
        except AttributeError:  # a C library without it
            descriptor = -1
        self.descriptor: int | None = descriptor if descriptor >= 0 else None
        self._watches: dict[str, int] = {}
        self._names: dict[int, set[str]] = {}

    def watch(self, wanted: Collection[Place]) -> bool:
        """Watch these names and no others; whether all of them are watched now."""
        if self.descriptor is None:
            return False
        folders: dict[str, set[str]] = {}
        for folder, name in wanted:
            folders.setdefault(folder, set()).add(name)
        watches = {folder: self._add(folder) for folder in folders}
        found = {folder: number for folder, number in watches.items() if number >= 0}
        for number in set(self._watches.values()) - set(found.values()):
            # One that the kernel dropped already is an error that means nothing.
            self._libc.inotify_rm_watch(self.descriptor, number)
        self._watches = found
        self._names = {}
        for folder, number in found.items():
            # Two paths may be one folder, with one watch.
            self._names.setdefault(number, set()).update(folders[folder])
        return len(found) == len(folders)

    def _add(self, folder: str) -> int:
        flags = _MODIFIED | _NAMES | _ITSELF | _ONLY_FOLDERS
        # Again for a folder that is watched: the same number. For another of the same path: a new one.
        return int(self._libc.inotify_add_watch(self.descriptor, os.fsencode(folder), flags))

    def take(self) -> bool:
        """Empty the queue; whether anything in it is about a watched name."""
        relevant = False
        while self.descriptor is not None:
            try:
                data = os.read(self.descriptor, _AT_ONCE)
            except BlockingIOError:
                break
            relevant |= any(self._concerns(*event) for event in _events(data))
        return relevant

    def _concerns(self, number: int, mask: int, name: str) -> bool:
        if mask & _OVERFLOW:
            return True
        wanted = self._names.get(number)
        return wanted is not None and (bool(mask & (_ITSELF | _GONE)) or name in wanted)

    def close(self) -> None:
        """Watch nothing any more."""
        if self.descriptor is not None:
            os.close(self.descriptor)
            self.descriptor = None


def _events(data: bytes) -> Iterable[tuple[int, int, str]]:
    offset = 0
    while offset < len(data):
        number, mask, _, length = _EVENT.unpack_from(data, offset)
        offset += _EVENT.size
        yield number, mask, os.fsdecode(data[offset : offset + length].rstrip(b"\0"))
        offset += length
