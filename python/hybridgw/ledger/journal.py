"""Reading the journal: segments in order of age, starts and settlements joined into attempts.

Workers append to it from the native side, a start record when a permit is taken and a settlement
before the last byte of an answer leaves. A start without a settlement is a request in flight, or
one whose worker died: readers show it as open and decide nothing about it. The format is known to
the native side only; here a record is a mapping with names.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from hybridgw.native import read_journal

Record = dict[str, Any]


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One attempt."""

    id: str
    attempt: int
    """1 for the first."""
    time: float
    """Unix seconds of the start."""
    route: str
    model: str
    deployment: str
    level: str
    ceiling: str
    stream: bool
    outcome: str | None = None
    """None while open."""
    status: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    usage_reported: bool = False
    first_token_ms: float = 0.0
    duration_ms: float = 0.0
    bytes_sent: int = 0


class Tail:
    """Follows a journal folder: each call of `records` returns what was added since the last."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._offsets: dict[Path, int] = {}

    def records(self) -> Iterator[Record]:
        """New records, segment by segment, oldest segment first."""
        for path in segments(self._folder):
            try:
                found, following, _torn = read_journal(str(path), self._offsets.get(path, 0))
            except OSError:
                continue  # pruned between listing and reading
            self._offsets[path] = following
            yield from found


def segments(folder: Path) -> list[Path]:
    """All segments, oldest first: their names begin with the time of their run."""
    return sorted(folder.glob("*.journal"))


def attempts(records: Iterable[Record]) -> Iterator[Entry]:
    """Starts joined with their settlements, in the order of the starts."""
    opened: dict[tuple[str, int], Record] = {}
    settled: dict[tuple[str, int], Record] = {}
    for record in records:
        key = (record["id"], record["attempt"])
        (opened if record["kind"] == "start" else settled)[key] = record
    for key, start in sorted(opened.items(), key=lambda item: item[1]["wall_ns"]):
        yield _entry(start, settled.get(key))


def _entry(start: Record, end: Record | None) -> Entry:
    common: dict[str, Any] = {
        "id": start["id"],
        "attempt": start["attempt"] + 1,
        "time": start["wall_ns"] / 1e9,
        "route": start["route"],
        "model": start["model"],
        "deployment": start["deployment_name"],
        "level": start["level"],
        "ceiling": start["ceiling"],
        "stream": bool(start["stream"]),
    }
    if end is None:
        return Entry(**common)
    return Entry(
        **common,
        outcome=end["outcome"].lower(),
        status=end["status"],
        prompt_tokens=end["prompt_tokens"],
        completion_tokens=end["completion_tokens"],
        cached_tokens=end["cached_tokens"],
        usage_reported=bool(end["usage_reported"]),
        first_token_ms=end["ttft_us"] / 1000,
        duration_ms=end["duration_us"] / 1000,
        bytes_sent=end["bytes_sent"],
    )
