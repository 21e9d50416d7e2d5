"""Every error has a row, every row an answer that the SDKs can act on."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from hybridgw.core import Outcome
from hybridgw.dialects import MESSAGES, OPENAI, Dialect
from hybridgw.dialects.ollama import OLLAMA_CHAT, OLLAMA_GENERATE
from hybridgw.dialects.responses import RESPONSES
from hybridgw.errors import GatewayError, RequestError, UpstreamError, UpstreamTimeout
from hybridgw.native import catalogue
from hybridgw.server.catalogue import CATALOGUE
from hybridgw.server.error_page import render
from hybridgw.server.rescue import rescue
from hybridgw.wire import Ask

DIALECTS: dict[str, Dialect] = {
    "openai": OPENAI,
    "messages": MESSAGES,
    "responses": RESPONSES,
    "ollama": OLLAMA_CHAT,
    "ollama_generate": OLLAMA_GENERATE,
}
ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("code", CATALOGUE)
@pytest.mark.parametrize("kind", ["native", "litellm"])
def test_every_row_renders_a_complete_error_object(code: str, kind: str) -> None:
    row = CATALOGUE[code]
    fault = rescue(GatewayError(code, "said", field="model"), kind)
    assert fault.status == (row.status if kind == "native" else row.litellm_status)
    error = orjson.loads(OPENAI.error(fault))["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert isinstance(error["code"], str)
    assert error["message"] == "said"
    if kind == "litellm":
        assert error["code"] == str(fault.status)


@pytest.mark.parametrize("code", CATALOGUE)
@pytest.mark.parametrize("name", DIALECTS)
def test_what_a_dialect_knows_an_error_by_does_not_depend_on_the_catalogue(code: str, name: str) -> None:
    """A catalogue may choose another status and OpenAI's `code`; the words that clients act on stay."""
    dialect = DIALECTS[name]
    own, other = (
        rescue(GatewayError(code, "no `m` here", field="model", retry_after=2), kind)
        for kind in ("native", "litellm")
    )
    assert other.why == own.why == (CATALOGUE[code].code or code)
    if name == "openai":
        return  # `code` is the catalogue's there: the test above
    bodies = [orjson.loads(dialect.error(fault)) for fault in (own, other)]
    if name.startswith("ollama"):
        assert bodies[0] == bodies[1]
        assert dialect.status(own) == dialect.status(other)
    elif name == "messages":
        assert bodies[0]["error"]["message"] == bodies[1]["error"]["message"]
    else:
        assert bodies[0]["error"]["code"] == bodies[1]["error"]["code"] == own.why
        events = [_events(dialect.error_event(fault)) for fault in (own, other)]
        writers = [dialect.writer(Ask(model="m", messages=[])).error_event(fault) for fault in (own, other)]
        events += [_events(written) for written in writers]
        for event in events:
            assert event["response"]["error"]["code"] == own.why
            assert ("try again in" in event["response"]["error"]["message"]) == (
                own.why == "rate_limit_exceeded"
            )


def _events(stream: bytes) -> dict[str, Any]:
    """The last event."""
    event: dict[str, Any] = orjson.loads(stream.rstrip().rpartition(b"data: ")[2])
    return event


@pytest.mark.parametrize("kind", ["native", "litellm"])
def test_the_words_that_clients_act_on(kind: str) -> None:
    too_long = rescue(GatewayError("context_length_exceeded", "12 tokens, 8 fit"), kind)
    said = orjson.loads(MESSAGES.error(too_long))["error"]
    assert said == {"type": "invalid_request_error", "message": "prompt is too long: 12 tokens, 8 fit"}
    assert orjson.loads(RESPONSES.error(too_long))["error"]["code"] == "context_length_exceeded"

    unknown = rescue(GatewayError("model_not_found", "`qwen` is not configured", field="model"), kind)
    assert OLLAMA_CHAT.status(unknown) == 404
    assert orjson.loads(OLLAMA_CHAT.error(unknown)) == {
        "error": 'model "qwen" not found, try pulling it first'
    }

    late = rescue(UpstreamTimeout(Outcome.FIRST_TOKEN_TIMEOUT, "silent"), kind)
    assert orjson.loads(MESSAGES.error(late))["error"]["type"] == "timeout_error"
    assert late.should_retry is False, "every candidate was tried"


def test_every_code_of_the_native_side_has_a_row() -> None:
    assert not set(catalogue()["decide_errors"]) - set(CATALOGUE)


def test_an_unforeseen_error_tells_the_client_nothing() -> None:
    fault = rescue(ZeroDivisionError("secret detail"))
    assert (fault.status, fault.message) == (500, "internal error")


def test_a_rejected_upstream_key_is_not_a_401() -> None:
    error = UpstreamError(Outcome.CREDENTIAL_REJECTED, "no", code="upstream_auth", status=401)
    fault = rescue(error)
    assert (fault.status, fault.should_retry) == (502, False)


@pytest.mark.parametrize("status", [400, 404, 422])
def test_a_refusal_of_the_request_keeps_the_upstreams_status(status: int) -> None:
    error = UpstreamError(Outcome.REQUEST_REJECTED, "no", code="upstream_rejected", status=status)
    assert rescue(error).status == status


def test_no_client_is_told_to_wait_longer_than_a_minute() -> None:
    fault = rescue(UpstreamError(Outcome.THROTTLED, "later", code="rate_limit_exceeded", retry_after=3600))
    assert fault.retry_after is None
    assert fault.should_retry is False
    fault = rescue(UpstreamError(Outcome.THROTTLED, "later", code="rate_limit_exceeded", retry_after=2.5))
    assert fault.retry_after == 2.5


@pytest.mark.parametrize("outcome", [Outcome.FIRST_TOKEN_TIMEOUT, Outcome.TRUNCATED, Outcome.STREAM_ERROR])
def test_work_that_failed_everywhere_forbids_the_sdks_own_retries(outcome: Outcome) -> None:
    assert rescue(UpstreamError(outcome, "down")).should_retry is False
    assert rescue(RequestError("invalid_json", "no")).should_retry is None


@pytest.mark.parametrize("outcome", [Outcome.SERVER_ERROR, Outcome.CONNECT_FAILED, Outcome.RESET])
def test_an_engine_that_restarts_does_not_end_an_agents_session(outcome: Outcome) -> None:
    """Claude Code ends after the first answer with `x-should-retry: false`."""
    assert rescue(UpstreamError(outcome, "down")).should_retry is None


def test_money_is_a_429_that_does_not_pass() -> None:
    error = UpstreamError(Outcome.OUT_OF_CREDIT, "spend limit reached", code="upstream_quota", status=402)
    fault = rescue(error)
    assert (fault.status, fault.type, fault.should_retry) == (429, "insufficient_quota", False)
    assert fault.message == "spend limit reached"


def test_the_published_page_is_made_from_the_table() -> None:
    assert (ROOT / "docs" / "errors.md").read_text() == render()


@pytest.mark.parametrize("outcome", [Outcome.LOCAL_FAULT, Outcome.DRAINING])
def test_a_gateway_at_its_limits_may_be_asked_again(outcome: Outcome) -> None:
    """Nobody was tried, so this is no exhausted list of candidates."""
    fault = rescue(UpstreamError(outcome, "no descriptor"))
    assert (fault.status, fault.code, fault.should_retry, fault.retry_after) == (503, "overloaded", None, 1.0)


def test_upstreams_at_their_limits_are_asked_again_after_a_wait() -> None:
    """Other than a failure: nothing is broken, and the wait keeps the tries from multiplying."""
    fault = rescue(UpstreamError(Outcome.SERVER_ERROR, "busy", code="overloaded", status=503))
    assert (fault.status, fault.code, fault.should_retry, fault.retry_after) == (503, "overloaded", None, 1.0)
    fault = rescue(
        UpstreamError(Outcome.SERVER_ERROR, "busy", code="overloaded", status=503, retry_after=4000)
    )
    assert (fault.should_retry, fault.retry_after) == (False, None)


def test_what_http_wants_said_comes_along() -> None:
    error = RequestError("method_not_allowed", "no", headers=((b"allow", b"POST"),))
    assert rescue(error).headers == ((b"allow", b"POST"),)
    assert rescue(error, request_id="r").request_id == "r"
