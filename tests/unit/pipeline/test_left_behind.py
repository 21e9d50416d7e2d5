"""A request that is over leaves nothing for the garbage collector: its body would stay until a pass,
and passes are made rare on purpose."""

import asyncio
import gc
import weakref
from pathlib import Path
from typing import Any

import pytest

from hybridgw.core import Route
from hybridgw.pipeline.call import Call
from tests.support.inside import Inside
from tests.support.player import ANSWER, END, STREAM_HEAD, Player, chunk, whole

SLOW = 0.15
"""Seconds: more than two ticks of the watchdog, which then listens for the client's departure."""
ERROR = b'{"error":{"message":"no","type":"server_error"}}'
CHAT = {"model": "m", "messages": [{"role": "user", "content": "x" * 4096}]}
STREAM = {**CHAT, "stream": True}
OVER = whole(ERROR, "500 Internal Server Error")
HALF = whole(ANSWER)[:-10]
ENDS: dict[str, tuple[dict[str, Any], list[tuple[Any, ...]]]] = {
    "fast": (CHAT, [(whole(ANSWER),)]),
    "slow": (CHAT, [(SLOW, whole(ANSWER))]),
    "slow stream": (STREAM, [(STREAM_HEAD, chunk("a"), SLOW, END)]),
    "a stream that begins late": (STREAM, [(STREAM_HEAD, SLOW, chunk("a"), END)]),
    "failover": (CHAT, [(SLOW, OVER), (SLOW, whole(ANSWER))]),
    "failover of a stream": (STREAM, [(SLOW, OVER), (SLOW, STREAM_HEAD, chunk("a"), END)]),
    "all failed": (CHAT, [(SLOW, OVER), (OVER,), (OVER,)]),
    "cut": (CHAT, [(SLOW, HALF)] * 3),
    "no answer": (CHAT, [(SLOW, "reset")] * 6),
    "no answer to a stream": (STREAM, [(SLOW, "reset")] * 6),
    "broken stream": (STREAM, [(STREAM_HEAD, chunk("a"), SLOW)]),
    "error inside a stream": (STREAM, [(STREAM_HEAD, chunk("a"), SLOW, b"data: " + ERROR + b"\n\n")]),
    "first token too late": (STREAM, [(STREAM_HEAD, "hold")] * 3),
    "answer too late": ({**CHAT, "timeout": SLOW}, [("hold",)] * 3),
    "translated": ({**CHAT, "model": "t"}, [(SLOW, OVER), (SLOW, OVER)]),
    "client gone": (CHAT, [("hold",)]),
}


@pytest.mark.parametrize("end", ENDS)
def test_nothing_of_a_request_survives_it(tmp_path: Path, end: str) -> None:
    body, scripts = ENDS[end]
    calls: list[weakref.ref[Call]] = []
    with Player() as first, Player() as second:
        config = {
            "timeouts": {"first_token": "200ms", "load": "400ms", "connect": "1s"},
            "server": {"heartbeat": "100ms", "commit_after": "100ms"},
            "breaker": {"enabled": False},
            "deployments": [
                first.deployment("local/m"),
                second.deployment("private/m"),
                first.deployment("local/t", provider="anthropic", api_key="k" * 8),
            ],
            "models": [
                {"name": "m", "deployments": ["local/m", "private/m"], "retries": 0},
                {"name": "t", "deployments": ["local/t"], "retries": 1},
            ],
        }

        async def run() -> None:
            async with Inside(tmp_path, config, lambda call: calls.append(weakref.ref(call))) as inside:
                for _ in range(2):
                    for script, upstream in zip(scripts, [first, second] * 3, strict=False):
                        upstream.plays(*script)
                    leaves = SLOW if end == "client gone" else None
                    await inside.post(Route.CHAT, body, leaves_after=leaves)
                    for upstream in (first, second):
                        upstream.forget()
                # A task that was cancelled ends one turn later, a connection that was dropped two.
                for _ in range(5):
                    await asyncio.sleep(0)
                assert [call() for call in calls] == [None, None]

        gc.collect()
        gc.disable()
        try:
            asyncio.run(run())
        finally:
            gc.enable()
