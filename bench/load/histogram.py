"""A log-linear histogram of durations, in the manner of HdrHistogram.

Each power of two is divided into 128 linear steps, so that a value is known to better than 0.8 % from
a microsecond to hours in a few thousand counters at most. Histograms of several processes are added;
percentiles of several processes cannot be, which is why the counts and not the percentiles travel.
Sixty lines instead of a dependency, because the tests of the generator run where only the tools of
development are installed.
"""

from collections.abc import Mapping

_BITS = 7
_STEPS = 1 << _BITS


class Histogram:
    """Counts of durations. Values are recorded in seconds and kept in microseconds."""

    __slots__ = ("count", "counts", "highest", "lowest", "total")

    def __init__(self) -> None:
        self.counts: dict[int, int] = {}
        self.count = 0
        self.total = 0
        self.highest = 0
        self.lowest = 0

    def record(self, seconds: float) -> None:
        """Add one duration; a negative one counts as zero."""
        micros = int(seconds * 1e6) if seconds > 0 else 0
        shift = micros.bit_length() - _BITS - 1
        slot = micros if shift <= 0 else (shift << _BITS) + (micros >> shift)
        self.counts[slot] = self.counts.get(slot, 0) + 1
        self.lowest = micros if self.count == 0 else min(self.lowest, micros)
        self.highest = max(self.highest, micros)
        self.count += 1
        self.total += micros

    def percentile(self, percent: float) -> float:
        """Smallest recorded duration, in seconds and to 0.8 %, that `percent` of all do not exceed.
        Zero when nothing was recorded."""
        wanted = max(1.0, self.count * percent / 100)
        seen = 0
        for slot in sorted(self.counts):
            seen += self.counts[slot]
            if seen >= wanted:
                return min(_upper(slot), self.highest) / 1e6
        return self.highest / 1e6

    @property
    def mean(self) -> float:
        """Mean in seconds."""
        return self.total / self.count / 1e6 if self.count else 0.0

    def merge(self, other: "Histogram") -> None:
        """Add the counts of another histogram."""
        for slot, count in other.counts.items():
            self.counts[slot] = self.counts.get(slot, 0) + count
        if other.count:
            self.lowest = min(self.lowest, other.lowest) if self.count else other.lowest
        self.highest = max(self.highest, other.highest)
        self.count += other.count
        self.total += other.total

    def dump(self) -> dict[str, object]:
        """For JSON: everything that `load` needs."""
        counts = {str(slot): count for slot, count in sorted(self.counts.items())}
        return {"counts": counts, "total": self.total, "lowest": self.lowest, "highest": self.highest}

    @classmethod
    def load(cls, dumped: Mapping[str, object]) -> "Histogram":
        """The histogram that `dump` described. Raises TypeError or KeyError for anything else."""
        counts, total = dumped["counts"], dumped["total"]
        lowest, highest = dumped["lowest"], dumped["highest"]
        if not isinstance(counts, Mapping) or not isinstance(total, int):
            raise TypeError("not a dumped histogram")
        if not isinstance(lowest, int) or not isinstance(highest, int):
            raise TypeError("not a dumped histogram")
        new = cls()
        new.counts = {int(slot): int(count) for slot, count in counts.items()}
        new.count = sum(new.counts.values())
        new.total, new.lowest, new.highest = total, lowest, highest
        return new

    def summary(self) -> dict[str, float | int]:
        """Count and the usual percentiles, in milliseconds."""
        named = {"p50": 50.0, "p90": 90.0, "p99": 99.0, "p999": 99.9}
        values = {name: round(self.percentile(p) * 1e3, 3) for name, p in named.items()}
        ends = {"min": self.lowest / 1e3, "max": self.highest / 1e3, "mean": round(self.mean * 1e3, 3)}
        return {"count": self.count, **values, **ends}


def _upper(slot: int) -> int:
    """The largest microsecond value that falls into a slot."""
    if slot < 2 * _STEPS:
        return slot
    # A slot holds (shift << 7) + mantissa with the mantissa in 128..255: its top bit adds one to the shift.
    shift = (slot >> _BITS) - 1
    mantissa = (slot & (_STEPS - 1)) | _STEPS
    return ((mantissa + 1) << shift) - 1
