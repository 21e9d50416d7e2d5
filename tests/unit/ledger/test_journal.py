"""Reading a journal: only as much of it as the question needs."""

import json
import os
from pathlib import Path

import pytest

from hybridgw.core import Boundary, Outcome, Shape
from hybridgw.ledger import journal
from hybridgw.ledger.journal import Attempts, Entry, Tail
from hybridgw.ledger.records import Batch, read
from hybridgw.native import Decision, Journal, Principal, Router, StateFile

SECOND = 1_000_000_000
PLAN = {
    "generation": 1,
    "owned_keys": [],
    "tiers": ["local"],
    "deployments": [
        {
            "id": f"{1:016x}",
            "name": "local/a",
            "model": "a",
            "tier": "local",
            "boundary": int(Boundary.DEVICE),
        }
    ],
    "models": [{"name": "m", "groups": [[0]]}],
}


class Writer:
    """A worker that writes attempts, each a second after the one before."""

    def __init__(self, folder: Path, instance: int, start: int) -> None:
        state = StateFile.create(folder / f"state-{instance}", instance, 2, 4)
        slot = state.claim(1, 1, 0)
        (folder / "journal").mkdir(exist_ok=True)
        self.journal = Journal(folder / "journal", instance, slot, state.epoch(slot), 1 << 16)
        self._router = Router(json.dumps(PLAN).encode(), state, slot, self.journal)
        self.now = start

    def begin(self) -> Decision:
        """An attempt that stays open as long as the decision lives."""
        self.now += 1
        mono = self.now * SECOND
        body = b'{"model":"m","messages":[]}'
        principal = Principal("test", 1, int(Boundary.EXTERNAL))
        return self._router.decide(body, principal, 0, None, mono, mono, 1)

    def attempts(self, count: int) -> None:
        for _ in range(count):
            self.begin()

    def close(self) -> None:
        """An orderly end: its segments are as old as their last record."""
        self.journal.close()
        path = Path(self.journal.path())
        os.utime(path, (self.now, self.now))


def times(entries: list[Entry]) -> list[float]:
    return [entry.time for entry in entries]


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the segments whose records were read."""
    names: list[str] = []

    def watched(path: Path, offset: int, at_once: int, kinds: tuple[str, ...]) -> Batch:
        names.append(path.name[:16])
        return read(path, offset, at_once, kinds)

    monkeypatch.setattr(journal, "read", watched)
    return names


def test_the_newest_attempts_need_the_newest_segments_only(tmp_path: Path, opened: list[str]) -> None:
    for instance in range(1, 21):
        writer = Writer(tmp_path, instance, start=100 * instance)
        writer.attempts(10)
        writer.close()
    tail, attempts = Tail(tmp_path / "journal"), Attempts()
    assert times(tail.newest(attempts, 15)) == [*range(1906, 1911), *range(2001, 2011)]
    assert {int(name, 16) for name in opened} == {20, 19}
    opened.clear()
    assert list(tail.records()) == []
    assert opened == [], "a closed segment was read again"


def test_a_segment_still_in_use_is_always_read(tmp_path: Path) -> None:
    living = Writer(tmp_path, 1, start=100)
    later = Writer(tmp_path, 2, start=200)
    later.attempts(3)
    later.close()
    living.now = 500
    living.attempts(1)
    pending = living.begin()
    os.utime(living.journal.path(), (1, 1))  # a write to mapped memory need not move it
    tail, attempts = Tail(tmp_path / "journal"), Attempts()
    found = tail.newest(attempts, 3)
    assert times(found) == [203, 501, 502]
    assert [entry.outcome for entry in found] == ["cancelled", "cancelled", None]
    del pending
    ended = [entry for record in tail.records() if (entry := attempts.add(record))]
    assert [(entry.time, entry.outcome) for entry in ended] == [(502, "cancelled")]
    assert attempts.open() == []


def test_many_records_are_read_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "_AT_ONCE", 7)
    writer = Writer(tmp_path, 1, start=100)
    writer.attempts(50)
    attempts = Attempts()
    joined = [entry for record in Tail(tmp_path / "journal").records() if (entry := attempts.add(record))]
    assert times(joined) == list(range(101, 151))


def test_a_damaged_segment_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    writer = Writer(tmp_path, 1, start=100)
    writer.attempts(2)
    broken = tmp_path / "journal" / "0.journal"
    broken.write_bytes(b"\xff" * 1000)
    tail = Tail(tmp_path / "journal")
    assert times(tail.newest(Attempts(), 5)) == [101, 102]
    assert list(tail.damaged) == [broken]


@pytest.mark.parametrize(
    ("reported", "nanos"), [("0.0123", 12_300_000), ("1.5e-7", 150), ("0", 0), ("null", None)]
)
def test_a_reported_cost_is_kept(tmp_path: Path, reported: str, nanos: int | None) -> None:
    writer = Writer(tmp_path, 1, start=100)
    decision = writer.begin()
    relay = decision.permit.relay(Shape.CHAT, False)
    relay.observe(
        b'{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2,"cost":%s}}' % reported.encode()
    )
    mono = (writer.now + 1) * SECOND
    decision.permit.finish(int(Outcome.SUCCESS), 200, 10, True, mono, mono)
    attempts = Attempts()
    (entry,) = filter(None, map(attempts.add, Tail(tmp_path / "journal").records()))
    assert (entry.prompt_tokens, entry.cost_nano_usd) == (3, nanos)
