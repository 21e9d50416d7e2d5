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
