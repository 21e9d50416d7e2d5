"""Applications that speak only Ollama, through a running gateway."""

import gzip
import json
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.conftest import config
from tests.support.demo import Demo
from tests.support.gateway import Answer, Gateway
from tests.support.player import Player, whole

USER = [{"role": "user", "content": "hello"}]
CHAT = {"model": "o", "messages": USER}
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\nconnection: close\r\n\r\n"
FIRST = (
    b'{"model":"q","created_at":"2026-11-20T08:00:00.1Z","message":{"role":"assistant","content":"he"},'
    b'"done":false}\n'
)
LAST = (
    b'{"model":"q","created_at":"2026-11-20T08:00:00.2Z","message":{"role":"assistant","content":""},"done":true,'
    b'"done_reason":"stop","total_duration":9,"prompt_eval_count":3,"eval_count":2}\n'
)
BUSY = b'{"error":"server busy, please try again.  maximum pending requests exceeded"}'
TAGS = {"models": [{"name": "own"}, {"name": "copied:latest", "remote_host": "https://ollama.com:443"}]}
VECTORS = (
    b'{"object":"list","model":"e","data":[{"index":0,"embedding":[0.50,1]}],"usage":{"prompt_tokens":2}}'
)


@pytest.fixture(scope="module")
def ollama(demo: Demo, player: Player) -> Iterator[Gateway]:
    """An Ollama with models of its own, one that it passes on, and a pattern; and an embedder."""
    player.model_list = whole(json.dumps(TAGS).encode())
    engine = {"provider": "ollama", "url": f"http://127.0.0.1:{player.port}"}
    deployments = [
        player.deployment("local/o", model="own", **engine),
        player.deployment("local/copied", model="copied", **engine),
        player.deployment("local/any", model="*", **engine),
        player.deployment("local/e", model="embedder", mode="embedding"),
        demo.deployment("private"),
    ]
    models = [
        {"name": "o", "deployments": ["local/o"], "retries": 0},
        {"name": "copied", "deployments": ["local/copied"], "retries": 0},
        {"name": "any/*", "deployments": ["local/any"], "retries": 0},
        {"name": "e", "deployments": ["local/e"], "retries": 0},
    ]
    with Gateway(config(demo, deployments=deployments, models=models)) as running:
        yield running


def lines(answer: Answer) -> list[Any]:
    assert answer.body.endswith(b"\n")
    return [json.loads(line) for line in answer.body.split(b"\n")[:-1]]


def test_a_stream_passes_as_it_is(ollama: Gateway, player: Player) -> None:
    player.plays(HEAD + FIRST, 0.02, LAST)
    told = ollama.post("/api/chat", CHAT)
    assert told.status == 200
    assert told.headers["content-type"] == "application/x-ndjson"
    assert told.body == FIRST + LAST
    configured = {"truncate": False, "options": {"num_ctx": 8192}}
    assert json.loads(player.requests[-1]) == {"model": "own", "messages": USER, **configured}


@pytest.mark.parametrize("path", ["/api/chat", "/api/generate"])
def test_a_whole_answer_passes_as_it_is(ollama: Gateway, player: Player, path: str) -> None:
    player.plays(whole(LAST))
    content = {"messages": USER} if path == "/api/chat" else {"prompt": "x"}
    told = ollama.post(path, {"model": "o", "stream": False, **content})
    assert (told.status, told.body) == (200, LAST)


def test_an_error_in_the_middle_is_the_last_line(ollama: Gateway, player: Player) -> None:
    player.plays(HEAD + FIRST, 0.05, b'{"error":"it broke"}\n')
    found = lines(ollama.post("/api/chat", CHAT))
    assert found[-1] == {"error": "it broke"}
    assert not any(line.get("done") for line in found)


def test_a_stream_that_ends_early_ends_with_an_error(ollama: Gateway, player: Player) -> None:
    player.plays(HEAD + FIRST, 0.05, FIRST)
    found = lines(ollama.post("/api/chat", CHAT))
    assert set(found[-1]) == {"error"}


def test_a_full_queue(ollama: Gateway, player: Player) -> None:
    player.plays(whole(BUSY, "503 Service Unavailable"))
    told = ollama.post("/api/chat", CHAT)
    assert told.status == 503
    assert told.json["error"].startswith("server busy, please try again.  maximum pending requests exceeded")


def test_unknown_models_and_paths(ollama: Gateway) -> None:
    for path in ("/api/chat", "/api/show"):
        told = ollama.post(path, {"model": "nope:7b", "messages": USER})
        assert told.status == 404
        assert told.json == {"error": 'model "nope:7b" not found, try pulling it first'}
    told = ollama.post("/api/push", {"model": "x"})
    assert told.status == 404
    assert list(told.json) == ["error"] and isinstance(told.json["error"], str)
    assert isinstance(ollama.get("/api/chat").json["error"], str)


def test_bad_requests_are_told_in_one_text(ollama: Gateway) -> None:
    for body in (b"{", b"[]", b'{"model":"o","messages":7}'):
        told = ollama.post("/api/chat", body)
        assert told.status == 400
        assert isinstance(told.json["error"], str)


@pytest.mark.parametrize("model", ["copied", "any/gpt-oss:120b-cloud", "any/qwen3:cloud"])
@pytest.mark.parametrize("path", ["/api/chat", "/v1/completions"])
def test_what_ollama_would_pass_on_is_not_sent_to_it(
    ollama: Gateway, player: Player, model: str, path: str
) -> None:
    before = len(player.requests)
    body = {"model": model, "messages": USER, "prompt": "my card is 4716 2938 5501 7768", "stream": False}
    told = ollama.post(path, body)
    assert told.status == 403
    assert len(player.requests) == before


@pytest.mark.parametrize(
    ("path", "content", "empty"),
    [
        ("/api/chat", {"messages": []}, {"role": "assistant", "content": ""}),
        ("/api/chat", {}, {"role": "assistant", "content": ""}),
        ("/api/generate", {"prompt": ""}, ""),
        ("/api/generate", {}, ""),
    ],
)
@pytest.mark.parametrize(("keep", "reason"), [({}, "load"), ({"keep_alive": 0}, "unload")])
def test_a_request_without_content_loads_or_lets_go(
    ollama: Gateway, player: Player, path: str, content: Any, empty: Any, keep: Any, reason: str
) -> None:
    player.plays(whole(b'{"model":"own","done":true,"response":""}'))
    before = len(player.requests)
    told = ollama.post(path, {"model": "o", **content, **keep})
    assert told.status == 200
    sent = {"model": "own", "stream": False, **({"options": {"num_ctx": 8192}} if reason == "load" else keep)}
    assert [json.loads(body) for body in player.requests[before:]] == [sent]
    assert told.json["done"] is True
    assert told.json["done_reason"] == reason
    assert told.json.get("message", told.json.get("response")) == empty
    assert ollama.post(path, {"model": "nope", **content, **keep}).status == 404
    assert ollama.post(path, {"model": "private", **content, **keep}).status == 200
    assert len(player.requests) == before + 1


def test_pages(ollama: Gateway) -> None:
    assert ollama.get("/").status == ollama.request("HEAD", "/").status == 200
    assert ollama.get("/api/version").json["version"].count(".") == 2
    tags = ollama.get("/api/tags").json["models"]
    listed = [entry["id"] for entry in ollama.get("/v1/models").json["data"]]
    assert [entry["name"] for entry in tags] == [entry["model"] for entry in tags] == listed
    by_name = {entry["name"]: entry for entry in tags}
    assert by_name["e"]["capabilities"] == ["embedding"]
    assert {"size", "digest", "modified_at", "details"} <= set(by_name["o"])
    running = ollama.get("/api/ps").json["models"]
    assert {entry["name"] for entry in running} == {"private", "private/m", "e", "local/e"}
    assert {"expires_at", "size_vram", "context_length"} <= set(running[0])


def test_show(ollama: Gateway) -> None:
    for asked in ({"model": "o"}, {"name": "o"}, {"model": "o:latest"}):
        told = ollama.post("/api/show", asked).json
        assert "completion" in told["capabilities"]
        assert told["model_info"]["general.architecture"]
    for body in (b"{", b"{}", b'{"model":7}'):
        assert ollama.post("/api/show", body).status == 400


def test_vectors_of_an_embedder_that_is_no_ollama(ollama: Gateway, player: Player) -> None:
    player.plays(whole(VECTORS))
    told = ollama.post("/api/embed", {"model": "e", "input": ["a"], "truncate": True})
    assert told.status == 200
    assert b'"embeddings":[[0.50,1]]' in told.body
    assert json.loads(player.requests[-1]) == {
        "model": "embedder", "input": ["a"], "encoding_format": "float"
    }  # fmt: skip
    refused = ollama.post("/api/embed", {"model": "e", "input": [[1, 2]]})
    assert refused.status == 400
    assert isinstance(refused.json["error"], str)


def test_the_old_way_to_one_vector(ollama: Gateway, player: Player) -> None:
    player.plays(whole(VECTORS))
    told = ollama.post("/api/embeddings", {"model": "e", "prompt": "a"})
    assert (told.status, told.body) == (200, b'{"embedding":[0.50,1]}')
    assert json.loads(player.requests[-1])["input"] == "a"
    assert ollama.post("/api/embeddings", {"model": "e"}).status == 400


def test_the_old_way_takes_what_every_route_takes(ollama: Gateway, player: Player) -> None:
    """A body that is packed, and one that comes in pieces and slowly."""
    body = json.dumps({"model": "e", "prompt": "a"}).encode()
    packed = gzip.compress(body)
    head = b"POST /api/embeddings HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    for more, sent in ((b"content-encoding: gzip\r\n", packed), (b"", body)):
        player.plays(whole(VECTORS))
        with socket.create_connection(("127.0.0.1", ollama.port), timeout=5) as client:
            client.sendall(head + more + b"content-length: %d\r\nconnection: close\r\n\r\n" % len(sent))
            for at in range(0, len(sent), 7):
                client.sendall(sent[at : at + 7])
                time.sleep(0.01)
            with client.makefile("rb") as answer:
                told = answer.read()
            assert b'{"embedding":[0.50,1]}' in told
