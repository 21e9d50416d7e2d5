"""A run: arrivals or a closed loop, a pool of connections, a time limit, and the result.

Bounded in every direction: seconds, connections, requests under way. When a request is due and no
connection may be opened, it waits, and the wait is part of its latency, as it would be for a user.
"""

import asyncio
import sys
from collections import Counter, deque
from collections.abc import Iterator
from time import perf_counter
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

from bench.load import schedule
from bench.load.client import Connection, Outcome, connection_class
from bench.load.histogram import Histogram

SHED = ("status_429", "status_503")
"""Refusals on purpose: counted and timed apart from answers and from errors."""


class LoadSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What to send, where, how fast, for how long."""

    url: str
    """Base URL such as http://127.0.0.1:4000/v1; plain HTTP only."""
    model: str = "demo-local"
    key: str | None = None
    stream: bool = True
    rate: float = 0.0
    """Requests per second, scheduled; 0 means a closed loop."""
    arrivals: Literal["constant", "poisson"] = "constant"
    concurrency: int = 1
    """Closed loop: connections, each with one request at a time."""
    seconds: float = 10.0
    """How long requests are due; answers may take `timeout` longer."""
    requests: int = 0
    """Stop after so many; 0 for no limit but time."""
    connections: int = 2048
    """Open loop: most connections at a time."""
    timeout: float = 60.0
    prompt_bytes: int = 1000
    """About the size of the user's message."""
    max_tokens: int = 64
    extra: dict[str, Any] = {}
    """More members of the request body."""
    headers: dict[str, str] = {}
    """More request headers."""
    seed: int = 1
    keep: str = ""
    """A response header whose values are kept for answered requests, such as x-request-id."""
    path: str = "/chat/completions"

    def request(self) -> bytes:
        """The bytes of one request."""
        text = ("The quick brown fox jumps over the lazy dog. " * (self.prompt_bytes // 45 + 1))[
            : self.prompt_bytes
        ]
        body: dict[str, Any] = {"model": self.model, "messages": [{"role": "user", "content": text}]}
        body |= {"max_tokens": self.max_tokens, "stream": self.stream} | self.extra
        parts = urlsplit(self.url)
        if parts.scheme != "http" or not parts.hostname:
            raise ValueError(f"the generator speaks plain HTTP, not {self.url}")
        raw = msgspec.json.encode(body)
        lines = [
            f"POST {parts.path.rstrip('/')}{self.path} HTTP/1.1",
            f"host: {parts.netloc}",
            "content-type: application/json",
            "accept: application/json",
            f"content-length: {len(raw)}",
            *(f"{name}: {value}" for name, value in self.headers.items()),
        ]
        if self.key:
            lines.append(f"authorization: Bearer {self.key}")
        return "\r\n".join((*lines, "", "")).encode() + raw


class LoadResult:
    """Counts and histograms of a run, of one process or of several added up."""

    def __init__(self) -> None:
        self.causes: Counter[str] = Counter()
        self.total = Histogram()
        self.ttft = Histogram()
        self.gap = Histogram()
        self.shed = Histogram()
        self.failed = Histogram()
        self.late = Histogram()
        """How long after its scheduled time a request was sent: the generator's own lateness."""
        self.events = 0
        self.seconds = 0.0
        self.kept: list[str] = []

    @property
    def ok(self) -> int:
        """Requests that were answered well."""
        return self.causes["ok"]

    @property
    def errors(self) -> int:
        """Requests that were neither answered nor refused on purpose."""
        return sum(n for cause, n in self.causes.items() if cause != "ok" and cause not in SHED)

    def merge(self, other: "LoadResult") -> None:
        """Add another process's result."""
        self.causes.update(other.causes)
        for name in _HISTOGRAMS:
            getattr(self, name).merge(getattr(other, name))
        self.events += other.events
        self.kept += other.kept
        self.seconds = max(self.seconds, other.seconds)

    def summary(self) -> dict[str, Any]:
        """For people and reports: milliseconds and rates."""
        return {
            "seconds": round(self.seconds, 3),
            "ok": self.ok,
            "shed": sum(self.causes[c] for c in SHED),
            "errors": self.errors,
            "causes": dict(self.causes),
            "per_second": round(self.ok / self.seconds, 1) if self.seconds else 0.0,
            "events": self.events,
            **{f"{name}_ms": getattr(self, name).summary() for name in _HISTOGRAMS},
        }

    def dump(self) -> dict[str, Any]:
        """For another process: counts, not percentiles."""
        return {
            "causes": dict(self.causes),
            "events": self.events,
            "seconds": self.seconds,
            "kept": self.kept,
            "histograms": {name: getattr(self, name).dump() for name in _HISTOGRAMS},
        }

    @classmethod
    def load(cls, dumped: dict[str, Any]) -> "LoadResult":
        """The result that `dump` described."""
        new = cls()
        new.causes.update(dumped["causes"])
        new.events, new.seconds, new.kept = dumped["events"], dumped["seconds"], dumped["kept"]
        for name in _HISTOGRAMS:
            setattr(new, name, Histogram.load(dumped["histograms"][name]))
        return new


_HISTOGRAMS = ("total", "ttft", "gap", "shed", "failed", "late")


class _Run:
    """State of a run in one process."""

    def __init__(self, spec: LoadSpec) -> None:
        self.spec = spec
        self.loop = asyncio.get_running_loop()
        self.result = LoadResult()
        self.request = spec.request()
        self.connect = connection_class(spec.keep)
        parts = urlsplit(spec.url)
        self.host, self.port = parts.hostname or "127.0.0.1", parts.port or 80
        self.idle: list[Connection] = []
        self.all: set[Connection] = set()
        self.opening: set[asyncio.Task[None]] = set()
        self.waiting: deque[float] = deque()
        self.active = 0
        self.sent = 0
        self.stopped = False
        self.drained = asyncio.Event()
        self.end = 0.0

    async def play(self) -> LoadResult:
        spec = self.spec
        start = perf_counter()
        self.end = start + spec.seconds
        if spec.rate > 0:
            offsets = (
                schedule.constant(spec.rate)
                if spec.arrivals == "constant"
                else schedule.poisson(spec.rate, spec.seed)
            )
            self._tick(start, offsets, next(offsets))
        else:
            for _ in range(spec.concurrency):
                self._due(perf_counter())
            self.loop.call_later(spec.seconds, self._stop)
        try:
            await asyncio.wait_for(self.drained.wait(), spec.seconds + spec.timeout + 5)
        except TimeoutError:
            self.result.causes["unfinished"] += self.active + len(self.waiting)
        self.result.seconds = perf_counter() - start
        self.stopped = True
        for task in self.opening:
            task.cancel()
        for connection in list(self.all):
            connection.abort()
        await asyncio.sleep(0)
        return self.result

    async def stop_on(self, stop: asyncio.Event) -> None:
        """End when told to."""
        await stop.wait()
        self.end = 0.0
        self.waiting.clear()
        self._stop()

    def _tick(self, start: float, offsets: Iterator[float], offset: float) -> None:
        """Send everything that is due, each counted from its own scheduled time; come back for the next."""
        now = perf_counter()
        while start + offset <= now:
            if start + offset >= self.end or self._exhausted():
                self._stop()
                return
            self._due(start + offset)
            offset = next(offsets)
        if start + offset >= self.end or self._exhausted():
            self._stop()
            return
        # The loop's timers count whole milliseconds; what that adds is in the histogram `late`.
        self.loop.call_later(start + offset - now, self._tick, start, offsets, offset)

    def _exhausted(self) -> bool:
        return bool(self.spec.requests) and self.sent >= self.spec.requests

    def _stop(self) -> None:
        self.stopped = True
        self._check_drained()

    def _check_drained(self) -> None:
        if self.stopped and self.active == 0 and not self.waiting:
            self.drained.set()

    def _due(self, scheduled: float) -> None:
        self.sent += 1
        while self.idle:
            connection = self.idle.pop()
            if connection.usable:
                self._send(connection, scheduled)
                return
        if len(self.all) + len(self.opening) < self.spec.connections:
            self.active += 1
            task = self.loop.create_task(self._open(scheduled))
            self.opening.add(task)
            task.add_done_callback(self.opening.discard)
        else:
            self.waiting.append(scheduled)

    async def _open(self, scheduled: float) -> None:
        try:
            async with asyncio.timeout(self.spec.timeout):
                _, connection = await self.loop.create_connection(
                    lambda: self.connect(self.loop, self.result.gap.record, self._lost), self.host, self.port
                )
        except (OSError, TimeoutError):
            self.active -= 1
            self.result.causes["connect"] += 1
            self.result.failed.record(perf_counter() - scheduled)
            # A closed loop that cannot connect must not spin.
            self.loop.call_later(0.05, self._after)
            return
        self.active -= 1
        self.all.add(connection)
        self._send(connection, scheduled)

    def _send(self, connection: Connection, scheduled: float) -> None:
        self.active += 1
        self.result.late.record(perf_counter() - scheduled)

        def done(connection: Connection, outcome: Outcome) -> None:
            self._done(connection, outcome, scheduled)

        connection.send(self.request, stream=self.spec.stream, timeout=self.spec.timeout, done=done)

    def _done(self, connection: Connection, outcome: Outcome, scheduled: float) -> None:
        self.active -= 1
        result = self.result
        result.causes[outcome.cause] += 1
        result.events += outcome.events
        took = outcome.end - scheduled
        if outcome.cause == "ok":
            result.total.record(took)
            if connection.kept:
                result.kept.append(connection.kept)
            if outcome.first:
                result.ttft.record(outcome.first - scheduled)
        elif outcome.cause in SHED:
            result.shed.record(took)
        else:
            result.failed.record(took)
        if connection.usable:
            self.idle.append(connection)
        # From the loop: an answer that is already buffered must not deepen the stack.
        self.loop.call_soon(self._after)

    def _after(self) -> None:
        if self.waiting:
            scheduled = self.waiting.popleft()
            self.sent -= 1
            self._due(scheduled)
        elif self.spec.rate == 0 and not self.stopped:
            if self._exhausted() or perf_counter() >= self.end:
                self._stop()
            else:
                self._due(perf_counter())
        self._check_drained()

    def _lost(self, connection: Connection) -> None:
        self.all.discard(connection)
        if connection in self.idle:
            self.idle.remove(connection)


async def run(spec: LoadSpec, stop: asyncio.Event | None = None) -> LoadResult:
    """One run in this process and loop. Setting `stop` ends it early: nothing more is sent, what is
    under way is awaited."""
    one = _Run(spec)
    watcher = asyncio.ensure_future(one.stop_on(stop)) if stop is not None else None
    try:
        return await one.play()
    finally:
        if watcher is not None:
            watcher.cancel()


async def run_processes(spec: LoadSpec, processes: int, stop: asyncio.Event | None = None) -> LoadResult:
    """The same load from several processes, results added. Rate and concurrency are divided among them;
    `stop` works for a single process only."""
    if processes <= 1:
        return await run(spec, stop)
    children = []
    for n in range(processes):
        share = msgspec.structs.replace(
            spec,
            rate=spec.rate / processes,
            concurrency=max(1, spec.concurrency // processes),
            requests=spec.requests // processes,
            seed=spec.seed + n,
        )
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bench.load", "--spec", "-", "--dump",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        children.append((child, msgspec.json.encode(share)))
    total = LoadResult()
    for output, _ in await asyncio.gather(*(child.communicate(given) for child, given in children)):
        total.merge(LoadResult.load(msgspec.json.decode(output)))
    return total
