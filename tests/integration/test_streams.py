"""Streams beyond the plain case: heartbeats, translation, limits by phase, many at once."""

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.conftest import config
from tests.integration.test_faults import CHAT, STREAM, events, text
from tests.support.demo import Demo
from tests.support.gateway import Gateway
from tests.support.waiting import until


@pytest.fixture(scope="module")
def patient(demo: Demo) -> Iterator[Gateway]:
    """Heartbeats after 50 ms, and no limit that would end the wait for a first token."""
    server = {"commit_after": "50ms", "heartbeat": "50ms"}
    limits = {"first_token": "3s", "idle": "3s", "total": "900ms"}
    with Gateway(config(demo, server=server, timeouts=limits)) as running:
        yield running


def test_a_silent_stream_is_kept_open_by_comments_that_are_no_content(demo: Demo, patient: Gateway) -> None:
    demo.fault("local", "first-token=400ms", count=1)
    answer = patient.post("/v1/chat/completions", STREAM)
    found = events(answer.body)
    assert answer.body.startswith(b": hybridgw\n\n")
    assert answer.body.count(b": hybridgw\n\n") >= 3
    assert "local" in text(found)
    assert found[-1] == "[DONE]"


def test_heartbeats_do_not_hinder_another_deployment(demo: Demo, patient: Gateway) -> None:
    demo.fault("local", "latency=300ms;status=500", count=1)
    answer = patient.post("/v1/chat/completions", STREAM)
    assert answer.status == 200
    assert answer.body.startswith(b": hybridgw\n\n")
    assert "private" in text(events(answer.body))
    # The head left with the heartbeat: what the second attempt overturned must not be in it.
    assert "x-request-id" in answer.headers
    assert "x-hybridgw-level" in answer.headers
    for name in ("tier", "deployment", "boundary", "attempts", "dropped", "warning"):
        assert f"x-hybridgw-{name}" not in answer.headers


def test_a_failure_after_a_heartbeat_is_an_error_event(demo: Demo, patient: Gateway) -> None:
    for tier in ("local", "private"):
        demo.fault(tier, "latency=200ms;status=500", count=1)
    answer = patient.post("/v1/chat/completions", STREAM)
    assert answer.status == 200
    (last,) = events(answer.body)
    assert last["error"]["code"] == "upstream_error"


def test_the_total_limit_ends_an_answer(demo: Demo, patient: Gateway) -> None:
    demo.fault("local", "latency=3s", count=1)
    began = time.monotonic()
    answer = patient.post("/v1/chat/completions", CHAT)
    assert (answer.status, answer.json["error"]["code"]) == (504, "upstream_timeout")
    assert time.monotonic() - began < 2.5
    assert not demo.requests("private"), "the time is over for everybody"


def test_a_clients_own_timeout_is_shorter(demo: Demo, gateway: Gateway) -> None:
    demo.fault("local", "latency=3s", count=1)
    answer = gateway.post("/v1/chat/completions", {**CHAT, "timeout": 0.2})
    assert answer.status == 504
    assert "timeout" not in json.loads(demo.requests("local")[0]["body"])


@pytest.fixture(scope="module")
def translating(demo: Demo) -> Iterator[Gateway]:
    """A backend that only has chat."""
    over = demo.deployment("local", provider="litert_lm", max_parallel=0)
    with Gateway(config(demo, deployments=[over], models=[{"name": "m", "deployments": ["local/m"]}])) as up:
        yield up


COMPLETION = {"model": "m", "prompt": "once", "max_tokens": 5}


def test_completions_are_served_over_chat(demo: Demo, translating: Gateway) -> None:
    answer = translating.post("/v1/completions", COMPLETION)
    assert answer.status == 200, answer.body
    assert answer.json["object"] == "text_completion"
    assert answer.json["choices"][0]["text"]
    assert answer.json["usage"]["completion_tokens"] == 5
    (seen,) = demo.requests("local")
    assert seen["path"] == "/v1/chat/completions"
    received = json.loads(seen["body"])
    assert received["messages"] == [{"role": "user", "content": "once"}]
    assert received["max_completion_tokens"] == 5


def test_translated_streams(demo: Demo, translating: Gateway) -> None:
    found = events(translating.post("/v1/completions", {**COMPLETION, "stream": True}).body)
    assert found[-1] == "[DONE]"
    chunks = found[:-1]
    assert all(chunk["object"] == "text_completion" for chunk in chunks)
    assert "".join(chunk["choices"][0]["text"] for chunk in chunks)
    assert [c["choices"][0]["finish_reason"] for c in chunks][-1] == "length"


def test_what_cannot_be_translated_is_named_and_not_sent(demo: Demo, translating: Gateway) -> None:
    answer = translating.post("/v1/completions", {**COMPLETION, "suffix": "end"})
    assert (answer.status, answer.json["error"]["param"]) == (400, "suffix")
    assert not demo.requests("local")
    # The permit was given back.
    page = translating.get("/health").json
    assert page["active"] == 0


def test_many_streams_at_once_do_not_mix(demo: Demo, gateway: Gateway) -> None:
    demo.fault("local", "gap=3ms")
    answers: dict[int, Any] = {}

    def ask(number: int) -> None:
        body = {**STREAM, "messages": [{"role": "user", "content": "x" * number}]}
        answers[number] = gateway.post("/v1/chat/completions", body)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(1, 25)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    for number in range(1, 25):
        found = events(answers[number].body)
        assert f"held {number} characters" in text(found), number
        assert found[-1] == "[DONE]"


def test_the_wait_for_upstreams_is_not_overhead(demo: Demo) -> None:
    """A slow failure, then a slow stream from the next tier: neither is time spent here."""
    with Gateway(config(demo)) as running:
        demo.fault("local", "latency=200ms;status=500", count=1)
        demo.fault("private", "gap=40ms;events=8", count=1)
        began = time.monotonic()
        assert running.post("/v1/chat/completions", STREAM).status == 200
        assert time.monotonic() - began > 0.3

        def seconds() -> float | None:
            page = running.get("/metrics").body.decode()
            found = dict(
                line.rsplit(" ", 1) for line in page.splitlines() if "hybridgw_overhead_seconds" in line
            )
            counted = float(found["hybridgw_overhead_seconds_count"])
            return float(found["hybridgw_overhead_seconds_sum"]) if counted else None

        until(lambda: seconds() is not None)
        assert (seconds() or 1) < 0.15
