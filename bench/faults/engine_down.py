"""`python -m bench.faults.engine_down`: one of two upstreams dies under load and comes back.

Promises: every client gets an answer or a proper error, never silence; the breaker of the dead
deployment opens for all workers at once; it closes for all after the upstream is back, and traffic
returns. What workers say is not believed alone: the journal shows, worker by worker, that while the
breaker was open nothing but a probe now and then was sent there.
"""

import argparse
import json
import os
import signal
import sys
import time
from collections import Counter
from typing import Any

from bench.faults.harness import Gateway, Promises, worker_of
from bench.load import LoadResult

_BREAKER = {"open": "1s", "open_max": "2s", "ramp": "1s"}
_BACK = {"closed", "ramp"}
_SHORTEST_OPEN = 0.8
"""Seconds: an opening of one second, shortened by its jitter; a probe follows each."""
_PROPER = {"ok", "status_502", "status_503", "status_504", "error_event"}


def main() -> int:
    """Exit status 1 if a promise was broken."""
    parser = argparse.ArgumentParser(prog="bench.faults.engine_down")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rate", type=float, default=100.0)
    parser.add_argument("--down", type=float, default=4.0, help="seconds that the upstream is away")
    parser.add_argument("--write", action="store_true", help="keep the result in bench/results")
    options = parser.parse_args()
    found = Promises()
    with Gateway(workers=options.workers, speed=0.2, settings={"breaker": _BREAKER}) as gateway:
        seconds = options.down + 14.0
        extra = {"max_tokens": 12}
        clients = {
            kind: gateway.load(
                stream=kind == "stream", rate=options.rate / 2, seconds=seconds, timeout=20.0, **extra
            )
            for kind in ("stream", "document")
        }
        time.sleep(2.0)
        victim = gateway.upstreams["a"]
        os.kill(victim.pid, signal.SIGKILL)
        victim.process.wait()
        opened = gateway.wait(
            lambda: gateway.breaker("local/a") in ("open", "half_open"), 10, "an open breaker"
        )
        away = time.time()
        down = gateway.breakers("local/a", options.workers)
        time.sleep(options.down)
        until = time.time()
        gateway.restart("a")
        back = gateway.wait(lambda: _closed(gateway), 20, "a closed breaker")
        up = gateway.breakers("local/a", options.workers)
        before = gateway.total("hybridgw_attempts_total", 'deployment="local/a"', 'outcome="success"')
        time.sleep(1.5)
        after = gateway.total("hybridgw_attempts_total", 'deployment="local/a"', 'outcome="success"')
        results = {}
        for kind, client in clients.items():
            output, _ = client.communicate(timeout=90)
            results[kind] = LoadResult.load(json.loads(output))
        tried, asked = _by_worker([row for row in gateway.journal() if away <= row["time"] < until])
    everything = LoadResult()
    for kind, result in results.items():
        everything.merge(result)
        found.figure(f"{kind}: causes", dict(result.causes))
        found.figure(f"{kind}: total p50 / p99, ms", _pair(result))
    found.figure("breaker open after, s", round(opened, 3))
    found.figure("breaker closed after the return, s", round(back, 3))
    found.figure("state by worker while down", down)
    found.figure("state by worker after the return", up)
    found.figure("requests by worker while down", asked)
    found.figure("of them tried at the dead upstream", tried)
    found.figure("answers from the returned upstream in 1.5 s", after - before)
    found.promise("every client got an answer or a proper error", not set(everything.causes) - _PROPER)
    # Streams that had begun on the dead upstream cannot be moved; everything else can.
    found.promise("documents all succeeded on the other upstream", set(results["document"].causes) == {"ok"})
    every = len(down) == len(up) == len(asked) == options.workers
    found.promise("every worker was asked, and answered requests meanwhile", every)
    found.promise("the breaker is open on every worker", set(down.values()) <= {"open", "half_open"})
    probes = 1 + (until - away) / _SHORTEST_OPEN
    found.promise("while it was open only probes went there", sum(tried.values()) <= probes)
    found.promise("the breaker closes on every worker", set(up.values()) <= _BACK)
    found.promise("traffic returned", after > before)
    return found.finish("faults-engine-down", write=options.write)


def _by_worker(rows: list[dict[str, Any]]) -> tuple[dict[str, int], dict[str, int]]:
    """Attempts at the dead upstream, and requests, of each worker."""
    tried = Counter(worker_of(row["id"]) for row in rows if row["deployment"] == "local/a")
    asked = Counter(worker_of(request) for request in {row["id"] for row in rows})
    return dict(tried), dict(asked)


def _closed(gateway: Gateway) -> bool:
    return gateway.breaker("local/a") in _BACK


def _pair(result: LoadResult) -> str:
    return f"{result.total.percentile(50) * 1e3:.1f} / {result.total.percentile(99) * 1e3:.1f}"


if __name__ == "__main__":
    sys.exit(main())
