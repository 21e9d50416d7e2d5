"""LiteLLM files served by a real gateway: what they say is what clients meet."""

import json
from typing import Any

import pytest

from tests.support.gateway import Gateway
from tests.support.player import Player, whole

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
