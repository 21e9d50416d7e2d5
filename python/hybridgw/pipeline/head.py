"""Response heads: what a client is told beside the answer itself."""

import re

from hybridgw.core import Level
from hybridgw.front.seam import Headers
from hybridgw.native import Permit
from hybridgw.pipeline.attempt import Attempt
from hybridgw.pipeline.call import Call

# The exact type makes the server flush the head before the first event; the last header keeps a
# proxy in front of us from collecting events.
_STREAM = (
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
)
_JSON = (b"content-type", b"application/json")
_LEVELS = tuple((b"x-hybridgw-level", level.name.lower().encode()) for level in Level)


def stream_head(call: Call, attempt: Attempt | None = None) -> Headers:
    """The headers of an event stream. `attempt` is the one that was committed; while there is none (a
    heartbeat needs a head) what the next attempt may overturn is left out: who answers, and how."""
    headers = [(b"content-type", call.dialect.stream_type), *_STREAM]
    if call.decision is not None:
        name = call.decision.id.encode()
        # Two families of SDKs read it under two names.
        headers += ((b"x-request-id", name), (b"request-id", name))
        headers.append(_LEVELS[call.decision.level])
        headers.append((b"x-hybridgw-tokens", b"%d" % call.decision.prompt_tokens))
        if call.plan.litellm:
            headers.append((b"x-litellm-call-id", name))
        if attempt is not None:
            headers += attempt.upstream.response_headers
            _note(headers, call, attempt)
    return headers


def whole_head(call: Call, attempt: Attempt, length: int) -> Headers:
    """The headers of a complete JSON answer of `length` bytes."""
    decision = attempt.decision
    name = decision.id.encode()
    headers = [
        _JSON,
        (b"content-length", b"%d" % length),
        (b"x-request-id", name),
        (b"request-id", name),
        _LEVELS[decision.level],
        (b"x-hybridgw-tokens", b"%d" % decision.prompt_tokens),
        *attempt.upstream.response_headers,
    ]
    if call.plan.litellm:
        headers.append((b"x-litellm-call-id", name))
    _note(headers, call, attempt)
    return headers


def dropped(names: tuple[str, ...]) -> bytes:
    """The parameters that the backend was not told. Clients choose names: these may neither end the
    header nor fill it."""
    listed = [_UNFIT.sub("?", name[:_LONGEST_NAME]) for name in names[:_MOST_NAMES]]
    return ",".join(listed).encode()


_LONGEST_NAME = 64
_MOST_NAMES = 64
_UNFIT = re.compile(r"[^!-+\--~]")


_ELSEWHERE = frozenset({"fallback", "context_fallback"})


def count_fallback(call: Call, permit: Permit) -> None:
    """A failed attempt: remember whether it was at another model than the one asked for."""
    call.fallbacks += permit.reason in _ELSEWHERE


def _note(headers: list[tuple[bytes, bytes]], call: Call, attempt: Attempt) -> None:
    permit = attempt.permit
    if call.plan.litellm:
        fallbacks = call.fallbacks + (permit.reason in _ELSEWHERE)
        headers += (
            (b"x-litellm-attempted-fallbacks", b"%d" % fallbacks),
            (b"x-litellm-attempted-retries", b"%d" % max(0, permit.attempt - 1 - fallbacks)),
        )
    if attempt.dropped:
        headers.append((b"x-hybridgw-dropped", dropped(attempt.dropped)))
    if attempt.warning:
        headers.append((b"x-hybridgw-warning", attempt.warning))
    if permit.attempt > 1:
        headers.append((b"x-hybridgw-attempts", b"%d" % permit.attempt))
