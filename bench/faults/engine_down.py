"""`python -m bench.faults.engine_down`: one of two upstreams dies under load and comes back.

Promises: every client gets an answer or a proper error, never silence; the breaker of the dead
deployment opens, whichever worker is asked; it closes after the upstream is back and traffic returns.
"""

import argparse
import json
import os
import signal
import sys
import time

from bench.faults.harness import Gateway, Promises
from bench.load import LoadResult

_BREAKER = {"open": "1s", "open_max": "2s", "ramp": "1s"}
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
        views = {gateway.breaker("local/a") for _ in range(20)}
        time.sleep(options.down)
        gateway.restart("a")
        back = gateway.wait(lambda: _closed(gateway), 20, "a closed breaker")
        before = gateway.total("hybridgw_attempts_total", 'deployment="local/a"', 'outcome="success"')
        time.sleep(1.5)
        after = gateway.total("hybridgw_attempts_total", 'deployment="local/a"', 'outcome="success"')
        results = {}
        for kind, client in clients.items():
            output, _ = client.communicate(timeout=90)
            results[kind] = LoadResult.load(json.loads(output))
    everything = LoadResult()
    for kind, result in results.items():
        everything.merge(result)
        found.figure(f"{kind}: causes", dict(result.causes))
        found.figure(f"{kind}: total p50 / p99, ms", _pair(result))
    found.figure("breaker open after, s", round(opened, 3))
    found.figure("breaker closed after the return, s", round(back, 3))
    found.figure("states seen on 20 reads while down", sorted(views))
    found.figure("answers from the returned upstream in 1.5 s", after - before)
    found.promise("every client got an answer or a proper error", not set(everything.causes) - _PROPER)
    # Streams that had begun on the dead upstream cannot be moved; everything else can.
    found.promise("documents all succeeded on the other upstream", set(results["document"].causes) == {"ok"})
    found.promise("the breaker is not closed on any worker while the upstream is away", "closed" not in views)
    found.promise("traffic returned", after > before)
    return found.finish("faults-engine-down", write=options.write)


def _closed(gateway: Gateway) -> bool:
    return gateway.breaker("local/a") in ("closed", "ramp")


def _pair(result: LoadResult) -> str:
    return f"{result.total.percentile(50) * 1e3:.1f} / {result.total.percentile(99) * 1e3:.1f}"


if __name__ == "__main__":
    sys.exit(main())
