"""The generator must report what it exists to report: above all a server that froze."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
import uvloop

from bench.load import Histogram, LoadResult, LoadSpec, run
from bench.load.schedule import constant, poisson

ROOT = Path(__file__).parents[3]


@pytest.fixture
def upstream() -> Iterator[tuple[int, str]]:
    """A demo upstream without latency in a process of its own: its pid and its base URL."""
    env = os.environ | {"PYTHONPATH": str(ROOT / "python")}
    with subprocess.Popen(
        [sys.executable, "-m", "hybridgw.demo", "--local-port", "0", "--speed", "0"],
        stdout=subprocess.PIPE,
        env=env,
    ) as child:
        assert child.stdout is not None
        announced = json.loads(child.stdout.readline())
        yield child.pid, announced["urls"]["local"] + "/v1"
        child.send_signal(signal.SIGCONT)
        child.terminate()
        child.wait(5)


def test_a_frozen_server_shows_in_the_percentiles(upstream: tuple[int, str]) -> None:
    """Frozen for 1 s of 2: half of all scheduled requests waited, and p99 says how long."""
    pid, url = upstream

    async def measure() -> LoadResult:
        loop = asyncio.get_running_loop()
        loop.call_later(0.3, os.kill, pid, signal.SIGSTOP)
        loop.call_later(1.3, os.kill, pid, signal.SIGCONT)
        return await run(LoadSpec(url=url, stream=False, rate=50, seconds=1.8, timeout=10))

    result = uvloop.run(measure())
    assert result.causes == {"ok": 90}
    assert result.total.percentile(99) > 0.9
    assert result.ttft.percentile(99) > 0.9
    assert result.total.percentile(50) > 0.1, "about half of the arrivals fell into the freeze"


def test_a_closed_loop_hides_the_same_freeze(upstream: tuple[int, str]) -> None:
    """Why the open loop exists: asked one after the other, a single request saw the freeze."""
    pid, url = upstream

    async def measure() -> LoadResult:
        loop = asyncio.get_running_loop()
        loop.call_later(0.2, os.kill, pid, signal.SIGSTOP)
        loop.call_later(0.8, os.kill, pid, signal.SIGCONT)
        return await run(LoadSpec(url=url, stream=False, concurrency=1, seconds=1.5, timeout=10))

    result = uvloop.run(measure())
    assert result.ok > 100
    assert result.total.percentile(99) < 0.3
    assert result.total.highest > 500_000


def test_streams_are_timed_by_event_and_checked(upstream: tuple[int, str]) -> None:
    """Time to the first token, gaps and the terminal are those that the server was told to make."""
    _, url = upstream
    fault = {"demo_fault": "first-token=50ms;gap=20ms;events=5"}

    result = uvloop.run(
        run(LoadSpec(url=url, concurrency=2, requests=4, seconds=5, extra=fault)),
    )
    assert result.causes == {"ok": 4}
    assert 0.045 < result.ttft.lowest / 1e6 < 1.0
    assert result.gap.percentile(50) > 0.015
    assert result.events == 4 * 8, "role, five of content, finish, terminal"


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        ("status=503", "status_503"),
        ("status=500", "status_500"),
        ("reset-before-head", "reset"),
        ("truncate-after=1", "truncated"),
        ("close-after=1", "truncated"),
        ("no-done", "truncated"),
        ("error-event-after=2", "error_event"),
        ("stall-after=1", "timeout"),
        ("not-http", "malformed"),
    ],
)
def test_each_failure_has_its_name(upstream: tuple[int, str], fault: str, cause: str) -> None:
    """A failed request is never counted as an answer, whatever it looked like until then."""
    _, url = upstream
    spec = LoadSpec(url=url, concurrency=1, requests=2, seconds=3, timeout=0.4, extra={"demo_fault": fault})
    result = uvloop.run(run(spec))
    assert result.causes == {cause: 2}
    assert result.total.count == 0
    assert result.shed.count == (2 if cause == "status_503" else 0)


def test_nobody_listens() -> None:
    """Refused connections are counted, bounded in number, and end with the run."""
    result = uvloop.run(run(LoadSpec(url="http://127.0.0.1:9/v1", concurrency=2, seconds=0.3)))
    assert set(result.causes) == {"connect"}
    assert result.causes["connect"] < 40


def test_results_of_processes_add_up(upstream: tuple[int, str]) -> None:
    """What one process dumps another loads: counts, not percentiles."""
    _, url = upstream
    one = uvloop.run(run(LoadSpec(url=url, stream=False, concurrency=1, requests=5, seconds=5)))
    both = LoadResult()
    for _ in range(2):
        both.merge(LoadResult.load(json.loads(json.dumps(one.dump()))))
    assert both.ok == 10
    assert both.total.count == 10
    assert both.total.percentile(50) == one.total.percentile(50)


def test_histogram_knows_a_value_to_one_percent() -> None:
    """From a microsecond to an hour, compared with the sorted values themselves."""
    random = Random(3)
    values = sorted(10 ** random.uniform(-6, 3.5) for _ in range(5000))
    histogram = Histogram()
    for value in values:
        histogram.record(value)
    for percent in (1, 10, 50, 90, 99, 99.9, 100):
        exact = values[max(0, -(-int(len(values) * percent) // 100) - 1)]
        assert histogram.percentile(percent) == pytest.approx(exact, rel=0.01, abs=2e-6)
    assert Histogram().percentile(99) == 0


def test_schedules_keep_their_rate() -> None:
    """Constant arrivals do not drift; Poisson arrivals have the mean rate and repeat for a seed."""
    offsets = constant(3)
    assert [next(offsets) for _ in range(4)] == [0, 1 / 3, 2 / 3, 1]
    first, second = poisson(100, 7), poisson(100, 7)
    drawn = [next(first) for _ in range(2000)]
    assert drawn == [next(second) for _ in range(2000)]
    assert drawn[-1] == pytest.approx(20, rel=0.1)
