"""What is written down on both sides of the house means the same on both.

Usage is read by the crate where bytes pass and by `wire.usage` where they are translated; reasons to finish
alike; how far a level may travel stands in the crate, in `check` and in `scan`. Where one copy would cost a
request something, this file holds the copies equal.
"""

import json
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridgw.commands.scan import _REACHES
from hybridgw.config.check import _SEES
from hybridgw.config.load import load
from hybridgw.core import Boundary, Route, Shape
from hybridgw.native import Principal, Relay, Router, StateFile
from hybridgw.providers.chat_answer import _STOPS
from hybridgw.routing.plan import Plan
from hybridgw.wire.usage import ChatUsage, GeminiUsage, MessagesUsage, ResponsesUsage, Usage

counts = st.integers(0, 2**40)


def details(**names: str) -> st.SearchStrategy[dict[str, int] | None]:
    return st.none() | st.fixed_dictionaries({name: counts for name in names.values()})


USAGES = {
    "chat": st.fixed_dictionaries(
        {"prompt_tokens": counts, "completion_tokens": counts},
        optional={
            "prompt_tokens_details": details(a="cached_tokens"),
            "completion_tokens_details": details(a="reasoning_tokens"),
        },
    ),
    "responses": st.fixed_dictionaries(
        {"input_tokens": counts, "output_tokens": counts},
        optional={
            "input_tokens_details": details(a="cached_tokens"),
            "output_tokens_details": details(a="reasoning_tokens"),
        },
    ),
    "messages": st.fixed_dictionaries(
        {"input_tokens": counts, "output_tokens": counts},
        optional={"cache_read_input_tokens": counts, "cache_creation_input_tokens": counts},
    ),
    "gemini": st.fixed_dictionaries(
        {"promptTokenCount": counts, "candidatesTokenCount": counts},
        optional={
            "thoughtsTokenCount": counts,
            "toolUsePromptTokenCount": counts,
            "cachedContentTokenCount": counts,
        },
    ),
}


def native(shape: Shape, answer: dict[str, Any]) -> tuple[int, ...]:
    relay = Relay(int(shape), False)
    relay.observe(json.dumps(answer).encode())
    assert relay.usage is not None
    return tuple(relay.usage[:4])


def told(usage: Usage) -> tuple[int, ...]:
    return usage.prompt, usage.completion, usage.cached, usage.reasoning


@given(USAGES["chat"])
def test_usage_of_chat(usage: dict[str, Any]) -> None:
    message = {"role": "assistant", "content": "x"}
    answer = {"id": "a", "object": "chat.completion", "created": 1, "model": "m", "usage": usage,
              "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}  # fmt: skip
    assert native(Shape.CHAT, answer) == told(Usage.from_chat(msgspec.convert(usage, ChatUsage)))


@given(USAGES["responses"])
def test_usage_of_responses(usage: dict[str, Any]) -> None:
    answer = {"id": "resp_1", "object": "response", "status": "completed", "output": [], "usage": usage}
    assert native(Shape.RESPONSES, answer) == told(
        Usage.from_responses(msgspec.convert(usage, ResponsesUsage))
    )


@given(USAGES["messages"])
def test_usage_of_messages(usage: dict[str, Any]) -> None:
    answer = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn",
              "content": [{"type": "text", "text": "x"}], "usage": usage}  # fmt: skip
    assert native(Shape.MESSAGES, answer) == told(Usage.from_messages(msgspec.convert(usage, MessagesUsage)))


@given(USAGES["gemini"])
def test_usage_of_gemini(usage: dict[str, Any]) -> None:
    answer = {"candidates": [{"content": {"parts": [{"text": "x"}]}, "finishReason": "STOP"}],
              "usageMetadata": usage}  # fmt: skip
    assert native(Shape.GEMINI, answer) == told(Usage.from_gemini(msgspec.convert(usage, GeminiUsage)))


@pytest.mark.parametrize("word", [*_STOPS, "eos", "COMPLETE"])
def test_reasons_to_finish(word: str) -> None:
    """A word that Chat does not have becomes the same one where bytes pass and where they are translated."""
    message = {"role": "assistant", "content": "x"}
    answer = {"id": "a", "object": "chat.completion", "created": 1, "model": "m",
              "choices": [{"index": 0, "message": message, "finish_reason": word}]}  # fmt: skip
    passed = json.loads(Relay(int(Shape.CHAT), False).observe(json.dumps(answer).encode()))
    expected = word if word == "function_call" else _STOPS.get(word, "stop")
    assert passed["choices"][0]["finish_reason"] == expected


def test_how_far_a_level_may_travel(tmp_path: Path) -> None:
    file = tmp_path / "hybridgw.yaml"
    file.write_text("deployments: [{name: x, provider: vllm, model: m, url: 'http://127.0.0.1:1'}]\n")
    plan = Plan(load(file, {}), 1)
    state = StateFile.anonymous(1, 4)
    router = Router(plan.native, state, state.claim(1, 1, time.monotonic_ns()), None)
    principal = Principal("p", 1, int(Boundary.EXTERNAL))
    for level in ("public", "internal", "regulated"):
        body = json.dumps({"model": "auto", "messages": [{"role": "user", "content": "hello"}]}).encode()
        hints = {"x-hybridgw-sensitivity": level}
        explained = json.loads(router.explain(body, principal, int(Route.CHAT), hints, 1, 1, 1))
        ceiling = explained["ceiling"]
        assert [name for name, levels in _SEES.items() if level in levels][-1] == ceiling
        shown = {"device": "this device only", "organization": "device and organization"}
        assert _REACHES[level] == shown.get(ceiling, "any deployment")
