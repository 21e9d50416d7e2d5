"""A worker's own life: up, reloading, draining, down.

Start-up opens what the supervisor prepared (state file, published settings), claims a slot and
builds the first plan. Then one beat (`server.beat`) keeps the worker in step with its host: it shows
that the worker lives, prepares the journal's next segment off the request path, and looks at one
integer to learn of a new configuration. That one is read and compiled in a thread and swapped in
between two requests; a request keeps the plan that it started with. A configuration that cannot be
built leaves the old one in force.

That something was published, or that the journal's file was removed, is an event of the kernel
(`host.folder_events`) at which the beat comes at once. Where there are none it never slows down.

Shutdown lets requests in flight finish for as long as the run allows, then leaves in order: what is
still running is cancelled, each permit settled, the journal closed, the slot released.
"""

import asyncio
import contextlib
import gc
import logging
import os
import socket
import time
from pathlib import Path
from typing import NamedTuple

from hybridgw.config.addresses import BoundaryNetworks
from hybridgw.config.schema import Settings
from hybridgw.front.asgi import Receive, Send
from hybridgw.host import bell, publication, runtime, slots
from hybridgw.host.folder_events import FolderEvents, places
from hybridgw.host.journal_status import full_mark, is_full, journal_status
from hybridgw.host.life import missing_workers
from hybridgw.host.limits import body_room, connection_limit
from hybridgw.host.memory import give_back_memory
from hybridgw.ledger import standing
from hybridgw.ledger.response_store import Bounds, ResponseStore
from hybridgw.native import Journal, Router, StateFile
from hybridgw.pipeline import Worker
from hybridgw.pipeline.room import Room
from hybridgw.pipeline.watchdog import Watchdog
from hybridgw.routing.plan import Plan
from hybridgw.server.beat import Beat
from hybridgw.telemetry.accounts import Accounts
from hybridgw.transport.seam import TransportLimits
from hybridgw.transport.select import Transports, warm

_log = logging.getLogger(__name__)
_DRAIN_POLL = 0.02
_INTERFACES = 30.0
"""Seconds between two looks at this host's own addresses: containers and VPNs come and go."""
_JOURNAL = 10.0
"""Seconds between two looks at a journal to which nothing was written and of which no event came."""


class _Built(NamedTuple):
    plan: Plan
    router: Router


class Lifecycle:
    """What the application holds on to: the worker and how it came to be."""

    worker: Worker

    def __init__(self) -> None:
        self.created = int(time.time())
        self.key_header: bytes | None = None
        self.endpoints: tuple[str, ...] = ()
        """The paths that are served, for the page that lists them."""
        self.methods: tuple[tuple[str, tuple[str, ...]], ...] = ()
        """The same with the methods that each takes."""
        self._journal_full = False
        self._responses: ResponseStore | None = None
        self._refused = 0
        """The newest generation, if it cannot be used."""
        self._looked = 0.0
        """When the host's own addresses were looked at."""
        self._journal_seen = (-1, 0.0)
        """How many records there were at the last look at the journal, and when that was."""
        self._told = False
        """Events come for everything that the beat would otherwise have to look for."""
        self._chores: asyncio.Task[None] | None = None
        self._extending: asyncio.Task[None] | None = None

    def reload_status(self) -> publication.ReloadStatus:
        """What became of reloads in this run: for pages, never for a request."""
        return publication.reload_status(self._info)

    def accounts(self) -> Accounts:
        """How journal and ledger do: for pages, never for a request."""
        state_dir = Path(self._info.state_dir)
        journal = journal_status(self._info)
        return Accounts(
            ledger=standing.running(state_dir),
            consumers=standing.status(state_dir),
            size=journal.size,
            held=journal.held,
            alarm=journal.alarm,
            dropped=journal.dropped,
        )

    def missing_workers(self) -> int:
        """How many workers of this host are not there or hang: for pages, never for a request."""
        return missing_workers(self._state, self._info.workers, time.monotonic_ns())

    @property
    def info(self) -> runtime.RuntimeInfo:
        """The run that this worker belongs to."""
        return self._info

    async def lifespan(self, receive: Receive, send: Send) -> None:
        """The ASGI lifespan. An error in start-up propagates: the host reports it as failed."""
        await receive()
        self._start()
        await send({"type": "lifespan.startup.complete"})
        await _until_shutdown(receive)
        await self._stop()
        await send({"type": "lifespan.shutdown.complete"})

    def _start(self) -> None:
        info = self._info = runtime.current()
        state = self._state = StateFile.open(info.state_file)
        slot = self._slot = slots.claim(state)
        published = publication.read_published(info, state)
        settings = published.settings
        pipe = bell.path(info.run_dir)
        self._journal = Journal(
            info.journal_dir,
            info.instance,
            slot,
            state.epoch(slot),
            settings.state.journal_segment,
            None if pipe is None else (state, pipe),
        )
        built = self._build(settings, published.generation)
        self._networks = BoundaryNetworks()
        transport = Transports(self._networks, limits(settings))
        self.worker = Worker(
            built.plan, built.router, state, slot, transport, transport, Room(0), self._journal
        )
        self._adopt(built)
        self._watchdog = Watchdog(self.worker)
        self._watchdog.start()
        self._beat = Beat(self._turn)
        self.worker.rouse = self._rouse
        self._events = FolderEvents()
        if self._events.descriptor is not None:
            self.worker.loop.add_reader(self._events.descriptor, self._stirred)
        self._watch_folders()
        self._looked = time.monotonic()
        # TLS clients are large; importing one is not the first request's business.
        self._chores = self.worker.loop.create_task(_warm(built.plan))
        self._beat.now()
        # What exists now lives as long as the worker: the collector need not look at it again.
        # Requests free what they made by reference counting; cycles are rare, so passes may be.
        gc.collect()
        gc.freeze()
        gc.set_threshold(20_000, 50, 50)

    def _build(self, settings: Settings, generation: int) -> _Built:
        plan = Plan(settings, generation)
        self._state.reserve([int(up.deployment.id, 16) for up in plan.upstreams], generation)
        return _Built(plan, Router(plan.native, self._state, self._slot, self._journal, settings.learned))

    def _adopt(self, built: _Built) -> None:
        self.worker.plan, self.worker.router = built
        self._store_responses(built.plan.settings)
        boundaries = built.plan.settings.boundaries
        server = built.plan.settings.server
        self.worker.room.limit = server.max_bodies or body_room(self._info.workers)
        self._networks.relist(boundaries.device.networks, boundaries.organization.networks)
        header = built.plan.settings.auth.key_header
        self.key_header = header.lower().encode("latin-1") if header else None
        limit_stalls(self._info.listen_fd, server.write_stall)
        self._state.adopt(self._slot, built.plan.generation)

    def _store_responses(self, settings: Settings) -> None:
        """One store for as long as the worker lives: requests may hold it when the settings change."""
        wanted = settings.responses
        bounds = Bounds(wanted.ttl, wanted.max_entries, wanted.max_bytes)
        if wanted.store and self._responses is None:
            self._responses = ResponseStore(Path(self._info.state_dir), bounds)
        elif self._responses is not None:
            self._responses.bounds = bounds
        self.worker.responses = self._responses if wanted.store else None

    def _rouse(self) -> None:
        """The first request after a rest."""
        self._watchdog.wake()
        self._beat.rouse()

    def _watch_folders(self) -> None:
        """Have events for publications, for the mark of a full journal and for the journal's file, under the
        name that it has now."""
        self._journal_path = self._journal.path()
        names = {publication.place(self._info), full_mark(self._info)} | places(self._journal_path)
        self._told = self._events.watch(names)

    def _stirred(self) -> None:
        if self._events.take():
            self._journal_seen = (-1, 0.0)
            self._beat.now()

    def _turn(self) -> bool:
        """One beat. It waits for nothing, least of all for threads: what is asked of them may take as long
        as other requests keep them busy, and is no sign that this worker hangs."""
        self._state.heartbeat(self._slot, time.monotonic_ns())
        now = time.monotonic()
        records, seen_at = self._journal_seen
        written = self._journal.records() != records
        # A disk that does not answer must not look like a worker that does not live.
        free = self._extending is None or self._extending.done()
        if free and (written or self._journal_full or not self._told or now - seen_at >= _JOURNAL):
            self._journal_seen = self._journal.records(), now
            self._extending = self.worker.loop.create_task(self._extend_journal())
        if self._chores is None or self._chores.done():
            addresses = now - self._looked > _INTERFACES
            memory = self.worker.room.burst_is_over()
            generation = self._state.generation()
            news = generation not in (self.worker.plan.generation, self._refused)
            if addresses or memory or news:
                self._chores = self.worker.loop.create_task(self._catch_up(addresses, memory, news))
        return written or self._journal_full or not self._told or not self.worker.resting

    async def _catch_up(self, addresses: bool, memory: bool, news: bool) -> None:
        if addresses:
            self._looked = time.monotonic()
            await asyncio.to_thread(self._networks.refresh)
        if memory:
            await asyncio.to_thread(give_back_memory)
        if not news:
            return
        generation = self._state.generation()
        try:
            built = await asyncio.to_thread(self._read)
        except Exception:
            # The old plan stays; said once per generation, not at every beat.
            self._refused = generation
            _log.exception("generation %d cannot be used", generation)
            return
        self._adopt(built)

    def _look_after_journal(self) -> None:
        self.worker.journal_full = is_full(self._info)
        self._journal.prepare()

    async def _extend_journal(self) -> None:
        try:
            await asyncio.to_thread(self._look_after_journal)
        except OSError as error:
            # Tried again at every beat and said once: a log on the same full disk must not grow by it.
            if not self._journal_full:
                _log.error("the journal cannot be extended: %s", error)
            self._journal_full = True
            return
        finally:
            if self._journal.path() != self._journal_path or not self._told:
                self._watch_folders()
        if self._journal_full:
            _log.warning("the journal can be extended again")
        self._journal_full = False

    def _read(self) -> _Built:
        published = publication.read_published(self._info, self._state)
        return self._build(published.settings, published.generation)

    async def _stop(self) -> None:
        worker = self.worker
        worker.draining = True
        end = time.monotonic() + self._info.drain
        # Polled: an event would have to be set by every request for the sake of one shutdown.
        while worker.active and time.monotonic() < end:  # noqa: ASYNC110
            await asyncio.sleep(_DRAIN_POLL)
        left = [call.task for call in worker.active if call.task is not None]
        for call in tuple(worker.active):
            call.abort("draining")
        if left:
            await asyncio.wait(left, timeout=1.0)
        self._beat.stop()
        if self._events.descriptor is not None:
            self.worker.loop.remove_reader(self._events.descriptor)
        self._events.close()
        for task in (self._chores, self._extending):
            if task is not None:
                task.cancel()
        self._watchdog.stop()
        await worker.transport.aclose()
        if self._responses is not None:
            await asyncio.to_thread(self._responses.close)
        self._journal.close()
        self._state.release(self._slot)


async def _warm(plan: Plan) -> None:
    await asyncio.to_thread(warm, [upstream.deployment for upstream in plan.upstreams])


async def _until_shutdown(receive: Receive) -> None:
    while (await receive())["type"] != "lifespan.shutdown":
        pass


def limit_stalls(listening: int, seconds: float) -> None:
    """Let the kernel drop a client that takes no byte for this long. The watchdog sees only what the
    application still has to say; an answer that was handed to the server whole, and the last bytes of
    any other, wait where only the kernel knows whether they are taken. Connections inherit this."""
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(listening)) as shared:
        shared.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, max(1, round(seconds * 1000)))


def limits(settings: Settings) -> TransportLimits:
    """Bounds on this worker's connections. Those to upstreams, kept ones included, get the same share
    of the descriptors as those of clients: beyond it the ones unused for longest make room."""
    transport = settings.transport
    connections = connection_limit()
    return TransportLimits(
        connections=connections,
        per_host=transport.max_connections or connections,
        wait_seconds=transport.connection_wait,
        idle_seconds=transport.idle_expiry,
        dns_seconds=transport.dns_ttl,
    )
