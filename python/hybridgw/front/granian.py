"""granian as the server of one worker: by choice, and for what our own server does not speak.

granian runs HTTP on threads of its own and hands each request to the loop and back. Its management of
processes is not used (`host.serve_workers` has its own), only what one of its workers does; so this is
called in a process that is a worker already, and returns when the worker has drained.
"""

import asyncio
import signal
import socket
from collections.abc import Callable
from functools import partial
from typing import Any

from granian import _signals
from granian._granian import SocketHolder, WorkerSignal
from granian.constants import HTTPModes, Interfaces, Loops, RuntimeModes
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.mp import MPServer

from hybridgw.front.asgi import Application
from hybridgw.front.crowd import Limits
from hybridgw.front.head import LIMIT


class _Server(MPServer):
    """For its options, and for what one of its workers does with them."""

    def __init__(self, address: str, port: int, limits: Limits, backlog: int, handler: str) -> None:
        super().__init__(
            "unused",
            address=address,
            port=port,
            interface=Interfaces.ASGI,
            workers=1,
            loop=Loops.uvloop,
            http=HTTPModes.http1,
            runtime_mode=RuntimeModes.mt,
            websockets=False,
            backlog=backlog,
            backpressure=limits.connections,
            http1_settings=HTTP1Settings(
                # The buffer holds a request's whole head: a larger one is answered with 431.
                max_buffer_size=LIMIT,
                header_read_timeout=max(1, round(limits.head * 1000)),
            ),
            # Its warnings advise about its own command line and its own process management.
            log_level=LogLevels.error,
            log_dictconfig={
                # The server's own lines go where ours go: standard output belongs to whoever started us.
                "handlers": {"console": {"class": handler}},
                "loggers": {"_granian": {"handlers": ["console"], "level": "ERROR", "propagate": False}},
            },
        )

    def run(self, listening: socket.socket, backlog: int, application: Application) -> None:
        """Serve in this process until told to stop."""
        self._ssp = None
        self._shd = SocketHolder(listening.fileno(), False, backlog)
        self._sso = listening
        worker = self._spawn_worker(0, self._spawn_asgi_lifespan_worker, lambda: application)
        # What its process would do, in this one.
        worker.inner.run()


def serve(
    application: Application,
    listening: socket.socket,
    limits: Limits,
    backlog: int,
    told_to_stop: Callable[[], None],
    handler: str,
) -> None:
    """Serve an ASGI application until SIGTERM or SIGINT; `told_to_stop` is called in the loop at the first
    of them. `handler` names the class that writes granian's lines. granian then stops accepting and closes
    connections as they become idle. Exits with status 1 where the application does not start."""
    _signals.set_loop_signals = partial(_loop_signals, told_to_stop)
    address, port = listening.getsockname()[:2]
    _Server(address, port, limits, backlog, handler).run(listening, backlog, application)


def _loop_signals(told_to_stop: Callable[[], None], loop: asyncio.AbstractEventLoop) -> Any:
    """In place of granian's function of that name: the same event for it, and a call for us."""
    event = WorkerSignal()
    told = False

    def stop() -> None:
        nonlocal told
        if not told:
            told = True
            event.set()
            told_to_stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    return event
