"""`python -m bench.faults.soak [--minutes 5]`: mixed load for as long as asked; does anything grow?

Half streams, half documents at a fixed rate, with upstream faults mixed in and clients that leave.
Promises: goodput of what the upstream answered, memory and descriptors that do not climb after the
first third.
"""

import argparse
import json
import os
import sys
import time
from statistics import median

from bench.faults.harness import Gateway, Promises
from bench.load import LoadResult


def main() -> int:
    """Exit status 1 if a promise was broken."""
    parser = argparse.ArgumentParser(prog="bench.faults.soak")
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--rate", type=float, default=100.0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--write", action="store_true", help="keep the result in bench/results")
    options = parser.parse_args()
    found = Promises()
    seconds = options.minutes * 60
    with Gateway(workers=options.workers, speed=0.05) as gateway:
        third = options.rate / 3
        clients = {
            "streams": gateway.load(
                rate=third, seconds=seconds, arrivals="poisson", timeout=20.0, max_tokens=24
            ),
            "documents": gateway.load(stream=False, rate=third, seconds=seconds, timeout=20.0, max_tokens=8),
            # Their timeout is shorter than their answers: each of them leaves in the middle.
            "leaving": gateway.load(
                rate=third / 4,
                seconds=seconds,
                timeout=0.05,
                extra={"demo_fault": {"gap": "20ms", "events": 50}},
            ),
        }
        samples: list[tuple[float, int, int]] = []
        end = time.monotonic() + seconds
        while time.monotonic() < end and all(c.poll() is None for c in clients.values()):
            time.sleep(min(2.0, seconds / 30))
            samples.append((time.monotonic(), gateway.child.memory(), _descriptors(gateway)))
        results = {}
        for name, client in clients.items():
            output, _ = client.communicate(timeout=60)
            results[name] = LoadResult.load(json.loads(output))
        gateway.wait(lambda: gateway.total("hybridgw_attempts_active") == 0, 20, "the last attempts to end")
        workers = len(gateway.workers())
    size = max(1, len(samples) // 3)
    early, late = samples[size : 2 * size] or samples, samples[-size:]
    memory = [median(m for _, m, _ in part) / 1e6 for part in (early, late)]
    files = [median(f for _, _, f in part) for part in (early, late)]
    for name, result in results.items():
        found.figure(f"{name}: causes", dict(result.causes))
        found.figure(f"{name}: total p99, ms", round(result.total.percentile(99) * 1e3, 1))
    found.figure("memory in the second and last third, MB", [round(m, 1) for m in memory])
    found.figure("descriptors in the second and last third", files)
    asked = sum(sum(results[k].causes.values()) for k in ("streams", "documents"))
    good = results["streams"].ok + results["documents"].ok
    found.promise("goodput at least 99 %", asked > 0 and good >= 0.99 * asked)
    found.promise(
        "memory grows by less than 10 % from the second third to the last", memory[1] < 1.1 * memory[0]
    )
    found.promise("descriptors do not climb", files[1] <= files[0] * 1.2 + 16)
    found.promise("all workers are there", workers == options.workers)
    return found.finish("faults-soak", write=options.write)


def _descriptors(gateway: Gateway) -> int:
    total = 0
    for pid in gateway.child.tree():
        try:
            total += len(os.listdir(f"/proc/{pid}/fd"))
        except OSError:
            continue
    return total


if __name__ == "__main__":
    sys.exit(main())
