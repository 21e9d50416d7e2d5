"""LiteLLM files served by a real gateway: what they say is what clients meet."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.gateway import Gateway
from tests.support.player import ANSWER, Player, whole
from tests.support.waiting import free_port

CHAT = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
VECTOR = {"object": "list", "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}], "model": "u"}


def entry(name: str, params: dict[str, Any], **info: Any) -> dict[str, Any]:
    return {"model_name": name, "litellm_params": params, **({"model_info": info} if info else {})}


def openai(port: int, model: str = "u") -> dict[str, Any]:
    return {"model": f"openai/{model}", "api_base": f"http://127.0.0.1:{port}/v1", "api_key": "sk-upstream"}


def announced(gateway: Gateway) -> str:
    """The log up to the line that ends the start."""
    end = time.monotonic() + 10
    while "listening on" not in gateway.log():
        assert time.monotonic() < end, gateway.log()
        time.sleep(0.02)
    return gateway.log()


@pytest.mark.parametrize("info", [{}, {"mode": "embeddings"}, {"mode": "embedding"}])
def test_embeddings_need_no_mode(info: dict[str, str]) -> None:
    with (
        Player() as upstream,
        Gateway({"model_list": [entry("m", openai(upstream.port), **info)]}) as gateway,
    ):
        upstream.plays(whole(json.dumps(VECTOR).encode()))
        answer = gateway.post("/v1/embeddings", {"model": "m", "input": "x"})
        assert (answer.status, answer.json["data"][0]["embedding"]) == (200, [0.5])


def test_hundreds_of_deployments_serve() -> None:
    models = [entry(f"m{n}", openai(9, f"u{n}")) for n in range(257)]
    with Gateway({"model_list": models}) as gateway:
        assert len(gateway.get("/v1/models").json["data"]) == 257


KEYLESS = {"model": "openai/u", "api_key": "os.environ/NOWHERE_KEY"}
DIALECTS: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": CHAT,
    "/v1/messages": {**CHAT, "max_tokens": 5},
    "/v1/responses": {"model": "m", "input": "hello"},
    "/api/chat": CHAT,
}


@pytest.mark.parametrize("path", DIALECTS)
def test_a_missing_key_is_named_and_not_waited_for(path: str) -> None:
    with Gateway({"model_list": [entry("m", KEYLESS)]}) as gateway:
        answer = gateway.post(path, DIALECTS[path])
    assert answer.status == 500
    assert answer.headers["x-should-retry"] == "false"
    assert "retry-after" not in answer.headers
    assert b"NOWHERE_KEY" in answer.body


def test_a_model_of_a_provider_that_is_lacking_is_not_another_vendors() -> None:
    with (
        Player() as upstream,
        Gateway(
            {
                "model_list": [
                    entry("m", {"model": "bedrock/x"}),
                    entry("picture", openai(upstream.port), mode="image_generation"),
                    entry("named", {"model": "bedrock/x"}),
                    entry("other", openai(upstream.port)),
                ],
                "litellm_settings": {"default_fallbacks": ["other"], "fallbacks": [{"named": ["other"]}]},
            }
        ) as gateway,
    ):
        upstream.plays(whole(ANSWER))
        answer = gateway.post("/v1/chat/completions", CHAT)
        assert answer.status == 500
        assert "provider bedrock is not supported" in answer.json["error"]["message"]
        answer = gateway.post("/v1/chat/completions", {**CHAT, "model": "picture"})
        assert "image_generation" in answer.json["error"]["message"]
        assert not upstream.requests
        named = gateway.post("/v1/chat/completions", {**CHAT, "model": "named"})
        assert named.status == 200, "fallbacks that name it are asked for"


@pytest.mark.parametrize("path", DIALECTS)
@pytest.mark.parametrize("stream", [False, True])
def test_a_mock_answers_by_itself(mocked: Gateway, path: str, stream: bool) -> None:
    answer = mocked.post(path, {**DIALECTS[path], "stream": stream})
    assert answer.status == 200
    assert b"canned" in answer.body


def test_a_mock_may_stand_for_a_failure(mocked: Gateway) -> None:
    assert mocked.post("/v1/chat/completions", {**CHAT, "model": "limited"}).status == 429
    assert (
        mocked.post("/v1/completions", {"model": "m", "prompt": "x"}).json["choices"][0]["text"] == "canned"
    )


@pytest.fixture(scope="module")
def mocked() -> Iterator[Gateway]:
    with Player() as upstream:
        models = [
            entry("m", {**openai(upstream.port), "mock_response": "canned"}),
            entry("limited", {**openai(upstream.port), "mock_response": "litellm.RateLimitError"}),
        ]
        with Gateway({"model_list": models}) as gateway:
            yield gateway
        assert not upstream.requests, "neither prompt nor key was sent"


def test_an_ignored_lock_stops_a_gateway_that_others_reach(tmp_path: Path) -> None:
    config = {
        "model_list": [entry("m", openai(9))],
        "general_settings": {"master_key": "sk-long-enough-key", "allowed_ips": ["10.0.0.1"]},
    }
    with Gateway(config) as gateway:
        assert "general_settings.allowed_ips: IGNORED" in announced(gateway)
    file = tmp_path / "config.yaml"
    file.write_text(json.dumps(config))
    command = [sys.executable, "-m", "hybridgw.cli", "serve", "--config", str(file), "--host", "0.0.0.0"]
    ended = subprocess.run([*command, "--port", str(free_port())], capture_output=True, text=True, timeout=30)
    assert ended.returncode == 2
    assert "accept_ignored: [allowed_ips]" in ended.stderr
    accepted = {**config, "hybridgw": {"accept_ignored": ["allowed_ips"]}}
    with Gateway(accepted, arguments=("--host", "0.0.0.0")) as gateway:
        assert "IGNORED" not in announced(gateway)


KEY = "sk-a-long-master-key"
KEYED = {"authorization": f"Bearer {KEY}"}


@pytest.fixture(scope="module")
def house() -> Iterator[tuple[Gateway, Player]]:
    with Player() as upstream:
        models = [
            entry(
                "m", {**openai(upstream.port), "input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6,
                      "extra_headers": {"x-secret": "header-secret"}, "timeout": 77},
                id="dep-1", max_input_tokens=32000, supports_vision=True, description="words",
            ),
            entry("m", {**openai(upstream.port, "v"), "input_cost_per_token": 3e-6}, max_input_tokens=8000),
            entry("lost", {"model": "gpt-4o", "api_key": "os.environ/NOWHERE_KEY"}),
            entry("stands-in", openai(upstream.port, "w")),
        ]  # fmt: skip
        config = {
            "model_list": models,
            "general_settings": {"master_key": KEY},
            "litellm_settings": {"fallbacks": [{"lost": ["stands-in"]}]},
        }
        with Gateway(config) as gateway:
            yield gateway, upstream


@pytest.mark.parametrize(
    "path", ["/model/info", "/v1/model/info", "/model_group/info", "/v1/model_group/info"]
)
def test_windows_and_prices_and_never_a_credential(house: tuple[Gateway, Player], path: str) -> None:
    gateway, upstream = house
    assert gateway.get(path).status == 401
    answer = gateway.request("GET", path, headers=KEYED)
    assert answer.status == 200
    for secret in ("sk-upstream", "header-secret", KEY, f"127.0.0.1:{upstream.port}"):
        assert secret not in answer.body.decode()
    data = answer.json["data"]
    if "group" in path:
        (one,) = [each for each in data if each["model_group"] == "m"]
        assert (one["max_input_tokens"], one["input_cost_per_token"]) == (8000, 3e-6), "the tightest of all"
    else:
        (one,) = [each for each in data if each["model_info"]["id"] == "dep-1"]
        info = one["model_info"]
        assert (one["model_name"], info["max_input_tokens"], info["output_cost_per_token"]) == (
            "m",
            32000,
            2e-6,
        )
        assert info["supports_vision"] is True
        only = gateway.request("GET", f"{path}?litellm_model_id=dep-1", headers=KEYED).json["data"]
        assert only == [one]


def test_health_in_litellms_words(house: tuple[Gateway, Player]) -> None:
    gateway, _ = house
    assert gateway.get("/health").json == {"status": "ok"}
    full = gateway.request("GET", "/health", headers=KEYED).json
    assert (full["healthy_count"], full["unhealthy_count"]) == (3, 1)
    assert gateway.get("/health/readiness/details").status == 401
    details = gateway.request("GET", "/health/readiness/details", headers=KEYED).json
    assert details["status"] == "degraded"
    assert any("NOWHERE_KEY" in problem for problem in details["problems"])
    assert details["litellm_version"].startswith("hybridgw/")
    listed = gateway.request("GET", "/routes", headers=KEYED).json["routes"]
    assert {"path": "/v1/chat/completions", "methods": ["POST"]} in listed


def test_headers_that_litellms_clients_read(house: tuple[Gateway, Player]) -> None:
    gateway, upstream = house
    upstream.plays(whole(ANSWER))
    headers = gateway.post("/v1/chat/completions", {**CHAT, "model": "lost"}, KEYED).headers
    assert headers["x-litellm-attempted-fallbacks"] == "1"
    assert headers["x-litellm-attempted-retries"] == "0"
    assert headers["x-litellm-call-id"] == headers["x-request-id"]
    upstream.plays(whole(b"{}", "500 Oops"))
    upstream.plays(whole(ANSWER))
    retried = gateway.post("/v1/chat/completions", CHAT, KEYED)
    assert (retried.status, retried.headers["x-litellm-attempted-retries"]) == (200, "1")
    assert retried.headers["x-litellm-attempted-fallbacks"] == "0"
    named, limit = (retried.headers[f"x-litellm-{name}"] for name in ("model-id", "timeout"))
    assert (named == "dep-1") == (limit == "77"), "both are of the deployment that answered"
    upstream.plays(whole(b'{"error":{"message":"no"}}', "400 Bad"))
    assert "x-litellm-call-id" in gateway.post("/v1/chat/completions", CHAT, KEYED).headers


def test_the_prefix_of_anthropics_clients(house: tuple[Gateway, Player]) -> None:
    gateway, upstream = house
    upstream.plays(whole(ANSWER))
    answer = gateway.post("/anthropic/v1/messages", {**CHAT, "max_tokens": 5}, KEYED)
    assert (answer.status, answer.json["type"]) == (200, "message")
    counted = gateway.post("/anthropic/v1/messages/count_tokens", CHAT, KEYED)
    assert counted.json["input_tokens"] > 0
    assert gateway.post("/anthropic/v1/messages", {}, {}).json["type"] == "error", "in their words"


def test_a_response_that_runs_nowhere_cannot_be_cancelled(house: tuple[Gateway, Player]) -> None:
    gateway, _ = house
    assert gateway.post("/v1/responses/resp_1/cancel", {}, KEYED).status == 404
    with Player() as upstream:
        model = entry("m", openai(upstream.port))
        with Gateway({"model_list": [model], "hybridgw": {"responses": {"store": True}}}) as storing:
            upstream.plays(whole(RESPONSE))
            made = storing.post("/v1/responses", {"model": "m", "input": "hello"}).json["id"]
            answer = storing.post(f"/v1/responses/{made}/cancel", {})
            assert (answer.status, "Cannot cancel" in answer.json["error"]["message"]) == (400, True)
            assert storing.post("/v1/responses/resp_none/cancel", {}).status == 404


RESPONSE = (
    b'{"id":"resp_u","object":"response","created_at":1,"status":"completed","model":"u","output":[{"type":'
    b'"message","id":"msg_1","role":"assistant","status":"completed","content":[{"type":"output_text","text":'
    b'"hi","annotations":[]}]}],"usage":{"input_tokens":1,"output_tokens":1,"total_tokens":2}}'
)
