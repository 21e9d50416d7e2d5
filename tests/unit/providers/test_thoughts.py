"""Thoughts of earlier turns go back in the member in which their model wants them."""

import json
from pathlib import Path

import pytest

from hybridgw.config.load import load
from hybridgw.config.schema import ThoughtsName
from hybridgw.dialects.chat_read import read
from hybridgw.providers.base import Backend
from hybridgw.providers.capabilities import CAPABILITIES
from hybridgw.providers.chat_request import members
from hybridgw.routing.plan import Plan

BODY = {
    "model": "m",
    "messages": [
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": "so", "reasoning_content": "hm"},
        {"role": "user", "content": "on"},
    ],
}


def told(backend: Backend) -> dict[str, str]:
    ask = read(json.dumps(BODY).encode())
    turn: dict[str, str] = members(ask, backend, CAPABILITIES["openai_compatible"])["messages"][1]
    return turn


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_under_the_name_that_the_deployment_wants(name: ThoughtsName) -> None:
    assert told(Backend(thoughts=name)) == {"role": "assistant", "content": "so", name: "hm"}


def test_not_where_nobody_asked_for_them() -> None:
    assert told(Backend()) == {"role": "assistant", "content": "so"}


@pytest.mark.parametrize(
    ("model", "wanted"),
    [
        ("deepseek/deepseek-chat", "reasoning_content"),
        ("moonshot/kimi-k2", "reasoning_content"),
        ("groq/x", None),
    ],
)
def test_vendors_say_it(tmp_path: Path, model: str, wanted: str | None) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(f"model_list:\n  - {{model_name: m, litellm_params: {{model: {model}, api_key: k}}}}\n")
    assert Plan(load(str(file), {}), 1).upstreams[0].backend.thoughts == wanted


def test_a_file_says_it(tmp_path: Path) -> None:
    file = tmp_path / "hybridgw.yaml"
    file.write_text(
        "deployments:\n  - {name: a/b, provider: openai_compatible, model: m, url: 'http://127.0.0.1:1',"
        " tier: local, thoughts: reasoning}\n"
    )
    assert Plan(load(str(file), {}), 1).upstreams[0].backend.thoughts == "reasoning"
