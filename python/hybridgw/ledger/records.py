"""Journal records with names, and the one way in which the package reads them.

The native side knows the format and returns tuples, since a consumer reads every record that there is.
Here their fields get names and types; nothing is converted and nothing left out. A record of a kind, or a
word, that only a later version knows costs nothing: kinds are passed over, words read as `unknown(17)`.

Numbers that name a place (model, tier, rule, task) are positions in the configuration of the generation
that stands beside them, and begin with 1 where 0 means none. A field that its writer did not know yet is 0,
empty or None; the native records say which fields nothing fills so far.
"""

from pathlib import Path
from typing import Any, Literal, NamedTuple

from hybridgw.native import read_batch


class Candidate(NamedTuple):
    """What a decision did with one deployment, and how that stood at the moment."""

    deployment: int
    """Its position in the plan, from 0."""
    target: int
    """The fallback model that it stands for, from 1; 0 is the model asked for."""
    fate: str
    """chosen, kept, moved or removed."""
    stage: str
    """What removed or moved it."""
    reason: str
    """Why; of the chosen one, why it was."""
    blocked: str
    """Why it could not be tried just then."""
    in_flight: int
    ttft_ms: int
    """0 when unknown."""


class Decision(NamedTuple):
    """A request was decided; its attempts follow."""

    kind: str
    id: str
    attempt: int
    wall_ns: int
    draw: int
    config: int
    route: str
    level: str
    ceiling: str
    stream: bool
    binding: bool
    """Whether the level binds; not where it is only observed."""
    exact: bool
    """Whether the tokens were counted to the end, in one vocabulary."""
    remote_media: bool
    learned: bool
    """Whether the score is a learned one."""
    key: int
    model: int
    """Its position in the plan, from 0."""
    prompt_tokens: int
    max_tokens: int
    rule: int
    hints_given: int
    """Bits: tier, sensitivity, task_type, latency, conversation, no_fallback, fallbacks, retries, timeout,
    stream_timeout, tags, leave, drop_refused."""
    hint_tier: int
    hint_latency: int
    hint_task: int
    difficulty: int
    """The class from 1 (simple) to 3; 0 when it was not asked."""
    score: float
    start_tier: int
    features: tuple[float, ...]
    bounds: tuple[tuple[str, str], ...]
    """Who bounds how far it may travel, and where."""
    considered: int
    """How many candidates there were."""
    candidates: tuple[tuple[Any, ...], ...]
    """`Candidate` each, as many as the record holds."""


class Start(NamedTuple):
    """An attempt was permitted."""

    kind: str
    id: str
    attempt: int
    wall_ns: int
    route: str
    level: str
    ceiling: str
    stream: bool
    key: int
    model: str
    deployment: str
    deployment_name: str
    estimated_prompt_tokens: int
    max_tokens: int
    tier: str
    reason: str
    config: int
    task: int
    rule: int
    prices: int
    agent: int
    end_user: int
    trace: str
    span: str
    accounts: tuple[int, ...]


class End(NamedTuple):
    """An attempt ended: money, breaker, place in flight."""

    kind: str
    id: str
    attempt: int
    wall_ns: int
    outcome: str
    status: int
    usage_reported: bool
    content_sent: bool
    fallback: bool
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    reasoning_tokens: int
    ttft_us: int
    duration_us: int
    bytes_sent: int
    cost_nanos: int | None
    cache_write_tokens: int
    verdict: int
    disposal: str
    """sent or discarded; empty when a record of its own says so later."""


class Disposal(NamedTuple):
    """An answer that was held was sent or discarded."""

    kind: str
    id: str
    attempt: int
    wall_ns: int
    disposal: str
    bytes_sent: int


class Refusal(NamedTuple):
    """A request was answered by the gateway itself."""

    kind: str
    id: str
    attempt: int
    wall_ns: int
    cause: str
    status: int
    unrecorded: int
    """Refusals for the same cause that have no record of their own, since the last one that has."""
    route: str
    level: str
    ceiling: str
    key: int
    config: int
    model: int
    """Its position in the plan, from 1."""
    prompt_tokens: int


Record = Decision | Start | End | Disposal | Refusal

_CLASSES = {"decision": Decision, "start": Start, "end": End, "disposal": Disposal, "refusal": Refusal}


class Batch(NamedTuple):
    """Some records of a segment, and what stands behind them."""

    records: list[Record]
    next_offset: int
    tail: Literal["more", "clean", "sealed", "torn"]


def read(path: Path, offset: int, at_once: int, kinds: tuple[str, ...] | None = None) -> Batch:
    """The records of a segment from `offset`, which is 0 or an earlier `next_offset`; `at_once` bounds how
    many are passed. `kinds`: only these are returned. OSError for a file that is no segment."""
    found, next_offset, tail = read_batch(str(path), offset, at_once, kinds)
    return Batch([named(one) for one in found], next_offset, tail)


def named(fields: tuple[Any, ...]) -> Record:
    """A tuple of the native side with the names of its kind."""
    return _CLASSES[fields[0]]._make(fields)  # type: ignore[no-any-return, attr-defined]
