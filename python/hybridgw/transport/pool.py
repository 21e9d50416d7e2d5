"""Kept connections of one worker, by host and port.

Last in, first out: the connection used most recently is the one that the server is least likely to
have closed, and under falling load the others age and go. A worker opens another one up to the
bounds; beyond the bound of a host a request waits its turn, shortly (`turns`).

Whether a pooled connection may carry a request is decided per request, from its peer address, by the
caller of `take`.
"""

import asyncio
from typing import TYPE_CHECKING

from hybridgw.config.addresses import BoundaryNetworks
from hybridgw.core import Boundary, Outcome
from hybridgw.errors import UpstreamError
from hybridgw.transport.seam import TransportLimits
from hybridgw.transport.turns import Turns

if TYPE_CHECKING:
    from hybridgw.transport.lean_connection import LeanConnection


class Pool:
    """All plain-HTTP connections of a worker; single-threaded, bound to one loop."""

    def __init__(self, networks: BoundaryNetworks, limits: TransportLimits) -> None:
        self.networks = networks
        self.limits = limits
        self.hosts: dict[tuple[str, int], HostPool] = {}
        self.connecting = 0
        self.connected = 0
        self.opened = 0
        self.reused = 0
        self.retried = 0
        self.closed = False
        self._sockets = 0  # connections that the loop has not closed yet, aborted ones included
        self._empty = asyncio.Event()

    @property
    def open(self) -> int:
        """Connections that exist or are being made."""
        return self.connecting + self.connected

    def host(self, host: str, port: int) -> "HostPool":
        """The part of the pool for one upstream address as configured."""
        key = (host, port)
        found = self.hosts.get(key)
        if found is None:
            found = self.hosts[key] = HostPool(self, host, port)
        return found

    def evict_idle(self) -> bool:
        """Close the connection that has been unused for longest, anywhere; False if none is idle."""
        oldest = min(
            (host.idle[0] for host in self.hosts.values() if host.idle),
            key=lambda connection: connection.idle_since,
            default=None,
        )
        if oldest is None:
            return False
        oldest.abort()
        return True

    async def aclose(self) -> None:
        """Abort every connection and wait until the loop has closed their sockets."""
        self.closed = True
        for host in self.hosts.values():
            for connection in tuple(host.connections):
                connection.abort()
        if self._sockets:
            self._empty.clear()
            await self._empty.wait()

    def socket_made(self) -> None:
        """The loop has connected a socket for us."""
        self.opened += 1
        self._sockets += 1

    def socket_lost(self) -> None:
        """The loop has closed a socket of ours."""
        self._sockets -= 1
        if self._sockets == 0:
            self._empty.set()


class HostPool:
    """Connections to one host and port."""

    __slots__ = ("arrived", "connecting", "connections", "host", "idle", "orphans", "pool", "port", "turns")

    def __init__(self, pool: Pool, host: str, port: int) -> None:
        self.pool = pool
        self.host = host
        self.port = port
        self.idle: list[LeanConnection] = []
        self.connections: set[LeanConnection] = set()
        self.connecting = 0
        self.arrived = 0
        """Connections whose makers have not woken yet: they count once, as what they are."""
        self.orphans: set[str] = set()
        """Deployments with an exchange that only the upstream still works on."""
        self.turns = Turns()

    def is_free(self) -> bool:
        """Whether a connection is kept, or another may be opened."""
        return bool(self.idle) or self._has_place()

    def _has_place(self) -> bool:
        return self.connecting + len(self.connections) < self.pool.limits.per_host

    def take(self, ceiling: Boundary) -> "LeanConnection | None":
        """The connection used last whose peer lies within `ceiling`, now in use; None if there is none."""
        idle = self.idle
        classify = self.pool.networks.classify
        for index in range(len(idle) - 1, -1, -1):
            connection = idle[index]
            if connection.transport.is_closing():
                del idle[index]
            elif classify(connection.peer) <= ceiling:
                del idle[index]
                self.pool.reused += 1
                return connection
        return None

    def put(self, connection: "LeanConnection") -> None:
        """Keep a clean connection for the next request, or close it if we are stopping."""
        if self.pool.closed:
            connection.abort()
            return
        connection.keep(self.pool.limits.idle_seconds)
        self.idle.append(connection)
        if self.turns:
            self.turns.pass_on()

    def reserve(self, name: str) -> bool:
        """Count a connection that is about to be made for `name`; LOCAL_FAULT beyond the bounds.

        True if one was closed for it, whose descriptor the loop gives back only on its next turn. A turn
        that brought here and cannot be used goes on to the next who waits.
        """
        pool = self.pool
        if pool.closed:
            self._freed()
            raise UpstreamError(Outcome.DRAINING, f"{name}: the gateway is stopping")
        if not self._has_place() and self.idle:
            self.idle[0].abort()  # kept ones lead beyond the ceiling of this request
        evicted = pool.open >= pool.limits.connections and pool.evict_idle()
        if pool.open >= pool.limits.connections:
            self._freed()
            raise UpstreamError(Outcome.LOCAL_FAULT, f"{name}: too many connections")
        self.connecting += 1
        pool.connecting += 1
        return evicted

    def unreserve(self) -> None:
        """The attempt to connect is over. If it succeeded, the connection counts for itself."""
        if self.arrived:
            self.arrived -= 1
        else:
            self.connecting -= 1
            self.pool.connecting -= 1
        self._freed()

    def connected(self, connection: "LeanConnection") -> None:
        """A connection now exists."""
        self.connections.add(connection)
        if self.connecting:
            self.connecting -= 1
            self.pool.connecting -= 1
            self.arrived += 1
        self.pool.connected += 1
        self.pool.socket_made()

    def forget(self, connection: "LeanConnection") -> None:
        """A connection has been aborted or lost. Safe to call more than once."""
        if connection in self.connections:
            self.connections.remove(connection)
            self.pool.connected -= 1
            if connection in self.idle:
                self.idle.remove(connection)
            self._freed()

    def _freed(self) -> None:
        if self.turns and self.is_free():
            self.turns.pass_on()
