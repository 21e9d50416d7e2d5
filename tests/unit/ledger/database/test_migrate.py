"""The shape of the ledger database: from nothing, once, and never from something newer."""

import contextlib
import gc
import stat
import threading
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, inspect, make_url, text
from sqlalchemy.engine.default import DefaultDialect

from hybridgw.ledger.database import migrate, tables
from hybridgw.ledger.database.engine import SCHEMA, connect, shown, url_of
from tests.support.faults import Killed, every_fault


def test_migrations_lead_to_the_tables_that_the_program_knows(url: URL) -> None:
    assert migrate.upgrade(url)
    assert not migrate.upgrade(url)
    engine = connect(url)
    with engine.begin() as connection:
        assert migrate.version(connection) == tables.HEAD
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, tables.metadata) == []
        named = inspect(connection).get_table_names()
        assert set(named) == {table.name for table in tables.metadata.sorted_tables} | {"alembic_version"}
        if connection.dialect.name == "postgresql":
            assert set(inspect(connection).get_table_names(schema=SCHEMA)) == set(named)
            assert inspect(connection).get_table_names(schema="public") == []
    engine.dispose()


def test_the_newest_migration_is_the_one_that_the_program_names() -> None:
    folder = Path(migrate.__file__).with_name("migrations")
    scripts = ScriptDirectory(str(folder))
    assert scripts.get_heads() == [tables.HEAD]
    ordered = [script.revision for script in scripts.walk_revisions()]
    assert ordered == sorted(ordered, reverse=True), "numbers are compared to know what is newer"


def test_several_that_start_together_migrate_once(url: URL) -> None:
    done: list[bool] = []
    threads = [threading.Thread(target=lambda: done.append(migrate.upgrade(url))) for _ in range(3)]
    # Alembic keeps its context in a module: one process migrates in one thread, so here one after the other.
    for thread in threads:
        thread.start()
        thread.join()
    assert sorted(done) == [False, False, True]


def test_the_ledger_process_has_it_done_by_a_child(url: URL) -> None:
    engine = connect(url)
    migrate.ensure(engine, url)
    migrate.ensure(engine, url)
    with engine.connect() as connection:
        assert migrate.version(connection) == tables.HEAD
    engine.dispose()


def test_a_kill_between_two_steps_leaves_what_was_there(tmp_path: Path) -> None:
    for fault in every_fault():
        url = URL.create("sqlite", database=str(tmp_path / f"{fault.number}.sqlite"))
        with fault.into(DefaultDialect, "do_execute"), contextlib.suppress(Killed):
            migrate.upgrade(url)
        gc.collect()  # a killed process holds no lock
        if not fault.struck:
            break
        migrate.upgrade(url)
        engine = connect(url)
        with engine.begin() as connection:
            assert compare_metadata(MigrationContext.configure(connection), tables.metadata) == []
        engine.dispose()
    assert fault.number > 10


def test_a_newer_database_is_left_alone(url: URL) -> None:
    migrate.upgrade(url)
    engine = connect(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(migrate.WrongVersion, match="at version 9999, this program knows"):
        migrate.ensure(engine, url)
    with pytest.raises(migrate.WrongVersion):
        migrate.upgrade(url)
    engine.dispose()


def test_the_file_is_private(tmp_path: Path) -> None:
    migrate.upgrade(url_of(None, tmp_path))
    assert [stat.S_IMODE(path.stat().st_mode) for path in tmp_path.glob("ledger.sqlite*")] == [0o600]


def test_a_password_is_not_shown() -> None:
    assert shown(make_url("postgresql://me:secret@db/x")) == "postgresql://me:***@db/x"
