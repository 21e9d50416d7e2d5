"""How a stream ended: by its own marks, and only where these say nothing by its connection.

A connection may be lost behind the end of an answer, close in good order amid one, or fall silent
between the last word and the mark. Whether an answer is complete is what the answer says (`Relay.end`);
the way in which the bytes stopped tells whose fault it is that one is not. Each pair is decided here.

What the client's dialect then needs (`[DONE]`, `message_stop`, `response.completed`) is written by the
relay where bytes pass, and by the dialect's writer elsewhere. An answer of Responses is complete with
its last event only, because that holds the answer; of Messages when it says why it ends; of Chat and
Gemini when every choice does; of Ollama with the line that says `done`.
"""

from collections.abc import Mapping
from enum import Enum

from hybridgw.core import Outcome
from hybridgw.errors import UpstreamError


class Stop(Enum):
    """How the bytes stopped."""

    CLEAN = "clean"
    LOST = "lost"
    """Reset, closed amid the framing, or shorter than it was announced."""
    GARBLED = "garbled"
    """The framing is not HTTP any more."""
    SILENT = "silent"
    """Nothing came for longer than it may take."""
    LATE = "late"
    """There is no time left."""


class Ending(Enum):
    """What follows from it."""

    COMPLETE = "complete"
    WHOLE = "whole"
    """No stream came, but perhaps an answer in one piece: to be read as that."""
    CUT = "cut"
    """The upstream ended its answer early, in good order."""
    AS_IT_STOPPED = "as it stopped"
    """The failure of the connection is the failure of the answer."""
    TOO_LARGE = "too large"
    ERROR = "error"
    """The answer says itself that it failed."""


def _all(usual: Ending, **other: Ending) -> Mapping[Stop, Ending]:
    return {stop: other.get(stop.value, usual) for stop in Stop}


TABLE: Mapping[str, Mapping[Stop, Ending]] = {
    "done": _all(Ending.COMPLETE),
    "finished": _all(Ending.COMPLETE),
    "truncated": _all(Ending.AS_IT_STOPPED, clean=Ending.CUT),
    "empty": _all(Ending.AS_IT_STOPPED, clean=Ending.CUT),
    "error": _all(Ending.ERROR),
    "not_sse": _all(Ending.WHOLE),
    "too_large": _all(Ending.TOO_LARGE),
}
"""By `Relay.end`, and by how the bytes stopped."""

_STOPS = {
    Outcome.TRUNCATED: Stop.LOST,
    Outcome.RESET: Stop.LOST,
    Outcome.MALFORMED: Stop.GARBLED,
    Outcome.STALLED: Stop.SILENT,
    Outcome.FIRST_TOKEN_TIMEOUT: Stop.SILENT,
    Outcome.TOTAL_TIMEOUT: Stop.LATE,
}


def ending(end: str, failure: UpstreamError | None) -> Ending:
    """What an answer is that ended so; `failure` is that of the connection, None for a clean end. Raises
    `failure` where it is none of the upstream's (the gateway is stopping)."""
    if failure is None:
        return TABLE[end][Stop.CLEAN]
    stop = _STOPS.get(Outcome(failure.outcome))
    if stop is None:
        raise failure.anew()
    return TABLE[end][stop]


def failed(found: Ending, failure: UpstreamError | None) -> UpstreamError:
    """What to raise for an answer that is not complete."""
    if found is Ending.TOO_LARGE:
        return UpstreamError(Outcome.MALFORMED, "an event of the upstream is larger than 16 MiB", status=200)
    if found is Ending.AS_IT_STOPPED and failure is not None:
        return failure.anew()
    return UpstreamError(
        Outcome.TRUNCATED, "the upstream closed the stream early", code="upstream_truncated", status=200
    )
