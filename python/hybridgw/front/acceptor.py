"""New connections of one worker, balanced over all workers of the host.

All workers listen on one socket, and the kernel wakes those that sleep. Left to chance, or to the one that
wakes first, kept connections pile up on one worker, and a host serves at the speed of one core. So the worker
with the fewest connections takes the next one. Each knows the counts of the others; one that holds more than
another steps back for a moment that no client notices, and looks again, so that a connection never waits
for a worker that does not come.

A worker that steps back stops listening meanwhile: as long as a connection waits in front of the socket, it
would be woken again at once.
"""

import asyncio
import errno
import logging
import select
import socket
from typing import Protocol

from hybridgw.front.connection import Connection
from hybridgw.front.crowd import Crowd

_log = logging.getLogger(__name__)

_STEP_BACK = 0.002
"""Seconds for which a worker leaves a connection to those that have fewer."""
_BURST = 16
"""Most connections that are accepted in one turn of the loop."""
_LATE_BURST = 8
"""Most that are taken after stepping back: enough where the worker that has fewer hangs, and not all that is
there where it is only late."""
_AGAIN = 0.05
"""Seconds until a connection is looked for again that could make room. A free place is taken at once."""
_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_PAUSE = 0.1
"""Seconds without accepting when the system has no descriptor left."""


class Balance(Protocol):
    """What the workers of a host know of one another."""

    def hold(self, connections: int | None) -> None:
        """This worker has so many connections now; None: it takes no more."""
        ...

    def fewest(self) -> int | None:
        """The fewest that any other living worker holds; None when there is no other."""
        ...


class Acceptor:
    """Accepts from a listening, non-blocking socket until closed."""

    def __init__(self, crowd: Crowd, listening: socket.socket, balance: Balance | None) -> None:
        self._crowd = crowd
        self._loop = crowd.loop
        self._listening = listening
        self._balance = balance
        self._reads = False
        self._closed = False
        self._later: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Accept from now on."""
        self._crowd.counted = self._counted
        if self._balance is not None:
            self._balance.hold(0)
        self._listen()

    def close(self) -> None:
        """Accept no more; this process lets go of the socket."""
        self._closed = True
        self._deaf()
        if self._later is not None:
            self._later.cancel()
        if self._balance is not None:
            self._balance.hold(None)
        self._listening.close()

    def _listen(self) -> None:
        self._later = None
        if not self._reads and not self._closed:
            self._reads = True
            self._loop.add_reader(self._listening.fileno(), self._ready)

    def _deaf(self) -> None:
        if self._reads:
            self._reads = False
            self._loop.remove_reader(self._listening.fileno())

    def _ready(self) -> None:
        for _ in range(_BURST):
            if self._crowd.full:
                if self._connection_waits():
                    self._deaf()
                    self._crowd.make_room()
                    # `_counted` listens earlier, when one has gone.
                    self._later = self._loop.call_later(_AGAIN, self._listen)
                return
            if not self._is_mine():
                self._deaf()
                self._later = self._loop.call_later(_STEP_BACK, self._late)
                return
            if not self._accept():
                return

    def _connection_waits(self) -> bool:
        """Whether a connection waits to be accepted: another worker may have been faster."""
        poll = select.poll()
        poll.register(self._listening, select.POLLIN)
        return bool(poll.poll(0))

    def _is_mine(self) -> bool:
        if self._balance is None:
            return True
        fewest = self._balance.fewest()
        return fewest is None or len(self._crowd) <= fewest

    def _late(self) -> None:
        """Time is up: those who still wait are taken here."""
        self._later = None
        for _ in range(_LATE_BURST):
            if self._crowd.full or not self._accept():
                break
        if self._later is None:
            self._listen()

    def _accept(self) -> bool:
        """Take one connection; False when there is none."""
        try:
            sock, _ = self._listening.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return False
        except OSError as error:
            if error.errno not in _EXHAUSTED:
                raise
            self._deaf()
            self._crowd.make_room()
            self._later = self._loop.call_later(_PAUSE, self._listen)
            return False
        sock.setblocking(False)
        self._crowd.coming += 1
        self._crowd.count()
        task = self._loop.create_task(self._set_up(sock))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True

    async def _set_up(self, sock: socket.socket) -> None:
        connection = Connection(self._crowd, sock)
        try:
            await self._loop.connect_accepted_socket(lambda: connection, sock)
        except OSError:
            # It was reset before it began.
            sock.close()
            if connection not in self._crowd.all:
                self._crowd.coming -= 1
                self._crowd.count()

    def _counted(self, connections: int) -> None:
        if self._closed:
            return
        if self._balance is not None:
            self._balance.hold(connections)
        if self._crowd.others_wait and not self._crowd.full:
            self._crowd.others_wait = False
            if self._later is not None:
                self._later.cancel()
            self._listen()
