"""Waiting for one's turn: an engine that answers one request at a time is asked one at a time."""

import json
import threading
import time
from collections.abc import Iterator

import pytest

from tests.integration.conftest import config
from tests.integration.test_faults import CHAT, STREAM, events, text
from tests.support.demo import Demo
from tests.support.gateway import Answer, Gateway
from tests.support.waiting import until

PATH = "/v1/chat/completions"


@pytest.fixture(scope="module")
def queued(demo: Demo) -> Iterator[Gateway]:
    """`one`: LiteRT-LM alone. `two`: with another behind it. `few`: a backend that has nobody wait."""
    lone = demo.deployment("local", provider="litert_lm")
    few = demo.deployment("private", name="private/few", max_parallel=1)
    behind = demo.deployment("private", name="private/behind")
    models = [
        {"name": "one", "deployments": ["local/m"], "retries": 0},
        {"name": "two", "deployments": ["local/m", "private/behind"], "retries": 0},
        {"name": "few", "deployments": ["private/few"], "retries": 0},
    ]
    limits = {"first_token": "1500ms", "idle": "1500ms", "total": "5s", "connect": "1s"}
    settings = config(demo, deployments=[lone, few, behind], models=models, timeouts=limits)
    with Gateway(settings) as running:
        yield running


class Asking(threading.Thread):
    """One client in a thread of its own."""

    def __init__(self, gateway: Gateway, body: dict[str, object]) -> None:
        super().__init__(daemon=True)
        self.gateway = gateway
        self.body = body
        self.answer: Answer | None = None
        self.start()

    def run(self) -> None:
        self.answer = self.gateway.post(PATH, self.body)

    def told(self) -> Answer:
        self.join(10)
        assert self.answer is not None
        return self.answer


def busy(gateway: Gateway, count: int = 1) -> None:
    until(lambda: gateway.get("/health").json["active"] == count, 3)


@pytest.mark.parametrize("body", [CHAT, STREAM])
def test_the_second_request_waits_and_others_do_not(
    demo: Demo, queued: Gateway, body: dict[str, object]
) -> None:
    demo.fault("local", "latency=400ms", count=2)
    began = time.monotonic()
    first = Asking(queued, {**body, "model": "one"})
    busy(queued)
    second = Asking(queued, {**body, "model": "one"})
    busy(queued, 2)
    assert len(demo.requests("local")) <= 1, "the second has not been sent"
    asked = time.monotonic()
    assert queued.get("/v1/models").status == 200
    assert time.monotonic() - asked < 0.2
    assert (first.told().status, second.told().status) == (200, 200)
    assert time.monotonic() - began > 0.8, "one after the other"
    if body is STREAM:
        assert text(events(second.told().body))
    else:
        assert json.loads(second.told().body)["choices"][0]["message"]["content"]


def test_nobody_waits_while_another_may_answer(demo: Demo, queued: Gateway) -> None:
    demo.fault("local", "latency=600ms", count=1)
    first = Asking(queued, {**CHAT, "model": "one"})
    busy(queued)
    began = time.monotonic()
    told = queued.post(PATH, {**CHAT, "model": "two"})
    assert (told.status, told.headers["x-hybridgw-deployment"]) == (200, "private/behind")
    assert time.monotonic() - began < 0.4
    assert first.told().status == 200


def test_other_backends_refuse_what_they_cannot_take(demo: Demo, queued: Gateway) -> None:
    demo.fault("private", "latency=400ms", count=1)
    first = Asking(queued, {**CHAT, "model": "few"})
    busy(queued)
    began = time.monotonic()
    told = queued.post(PATH, {**CHAT, "model": "few"})
    assert (told.status, told.json["error"]["code"]) == (503, "overloaded")
    assert time.monotonic() - began < 0.3
    assert first.told().status == 200


def test_the_wait_is_bounded(demo: Demo, queued: Gateway) -> None:
    demo.fault("local", "latency=1200ms", count=2)
    asking = [Asking(queued, {**CHAT, "model": "one"}) for _ in range(3)]
    statuses = sorted(one.told().status for one in asking)
    assert statuses == [200, 200, 503]
    refused = next(one.told() for one in asking if one.told().status == 503)
    assert refused.json["error"]["code"] == "overloaded" and "retry-after" in refused.headers
    busy(queued, 0)


def test_a_client_that_leaves_leaves_the_line(demo: Demo, queued: Gateway) -> None:
    demo.fault("local", "latency=600ms", count=1)
    first = Asking(queued, {**CHAT, "model": "one"})
    busy(queued)
    connection = queued.connect()
    connection.request(
        "POST", PATH, json.dumps({**CHAT, "model": "one"}), {"content-type": "application/json"}
    )
    busy(queued, 2)
    connection.close()
    busy(queued, 1)
    assert first.told().status == 200
    assert len(demo.requests("local")) == 1, "nobody asked for a second answer"
    assert queued.post(PATH, {**CHAT, "model": "one"}).status == 200


def test_a_large_body_waits_as_well(demo: Demo, queued: Gateway) -> None:
    demo.fault("local", "latency=300ms", count=1)
    first = Asking(queued, {**CHAT, "model": "one"})
    busy(queued)
    long = [{"role": "user", "content": "word " * 20_000}]
    assert queued.post(PATH, {**CHAT, "model": "one", "messages": long}).status == 200
    assert first.told().status == 200
