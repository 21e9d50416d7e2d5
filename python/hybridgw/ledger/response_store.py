"""Responses that clients refer to later: conversations, on this host's disk, for a while.

One SQLite file in the state folder, shared by the workers of all gateways that use the folder. A row
belongs to one key, carries the level that its text was judged to have, and expires; too many rows or
too much text push out the oldest. Nothing but this file ever holds the text: it is 0600, what is
removed is overwritten, and the housekeeper (`forget`) removes what has expired also while nobody asks.

Everything here waits for a disk, so nothing of it may run on an event loop: callers use `thread`, of
which each store has one, so that statements of a worker never wait for one another inside SQLite. A
store that does not work says so (`overloaded`): whoever built on it must not go on as if there had
been no history.
"""

import contextlib
import os
import sqlite3
import stat
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import msgspec

from hybridgw.errors import Refused

T = TypeVar("T")

FILE = "responses.sqlite"
_FORMAT = 1
_PATIENCE = 2.0
"""Seconds to wait for another worker's transaction."""
_SWEPT = 256
"""Expired rows that are removed at once: overwriting them takes time."""

_SCHEMA = """
CREATE TABLE response (
    key TEXT NOT NULL, id TEXT NOT NULL, level INTEGER NOT NULL, created REAL NOT NULL,
    expires REAL NOT NULL, model TEXT NOT NULL, bytes INTEGER NOT NULL,
    input BLOB NOT NULL, response BLOB NOT NULL, PRIMARY KEY (key, id)
);
CREATE INDEX response_expires ON response (expires);
CREATE TABLE total (entries INTEGER NOT NULL, bytes INTEGER NOT NULL);
INSERT INTO total VALUES (0, 0);
CREATE TRIGGER added AFTER INSERT ON response BEGIN
    UPDATE total SET entries = entries + 1, bytes = bytes + new.bytes;
END;
CREATE TRIGGER removed AFTER DELETE ON response BEGIN
    UPDATE total SET entries = entries - 1, bytes = bytes - old.bytes;
END;
"""
_ITEMS = """
CREATE TABLE IF NOT EXISTS item (
    key TEXT NOT NULL, id TEXT NOT NULL, response TEXT NOT NULL, PRIMARY KEY (key, id)
);
CREATE INDEX IF NOT EXISTS item_response ON item (key, response);
CREATE TRIGGER IF NOT EXISTS forgotten AFTER DELETE ON response BEGIN
    DELETE FROM item WHERE key = old.key AND response = old.id;
END;
"""
"""Which response holds an item. Beside a file of before, whose older responses are not in it."""
_EXPIRED = (
    "DELETE FROM response WHERE rowid IN (SELECT rowid FROM response WHERE expires <= ? "
    "ORDER BY expires LIMIT ?)"
)


class Bounds(msgspec.Struct, frozen=True):
    """How much is kept, and for how long."""

    ttl: float
    max_entries: int
    max_bytes: int


class Stored(msgspec.Struct, frozen=True):
    """One response and what it was an answer to."""

    id: str
    level: int
    """Of the request, as a Level: whatever builds on it is at least as sensitive."""
    model: str
    input: bytes
    """A JSON array: all items that the model was given, those of earlier turns included."""
    response: bytes
    """The response object as the client saw it."""


class ResponseStore:
    """The store of one worker. Opens its file when it is first needed, and again after a failure."""

    def __init__(self, folder: Path, bounds: Bounds) -> None:
        self.bounds = bounds
        """May be replaced at any time."""
        self.thread = ThreadPoolExecutor(1, thread_name_prefix="responses")
        self._path = folder / FILE
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None

    @property
    def opened(self) -> bool:
        """Whether it worked when it was last used."""
        return self._connection is not None

    def open(self) -> None:
        """Make sure that it can be used; Refused `overloaded` if it cannot."""
        self._use(lambda connection: None)

    def close(self) -> None:
        """Let go of the file, after what was asked for before."""
        self.thread.shutdown(wait=True)
        with self._lock:
            self._drop()

    def save(self, key: int, row: Stored, now: float | None = None) -> bool:
        """Store a response, in place of one of the same key and id. False for one that is larger than
        all of them together may be."""
        now = time.time() if now is None else now
        bounds = self.bounds
        size = len(row.input) + len(row.response)
        if size > bounds.max_bytes:
            return False
        values = (_text(key), row.id, row.level, now, now + bounds.ttl, row.model, size)

        items = tuple(_output(row.response))

        def write(connection: sqlite3.Connection) -> None:
            with _transaction(connection):
                connection.execute("DELETE FROM response WHERE key = ? AND id = ?", values[:2])
                connection.execute(_EXPIRED, (now, _SWEPT))
                connection.execute(
                    "INSERT INTO response VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (*values, row.input, row.response),
                )
                connection.executemany(
                    "INSERT OR REPLACE INTO item VALUES (?, ?, ?)",
                    [(values[0], item, row.id) for item in items],
                )
                _push_out(connection, bounds)

        self._use(write)
        return True

    def find(self, key: int, id_: str, now: float | None = None) -> Stored | None:
        """The response of this key and id, unless it has expired."""
        now = time.time() if now is None else now
        found = self._use(
            lambda connection: connection.execute(
                "SELECT id, level, model, input, response FROM response "
                "WHERE key = ? AND id = ? AND expires > ?",
                (_text(key), id_, now),
            ).fetchone()
        )
        return None if found is None else Stored(*found)

    def find_item(self, key: int, id_: str, now: float | None = None) -> tuple[int, bytes] | None:
        """The level and the text of an item that a stored response of this key gave, or None."""
        now = time.time() if now is None else now
        found = self._use(
            lambda connection: connection.execute(
                "SELECT response.level, response.response FROM item JOIN response "
                "ON response.key = item.key AND response.id = item.response "
                "WHERE item.key = ? AND item.id = ? AND response.expires > ?",
                (_text(key), id_, now),
            ).fetchone()
        )
        item = None if found is None else _output(found[1]).get(id_)
        return None if item is None else (found[0], item)

    def delete(self, key: int, id_: str, now: float | None = None) -> bool:
        """Remove a response; whether there was one that had not expired."""
        now = time.time() if now is None else now

        def remove(connection: sqlite3.Connection) -> bool:
            with _transaction(connection):
                cursor = connection.execute(
                    "DELETE FROM response WHERE key = ? AND id = ? RETURNING expires", (_text(key), id_)
                )
                return any(expires > now for (expires,) in cursor.fetchall())

        return self._use(remove)

    def _use(self, act: Callable[[sqlite3.Connection], T]) -> T:
        with self._lock:
            try:
                if self._connection is not None and self._file != _file(self._path):
                    self._drop()  # removed by somebody who wants it all forgotten
                if self._connection is None:
                    self._connection = _opened(self._path)
                    self._file = _file(self._path)
                return act(self._connection)
            except (sqlite3.Error, OSError) as error:
                # Whatever it was, the next one begins anew: the disk may be back.
                self._drop()
                raise Refused(
                    "overloaded", f"the store of responses cannot be used: {_told(error)}", retry_after=5.0
                ) from error

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()


def forget(folder: Path, now: float | None = None) -> int:
    """Remove what has expired, a batch at a time; how many rows. Without a file there is nothing to do.

    For the housekeeper: waits for nobody long, and truncates the log in which removed text would stay."""
    path = folder / FILE
    if not path.exists():
        return 0
    now = time.time() if now is None else now
    connection = sqlite3.connect(f"{path.as_uri()}?mode=rw", timeout=0.1, isolation_level=None, uri=True)
    try:
        if _version(connection) != _FORMAT:
            return 0
        connection.execute("PRAGMA secure_delete = ON")
        with _transaction(connection):
            removed = connection.execute(_EXPIRED, (now, _SWEPT)).rowcount
        connection.execute("PRAGMA incremental_vacuum(1024)").fetchall()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            return 0  # somebody writes just now: the next turn will do
        raise
    finally:
        connection.close()
    return removed


class _Item(msgspec.Struct):
    id: str | None = None


class _Output(msgspec.Struct):
    output: list[msgspec.Raw] = []


_item = msgspec.json.Decoder(_Item)
_response = msgspec.json.Decoder(_Output)


def _output(response: bytes) -> dict[str, bytes]:
    """The items of a response by their ids; nothing of one that cannot be read."""
    items: dict[str, bytes] = {}
    try:
        for raw in _response.decode(response).output:
            if name := _item.decode(raw).id:
                items[name] = bytes(raw)
    except msgspec.MsgspecError:
        return {}
    return items


def _opened(path: Path) -> sqlite3.Connection:
    _make_private(path)
    connection = sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False)
    try:
        end = time.monotonic() + _PATIENCE
        while True:
            try:
                _prepare(connection)
                return connection
            except sqlite3.OperationalError as error:
                # The change of mode does not wait for another worker that is making it too.
                if "locked" not in str(error) or time.monotonic() > end:
                    raise
                time.sleep(0.01)
    except BaseException:
        connection.close()
        raise


def _prepare(connection: sqlite3.Connection) -> None:
    # Only of a file that is still empty, and so before the mode.
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    connection.execute("PRAGMA journal_mode = WAL").fetchall()
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA secure_delete = ON").fetchall()
    if _version(connection) != _FORMAT:
        with _transaction(connection):
            version = _version(connection)
            if version == 0:
                for statement in _statements(_SCHEMA):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {_FORMAT}")
            elif version != _FORMAT:
                raise sqlite3.DatabaseError("the file was made by another version")
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'forgotten'").fetchone():
        with _transaction(connection):
            for statement in _statements(_ITEMS):
                connection.execute(statement)


def _make_private(path: Path) -> None:
    """Create the file as 0600, which SQLite's own files beside it take over. Never opened here once it
    exists: closing any descriptor of it would give up the locks that this process holds."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        about = path.lstat()
        if not stat.S_ISREG(about.st_mode):
            raise OSError(f"{path.name} is not a regular file") from None
        if stat.S_IMODE(about.st_mode) != 0o600:
            path.chmod(0o600)


def _file(path: Path) -> tuple[int, int] | None:
    try:
        about = path.lstat()
    except FileNotFoundError:
        return None
    return about.st_dev, about.st_ino


def _statements(script: str) -> list[str]:
    """One by one, because `executescript` would end the transaction."""
    statements, text = [], ""
    for line in script.splitlines(keepends=True):
        text += line
        if sqlite3.complete_statement(text):
            statements.append(text)
            text = ""
    return statements


def _push_out(connection: sqlite3.Connection, bounds: Bounds) -> None:
    """Remove the oldest until the rest is within bounds."""
    entries, size = connection.execute("SELECT entries, bytes FROM total").fetchone()
    while entries > bounds.max_entries or size > bounds.max_bytes:
        # By their order of arrival: a clock that was set back makes nothing old.
        oldest = connection.execute("SELECT rowid, bytes FROM response ORDER BY rowid LIMIT 32").fetchall()
        if not oldest:
            return
        for row, length in oldest:
            if entries <= bounds.max_entries and size <= bounds.max_bytes:
                return
            connection.execute("DELETE FROM response WHERE rowid = ?", (row,))
            entries, size = entries - 1, size - length


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _text(key: int) -> str:
    """Numbers of keys have 64 bits, SQLite's integers a sign."""
    return f"{key:016x}"


def _told(error: Exception) -> str:
    """What went wrong, without the path of this machine."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error)
