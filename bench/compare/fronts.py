"""What stands in front, by itself: servers that do nothing, side by side.

The house rests on its own HTTP server; this is what it costs beside those that it could rest on. Rounds
alternate between all of them, as those of gateways do; the figure is the median of the rounds.
"""

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from bench.compare import measure
from bench.compare.gateways import Running, free_port, wait_ready
from bench.processes import Child

NAMES = ("lean", "lean, ASGI", "granian", "uvicorn")


class _Front:
    """A `Gateway` without an upstream behind it."""

    same_bytes = False
    translates = False

    def __init__(self, name: str) -> None:
        self.name = name
        self.headers: dict[str, str] = {}

    def missing(self) -> str | None:
        """Why it cannot be measured here."""
        module = self.name.partition(",")[0]
        known = module == "lean" or importlib.util.find_spec(module) is not None
        return None if known else f"{module} is not installed"

    def start(self, folder: Path, upstream: int) -> Running:
        """Start it; nothing is asked of the upstream."""
        port = free_port()
        command = [sys.executable, "-m", "bench.compare.idle_server", self.name, str(port)]
        log = folder / f"front-{''.join(c for c in self.name if c.isalnum())}.log"
        return Running(self, Child(command, log), port)


def fronts(
    folder: Path, connections: int, seconds: float, rounds: int, note: Callable[[str], None]
) -> dict[str, Any]:
    """Processor time per request and latency at one connection, by name."""
    running: list[Running] = []
    found: dict[str, dict[str, list[float]]] = {}
    try:
        for front in map(_Front, NAMES):
            if front.missing() is None:
                one = front.start(folder, 0)
                running.append(one)
                wait_ready(one, 20)
                measure.processor(folder, one, stream=False, connections=connections, seconds=0.5)
                found[one.name] = {"cpu_request_us": [], "p50_us": [], "p99_us": [], "per_second": []}
        for n in range(rounds):
            for one in running:
                note(f"a server that does nothing, round {n + 1} of {rounds}: {one.name}")
                row = measure.processor(folder, one, stream=False, connections=connections, seconds=seconds)
                seen = measure.latency(folder, one, seconds)
                lists = found[one.name]
                lists["cpu_request_us"].append(row["cpu_us"] or 0.0)
                lists["per_second"].append(row["per_second"])
                lists["p50_us"].append(seen.p50)
                lists["p99_us"].append(seen.p99)
    finally:
        for one in running:
            one.stop()
    return {
        name: {key: round(median(values), 1) for key, values in lists.items()}
        for name, lists in found.items()
    }
