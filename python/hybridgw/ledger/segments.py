"""The files of a journal folder: their names, their age, and which of them are complete.

A name says who wrote a segment (instance, worker slot, how often that slot had been claimed) and where it
stands among the writer's own. From names alone, and from which gateways live, follows what no process can
write to any more. Housekeeper and ledger must agree on that: one removes what the other has read.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

_NAME = re.compile(r"([0-9a-f]{16})-([0-9a-f]{4})-([0-9a-f]{8})-([0-9a-f]{8})\.journal")
_AHEAD = 2
"""Newest segments of a writer that stay: the one in use and the one prepared."""

Writer = tuple[int, int, int]
"""One worker's life: instance, slot, epoch."""


class Segment(NamedTuple):
    """A journal file by its name; sorts by age, since an instance id begins with its start time."""

    instance: int
    slot: int
    epoch: int
    number: int
    path: Path

    @property
    def writer(self) -> Writer:
        """Who wrote it."""
        return (self.instance, self.slot, self.epoch)


def segments(folder: Path) -> list[Segment]:
    """All journal segments in a folder, oldest first."""
    found = []
    for path in folder.iterdir():
        match = _NAME.fullmatch(path.name)
        if match:
            instance, slot, epoch, number = (int(part, 16) for part in match.groups())
            found.append(Segment(instance, slot, epoch, number, path))
    return sorted(found)


def sealed(found: Iterable[Segment], live: set[int]) -> list[Segment]:
    """Those that no process can write to any more, oldest first. `live`: instances with a process left."""
    found = list(found)
    ended = ended_writers(found, live)
    numbers: dict[Writer, int] = {}
    for one in found:
        numbers[one.writer] = max(one.number, numbers.get(one.writer, 0))
    return [one for one in found if one.writer in ended or one.number <= numbers[one.writer] - _AHEAD]


def ended_writers(found: Iterable[Segment], live: set[int]) -> set[Writer]:
    """Writers that will never write again: their gateway is gone, or their slot has a new owner."""
    writers = {one.writer for one in found}
    epochs: dict[tuple[int, int], int] = {}
    for instance, slot, epoch in writers:
        epochs[instance, slot] = max(epoch, epochs.get((instance, slot), 0))
    return {one for one in writers if one[0] not in live or one[2] < epochs[one[:2]]}


def writer_of(record_id: str) -> Writer:
    """Who wrote the records of a request: its id begins with the writer."""
    instance, slot, epoch, _sequence = record_id.split("-")
    return (int(instance, 16), int(slot, 16), int(epoch, 16))
