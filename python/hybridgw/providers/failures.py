"""What a failed answer of an upstream means: outcome, code, and a message fit for the client.

Statuses and error objects in, an `UpstreamError` out. What only a text can tell (does this 400
mean that the prompt is too long? does this 429 mean money?) is decided here and nowhere else, from
lists of codes and phrases that backends are known to use; `error_bodies` finds them in the body.

Three questions decide. *Whose fault?* The request's, the credential's, the deployment's. *For how long?*
What only a person can mend is never told as something that passes. *For whom?* What may be about one
request alone (a firewall's 403, more tokens than a quota holds) must not count against anybody else's.
"""

import email.utils
import re
import time
from collections.abc import Iterable
from datetime import UTC

from hybridgw.core import Outcome
from hybridgw.errors import UpstreamError
from hybridgw.providers.error_bodies import LONGEST_MESSAGE, Said, read

_MONEY = frozenset(
    {
        "insufficient_quota",
        "billing_hard_limit_reached",
        "billing_not_active",
        "billing_error",
        "credit_limit_reached",
        "enforced_spend_limit_reached",
        "exceeded_current_quota_error",
        "pre_consume_token_quota_failed",
        "insufficient_credits",
        "insufficient_balance",
        "insufficient_user_quota",
        "payment_required",
        "account_deactivated",
        "billing_disabled",
        "arrearage",
    }
)
_MONEY_PHRASES = (
    "credit balance is too low",
    "insufficient balance",
    "insufficient credits",
    "billing hard limit",
    "spend limit",
    "spending limit",
    "api usage limits",
    "requires billing to be enabled",
    "account is not active, please check your billing",
)
"""Where the code says nothing of it: Anthropic has 400s without one, for no credit and for the limit that
an organization or a workspace sets itself."""
_TOO_LARGE_PHRASES = (
    "request too large for",
    "requires more credits, or fewer max_tokens",
    "tokens limit exceeded:",
    "request was larger than the rate limit",
)
"""More than the quota admits at once, or than is left: about this request, others fit."""
_KEY_PHRASES = ("incorrect api key", "invalid api key", "api key not valid", "invalid x-api-key")
"""Where the code says nothing of it."""
_KEY_WORDS = frozenset(
    {
        "api_key_invalid",
        "api_key_service_blocked",
        "api_key_http_referrer_blocked",
        "api_key_ip_address_blocked",
        "access_token_expired",
        "authentication_error",
        "invalid_api_key",
        "invalid_authentication",
        "account_suspended",
        "unauthenticated",
        "no_auth_credentials",
    }
)
"""Google answers a bad key with 400, others with 403."""
_MODEL_WORDS = frozenset(
    {
        "model_not_found",
        "model_decommissioned",
        "model_not_available",
        "deploymentnotfound",
        "deployment_not_found",
        "invalid_model",
        "unknown_model",
        "model_not_supported",
        "operationnotsupported",
    }
)
_MODEL_PHRASES = (
    "does not support chat",
    "does not support generate",
    "does not support completion",
    "does not support embed",
    "model not exist",
    "is not a valid model id",
    "no endpoints found for",
    "the model has been deprecated",
    "this is not a chat model",
)
_NOT_FOUND_PHRASES = ("not found", "does not exist", "model:", "not supported for")
"""Of a 404 that speaks of a model."""
_OVERLOAD_WORDS = frozenset({"overloaded_error", "overloaded", "unavailable"})
_LOADING_PHRASES = ("loading model", "model is loading", "is currently loading", "model is still loading")
"""llama-server and the servers that load on demand answer so at once, with 503."""
_CONTEXT_WORDS = frozenset(
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
_FILTER_WORDS = frozenset({"content_filter", "content_policy_violation", "responsibleaipolicyviolation"})
_LONGEST_PARAM = 200
_LONGEST_WAIT = 86400.0
_SHORTEST_SECRET = 8
"""A shorter one is a placeholder (`none`, `ollama`), and hiding it would only garble messages."""


def failure(
    status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes, *, secrets: Iterable[str] = ()
) -> UpstreamError:
    """The error that this answer is. `secrets` never appear in its message."""
    error = read(body)
    outcome, code = judge(status, error)
    message = error.message or f"the upstream answered {status}"
    if outcome is Outcome.CONTEXT_EXCEEDED:
        message = _limit_of_answer(message)
    if outcome is Outcome.CREDENTIAL_REJECTED:
        # Its text tends to quote the key.
        message = "the upstream rejected the gateway's credential"
    wait = retry_after(headers, time.time())
    if wait is None and error.wait is not None:
        wait = min(error.wait, _LONGEST_WAIT)
    built = UpstreamError(
        outcome,
        hide(message, secrets)[:LONGEST_MESSAGE],
        code=code,
        # Clients of this protocol know such a fault as a 400.
        status=400 if status == 422 and error.kind in _TGI_REFUSALS else status,
        retry_after=wait,
    )
    if error.param is not None:
        built.field = hide(error.param, secrets)[:_LONGEST_PARAM]
    return built


def by_name(error: UpstreamError) -> UpstreamError:
    """The same failure where the client itself chose the name of the model: that none has this name is
    the request's fault, and the deployment serves others."""
    if error.outcome == Outcome.NOT_SERVED:
        error.outcome, error.code = Outcome.REQUEST_REJECTED, "upstream_rejected"
    return error


def failure_inside(message: str, kind: str, code: str, *, secrets: Iterable[str] = ()) -> UpstreamError:
    """The failure that an error object inside a 200 answer stands for. Resellers put the whole of an
    upstream's refusal there, with its status as the code; what it means is judged as if it had come so."""
    words = frozenset({kind.lower(), code.lower()} - {""})
    status = int(code) if code.isdigit() and len(code) == 3 else 0
    status = status or next((_STATUS_OF[word] for word in words if word in _STATUS_OF), 500)
    outcome, named = judge(status, Said(message=message, why=words, is_error=True))
    if outcome not in _SAID_INSIDE:
        outcome, named = Outcome.STREAM_ERROR, "upstream_error"
    if outcome is Outcome.CREDENTIAL_REJECTED:
        message = "the upstream rejected the gateway's credential"
    message = hide(message, secrets)[:LONGEST_MESSAGE] or "the upstream reported an error"
    return UpstreamError(outcome, message, code=named, status=200)


_STATUS_OF = {
    "rate_limit_error": 429, "rate_limit_exceeded": 429, "insufficient_quota": 429, "resource_exhausted": 429,
    "authentication_error": 401, "invalid_api_key": 401, "unauthenticated": 401, "permission_error": 403,
    "billing_error": 402, "invalid_request_error": 400, "invalid_argument": 400, "not_found_error": 404,
    "context_length_exceeded": 400, "content_filter": 400,
}  # fmt: skip
"""What the kinds of error are elsewhere sent with."""
_SAID_INSIDE = frozenset(
    {
        Outcome.THROTTLED,
        Outcome.OUT_OF_CREDIT,
        Outcome.CREDENTIAL_REJECTED,
        Outcome.CONTEXT_EXCEEDED,
        Outcome.CONTENT_FILTERED,
        Outcome.NOT_SERVED,
        Outcome.REFUSED_HERE,
    }
)
"""Anything else inside a 200 is an answer that broke."""


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


def judge(status: int, error: Said) -> tuple[Outcome, str]:
    """What a status other than 200 with this error means, and its code in our catalogue."""
    why, text = error.why, error.message.lower()
    refused = 400 <= status < 500
    if refused and _any(_TOO_LARGE_PHRASES, text):
        return Outcome.REFUSED_HERE, "over_quota"
    if refused and (why & _MONEY or _any(_MONEY_PHRASES, text)):
        return Outcome.OUT_OF_CREDIT, "upstream_quota"
    if status == 402 or (status == 429 and any("perday" in word for word in why)):
        # A quota of the day (Google) is named together with a wait of seconds that does not help.
        return Outcome.OUT_OF_CREDIT, "upstream_quota"
    if status == 401 or (status in (400, 403) and (why & _KEY_WORDS or _any(_KEY_PHRASES, text))):
        return Outcome.CREDENTIAL_REJECTED, "upstream_auth"
    if status == 429:
        return Outcome.THROTTLED, "rate_limit_exceeded"
    if status == 503 and _BUSY_PHRASE in text:
        return Outcome.THROTTLED, "overloaded"
    if status == 503 and _any(_LOADING_PHRASES, text):
        return Outcome.LOADING, "overloaded"
    if status == 408:
        return Outcome.SERVER_ERROR, "upstream_timeout"
    if status in (503, 529):
        # To the breaker it is down; to the client it is worth another try in a while.
        return Outcome.SERVER_ERROR, "overloaded"
    # TGI says 424 where its model failed.
    if status >= 500 or status == 424:
        return Outcome.SERVER_ERROR, "upstream_error"
    if status in (400, 413, 422) and (why & _CONTEXT_WORDS or _any(_CONTEXT_PHRASES, text)):
        return Outcome.CONTEXT_EXCEEDED, "context_length_exceeded"
    if status in (400, 403, 422) and why & _FILTER_WORDS:
        return Outcome.CONTENT_FILTERED, "content_filter"
    if refused and _no_such_model(status, error):
        return Outcome.NOT_SERVED, "upstream_model"
    if status == 403:
        # Without a word about the key it is a firewall's, or a rule about this request.
        return Outcome.REFUSED_HERE, "upstream_rejected"
    if refused:
        return Outcome.REQUEST_REJECTED, "upstream_rejected"
    # A redirect or another success than 200 is nothing that an inference endpoint answers.
    return Outcome.MALFORMED, "upstream_error"


def _no_such_model(status: int, error: Said) -> bool:
    """Whether the upstream lacks what the deployment is configured for. The client did not choose it."""
    text = error.message.lower()
    if error.why & _MODEL_WORDS or _any(_MODEL_PHRASES, text):
        return True
    return status == 404 and "model" in text and _any(_NOT_FOUND_PHRASES, text)


def _limit_of_answer(message: str) -> str:
    """The message; where only the limit of the answer is too large, in Anthropic's words before it: its
    clients lower the limit then, and shorten their conversation else."""
    for search in _TOO_MUCH_ASKED:
        found = search(message[:LONGEST_MESSAGE])
        if found is not None and int(found["prompt"]) < int(found["window"]):
            sizes = f"{found['prompt']} + {found['asked']} > {found['window']}"
            return f"input length and `max_tokens` exceed context limit: {sizes}: {message}"
    return message


def _any(phrases: Iterable[str], text: str) -> bool:
    return any(phrase in text for phrase in phrases)


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
    return None if found is None or found < 0 else min(found, _LONGEST_WAIT)


def _number(value: bytes, unit: float) -> float | None:
    text = value.strip()
    if not text.replace(b".", b"", 1).isdigit() or len(text) > 20:
        return None
    return float(text) * unit
