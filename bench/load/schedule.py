"""When requests are due: offsets in seconds from the start, known before the first is sent."""

from collections.abc import Iterator
from random import Random


def constant(rate: float) -> Iterator[float]:
    """One request each 1/rate seconds."""
    n = 0
    while True:
        # Multiplied, not added up: an hour of additions drifts.
        yield n / rate
        n += 1


def poisson(rate: float, seed: int) -> Iterator[float]:
    """Independent arrivals at a mean rate, the same for the same seed."""
    random = Random(seed)
    at = 0.0
    while True:
        at += random.expovariate(rate)
        yield at
