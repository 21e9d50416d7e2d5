"""LiteLLM files served by a real gateway: what they say is what clients meet."""

import json
from typing import Any

import pytest

from tests.support.gateway import Gateway
from tests.support.player import ANSWER, Player, whole

CHAT = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
VECTOR = {"object": "list", "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}], "model": "u"}


def entry(name: str, params: dict[str, Any], **info: Any) -> dict[str, Any]:
    return {"model_name": name, "litellm_params": params, **({"model_info": info} if info else {})}


def openai(port: int, model: str = "u") -> dict[str, Any]:
    return {"model": f"openai/{model}", "api_base": f"http://127.0.0.1:{port}/v1", "api_key": "sk-upstream"}


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
DIALECTS = {
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
