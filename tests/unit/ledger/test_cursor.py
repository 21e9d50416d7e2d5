"""A cursor walks the journal: order, joins, complete segments, what is lost."""

from pathlib import Path
from typing import Any

import pytest

from hybridgw.ledger import batches
from hybridgw.ledger.batches import JournalReader
from hybridgw.ledger.cursor import Cursor, Walk
from hybridgw.native import read_batch
from tests.support.journal_writer import JournalWriter, killed_writer


def reader_of(folder: Path, *live: int) -> JournalReader:
    return JournalReader(folder / "journal", lambda: set(live))


def to_the_end(walk: Walk) -> list[str]:
    while walk.advance(1000):
        pass
    return ids(walk)


def ids(walk: Walk) -> list[str]:
    """Request ids of what was read; `lost ID` where there is no end."""
    named = []
    for start, end in walk.step.attempts:
        if end is not None:
            named.append(end["id"])
        elif start is not None:
            named.append(f"lost {start['id']}")
    return named


def test_every_attempt_is_seen_once_over_many_segments(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path)
    expected = writer.attempts(1500)
    walk = Walk(reader_of(tmp_path, 1), Cursor())
    assert to_the_end(walk) == expected
    assert len(list((tmp_path / "journal").glob("*.journal"))) > 3
    walk.written()
    more = writer.attempts(3)
    assert to_the_end(walk) == more
    assert all(one.start is not None for one in walk.step.attempts)


def test_a_start_waits_in_the_cursor_for_its_end(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path)
    pending = writer.begin()
    first = Walk(reader_of(tmp_path, 1), Cursor())
    assert to_the_end(first) == []
    assert list(first.step.opened) == [(pending.id, 0)]
    kept = Cursor(dict(first.cursor.positions), first.open_starts())
    writer.end(pending)
    second = Walk(reader_of(tmp_path, 1), kept)
    assert to_the_end(second) == [pending.id]
    assert second.step.closed == {(pending.id, 0)}
    assert second.step.attempts[0].start is not None


def test_an_attempt_whose_worker_died_is_given_out_as_lost_once(tmp_path: Path) -> None:
    settled, lost = killed_writer(tmp_path, 1, 3)
    walk = Walk(reader_of(tmp_path), Cursor())
    assert to_the_end(walk) == [*settled, f"lost {lost}"]
    assert walk.open_starts() == {}
    walk.written()
    assert len(walk.finished()) == 1
    again = Walk(reader_of(tmp_path), Cursor(dict(walk.cursor.positions), walk.open_starts()))
    assert to_the_end(again) == []


def test_while_its_gateway_lives_nothing_is_lost(tmp_path: Path) -> None:
    settled, lost = killed_writer(tmp_path, 1, 3)
    live = {1}
    walk = Walk(JournalReader(tmp_path / "journal", lambda: live), Cursor())
    assert to_the_end(walk) == settled
    assert not walk.finished()
    assert list(walk.open_starts()) == [lost]


def test_an_end_whose_start_was_removed_counts(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path)
    pending = writer.begin()
    writer.attempts(600)
    first, *_ = sorted((tmp_path / "journal").glob("*.journal"))
    first.unlink()
    writer.end(pending)
    walk = Walk(reader_of(tmp_path, 1), Cursor())
    to_the_end(walk)
    (orphan,) = [one for one in walk.step.attempts if one.end and one.end["id"] == pending.id]
    assert orphan.start is None
    assert orphan.end is not None
    assert orphan.end["prompt_tokens"] == 3


def test_a_segment_that_goes_before_it_is_read_is_named(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path)
    writer.attempts(600)
    walk = Walk(reader_of(tmp_path, 1), Cursor())
    walk.advance(100)
    first, *_ = sorted((tmp_path / "journal").glob("*.journal"))
    first.unlink()
    to_the_end(walk)
    assert walk.step.missed == [first.name]


def test_a_damaged_segment_of_a_dead_writer_is_named_and_the_next_is_read(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path)
    broken = writer.attempts(10)
    writer.close()
    (path,) = (tmp_path / "journal").glob("*.journal")
    data = bytearray(path.read_bytes())
    data[-300] ^= 0xFF
    path.write_bytes(data)
    other = JournalWriter(tmp_path, 2)
    expected = other.attempts(2)
    walk = Walk(reader_of(tmp_path, 2), Cursor())
    found = to_the_end(walk)
    assert found[:-3] == broken[: len(found) - 3]
    assert [name for name in found if name in expected] == expected
    assert walk.step.damaged == [path.name]


def test_what_is_no_segment_is_left_aside(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path, 2)
    expected = writer.attempts(2)
    (tmp_path / "journal" / f"{1:016x}-0000-00000001-00000000.journal").write_bytes(b"\xff" * 4096)
    walk = Walk(reader_of(tmp_path, 2), Cursor())
    assert to_the_end(walk) == expected
    assert len(walk.unreadable) == 1


def test_consumers_in_step_decode_records_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = JournalWriter(tmp_path, size=1 << 20)
    expected = writer.attempts(700)
    reads: list[int] = []

    def counted(*place: Any) -> Any:
        found = read_batch(*place)
        reads.append(len(found[0]))
        return found

    monkeypatch.setattr(batches, "read_batch", counted)
    reader = reader_of(tmp_path, 1)
    walks = [Walk(reader, Cursor()) for _ in range(3)]
    while any([walk.advance(500) for walk in walks]):
        pass
    assert [ids(walk) for walk in walks] == [expected] * 3
    assert sum(reads) == 1400


def test_it_is_known_whether_there_is_more(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path)
    reader = reader_of(tmp_path, 1)
    assert reader.grown(), "a first listing"
    assert not reader.grown()
    writer.attempts(1)
    assert reader.grown()
    walk = Walk(reader, Cursor())
    to_the_end(walk)
    assert not reader.grown()
    assert walk.behind() > 0, "nothing is durable yet"
    walk.written()
    assert walk.behind() == 0
    writer.close()
    to_the_end(walk)
    walk.written()
    assert len(walk.finished()) == 1
    assert Walk(reader_of(tmp_path), walk.cursor).behind() == 0


def test_lag_is_known_without_reading(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path)
    writer.attempts(10)
    writer.close()
    (path,) = (tmp_path / "journal").glob("*.journal")
    walk = Walk(reader_of(tmp_path), Cursor())
    walk.advance(0)
    assert walk.behind() == path.stat().st_size
