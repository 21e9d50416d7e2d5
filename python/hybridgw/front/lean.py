"""The server for plain HTTP/1.1 on the worker's own loop.

Almost every request finds a kept connection, comes in one piece and leaves in one: it costs one read, one
task and one write. Everything else (heads in pieces, bodies that come slowly, clients that leave, places
that are all taken) happens rarely and is written to be read.

Bound to the loop in which it is made. Speaks no TLS, no HTTP/2 and no WebSockets: `granian` is there for
those.
"""

import asyncio
import socket
import time

import msgspec

from hybridgw.front.acceptor import Acceptor, Balance
from hybridgw.front.crowd import Crowd, Limits
from hybridgw.front.seam import Headers, Refusal, Serve

__all__ = ["Balance", "LeanServer", "Limits", "plain_refusal"]

_FLUSH_POLL = 0.02


class LeanServer:
    """Serves what connects to a listening socket; see the module."""

    def __init__(
        self,
        listening: socket.socket,
        serve: Serve,
        refuse: Refusal,
        limits: Limits,
        balance: Balance | None = None,
    ) -> None:
        self._crowd = Crowd(asyncio.get_running_loop(), serve, refuse, limits)
        self._acceptor = Acceptor(self._crowd, listening, balance)

    def start(self) -> None:
        """Accept connections from now on."""
        self._acceptor.start()

    def drain(self) -> None:
        """Accept no more, close what is idle, and let every connection end with the answer that it is on."""
        self._acceptor.close()
        self._crowd.drain()

    async def finish(self, seconds: float) -> None:
        """Wait until all answers are out, at most for so long; then end what is left."""
        end = time.monotonic() + seconds
        # Polled: an event would have to be set by every connection for the sake of one shutdown.
        while len(self._crowd) and time.monotonic() < end:  # noqa: ASYNC110
            await asyncio.sleep(_FLUSH_POLL)
        self._crowd.abort()


_STATUS = {"bad_request": 400, "request_timeout": 408, "headers_too_large": 431}


def plain_refusal(code: str, message: str, path: str) -> tuple[int, Headers, bytes]:
    """A `Refusal` for an application that has none: an error in OpenAI's shape."""
    status = _STATUS.get(code, 500)
    kind = "invalid_request_error" if status < 500 else "server_error"
    body = msgspec.json.encode({"error": {"message": message, "type": kind, "param": None, "code": code}})
    head = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    return status, head, body
