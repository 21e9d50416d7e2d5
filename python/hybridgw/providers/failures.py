"""What a failed answer of an upstream means: outcome, code, and a message fit for the client.

Statuses and error objects in, an `UpstreamError` out. What only a text can tell (does this 400
mean that the prompt is too long? does this 429 mean money?) is decided here and nowhere else, from
lists of codes and phrases that backends are known to use.
"""

import email.utils
import re
import time
from collections.abc import Iterable
from datetime import UTC

import msgspec
import orjson

from hybridgw.core import Outcome
from hybridgw.errors import UpstreamError

_MONEY_CODES = frozenset(
    {
        "insufficient_quota",
        "billing_hard_limit_reached",
        "billing_not_active",
        "credit_limit_reached",
        "enforced_spend_limit_reached",
        "insufficient_credits",
        "account_deactivated",
    }
)
_CONTEXT_CODES = frozenset(
    {"context_length_exceeded", "exceed_context_size_error", "string_above_max_length"}
)
_CONTEXT_PHRASES = (
    "maximum context length",
    "exceeds the available context size",
    "exceeds the context length",
    "exceed context limit",
    "exceed context window",
    "exceeds the maximum number of tokens",
    "prompt is too long",
    "longer than the model's context length",
    "longer than the maximum model length",
    "exceed the configured limit",
    "context window",
    "`inputs` must have less than",
    "`inputs` tokens + `max_new_tokens` must be",
)
_TOO_MUCH_ASKED = tuple(
    re.compile(pattern, re.DOTALL).search
    for pattern in (
        r"max_(?:completion_)?tokens.{0,60}too large: (?P<asked>\d+).{0,60}context length is (?P<window>\d+)"
        r".{0,60}has (?P<prompt>\d+) input",
        r"context length (?:is|of) (?P<window>\d+) tokens.{0,80}requested.{0,60}?(?P<prompt>\d+) (?:tokens )?"
        r"(?:in|from) the (?:input )?messages.{0,20}?(?P<asked>\d+) (?:tokens )?(?:in|for) the completion",
        r"`inputs` tokens \+ `max_new_tokens` must be <= (?P<window>\d+).{0,20}Given: (?P<prompt>\d+) "
        r"`inputs` tokens and (?P<asked>\d+) `max_new_tokens`",
    )
)
"""How engines say that a prompt fits, and the answer that was asked for does not fit beside it."""
_BUSY_PHRASE = "maximum pending requests exceeded"
"""Ollama's queue is full: nothing is broken, and somebody else may have room."""
_TGI_REFUSALS = frozenset({"validation", "template_error", "tool_error"})
_KEY_CODES = frozenset({"api_key_invalid"})
"""Google answers a bad key with 400."""
_FILTER_CODES = frozenset({"content_filter", "content_policy_violation", "responsibleaipolicyviolation"})
_LONGEST_MESSAGE = 2000
_LONGEST_PARAM = 200
_SHORTEST_SECRET = 8
"""A shorter one is a placeholder (`none`, `ollama`), and hiding it would only garble messages."""


class _Error(msgspec.Struct):
    message: str = ""
    type: str = ""
    code: str = ""
    param: str | None = None
    retry_after: float | None = None
    """As Google has it: inside the body."""


def failure(
    status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes, *, secrets: Iterable[str] = ()
) -> UpstreamError:
    """The error that this answer is. `secrets` never appear in its message."""
    error = _read(body)
    outcome, code = _judge(status, error)
    message = error.message or f"the upstream answered {status}"
    if outcome is Outcome.CONTEXT_EXCEEDED:
        message = _limit_of_answer(message)
    if outcome is Outcome.CREDENTIAL_REJECTED:
        # Its text tends to quote the key.
        message = "the upstream rejected the gateway's credential"
    built = UpstreamError(
        outcome,
        hide(message, secrets)[:_LONGEST_MESSAGE],
        code=code,
        # Clients of this protocol know such a fault as a 400.
        status=400 if status == 422 and error.type in _TGI_REFUSALS else status,
        retry_after=_either(retry_after(headers, time.time()), error.retry_after),
    )
    if error.param is not None:
        built.field = hide(error.param, secrets)[:_LONGEST_PARAM]
    return built


def hide(text: str, secrets: Iterable[str]) -> str:
    """`text` without credentials of ours, which upstreams like to quote."""
    for secret in secrets:
        if len(secret) < _SHORTEST_SECRET:
            continue
        text = text.replace(secret, "***")
        # Where the text was cut somewhere on its way, it may end in the middle of one.
        for length in range(len(secret) - 1, _SHORTEST_SECRET - 1, -1):
            if text.endswith(secret[:length]):
                text = text[:-length] + "***"
                break
    return text


def _judge(status: int, error: _Error) -> tuple[Outcome, str]:
    codes = {error.code.lower(), error.type.lower()}
    if status == 402 or (status in (400, 403, 429) and codes & _MONEY_CODES):
        return Outcome.OUT_OF_CREDIT, "upstream_quota"
    if status == 429:
        return Outcome.THROTTLED, "rate_limit_exceeded"
    if status == 503 and _BUSY_PHRASE in error.message:
        return Outcome.THROTTLED, "overloaded"
    if status in (401, 403) or (status == 400 and codes & _KEY_CODES):
        return Outcome.CREDENTIAL_REJECTED, "upstream_auth"
    if status == 408:
        return Outcome.SERVER_ERROR, "upstream_timeout"
    if status in (503, 529):
        # To the breaker it is down; to the client it is worth another try in a while.
        return Outcome.SERVER_ERROR, "overloaded"
    # TGI says 424 where its model failed.
    if status >= 500 or status == 424:
        return Outcome.SERVER_ERROR, "upstream_error"
    if status in (400, 413, 422):
        said = error.message.lower()
        if codes & _CONTEXT_CODES or any(phrase in said for phrase in _CONTEXT_PHRASES):
            return Outcome.CONTEXT_EXCEEDED, "context_length_exceeded"
        if codes & _FILTER_CODES:
            return Outcome.CONTENT_FILTERED, "content_filter"
    if 400 <= status < 500:
        return Outcome.REQUEST_REJECTED, "upstream_rejected"
    # A redirect or another success than 200 is nothing that an inference endpoint answers.
    return Outcome.MALFORMED, "upstream_error"


def _read(body: bytes) -> _Error:
    """The error object in whatever shape a backend has it; an empty one when there is none."""
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return _Error()
    if isinstance(answer, list) and answer:
        answer = answer[0]
    if not isinstance(answer, dict):
        return _Error()
    inner = answer.get("error", answer)
    if isinstance(inner, str):
        return _Error(message=inner, type=_text(answer.get("error_type")))
    if not isinstance(inner, dict):
        return _Error()
    param = inner.get("param")
    reason, wait = _google(inner.get("details"))
    return _Error(
        message=_text(inner.get("message") or inner.get("detail")),
        type=_text(inner.get("type")),
        code=reason or _text(inner.get("code")),
        param=param if isinstance(param, str) else None,
        retry_after=wait,
    )


def _limit_of_answer(message: str) -> str:
    """The message; where only the limit of the answer is too large, in Anthropic's words before it: its
    clients lower the limit then, and shorten their conversation else."""
    for search in _TOO_MUCH_ASKED:
        found = search(message[:_LONGEST_MESSAGE])
        if found is not None and int(found["prompt"]) < int(found["window"]):
            sizes = f"{found['prompt']} + {found['asked']} > {found['window']}"
            return f"input length and `max_tokens` exceed context limit: {sizes}: {message}"
    return message


def _google(details: object) -> tuple[str, float | None]:
    """Reason and wait from the list of details that Google's errors carry."""
    reason, wait = "", None
    for detail in details if isinstance(details, list) else ():
        if isinstance(detail, dict):
            reason = reason or _text(detail.get("reason"))
            delay = detail.get("retryDelay")
            if isinstance(delay, str) and delay.endswith("s"):
                wait = _number(delay[:-1].encode(), 1.0)
    return reason, wait


def _either(said: float | None, inside: float | None) -> float | None:
    return said if said is not None or inside is None else min(inside, 86400.0)


def _text(value: object) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)[:_LONGEST_MESSAGE]


def retry_after(headers: Iterable[tuple[bytes, bytes]], now: float) -> float | None:
    """Seconds until the upstream wants to be asked again; None when it did not say, or absurdly.

    `now` is Unix time, to which a date in the header is compared.
    """
    found: float | None = None
    for name, value in headers:
        if name == b"retry-after-ms":
            found = _number(value, 1e-3)
            if found is not None:
                return found
        elif name == b"retry-after":
            found = _number(value, 1.0)
            if found is None:
                try:
                    date = email.utils.parsedate_to_datetime(value.decode("latin-1"))
                    # `-0000` says UTC and nothing of a zone; without one it would be taken for ours.
                    found = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - now
                except (ValueError, OverflowError):
                    found = None
    return None if found is None or found < 0 else min(found, 86400.0)


def _number(value: bytes, unit: float) -> float | None:
    text = value.strip()
    if not text.replace(b".", b"", 1).isdigit() or len(text) > 20:
        return None
    return float(text) * unit
