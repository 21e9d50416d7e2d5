"""Order, repetition and time limits of a comparison.

Latency rounds alternate between all gateways, so that a disturbance of the machine falls on all of them
alike; the figure of a gateway is the median of its rounds. Processor time is measured one gateway
after the other, the others idle. Nothing raises past a gateway: what fails is recorded as its reason.
"""

import tempfile
import time
from collections.abc import Callable
from functools import partial
from http.client import HTTPException
from pathlib import Path
from statistics import median
from subprocess import TimeoutExpired
from typing import Any

import msgspec

from bench import processes
from bench.compare import measure, rivals, targets, wrk
from bench.compare.fronts import fronts
from bench.compare.gateways import Direct, Gateway, Hybridgw, LiteLLM, Nginx, Portkey, Running, wait_ready
from bench.upstream import Upstream

Note = Callable[[str], None]


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How long and how often. The defaults take about four minutes with two rivals."""

    seconds: float = 3.0
    """Of one processor-time round."""
    rounds: int = 3
    latency_rounds: int = 5
    latency_seconds: float = 1.0
    connections: int = 32
    streams: int = 64
    events: int = 64
    gap_ms: float = 2.0
    cold_starts: int = 3
    memory_requests: int = 1500
    memory_body: int = 150_000
    install_seconds: float = 120.0
    """Time allowed for installing one rival; 0 uses only what is installed."""
    only: tuple[str, ...] = ()
    """Names of gateways to measure; empty for all."""
    limit: float = 360.0
    """Seconds after which no further measurement is begun."""


QUICK = Plan(
    seconds=1, rounds=1, latency_rounds=3, cold_starts=1, memory_requests=300, install_seconds=0, limit=120
)
"""Enough to see that everything works; the figures are not worth keeping."""


def compare(plan: Plan, note: Note) -> dict[str, Any]:
    """Measure; returns the document to be written. `note` is called with what is being done."""
    processes.raise_file_limit()
    for rival in rivals.RIVALS if plan.install_seconds else ():
        if rival.missing() and (not plan.only or rival.name in plan.only):
            note(f"installing {rival.name} {rival.version}")
            rival.install(plan.install_seconds)
    wanted: list[Gateway] = [
        Direct(),
        Nginx(),
        Hybridgw(1),
        Hybridgw(1, "granian"),
        Hybridgw(0),
        LiteLLM(),
        Portkey(),
    ]
    if plan.only:
        wanted = [g for g in wanted if g.name in plan.only or isinstance(g, Direct)]
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        return _Comparison(plan, note, Path(name), wanted).run()


_SLOW = 3
"""Below so many answers per connection in the first second, requests are counted instead of seconds."""


class _Comparison:
    def __init__(self, plan: Plan, note: Note, folder: Path, wanted: list[Gateway]) -> None:
        self.plan = plan
        self.note = note
        self.folder = folder
        self.wanted = wanted
        self.figures: dict[str, dict[str, Any]] = {}
        self.details: dict[str, dict[str, Any]] = {}
        self.missing: list[dict[str, str]] = []
        self.fronts: dict[str, Any] = {}
        self.deadline = time.monotonic() + plan.limit

    def run(self) -> dict[str, Any]:
        started = time.monotonic()
        with Upstream(self.folder, "instant") as upstream:
            upstream.behave()
            running: list[Running] = []
            try:
                for gateway in self.wanted:
                    one = self._start(gateway, upstream)
                    if one is not None:
                        running.append(one)
                self._latency(running)
                for one in running:
                    self._guarded(one, "processor time", partial(self._processor, one, upstream))
            finally:
                for one in running:
                    one.stop()
            if not self.plan.only or "fronts" in self.plan.only:
                self._fronts()
            for one in running:
                if one.child is not None:
                    self._guarded(one, "memory and start", partial(self._alone, one.gateway, upstream))
        if targets.disturbed(self.figures):
            reason = "its p99 is far above its p50: the machine was busy with something else"
            self.missing.append({"gateway": "direct", "reason": f"latencies are not to be trusted, {reason}"})
        return {
            "parameters": msgspec.to_builtins(self.plan)
            | {"hammer": "wrk" if wrk.available() else "bench.load"},
            "seconds": round(time.monotonic() - started, 1),
            "rivals": {r.name: r.version for r in rivals.RIVALS},
            "figures": self.figures,
            "targets": targets.verdicts(self.figures),
            "fronts": self.fronts,
            "missing": self.missing,
            "details": self.details,
        }

    def _fronts(self) -> None:
        plan = self.plan
        try:
            self.fronts = fronts(
                self.folder, plan.connections, plan.latency_seconds, plan.latency_rounds, self.note
            )
        except (RuntimeError, OSError, HTTPException, TimeoutExpired, processes.StartError) as error:
            self.missing.append({"gateway": "servers that do nothing", "reason": str(error)})

    def _start(self, gateway: Gateway, upstream: Upstream) -> Running | None:
        reason = gateway.missing()
        if reason is None:
            self.note(f"starting {gateway.name}")
            home = self.folder / "".join(c for c in gateway.name if c.isalnum())
            home.mkdir()
            one = None
            try:
                one = gateway.start(home, upstream.ports["instant"])
                wait_ready(one, 60)
                measure.check(one, upstream, stream=False)
            except (processes.StartError, measure.WrongAnswer, OSError, HTTPException) as error:
                reason = str(error)
                if one is not None:
                    one.stop()
            else:
                self.figures[gateway.name] = {}
                self.details[gateway.name] = {"idle": measure.idle_memory(one)}
                try:
                    measure.check(one, upstream, stream=True)
                except (measure.WrongAnswer, OSError, HTTPException) as error:
                    one.streams = False
                    self.missing.append({"gateway": gateway.name, "reason": f"not measured: {error}"})
                return one
        self.missing.append({"gateway": gateway.name, "reason": reason})
        return None

    def _guarded(self, running: Running, what: str, do: Callable[[], None]) -> None:
        if time.monotonic() > self.deadline:
            self.missing.append({"gateway": running.name, "reason": f"{what}: the time limit was reached"})
            return
        try:
            do()
        except (RuntimeError, OSError, TimeoutExpired) as error:
            self.missing.append({"gateway": running.name, "reason": f"{what}: {error}"})

    def _latency(self, running: list[Running]) -> None:
        plan = self.plan
        for one in running:
            self.note(f"warming up {one.name}")
            measure.latency(self.folder, one, 1)
        rounds: dict[str, list[tuple[float, float]]] = {one.name: [] for one in running}
        for n in range(plan.latency_rounds):
            for one in running:
                self.note(f"latency, round {n + 1} of {plan.latency_rounds}: {one.name}")
                seen = measure.latency(self.folder, one, plan.latency_seconds)
                rounds[one.name].append((seen.p50, seen.p99))
        for name, pairs in rounds.items():
            self.figures[name] |= {
                "p50_us": median(p for p, _ in pairs),
                "p99_us": median(p for _, p in pairs),
                "added_p50_us": median(p - d for (p, _), (d, _) in zip(pairs, rounds["direct"], strict=True)),
                "added_p99_us": median(p - d for (_, p), (_, d) in zip(pairs, rounds["direct"], strict=True)),
            }
            self.details[name]["latency_rounds"] = pairs

    def _processor(self, one: Running, upstream: Upstream) -> None:
        plan = self.plan
        kinds: tuple[tuple[str, bool, int, dict[str, Any]], ...] = (
            ("request", False, plan.connections, {}),
            ("stream", True, plan.streams, {"gap": f"{plan.gap_ms}ms", "events": plan.events}),
            ("burst", True, plan.streams, {"events": plan.events}),
        )
        for kind, stream, connections, behaviour in kinds if one.streams else kinds[:1]:
            upstream.behave(**behaviour)
            rows = []
            # The first round warms pools and caches up and is not counted.
            self.note(f"CPU per {kind}, warming up: {one.name}")
            warm = measure.processor(self.folder, one, stream=stream, connections=connections, seconds=1.0)
            slow = warm["requests"] < _SLOW * connections
            rounds = 1 if slow or one.child is None else plan.rounds
            for n in range(rounds):
                self.note(f"CPU per {kind}, round {n + 1} of {rounds}: {one.name}")
                if slow:
                    row = measure.processor_counted(
                        one, stream=stream, connections=connections, requests=4 * connections
                    )
                else:
                    row = measure.processor(
                        self.folder, one, stream=stream, connections=connections, seconds=plan.seconds
                    )
                rows.append(row)
            figures = {
                f"cpu_{kind}_us": measure.middle(rows, "cpu_us"),
                f"per_second_{kind}": measure.middle(rows, "per_second"),
                f"p99_{kind}_us": measure.middle(rows, "p99_us"),
                f"errors_{kind}": sum(row["errors"] for row in rows),
            }
            if any("housekeeper_us" in row for row in rows):
                figures[f"housekeeper_{kind}_us"] = measure.middle(rows, "housekeeper_us")
            self.figures[one.name] |= figures
            self.details[one.name][f"cpu_{kind}"] = rows
        if not one.streams:
            return
        if one.gateway.translates:
            self._translated(one, upstream)
        self.note(f"first token and gaps: {one.name}")
        upstream.behave(gap=f"{plan.gap_ms}ms", events=plan.events)
        seen = measure.stream_times(one, 2.0, 8)
        upstream.behave()
        self.details[one.name]["stream_times"] = seen
        self.figures[one.name] |= {
            "ttft_p50_ms": seen["ttft_ms"]["p50"],
            "ttft_p99_ms": seen["ttft_ms"]["p99"],
            "gap_p50_ms": seen["gap_ms"]["p50"],
            "gap_p99_ms": seen["gap_ms"]["p99"],
            "stream_errors": seen["errors"],
        }

    def _translated(self, one: Running, upstream: Upstream) -> None:
        """The paced stream once more, for a client that speaks another dialect."""
        plan = self.plan
        upstream.behave(gap=f"{plan.gap_ms}ms", events=plan.events)
        rows = []
        for n in range(plan.rounds):
            self.note(f"CPU per translated stream, round {n + 1} of {plan.rounds}: {one.name}")
            rows.append(measure.translated(self.folder, one, connections=plan.streams, seconds=plan.seconds))
        self.figures[one.name]["cpu_translated_us"] = measure.middle(rows, "cpu_us")
        self.details[one.name]["cpu_translated"] = rows

    def _alone(self, gateway: Gateway, upstream: Upstream) -> None:
        """Cold start and memory: with nothing else running, from a fresh process."""
        plan = self.plan
        self.note(f"cold start: {gateway.name}")
        slow = not gateway.same_bytes
        home = self.folder / f"alone-{''.join(c for c in gateway.name if c.isalnum())}"
        home.mkdir()
        starts = measure.cold_start(
            gateway, home, upstream, times=1 if slow else plan.cold_starts, timeout=60
        )
        self.figures[gateway.name]["cold_start_s"] = round(median(starts), 3)
        self.details[gateway.name]["cold_starts_s"] = [round(s, 3) for s in starts]
        running = gateway.start(home, upstream.ports["instant"])
        try:
            wait_ready(running, 60)
            idle = measure.idle_memory(running)
            self.figures[gateway.name] |= {
                "idle_mb": idle["total_mb"],
                "idle_largest_mb": idle["largest_mb"],
                "processes": idle["processes"],
            }
            self.note(f"memory with {plan.memory_requests} large requests: {gateway.name}")
            loaded = measure.loaded_memory(
                running, upstream, requests=plan.memory_requests, body_bytes=plan.memory_body
            )
            self.details[gateway.name]["loaded"] = loaded
            self.figures[gateway.name] |= {
                "loaded_mb": loaded["total_mb"],
                "loaded_held": loaded["held_at_once"],
                "loaded_errors": loaded["errors"],
            }
        finally:
            running.stop()
