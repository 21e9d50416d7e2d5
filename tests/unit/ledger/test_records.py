"""Records with names: the same as the native side's, of every version, whatever stands between them."""

import struct
import zlib
from pathlib import Path
from typing import Any

import pytest

from hybridgw.host.journal_care import Trimmer
from hybridgw.ledger import records
from hybridgw.ledger.journal import Attempts, Tail
from hybridgw.ledger.records import Candidate, Decision, Disposal, End, Record, Refusal, Start, named, read
from hybridgw.native import JOURNAL_FIELDS, read_batch, read_journal

DATA = Path(__file__).resolve().parents[3] / "crates" / "router_core" / "tests" / "data"
FIRST_VERSION = DATA / "landed-killed.journal"
NAME = "0000000000000abc-0003-0000001f-00000000.journal"


def frame(record: bytes) -> bytes:
    """As a writer of any version frames it."""
    return struct.pack("<II", len(record), zlib.crc32(record)) + record + bytes(-len(record) % 8)


def with_more(folder: Path, *frames: bytes) -> Path:
    """The segment of the first version, with these frames behind it and room for more."""
    path = folder / NAME
    path.write_bytes(
        FIRST_VERSION.read_bytes().rstrip(b"\0").ljust(520, b"\0") + b"".join(frames) + bytes(8192)
    )
    return path


def identity(kind: int, attempt: int = 0) -> bytes:
    return struct.pack("<BQHIQB", kind, 0xABC, 3, 0x1F, 2, attempt)


def test_fields_are_those_of_the_native_side() -> None:
    classes: dict[str, Any] = records._CLASSES
    assert {kind: fields._fields for kind, fields in classes.items()} == JOURNAL_FIELDS
    assert set(classes.values()) == {Decision, Start, End, Disposal, Refusal}
    assert Candidate._fields[:3] == ("deployment", "target", "fate")


@pytest.mark.parametrize("name", ["landed-killed.journal", "landed-sealed.journal"])
def test_segments_of_the_first_version_are_read(name: str) -> None:
    batch = read(DATA / name, 0, 100)
    assert [one.kind for one in batch.records] == ["start", "start", "end", "start", "end"]
    assert batch.tail == ("sealed" if "sealed" in name else "clean")
    start, end = batch.records[3:]
    assert isinstance(start, Start)
    assert isinstance(end, End)
    assert (start.id, start.route, start.model, start.ceiling) == (
        "0000000000000abc-3-1f-3", "ollama_embed", "qwen3:0.6b é", "external",
    )  # fmt: skip
    assert (start.tier, start.reason, start.config, start.trace, start.accounts) == ("", "", 0, "", ())
    assert (end.outcome, end.cost_nanos, end.content_sent) == ("LOADING", 12_300_000, True)
    assert (end.cache_write_tokens, end.verdict, end.disposal) == (0, 0, "")


def test_what_a_later_version_wrote_costs_nothing_behind_it(tmp_path: Path) -> None:
    unknown_word = struct.pack("<QBBH5I3Q", 9, 200, 0xF1, 200, 1, 2, 3, 4, 5, 6, 7, 8) + b"fields of later"
    frames = [frame(identity(17)), frame(bytes([250]) * 16_384), frame(identity(2, 1) + unknown_word)]
    path = with_more(tmp_path, *frames)
    found: list[Record] = []
    offset, tail = 0, "more"
    while tail == "more":
        batch = read(path, offset, 1)
        found += batch.records
        offset, tail = batch.next_offset, batch.tail
    assert (len(found), tail) == (6, "clean")
    end = found[-1]
    assert isinstance(end, End)
    assert (end.outcome, end.usage_reported, end.reasoning_tokens, end.cost_nanos) == (
        "unknown(200)",
        True,
        4,
        8,
    )
    # The command shows it, and a killed writer's segment is cut behind all of it.
    attempts = Attempts()
    told = [entry for one in Tail(tmp_path).records() if (entry := attempts.add(one))]
    assert [entry.outcome for entry in told] == ["stalled", "loading", "unknown(200)"]
    assert Trimmer(tmp_path).trim(set()) == 1
    assert path.stat().st_size == offset


def test_kinds_are_chosen_and_all_are_passed(tmp_path: Path) -> None:
    path = with_more(tmp_path)
    ends = read(path, 0, 100, ("end",))
    assert [type(one) for one in ends.records] == [End, End]
    assert read(path, 0, 100, ()).next_offset == ends.next_offset == 520
    with pytest.raises(ValueError, match="no records called settlement"):
        read(path, 0, 1, ("settlement",))


def test_dicts_hold_the_same(tmp_path: Path) -> None:
    path = with_more(tmp_path)
    tuples, offset, _ = read_batch(str(path), 0, 100)
    dicts, same, torn = read_journal(str(path), 0)
    assert (offset, torn) == (same, False)
    assert dicts == [named(one)._asdict() for one in tuples]
