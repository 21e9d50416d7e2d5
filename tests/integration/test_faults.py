"""Upstream faults: another deployment answers while nothing was sent, an explicit error after.

Each row is one thing that really goes wrong, and what the client must see.
"""

import json
from typing import Any

import pytest

from tests.integration.conftest import config
from tests.support.demo import Demo
from tests.support.gateway import Gateway
from tests.support.waiting import until

CHAT = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
STREAM = {**CHAT, "stream": True}


def events(body: bytes) -> list[Any]:
    """Payloads of a stream; `[DONE]` as a string."""
    payloads = [line[6:] for line in body.split(b"\n") if line.startswith(b"data: ")]
    return ["[DONE]" if payload == b"[DONE]" else json.loads(payload) for payload in payloads]


def text(found: list[Any]) -> str:
    chunks = [event for event in found if event != "[DONE]" and "error" not in event]
    return "".join(c["choices"][0]["delta"].get("content") or "" for c in chunks if c["choices"])


BEFORE_CONTENT = [
    "status=500",
    "status=502",
    "status=503",
    "status=529",
    "status=429;retry-after=0",
    "status=402",
    "status=401",
    "reset-before-head",
    "close-before-head",
    "not-http",
    "hang",
    "error-in-200",
    "html-error",
]


# A whole answer has no first token to wait for, so `hang` is a matter of its total limit (below).
@pytest.mark.parametrize("fault", [*sorted(set(BEFORE_CONTENT) - {"hang"}), "garbage"])
def test_a_failed_answer_is_given_by_the_next_tier(demo: Demo, gateway: Gateway, fault: str) -> None:
    demo.fault("local", fault, count=2 if "before-head" in fault else 1)
    answer = gateway.post("/v1/chat/completions", CHAT)
    assert answer.status == 200, answer.body
    assert "private" in answer.json["choices"][0]["message"]["content"]
    assert answer.headers["x-hybridgw-tier"] == "private"
    assert answer.headers["x-hybridgw-attempts"] == "2"


@pytest.mark.parametrize(
    "fault", [*BEFORE_CONTENT, "truncate-after=0", "stall-after=0", "reset-after=0", "first-token=2s"]
)
def test_a_stream_that_fails_before_content_is_given_by_the_next_tier(
    demo: Demo, gateway: Gateway, fault: str
) -> None:
    # A kept connection that closes without a byte is tried once more on a fresh one.
    demo.fault("local", fault, count=2 if "before-head" in fault else 1)
    answer = gateway.post("/v1/chat/completions", STREAM)
    assert answer.status == 200, answer.body
    found = events(answer.body)
    assert found[-1] == "[DONE]"
    assert "private" in text(found)
    assert "local" not in text(found)


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("truncate-after=3;gap=20ms", "upstream_truncated"),
        ("reset-after=3;gap=20ms", "upstream_error"),
        ("close-after=3;gap=20ms", "upstream_error"),
        ("stall-after=3;gap=20ms", "upstream_timeout"),
    ],
)
def test_a_stream_that_breaks_after_content_ends_with_an_explicit_error(
    demo: Demo, gateway: Gateway, fault: str, code: str
) -> None:
    demo.fault("local", fault, count=1)
    answer = gateway.post("/v1/chat/completions", STREAM)
    found = events(answer.body)
    assert text(found)
    assert "[DONE]" not in found
    error = found[-1]["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["code"] in (code, "upstream_truncated")
    assert not demo.requests("private"), "nothing may be tried elsewhere once content was sent"


def test_the_upstreams_own_error_event_goes_through_once(demo: Demo, gateway: Gateway) -> None:
    demo.fault("local", "error-event-after=2;gap=20ms", count=1)
    found = events(gateway.post("/v1/chat/completions", STREAM).body)
    assert len([event for event in found if event != "[DONE]" and "error" in event]) == 1
    assert found[-1] != "[DONE]"


@pytest.mark.parametrize("status", [400, 404, 422])
def test_a_refused_request_is_not_tried_elsewhere(demo: Demo, gateway: Gateway, status: int) -> None:
    demo.fault("local", f"status={status};message=not like this", count=1)
    answer = gateway.post("/v1/chat/completions", CHAT)
    assert answer.status == status
    assert answer.json["error"]["message"] == "not like this"
    assert not demo.requests("private")


def test_when_everybody_fails_the_client_is_told_once(demo: Demo, gateway: Gateway) -> None:
    for tier in ("local", "private"):
        demo.fault(tier, "status=500", count=1)
    answer = gateway.post("/v1/chat/completions", CHAT)
    assert answer.status == 502
    assert "x-should-retry" not in answer.headers, "an engine that restarts is back in a moment"
    assert answer.json["error"]["code"] == "upstream_error"


def test_when_everybody_is_busy_the_client_may_come_again(demo: Demo, gateway: Gateway) -> None:
    for tier in ("local", "private"):
        demo.fault(tier, "status=503", count=1)
    answer = gateway.post("/v1/chat/completions", CHAT)
    assert (answer.status, answer.json["error"]["code"]) == (503, "overloaded")
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert "x-should-retry" not in answer.headers
    assert [len(demo.requests(tier)) for tier in ("local", "private")] == [1, 1]


def test_a_wait_of_an_hour_is_not_passed_on(demo: Demo) -> None:
    with Gateway(config(demo)) as cooling:
        for tier in ("local", "private"):
            demo.fault(tier, "status=429;retry-after=3600", count=1)
        answer = cooling.post("/v1/chat/completions", CHAT)
        assert answer.status == 429
        wait = answer.headers.get("retry-after")
        assert answer.headers.get("x-should-retry") == "false" or (wait and int(wait) <= 60)


def test_rate_limits_everywhere_are_a_429_with_a_short_wait(demo: Demo, gateway: Gateway) -> None:
    for tier in ("local", "private"):
        demo.fault(tier, "status=429;retry-after=1", count=1)
    answer = gateway.post("/v1/chat/completions", CHAT)
    assert answer.status == 429
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    # Both cool now; nobody is asked until they have.
    until(lambda: gateway.post("/v1/chat/completions", CHAT).status == 200, 4)


def test_a_stream_told_as_one_json_document_is_still_a_stream(demo: Demo, gateway: Gateway) -> None:
    demo.fault("local", "json-for-stream", count=1)
    answer = gateway.post("/v1/chat/completions", STREAM)
    assert answer.headers["content-type"].startswith("text/event-stream")
    found = events(answer.body)
    assert "local" in text(found)
    assert found[-1] == "[DONE]"
    assert [event["choices"][0]["finish_reason"] for event in found[:-1]][-1] == "stop"


@pytest.mark.parametrize(
    "fault", ["slice=1", "split-utf8", "crlf", "bom", "comments=3", "http10", "huge-event=2000000"]
)
def test_odd_but_legal_streams_arrive_complete(demo: Demo, gateway: Gateway, fault: str) -> None:
    demo.fault("local", fault, count=1)
    answer = gateway.post("/v1/chat/completions", STREAM)
    assert answer.status == 200
    assert answer.body.rstrip().endswith(b"data: [DONE]")
    assert not demo.requests("private")


def test_a_client_that_leaves_takes_its_upstream_request_along(demo: Demo, gateway: Gateway) -> None:
    demo.fault("local", "gap=100ms;events=100", count=1)
    connection = gateway.connect()
    connection.request(
        "POST", "/v1/chat/completions", json.dumps(STREAM), {"content-type": "application/json"}
    )
    response = connection.getresponse()
    assert response.readline().startswith(b"data:")
    response.close()
    connection.close()
    until(lambda: demo.requests("local")[0]["ended"] == "aborted", 2)


def test_a_client_that_leaves_before_an_answer_cancels_it_too(demo: Demo, gateway: Gateway) -> None:
    demo.fault("local", "latency=3s", count=1)
    connection = gateway.connect()
    connection.request("POST", "/v1/chat/completions", json.dumps(CHAT), {"content-type": "application/json"})
    until(lambda: bool(demo.requests("local")), 2)
    connection.close()
    until(lambda: demo.requests("local")[0]["ended"] == "aborted", 2)
    assert not demo.requests("private")


def test_every_attempt_is_in_the_journal(demo: Demo, gateway: Gateway) -> None:
    demo.fault("local", "status=500", count=1)
    answer = gateway.post("/v1/chat/completions", CHAT)
    mine = [entry for entry in gateway.journal() if entry["id"] == answer.headers["x-request-id"]]
    assert [(entry["deployment"], entry["outcome"]) for entry in mine] == [
        ("local/m", "server_error"),
        ("private/m", "success"),
    ]
    usage = answer.json["usage"]
    assert mine[1]["prompt_tokens"] == usage["prompt_tokens"]
    assert mine[1]["completion_tokens"] == usage["completion_tokens"]


def test_beyond_the_retry_budget_the_client_may_try_again_itself(demo: Demo) -> None:
    with Gateway(config(demo, retry={"budget_min": 0, "budget_percent": 0})) as strict:
        demo.fault("local", "status=500", count=1)
        answer = strict.post("/v1/chat/completions", CHAT)
        assert answer.status == 502
        assert "x-should-retry" not in answer.headers
        assert not demo.requests("private")
