"""A real engine behind every inbound dialect, asked by the official clients. Not part of CI, which has no
engine: start one that speaks Chat (llama.cpp's server, vLLM) and run

    HYBRIDGW_ENGINE=http://127.0.0.1:8080/v1 HYBRIDGW_ENGINE_MODEL=tiny \\
        pytest tests/integration/test_real_engine.py
"""

import contextlib
import os
from collections.abc import Iterator
from typing import Any

import anthropic
import ollama
import openai
import pytest

from tests.support.gateway import Gateway

ENGINE = os.environ.get("HYBRIDGW_ENGINE", "")
MODEL = os.environ.get("HYBRIDGW_ENGINE_MODEL", "tiny")
KIND = os.environ.get("HYBRIDGW_ENGINE_PROVIDER", "openai_compatible")
pytestmark = pytest.mark.skipif(not ENGINE, reason="HYBRIDGW_ENGINE names no engine")


@pytest.fixture(scope="module")
def gateway() -> Iterator[Gateway]:
    deployment = {"name": "local/engine", "provider": KIND, "url": ENGINE, "model": MODEL, "tier": "local"}
    settings: dict[str, Any] = {
        "deployments": [deployment],
        "models": [{"name": "m", "deployments": ["local/engine"]}],
    }
    with Gateway(settings) as running:
        yield running


@pytest.fixture(scope="module")
def chat(gateway: Gateway) -> Iterator[openai.OpenAI]:
    url = f"http://127.0.0.1:{gateway.port}/v1"
    with openai.OpenAI(base_url=url, api_key="none", max_retries=0) as client:
        yield client


@pytest.fixture(scope="module")
def messages(gateway: Gateway) -> Iterator[anthropic.Anthropic]:
    url = f"http://127.0.0.1:{gateway.port}"
    with anthropic.Anthropic(base_url=url, api_key="none", max_retries=0) as client:
        yield client


def test_chat(chat: openai.OpenAI) -> None:
    asked: Any = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 12}
    whole = chat.chat.completions.create(**asked)
    assert whole.choices[0].message.content and whole.usage and whole.usage.completion_tokens
    with chat.chat.completions.create(**asked, stream=True) as stream:
        chunks = [chunk for chunk in stream if chunk.choices]
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert chunks[-1].choices[0].finish_reason in ("stop", "length")


def test_responses(chat: openai.OpenAI) -> None:
    asked: Any = {"model": "m", "input": "hi", "instructions": "Be brief.", "max_output_tokens": 16}
    whole = chat.responses.create(**asked)
    assert whole.output_text and whole.usage and whole.usage.output_tokens
    with chat.responses.stream(**asked) as stream:
        events = list(stream)
    kinds, last = [event.type for event in events], events[-1]
    assert last.type in ("response.completed", "response.incomplete") and last.response.output_text
    assert kinds[0] == "response.created" and kinds[-1] in ("response.completed", "response.incomplete")
    assert "response.output_text.delta" in kinds


def test_messages(messages: anthropic.Anthropic) -> None:
    asked: Any = {"model": "m", "max_tokens": 12, "messages": [{"role": "user", "content": "hi"}]}
    whole = messages.messages.create(**asked)
    assert whole.content[0].type == "text" and whole.usage.output_tokens
    with messages.messages.stream(**asked) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert text and final.stop_reason in ("end_turn", "max_tokens")
    assert messages.messages.count_tokens(model="m", messages=asked["messages"]).input_tokens > 0


def test_what_claude_code_sends(gateway: Gateway) -> None:
    body = {
        "model": "m",
        "max_tokens": 16,
        "stream": True,
        "system": [
            {"type": "text", "text": "x-anthropic-billing-header: cc_version=2; cch=0;"},
            {"type": "text", "text": "You are a coding agent.", "cache_control": {"type": "ephemeral"}},
        ],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "list the files"}]},
            {
                "role": "assistant",
                "content": [{"type": "tool_use", "id": "t1", "name": "Bash", "input": {"c": "ls"}}],
            },
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "a.py"}]},
            {"role": "system", "content": "The user opened a.py."},
            {"role": "user", "content": "and now?"},
        ],
        "thinking": {"type": "adaptive", "display": "omitted"},
        "context_management": {"edits": []},
        "output_config": {"effort": "medium"},
        "metadata": {"user_id": "u"},
    }
    answer = gateway.post("/v1/messages?beta=true", body)
    assert answer.status == 200, answer.body
    assert b"event: message_stop" in answer.body and b"text_delta" in answer.body


def test_ollama(gateway: Gateway) -> None:
    client: Any = ollama.Client(host=f"http://127.0.0.1:{gateway.port}")
    with contextlib.closing(client):
        _ollama(client)


def _ollama(client: Any) -> None:
    asked: Any = {
        "model": "m",
        "messages": [{"role": "user", "content": "hi"}],
        "options": {"num_predict": 12},
    }
    whole = client.chat(**asked)
    assert whole.message.content and whole.done and whole.eval_count
    parts = list(client.chat(**asked, stream=True))
    assert parts[-1].done and "".join(part.message.content or "" for part in parts)
    assert client.generate(model="m", prompt="hi", options={"num_predict": 12}).response
    assert "m" in [model.model for model in client.list().models]


def test_legacy_completions(chat: openai.OpenAI) -> None:
    assert chat.completions.create(model="m", prompt="hi", max_tokens=8).choices[0].text
