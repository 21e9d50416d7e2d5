"""Waiting for one of an upstream's connections when all that are allowed are in use: in order, and shortly.

A burst that is over in a second must not become a row of errors, and a queue that grows must not hide an
overload from the layers that can send the request elsewhere. So a request waits for as long as
`transport.connection_wait` says, first come, first served; then the attempt fails as our own fault, and says
which setting it met.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from hybridgw.core import Outcome
from hybridgw.errors import UpstreamError


class Turns:
    """Those who wait for a connection to one host; single-threaded, bound to one loop."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: deque[asyncio.Future[None]] = deque()

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def pass_on(self) -> None:
        """A connection is free, or may be opened: the first who waits looks again."""
        while self._waiting:
            first = self._waiting.popleft()
            if not first.done():
                first.set_result(None)
                return

    async def turn(self, free: Callable[[], bool], seconds: float, name: str, most: int) -> None:
        """Until `free()`, asked when others have left. UpstreamError LOCAL_FAULT after `seconds`; `most` is
        the bound that was met, `name` the deployment's."""
        if not self._waiting and free():
            return
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        # Who was woken and found it taken keeps the place in front.
        place = self._waiting.append
        while True:
            waiter = loop.create_future()
            place(waiter)
            try:
                async with asyncio.timeout_at(end):
                    await waiter
            except TimeoutError:
                if waiter.done() and not waiter.cancelled():
                    self.pass_on()  # it came in the same turn of the loop, too late
                raise UpstreamError(
                    Outcome.LOCAL_FAULT,
                    f"{name}: all {most} connections to this host were in use for {seconds:g} s "
                    "(transport.max_connections)",
                ) from None
            except asyncio.CancelledError:
                if waiter.done() and not waiter.cancelled():
                    self.pass_on()  # the turn that we leave unused
                raise
            finally:
                if waiter in self._waiting:
                    self._waiting.remove(waiter)
            if free():
                return
            place = self._waiting.appendleft
