"""A small ASGI application for tests of the host layer: it knows slots, drain and nothing else.

    GET /pid          the worker's pid
    GET /slow?0.5     answers after that many seconds
    GET /stream?10    that many events, 50 ms apart
    GET /draining     whether lifespan.shutdown has arrived

A start-up fails when the file `fail` exists in the state folder, so that a test can break workers
while they run.
"""

import asyncio
import contextlib
import os
from pathlib import Path
from typing import Any

from hybridgw.host import publication, runtime, slots
from hybridgw.native import StateFile

_draining = False


async def application(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
        return
    path, argument = scope["path"], scope["query_string"].decode()
    if path == "/stream":
        await _stream(int(argument), send)
        return
    if path == "/slow":
        await asyncio.sleep(float(argument))
    body = str(os.getpid())
    if path == "/draining":
        body = str(_draining)
    elif path == "/generation":
        body = str(_generation())
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": body.encode()})


def _generation() -> int:
    info = runtime.current()
    return publication.read_published(info, StateFile.open(info.state_file)).generation


async def _stream(count: int, send: Any) -> None:
    headers = [(b"content-type", b"text/event-stream")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    for number in range(count):
        await send({"type": "http.response.body", "body": b"data: %d\n\n" % number, "more_body": True})
        await asyncio.sleep(0.05)
    await send({"type": "http.response.body", "body": b"data: [DONE]\n\n"})


async def _lifespan(receive: Any, send: Any) -> None:
    global _draining
    await receive()
    info = runtime.current()
    if (Path(info.state_dir) / "fail").exists():
        raise RuntimeError("told to fail")
    state = StateFile.open(info.state_file)
    slot = slots.claim(state)
    await send({"type": "lifespan.startup.complete"})
    await receive()
    _draining = True
    with contextlib.suppress(OSError):
        (Path(info.state_dir) / f"drained-{os.getpid()}").touch()
    state.release(slot)
    await send({"type": "lifespan.shutdown.complete"})
