"""`decide` by size and content, and the whole life of a permit with its journal records."""

import json
import time
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.micro.setup import MODEL, chat, decide, router, timed
from hybridgw.core import Outcome

_SIZES = (
    (1_000, "prose", 10.0),
    (10_000, "prose", None),
    (100_000, "prose", 150.0),
    (1_000_000, "prose", 1500.0),
    (100_000, "cjk", 450.0),
    (100_000, "escapes", 1500.0),
)


@pytest.mark.parametrize(("size", "kind", "target"), _SIZES, ids=[f"{s}-{k}" for s, k, _ in _SIZES])
def test_decide(
    benchmark: BenchmarkFixture, tmp_path: Path, size: int, kind: str, target: float | None
) -> None:
    """Parse, order the candidates, take the first permit, release it."""
    native = router(tmp_path, journal=False)
    body = chat(size, kind)
    json.loads(body)
    decision = timed(
        benchmark,
        decide,
        native,
        body,
        rounds=200,
        iterations=max(1, 100_000 // size),
        name=f"decide and release, {size // 1000} KB {kind}",
        target_us=target,
    )
    assert decision.model == MODEL
    assert decision.permit.deployment in (0, 1)
    assert not decision.stream


def test_permit_life(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    """Decide, splice, settle: with two records in a journal on disk, as for each request served."""
    native = router(tmp_path, journal=True)
    body = chat(1_000)

    def life() -> bytes:
        decision = decide(native, body)
        permit = decision.permit
        sent = permit.body()
        permit.finish(int(Outcome.SUCCESS), 200, None, 425, True, time.monotonic_ns(), time.time_ns())
        return sent

    name = "decide, splice, finish, two journal records, 1 KB"
    sent = timed(benchmark, life, rounds=200, iterations=50, name=name)
    assert json.loads(sent)["model"] in ("engine-0", "engine-1")
    assert sum(path.stat().st_size for path in tmp_path.glob("*.journal")) > 0


@pytest.mark.parametrize("size", [1_000, 100_000])
def test_splice(benchmark: BenchmarkFixture, tmp_path: Path, size: int) -> None:
    """The body for the upstream: other model name, usage asked for, nothing else changed."""
    native = router(tmp_path, journal=False)
    body = chat(size, stream=True)
    permit = decide(native, body).permit
    iterations = max(1, 1_000_000 // size)
    sent = timed(benchmark, permit.body, rounds=200, iterations=iterations, name=f"splice, {size // 1000} KB")
    before, after = json.loads(body), json.loads(sent)
    assert after.pop("stream_options") == {"include_usage": True}
    assert after.pop("model") != before.pop("model")
    assert after == before
