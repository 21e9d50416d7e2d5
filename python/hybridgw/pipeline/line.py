"""Waiting for one's turn at a backend that bears few requests at once.

The native side refuses what a full deployment cannot take, and rightly so where another attempt may
be served elsewhere. Where the only ones left are full and their provider says so (`queue`: an engine
that answers one request at a time), the request waits here, in order, and is decided anew as soon as
there is room. Bounded in number and in time; a client that leaves, leaves the line too.

Each worker has its own lines: who waits in another one is not known here, only the number in flight,
which all workers share.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import orjson

from hybridgw.errors import Refused
from hybridgw.native import Decision

if TYPE_CHECKING:
    from hybridgw.pipeline.call import Call

LONGEST = 64
"""Requests in one line. More would only wait to be refused."""
_LOOK = 0.01
"""Seconds between two looks of whoever stands first."""
FULL = "all_unavailable"
"""The refusal that may mean so."""


class Lines:
    """The lines of one worker: one for each set of deployments that requests wait for."""

    __slots__ = ("_lines",)

    def __init__(self) -> None:
        self._lines: dict[tuple[int, ...], _Line] = {}

    async def wait(
        self,
        call: "Call",
        full: tuple[int, ...],
        decide: Callable[[], Awaitable[Decision]],
        refused: Refused,
    ) -> Decision:
        """The decision once one of the deployments `full` (by index) has room. Raises `refused` when
        line or wait is too long, and what `decide` raises when it is not room that is missing."""
        line = self._lines.setdefault(full, _Line())
        if line.length >= LONGEST:
            raise refused.anew()
        line.length += 1
        call.leave(time.monotonic_ns())
        upstreams = call.plan.upstreams
        rooms = {int(upstreams[index].deployment.id, 16): call.plan.queues[index] for index in full}
        try:
            async with (
                asyncio.timeout(max(upstreams[index].stream_timeouts.first_token for index in full)),
                line.lock,
            ):
                while True:
                    if _has_room(call, rooms):
                        try:
                            return await decide()
                        except Refused as error:
                            # Unless somebody else was faster, it is not for want of room.
                            if error.code != FULL or _has_room(call, rooms):
                                raise
                    await asyncio.sleep(_LOOK)
        except TimeoutError:
            raise refused.anew() from None
        finally:
            call.back(time.monotonic_ns())
            line.length -= 1
            if not line.length:
                del self._lines[full]


class _Line:
    __slots__ = ("length", "lock")

    def __init__(self) -> None:
        self.length = 0
        self.lock = asyncio.Lock()
        """Whoever holds it stands first; the others get it in the order in which they came."""


def _has_room(call: "Call", rooms: dict[int, int]) -> bool:
    """A deployment that is no longer known is for the decision to judge."""
    cells = call.worker.state.breakers(time.monotonic_ns())
    busy = {cell["identity"]: cell["in_flight"] for cell in cells}
    return any(busy.get(identity, 0) < room for identity, room in rooms.items())


def worth_waiting_for(call: "Call", explanation: str) -> tuple[int, ...]:
    """Which deployments a refused request may wait for: of those that may serve it, the ones that are
    only full, and whose provider has its requests wait."""
    names = {
        candidate["deployment"]
        for candidate in orjson.loads(explanation)["candidates"]
        if candidate["blocked"] is not None and candidate["blocked"]["reason"] == "saturated"
    }
    return tuple(index for index in call.plan.queues if call.plan.upstreams[index].deployment.name in names)
