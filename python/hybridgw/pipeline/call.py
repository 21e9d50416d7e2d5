"""One request in flight, and what a worker process shares between its requests.

A `Call` is mutable on purpose: the watchdog has to see from outside where a request stands (is the
head out? since when does the client not take its bytes?). Only the request's own task and the
watchdog touch it.
"""

import asyncio
import random
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from hybridgw.core import Route
from hybridgw.dialects import Dialect
from hybridgw.dialects.base import Fault, Writer
from hybridgw.front.seam import Client
from hybridgw.ledger.response_store import ResponseStore
from hybridgw.native import Decision, Journal, Principal, Relay, Router, StateFile
from hybridgw.pipeline.attempt import Attempt
from hybridgw.pipeline.divided import Parts
from hybridgw.pipeline.lessons import Learnt
from hybridgw.pipeline.line import Lines
from hybridgw.pipeline.memory import Memory
from hybridgw.pipeline.phase import Phase
from hybridgw.pipeline.policy import NATIVE, Policy
from hybridgw.pipeline.room import Room
from hybridgw.routing.plan import Plan
from hybridgw.transport.seam import Fetched, Images, Transport

if TYPE_CHECKING:
    from hybridgw.pipeline.gate import Gate


class Worker:
    """What all requests of this process share. `plan` and `router` are swapped together."""

    __slots__ = (
        "active", "draining", "draw", "images", "journal", "journal_full", "learnt", "lines", "loop", "plan",
        "policy",
        "responses", "resting", "room", "rouse", "router", "slot", "state", "transport",
    )  # fmt: skip

    def __init__(
        self,
        plan: Plan,
        router: Router,
        state: StateFile,
        slot: int,
        transport: Transport,
        images: Images,
        room: Room,
        journal: Journal,
    ) -> None:
        self.plan = plan
        self.router = router
        self.state = state
        self.slot = slot
        self.transport = transport
        self.images = images
        self.room = room
        self.journal = journal
        self.policy: Policy = NATIVE
        """Judges answers that are held back."""
        self.responses: ResponseStore | None = None
        """Where responses are stored that clients may refer to; None where none are."""
        self.loop = asyncio.get_running_loop()
        self.active: set[Call] = set()
        """Changed by `enter` and `leave`."""
        self.resting = False
        """No timer runs that is for requests only: the next one that enters has to rouse."""
        self.rouse: Callable[[], None] = _nothing
        self.draining = False
        self.journal_full = False
        """Whether the journal may not grow: what cannot be accounted for is not served."""
        self.lines = Lines()
        self.learnt = Learnt()
        """What backends refused or lacked until now."""
        # Spreads load; guards nothing, so the fast generator is the right one.
        self.draw: Callable[[int], int] = random.Random().getrandbits

    def enter(self, call: "Call") -> None:
        """A request begins: from now on it is seen by those who watch requests."""
        self.active.add(call)
        if self.resting:
            self.resting = False
            self.rouse()

    def leave(self, call: "Call") -> None:
        """It is over. What watched it finds that out by itself."""
        self.active.discard(call)


def _nothing() -> None:
    """Nothing rests here."""


class Call:
    """Where one request stands.

    What starts the same for every request is a default of the class: an attribute that most
    requests never touch costs them nothing.
    """

    phase = Phase.ADMITTED
    refused = False
    """It is too large, and what still arrives is thrown away within limits of its own."""
    received = 0
    """Bytes of the body so far."""
    held = 0
    """Bytes that its body takes of the worker's room."""
    decision: Decision | None = None
    gate: "Gate | None" = None
    """Holds the attempts; None before the decision."""
    attempt: Attempt | None = None
    """The one that is asked or sent now."""
    deadline_ns = 0
    """When the time that the client gave is over; 0 when it gave none."""
    status = 0
    """Status sent to the client, 0 while there is none."""
    head_sent = False
    cause: str | None = None
    """Why the task was cancelled: `client_gone`, `client_stalled`, `body_timeout`, or `draining` when
    the worker has no time left."""
    watch: asyncio.Task[None] | None = None
    beat: asyncio.Task[None] | None = None
    astray = False
    """The body belongs to another route than the one that was called: it is answered in the words of
    the one, and its bytes may pass through as neither."""
    writer: Writer | None = None
    """Through the hub: it has begun the answer with a heartbeat, or writes the one that was committed."""
    relay: Relay | None = None
    """Of the answer whose bytes pass through, once they do."""
    images: Mapping[str, Fetched] = {}
    """Remote images that were fetched for an attempt, by URL: the next one needs them again."""
    memory: Memory | None = None
    """What a stored response leans on and becomes; None for a request that leaves nothing behind."""
    parts: Parts | None = None
    """Where a request is divided: how far its pieces have come, in this attempt and those before."""
    forwarded: Mapping[bytes, bytes] = {}
    """Headers of the client that some backends are to see, by name."""
    fallbacks = 0
    """Failed attempts at another model than the one asked for."""
    query = ""
    """With its question mark; empty when there is none, or nobody is to see it."""
    bytes_sent = 0
    """Of the body, heartbeats left out."""
    sending_since_ns = 0
    """Not 0 while a send waits for the client to take its bytes."""
    overhead_ns = 0
    """Time spent here, and not in waiting for an upstream or for the client."""

    def __init__(
        self,
        worker: Worker,
        route: Route,
        dialect: Dialect,
        principal: Principal,
        client: Client,
        begun_ns: int,
    ) -> None:
        self.worker = worker
        self.plan = worker.plan
        self.router = worker.router
        self.route = route
        self.dialect = dialect
        self.principal = principal
        self.client = client
        self.begun_ns = begun_ns
        self.last_sent_ns = begun_ns
        self.mark_ns = begun_ns
        """Since when the request has been in our hands; 0 while it is not."""
        self.task = asyncio.current_task(worker.loop)

    def move(self, phase: Phase) -> None:
        """Go on to `phase`. AssertionError where no way leads there."""
        if phase not in self.phase.follows:
            raise AssertionError(f"a request cannot go from {self.phase.name} to {phase.name}")
        self.phase = phase

    @property
    def reading(self) -> bool:
        """The body is still arriving."""
        return self.phase is Phase.ADMITTED

    @property
    def ended(self) -> bool:
        """Nothing more can be said to the client."""
        return self.phase is Phase.ENDED

    def body_is_read(self) -> None:
        """Nothing more is expected of the client, be it that all is here or that it was given up."""
        self.move(Phase.READ)

    def begin_head(self, status: int) -> None:
        """The head of the response goes out."""
        self.head_sent = True
        self.status = status

    def end(self, status: int = 0) -> None:
        """The last bytes of the response go out; with the status that the request is counted under."""
        self.move(Phase.ENDED)
        self.status = status or self.status

    @property
    def heartbeat(self) -> bytes:
        """Keeps the stream open where it stands. It may begin the answer: in the words of the writer that
        goes on with it then, whichever attempt is committed."""
        if self.writer is None and self.attempt is not None and self.gate is not None and not self.gate.kept:
            # Not while an answer is kept: its bytes may pass, and would not go on with what this began.
            self.writer = self.attempt.writer
        return self.dialect.heartbeat if self.writer is None else self.writer.heartbeat

    def error_event(self, fault: Fault) -> bytes:
        """The end of a stream that failed after it had begun."""
        if self.relay is not None:
            # Where bytes passed, only the relay knows what was said.
            event = self.relay.failure(fault.message, fault.code or fault.type)
            if event is not None:
                return event
        return (self.dialect if self.writer is None else self.writer).error_event(fault)

    def leave(self, now_ns: int) -> None:
        """The request waits for somebody else: what follows is not our time. Again: no change."""
        if self.mark_ns:
            self.overhead_ns += now_ns - self.mark_ns
            self.mark_ns = 0

    def back(self, now_ns: int) -> None:
        """The upstream answered or failed: our time counts again. Again: no change."""
        self.mark_ns = self.mark_ns or now_ns

    @property
    def delivered(self) -> bool:
        """The whole answer was handed to the server: a client that leaves now has what it wanted."""
        return self.ended and not self.sending_since_ns

    def abort(self, cause: str) -> None:
        """End the request from outside, once. The task sees a CancelledError and reads `cause`.

        Not while the last bytes wait for their reader: cancelled, they would be lost and the body still
        end as if it were whole. Such a reader is the kernel's to drop (`lifecycle.limit_stalls`)."""
        if self.ended and cause != "client_gone":
            return
        if self.cause is None and self.task is not None and not self.task.done():
            self.cause = cause
            self.task.cancel()

    def dismiss(self) -> None:
        """The request is over: nobody watches it any more, and it knows none of its tasks. A task that was
        cancelled keeps its error, the error its frames and these the call: with the task in the call that
        would be a ring, in which the body stays until the garbage collector finds it."""
        watch, self.watch = self.watch, None
        if watch is not None:
            watch.cancel()
        beat, self.beat = self.beat, None
        if beat is not None:
            beat.cancel()
        self.task = self.gate = self.attempt = None
        self.phase = Phase.ENDED
        if self.held:
            self.hold(0)

    def hold(self, size: int) -> None:
        """The body takes `size` bytes from now on. Refused where the worker has no room for them."""
        self.worker.room.resize(self.held, size)
        self.held = size

    def resumed(self) -> None:
        """The task has seen the CancelledError of `abort` and goes on: to answer, or to end well."""
        if self.task is not None:
            self.task.uncancel()
