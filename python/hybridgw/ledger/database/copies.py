"""Backup, restore and a look at a ledger database, for `hybridgw db`.

A backup is taken while everything runs: SQLite copies a state that some transaction left, cursors included,
so what came after it is read again from the journal for as long as the journal still holds it. Restoring
needs the ledger to be stopped, since it holds the file open.
"""

import contextlib
import os
import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import URL, func, select

from hybridgw.ledger.database import tables
from hybridgw.ledger.database.engine import connect, file_of
from hybridgw.ledger.database.migrate import WrongVersion, version


class NotPossible(Exception):
    """What was asked for cannot be done; the message says why and what to do instead."""


def backup(url: URL, target: Path) -> None:
    """Copy a SQLite database to a new file of mode 0600. NotPossible, OSError or sqlite3.Error."""
    source = file_of(url)
    if source is None:
        raise NotPossible("for PostgreSQL use pg_dump --schema=hybridgw")
    if not source.exists():
        raise NotPossible(f"there is no ledger database yet ({source})")
    try:
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        raise NotPossible(f"{target} exists; name a new file") from None
    try:
        with (
            contextlib.closing(sqlite3.connect(source)) as reading,
            contextlib.closing(sqlite3.connect(target)) as writing,
        ):
            reading.backup(writing)
            # One file: the copy needs no log beside it.
            writing.execute("PRAGMA journal_mode=DELETE")
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def restore(url: URL, source: Path) -> str:
    """Put a backup in the place of a SQLite database that no process uses; its version. NotPossible,
    OSError or sqlite3.Error; then the old database is as it was."""
    target = file_of(url)
    if target is None:
        raise NotPossible("for PostgreSQL use pg_restore or psql")
    temporary = target.with_name(f".{target.name}.restore")
    temporary.unlink(missing_ok=True)
    try:
        backup(URL.create("sqlite", database=str(source)), temporary)
        try:
            found = _version_of(temporary)
        except sqlite3.DatabaseError as error:
            raise NotPossible(f"{source} is no ledger database: {error}") from None
        if found is None:
            raise NotPossible(f"{source} is no ledger database")
        if found > tables.HEAD:
            raise NotPossible(f"{source} is at version {found}, this program knows {tables.HEAD}")
        # Before the file itself: the old one's log, applied to the new one, would damage it.
        for suffix in ("-wal", "-shm"):
            target.with_name(target.name + suffix).unlink(missing_ok=True)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    return found


def _version_of(file: Path) -> str | None:
    with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
        try:
            found = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        except sqlite3.OperationalError:
            return None
    return None if found is None else str(found[0])


def status(url: URL) -> dict[str, Any]:
    """What a ledger database holds: `version` (None: no tables), `head`, and if it has tables the number of
    rows and of segments read by each consumer. NotPossible, WrongVersion, or what the database says."""
    file = file_of(url)
    if file is not None and not file.exists():
        return {"version": None, "head": tables.HEAD}
    engine = connect(url, write=False)
    try:
        with engine.connect() as connection, connection.begin():
            found = version(connection)
            answer: dict[str, Any] = {"version": found, "head": tables.HEAD}
            if found is None:
                return answer
            if found > tables.HEAD:
                raise WrongVersion(f"the database is at version {found}, this program knows {tables.HEAD}")
            for table in (tables.attempt, tables.usage, tables.audit):
                answer[table.name] = connection.execute(select(func.count()).select_from(table)).scalar()
            cost = select(func.sum(tables.usage.c.cost_nanos)).where(tables.usage.c.period == 86400)
            # PostgreSQL adds integers to a decimal number.
            answer["cost_nanos"] = int(connection.execute(cost).scalar() or 0)
            finished = select(tables.cursor.c.consumer, func.count()).group_by(tables.cursor.c.consumer)
            read = connection.execute(finished.where(tables.cursor.c.finished)).all()
            answer["segments_read"] = {name: count for name, count in read}
            return answer
    finally:
        engine.dispose()
