"""Names of segments, and which of them no process can write to."""

from pathlib import Path

import pytest

from hybridgw.ledger.segments import Segment, sealed, segments, writer_of

OLD, NEW = 0x10, 0x20


def make(folder: Path, instance: int, slot: int, epoch: int, number: int) -> Path:
    path = folder / f"{instance:016x}-{slot:04x}-{epoch:08x}-{number:08x}.journal"
    path.touch()
    return path


def names(found: list[Segment]) -> list[tuple[int, ...]]:
    return [tuple(one[:4]) for one in found]


def test_segments_are_recognised_by_name_and_sorted_by_age(tmp_path: Path) -> None:
    make(tmp_path, NEW, 0, 1, 0)
    make(tmp_path, OLD, 1, 1, 10)
    make(tmp_path, OLD, 1, 1, 9)
    for name in ("notes.journal", "10-0-1-0.journal", f"{OLD:016x}-0000-00000001-00000000.journal.bak"):
        (tmp_path / name).touch()
    assert names(segments(tmp_path)) == [(OLD, 1, 1, 9), (OLD, 1, 1, 10), (NEW, 0, 1, 0)]


@pytest.mark.parametrize(
    ("files", "live", "expected"),
    [
        pytest.param([(OLD, 0, 1, 0)], {OLD}, [], id="in use"),
        pytest.param([(OLD, 0, 1, 0), (OLD, 0, 1, 1)], {OLD}, [], id="in use and prepared"),
        pytest.param([(OLD, 0, 1, 0), (OLD, 0, 1, 1), (OLD, 0, 1, 2)], {OLD}, [(OLD, 0, 1, 0)], id="filled"),
        pytest.param([(OLD, 0, 1, 0), (OLD, 0, 2, 0)], {OLD}, [(OLD, 0, 1, 0)], id="slot has a new owner"),
        pytest.param([(OLD, 0, 1, 0), (OLD, 1, 2, 0)], {OLD}, [], id="another slot's epoch says nothing"),
        pytest.param(
            [(OLD, 0, 1, 0), (OLD, 0, 1, 1)], {NEW}, [(OLD, 0, 1, 0), (OLD, 0, 1, 1)], id="instance ended"
        ),
    ],
)
def test_sealed(
    tmp_path: Path, files: list[tuple[int, int, int, int]], live: set[int], expected: list[tuple[int, ...]]
) -> None:
    for file in files:
        make(tmp_path, *file)
    assert names(sealed(segments(tmp_path), live)) == expected


def test_a_record_names_its_writer(tmp_path: Path) -> None:
    make(tmp_path, OLD, 3, 0x2A, 0)
    assert writer_of(f"{OLD:016x}-3-2a-ff") == segments(tmp_path)[0].writer
