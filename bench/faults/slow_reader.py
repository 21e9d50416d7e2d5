"""`python -m bench.faults.slow_reader`: clients that ask for long streams and do not read them.

Promises: memory stays bounded (what is not read is not collected), other clients are not slowed down,
and a client that takes nothing for the configured time is dropped, its upstream request with it.
"""

import argparse
import asyncio
import contextlib
import json
import socket
import sys
import time

import uvloop

from bench.compare.gateways import chat_body
from bench.faults.harness import Gateway, Promises
from bench.load import LoadResult, run

_STALL = 10.0
_EVENTS = 100_000
"""Of one stream: some 25 MB, far more than every buffer on the way holds."""


def main() -> int:
    """Exit status 1 if a promise was broken."""
    parser = argparse.ArgumentParser(prog="bench.faults.slow_reader")
    parser.add_argument("--readers", type=int, default=40)
    parser.add_argument("--write", action="store_true", help="keep the result in bench/results")
    options = parser.parse_args()
    found = Promises()
    settings = {"server": {"write_stall": f"{_STALL}s"}}
    with Gateway(workers=1, settings=settings) as gateway:
        uvloop.run(_measure(gateway, options.readers, found))
    return found.finish("faults-slow-reader", write=options.write)


async def _measure(gateway: Gateway, readers: int, found: Promises) -> None:
    spec = gateway.spec(stream=True, rate=40.0, seconds=3.0, timeout=20.0, max_tokens=8)
    alone = await run(spec)
    idle = gateway.child.memory()
    sockets = [await _stuck(gateway) for _ in range(readers)]
    filled = await _still(gateway, 6.0)
    beside = await run(spec)
    loaded = gateway.child.memory()
    left = await _dropped(gateway, _STALL + 10.0)
    for one in sockets:
        one.close()
    grown = loaded - idle
    found.figure("stuck readers", readers)
    found.figure("events asked for by each", _EVENTS)
    found.figure("all buffers full after, s", round(filled, 1))
    found.figure("memory per stuck reader, MB", round(grown / readers / 1e6, 2))
    found.figure("memory before / with them, MB", f"{idle / 1e6:.1f} / {loaded / 1e6:.1f}")
    for name, result in (("alone", alone), ("beside them", beside)):
        found.figure(f"others {name}: causes", dict(result.causes))
        found.figure(f"others {name}: total p50 / p99, ms", _pair(result))
    found.figure("upstream requests left after the stall limit", left)
    found.promise("others are answered", set(beside.causes) == {"ok"} and set(alone.causes) == {"ok"})
    found.promise(
        "a stuck reader holds a bounded part of its stream: under 4 MB of 25", grown < readers * 4e6
    )
    found.promise("stuck readers are dropped and their upstream requests ended", left == 0)


async def _stuck(gateway: Gateway) -> socket.socket:
    """A connection with a tiny receive window that sends a request and never reads."""
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(raw, ("127.0.0.1", gateway.port))
    body = json.loads(chat_body(stream=True)) | {"demo_fault": {"events": _EVENTS}}
    data = json.dumps(body).encode()
    head = [
        "POST /v1/chat/completions HTTP/1.1",
        "host: 127.0.0.1",
        "content-type: application/json",
        f"content-length: {len(data)}",
        *(f"{k}: {v}" for k, v in gateway.headers.items()),
    ]
    await loop.sock_sendall(raw, "\r\n".join((*head, "", "")).encode() + data)
    return raw


async def _still(gateway: Gateway, seconds: float) -> float:
    """Wait until nothing moves any more for the stuck readers; how long it took."""
    start = time.monotonic()
    before = 0.0
    while time.monotonic() - start < seconds:
        now = gateway.child.cpu() + sum(one.cpu() for one in gateway.upstreams.values())
        if now - before < 0.03:
            break
        before = now
        await asyncio.sleep(0.4)
    return time.monotonic() - start


async def _dropped(gateway: Gateway, seconds: float) -> int:
    """Upstream requests still open when the stall limit should have ended them."""
    left = -1
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while left != 0:
                await asyncio.sleep(0.2)
                left = sum(
                    one.control("local", "GET", "/demo/status")["answering"]
                    for one in gateway.upstreams.values()
                )
    return left


def _pair(result: LoadResult) -> str:
    return f"{result.total.percentile(50) * 1e3:.1f} / {result.total.percentile(99) * 1e3:.1f}"


if __name__ == "__main__":
    sys.exit(main())
