"""Connections to the ledger database, and the one way in which a URL chooses what is behind it.

SQLite in the state folder is the default: WAL, so that readers never wait, and a file of mode 0600.
PostgreSQL gets a schema of its own, `hybridgw`, so that it may be given a database that others use.
Transactions begin when they are asked for and take the right to write at once (`BEGIN IMMEDIATE`): a
transaction that discovers in its middle that another one writes could only be rolled back.
"""

import os
import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.pool import NullPool

FILE = "ledger.sqlite"
SCHEMA = "hybridgw"
_PATIENCE = 2.0
"""Seconds to wait for another process's transaction."""


def url_of(database_url: str | None, state_dir: Path) -> URL:
    """Where the ledger database is. `database_url` has been checked by the configuration."""
    if database_url is None:
        return URL.create("sqlite", database=str(state_dir / FILE))
    url = make_url(database_url)
    return url.set(drivername="postgresql+psycopg") if url.drivername != "sqlite" else url


def shown(url: URL) -> str:
    """The URL for people: without its password."""
    return url.render_as_string(hide_password=True)


def file_of(url: URL) -> Path | None:
    """The file of a SQLite database; None for PostgreSQL."""
    return Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None


def connect(url: URL, *, write: bool = True) -> Engine:
    """An engine that opens a connection when one is needed. `write`: transactions may write."""
    file = file_of(url)
    if file is None:
        return _postgresql(url)
    if write:
        # Before SQLite makes it: its mode would be the umask's. The files beside it get the same.
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
    engine = create_engine(url, poolclass=NullPool, paramstyle="named", connect_args={"timeout": _PATIENCE})

    @event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, _record: Any) -> None:
        # Python's own idea of transactions begins none before DDL and none before a SELECT.
        connection.isolation_level = None
        if write:
            connection.execute("PRAGMA journal_mode=WAL")
            # A commit does not wait for the disk: rows and cursor are lost together, and read again.
            connection.execute("PRAGMA synchronous=NORMAL")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


def _postgresql(url: URL) -> Engine:
    arguments = {"connect_timeout": 5, "application_name": "hybridgw ledger"}
    engine = create_engine(
        url, poolclass=NullPool, connect_args={**arguments, "options": f"-csearch_path={SCHEMA}"}
    )
    return engine


def make_schema(connection: Connection) -> None:
    """Make room for our tables where the database has schemas."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}"))


def lock_for_migration(connection: Connection) -> None:
    """Let nobody else migrate until this transaction ends. SQLite's transactions do that by themselves."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(7146530291)"))
