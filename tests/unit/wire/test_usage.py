"""The usage arithmetic of every wire: what is inclusive in one is beside it in another."""

from typing import Any

import msgspec
import pytest

from hybridgw.wire import Usage
from hybridgw.wire.usage import ChatUsage, GeminiUsage, MessagesUsage

CHAT = {
    "prompt_tokens": 105, "completion_tokens": 7, "total_tokens": 112,
    "prompt_tokens_details": {"cached_tokens": 90, "cache_write_tokens": 5},
    "completion_tokens_details": {"reasoning_tokens": 3},
}  # fmt: skip
MESSAGES = {
    "input_tokens": 10, "cache_read_input_tokens": 90, "cache_creation_input_tokens": 5,
    "output_tokens": 7, "output_tokens_details": {"thinking_tokens": 3},
}  # fmt: skip
RESPONSES = {
    "input_tokens": 105, "input_tokens_details": {"cached_tokens": 90, "cache_write_tokens": 5},
    "output_tokens": 7, "output_tokens_details": {"reasoning_tokens": 3}, "total_tokens": 112,
}  # fmt: skip
HUB = Usage(prompt=105, completion=7, cached=90, cache_write=5, reasoning=3)


def chat(usage: dict[str, Any]) -> Usage:
    return Usage.from_chat(msgspec.convert(usage, ChatUsage))


def messages(usage: dict[str, Any]) -> Usage:
    return Usage.from_messages(msgspec.convert(usage, MessagesUsage))


def gemini(usage: dict[str, Any]) -> Usage:
    return Usage.from_gemini(msgspec.convert(usage, GeminiUsage))


def test_one_answer_is_the_same_on_every_wire() -> None:
    """Case D10: 10 beside 90 read and 5 written are 105 in all."""
    assert chat(CHAT) == messages(MESSAGES) == HUB
    assert HUB.chat() == CHAT
    assert HUB.responses() == RESPONSES
    assert HUB.messages() == MESSAGES


@pytest.mark.parametrize(
    ("usage", "hub"),
    [
        ({"prompt_tokens": 9, "completion_tokens": 2}, Usage(9, 2)),
        ({"prompt_tokens": 9, "completion_tokens": None, "prompt_tokens_details": None}, Usage(9)),
        ({"prompt_tokens": 9, "prompt_tokens_details": {"cached_tokens": None}}, Usage(9)),
        ({"prompt_tokens": 9, "completion_tokens": 2, "cost": 0.1, "prompt_tokens_details": {}}, Usage(9, 2)),
        ({}, Usage()),
    ],
)
def test_chat(usage: dict[str, Any], hub: Usage) -> None:
    assert chat(usage) == hub


@pytest.mark.parametrize(
    ("usage", "hub"),
    [
        ({"input_tokens": 12, "output_tokens": 30}, Usage(12, 30)),
        ({"input_tokens": 12, "cache_read_input_tokens": 900, "output_tokens": 30}, Usage(912, 30, 900)),
        ({"cache_creation_input_tokens": 4, "output_tokens": 1}, Usage(4, 1, 0, 4)),
        ({"output_tokens": 8, "output_tokens_details": {"thinking_tokens": 8}}, Usage(0, 8, 0, 0, 8)),
        ({"input_tokens": None, "output_tokens_details": None}, Usage()),
    ],
)
def test_messages(usage: dict[str, Any], hub: Usage) -> None:
    assert messages(usage) == hub


@pytest.mark.parametrize(
    ("usage", "hub"),
    [
        # Case F15: thoughts stand beside the candidates.
        (
            {"promptTokenCount": 10, "candidatesTokenCount": 5, "thoughtsTokenCount": 7},
            Usage(10, 12, 0, 0, 7),
        ),
        ({"promptTokenCount": 10, "toolUsePromptTokenCount": 3, "candidatesTokenCount": 5}, Usage(13, 5)),
        # What was cached is inside the prompt already.
        ({"promptTokenCount": 10, "cachedContentTokenCount": 8}, Usage(10, 0, 8)),
    ],
)
def test_gemini(usage: dict[str, Any], hub: Usage) -> None:
    assert gemini(usage) == hub


def test_totals() -> None:
    assert (
        gemini({"promptTokenCount": 10, "candidatesTokenCount": 5, "thoughtsTokenCount": 7}).chat()[
            "total_tokens"
        ]
        == 22
    )
    assert Usage(3, 4).responses()["total_tokens"] == 7


def test_no_client_is_told_less_than_nothing() -> None:
    """A backend that counts what was cached beside the prompt though it should not."""
    assert Usage(prompt=5, cached=90).messages()["input_tokens"] == 0


@pytest.mark.parametrize("usage", [Usage(), HUB, Usage(1, 2), Usage(100, 1, 60, 40)])
def test_what_is_written_reads_the_same(usage: Usage) -> None:
    assert chat(usage.chat()) == usage
    assert messages(usage.messages()) == usage
