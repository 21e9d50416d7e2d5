"""What the consumers of the ledger database have in common: rows and cursor in one transaction.

Whatever kills the process, rows and cursor are both there or both not. A subclass says which rows a step
makes; rows that are there already (a segment that was removed by hand and written again holds its records
twice) are left as they are, and count nowhere a second time.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import msgspec
from sqlalchemy import URL, Connection, Engine, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from hybridgw.ledger.cursor import Cursor, Position, Step, Walk
from hybridgw.ledger.database import migrate, tables
from hybridgw.ledger.database.engine import connect

Row = dict[str, Any]

_TIDY = 60.0
"""Seconds between two looks for rows that are too old."""


class DatabaseSink(ABC):
    """A consumer that writes to the ledger database; see `consumer.Sink`."""

    name: ClassVar[str]
    counts = True

    def __init__(self, url: URL) -> None:
        self._url = url
        self._engine: Engine | None = None
        self._connection: Connection | None = None
        self._tidied = 0.0

    def open(self) -> Cursor | None:
        """See `Sink`. Migrates the database if need be."""
        self.close()
        self._engine = connect(self._url)
        migrate.ensure(self._engine, self._url)
        self._connection = self._engine.connect()
        with self._connection.begin():
            positions = self._connection.execute(
                select(tables.cursor).where(tables.cursor.c.consumer == self.name)
            ).all()
            starts = self._connection.execute(
                select(tables.open_start).where(tables.open_start.c.consumer == self.name)
            ).all()
        if not positions and not starts:
            return None
        cursor = Cursor({row.segment: Position(row.position, bool(row.finished)) for row in positions})
        for row in starts:
            cursor.starts.setdefault(row.request_id, []).append(msgspec.json.decode(row.record))
        return cursor

    def write(self, walk: Walk) -> None:
        """See `Sink`."""
        assert self._connection is not None, "open comes first"
        with self._connection.begin():
            self.rows(self._connection, walk.step)
            self._cursor(self._connection, walk.step)

    def tidy(self) -> None:
        """See `Sink`. Old rows go in a transaction of their own: no record waits for them."""
        now = time.monotonic()
        if now - self._tidied >= _TIDY:
            assert self._connection is not None, "open comes first"
            with self._connection.begin():
                done = self.remove_old(self._connection, time.time())
            if done:
                self._tidied = now

    @abstractmethod
    def remove_old(self, connection: Connection, now: float) -> bool:
        """Remove some of what is too old at `now` (Unix seconds), not so much that a reader would wait;
        whether that was all."""

    @abstractmethod
    def rows(self, connection: Connection, step: Step) -> None:
        """Write what a step makes, inside the transaction."""

    def close(self) -> None:
        """See `Sink`."""
        connection, self._connection = self._connection, None
        engine, self._engine = self._engine, None
        if connection is not None:
            connection.close()
        if engine is not None:
            engine.dispose()

    def _cursor(self, connection: Connection, step: Step) -> None:
        places, starts = tables.cursor, tables.open_start
        if step.moved:
            rows = [
                {"consumer": self.name, "segment": name, "position": at.offset, "finished": at.finished}
                for name, at in step.moved.items()
            ]
            insert = insert_into(connection, places)
            connection.execute(
                insert.on_conflict_do_update(
                    index_elements=["consumer", "segment"],
                    set_={"position": insert.excluded.position, "finished": insert.excluded.finished},
                ),
                rows,
            )
        for name in step.removed:
            connection.execute(delete(places).where(places.c.consumer == self.name, places.c.segment == name))
        for request, number in step.closed:
            connection.execute(
                delete(starts).where(
                    starts.c.consumer == self.name,
                    starts.c.request_id == request,
                    starts.c.attempt == number,
                )
            )
        if step.opened:
            connection.execute(
                insert_into(connection, starts).on_conflict_do_nothing(),
                [
                    {
                        "consumer": self.name,
                        "request_id": request,
                        "attempt": number,
                        "record": msgspec.json.encode(record).decode(),
                    }
                    for (request, number), record in step.opened.items()
                ],
            )


def insert_into(connection: Connection, table: Any) -> Any:
    """An INSERT that knows ON CONFLICT, in the words of whichever database this is."""
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)


def execute_many(connection: Connection, statement: Any, rows: list[Row]) -> int:
    """Execute an INSERT for many rows that all have the same columns, their values being such as the driver
    takes; how many rows it wrote. SQLAlchemy's own way looks at each value of each row, which costs three
    times as much as the database does."""
    compiled = statement.compile(dialect=connection.dialect, column_keys=list(rows[0]))
    return int(connection.exec_driver_sql(str(compiled), rows).rowcount)


def add_new(connection: Connection, table: Any, key: Sequence[str], rows: list[Row]) -> list[Row]:
    """Insert rows; those that were not there before. A row that is there stays as it is."""
    if not rows:
        return rows
    statement = insert_into(connection, table).on_conflict_do_nothing()
    point = connection.begin_nested()
    written = execute_many(connection, statement, rows)
    if written == len(rows):
        point.commit()
        return rows
    # Rare: find out which are new, and add these alone.
    point.rollback()
    fresh = {tuple(row[name] for name in key): row for row in reversed(rows)}
    first, columns = table.c[key[0]], [table.c[name] for name in key]
    names = list({row[key[0]] for row in rows})
    for begin in range(0, len(names), 500):
        part = select(*columns).where(first.in_(names[begin : begin + 500]))
        for there in connection.execute(part):
            fresh.pop(tuple(there), None)
    if fresh:
        execute_many(connection, statement, list(fresh.values()))
    return list(fresh.values())
