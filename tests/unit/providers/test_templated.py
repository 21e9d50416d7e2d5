"""One system message at the front, at the hub and in bytes that pass."""

import json
from typing import Any

import pytest

from hybridgw.dialects.chat_read import read
from hybridgw.providers.base import Backend
from hybridgw.providers.capabilities import CAPABILITIES
from hybridgw.providers.chat_request import members
from hybridgw.providers.templated import edited

S = {"role": "system", "content": "be brief"}
D = {"role": "developer", "content": [{"type": "text", "text": "be kind"}]}
U = {"role": "user", "content": "hello"}
A = {"role": "assistant", "content": "hi"}
CALL = {
    "role": "assistant",
    "content": None,
    "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
}
TOOL = {"role": "tool", "tool_call_id": "c", "content": "done"}
PICTURE = {
    "role": "user",
    "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}],
}

CASES = [
    ([S, D, U], [("system", "be brief\n\nbe kind"), ("user", "hello")]),
    ([U, S], [("user", "hello\n\nbe brief")]),
    (
        [S, U, A, D, U],
        [("system", "be brief"), ("user", "hello"), ("assistant", "hi"), ("user", "be kind\n\nhello")],
    ),
    ([U, S, U], [("user", "hello"), ("user", "be brief\n\nhello")]),
    ([U, A, S, A], [("user", "hello"), ("assistant", "hi"), ("user", "be brief"), ("assistant", "hi")]),
    ([U, CALL, TOOL, S], [("user", "hello"), ("assistant", None), ("tool", "done"), ("user", "be brief")]),
    ([D, U, U], [("system", "be kind"), ("user", "hello"), ("user", "hello")]),
]  # fmt: skip


def shape(messages: list[dict[str, Any]]) -> list[tuple[str, Any]]:
    return [(turn["role"], turn.get("content")) for turn in messages]


def written(messages: list[Any], *, templated: bool) -> list[dict[str, Any]]:
    ask = read(json.dumps({"model": "m", "messages": messages}).encode())
    told: list[dict[str, Any]] = members(ask, Backend(templated=templated), CAPABILITIES["openai"])[
        "messages"
    ]
    return told


@pytest.mark.parametrize(("asked", "told"), CASES)
def test_at_the_hub(asked: list[Any], told: list[Any]) -> None:
    assert shape(written(asked, templated=True)) == told


@pytest.mark.parametrize(("asked", "told"), CASES[:-1])
def test_in_bytes_that_pass(asked: list[Any], told: list[Any]) -> None:
    body = json.dumps({"model": "m", "messages": asked, "n": 1.50}).encode()
    changed, _ = edited(body)
    assert shape(json.loads(changed)["messages"]) == told
    assert b'"n":1.5' in changed


def test_others_get_them_where_they_stand() -> None:
    assert [turn["role"] for turn in written([S, U, D, U], templated=False)] == [
        "system", "user", "developer", "user",
    ]  # fmt: skip


def test_what_is_no_text_stands_beside_it() -> None:
    told = written([U, A, S, PICTURE], templated=True)[-1]
    assert [part["type"] for part in told["content"]] == ["text", "image_url"]
    told = json.loads(edited(json.dumps({"messages": [U, A, S, PICTURE]}).encode())[0])["messages"]
    assert [turn["role"] for turn in told] == ["user", "assistant", "user", "user"]
    assert told[-1] == PICTURE


def test_a_note_between_a_call_and_its_answer_goes_behind_it() -> None:
    told = json.loads(edited(json.dumps({"messages": [U, CALL, S, TOOL, A]}).encode())[0])["messages"]
    assert [turn["role"] for turn in told] == ["user", "assistant", "tool", "user", "assistant"]
    assert told[1] == CALL


def test_what_cannot_be_read_so_stays() -> None:
    body = json.dumps({"messages": [U, {"role": "system", "content": 5}]}).encode()
    assert edited(body) == (body, ())
