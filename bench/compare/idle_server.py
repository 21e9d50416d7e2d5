"""A server that does nothing, behind one of three fronts: `python -m bench.compare.idle_server NAME PORT`.

It reads the body of every request and answers 200 with 425 bytes, so that what it costs is what HTTP costs.
NAME is `lean` (our own, by its seam), `lean, ASGI` (the same, by ASGI), `granian` or `uvicorn`.
"""

import asyncio
import socket
import sys
from typing import Any

import uvloop

from hybridgw.front.asgi import over_asgi
from hybridgw.front.crowd import Limits
from hybridgw.front.lean import LeanServer, plain_refusal
from hybridgw.front.seam import Client

_ANSWER = b"x" * 425
_HEAD = [(b"content-type", b"application/json"), (b"content-length", b"425")]
_LIMITS = Limits(10_000, 30.0, 30.0)


async def application(scope: Any, receive: Any, send: Any) -> None:
    """The server as an ASGI application."""
    if scope["type"] == "lifespan":
        for _ in range(2):
            message = await receive()
            await send({"type": message["type"] + ".complete"})
        return
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": _HEAD})
    await send({"type": "http.response.body", "body": _ANSWER})


async def _serve(client: Client) -> None:
    await client.body(1 << 24, lambda _: None)
    client.start(200, _HEAD)
    await client.end(_ANSWER)


async def _lean(listening: socket.socket, *, seam: bool) -> None:
    serve = _serve if seam else over_asgi(application)
    LeanServer(listening, serve, plain_refusal, _LIMITS).start()
    await asyncio.Event().wait()


def main(name: str, port: int) -> None:
    """Serve until killed."""
    listening = socket.create_server(("127.0.0.1", port), backlog=2048)
    listening.setblocking(False)
    if name.startswith("lean"):
        uvloop.run(_lean(listening, seam=name == "lean"))
    elif name == "granian":
        from hybridgw.front import granian

        granian.serve(application, listening, _LIMITS, 2048, lambda: None, "logging.StreamHandler")
    else:
        import uvicorn

        config = uvicorn.Config(
            application, log_level="error", access_log=False, loop="uvloop", http="httptools"
        )
        uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
