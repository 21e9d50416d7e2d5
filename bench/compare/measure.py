"""One figure each: processor time per request, latency, memory, cold start. Every answer is checked."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from bench.compare.gateways import KEY, MODEL, Gateway, Running, chat_body, messages_body, wait_ready
from bench.compare.wrk import Hammered, hammer
from bench.load import LoadResult
from bench.machine import ROOT
from bench.processes import command_line, cpu_seconds, pss
from bench.upstream import Upstream, request


class WrongAnswer(RuntimeError):
    """A gateway answered something else than the upstream: its figures would be worth nothing."""


def check(running: Running, upstream: Upstream, *, stream: bool) -> None:
    """One answer must be what the upstream sent. Raises WrongAnswer."""
    body = chat_body(stream=stream)
    path = "/v1/chat/completions"
    port = running.stream_port if stream else running.port
    what = "stream" if stream else "answer"
    status, raw = request(port, "POST", path, body, running.headers)
    if status != 200:
        raise WrongAnswer(f"{what}: status {status}: {raw[:300].decode(errors='replace')}")
    _, expected = request(upstream.ports["instant"], "POST", path, body)
    same = raw == expected if running.gateway.same_bytes else b"demo " in raw
    complete = b"data: [DONE]" in raw if stream else b'"choices"' in raw
    if not same or not complete:
        raise WrongAnswer(f"{what} differs from the upstream's: {raw[:300].decode(errors='replace')}")


def processor(
    folder: Path, running: Running, *, stream: bool, connections: int, seconds: float
) -> dict[str, Any]:
    """Processor time of the gateway per request under a closed loop."""
    port = running.stream_port if stream else running.port
    body = chat_body(stream=stream)

    def run() -> Hammered:
        return hammer(folder, port, body, running.headers, connections=connections, seconds=seconds)

    return _per_request(running, run)


def translated(folder: Path, running: Running, *, connections: int, seconds: float) -> dict[str, Any]:
    """Processor time per stream of a Messages client in front of the same upstream. One is checked first."""
    path, body = "/v1/messages", messages_body()
    status, raw = request(running.port, "POST", path, body, running.headers)
    if status != 200 or b"event: message_stop" not in raw or b"demo " not in raw:
        raise RuntimeError(f"the translated stream is wrong: {status} {raw[:300]!r}")

    def run() -> Hammered:
        return hammer(
            folder, running.port, body, running.headers, connections=connections, seconds=seconds, path=path
        )

    return _per_request(running, run)


def processor_counted(running: Running, *, stream: bool, connections: int, requests: int) -> dict[str, Any]:
    """The same with a number of requests instead of a time, each awaited to its end.

    For gateways so slow that a few seconds hold only a few rounds of the loop: what was begun and not
    finished when the time is up would weigh too much.
    """

    def run() -> Hammered:
        result = load(running, stream=stream, concurrency=connections, requests=requests, seconds=20.0)
        p50, p90, p99 = (result.total.percentile(p) * 1e6 for p in (50, 90, 99))
        return Hammered(result.ok, result.seconds, p50, p90, p99, result.errors)

    return _per_request(running, run)


def _per_request(running: Running, run: Callable[[], Hammered]) -> dict[str, Any]:
    before = _cpu_by_process(running)
    seen = run()
    after = _cpu_by_process(running)
    used = {pid: after[pid][1] - before.get(pid, ("", 0.0))[1] for pid in after}
    total = sum(used.values())
    per = total / seen.requests * 1e6 if seen.requests else None
    row: dict[str, Any] = {
        "requests": seen.requests,
        "per_second": round(seen.requests / seen.seconds, 1),
        "cpu_us": None if running.child is None or per is None else round(per, 2),
        "cores_used": round(total / seen.seconds, 3),
        "p50_us": seen.p50,
        "p99_us": seen.p99,
        "errors": seen.errors,
    }
    housekeeping = sum(v for pid, v in used.items() if "housekeeper" in after[pid][0])
    if housekeeping and seen.requests:
        row["housekeeper_us"] = round(housekeeping / seen.requests * 1e6, 2)
    return row


def _cpu_by_process(running: Running) -> dict[int, tuple[str, float]]:
    if running.child is None:
        return {}
    return {pid: (command_line(pid), cpu_seconds(pid)) for pid in running.child.tree()}


def latency(folder: Path, running: Running, seconds: float) -> Hammered:
    """One connection, one request at a time."""
    return hammer(folder, running.port, chat_body(), running.headers, connections=1, seconds=seconds)


def stream_times(running: Running, seconds: float, concurrency: int) -> dict[str, Any]:
    """First token and gaps as a client sees them, every stream checked to its terminal."""
    result = load(running, stream=True, seconds=seconds, concurrency=concurrency)
    return result.summary()


def load(running: Running, **spec: Any) -> LoadResult:
    """Our generator in a process of its own. Raises RuntimeError when it fails."""
    full: dict[str, Any] = {
        "url": f"http://127.0.0.1:{running.stream_port if spec.get('stream') else running.port}/v1",
        "model": MODEL,
        "key": KEY,
        "timeout": 30.0,
        "headers": {k: v for k, v in running.headers.items() if k != "authorization"},
    } | spec
    done = subprocess.run(
        [sys.executable, "-m", "bench.load", "--spec", "-", "--dump"],
        input=json.dumps(full).encode(),
        capture_output=True,
        timeout=full["seconds"] + 60,
        check=False,
        cwd=ROOT,
    )
    if done.returncode:
        raise RuntimeError(f"bench.load: {done.stderr.decode()[-300:]}")
    return LoadResult.load(json.loads(done.stdout))


def idle_memory(running: Running) -> dict[str, Any]:
    """PSS of all processes and of the largest one (the worker, where there is one)."""
    if running.child is None:
        return {}
    each = [pss(pid) for pid in running.child.tree()]
    return {"total_mb": _mb(sum(each)), "largest_mb": _mb(max(each, default=0)), "processes": len(each)}


def loaded_memory(running: Running, upstream: Upstream, *, requests: int, body_bytes: int) -> dict[str, Any]:
    """Highest PSS while so many large requests wait for the upstream at the same time."""
    if running.child is None:
        return {}
    hold = 6.0
    upstream.behave(latency=f"{hold}s")
    spec = {
        "url": f"http://127.0.0.1:{running.port}/v1", "model": MODEL, "key": KEY, "stream": False,
        "rate": requests / 2.0, "seconds": 60.0, "requests": requests, "prompt_bytes": body_bytes,
        "timeout": 30.0, "connections": requests,
        "headers": {k: v for k, v in running.headers.items() if k != "authorization"},
    }  # fmt: skip
    most = held = 0
    try:
        with subprocess.Popen(
            [sys.executable, "-m", "bench.load", "--spec", "-", "--dump"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=ROOT,
        ) as client:  # fmt: skip
            assert client.stdin is not None and client.stdout is not None
            client.stdin.write(json.dumps(spec).encode())
            client.stdin.close()
            end = time.monotonic() + 45
            while client.poll() is None and time.monotonic() < end:
                held = max(held, upstream.control("instant", "GET", "/demo/status")["answering"])
                most = max(most, running.child.memory())
                time.sleep(0.2)
            if client.poll() is None:
                client.kill()
            result = LoadResult.load(json.loads(client.stdout.read() or b"null") or LoadResult().dump())
    finally:
        upstream.behave()
    return {
        "total_mb": _mb(most),
        "held_at_once": held,
        "requests": requests,
        "answered": result.ok,
        "errors": result.errors,
        "causes": dict(result.causes),
    }


def cold_start(
    gateway: Gateway, folder: Path, upstream: Upstream, *, times: int, timeout: float
) -> list[float]:
    """Seconds from exec to the first 200, several times."""
    seen = []
    for n in range(times):
        home = folder / f"cold-{n}"
        home.mkdir(exist_ok=True)
        running = gateway.start(home, upstream.ports["instant"])
        try:
            seen.append(wait_ready(running, timeout))
        finally:
            running.stop()
    return seen


def middle(rows: list[dict[str, Any]], key: str) -> float | None:
    """Median of one key over repetitions."""
    values = [row[key] for row in rows if row.get(key) is not None]
    return float(median(values)) if values else None


def _mb(size: int) -> float:
    return round(size / 1e6, 1)
