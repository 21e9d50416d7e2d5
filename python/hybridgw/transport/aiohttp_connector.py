"""What aiohttp needs to be told so that it keeps our rules about where bytes may go.

aiohttp decides by itself which connection carries a request, so the privacy check has to stand inside
its connector: every connection that `connect` is about to hand out, new or kept, is checked against
the ceiling of the request before a byte is written. The request at hand is known through a context
variable, because the connector runs in the task of the caller and its own arguments have no room for
one; the same object reports back how far the exchange came.

Three private names of aiohttp are used, because it offers no public way: the protocol factory (for
`_Handler`), `_create_connection` (to know a fresh connection from a kept one) and the pool's containers
(to count). A test pins each.
"""

import asyncio
import socket
from collections.abc import Iterable
from contextvars import ContextVar
from functools import partial
from time import monotonic
from typing import cast

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_proto import ResponseHandler
from aiohttp.client_reqrep import ClientRequest
from aiohttp.connector import Connection
from aiohttp.payload import BytesPayload, Payload
from aiohttp.tracing import Trace

from hybridgw.config.addresses import BoundaryNetworks, parse_address
from hybridgw.core import Boundary, Deployment, Outcome, Timeouts
from hybridgw.transport.deadline import Deadline
from hybridgw.transport.failures import Phase, refused
from hybridgw.transport.resolver import Resolver
from hybridgw.transport.seam import HEAD_LIMIT, HIGH_WATER, STALE_WITHIN, Patience, TransportLimits

ATTEMPT: "ContextVar[Attempt]" = ContextVar("hybridgw_attempt")


class Attempt:
    """One try at one request: what the connector must know, and what it found out."""

    __slots__ = (
        "ceiling",
        "created",
        "deadline",
        "deployment",
        "expired",
        "fresh",
        "handler",
        "patience",
        "peer",
        "phase",
        "sent",
        "timeouts",
        "transport",
        "waiting",
    )

    def __init__(
        self,
        ceiling: Boundary,
        deployment: Deployment,
        timeouts: Timeouts,
        patience: Patience | None = None,
        *,
        fresh: bool,
    ) -> None:
        self.ceiling = ceiling
        self.deployment = deployment
        self.timeouts = timeouts
        self.patience = patience
        self.fresh = fresh
        """Whether a kept connection must not be used."""
        self.created = False
        """Whether the connection in use was made for this attempt."""
        self.phase = Phase.CONNECT
        self.sent = 0.0
        self.waiting = True
        """Whether somebody waits for the upstream, so that silence counts."""
        self.expired: Outcome | None = None
        self.peer = ""
        self.transport: asyncio.Transport | None = None
        self.handler: ResponseHandler | None = None
        self.deadline = Deadline(asyncio.get_running_loop(), self._expire)

    def connected(self, connection: Connection) -> None:
        """A connection was chosen and has passed the check: the request is written next."""
        self.phase = Phase.HEAD
        self.sent = monotonic()
        self.transport = connection.transport
        self.handler = connection.protocol
        if isinstance(self.handler, _Handler):
            self.handler.heard = False
            self.handler.idle = False
        self.deadline.start(self.timeouts.first_token, Outcome.FIRST_TOKEN_TIMEOUT, self.timeouts.total)

    def abort(self) -> None:
        """Close the socket now, unsent data included."""
        self.deadline.stop()
        if self.transport is not None:
            self.transport.abort()

    def reset(self) -> bool:
        """Whether the connection broke, rather than ended."""
        return isinstance(self.handler, _Handler) and self.handler.broken

    def finished(self) -> None:
        """The response is complete; what the connection receives from now on is nobody's. Call once."""
        self.deadline.stop()
        if isinstance(self.handler, _Handler):
            self.handler.idle = True

    def stale(self) -> bool:
        """Whether this was a kept connection on which nothing came back."""
        return (
            not self.created
            and isinstance(self.handler, _Handler)
            and not self.handler.heard
            and monotonic() - self.sent < STALE_WITHIN
        )

    def _expire(self, outcome: Outcome) -> None:
        if not self.waiting and outcome != Outcome.TOTAL_TIMEOUT:
            self.deadline.again()
        elif (
            outcome == Outcome.FIRST_TOKEN_TIMEOUT
            and self.patience is not None
            and (more := self.patience()) > 0
        ):
            self.deadline.arm(more, outcome)
        else:
            self.expired = outcome
            self.abort()


class _Handler(ResponseHandler):
    """aiohttp's protocol, with three things that it does not do.

    It remembers whether anything was received, for the decision to send a request again. Bytes that
    arrive on a kept connection close it: aiohttp would take them for the answer to the next request,
    which may be somebody else's. And it remembers a reset, which aiohttp treats as the end of a body
    without a length; for us that is a truncation.
    """

    broken = False
    heard = False
    idle = False

    def data_received(self, data: bytes) -> None:
        self.heard = True
        # Without data this is aiohttp resuming its parser.
        if data and self.idle and self.transport is not None:
            self.transport.abort()
        else:
            super().data_received(data)

    def connection_lost(self, exc: BaseException | None) -> None:
        self.broken = exc is not None
        super().connection_lost(exc)


def numeric(host: str, port: int, addresses: Iterable[str]) -> list[ResolveResult]:
    """Addresses as aiohttp wants them, so that nobody resolves them again."""
    return [
        ResolveResult(
            hostname=host,
            host=address,
            port=port,
            family=socket.AF_INET6 if ":" in address else socket.AF_INET,
            proto=0,
            flags=socket.AI_NUMERICHOST,
        )
        for address in addresses
    ]


def peer_of(connection: Connection) -> str:
    """The address at the other end; empty where there is none any more."""
    transport = connection.transport
    peer = None if transport is None else transport.get_extra_info("peername")
    return str(peer[0]) if peer else ""


class _AllowedAddresses(AbstractResolver):
    """Names to those addresses that lie within a ceiling."""

    def __init__(self, networks: BoundaryNetworks, resolver: Resolver, ceiling: Boundary) -> None:
        self._networks = networks
        self._resolver = resolver
        self._ceiling = ceiling

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await self._resolver.resolve(host)
        allowed = [address for address in found if self._networks.classify(address) <= self._ceiling]
        if not allowed:
            attempt = ATTEMPT.get(None)
            raise refused(attempt.deployment.name if attempt else host)
        return numeric(host, port, allowed)

    async def close(self) -> None:
        """Nothing of its own; the cache is shared."""


class BoundaryConnector(aiohttp.TCPConnector):
    """Connections for requests of one ceiling; checks the peer each time one is handed out."""

    def __init__(
        self, networks: BoundaryNetworks, resolver: Resolver, limits: TransportLimits, ceiling: Boundary
    ) -> None:
        super().__init__(
            resolver=_AllowedAddresses(networks, resolver, ceiling),
            use_dns_cache=False,
            limit=0,  # aiohttp would queue; the transport bounds what is in use, and fails
            keepalive_timeout=limits.idle_seconds,
        )
        self._networks = networks
        self._factory = cast("partial[ResponseHandler]", partial(_Handler, loop=self._loop))
        self.opened = 0

    async def connect(
        self,
        req: ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's signature
    ) -> Connection:
        attempt = ATTEMPT.get()
        direct = attempt.deployment.target.host if req.proxy is None else ""
        if parse_address(direct) is not None and self._networks.classify(direct) > attempt.ceiling:
            raise refused(attempt.deployment.name)
        while True:
            attempt.created = False
            connection = await super().connect(req, traces, timeout)
            if attempt.fresh and not attempt.created:
                connection.close()
                continue
            attempt.peer = peer_of(connection)
            if self._networks.classify(attempt.peer) <= attempt.ceiling:
                attempt.connected(connection)
                return connection
            connection.close()
            if attempt.created:
                raise refused(attempt.deployment.name)

    def counts(self) -> tuple[int, int]:
        """Connections in use, and kept ones."""
        return len(self._acquired), sum(len(kept) for kept in self._conns.values())

    async def _create_connection(
        self,
        req: ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's signature
    ) -> ResponseHandler:
        handler = await super()._create_connection(req, traces, timeout)
        ATTEMPT.get().created = True
        self.opened += 1
        return handler


class RequestBody(BytesPayload):
    """A body in memory. aiohttp's own class warns about large ones, which are usual here."""

    def __init__(self, value: bytes) -> None:
        Payload.__init__(self, value, content_type="application/octet-stream")
        self._size = len(value)


def make_session(
    networks: BoundaryNetworks, resolver: Resolver, limits: TransportLimits, ceiling: Boundary
) -> tuple[aiohttp.ClientSession, BoundaryConnector]:
    """A session that adds nothing to a request: no cookies, redirects, environment, decompression."""
    connector = BoundaryConnector(networks, resolver, limits, ceiling)
    session = aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,
        timeout=aiohttp.ClientTimeout(total=None),
        read_bufsize=HIGH_WATER // 2,  # it pauses at twice this
        max_line_size=HEAD_LIMIT,
        max_field_size=HEAD_LIMIT,
        max_headers=1024,
        skip_auto_headers=("accept", "accept-encoding", "content-type", "user-agent"),
    )
    # Retrying is decided by the transport, which knows whether the connection was a kept one.
    session._retry_connection = False
    return session, connector
