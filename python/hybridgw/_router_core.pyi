"""The native hot path: parse, decide, account and frame.

One call decides a request (`Router.decide`), one settles it (`Permit.finish`), one per batch of
received bytes frames the answer (`Relay.feed`). Nothing here opens a socket, reads a clock or starts
a thread: clocks arrive as nanoseconds (`mono_ns` from `time.monotonic_ns()`, `wall_ns` from
`time.time_ns()`), randomness as one 64-bit `draw` per call. Objects may be used from any thread.

Numbers of boundaries, levels, routes and outcomes are those of `hybridgw.core`; `catalogue()` returns
them by name, and a test compares the two.
"""

import os
from collections.abc import Collection
from typing import Any, Literal, final

__all__ = [
    "JOURNAL_FIELDS",
    "NESTED",
    "SCAN_RULES",
    "ComplexityScorer",
    "DecideError",
    "Decision",
    "Journal",
    "Permit",
    "Principal",
    "Relay",
    "Router",
    "Scanner",
    "StateFile",
    "build_info",
    "catalogue",
    "complexity_train",
    "journal_segment",
    "prompt_hash",
    "read_batch",
    "read_journal",
    "warm_tokens",
]

@final
class DecideError(Exception):
    """A request that cannot be served, in terms that a client understands."""

    def __new__(
        cls,
        code: str,
        message: str,
        field: str | None = None,
        retry_after_ms: int = 0,
        level: str | None = None,
        kinds: list[str] | None = None,
        refused: tuple[int, int, int, int, int, int] | None = None,
    ) -> DecideError: ...
    @property
    def code(self) -> str:
        """Stable: one of `catalogue()["decide_errors"]`."""

    @property
    def field(self) -> str | None:
        """The body field or header at fault."""

    @property
    def message(self) -> str:
        """One sentence for a person; holds no content of the body."""

    @property
    def retry_after_ms(self) -> int:
        """When trying again may succeed; 0 when the gateway cannot tell."""

    @property
    def level(self) -> str | None:
        """How sensitive the request is, where that is why."""

    @property
    def kinds(self) -> list[str]:
        """The kinds that made it so."""

    @property
    def refused(self) -> tuple[int, int, int, int, int, int] | None:
        """What was known of the request, for `Journal.refuse`; None where it was not read so far."""

@final
class Principal:
    """Who asks: a name for logs, the number of the key for accounts, and how far data may travel."""

    def __new__(cls, name: str, key: int, ceiling: int) -> Principal:
        """`ceiling` is a Boundary; ValueError when it is none."""

    @property
    def name(self) -> str: ...
    @property
    def key(self) -> int: ...
    @property
    def ceiling(self) -> int: ...

@final
class Router:
    """One plan, bound to the state file and the journal of one worker. Never changes."""

    def __new__(
        cls, plan: bytes, state: StateFile, slot: int, journal: Journal | None, learned: bytes | None = ...
    ) -> Router:
        """Compiles a plan (JSON) and finds the slots of its deployments in the state file.

        `slot` was claimed by this process. Slots that nobody reserved for the plan are reserved here.
        The worker is marked as using the plan's generation. Without a journal nothing is recorded
        (tests, explain). ValueError says what is wrong with the plan; RuntimeError when the state
        file has no room left.
        """

    @property
    def generation(self) -> int:
        """The generation of the plan."""

    def decide(
        self,
        body: bytes,
        principal: Principal,
        route: int,
        hints: dict[str, str] | None,
        mono_ns: int,
        wall_ns: int,
        draw: int,
    ) -> Decision:
        """Parses a request body, orders the deployments that may see it and takes the first permit.

        `hints` are request headers with names in lower case: every `x-hybridgw-*` one must be known,
        of the `x-litellm-*` ones timeout, stream-timeout, num-retries and tags count, others are
        ignored. Raises DecideError. The body is kept by reference, not copied.
        """

    def explain(
        self,
        body: bytes,
        principal: Principal,
        route: int,
        hints: dict[str, str] | None,
        mono_ns: int,
        wall_ns: int,
        draw: int,
    ) -> str:
        """The decision that `decide` would take, as JSON with reasons. Takes no permit, records nothing.

        Raises DecideError where the request itself is wrong; a request that nothing may serve is
        explained (`"error"`) and does not raise.
        """

@final
class Decision:
    """A decided request: the current permit, and the way to the next one.

    Dropping it together with its permit releases the permit as CANCELLED.
    """

    @property
    def id(self) -> str:
        """The record id without its attempt: what journal, logs and headers call this request."""

    @property
    def model(self) -> str:
        """The model as the client named it."""

    @property
    def stream(self) -> bool:
        """Whether the client asked for a stream."""

    @property
    def include_usage(self) -> bool:
        """Whether the client itself asked for the usage event."""

    @property
    def timeout_ms(self) -> int:
        """The client's limit for the whole answer; 0 when it gave none."""

    @property
    def stream_timeout_ms(self) -> int:
        """The client's limit for a stream; 0 when it gave none."""

    @property
    def ceiling(self) -> int:
        """The farthest Boundary that this request may reach."""

    @property
    def prompt_tokens(self) -> int:
        """Tokens of the prompt as estimated before anything was sent; exact up to 16 KB of text."""

    @property
    def remote_media(self) -> bool:
        """Whether the request refers to images, audio or files that have to be fetched from somewhere.
        References to anything but http(s), `gs:` and inline data are refused by `decide`."""

    @property
    def late_system(self) -> bool:
        """Whether a system message stands behind the first message, where many templates refuse it."""

    @property
    def nested(self) -> int:
        """Members inside of others (of messages, tools, options) that only some backends take: a bit each,
        by its place in `NESTED`. 0 for most requests."""

    @property
    def unheeded(self) -> list[str]:
        """Members of the gateway's own that it takes no notice of, or honours in part only."""

    @property
    def drop_refused(self) -> bool | None:
        """Whether parameters of the client's may be left out once a backend has refused them by name
        (`drop_params`); None when the client did not say."""

    @property
    def level(self) -> int:
        """The Level of the content, as far as it is known."""

    @property
    def permit(self) -> Permit:
        """The current permit."""

    @property
    def attempts(self) -> int:
        """Permits taken so far."""

    @property
    def exhausted(self) -> str:
        """The reason code after `next` returned None; empty before."""

    @property
    def retry_after_ms(self) -> int:
        """When the soonest candidate may be usable again, after `next` returned None; 0 unknown."""

    def may_move(self, mono_ns: int) -> bool:
        """Whether `next` would find somebody else if the attempt ran out of time now; changes nothing."""

    def next(
        self,
        outcome: int,
        status: int,
        retry_after_ms: int,
        bytes_sent: int,
        content_sent: bool,
        mono_ns: int,
        wall_ns: int,
        draw: int,
    ) -> Permit | None:
        """Settles the current permit as `Permit.finish` does and takes the next, if the rules allow one.

        After content (`content_sent`) there is none. `retry_after_ms` is what the upstream asked for, 0
        when it said nothing. Admission, retry budget and deadline are judged anew; the ceiling
        is the one of the decision. None: `exhausted` says why. ValueError for an unknown outcome.
        """

    @property
    def hold(self) -> tuple[str, int] | None:
        """How long an answer is held back: `tokens` and how many, `time` and milliseconds, `whole` and 0.
        None, the usual case: until the first content, and nothing is judged."""

    def escalate(self, verdict: int, mono_ns: int, wall_ns: int, draw: int) -> Permit | None:
        """The current permit's answer is held back and not good enough: the permit of a deployment that was
        not tried yet, under the same ceiling. None where there is none; the held answer is to be sent then.

        The attempt has ended in the accounts where its answer is complete; its owner still settles it once
        it is known which answer the client gets. ValueError for an unknown verdict."""

@final
class Permit:
    """The right to make one attempt at one deployment. Dropping it releases it as CANCELLED."""

    @property
    def deployment(self) -> int:
        """Position of the deployment in the plan."""

    @property
    def attempt(self) -> int:
        """1 for the first attempt of the request."""

    @property
    def delay_ms(self) -> int:
        """Back off this long before sending; 0 normally."""

    @property
    def reason(self) -> str:
        """Why this deployment: primary, failover, fallback, retry, context_fallback or panic."""

    @property
    def probe(self) -> bool:
        """Whether this attempt tests a deployment whose breaker is half open."""

    @property
    def model(self) -> str:
        """What this upstream calls the model."""

    def untold(self, translated: bool = False) -> list[str] | None:
        """Members of the body that this upstream is not told: the plan cuts them because it does not
        know them or must not be told, or the client asked for it (`additional_drop_params`). None when there
        are none. `translated`: only the last, a translation lists the others itself."""

    @property
    def leaves(self) -> list[str] | None:
        """Names that the client wants left out (`additional_drop_params`); None when there are none."""

    @property
    def converted(self) -> bool:
        """Whether the body says something that this upstream can only be told in other words."""

    def refused(self, mono_ns: int) -> int:
        """Members that this upstream refuses, as bits whose meaning is the caller's; 0: none known."""

    def refuse(self, members: int, mono_ns: int) -> None:
        """Tell all workers, for an hour, that this upstream refuses these (40 bits)."""

    def most_inputs(self, mono_ns: int) -> int:
        """Inputs of one request for embeddings that this upstream takes, as any worker learnt within the
        last hour; 0 when none did."""

    def lacks_responses(self, mono_ns: int) -> bool:
        """Whether any worker learnt within the last hour that this upstream has no Responses."""

    def learn_limits(self, mono_ns: int, most_inputs: int = 0, lacks_responses: bool = False) -> None:
        """Tell all workers, for an hour, what this upstream's answer told; the defaults tell nothing."""

    def says(self, name: str) -> bool:
        """Whether the client's body has a member of this name that is not null."""

    def body(
        self,
        leave: list[str] | None = None,
        withhold: list[str] | None = None,
        renames: list[tuple[str, str]] | None = None,
        translated: bool = False,
    ) -> bytes:
        """The request body for this deployment: the client's bytes with the plan's edits.

        Members of `leave` are cut, whoever set them; of those of `withhold` only what the plan adds;
        `renames` are told under another name.
        The client's own object when nothing is to be edited. ValueError when the plan leaves the
        translation of this deployment's bodies to the provider (`splice: false`).
        """

    def relay(self, shape: int, strip_usage: bool, name: str = "", created: int = 0) -> Relay:
        """The relay of an answer to this attempt: see `Relay`. What it reads is in the settlement, whatever
        ends the attempt; what several relays of one attempt read is added up."""

    @property
    def verdict(self) -> int:
        """The Verdict on the answer as far as it was read."""

    def commit(self) -> None:
        """From here on the answer goes to the client."""

    def first_token(self, mono_ns: int) -> None:
        """The first content arrived. Only the first call counts."""

    def finish(
        self,
        outcome: int,
        status: int,
        bytes_sent: int,
        content_sent: bool,
        mono_ns: int,
        wall_ns: int,
    ) -> None:
        """Settles the attempt: breaker, metrics, journal, with what its relays have read. Later calls
        change nothing.

        `status` is the upstream's (0 when there was none), `bytes_sent` and `content_sent` are what went to
        the client. ValueError for an unknown outcome.
        """

@final
class Relay:
    """The event relay of one answer: frames and observes what an upstream sends, and makes it canonical.

    Bytes that need no change come back as the very object that was fed. One object per answer; not
    to be used from two threads at the same time.
    """

    def __new__(
        cls,
        shape: int,
        strip_usage: bool,
        name: str = "",
        created: int = 0,
        model: str = "",
        max_event: int = ...,
    ) -> Relay:
        """`shape` is a Shape, `max_event` bytes (16 MiB). ValueError for an unknown shape.

        `strip_usage` drops the usage event that the client did not ask for; it concerns Chat
        Completions alone. `name` (of letters, digits and hyphens: part of ids), `created` (seconds since
        1970) and `model` stand in for what the upstream does not say.
        """

    def feed(self, chunk: bytes) -> bytes | None:
        """The next received bytes; returns what to forward, or None while nothing is complete."""

    def finish(self) -> bytes | None:
        """The answer ended, whatever ended it; returns what is still to be forwarded, or None: an event
        that was not finished but is whole, and the mark of a complete answer where only that is missing."""

    def failure(self, message: str, code: str) -> bytes | None:
        """The end of a stream that failed, where its dialect has to know what was said before; else None."""

    def observe(self, body: bytes) -> bytes:
        """A whole answer that is no stream: the same object, or mended bytes."""

    def take_body(self) -> bytes:
        """The bytes held back because they are no event stream (`not_sse`)."""

    @property
    def content(self) -> bool:
        """Whether anything that a client would show has passed."""

    @property
    def terminal(self) -> bool:
        """Whether the event was seen that ends an answer in this shape."""

    @property
    def after_terminal(self) -> bool:
        """Whether data arrived after the event that ends an answer."""

    @property
    def finished(self) -> bool:
        """Whether every choice seen got a finish reason."""

    @property
    def not_sse(self) -> bool:
        """Whether the bytes are no stream of this shape; `take_body` has them."""

    @property
    def too_large(self) -> bool:
        """Whether an event was larger than `max_event`; nothing is forwarded any more."""

    @property
    def unreadable(self) -> int:
        """How many events (or bodies) were not JSON, or nothing that can be told in their dialect."""

    @property
    def events(self) -> int:
        """How many events with data there were."""

    @property
    def bytes(self) -> int:
        """How many bytes were received."""

    @property
    def end(self) -> str:
        """How the answer ended, or would end now: done, finished, truncated, empty, error, not_sse
        or too_large."""

    @property
    def error(self) -> tuple[str, str, str] | None:
        """The first error inside the answer: message, type, code; each cut at 512 bytes."""

    @property
    def usage(self) -> tuple[int, int, int, int] | None:
        """Tokens as reported: prompt, completion, cached, reasoning."""

    @property
    def cost_nanos(self) -> int | None:
        """The cost as reported, in billionths of a credit."""

@final
class Scanner:
    """A compiled scan configuration, for texts that are no requests: `decide` scans by itself."""

    def __new__(cls, config_json: bytes = ...) -> Scanner:
        """`{"profile", "levels", "patterns"}` as JSON; ValueError with one line per fault."""

    def scan(self, text: bytes) -> dict[str, Any]:
        """level (None: unknown), found, kinds, spans as (start, end, kind, name), saturated, visited."""

    def loosened(self) -> list[tuple[str, str, str]]:
        """Kinds that the configuration made less sensitive, as (kind, default level, level)."""

    def costs(self) -> list[tuple[str, int, int]]:
        """What each pattern costs, as (name, bytes of memory, steps per byte of text)."""

NESTED: tuple[str, ...]
"""Members inside of others that only some backends take, by their bits in `Decision.nested`."""
SCAN_RULES: int
"""Version of the scanner's rules: raised whenever a text may come out at another level than before."""

def prompt_hash(text: bytes) -> str:
    """What names a system text in `privacy.trusted_prompts`; white space around it does not count."""

@final
class StateFile:
    """What all processes of one gateway instance share: a mapping of atomic words.

    The supervisor creates it, each worker claims a slot, the housekeeper reserves deployments,
    publishes generations and sweeps dead workers. Times are `time.monotonic_ns()`.
    """

    @staticmethod
    def create(
        path: str | os.PathLike[str], instance: int, worker_slots: int, deployment_slots: int
    ) -> StateFile:
        """Creates the file (mode 0600, never over an existing one). OSError."""

    @staticmethod
    def open(path: str | os.PathLike[str]) -> StateFile:
        """Attaches to a file of this boot and this version. OSError says why not."""

    @staticmethod
    def anonymous(worker_slots: int, deployment_slots: int) -> StateFile:
        """Memory of this process alone: tests, explanations, benches."""

    @property
    def worker_slots(self) -> int: ...
    @property
    def deployment_slots(self) -> int: ...
    def instance(self) -> int:
        """The instance that created the file; 0 when anonymous."""

    def generation(self) -> int:
        """The newest published generation; 0 before the first."""

    def config_hash(self) -> int:
        """The hash of the newest published configuration."""

    def published(self) -> tuple[int, int]:
        """Generation and hash that belong together; two calls might see two generations."""

    def publish(self, generation: int, config_hash: int) -> None:
        """Announces a generation. Only the housekeeper does, after `reserve`."""

    def reserve(self, ids: list[int], generation: int) -> list[int]:
        """Slots for the deployments of a generation, before it is published. RuntimeError when full."""

    def set_flushing(self, flushing: bool) -> None:
        """The housekeeper flushes the journal at its interval, or rests until a record wakes it. Having
        said that it rests it must look once more for what was written before."""

    def claim(self, pid: int, start_ticks: int, mono_ns: int) -> int:
        """Takes a worker slot for this process. RuntimeError when all are taken."""

    def release(self, slot: int) -> bool:
        """Gives back a slot that was claimed through this object."""

    def epoch(self, slot: int) -> int:
        """How often the slot has been claimed. IndexError when there is no such slot."""

    def heartbeat(self, slot: int, mono_ns: int) -> None:
        """A sign of life of this worker."""

    def hold_connections(self, slot: int, count: int | None) -> None:
        """This worker holds so many connections of clients and takes more; None when it takes none."""

    def fewest_connections(self, slot: int, mono_ns: int, fresh_ns: int) -> int | None:
        """The fewest connections that any other worker holds, of those that take more and showed life
        within `fresh_ns`; None when there is no such worker."""

    def adopt(self, slot: int, generation: int) -> None:
        """This worker uses that generation from now on (a Router does it when it is made)."""

    def slots(self) -> list[dict[str, int]]:
        """Claimed slots: slot, pid, start_ticks, epoch, generation, active, retries, heartbeat."""

    def sweep(self, dead: list[tuple[int, int, int]]) -> int:
        """Frees slots of dead processes, as (slot, pid, start_ticks); returns how many it freed."""

    def active_requests(self) -> int:
        """Requests that all workers of the host are serving, those that are being refused included."""

    def request_started(self, slot: int) -> None:
        """A client's request begins; the retry budget is a share of these."""

    def request_finished(self, slot: int, route: int, status: int, overhead_us: int) -> None:
        """It ends: `status` is what the client got (499 when it left)."""

    def count_shed(self, slot: int) -> None:
        """A request was turned away for lack of capacity."""

    def count_client_abort(self, slot: int) -> None:
        """A client left before its answer was complete."""

    def snapshot(self, mono_ns: int) -> dict[str, Any]:
        """All counters of the host, summed over workers."""

    def hint_alive(self, identity: int, mono_ns: int) -> bool:
        """A health page answered: an open breaker lets its next request be the probe. Whether one waited."""

    def report_load(
        self, identity: int, waiting: int, cache: float | None, holds_ms: int, mono_ns: int
    ) -> bool:
        """What an engine says of its load, believed for `holds_ms`; `cache` is the share of its memory for
        contexts that is taken. Whether the deployment holds a slot."""

    def breakers(self, mono_ns: int, window_ms: int = ...) -> list[dict[str, Any]]:
        """The breaker of each deployment as it stands; `window_ms` (a minute) is the length of its window.
        `misfit_ms`: when the upstream last did not know what it is configured for, 0 if something
        succeeded since (monotonic milliseconds, like all others)."""

@final
class Journal:
    """The journal of one worker: appended by Router and Permit; from Python only what was refused."""

    def __new__(
        cls,
        dir: str | os.PathLike[str],
        instance: int,
        slot: int,
        epoch: int,
        segment_bytes: int,
        bell: tuple[StateFile, str | os.PathLike[str]] | None = None,
    ) -> Journal:
        """Creates the first segment in an existing folder. With `bell`, a record that is written while
        that state's housekeeper rests writes a byte into that named pipe. OSError."""

    def prepare(self) -> bool:
        """Gets the next segment ready, off the path of requests; whether it did anything. OSError."""

    def sync(self) -> None:
        """Writes through to the disk. OSError."""

    def refuse(
        self,
        code: str,
        status: int,
        route: int | None,
        key: int,
        refused: tuple[int, int, int, int, int, int] | None,
        mono_ns: int,
        wall_ns: int,
    ) -> bool:
        """Records that a request was answered with this error; whether it was recorded. `refused` is what
        the `DecideError` knew. Without it the request was not admitted: then at most 100 a second of each
        cause are recorded, in segments of their own under `refused/`, and the rest are counted."""

    def path(self) -> str:
        """The segment being written."""

    def records(self) -> int:
        """Records written."""

    def close(self) -> None:
        """Seals the segment. Later appends fail. OSError."""

JOURNAL_FIELDS: dict[str, tuple[str, ...]]
"""The fields of a record's tuple by its kind, in their order. Later versions append."""

def read_batch(
    path: str | os.PathLike[str], offset: int, max_records: int, kinds: Collection[str] | None = None
) -> tuple[list[tuple[Any, ...]], int, Literal["more", "clean", "sealed", "torn"]]:
    """Records of a segment from `offset` (0, or what an earlier call returned) as tuples with the fields of
    `JOURNAL_FIELDS`, where to go on, and what stands there.

    At most `max_records` of the file are passed; those of `kinds` are returned, of unknown kinds none.
    `more`: call again. `clean`: nothing yet. `sealed`: nothing, for ever. `torn`: the end of a killed
    writer, a damaged one, or a record being written. OSError for a file that is no segment.
    """

def read_journal(
    path: str | os.PathLike[str], offset: int, limit: int | None = None
) -> tuple[list[dict[str, Any]], int, bool]:
    """Records of a segment from `offset` (0, or what an earlier call returned), at most `limit`, by the names
    of their fields: for a look at a few. `read_batch` costs a third.

    Returns the records, where to go on, and whether the end is torn (a killed writer, or one that is
    writing). OSError for a file that is no segment.
    """

def journal_segment(path: str | os.PathLike[str]) -> dict[str, Any] | None:
    """Who wrote a segment: instance, slot, epoch, segment, and `sealed`, the offset of its end once
    no more will follow. None while the writer has not completed the header."""

def catalogue() -> dict[str, Any]:
    """The vocabulary: `outcomes`, `boundaries`, `levels` and `routes` by name, `reasons`
    and `decide_errors` as lists of codes."""

def build_info() -> dict[str, Any]:
    """How the extension was built: `version`, `profile`, `features`, `state_layout`."""

def warm_tokens() -> None:
    """Makes the vocabularies now, so that processes forked from this one share them."""

@final
class ComplexityScorer:
    """The documented heuristic, or a learned file in its place."""

    def __new__(cls, file: bytes | None = ..., force: bool = ...) -> ComplexityScorer:
        """ValueError for a damaged file, another version, or (unless forced) one that does not beat
        the length of the prompt on its held-out outcomes."""

    @property
    def training(self) -> str | None:
        """The record of the training as JSON; None for the heuristic."""

    def value(
        self, text: bytes, turns: int = ..., tools: bool = ..., json_schema: bool = ..., images: bool = ...
    ) -> float:
        """The score alone, 0 to 1."""

    def score(
        self, text: bytes, turns: int = ..., tools: bool = ..., json_schema: bool = ..., images: bool = ...
    ) -> dict[str, Any]:
        """score, class, learned, features, adds (what each adds to the score), bytes_visited."""

def complexity_train(
    samples: list[tuple[str, bool, bool]],
    seed: int = ...,
    options: str = ...,
    groups: list[str] | None = ...,
) -> bytes:
    """Learns from (prompt, weak right, strong right); returns the file. ValueError says what is missing."""
