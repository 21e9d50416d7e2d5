"""One timer for all time limits of a connection, re-armed lazily.

Moving a deadline is the common case (every token moves the idle limit), expiry the rare one. So a
deadline is two numbers, and the loop's timer stays where it is: when it fires too early it looks at
the numbers and sleeps again. A request on a kept connection then costs no timer at all, and
`asyncio.wait_for` (a task switch and a timer per await) is never needed.

An expired deadline is confirmed once, a millisecond later, before it is reported: after the loop was
held up, the bytes that would have met the deadline may already lie in the socket, and timers run
before sockets are read.
"""

import asyncio
from collections.abc import Callable
from math import inf

from hybridgw.core import Outcome

_CONFIRM = 0.001


class Deadline:
    """The nearer of a phase limit (`arm`, `touch`) and a total limit (`start`).

    `expired` is called once with the outcome of the limit that ran out; the owner then calls `again`,
    `start` or `stop`. Seconds of zero or less expire at once; `math.inf` means no limit.
    """

    __slots__ = (
        "_at",
        "_confirmed",
        "_due",
        "_expired",
        "_handle",
        "_loop",
        "_outcome",
        "_seconds",
        "_total",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, expired: Callable[[Outcome], None]) -> None:
        self._loop = loop
        self._expired = expired
        self._handle: asyncio.TimerHandle | None = None
        self._due = inf
        self._at = inf
        self._total = inf
        self._seconds = inf
        self._outcome = Outcome.STALLED
        self._confirmed = -1.0

    def start(self, seconds: float, outcome: Outcome, total: float) -> None:
        """A new exchange: first phase limit and total limit, both from now."""
        now = self._loop.time()
        self._seconds = seconds
        self._outcome = outcome
        self._at = at = now + seconds
        self._total = now + total
        if self._total < at:
            at = self._total
        if at < self._due:
            self._schedule(at, now)

    def arm(self, seconds: float, outcome: Outcome) -> None:
        """A new phase limit from now; the total limit stays."""
        now = self._loop.time()
        self._seconds = seconds
        self._outcome = outcome
        self._at = at = now + seconds
        if at < self._due:
            self._schedule(at, now)

    def touch(self) -> None:
        """The phase limit starts again from now."""
        self._at = self._loop.time() + self._seconds

    def again(self) -> None:
        """After `expired`: it does not count this time, the phase limit starts again."""
        self.arm(self._seconds, self._outcome)

    def stop(self) -> None:
        """No limits any more."""
        self._at = self._total = inf
        self._due = inf
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _schedule(self, at: float, now: float) -> None:
        if self._handle is not None:
            self._handle.cancel()
        self._due = at
        self._handle = self._loop.call_later(max(0.0, at - now), self._fire)

    def _fire(self) -> None:
        self._handle = None
        self._due = inf
        at = min(self._at, self._total)
        if at == inf:
            return
        now = self._loop.time()
        if now < at:
            self._schedule(at, now)
        elif self._confirmed != at:
            self._confirmed = at
            self._schedule(now + _CONFIRM, now)
        else:
            self._expired(Outcome.TOTAL_TIMEOUT if self._total <= now else self._outcome)
