"""Rows of attempts and their sums: each attempt once, money included, whatever is killed when."""

import contextlib
import gc
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, select
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.exc import OperationalError

from hybridgw.core import Outcome
from hybridgw.ledger.batches import JournalReader
from hybridgw.ledger.consumer import Consumer
from hybridgw.ledger.database import migrate, tables
from hybridgw.ledger.database.attempts import AttemptsSink
from hybridgw.ledger.database.audit import AuditSink
from hybridgw.ledger.database.engine import connect
from hybridgw.ledger.database.sink import DatabaseSink
from tests.support.faults import Killed, every_fault
from tests.support.journal_writer import JournalWriter, killed_writer

YEARS = 100 * 366 * 86400.0
"""So that nothing is too old: the records of these tests are from 1970."""


def live() -> set[int]:
    return {1}


def attempts_sink(url: URL) -> AttemptsSink:
    return AttemptsSink(url, keep=YEARS, keep_usage=YEARS)


def consumer_of(folder: Path, sink: DatabaseSink) -> Consumer:
    return Consumer(sink, JournalReader(folder / "journal", live), live)


def run(consumer: Consumer) -> None:
    while consumer.turn(last=True):
        pass


def rows(url: URL, table: Any) -> list[Any]:
    engine = connect(url, write=False)
    try:
        with engine.begin() as connection:
            return list(connection.execute(select(table)).all())
    finally:
        engine.dispose()


def test_an_attempt_is_a_row_with_what_it_used(tmp_path: Path, url: URL) -> None:
    writer = JournalWriter(tmp_path)
    id_ = writer.end(writer.begin(key=0xFFFF_FFFF_FFFF_FFFF), tokens=(12, 5), cost="0.25")
    run(consumer_of(tmp_path, attempts_sink(url)))
    (row,) = rows(url, tables.attempt)
    assert row.request_id == id_
    assert (row.attempt, row.model, row.deployment, row.key) == (0, "m", "local/a", "f" * 16)
    assert (row.prompt_tokens, row.completion_tokens, row.cost_nanos) == (12, 5, 250_000_000)
    assert (row.outcome, row.status, row.level, row.stream) == ("success", 200, "public", False)
    assert (row.started, row.ended) == (1_000_001 * 10**9, 1_000_001 * 10**9 + 5 * 10**8)


def test_sums_by_hour_and_day(tmp_path: Path, url: URL) -> None:
    writer = JournalWriter(tmp_path, start=7 * 86400 + 3590)
    consumer = consumer_of(tmp_path, attempts_sink(url))
    for cost in ("0.5", "null", "0.25"):
        writer.end(writer.begin(), cost=cost)
        run(consumer)
    writer.now += 3600
    writer.end(writer.begin(), cost="1")
    writer.end(writer.begin(), Outcome.STALLED)
    run(consumer)
    found = {
        (row.period, row.begin, row.outcome): (row.attempts, row.prompt_tokens, row.cost_nanos, row.with_cost)
        for row in rows(url, tables.usage)
    }
    day = 7 * 86400
    assert found == {
        (3600, day, "success"): (3, 9, 750_000_000, 2),
        (3600, day + 3600, "success"): (1, 3, 1_000_000_000, 1),
        (3600, day + 3600, "stalled"): (1, 3, 0, 0),
        (86400, day, "success"): (4, 12, 1_750_000_000, 3),
        (86400, day, "stalled"): (1, 3, 0, 0),
    }


def test_a_kill_at_any_step_loses_and_doubles_nothing(tmp_path: Path) -> None:
    for fault in every_fault():
        folder = tmp_path / str(fault.number)
        folder.mkdir()
        url = URL.create("sqlite", database=str(folder / "ledger.sqlite"))
        migrate.upgrade(url)
        writer = JournalWriter(folder, size=1 << 20)
        writer.attempts(3)
        pending = writer.begin()
        with contextlib.ExitStack() as stack:
            stack.enter_context(contextlib.suppress(Killed))
            stack.enter_context(fault.into(DefaultDialect, "do_execute"))
            stack.enter_context(fault.into(DefaultDialect, "do_executemany"))
            stack.enter_context(fault.into(DefaultDialect, "do_commit"))
            consumer = consumer_of(folder, attempts_sink(url))
            run(consumer)
            writer.attempts(2)
            run(consumer)
        gc.collect()  # a killed process holds no lock
        left = 5 - len(set(_journalled(folder)))
        writer.attempts(left)
        writer.end(pending, cost="0.5")
        run(consumer_of(folder, attempts_sink(url)))
        found = rows(url, tables.attempt)
        assert sorted((row.request_id, row.attempt) for row in found) == sorted(
            (id_, 0) for id_ in _journalled(folder)
        ), f"fault {fault.number}"
        hours = [row for row in rows(url, tables.usage) if row.period == 3600]
        assert sum(row.attempts for row in hours) == len(found) == 6
        assert sum(row.cost_nanos for row in hours) == 500_000_000
        assert rows(url, tables.open_start) == []
        if not fault.struck:
            break
    assert fault.number > 20


def _journalled(folder: Path) -> list[str]:
    """Request ids of all ends in the journal."""
    reader = JournalReader(folder / "journal", live)
    found, offset = [], 0
    for segment in reader.listing().segments:
        offset = 0
        while (batch := reader.read(segment.path, offset)).records:
            found += [record["id"] for record in batch.records if record["kind"] != "start"]
            offset = batch.offset
    return found


def test_a_start_is_kept_with_the_cursor(tmp_path: Path, url: URL) -> None:
    writer = JournalWriter(tmp_path)
    pending = writer.begin()
    run(consumer_of(tmp_path, attempts_sink(url)))
    assert [row.request_id for row in rows(url, tables.open_start)] == [pending.id]
    writer.end(pending)
    run(consumer_of(tmp_path, attempts_sink(url)))
    assert rows(url, tables.open_start) == []
    (row,) = rows(url, tables.attempt)
    assert row.model == "m"


def test_a_lost_attempt_is_a_row_and_counts(tmp_path: Path, url: URL) -> None:
    _, lost = killed_writer(tmp_path, 2, 1)
    run(consumer_of(tmp_path, attempts_sink(url)))
    assert {row.outcome: row.request_id for row in rows(url, tables.attempt)}["lost"] == lost


def test_money_counts_although_the_start_is_gone(tmp_path: Path, url: URL) -> None:
    writer = JournalWriter(tmp_path)
    pending = writer.begin()
    writer.attempts(600)
    min((tmp_path / "journal").glob("*.journal")).unlink()
    writer.end(pending, cost="2")
    run(consumer_of(tmp_path, attempts_sink(url)))
    (row,) = [row for row in rows(url, tables.attempt) if row.request_id == pending.id]
    assert (row.model, row.key, row.cost_nanos) == ("", "", 2_000_000_000)


def test_records_that_were_written_twice_count_once(tmp_path: Path, url: URL) -> None:
    writer = JournalWriter(tmp_path)
    writer.end(writer.begin(), cost="0.5")
    consumer = consumer_of(tmp_path, attempts_sink(url))
    run(consumer)
    # A segment that is removed by hand is written again, under its next number.
    (path,) = (tmp_path / "journal").glob("*.journal")
    path.unlink()
    assert writer.journal.prepare()
    writer.end(writer.begin(), cost="0.25")
    run(consumer)
    assert len(rows(url, tables.attempt)) == 2
    sums = [row for row in rows(url, tables.usage) if row.period == 86400]
    assert [(row.attempts, row.cost_nanos) for row in sums] == [(2, 750_000_000)]


def test_a_locked_database_stalls_and_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = URL.create("sqlite", database=str(tmp_path / "ledger.sqlite"))
    monkeypatch.setattr("hybridgw.ledger.database.engine._PATIENCE", 0.05)
    writer = JournalWriter(tmp_path)
    consumer = consumer_of(tmp_path, attempts_sink(url))
    run(consumer)
    writer.attempts(3)
    with contextlib.closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as other:
        other.execute("BEGIN EXCLUSIVE")
        for _ in range(2):
            with pytest.raises(OperationalError, match="locked"):
                run(consumer)
        other.execute("ROLLBACK")
    run(consumer)
    assert len(rows(url, tables.attempt)) == 3


def test_old_rows_go_and_their_sums_stay(tmp_path: Path, url: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hybridgw.ledger.database.sink._TIDY", 0.0)
    start = int(time.time()) - 10 * 86400
    writer = JournalWriter(tmp_path, start=start)
    writer.attempts(5)
    sink = AttemptsSink(url, keep=86400.0, keep_usage=YEARS)
    run(consumer_of(tmp_path, sink))
    assert rows(url, tables.attempt) == []
    assert sum(row.attempts for row in rows(url, tables.usage) if row.period == 86400) == 5


def test_refusals_are_audited_once_and_nothing_else_is(tmp_path: Path, url: URL) -> None:
    writer = JournalWriter(tmp_path)
    writer.attempts(3)
    refused = writer.end(writer.begin(), Outcome.BOUNDARY_REFUSED)
    run(consumer_of(tmp_path, AuditSink(url, keep=YEARS)))
    run(consumer_of(tmp_path, AuditSink(url, keep=YEARS)))
    (row,) = rows(url, tables.audit)
    assert row.source == f"{refused}/0/refusal"
    assert (row.kind, row.actor, row.subject, row.level) == ("refusal", f"{7:016x}", "m", "public")
    assert '"deployment_name":"local/a"' in row.detail


def test_consumers_of_one_database_have_cursors_of_their_own(tmp_path: Path, url: URL) -> None:
    writer = JournalWriter(tmp_path)
    writer.attempts(2)
    run(consumer_of(tmp_path, attempts_sink(url)))
    run(consumer_of(tmp_path, AuditSink(url, keep=YEARS)))
    assert {row.consumer for row in rows(url, tables.cursor)} == {"attempts", "audit"}
