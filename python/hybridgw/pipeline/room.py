"""Room for request bodies: how many bytes of them one worker holds at a time.

Each connection may bring a body of the full size, and a packed one takes a few bytes on the wire, so
without a bound over all of them a single client could fill the memory of the host. What does not fit is
refused before it is read: 503 with `retry-after`, which every SDK waits for and tries again. A body counts
from its declared length to the end of its answer, a packed one with what it may turn out to be while it is
being decoded and with what it is afterwards.

Single-threaded, like the worker's loop. What must never happen: a body that is held and not counted, or
counted after it is gone.
"""

from hybridgw.errors import Refused

BURST = 32 * 1024 * 1024
"""Bytes at one time that are much."""


class Room:
    """The bytes that are taken, of `limit`."""

    __slots__ = ("_most", "limit", "taken")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.taken = 0
        self._most = 0

    def resize(self, before: int, after: int) -> None:
        """A body that took `before` bytes takes `after` from now on. Refused `overloaded`, and nothing is
        changed, when that is more than fits beside the others; a body that is alone always fits."""
        others = self.taken - before
        if others and after > before and others + after > self.limit:
            raise Refused(
                "overloaded",
                f"running requests fill the {self.limit >> 20} MiB that server.max_bodies allows for bodies",
                retry_after=1.0,
            )
        self.taken = others + after
        if self.taken > self._most:
            self._most = self.taken

    def burst_is_over(self) -> bool:
        """Whether much was taken since the last time that this was true, and now hardly anything is: the
        moment to give freed memory back to the system."""
        if self._most < BURST or self.taken > self._most // 8:
            return False
        self._most = self.taken
        return True
