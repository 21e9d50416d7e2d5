"""Large requests whose answers take half a second, as real answers do: is the memory of a worker flat?

    python -m bench.faults.slow_answers [--requests 400] [--size 1000000] [--at-once 4]

A request that lives longer than a tick of the watchdog is handled by more code than a fast one, and
benches with instant upstreams never reach it. Promise: the resident memory of the worker after the last
request is within 20 MB of that after the tenth.
"""

import argparse
import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.compare.gateways import chat_body
from bench.faults.harness import Gateway, Promises
from bench.upstream import request

_FLAT = 20 * 1024 * 1024
_FIRST = 10


def main() -> int:
    """Run it; 0 if the promise was kept."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--requests", type=int, default=400)
    parser.add_argument("--size", type=int, default=1_000_000, help="bytes of each request")
    parser.add_argument("--at-once", type=int, default=4)
    parser.add_argument("--write", action="store_true", help="write the JSON result")
    options = parser.parse_args()
    fields = json.loads(chat_body())
    fields["messages"][0]["content"] = "word " * (options.size // 5)
    body = json.dumps(fields | {"demo_fault": {"latency": 0.5}})
    found = Promises()
    with Gateway(workers=1) as gateway:
        (worker,) = gateway.workers()
        seen = [_resident(worker)]

        def ask(_: int) -> int:
            status = request(gateway.port, "POST", "/v1/chat/completions", body, gateway.headers)[0]
            seen.append(_resident(worker))
            return status

        with ThreadPoolExecutor(options.at_once) as pool:
            statuses = list(pool.map(ask, range(options.requests)))
    found.figure("requests", len(statuses))
    found.figure("RSS at start / after the tenth / at most / at the end, MB", _megabytes(seen))
    found.promise("every request was answered", set(statuses) == {200})
    found.promise("memory after the last is that after the tenth", seen[-1] - seen[_FIRST] < _FLAT)
    return found.finish("faults-slow-answers", write=options.write)


def _megabytes(seen: list[int]) -> str:
    figures = seen[0], seen[min(_FIRST, len(seen) - 1)], max(seen), seen[-1]
    return " / ".join(f"{figure / 1e6:.0f}" for figure in figures)


def _resident(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    sys.exit(main())
