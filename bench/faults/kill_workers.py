"""`python -m bench.faults.kill_workers [--times 100]`: kill -9 of a worker, again and again under load.

Promises: only requests that were in flight on the killed worker fail; the gateway itself never goes
away; no request that a client saw finished is missing from the journal; counters never go back.
"""

import argparse
import json
import os
import signal
import sys
import time
from functools import partial

from bench.faults.harness import Gateway, Promises
from bench.load import LoadResult


def main() -> int:
    """Exit status 1 if a promise was broken."""
    parser = argparse.ArgumentParser(prog="bench.faults.kill_workers")
    parser.add_argument("--times", type=int, default=100)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--pause", type=float, default=0.4, help="seconds between kills")
    parser.add_argument("--concurrency", type=int, default=16)
    parser.add_argument("--write", action="store_true", help="keep the result in bench/results")
    options = parser.parse_args()
    found = Promises()
    with Gateway(workers=options.workers) as gateway:
        kills, back, drops = _run(gateway, options)
        result, counters, seen = kills
        journal = gateway.journal()
        supervisor = gateway.child.alive()
    settled = {row["id"] for row in journal if row.get("outcome") is not None}
    missing = [name for name in result.kept if name not in settled]
    limit = seen * options.concurrency
    failed = result.errors
    for name, value in (
        ("kills", seen),
        ("answered", result.ok),
        ("failed", failed),
        ("causes", dict(result.causes)),
        ("most that could be in flight at the kills", limit),
        ("slowest return to full strength, s", round(max(back, default=0.0), 3)),
        ("answered p50, ms", round(result.total.percentile(50) * 1e3, 2)),
        ("answered p99, ms", round(result.total.percentile(99) * 1e3, 2)),
        ("attempts in the journal", len(journal)),
        ("finished for the client, missing from the journal", len(missing)),
        ("successful attempts counted in metrics", int(counters)),
    ):
        found.figure(name, value)
    found.promise("the gateway stays up", supervisor)
    found.promise("every kill was followed by a new worker", seen == options.times)
    found.promise("failures are at most what was in flight", failed <= limit and result.ok > 0)
    found.promise("only connections break, no wrong answers", not set(result.causes) - _BROKEN)
    found.promise("nothing finished is missing from the journal", not missing and bool(result.kept))
    found.promise("counters never go back", not drops)
    found.promise("every answer is counted", counters >= result.ok)
    return found.finish("faults-kill-workers", write=options.write)


_BROKEN = {"ok", "reset", "truncated", "connect", "status_502", "status_503"}


def _run(
    gateway: Gateway, options: argparse.Namespace
) -> tuple[tuple[LoadResult, float, int], list[float], list[str]]:
    """Kill and wait, `--times` times, under a closed loop; then stop the loop."""
    seconds = options.times * (options.pause + 4.0)
    client = gateway.load(
        stream=False, concurrency=options.concurrency, seconds=seconds, timeout=10.0, keep="x-request-id"
    )
    back: list[float] = []
    drops: list[str] = []
    seen = 0
    before = 0.0
    try:
        for n in range(options.times):
            time.sleep(options.pause)
            workers = gateway.workers()
            if len(workers) < options.workers:
                gateway.wait(lambda: len(gateway.workers()) >= options.workers, 20, "all workers")
                workers = gateway.workers()
            victim = workers[n % len(workers)]
            os.kill(victim, signal.SIGKILL)
            seen += 1
            back.append(
                gateway.wait(partial(_replaced, gateway, victim, options.workers), 20, "a new worker")
            )
            now = gateway.total("hybridgw_attempts_total")
            if now and now < before:
                drops.append(f"kill {n}: {before} -> {now}")
            before = now or before
    finally:
        client.send_signal(signal.SIGINT)
        output, _ = client.communicate(timeout=30)
    counted = gateway.total("hybridgw_attempts_total", 'outcome="success"')
    return (LoadResult.load(json.loads(output)), counted, seen), back, drops


def _replaced(gateway: Gateway, victim: int, workers: int) -> bool:
    now = gateway.workers()
    return victim not in now and len(now) >= workers


if __name__ == "__main__":
    sys.exit(main())
