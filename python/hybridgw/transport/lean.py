"""Plain HTTP/1.1 to upstreams without TLS and without a proxy: the hot path.

Almost every request finds a rendered head in the cache and a kept connection in the pool, and then
costs one write and one await. Everything else (resolving, connecting, trying the next address,
rendering a head) happens rarely and is written to be read.

The ceiling is checked three times: the deployment's own boundary, each address before it is
connected, and the peer of the socket before anything is written, for kept connections too.
"""

import asyncio

from hybridgw.config.addresses import BoundaryNetworks
from hybridgw.core import Boundary, Deployment, Outcome, Timeouts
from hybridgw.errors import UpstreamError
from hybridgw.transport.failures import OURS, Phase, failed, refused, translate
from hybridgw.transport.heads import render
from hybridgw.transport.lean_connection import LeanConnection, StaleConnection
from hybridgw.transport.lean_response import LeanResponse
from hybridgw.transport.pool import HostPool, Pool
from hybridgw.transport.resolver import Resolver
from hybridgw.transport.seam import Headers, Patience, TransportLimits, UpstreamRequest

_ENDPOINTS = 1024
_HEADS = 64


class _Endpoint:
    """What is known about a deployment beyond its settings: its pool and its rendered heads."""

    __slots__ = ("deployment", "heads", "host")

    def __init__(self, deployment: Deployment, host: HostPool) -> None:
        self.deployment = deployment
        self.host = host
        self.heads: dict[tuple[str, str, Headers], bytes] = {}

    def head(self, request: UpstreamRequest) -> bytes:
        """Render and remember a head; ValueError if it must not be sent."""
        head = render(self.deployment, request.method, request.target, request.headers)
        if len(self.heads) >= _HEADS:
            self.heads.clear()
        self.heads[(request.method, request.target, request.headers)] = head
        return head


class LeanTransport:
    """A `Transport` for `http://` upstreams. Bound to the first loop that uses it."""

    def __init__(
        self,
        networks: BoundaryNetworks,
        limits: TransportLimits | None = None,
        resolver: Resolver | None = None,
    ) -> None:
        self._networks = networks
        limits = TransportLimits() if limits is None else limits
        self._pool = Pool(networks, limits)
        self._resolver = Resolver(limits.dns_seconds) if resolver is None else resolver
        # By object identity: hashing a deployment would hash all its fields on every request. The
        # endpoint keeps the deployment alive, so an identity cannot come to mean another one.
        self._endpoints: dict[int, _Endpoint] = {}

    async def send(
        self,
        ceiling: Boundary,
        deployment: Deployment,
        request: UpstreamRequest,
        timeouts: Timeouts,
        patience: Patience | None = None,
    ) -> LeanResponse:
        """See `Transport.send`."""
        if deployment.boundary > ceiling:
            raise refused(deployment.name)
        endpoint = self._endpoints.get(id(deployment)) or self._endpoint(deployment)
        head = endpoint.heads.get((request.method, request.target, request.headers))
        if head is None:
            try:
                head = endpoint.head(request)
            except ValueError as error:
                raise failed(Outcome.LOCAL_FAULT, deployment.name, str(error)) from None
        if request.body or request.method not in ("GET", "HEAD"):
            head = b"%bcontent-length: %d\r\n\r\n" % (head, len(request.body))
        else:
            head += b"\r\n"
        host = endpoint.host
        connection = None if host.turns else host.take(ceiling)
        if connection is None:
            connection = await self._obtain(host, ceiling, deployment, timeouts)
        try:
            return await connection.exchange(deployment.name, head, request, timeouts, patience)
        except StaleConnection:
            # The server closed the kept connection while our request was on its way. It cannot have
            # begun to work on it, so one more try on a connection of its own is safe.
            self._pool.retried += 1
        connection = await self._connect(host, ceiling, deployment, timeouts)
        return await connection.exchange(deployment.name, head, request, timeouts, patience)

    async def aclose(self) -> None:
        """See `Transport.aclose`."""
        await self._pool.aclose()
        await self._resolver.aclose()
        self._endpoints.clear()

    def stats(self) -> dict[str, int]:
        """See `Transport.stats`."""
        pool = self._pool
        pooled = sum(len(host.idle) for host in pool.hosts.values())
        return {
            "open": pool.open,
            "pooled": pooled,
            "in_use": pool.open - pooled,
            "opened": pool.opened,
            "reused": pool.reused,
            "retried": pool.retried,
        }

    def _endpoint(self, deployment: Deployment) -> _Endpoint:
        if len(self._endpoints) >= _ENDPOINTS:
            self._endpoints.clear()  # leftovers of earlier configurations
        target = deployment.target
        endpoint = _Endpoint(deployment, self._pool.host(target.host, target.port))
        self._endpoints[id(deployment)] = endpoint
        return endpoint

    async def _obtain(
        self, host: HostPool, ceiling: Boundary, deployment: Deployment, timeouts: Timeouts
    ) -> LeanConnection:
        """A connection when its turn has come: one that somebody else is done with, or a new one."""
        if host.turns or not host.is_free():
            limits = self._pool.limits
            await host.turns.turn(host.is_free, limits.wait_seconds, deployment.name, limits.per_host)
            kept = host.take(ceiling)
            if kept is not None:
                return kept
        return await self._connect(host, ceiling, deployment, timeouts)

    async def _connect(
        self, host: HostPool, ceiling: Boundary, deployment: Deployment, timeouts: Timeouts
    ) -> LeanConnection:
        """A new connection to the first address within `ceiling` that accepts one."""
        evicted = host.reserve(deployment.name)
        try:
            if evicted:
                # Many at once would otherwise hold two descriptors each for a turn, and run out.
                await asyncio.sleep(0)
            async with asyncio.timeout(timeouts.connect):
                connection = await self._connect_any(host, ceiling, deployment, timeouts.connect)
        except TimeoutError:
            raise failed(Outcome.CONNECT_FAILED, deployment.name, "timed out") from None
        except Exception as error:
            raise translate(error, Phase.CONNECT, deployment.name) from error
        finally:
            host.unreserve()
        if self._pool.closed:
            connection.abort()
            raise UpstreamError(Outcome.DRAINING, f"{deployment.name}: the gateway is stopping")
        if self._networks.classify(connection.peer) > ceiling:
            connection.abort()
            raise refused(deployment.name)
        return connection

    async def _connect_any(
        self, host: HostPool, ceiling: Boundary, deployment: Deployment, seconds: float
    ) -> LeanConnection:
        loop = asyncio.get_running_loop()
        began = loop.time()
        found = await self._resolver.resolve(host.host)
        addresses = [address for address in found if self._networks.classify(address) <= ceiling]
        failure: Exception | None = None
        for index, address in enumerate(addresses):
            # An address that swallows packets must leave time for the ones after it.
            share = (began + seconds - loop.time()) / (len(addresses) - index)
            try:
                async with asyncio.timeout(share):
                    _, connection = await loop.create_connection(
                        lambda: LeanConnection(host, loop), address, host.port
                    )
                return connection
            except OSError as error:  # TimeoutError is one
                failure = error
                if error.errno in OURS:
                    break
        if not found:
            raise failed(Outcome.CONNECT_FAILED, deployment.name, "the name has no address")
        if failure is None:
            raise refused(deployment.name)
        try:
            raise failure
        finally:
            del failure  # the error knows this frame, which must not know the error
