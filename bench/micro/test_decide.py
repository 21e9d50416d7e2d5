"""`decide` by size and kind of text, and the whole life of a permit with its journal records."""

import json
import time
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.micro.setup import MODEL, bytes_visited, chat, decide, router, timed
from hybridgw.core import Outcome

# What a text may cost beside English prose: design's allowance for its script, by kind.
_TEXTS = {
    "english": 1, "python": 1, "json": 1, "german": 1,
    "chinese": 3, "japanese": 3, "emoji": 3,
    "digits": 10, "punctuation": 10, "spaces": 10, "random letters": 10, "rare scripts": 10, "escapes": 10,
}  # fmt: skip
# Bytes of the body: microseconds allowed for prose, rounds.
_SIZES = {
    100: (None, 2000),
    1_000: (10.0, 2000),
    10_000: (None, 500),
    100_000: (150.0, 100),
    1_000_000: (1500.0, 20),
}
# Bytes that scanner and scorer may look at for each byte of a body, whatever its size or alphabet.
_VISITS = 24


@pytest.mark.parametrize("kind", _TEXTS)
@pytest.mark.parametrize("size", _SIZES)
def test_decide(benchmark: BenchmarkFixture, tmp_path: Path, size: int, kind: str) -> None:
    """Parse, scan, count, score, order the candidates, take the first permit, release it."""
    native = router(tmp_path, journal=False)
    body = chat(size, kind)
    visited = bytes_visited(native, body)
    assert visited <= _VISITS * len(body)
    allowed, rounds = _SIZES[size]
    decision = timed(
        benchmark,
        decide,
        native,
        body,
        rounds=rounds,
        iterations=1,
        name=f"decide and release, {size / 1000:g} KB {kind}",
        target_us=allowed and allowed * _TEXTS[kind],
        visited=round(visited / len(body), 2),
    )
    assert decision.model == MODEL
    # A text of random digits may hold what must not travel; then a deployment of the device has it.
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
        permit.finish(int(Outcome.SUCCESS), 200, 425, True, time.monotonic_ns(), time.time_ns())
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
