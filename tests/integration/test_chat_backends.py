"""Chat backends with habits of their own, asked by Chat clients: cases of the protocol guide by name."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.conftest import config
from tests.integration.test_faults import CHAT, STREAM, events
from tests.support.demo import Demo
from tests.support.gateway import Gateway
from tests.support.player import ANSWER, DONE, STREAM_HEAD, Player, whole

PATH = "/v1/chat/completions"
PROVIDERS = ("litert_lm", "tgi", "openrouter", "azure", "vllm")
TOOLS = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]


@pytest.fixture(scope="module")
def backends(demo: Demo, player: Player) -> Iterator[Gateway]:
    """The player as each of them; the model's name says which."""
    deployments = [
        player.deployment(f"local/{name}", provider=name, model=name, max_parallel=9, api_key="key-012345")
        for name in PROVIDERS
    ]
    strict = player.deployment("local/deny", provider="openrouter", model="deny")
    strict["extra_body"] = {"provider": {"data_collection": "deny", "zdr": True}}
    names = (*PROVIDERS, "deny")
    models = [{"name": name, "deployments": [f"local/{name}"], "retries": 0} for name in names]
    with Gateway(config(demo, deployments=[*deployments, strict], models=models)) as running:
        yield running


def received(player: Player) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(player.requests[-1])
    return told


def stream(*payloads: dict[str, Any], done: bytes = DONE) -> bytes:
    return STREAM_HEAD + b"".join(b"data: " + json.dumps(p).encode() + b"\n\n" for p in payloads) + done


def delta(finish: str | None = None, **said: Any) -> dict[str, Any]:
    return {"id": "c", "choices": [{"index": 0, "delta": said, "finish_reason": finish}]}


def test_a06_litert_gets_its_limit_and_nothing_it_would_ignore(backends: Gateway, player: Player) -> None:
    player.plays(whole(ANSWER))
    told = backends.post(PATH, {**CHAT, "model": "litert_lm", "max_tokens": 5, "stop": "x", "n": 2})
    assert told.status == 200, told.body
    assert received(player)["max_completion_tokens"] == 5
    assert not received(player).keys() & {"max_tokens", "stop", "n"}
    assert set(told.headers["x-hybridgw-dropped"].split(",")) == {"stop", "n"}
    assert told.json["choices"][0]["message"]["content"] == "played"


def test_a07_the_newer_limit_wins(backends: Gateway, player: Player) -> None:
    player.plays(whole(ANSWER))
    body = {**CHAT, "model": "litert_lm", "max_completion_tokens": 5, "max_tokens": 9}
    assert backends.post(PATH, body).status == 200
    assert received(player)["max_completion_tokens"] == 5


def test_a13_tgi_gets_a_list(backends: Gateway, player: Player) -> None:
    player.plays(whole(ANSWER))
    told = backends.post(PATH, {**CHAT, "model": "tgi", "stop": "X", "mystery": 1.0})
    assert (told.status, told.body) == (200, ANSWER)
    assert received(player)["stop"] == ["X"]
    assert received(player)["mystery"] == 1.0


@pytest.mark.parametrize("body", [CHAT, STREAM])
def test_f09_an_end_by_the_limit(backends: Gateway, player: Player, body: dict[str, Any]) -> None:
    usage = {"prompt_tokens": 1, "completion_tokens": 50, "total_tokens": 51}
    if body is CHAT:
        message = {"role": "assistant", "content": "a"}
        choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
        player.plays(whole(json.dumps({"id": "c", "choices": choices, "usage": usage}).encode()))
    else:
        # It ends without a mark.
        end = {"id": "c", "choices": [], "usage": usage}
        player.plays(stream(delta(content="a"), delta("stop"), end, done=b""))
    told = backends.post(PATH, {**body, "model": "litert_lm", "max_tokens": 50})
    assert told.status == 200, told.body
    if body is CHAT:
        assert told.json["choices"][0]["finish_reason"] == "length"
    else:
        *chunks, done = events(told.body)
        assert done == "[DONE]"
        assert chunks[-1]["choices"][0]["finish_reason"] == "length"
        assert not any("usage" in chunk for chunk in chunks), "nobody asked for it"


def test_f10_calls_are_numbered(backends: Gateway, player: Player) -> None:
    calls = [
        delta(tool_calls=[{"index": 0, "id": f"call_1_{at}", "function": {"name": "f", "arguments": "{}"}}])
        for at in range(2)
    ]
    player.plays(stream(*calls, delta("tool_calls"), done=b""))
    told = backends.post(PATH, {**STREAM, "model": "litert_lm", "tools": TOOLS})
    *chunks, _ = events(told.body)
    said = [call for c in chunks for call in c["choices"][0]["delta"].get("tool_calls", ())]
    assert {call["index"]: call["id"] for call in said if "id" in call} == {0: "call_1_0", 1: "call_1_1"}


def test_h03_litert_opens_no_files(backends: Gateway, player: Player) -> None:
    sent = len(player.requests)
    for url in ("file:///etc/passwd", "/etc/passwd"):
        image = [{"type": "image_url", "image_url": {"url": url}}]
        messages = [{"role": "user", "content": image}]
        told = backends.post(PATH, {**CHAT, "model": "litert_lm", "messages": messages})
        assert told.status == 400
        assert told.json["error"]["param"] == "messages[0]"
    assert len(player.requests) == sent


def test_f18_a_reported_cost_reaches_the_client(backends: Gateway, player: Player) -> None:
    answer = ANSWER.replace(b'"total_tokens":2', b'"total_tokens":2,"cost":0.0123')
    player.plays(whole(answer))
    told = backends.post(PATH, {**CHAT, "model": "openrouter"})
    assert told.body == answer


def test_a_data_policy_is_not_for_the_client_to_loosen(backends: Gateway, player: Player) -> None:
    player.plays(whole(ANSWER))
    body = {**CHAT, "model": "deny", "provider": {"data_collection": "allow"}}
    assert backends.post(PATH, body).status == 200
    assert received(player)["provider"] == {"data_collection": "deny", "zdr": True}


@pytest.mark.parametrize(
    ("status", "answer", "told", "code"),
    [
        ("424 Failed", b'{"error":"no","error_type":"generation"}', 502, "upstream_error"),
        ("422 No", b'{"error":"no","error_type":"validation"}', 400, "upstream_rejected"),
        ("429 Busy", b'{"error":"no","error_type":"overloaded"}', 429, "rate_limit_exceeded"),
    ],
)
def test_c11_failures_of_tgi(
    backends: Gateway, player: Player, status: str, answer: bytes, told: int, code: str
) -> None:
    player.plays(whole(answer, status))
    answered = backends.post(PATH, {**CHAT, "model": "tgi"})
    assert (answered.status, answered.json["error"]["code"]) == (told, code)
    assert answered.json["error"].keys() == {"message", "type", "param", "code"}


@pytest.mark.parametrize("model", ["litert_lm", "tgi"])
@pytest.mark.parametrize("error", [b'{"error":"python says no"}', b'{"error":{"message":"python says no"}}'])
def test_an_error_inside_a_stream(backends: Gateway, player: Player, model: str, error: bytes) -> None:
    said = b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]}\n\n'
    player.plays(STREAM_HEAD + said, 0.05, b"event: response.error\ndata: " + error + b"\n\n")
    *_, last = events(backends.post(PATH, {**STREAM, "model": model}).body)
    assert "python says no" in last["error"]["message"]


def test_azure_is_asked_at_its_address_with_its_header(backends: Gateway, player: Player) -> None:
    first = {"id": "", "choices": [], "prompt_filter_results": [{"prompt_index": 0}]}
    player.plays(stream(first, delta(content="a"), delta("stop")))
    told = backends.post(PATH, {**STREAM, "model": "azure"})
    assert told.status == 200, told.body
    *chunks, _ = events(told.body)
    assert all(chunk["choices"] for chunk in chunks), "clients read choices[0]"
    assert [chunk.get("prompt_filter_results") for chunk in chunks].count([{"prompt_index": 0}]) == 1


def test_what_a_stand_in_cannot_carry_is_not_the_client_s_fault(demo: Demo, player: Player) -> None:
    deployments = [
        player.deployment("local/m", provider="vllm"),
        player.deployment("private/m", provider="anthropic"),
    ]
    with Gateway(config(demo, deployments=deployments)) as running:
        asked = len(player.requests)
        for wanted in (False, True):
            player.plays(b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n")
            told = running.post(PATH, {**CHAT, "n": 2, "stream": wanted})
            assert (told.status, told.json["error"]["code"]) == (503, "overloaded")
        assert len(player.requests) == asked + 2, "it was not asked for one answer instead of two"
        alone = running.post(PATH, {**CHAT, "n": 2, "hybridgw": {"tier": "private"}})
        assert (alone.status, alone.json["error"]["param"]) == (400, "n")
        outcomes = [entry["outcome"] for entry in running.journal()]
    assert outcomes.count("request_rejected") == 3
