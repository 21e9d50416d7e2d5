"""All connections of one worker: which of them wait for what, for how long, and who makes room.

A connection without a request waits in one of three rows, in the order in which it joined: `idle` (it has
sent nothing, or nothing since its last answer), `heads` (a request head has begun), `lingering` (it was
answered and is to close). The longest waiting stands first, so the next one to expire is known without a
look at the others, and one timer serves all of them; it runs only while a connection waits.

The places of a worker are for those who ask for something: when they are all taken, the connection that has
been idle for longest is closed for the one that comes, and after the idle ones those whose head does not
come. A request that is being served is never ended for that.
"""

import asyncio
from collections.abc import Callable, Iterator
from typing import NamedTuple

from hybridgw.front import render
from hybridgw.front.connection import Connection
from hybridgw.front.seam import Refusal, Serve

_LINGER = 2.0
"""Seconds for which what a client still sends is taken, after it was answered."""
_JUST_CAME = 0.05
"""Seconds for which an idle connection need not make room: its request may be on the way."""
_SLOW_HEAD = 1.0
"""Seconds after which a head that is not complete may have to make room."""

Row = dict[Connection, float]
"""Connections, and since when each waits."""


class Limits(NamedTuple):
    """What a worker grants."""

    connections: int
    head: float
    """Seconds for a request head from its first byte."""
    idle: float
    """Seconds for which a connection may be without a request."""


class Crowd:
    """See the module."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, serve: Serve, refuse: Refusal, limits: Limits
    ) -> None:
        self.loop = loop
        self.serve = serve
        self._refuse = refuse
        self._limits = limits
        self.all: set[Connection] = set()
        self.coming = 0
        """Connections that were accepted and are not set up yet."""
        self.counted: Callable[[int], None] | None = None
        """Called with the number of connections when that has changed."""
        self.others_wait = False
        """A connection could not be accepted for want of a place."""
        self._draining = False
        self._idle: Row = {}
        self._heads: Row = {}
        self._lingering: Row = {}
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0

    def __len__(self) -> int:
        return len(self.all) + self.coming

    @property
    def full(self) -> bool:
        """Whether all places are taken."""
        return len(self.all) + self.coming >= self._limits.connections

    def refusal(self, code: str, message: str, path: str) -> bytes:
        """The whole answer to what is no request."""
        status, headers, body = self._refuse(code, message, path)
        framing = b"" if any(name == b"connection" for name, _ in headers) else b"connection: close\r\n"
        return render.head(status, headers, (), framing) + body

    # What connections say of themselves.

    def joined(self, connection: Connection) -> None:
        """It was set up, and has sent nothing."""
        self.coming -= 1
        self.all.add(connection)
        if self._draining:
            self._dismiss(connection)
            return
        self._wait(self._idle, connection, self._limits.idle)

    def begins(self, connection: Connection) -> None:
        """A request head has begun, and is not complete."""
        self._idle.pop(connection, None)
        self._wait(self._heads, connection, self._limits.head)

    def works(self, connection: Connection) -> None:
        """It waits for nothing any more: a request is complete, or refused."""
        self._idle.pop(connection, None)
        if self._heads:
            self._heads.pop(connection, None)

    def rests(self, connection: Connection) -> None:
        """It was answered, and may send another request."""
        if (self.others_wait and not connection.transport.get_write_buffer_size()) or self._draining:
            self._dismiss(connection)
            return
        self._wait(self._idle, connection, self._limits.idle)

    def _dismiss(self, connection: Connection) -> bool:
        """Let it go; False where its request is there already, which is then waited for like any other."""
        if connection.leave():
            return True
        self._wait(self._heads, connection, self._limits.head)
        return False

    def lingers(self, connection: Connection) -> None:
        """It was answered, and is to go."""
        self._wait(self._lingering, connection, _LINGER)

    def left(self, connection: Connection) -> None:
        """It is closed."""
        self.all.discard(connection)
        for row in (self._idle, self._heads, self._lingering):
            row.pop(connection, None)
        self.count()

    # What the server wants of them.

    def count(self) -> None:
        """Their number has changed."""
        if self.counted is not None:
            self.counted(len(self.all) + self.coming)

    def make_room(self) -> bool:
        """Another connection waits for a place: end the one that needs its own least. False: none can."""
        self.others_wait = True
        now = self.loop.time()
        while idle := next(self._free(now), None):
            del self._idle[idle]
            if self._dismiss(idle):
                return True
        slow = next(self._overdue(self._heads, now - _SLOW_HEAD), None)
        if slow is not None:
            slow.refuse("request_timeout", _LATE)
        return slow is not None

    def _free(self, now: float) -> Iterator[Connection]:
        """Idle connections that would be gone at once: none whose last answer is still on its way to it."""
        for idle in self._overdue(self._idle, now - _JUST_CAME):
            if not idle.transport.get_write_buffer_size():
                yield idle

    def drain(self) -> None:
        """Take no request beyond those that run."""
        self._draining = True
        for connection in self.all:
            connection.closes = True
        for connection in tuple(self._heads):
            connection.transport.close()
        # Behind them: one whose request has just arrived joins that row, and is served.
        for connection in tuple(self._idle):
            del self._idle[connection]
            self._dismiss(connection)

    def abort(self) -> None:
        """End all connections at once."""
        for connection in tuple(self.all):
            connection.transport.abort()

    # Time.

    def _wait(self, row: Row, connection: Connection, seconds: float) -> None:
        row[connection] = now = self.loop.time()
        timer = self._timer
        if timer is None or now + seconds < self._due:
            if timer is not None:
                timer.cancel()
            self._due = now + seconds
            self._timer = self.loop.call_later(seconds, self._expire)

    def _expire(self) -> None:
        now = self.loop.time()
        for connection in tuple(self._overdue(self._idle, now - self._limits.idle)):
            del self._idle[connection]
            self._dismiss(connection)
        for connection in tuple(self._overdue(self._heads, now - self._limits.head)):
            connection.refuse("request_timeout", _LATE)
        for connection in tuple(self._overdue(self._lingering, now - _LINGER)):
            del self._lingering[connection]
            if connection.transport.get_write_buffer_size():
                # Its answer is still on the way; whether it is taken is the kernel's to watch.
                self._lingering[connection] = now
            else:
                connection.transport.abort()
        self._arm(now)

    def _arm(self, now: float) -> None:
        """The timer for the connection that is due next."""
        if self._timer is not None:
            # It has gone off, or one that lingers since just now has begun it anew.
            self._timer.cancel()
            self._timer = None
        following = [
            next(iter(row.values())) + seconds
            for row, seconds in (
                (self._idle, self._limits.idle),
                (self._heads, self._limits.head),
                (self._lingering, _LINGER),
            )
            if row
        ]
        if following:
            self._due = min(following)
            self._timer = self.loop.call_later(max(0.001, self._due - now), self._expire)

    @staticmethod
    def _overdue(row: Row, before: float) -> Iterator[Connection]:
        for connection, since in row.items():
            if since > before:
                return
            yield connection


_LATE = "the request headers did not arrive in time"
