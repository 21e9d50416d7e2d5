"""A response as our own client receives it: a list of pieces, an end, and at most one waiting task.

It is an object of its own, apart from the connection, because the connection goes on to the next
request while a finished response may still be read from memory. A response that is complete, or has
failed, no longer knows its connection; so a late `close` or `arm` cannot disturb somebody else.
"""

import asyncio
from typing import TYPE_CHECKING

from hybridgw.core import Outcome
from hybridgw.errors import UpstreamError
from hybridgw.transport.seam import UpstreamResponse

if TYPE_CHECKING:
    from hybridgw.transport.lean_connection import LeanConnection


class LeanResponse(UpstreamResponse):
    """See `UpstreamResponse`. The connection fills it in; nothing outside this package looks inside."""

    __slots__ = ("chunks", "complete", "connection", "failure", "size", "waiter")

    def __init__(self, connection: "LeanConnection", peer: str) -> None:
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.peer = peer
        self.connection: LeanConnection | None = connection
        self.chunks: list[bytes] = []
        self.size = 0
        self.complete = False
        self.failure: UpstreamError | None = None
        self.waiter: asyncio.Future[None] | None = None

    async def read(self) -> bytes:
        chunks = self.chunks
        if not chunks:
            if self.complete:
                return b""
            await self._wait()
            if not chunks:
                return b""
        data = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        chunks.clear()
        self.size = 0
        connection = self.connection
        if connection is not None and connection.paused:
            connection.resume()
        return data

    def arm(self, seconds: float, outcome: Outcome) -> None:
        if self.connection is not None:
            self.connection.deadline.arm(seconds, outcome)

    def touch(self) -> None:
        if self.connection is not None:
            self.connection.deadline.touch()

    def close(self) -> None:
        if self.connection is not None:
            self.connection.abort()
            self.chunks.clear()

    async def _wait(self) -> None:
        """Until there is body, the end, or a failure, which is raised."""
        connection = self.connection
        if self.failure is None and connection is not None:
            if self.waiter is not None:
                raise RuntimeError("two tasks read one response")
            self.waiter = connection.loop.create_future()
            try:
                await self.waiter
            except asyncio.CancelledError:
                connection.give_up(self)
                raise
            finally:
                self.waiter = None
        if self.failure is not None and not self.chunks:
            raise self.failure.anew()

    def wake(self) -> None:
        """Let the waiting task look again, if there is one."""
        waiter = self.waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)
