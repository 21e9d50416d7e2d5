"""Names to addresses, off the hot path: a small cache in front of the system resolver.

The system resolver runs in the loop's thread pool, which has few threads; requests for one name share
one look-up, so a slow name server cannot fill the pool with copies of the same question. Failures are
not cached: the breaker already keeps us from asking too often.

Answers are never trusted for the privacy decision. They only choose which addresses are worth
connecting to; the connected socket's peer is checked again by the transport.
"""

import asyncio
import socket
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any

from hybridgw.config.addresses import parse_address

_CACHE_SIZE = 1024


class Resolver:
    """Resolve with a time to live, one look-up per name at a time. Bound to the loop that uses it."""

    def __init__(self, seconds: float, clock: Callable[[], float] = monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._known: dict[str, tuple[float, tuple[str, ...]]] = {}
        self._asking: dict[str, asyncio.Task[tuple[str, ...]]] = {}

    async def resolve(self, host: str) -> tuple[str, ...]:
        """Addresses of `host` in the resolver's order; an address stands for itself.

        Raises socket.gaierror when there are none, UnicodeError for a name outside IDNA.
        """
        if parse_address(host) is not None:
            return (host,)
        known = self._known.get(host)
        if known is not None and known[0] > self._clock():
            return known[1]
        task = self._asking.get(host)
        if task is None:
            task = self._asking[host] = asyncio.get_running_loop().create_task(self._ask(host))
            task.add_done_callback(lambda done: self._asked(host, done))
        # Shielded: one caller that gives up must not take the answer from the others.
        return await asyncio.shield(task)

    async def aclose(self) -> None:
        """Give up look-ups in progress and forget what is known."""
        tasks = list(self._asking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._known.clear()

    async def _ask(self, host: str) -> tuple[str, ...]:
        addresses = tuple(dict.fromkeys(str(row[4][0]) for row in await self._rows(host)))
        if not addresses:
            raise socket.gaierror(socket.EAI_NONAME, "no address")
        if len(self._known) >= _CACHE_SIZE:
            self._known.clear()
        self._known[host] = (self._clock() + self._seconds, addresses)
        return addresses

    async def _rows(self, host: str) -> Sequence[tuple[Any, ...]]:
        return await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)

    def _asked(self, host: str, task: "asyncio.Task[tuple[str, ...]]") -> None:
        del self._asking[host]
        if not task.cancelled():
            task.exception()  # seen, even when every caller has given up
