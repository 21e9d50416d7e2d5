"""The durable cursor of a consumer that writes to a file or a stream: one small file, replaced whole.

What is written to a database has its cursor there, in the same transaction. A file has no transactions: its
cursor remembers how long the file was (`length`) and which file that was (`device`, `inode`), so that what
was written after it can be cut off again.
"""

from pathlib import Path

import msgspec

from hybridgw.ledger.cursor import Cursor, Walk
from hybridgw.ledger.durable import write_private


class Kept(msgspec.Struct):
    """What the cursor file holds."""

    cursor: Cursor
    length: int = 0
    inode: int = 0
    device: int = 0


def load(path: Path) -> Kept | None:
    """The cursor; None where there is none. OSError, and ValueError for a file that is no cursor: it is not
    replaced, because beginning anew would write everything again."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        return msgspec.msgpack.decode(data, type=Kept)
    except msgspec.MsgspecError as error:
        raise ValueError(f"{path.name} is damaged; remove it to begin with new requests") from error


def save(path: Path, walk: Walk, length: int = 0, inode: int = 0, device: int = 0) -> None:
    """Make the cursor of a walk durable. OSError leaves the old one."""
    replace(path, Cursor(walk.cursor.positions, walk.open_starts()), length, inode, device)


def replace(path: Path, cursor: Cursor, length: int, inode: int, device: int) -> None:
    """Make a cursor durable. OSError leaves the old one."""
    write_private(path, msgspec.msgpack.encode(Kept(cursor, length, inode, device)))
