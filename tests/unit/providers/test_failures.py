"""What failed answers mean, as a table: status and body in, outcome and code out."""

import json
import time
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridgw.core import Outcome
from hybridgw.dialects import Fault
from hybridgw.dialects.messages import MESSAGES
from hybridgw.providers.failures import failure, failure_inside, hide, retry_after

CASES = [
    (500, b"", Outcome.SERVER_ERROR, "upstream_error"),
    (503, b'{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}',
     Outcome.LOADING, "overloaded"),
    (529, b"{}", Outcome.SERVER_ERROR, "overloaded"),
    (504, b"", Outcome.SERVER_ERROR, "upstream_error"),
    (408, b"", Outcome.SERVER_ERROR, "upstream_timeout"),
    (429, b'{"error":{"message":"slow down","code":"rate_limit_exceeded"}}',
     Outcome.THROTTLED, "rate_limit_exceeded"),
    (429, b'{"error":{"message":"pay","type":"insufficient_quota","code":"insufficient_quota"}}',
     Outcome.OUT_OF_CREDIT, "upstream_quota"),
    (429, b'{"type":"error","error":{"type":"enforced_spend_limit_reached","message":"x"}}',
     Outcome.OUT_OF_CREDIT, "upstream_quota"),
    (402, b"", Outcome.OUT_OF_CREDIT, "upstream_quota"),
    (401, b'{"error":{"message":"Incorrect API key provided: sk-abc"}}',
     Outcome.CREDENTIAL_REJECTED, "upstream_auth"),
    (403, b"", Outcome.REFUSED_HERE, "upstream_rejected"),
    (400, b'{"error":{"message":"This model\'s maximum context length is 8192 tokens"}}',
     Outcome.CONTEXT_EXCEEDED, "context_length_exceeded"),
    (400, b'{"error":{"code":400,"message":"too long","type":"exceed_context_size_error"}}',
     Outcome.CONTEXT_EXCEEDED, "context_length_exceeded"),
    (400, b'{"error":{"message":"x","code":"content_filter"}}', Outcome.CONTENT_FILTERED, "content_filter"),
    (400, b'{"error":"invalid tool call arguments"}', Outcome.REQUEST_REJECTED, "upstream_rejected"),
    (404, b"404 page not found", Outcome.REQUEST_REJECTED, "upstream_rejected"),
    (422, b'{"detail":"text"}', Outcome.REQUEST_REJECTED, "upstream_rejected"),
    (424, b'{"error":"Request failed during generation","error_type":"generation"}',
     Outcome.SERVER_ERROR, "upstream_error"),
    (429, b'{"error":"Model is overloaded","error_type":"overloaded"}',
     Outcome.THROTTLED, "rate_limit_exceeded"),
    (422, b'{"error":"Input validation error: `inputs` must have less than 1024 tokens. Given: 2000",'
     b'"error_type":"other"}', Outcome.CONTEXT_EXCEEDED, "context_length_exceeded"),
    (400, b'{"error":{"code":400,"message":"API key not valid.","status":"INVALID_ARGUMENT","details":'
          b'[{"reason":"API_KEY_INVALID","domain":"googleapis.com"}]}}',
     Outcome.CREDENTIAL_REJECTED, "upstream_auth"),
    (400, b'{"error":{"code":400,"status":"INVALID_ARGUMENT","message":'
          b'"The input token count (9) exceeds the maximum number of tokens allowed (8)."}}',
     Outcome.CONTEXT_EXCEEDED, "context_length_exceeded"),
    (302, b"", Outcome.MALFORMED, "upstream_error"),
    (204, b"", Outcome.MALFORMED, "upstream_error"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "outcome", "code"), CASES)
def test_status_and_body_decide(status: int, body: bytes, outcome: Outcome, code: str) -> None:
    error = failure(status, [], body)
    assert (error.outcome, error.code, error.status) == (outcome, code, status)


# Bodies as their providers send them (names and numbers changed).
PROVIDERS = [
    # OpenAI, Azure
    (
        429,
        {
            "error": {
                "message": "You exceeded your current quota, please check your plan and billing details.",
                "type": "insufficient_quota",
                "param": None,
                "code": "insufficient_quota",
            }
        },
        Outcome.OUT_OF_CREDIT,
    ),
    (
        429,
        {
            "error": {
                "message": "Request too large for gpt-4o in organization org-x on tokens per min (TPM): "
                "Limit 30000, Requested 36278. The input or output tokens must be reduced.",
                "type": "tokens",
                "param": None,
                "code": "rate_limit_exceeded",
            }
        },
        Outcome.REFUSED_HERE,
    ),
    (
        404,
        {
            "error": {
                "message": "The model `gpt-9` does not exist or you do not have access to it.",
                "type": "invalid_request_error",
                "param": None,
                "code": "model_not_found",
            }
        },
        Outcome.NOT_SERVED,
    ),
    (
        403,
        {
            "error": {
                "message": "Project `p` does not have access to model `gpt-9`",
                "code": "model_not_found",
                "type": "invalid_request_error",
                "param": None,
            }
        },
        Outcome.NOT_SERVED,
    ),
    (
        404,
        {
            "error": {
                "code": "DeploymentNotFound",
                "message": "The API deployment for this resource does not exist.",
            }
        },
        Outcome.NOT_SERVED,
    ),
    (
        400,
        {
            "error": {
                "message": "The response was filtered",
                "type": None,
                "param": "prompt",
                "code": "content_filter",
                "status": 400,
                "innererror": {"code": "ResponsibleAIPolicyViolation"},
            }
        },
        Outcome.CONTENT_FILTERED,
    ),
    (
        400,
        {
            "error": {
                "message": "The response was filtered",
                "code": None,
                "innererror": {"code": "ResponsibleAIPolicyViolation"},
            }
        },
        Outcome.CONTENT_FILTERED,
    ),
    # Moonshot: a suspended account. Aggregators of the New API kind: a token without money.
    (
        429,
        {
            "error": {
                "message": "Your account org-x is suspended, please check your plan and billing details",
                "type": "exceeded_current_quota_error",
            }
        },
        Outcome.OUT_OF_CREDIT,
    ),
    (
        403,
        {
            "error": {
                "message": "token quota is not enough",
                "type": "new_api_error",
                "code": "pre_consume_token_quota_failed",
            }
        },
        Outcome.OUT_OF_CREDIT,
    ),
    # Anthropic: the limits that a customer sets itself, and that of its tier
    (
        400,
        {
            "type": "error",
            "error": {
                "type": "invalid_request_error",
                "message": "You have reached your specified workspace API usage limits. You will regain "
                "access on 2026-09-01 at 00:00 UTC.",
            },
        },
        Outcome.OUT_OF_CREDIT,
    ),
    (
        429,
        {
            "type": "error",
            "error": {
                "type": "rate_limit_error",
                "message": "Your organization has crossed its monthly threshold.",
                "details": {"error_code": "enforced_spend_limit_reached"},
            },
        },
        Outcome.OUT_OF_CREDIT,
    ),
    # Anthropic: money is an invalid request there
    (
        400,
        {
            "type": "error",
            "error": {
                "type": "invalid_request_error",
                "message": "Your credit balance is too low "
                "to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits.",
            },
            "request_id": "req_x",
        },
        Outcome.OUT_OF_CREDIT,
    ),
    (
        404,
        {"type": "error", "error": {"type": "not_found_error", "message": "model: claude-9"}},
        Outcome.NOT_SERVED,
    ),
    (
        403,
        {"type": "error", "error": {"type": "permission_error", "message": "Not allowed from your region."}},
        Outcome.REFUSED_HERE,
    ),
    (
        401,
        {"type": "error", "error": {"type": "authentication_error", "message": "invalid x-api-key"}},
        Outcome.CREDENTIAL_REJECTED,
    ),
    # Google
    (
        429,
        {
            "error": {
                "code": 429,
                "status": "RESOURCE_EXHAUSTED",
                "message": "You exceeded your current quota.",
                "details": [
                    {
                        "@type": "type.googleapis.com/google.rpc.QuotaFailure",
                        "violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}],
                    },
                    {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "20s"},
                ],
            }
        },
        Outcome.OUT_OF_CREDIT,
    ),
    (
        429,
        {
            "error": {
                "code": 429,
                "status": "RESOURCE_EXHAUSTED",
                "message": "You exceeded your current quota.",
                "details": [{"violations": [{"quotaId": "GenerateRequestsPerMinutePerProjectPerModel"}]}],
            }
        },
        Outcome.THROTTLED,
    ),
    (
        404,
        {
            "error": {
                "code": 404,
                "status": "NOT_FOUND",
                "message": "models/gemini-9 is not found for API version v1beta",
            }
        },
        Outcome.NOT_SERVED,
    ),
    (
        403,
        {
            "error": {
                "code": 403,
                "status": "PERMISSION_DENIED",
                "message": "Requests are blocked.",
                "details": [{"reason": "API_KEY_SERVICE_BLOCKED"}],
            }
        },
        Outcome.CREDENTIAL_REJECTED,
    ),
    # OpenRouter
    (
        402,
        {
            "error": {
                "message": "This request requires more credits, or fewer max_tokens. You requested up to "
                "65536 tokens, but can only afford 10114.",
                "code": 402,
                "metadata": {"provider_name": None},
            },
            "user_id": "u",
        },
        Outcome.REFUSED_HERE,
    ),
    (
        402,
        {
            "error": {
                "message": "Insufficient credits. Add more using https://openrouter.ai/settings/credits",
                "code": 402,
            }
        },
        Outcome.OUT_OF_CREDIT,
    ),
    (
        400,
        {
            "error": {
                "message": "Provider returned error",
                "code": 400,
                "metadata": {
                    "provider_name": "X",
                    "raw": '{"error":{"message":"too long","code":"context_length_exceeded"}}',
                },
            }
        },
        Outcome.CONTEXT_EXCEEDED,
    ),
    (400, {"error": {"message": "x/y is not a valid model ID", "code": 400}}, Outcome.NOT_SERVED),
    # Groq, DeepSeek, Mistral
    (
        413,
        {
            "error": {
                "message": "Request too large for model `m` in organization `o` on tokens per minute (TPM): "
                "Limit 6000, Requested 12328",
                "type": "tokens",
                "code": "rate_limit_exceeded",
            }
        },
        Outcome.REFUSED_HERE,
    ),
    (
        400,
        {
            "error": {
                "message": "The model `m` has been decommissioned",
                "type": "invalid_request_error",
                "code": "model_decommissioned",
            }
        },
        Outcome.NOT_SERVED,
    ),
    (
        402,
        {
            "error": {
                "message": "Insufficient Balance",
                "type": "unknown_error",
                "code": "invalid_request_error",
            }
        },
        Outcome.OUT_OF_CREDIT,
    ),
    (400, {"error": {"message": "Model Not Exist", "type": "invalid_request_error"}}, Outcome.NOT_SERVED),
    (
        400,
        {
            "object": "error",
            "message": "Invalid model: m",
            "type": "invalid_model",
            "param": None,
            "code": "1500",
        },
        Outcome.NOT_SERVED,
    ),
    # Ollama, vLLM, llama-server
    (404, {"error": "model 'x' not found"}, Outcome.NOT_SERVED),
    (404, {"error": 'model "x" not found, try pulling it first'}, Outcome.NOT_SERVED),
    (400, {"error": '"nomic-embed-text" does not support chat'}, Outcome.NOT_SERVED),
    (503, {"error": "server busy, please try again.  maximum pending requests exceeded"}, Outcome.THROTTLED),
    (
        404,
        {
            "object": "error",
            "message": "The model `x` does not exist.",
            "type": "NotFoundError",
            "param": None,
            "code": 404,
        },
        Outcome.NOT_SERVED,
    ),
    (503, {"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}}, Outcome.LOADING),
    (
        404,
        {"error": {"message": "response resp_1 not found", "type": "invalid_request_error"}},
        Outcome.REQUEST_REJECTED,
    ),
]


@pytest.mark.parametrize(("status", "body", "outcome"), PROVIDERS)
def test_why_is_found_wherever_a_provider_says_it(
    status: int, body: dict[str, object], outcome: Outcome
) -> None:
    assert failure(status, [], json.dumps(body).encode()).outcome == outcome


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (("slow down", "rate_limit_error", ""), Outcome.THROTTLED),
        (("Insufficient credits", "", "402"), Outcome.OUT_OF_CREDIT),
        (("no", "", "429"), Outcome.THROTTLED),
        (("pay", "insufficient_quota", "insufficient_quota"), Outcome.OUT_OF_CREDIT),
        (("Overloaded", "overloaded_error", ""), Outcome.STREAM_ERROR),
        (("broken", "server_error", "500"), Outcome.STREAM_ERROR),
        (("", "", ""), Outcome.STREAM_ERROR),
    ],
)
def test_a_refusal_inside_a_200_is_what_it_says(error: tuple[str, str, str], outcome: Outcome) -> None:
    made = failure_inside(*error)
    assert (made.outcome, made.status) == (outcome, 200)
    assert made.message


@pytest.mark.parametrize("kind", ["validation", "template_error", "tool_error"])
def test_what_tgi_refuses_is_a_bad_request(kind: str) -> None:
    error = failure(422, [], b'{"error":"text","error_type":"%b"}' % kind.encode())
    assert (error.outcome, error.code, error.status) == (Outcome.REQUEST_REJECTED, "upstream_rejected", 400)
    assert error.message == "text"


def test_messages_of_every_shape_are_found() -> None:
    for body in (
        b'{"error":{"message":"said"}}',
        b'{"error":"said"}',
        b'{"object":"error","message":"said","code":40303}',
        b'{"detail":"said"}',
        b'[{"error":{"message":"said","status":"X"}}]',
    ):
        assert failure(400, [], body).message == "said"


def test_a_secret_never_appears() -> None:
    error = failure(
        400, [], b'{"error":{"message":"bad key sk-top-secret given"}}', secrets=["sk-top-secret"]
    )
    assert "sk-top-secret" not in error.message
    rejected = failure(401, [], b'{"error":{"message":"Incorrect API key: sk-top-...cret"}}')
    assert "sk-" not in rejected.message


@given(st.integers(100, 999), st.binary(max_size=400))
def test_any_answer_becomes_an_error(status: int, body: bytes) -> None:
    error = failure(status, [(b"retry-after", body[:30])], body)
    assert error.message
    assert len(error.message) <= 2000


NOW = 1_795_000_000.0


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (b"2", 2.0),
        (b"0", 0.0),
        (b"1.5", 1.5),
        (formatdate(NOW + 30, usegmt=True).encode(), 30.0),
        (formatdate(NOW - 30, usegmt=True).encode(), None),
        (b"-5", None),
        (b"soon", None),
        (b"", None),
        (b"99999999999999999999999", None),
        (b"9999999999", 86400.0),
        (b"Thu, 99 Foo 2026", None),
    ],
)
def test_retry_after_forms(value: bytes, seconds: float | None) -> None:
    assert retry_after([(b"retry-after", value)], NOW) == seconds


@pytest.mark.parametrize(
    ("headers", "delay", "seconds"),
    [
        ([], b'"17s"', 17.0),
        ([], b'"0.5s"', 0.5),
        ([(b"retry-after", b"3")], b'"17s"', 3.0),
        ([], b'"soon"', None),
        ([], b"17", None),
    ],
)
def test_google_says_inside_how_long_to_wait(
    headers: list[tuple[bytes, bytes]], delay: bytes, seconds: float | None
) -> None:
    body = b'[{"error":{"code":429,"details":[7,{"@type":"x.QuotaFailure"},{"retryDelay":%b}]}}]' % delay
    error = failure(429, headers, body)
    assert (error.outcome, error.retry_after) == (Outcome.THROTTLED, seconds)


def test_milliseconds_win() -> None:
    headers = [(b"retry-after", b"30"), (b"retry-after-ms", b"250")]
    assert retry_after(headers, time.time()) == 0.25


SECRET = "sk-0123456789abcdef"


@pytest.mark.parametrize("length", range(1, len(SECRET) + 1))
def test_credentials_are_hidden_even_where_a_text_was_cut(length: int) -> None:
    hidden = hide("key " + SECRET[:length], [SECRET])
    assert hidden == ("key " + SECRET[:length] if length < 8 else "key ***")


def test_a_placeholder_is_no_credential() -> None:
    assert hide("ollama: no such model", ["ollama"]) == "ollama: no such model"


def test_a_date_without_a_zone_is_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        headers = [(b"retry-after", b"Thu, 01 Jan 1970 00:01:40 -0000")]
        assert retry_after(headers, 70.0) == 30.0
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(
    ("said", "sizes"),
    [
        ("'max_tokens' or 'max_completion_tokens' is too large: 32000. This model's maximum context length "
         "is 32768 tokens and your request has 4096 input tokens (32000 > 32768 - 4096).",
         "4096 + 32000 > 32768"),
        ("This model's maximum context length is 32768 tokens. However, you requested 36096 tokens (4096 in "
         "the messages, 32000 in the completion). Please reduce the length.", "4096 + 32000 > 32768"),
        ("Requested token count exceeds the model's maximum context length of 32768 tokens. You requested a "
         "total of 36096 tokens: 4096 tokens from the input messages and 32000 tokens for the completion.",
         "4096 + 32000 > 32768"),
        ("Input validation error: `inputs` tokens + `max_new_tokens` must be <= 2048. Given: 100 `inputs` "
         "tokens and 2000 `max_new_tokens`", "100 + 2000 > 2048"),
        ("This model's maximum context length is 100 tokens. However, you requested 500 tokens (400 in the "
         "messages, 100 in the completion).", None),
    ],
)  # fmt: skip
def test_a_limit_of_the_answer_that_does_not_fit_is_no_prompt_that_is_too_long(
    said: str, sizes: str | None
) -> None:
    """Anthropic's words for it, on which its clients lower the limit: B018."""
    error = failure(400, [], json.dumps({"error": {"message": said}}).encode())
    assert error.outcome == Outcome.CONTEXT_EXCEEDED
    ours = f"input length and `max_tokens` exceed context limit: {sizes}: "
    assert error.message == (ours + said if sizes else said)
    told = json.loads(MESSAGES.error(Fault(400, "x", "context_length_exceeded", error.message)))
    assert told["error"]["message"] == (ours + said if sizes else f"prompt is too long: {said}")
