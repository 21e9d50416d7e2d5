"""A router as a worker has it: compiled from a configuration by the code that serves."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import msgspec
from pytest_benchmark.fixture import BenchmarkFixture

from bench.tokens import corpus
from hybridgw.config.load import load
from hybridgw.core import Boundary, Route
from hybridgw.native import Decision, Journal, Principal, Router, StateFile
from hybridgw.routing.plan import Plan

Answer = TypeVar("Answer")

MODEL = "assistant"
PRINCIPAL = Principal("bench", 1, int(Boundary.EXTERNAL))
DRAW = 0x9E3779B97F4A7C15

# JSON escapes that a body is made of: each must be undone before it can be looked at.
_ESCAPES = '\\"\\\\\\n\\u00e9'


def timed(
    benchmark: BenchmarkFixture,
    call: Callable[..., Answer],
    *args: object,
    rounds: int,
    iterations: int,
    **extra: object,
) -> Answer:
    """Time `call(*args)`; returns its last answer, to be checked. `extra` goes into the report: `name`,
    `target_us`, and `per`, the number of things that one call does."""
    benchmark.extra_info.update(extra)
    pedantic: Callable[..., Answer] = benchmark.pedantic
    return pedantic(call, args, rounds=rounds, iterations=iterations, warmup_rounds=5)


def router(folder: Path, *, journal: bool) -> Router:
    """Three deployments in two tiers, one model over both; with or without a journal behind it."""
    deployments = [
        {"name": f"{tier}/{n}", "provider": "openai_compatible", "model": f"engine-{n}", "tier": tier,
         "url": f"http://127.0.0.1:{9000 + n}/v1"}
        for n, tier in enumerate(("local", "local", "private"))
    ]  # fmt: skip
    file = folder / "bench.yaml"
    models = [{"name": MODEL, "deployments": ["local", "private"]}]
    file.write_bytes(msgspec.json.encode({"deployments": deployments, "models": models}))
    plan = Plan(load(file, {}), 1)
    state = StateFile.anonymous(4, 16)
    slot = state.claim(1, 1, time.monotonic_ns())
    written = Journal(folder, 1, slot, state.epoch(slot), 64 * 2**20) if journal else None
    return Router(plan.native, state, slot, written)


def chat(size: int, kind: str = "english", *, stream: bool = False) -> bytes:
    """A chat request of about `size` bytes: a text of the corpus, or `escapes`, made of nothing else."""
    streamed = "true" if stream else "false"
    head = f'{{"model":"{MODEL}","stream":{streamed},"messages":[{{"role":"user","content":"'
    tail = '"}],"max_tokens":64}'
    room = max(0, size - len(head) - len(tail))
    if kind == "escapes":
        return (head + _ESCAPES * (room // len(_ESCAPES)) + tail).encode()
    return (head + json.dumps(corpus.text(kind, room), ensure_ascii=False)[1:-1] + tail).encode()


def decide(native: Router, body: bytes) -> Decision:
    """One decision, with the clocks that a worker reads."""
    return native.decide(body, PRINCIPAL, int(Route.CHAT), None, time.monotonic_ns(), time.time_ns(), DRAW)


def bytes_visited(native: Router, body: bytes) -> int:
    """Bytes that scanner and scorer looked at, as `explain` counts them: no clock is involved."""
    explained = native.explain(
        body, PRINCIPAL, int(Route.CHAT), None, time.monotonic_ns(), time.time_ns(), DRAW
    )
    found = json.loads(explained)
    scored = found["complexity"]["bytes_visited"] if found["complexity"] else 0
    return int(found["sensitivity"]["bytes_visited"] + scored)
