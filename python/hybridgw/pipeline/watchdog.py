"""One timer per worker for everything that happens only to slow requests.

A request that is answered within one tick needs no task that listens for its client's departure,
no heartbeat and no timer against a stalled reader: these cost more than the request itself. So a
single periodic scan over the requests in flight does it for those that live longer. Deadlines of
an upstream exchange (first token, idle, total) are not here: the transport has one timer per exchange.

While there is no request there is no tick either: a scan that finds none is the last one, and the next
request that enters begins anew (`Worker.rouse`).

The scan never waits and never sends by itself; what has to wait gets a task.
"""

import asyncio
import time

from hybridgw.config.schema import ServerSettings
from hybridgw.pipeline.call import Call, Worker
from hybridgw.pipeline.head import stream_head

_SLOWEST_TICK = 0.05
_FASTEST_TICK = 0.001
_MEASURED_AFTER = 5.0
"""Seconds of a body's arrival that say nothing about its rate."""


class Watchdog:
    """Scans `worker.active` while there is somebody in it, until stopped."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._handle: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()

    def start(self) -> None:
        """Watch: tick from the next request on."""
        self._worker.rouse = self.wake
        self._worker.resting = not self._worker.active
        if self._worker.active:
            self.wake()

    def wake(self) -> None:
        """Tick, if it does not already."""
        if self._handle is None:
            self._handle = self._loop.call_later(self._tick(), self._scan)

    @property
    def ticking(self) -> bool:
        """Whether a tick is due."""
        return self._handle is not None

    def stop(self) -> None:
        """Tick no more; requests in flight go on unwatched."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        self._worker.rouse = _ignored

    def _tick(self) -> float:
        """A quarter of the shortest limit in force, so that none is missed by much."""
        server = self._worker.plan.settings.server
        shortest = min(server.write_stall, server.body_timeout, server.commit_after, server.heartbeat)
        return max(_FASTEST_TICK, min(_SLOWEST_TICK, shortest / 4))

    def _scan(self) -> None:
        active = self._worker.active
        if not active:
            self._handle = None
            self._worker.resting = True
            return
        tick = self._tick()
        self._handle = self._loop.call_later(tick, self._scan)
        now = time.monotonic_ns()
        young = now - int(tick * 1e9)
        for call in tuple(active):
            if call.begun_ns < young:
                self._look(call, now, call.plan.settings.server)

    def _look(self, call: Call, now: int, server: ServerSettings) -> None:
        if call.reading:
            if call.refused:
                return
            waited = (now - call.begun_ns) / 1e9
            slow = waited > _MEASURED_AFTER and call.received < server.body_min_rate * (
                waited - _MEASURED_AFTER
            )
            if slow or waited > server.body_timeout:
                call.abort("body_timeout")
            return
        if call.watch is None:
            call.watch = self._loop.create_task(_await_departure(call))
        if call.sending_since_ns:
            if now - call.sending_since_ns > server.write_stall * 1e9:
                call.abort("client_stalled")
            return
        decision = call.decision
        if call.ended or decision is None or not decision.stream or call.beat is not None:
            return
        patience = server.heartbeat if call.head_sent else server.commit_after
        if now - call.last_sent_ns > patience * 1e9:
            call.beat = self._loop.create_task(_beat(call))


def _ignored() -> None:
    """Stopped: nobody is watched any more."""


async def _await_departure(call: Call) -> None:
    """Cancel the call when its client goes away."""
    await call.client.gone()
    if not call.delivered:
        call.abort("client_gone")


async def _beat(call: Call) -> None:
    """Send one heartbeat, and the head before it if it is not out yet."""
    try:
        now = time.monotonic_ns()
        call.sending_since_ns = now
        if not call.head_sent:
            call.begin_head(200)
            call.client.start(200, stream_head(call))
        await call.client.write(call.heartbeat)
        call.last_sent_ns = now
    finally:
        call.sending_since_ns = 0
        call.beat = None
