"""The names of tools: the same in every dialect, where a tool is declared and where it was called."""

import json
from typing import Any

import pytest

from hybridgw.core import Route
from hybridgw.dialects import DIALECTS
from hybridgw.errors import RequestError
from hybridgw.wire import LONGEST_TOOL_NAME, ToolCall

USER = {"role": "user", "content": "q"}


def chat(name: str) -> dict[str, Any]:
    call = {"id": "c", "type": "function", "function": {"name": name, "arguments": "{}"}}
    return {"tools": [{"type": "function", "function": {"name": name}}],
            "messages": [USER, {"role": "assistant", "tool_calls": [call]}]}  # fmt: skip


def responses(name: str) -> dict[str, Any]:
    call = {"type": "function_call", "call_id": "c", "name": name, "arguments": "{}"}
    return {"tools": [{"type": "function", "name": name}], "input": [USER, call]}


def messages(name: str) -> dict[str, Any]:
    call = {"type": "tool_use", "id": "c", "name": name, "input": {}}
    return {"tools": [{"name": name, "input_schema": {}}],
            "messages": [USER, {"role": "assistant", "content": [call]}]}  # fmt: skip


def ollama(name: str) -> dict[str, Any]:
    call = {"function": {"name": name, "arguments": {}}}
    return {"tools": [{"type": "function", "function": {"name": name}}],
            "messages": [USER, {"role": "assistant", "tool_calls": [call]}]}  # fmt: skip


BODIES = [
    (Route.CHAT, chat), (Route.RESPONSES, responses), (Route.MESSAGES, messages), (Route.OLLAMA_CHAT, ollama),
]  # fmt: skip


@pytest.mark.parametrize(("route", "body"), BODIES)
def test_the_longest_name_is_read(route: Route, body: Any) -> None:
    name = "x" * LONGEST_TOOL_NAME
    ask = DIALECTS[route].read(json.dumps({"model": "m", **body(name)}).encode())
    calls = [part.name for message in ask.messages for part in message.parts if isinstance(part, ToolCall)]
    assert [tool.name for tool in ask.tools] == calls == [name]


@pytest.mark.parametrize(
    ("name", "code"), [("x" * (LONGEST_TOOL_NAME + 1), "invalid_value"), ("", "missing_field")]
)
@pytest.mark.parametrize("declared", [True, False])
@pytest.mark.parametrize(("route", "body"), BODIES)
def test_other_names_are_refused(route: Route, body: Any, declared: bool, name: str, code: str) -> None:
    said = {**body(name), "tools": body("ok")["tools"]} if not declared else body(name)
    with pytest.raises(RequestError) as caught:
        DIALECTS[route].read(json.dumps({"model": "m", **said}).encode())
    assert caught.value.code == code
    assert caught.value.field is not None
    assert caught.value.field.endswith("name")
