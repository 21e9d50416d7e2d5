"""The one timer of a worker that runs while nothing happens.

Everything that a worker does without being asked hangs on it, so an idle worker wakes up once a second and
not once for each duty. While there are requests it beats ten times a second; the first one after a rest
brings the next beat forward (`rouse`), and an event that needs a look at once has it (`now`).

A beat never waits: what has to wait becomes a task.
"""

import asyncio
import logging
from collections.abc import Callable

_log = logging.getLogger(__name__)
FAST = 0.1
"""Seconds between two beats while there is something to do."""
SLOW = 1.0
"""The same while there is nothing; a worker that shows life five times more rarely counts as missing."""


class Beat:
    """Calls `act` until stopped; `act` answers whether the next beat is to come soon."""

    def __init__(self, act: Callable[[], bool]) -> None:
        self._act = act
        self._loop = asyncio.get_running_loop()
        self._handle: asyncio.TimerHandle | None = None
        self.slow = False
        """The next beat is a slow one."""

    def now(self) -> None:
        """Beat, now and from now on."""
        self.stop()
        soon = True
        try:
            soon = self._act()
        except Exception:
            # Without a next beat this worker would be taken to hang, and be killed.
            _log.exception("a worker's regular duties failed")
        self._next(soon)

    def rouse(self) -> None:
        """There is something to do: the next beat comes soon."""
        if self.slow:
            self.stop()
            self._next(soon=True)

    def stop(self) -> None:
        """Beat no more."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        self.slow = False

    def _next(self, soon: bool) -> None:
        self.slow = not soon
        self._handle = self._loop.call_later(FAST if soon else SLOW, self.now)
