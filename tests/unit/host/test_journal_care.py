import os
from pathlib import Path

import pytest

from hybridgw.host import journal_care
from hybridgw.host.journal_care import Syncer, Trimmer, prune
from hybridgw.native import Journal, read_batch

OLD, NEW = 0x10, 0x20
SIZE = 64 * 1024


def make(folder: Path, instance: int, slot: int, epoch: int, number: int) -> Path:
    path = folder / f"{instance:016x}-{slot:04x}-{epoch:08x}-{number:08x}.journal"
    path.write_bytes(b"x" * SIZE)
    return path


def test_the_oldest_sealed_segments_go_until_the_rest_fits(tmp_path: Path) -> None:
    oldest, older = make(tmp_path, OLD, 0, 1, 0), make(tmp_path, OLD, 0, 1, 1)
    current = make(tmp_path, NEW, 0, 1, 0)
    used = oldest.stat().st_blocks * 512
    counted = {oldest.name, older.name, current.name}
    assert prune(tmp_path, 3 * used, {NEW}, counted, 0) == ([], [], 3 * used, 0)
    assert prune(tmp_path, 2 * used, {NEW}, counted, 0) == ([oldest], [], 2 * used, 0)
    assert prune(tmp_path, 0, {NEW}, counted, 0) == ([older], [], used, 0)
    assert current.exists(), "a segment in use was removed"


def test_what_the_ledger_has_not_counted_stays_until_the_hard_maximum(tmp_path: Path) -> None:
    oldest, older, last = (make(tmp_path, OLD, 0, 1, number) for number in range(3))
    used = oldest.stat().st_blocks * 512
    counted = {older.name}
    assert prune(tmp_path, used, {NEW}, counted, 3 * used) == ([older], [], 2 * used, used)
    assert oldest.exists(), "it was not counted, and there is room"
    assert prune(tmp_path, used, {NEW}, set(), 0) == ([], [], 2 * used, used)
    assert prune(tmp_path, used // 2, {NEW}, set(), used) == ([], [oldest], used, used - used // 2)
    assert last.exists()


def test_at_the_hard_maximum_the_segments_of_those_that_live_stay(tmp_path: Path) -> None:
    current = make(tmp_path, NEW, 0, 1, 0)
    assert prune(tmp_path, 0, {NEW}, set(), 1).dropped == []
    assert current.exists()


def test_a_flush_follows_a_write_and_an_idle_journal_costs_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[str] = []
    monkeypatch.setattr(journal_care, "_flush", lambda path: flushed.append(Path(path).name))
    path = make(tmp_path, NEW, 0, 1, 0)
    syncer = Syncer(tmp_path, NEW)
    fresh = path.stat().st_mtime_ns
    assert syncer.sync() == 1
    assert syncer.sync() == 1, "a write in the same tick as the flush would be missed"
    os.utime(path, ns=(fresh, fresh - 10**9))
    assert syncer.sync() == 1
    assert [syncer.sync() for _ in range(3)] == [0, 0, 0]
    os.utime(path)
    assert syncer.sync() == 1
    path.unlink()
    assert syncer.sync() == 0
    assert set(flushed) == {path.name}


def test_what_other_runs_left_is_flushed_once_and_then_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_care, "_FRESH_NS", 0)
    for epoch in range(1, 21):
        make(tmp_path, OLD, 0, epoch, 0)
    make(tmp_path, NEW, 0, 1, 0)
    syncer = Syncer(tmp_path, NEW)
    assert syncer.sync() == 21
    looked: list[str] = []
    lstat = Path.lstat

    def look(path: Path) -> os.stat_result:
        looked.append(path.name)
        return lstat(path)

    monkeypatch.setattr(Path, "lstat", look)
    monkeypatch.setattr(os, "listdir", lambda _: pytest.fail("the folder did not change"))
    assert syncer.sync() == 0
    assert [name[:16] for name in looked] == [f"{NEW:016x}"]
    monkeypatch.undo()
    make(tmp_path, OLD, 1, 1, 0)
    assert syncer.sync() >= 1, "a segment that appeared was not flushed"


def test_a_real_flush(tmp_path: Path) -> None:
    make(tmp_path, NEW, 0, 1, 0)
    assert Syncer(tmp_path, NEW).sync() == 1


def test_what_a_killed_writer_left_is_cut_behind_its_last_record(tmp_path: Path) -> None:
    journal = Journal(str(tmp_path), OLD, 0, 1, SIZE)
    path = Path(journal.path())
    assert path.stat().st_size == SIZE
    trimmer = Trimmer(tmp_path)
    assert trimmer.trim({OLD}) == 0, "its writer lives"
    assert trimmer.trim(set()) == 1
    assert path.stat().st_size < SIZE
    assert read_batch(str(path), 0, 9) == ([], 64, "clean")
    assert trimmer.trim(set()) == 0


def test_segments_without_room_are_not_read_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path, OLD, 0, 1, 0)
    Journal(str(tmp_path), OLD, 1, 1, SIZE).close()
    killed = Journal(str(tmp_path), OLD, 2, 1, SIZE)
    assert Trimmer(tmp_path).trim(set()) == 1, killed.path()
    monkeypatch.setattr(journal_care, "read_batch", lambda *_: pytest.fail("a whole segment was read"))
    assert Trimmer(tmp_path).trim(set()) == 0


def test_a_damaged_segment_is_left_as_it_is(tmp_path: Path) -> None:
    journal = Journal(str(tmp_path), OLD, 0, 1, SIZE)
    path = Path(journal.path())
    _, start, _ = read_batch(str(path), 0, 9)
    with path.open("r+b") as file:
        file.seek(start)
        file.write(b"\xff" * 64)
    assert read_batch(str(path), 0, 9)[2] == "torn"
    assert Trimmer(tmp_path).trim(set()) == 0
    nonsense = make(tmp_path, OLD, 1, 1, 0)
    assert Trimmer(tmp_path).trim(set()) == 0
    assert (path.stat().st_size, nonsense.stat().st_size) == (SIZE, SIZE)
