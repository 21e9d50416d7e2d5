"""Thoughts that we signed never reach Anthropic; everything else keeps its text."""

import json
from typing import Any

import pytest

from hybridgw.providers.anthropic_replay import without_own_thoughts

OWN = {"type": "thinking", "thinking": "hm", "signature": "hgw1:ab"}
MAKERS = {"type": "thinking", "thinking": "so", "signature": "EqQB"}
TEXT = {"type": "text", "text": "it says hgw1:ab"}


def body(*messages: Any, **more: Any) -> bytes:
    return json.dumps({"model": "m", "messages": list(messages), **more}).encode()


def test_a_body_without_any_is_the_same_object() -> None:
    sent = body({"role": "user", "content": "hi"})
    assert without_own_thoughts(sent) is sent


def test_own_thoughts_are_taken_out() -> None:
    """Case D18."""
    sent = body(
        {"role": "user", "content": [TEXT]},
        {"role": "assistant", "content": [OWN, MAKERS, TEXT]},
        {"role": "assistant", "content": [OWN]},
        {"role": "user", "content": "hgw1:ab"},
    )
    assert json.loads(without_own_thoughts(sent))["messages"] == [
        {"role": "user", "content": [TEXT]},
        {"role": "assistant", "content": [MAKERS, TEXT]},
        {"role": "user", "content": "hgw1:ab"},
    ]


def test_all_else_keeps_its_text() -> None:
    sent = (
        b'{"model":"m", "x" : 1.0,"big":12345678901234567890,"messages":['
        b' {"role":"user","content":"a \\u00e9"},'
        b'{"role":"assistant","content":[{"type":"thinking","thinking":"","signature":"hgw1:ab"},'
        b'{"type":"tool_use" , "id":"t","name":"f","input":{"n":1.0}}]}]}'
    )
    assert without_own_thoughts(sent) == (
        b'{"model":"m","x":1.0,"big":12345678901234567890,"messages":[{"role":"user","content":"a \\u00e9"},'
        b'{"role":"assistant","content":[{"type":"tool_use" , "id":"t","name":"f","input":{"n":1.0}}]}]}'
    )


@pytest.mark.parametrize(
    "sent",
    [
        b'{"hgw1:":1}',
        b'{"messages":"hgw1:"}',
        b'{"messages":[5,"hgw1:"]}',
        b"hgw1:",
        b'{"messages":[{"hgw1:',
        b'{"messages":[{"content":[5,"hgw1:"]}]}',
        b'{"messages":[{"content":[{"type":5,"signature":"hgw1:"}]}]}',
    ],
)
def test_what_is_no_such_request_is_left_to_the_upstream(sent: bytes) -> None:
    assert without_own_thoughts(sent) == sent
