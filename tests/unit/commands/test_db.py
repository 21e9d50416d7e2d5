"""`hybridgw db`: what it says, and that a backup comes back whole."""

import json
import os
import sqlite3
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from hybridgw.cli import main
from hybridgw.ledger import standing
from hybridgw.ledger.batches import JournalReader
from hybridgw.ledger.consumer import Consumer
from hybridgw.ledger.database.attempts import AttemptsSink
from hybridgw.ledger.database.engine import url_of
from tests.support.journal_writer import JournalWriter

YEARS = 100 * 366 * 86400.0


def call(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["db", *arguments])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A state folder with three attempts in its ledger."""
    state = tmp_path / "state"
    state.mkdir()
    writer = JournalWriter(state)
    writer.attempts(2)
    writer.end(writer.begin(), cost="0.5")
    count(state)
    return state


def count(state: Path) -> None:
    """What the ledger process does."""
    sink = AttemptsSink(url_of(None, state), keep=YEARS, keep_usage=YEARS)
    consumer = Consumer(sink, JournalReader(state / "journal", lambda: {1}), lambda: {1})
    while consumer.turn(last=True):
        pass


def rows(state: Path) -> int:
    with sqlite3.connect(state / "ledger.sqlite") as connection:
        found = int(connection.execute("SELECT COUNT(*) FROM attempt").fetchone()[0])
    connection.close()
    return found


def test_status(folder: Path) -> None:
    found = json.loads(call("status", "--state-dir", str(folder), "--json").stdout)
    assert (found["attempt"], found["cost_nanos"], found["ledger_running"]) == (3, 500_000_000, False)
    assert found["version"] == found["head"]
    text = call("status", "--state-dir", str(folder)).stdout
    assert "attempts   3" in text
    assert "$0.5" in text


def test_status_where_there_is_none(tmp_path: Path) -> None:
    result = call("status", "--state-dir", str(tmp_path))
    assert result.exit_code == 0
    assert "no tables yet" in result.stdout
    assert list(tmp_path.iterdir()) == [], "a look makes nothing"


def test_upgrade(tmp_path: Path) -> None:
    assert call("upgrade", "--state-dir", str(tmp_path)).stdout == "upgraded\n"
    assert call("upgrade", "--state-dir", str(tmp_path)).stdout == "nothing to do\n"


def test_a_backup_comes_back_and_what_came_after_it_is_counted_again(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.sqlite"
    assert call("backup", "--state-dir", str(folder), str(copy)).exit_code == 0
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    JournalWriter(folder, 2).attempts(4)
    count(folder)
    assert rows(folder) == 7
    standing.publish_read(folder, {"a segment"})
    result = call("restore", "--state-dir", str(folder), str(copy))
    assert result.exit_code == 0, result.stderr
    assert rows(folder) == 3
    assert standing.read_by_all(folder) == set()
    count(folder)
    assert rows(folder) == 7


def test_a_backup_overwrites_nothing(folder: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("precious")
    result = call("backup", "--state-dir", str(folder), str(precious))
    assert (result.exit_code, precious.read_text()) == (1, "precious")
    assert "name a new file" in result.stderr


def test_nothing_is_restored_while_the_ledger_runs(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.sqlite"
    call("backup", "--state-dir", str(folder), str(copy))
    held = standing.take_lock(folder)
    assert held is not None
    result = call("restore", "--state-dir", str(folder), str(copy))
    os.close(held)
    assert result.exit_code == 1
    assert "stop it first" in result.stderr


@pytest.mark.parametrize("content", [b"no database", b""])
def test_what_is_no_backup_is_refused_and_the_database_stays(
    folder: Path, tmp_path: Path, content: bytes
) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_bytes(content)
    result = call("restore", "--state-dir", str(folder), str(wrong))
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert rows(folder) == 3
    assert {path.name for path in folder.glob(".*")} == set()


def test_a_backup_of_a_newer_program_is_refused(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.sqlite"
    call("backup", "--state-dir", str(folder), str(copy))
    with sqlite3.connect(copy) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    result = call("restore", "--state-dir", str(folder), str(copy))
    assert result.exit_code == 1
    assert "version 9999" in result.stderr


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    result = call("status", "--state-dir", str(tmp_path / "nowhere"))
    assert result.exit_code == 2
    assert "is no folder" in result.stderr
