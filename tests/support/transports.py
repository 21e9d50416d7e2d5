"""Deployments and transports aimed at a scripted upstream."""

import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from hybridgw.core import Boundary, Deployment, Target, Timeouts
from hybridgw.transport import BoundaryNetworks, Transport, TransportLimits, UpstreamRequest, UpstreamResponse
from hybridgw.transport.aiohttp_transport import AiohttpTransport
from hybridgw.transport.lean import LeanTransport
from hybridgw.transport.resolver import Resolver
from tests.support.scripted import Close, Expect, Scripted, Send, Step

KINDS = ("lean", "aiohttp")

FAST = Timeouts(connect=2.0, first_token=5.0, idle=5.0, total=15.0)

OK = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"


def transport_of(
    kind: str,
    networks: BoundaryNetworks | None = None,
    limits: TransportLimits | None = None,
    resolver: Resolver | None = None,
    tls: ssl.SSLContext | None = None,
) -> Transport:
    """A transport of one kind; loopback is the device unless `networks` says otherwise."""
    networks = BoundaryNetworks() if networks is None else networks
    if kind == "lean":
        return LeanTransport(networks, limits, resolver)
    return AiohttpTransport(networks, limits, resolver, tls)


def deployment(port: int, host: str = "127.0.0.1", scheme: str = "http", **fields: Any) -> Deployment:
    """A deployment on a port of this machine."""
    settings: dict[str, Any] = {
        "index": 0,
        "id": "0123456789abcdef",
        "name": "local/test",
        "provider": "openai_compatible",
        "model": "test",
        "tier": "local",
        "boundary": Boundary.DEVICE,
        "target": Target.parse(f"{scheme}://{host}:{port}/v1"),
        "headers": ((b"authorization", b"Bearer secret-key"),),
    }
    return Deployment(**{**settings, **fields})


def post(body: bytes = b'{"model":"test"}', **fields: Any) -> UpstreamRequest:
    """A chat request."""
    settings: dict[str, Any] = {
        "method": "POST",
        "target": "/v1/chat/completions",
        "headers": ((b"content-type", b"application/json"),),
    }
    return UpstreamRequest(**{**settings, **fields, "body": body})


@asynccontextmanager
async def open_transport(kind: str, **settings: Any) -> AsyncIterator[Transport]:
    """A transport that is closed afterwards."""
    transport = transport_of(kind, **settings)
    try:
        yield transport
    finally:
        await transport.aclose()


async def ask(
    transport: Transport, server: Scripted, request: UpstreamRequest | None = None, timeouts: Timeouts = FAST
) -> UpstreamResponse:
    """Send to a scripted server under the widest ceiling."""
    target = deployment(server.port)
    return await transport.send(Boundary.EXTERNAL, target, post() if request is None else request, timeouts)


async def whole(
    kind: str, answer: Sequence[Step] | bytes, request: UpstreamRequest | None = None
) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """Status, headers and body of one exchange; bytes stand for: expect, send them, close."""
    script = [Expect(), Send(answer), Close()] if isinstance(answer, bytes) else answer
    async with Scripted(script) as server, open_transport(kind) as transport:
        response = await ask(transport, server, request)
        return response.status, response.headers, await response.read_all(1 << 26)
