"""What happens inside a worker process before the application sees its first request.

The server's defaults for a worker are not ours. A forked worker inherits the handlers of its
parent, so a SIGTERM in its first milliseconds would be swallowed by a copy of the parent's flag; an
exception in the application's start-up is logged and the worker serves uninitialised; nothing ties
a worker to its parent; and an application hears of a shutdown only after its last request has
ended, when it could neither refuse nor settle anything any more. Here signals stay blocked from the
birth of the process until it has started, start-up ends in `complete` or `failed` and
nothing else, the kernel asks the worker to drain when its parent dies, and `lifespan.shutdown`
reaches the application together with SIGTERM: granian then stops accepting and closes connections
as they become idle, while the application bounds what still runs.

What the application must do itself: nothing of this. It may call `runtime.current()` at import.
"""

import asyncio
import importlib
import os
import signal
import traceback
from collections.abc import Awaitable, Callable, MutableMapping
from functools import partial
from pathlib import Path
from typing import Any

from granian import _signals
from granian._granian import WorkerSignal

from hybridgw.host.console import configure, say, take_loggers
from hybridgw.host.process import die_with_parent
from hybridgw.host.runtime import RuntimeInfo, adopt, mark_ready, read_info

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


_SECOND_RUN = 0.01


def _obey_signals() -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def import_application(target: str) -> Application:
    """The ASGI callable named `module:attribute`. Unlike the server's own loader this adds nothing
    to the module search path: a file in the working directory must not shadow a module of ours."""
    module, _, attribute = target.partition(":")
    application: Application = getattr(importlib.import_module(module), attribute)
    return application


def load(info_path: str, parent: int) -> Application:
    """Runs first in every worker, forked or spawned; returns what the server will call."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    info = read_info(Path(info_path))
    adopt(info)
    configure(info.log_level, info.log_json)
    take_loggers()
    die_with_parent(parent)
    stop = asyncio.Event()
    _signals.set_loop_signals = partial(_loop_signals, stop)
    return _with_lifespan(info, import_application(info.application), stop)


def _loop_signals(stop: asyncio.Event, loop: asyncio.AbstractEventLoop) -> WorkerSignal:
    """In place of granian's function of that name: the same event for it, and one for us."""
    event = WorkerSignal()

    def told() -> None:
        if not stop.is_set():
            event.set()
            stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told)
    return event


def _with_lifespan(info: RuntimeInfo, application: Application, stop: asyncio.Event) -> Application:
    """The application, its lifespan guarded. A plain function, so that a request costs no second
    coroutine for a wrapper that acts twice per process."""

    def entry(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] == "lifespan":
            return _lifespan(info, application, stop, scope, receive, send)
        return application(scope, receive, send)

    return entry


async def _lifespan(
    info: RuntimeInfo,
    application: Application,
    stop: asyncio.Event,
    scope: Scope,
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
            # the timer goes off in the second run, and what was held back is delivered there.
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
