"""Paths as clients call them, the list of models, and errors where no route stands."""

import json
import socket
import time
from typing import Any
from urllib.parse import quote

import pytest

from hybridgw.core import Route
from hybridgw.dialects import DIALECTS, OPENAI
from tests.integration.conftest import config
from tests.support.demo import Demo
from tests.support.gateway import Gateway

CHAT = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
KEY = "sk-test-master"


@pytest.mark.parametrize(
    "path",
    [
        "/chat/completions",
        "/v1//chat/completions",
        "//v1/chat/completions",
        "/v1/v1/chat/completions",
        "/v1/chat/completions/",
        "/v1/chat/completions?beta=true",
        "/v1//chat/completions?a=/v1/models",
        "/v1/chat%2Fcompletions",
    ],
)
def test_a_path_is_found_however_the_base_url_was_typed(demo: Demo, gateway: Gateway, path: str) -> None:
    answer = gateway.post(path, CHAT)
    assert answer.status == 200, answer.body
    (seen,) = demo.requests("local")
    assert seen["path"] == "/v1/chat/completions", "the query is not for a backend that was not promised it"


@pytest.mark.parametrize(
    "path", ["/v1//models", "/v1/v1/models", "/models/", "//health", "/v1", "/v1/", "//"]
)
def test_pages_are_found_like_it(gateway: Gateway, path: str) -> None:
    assert gateway.get(path).status == 200


def test_accept_does_not_decide_about_streaming(gateway: Gateway) -> None:
    stream = gateway.post("/v1/chat/completions", {**CHAT, "stream": True}, {"accept": "application/json"})
    assert stream.headers["content-type"] == "text/event-stream; charset=utf-8"
    whole = gateway.post("/v1/chat/completions", CHAT, {"accept": "text/event-stream"})
    assert whole.headers["content-type"] == "application/json"


def test_the_head_of_a_stream_keeps_proxies_from_holding_it(gateway: Gateway) -> None:
    answer = gateway.post("/v1/chat/completions", {**CHAT, "stream": True}, {"accept-encoding": "gzip, br"})
    assert answer.headers["x-accel-buffering"] == "no"
    assert "no-transform" in answer.headers["cache-control"]
    assert "content-encoding" not in answer.headers
    assert "content-length" not in answer.headers
    assert answer.headers["x-request-id"] == answer.headers["request-id"]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/v1/chat/completions", "POST"),
        ("PUT", "/chat/completions/", "POST"),
        ("DELETE", "/utils/token_counter", "POST"),
        ("POST", "/v1/models", "GET, HEAD"),
        ("POST", "/v1//models/m", "GET, HEAD"),
    ],
)
def test_the_wrong_method_is_told_the_right_one(
    gateway: Gateway, method: str, path: str, allowed: str
) -> None:
    answer = gateway.request(method, path)
    assert (answer.status, answer.json["error"]["code"]) == (405, "method_not_allowed")
    assert answer.headers["allow"] == allowed


def shape(error: Any) -> str:
    """Whose error this is."""
    if error.get("type") == "error":
        return "messages" if {"type", "message"} <= set(error["error"]) else "?"
    if isinstance(error.get("error"), str):
        return "ollama"
    return "openai" if set(error["error"]) == {"message", "type", "param", "code"} else "?"


def spoken(route: Route) -> str:
    """The name of the shape in which errors of this route are told."""
    dialect = DIALECTS.get(route, OPENAI)
    return "openai" if dialect is OPENAI else "messages" if route is Route.MESSAGES else "ollama"


FAMILIES = [
    ("/v1/messages", Route.MESSAGES),
    ("/v1/v1/messages/nothing", Route.MESSAGES),
    ("/api/chat", Route.OLLAMA_CHAT),
    ("/api/nothing", Route.OLLAMA_CHAT),
    ("/v1/nothing", Route.CHAT),
]


@pytest.mark.parametrize(("path", "route"), FAMILIES)
def test_an_error_is_told_in_the_callers_words(gateway: Gateway, path: str, route: Route) -> None:
    for answer in (
        gateway.request("DELETE", path),
        gateway.request("GET", path, headers={f"x-{i}": "a" * 9000 for i in range(8)}),
        gateway.request("GET", path, headers={"connection": "upgrade", "upgrade": "websocket"}),
    ):
        assert answer.status in (404, 405, 431, 426), answer.body
        assert answer.headers["content-type"] == "application/json"
        assert shape(answer.json) == spoken(route)


def test_every_answer_can_be_quoted_by_its_id(demo: Demo) -> None:
    seen = set()
    with Gateway(config(demo, auth={"master_key": KEY})) as keyed:
        key = {"authorization": f"Bearer {KEY}"}
        for answer in (
            keyed.get("/health"),
            keyed.get("/v1/models"),
            keyed.get("/nothing"),
            keyed.post("/v1/chat/completions", CHAT),
            keyed.post("/v1/chat/completions", CHAT, key),
            keyed.post("/v1/chat/completions", b"nonsense", key),
            keyed.post("/v1/chat/completions", {**CHAT, "stream": True}, key),
        ):
            assert answer.headers["x-request-id"] == answer.headers["request-id"]
            seen.add(answer.headers["request-id"])
    assert len(seen) == 7


def test_a_websocket_is_refused_at_once(gateway: Gateway) -> None:
    head = (
        b"GET /v1/responses HTTP/1.1\r\nhost: localhost\r\nconnection: Upgrade\r\nupgrade: websocket\r\n"
        b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=5) as raw:
        began = time.monotonic()
        raw.sendall(head)
        answer = raw.recv(65536)
        took = time.monotonic() - began
    assert answer.startswith(b"HTTP/1.1 426 ")
    assert took < 0.1


@pytest.fixture(scope="module")
def models(demo: Demo) -> Any:
    names = ["a", "openrouter/a/b:free", "c", "d//e", "f"]
    listed = [{"name": name, "deployments": ["local/m"]} for name in names]
    with Gateway(config(demo, models=listed)) as running:
        yield running


def ids(gateway: Gateway, query: str = "") -> list[str]:
    return [entry["id"] for entry in gateway.get(f"/v1/models{query}").json["data"]]


def test_one_list_for_both_sdks(models: Gateway) -> None:
    listed = models.get("/v1/models").json
    assert listed["object"] == "list"
    assert listed["has_more"] is False
    assert (listed["first_id"], listed["last_id"]) == (listed["data"][0]["id"], listed["data"][-1]["id"])
    entry = next(entry for entry in listed["data"] if entry["id"] == "a")
    assert isinstance(entry["created"], int)
    assert time.strptime(entry["created_at"], "%Y-%m-%dT%H:%M:%SZ").tm_year >= 2024
    assert (entry["object"], entry["type"], entry["lifecycle"]) == ("model", "model", "active")
    assert entry["display_name"] == "a"


@pytest.mark.parametrize("name", ["openrouter/a/b:free", "d//e", "auto", "local/m"])
def test_a_model_by_its_id_raw_and_encoded(models: Gateway, name: str) -> None:
    for prefix in ("/v1/models/", "/models/"):
        for written in (name, quote(name, safe=""), quote(name, safe=":")):
            assert models.get(prefix + written).json["id"] == name
    head = models.request("HEAD", f"/v1/models/{name}")
    assert (head.status, head.body) == (200, b"")


def test_a_model_below_a_base_url_with_a_slash_too_many(models: Gateway) -> None:
    for path in (
        "/v1//models/openrouter/a/b:free",
        "/v1/v1/models/openrouter%2Fa%2Fb%3Afree",
        "/v1/models/a/",
    ):
        assert models.get(path).status == 200, path
    answer = models.get("/v1/models/nobody%2Fknows")
    assert (answer.status, answer.json["error"]["code"]) == (404, "model_not_found")


def test_the_list_can_be_walked_in_pages(models: Gateway) -> None:
    whole = ids(models)
    assert len(whole) >= 5
    walked: list[str] = []
    page = models.get("/v1/models?limit=2").json
    while True:
        assert len(page["data"]) <= 2
        walked += [entry["id"] for entry in page["data"]]
        if not page["has_more"]:
            break
        page = models.get(f"/v1/models?limit=2&after_id={quote(page['last_id'], safe='')}").json
    assert walked == whole
    assert ids(models, f"?limit=2&before_id={whole[4]}") == whole[2:4]
    assert models.get(f"/v1/models?limit=9&before_id={whole[4]}").json["has_more"] is False
    assert ids(models, "?limit=1000&beta=true") == whole


@pytest.mark.parametrize("query", ["limit=0", "limit=-1", "limit=two", "after_id=nobody", "before_id=nobody"])
def test_a_page_that_cannot_be_is_a_400(models: Gateway, query: str) -> None:
    answer = models.get(f"/v1/models?{query}")
    assert (answer.status, answer.json["error"]["param"]) == (400, query.partition("=")[0])


def test_the_root_says_what_is_served(gateway: Gateway) -> None:
    served = gateway.get("/").json["endpoints"]
    assert {"/v1/chat/completions", "/v1/models", "/health"} <= set(served)
    assert gateway.request("HEAD", "/").status == 200


def test_ten_thousand_unknown_models_leave_no_trace_in_the_metrics(gateway: Gateway) -> None:
    def labels() -> set[str]:
        page = gateway.get("/metrics").body.decode()
        return {line.rpartition(" ")[0] for line in page.splitlines() if not line.startswith("#")}

    gateway.post("/v1/chat/completions", {**CHAT, "model": "nobody"})
    before = labels()
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as raw:
        for start in range(0, 10_000, 100):
            batch = b""
            for number in range(start, start + 100):
                body = json.dumps({**CHAT, "model": f"unknown-{number}"}).encode()
                batch += (
                    b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\n"
                    b"content-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
                )
            raw.sendall(batch)
            answers = b""
            while answers.count(b"HTTP/1.1 ") < 100 or not answers.endswith(b"}"):
                data = raw.recv(1 << 20)
                assert data, answers[-500:]
                answers += data
            assert answers.count(b"HTTP/1.1 404 ") == 100
    assert labels() == before
