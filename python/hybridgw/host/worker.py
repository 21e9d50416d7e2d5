"""What happens inside a worker process before and after it serves, whatever server stands in front.

A server's defaults for a worker are not ours. A forked worker inherits the handlers of its
parent, so a SIGTERM in its first milliseconds would be swallowed by a copy of the parent's flag; an
exception in the application's start-up is logged and the worker serves uninitialised; nothing ties
a worker to its parent; and an application hears of a shutdown only after its last request has
ended, when it could neither refuse nor settle anything any more. Here signals stay blocked from the
birth of the process until it has started, start-up ends in `complete` or `failed` and
nothing else, the kernel asks the worker to drain when its parent dies, and `lifespan.shutdown`
reaches the application together with SIGTERM: the server then stops accepting and closes connections
as they become idle, while the application bounds what still runs.

Which server it is stands in `RuntimeInfo.http`. An application that has `serve` and `refuse` is served
through them by `lean` (`front.seam`); any other, and every one behind granian, through ASGI.

What the application must do itself: nothing of this. It may call `runtime.current()` at import.
"""

import asyncio
import importlib
import os
import signal
import socket
import sys
import time
import traceback
from collections.abc import Awaitable
from pathlib import Path

import uvloop

from hybridgw.front.asgi import Application, Message, Receive, Send, over_asgi
from hybridgw.front.lean import LeanServer, Limits, plain_refusal
from hybridgw.host.console import configure, say, take_loggers
from hybridgw.host.life import FRESH_NS
from hybridgw.host.limits import connection_limit
from hybridgw.host.listener import BACKLOG
from hybridgw.host.process import die_with_parent
from hybridgw.host.runtime import GRACE, RuntimeInfo, adopt, mark_ready, read_info
from hybridgw.native import StateFile

_SECOND_RUN = 0.01


def _obey_signals() -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def import_application(target: str) -> Application:
    """The ASGI callable named `module:attribute`. Unlike the server's own loader this adds nothing
    to the module search path: a file in the working directory must not shadow a module of ours."""
    module, _, attribute = target.partition(":")
    application: Application = getattr(importlib.import_module(module), attribute)
    return application


def run(info_path: str, parent: int, listening: socket.socket) -> None:
    """The life of one worker, forked or spawned: from its first instruction to an orderly drain."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    info = read_info(Path(info_path))
    adopt(info)
    configure(info.log_level, info.log_json)
    take_loggers()
    die_with_parent(parent)
    application = import_application(info.application)
    stop = asyncio.Event()
    limits = Limits(connection_limit(), info.header_timeout, info.header_timeout)
    if info.http == "granian":
        from hybridgw.front import granian  # costs memory, and only some run it

        served = _with_lifespan(info, application, stop)
        granian.serve(served, listening, limits, BACKLOG, stop.set, "hybridgw.host.console.LineHandler")
        return
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve_lean(info, application, listening, limits, stop))


async def _serve_lean(
    info: RuntimeInfo,
    application: Application,
    listening: socket.socket,
    limits: Limits,
    stop: asyncio.Event,
) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    said: asyncio.Queue[str] = asyncio.Queue()

    async def receive() -> Message:
        return {"type": "lifespan.startup"}

    async def send(message: Message) -> None:
        said.put_nowait(message["type"])

    living = loop.create_task(_lifespan(info, application, stop, {"type": "lifespan"}, receive, send))
    if await said.get() != "lifespan.startup.complete":
        await living
        sys.exit(1)
    serve = getattr(application, "serve", None) or over_asgi(application)
    refuse = getattr(application, "refuse", None) or plain_refusal
    server = LeanServer(listening, serve, refuse, limits, _Balance.of_this_worker(info))
    server.start()
    await stop.wait()
    server.drain()
    end = time.monotonic() + info.drain + GRACE / 2
    await living
    await server.finish(end - time.monotonic())


class _Balance:
    """What the workers know of one another's connections, through the state file."""

    def __init__(self, state: StateFile, slot: int) -> None:
        self._state = state
        self._slot = slot

    @classmethod
    def of_this_worker(cls, info: RuntimeInfo) -> "_Balance | None":
        """None where there is no other worker."""
        if info.workers < 2:
            return None
        state = StateFile.open(info.state_file)
        # The application has claimed it in its start-up.
        mine = [slot["slot"] for slot in state.slots() if slot["pid"] == os.getpid()]
        return cls(state, mine[0]) if mine else None

    def hold(self, connections: int | None) -> None:
        self._state.hold_connections(self._slot, connections)

    def fewest(self) -> int | None:
        return self._state.fewest_connections(self._slot, time.monotonic_ns(), FRESH_NS)


def _with_lifespan(info: RuntimeInfo, application: Application, stop: asyncio.Event) -> Application:
    """The application, its lifespan guarded. A plain function, so that a request costs no second
    coroutine for a wrapper that acts twice per process."""

    def entry(scope: Message, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] == "lifespan":
            return _lifespan(info, application, stop, scope, receive, send)
        return application(scope, receive, send)

    return entry


async def _lifespan(
    info: RuntimeInfo,
    application: Application,
    stop: asyncio.Event,
    scope: Message,
    receive: Receive,
    send: Send,
) -> None:
    started = answered = False

    async def next_event() -> Message:
        nonlocal started
        if not started:
            started = True
            return await receive()
        await stop.wait()
        return {"type": "lifespan.shutdown"}

    async def observed(message: Message) -> None:
        nonlocal answered
        answered = True
        if message["type"] == "lifespan.startup.complete":
            mark_ready(info)
            # granian now stops the loop and runs it anew, and uvloop loses what arrives in between:
            # the timer goes off in the second run, and what was held back is delivered there. (lean does
            # not stop the loop, and a few milliseconds later is as good.)
            asyncio.get_running_loop().call_later(_SECOND_RUN, _obey_signals)
        await send(message)

    try:
        await application(scope, next_event, observed)
    except Exception as error:
        if answered:
            raise
        # What the system refuses is no fault of the program: its own words say enough.
        detail = "".join(traceback.format_exception(error)).rstrip()
        why = f": {error}" if isinstance(error, OSError) else f"\n{detail}"
        say(f"worker[{os.getpid()}]", f"start-up failed{why}", "error")
        await send({"type": "lifespan.startup.failed"})
