"""Nothing inside of a Chat request is lost in silence either: of messages, parts, tools, formats and options.

For each provider and each way of serving, every leaf of the SDK's own types reaches the backend, is said in
other words, is named in `x-hybridgw-dropped`, or the request is refused by the name of its field. The
requests are made from the types (`tests.support.sdk_members`): a member that a new SDK brings is in them.
"""

import json
from typing import Any, get_type_hints

import pytest
from openai.types.chat import completion_create_params as chat_types

from hybridgw.core import Route
from hybridgw.errors import RequestError
from hybridgw.providers.registry import PROVIDERS
from tests.support.sdk_members import Maker, Path, Variant, lost
from tests.support.sending import sent_to

USER = {"role": "user", "content": "hello"}
CALL: dict[str, Any] = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
SCHEMA = {"type": "object", "properties": {"x": {"type": "string"}}}
LOOK = {"type": "function", "function": {"name": "look", "parameters": SCHEMA}}


def schema(mark: str) -> dict[str, Any]:
    return {"type": "object", "properties": {mark: {"type": "string"}}}


GIVEN: dict[str, Any] = {
    "image_url.url": lambda mark: f"data:image/png;base64,{mark}",
    "input_audio.data": lambda mark: mark,
    "file.file_data": lambda mark: f"data:application/pdf;base64,{mark}",
    "function.parameters": schema,
    "json_schema.schema": schema,
    "function.arguments": lambda mark: json.dumps({mark: 1}),
    "function_call.arguments": lambda mark: json.dumps({mark: 1}),
    # Instead of the data; see below.
    "file.file_id": lambda _: None,
    "allowed_tools.tools": lambda _: [{"type": "function", "function": {"name": "look"}}],
    "tool_choice.function": lambda _: {"name": "look"},
    "tool_choice.custom": lambda _: {"name": "shell"},
}
# Members that exclude each other are said one at a time, beside a text.
APART: dict[Path, str] = {("messages",): "content"}

# Told by the place or the kind of what stands there, whatever it is called.
MOOT = frozenset({"type", "role", "include_usage"})
# A schema binds the answer of these backends, and its name is nowhere seen.
BINDS = frozenset({"response_format.json_schema.strict", "response_format.json_schema.name"})
OTHER_WIRES = ("anthropic", "gemini", "ollama")
# The words of the protocol in the words of another.
WORDS = {
    "prompt_cache_breakpoint": ("cache_control",),
    "allowed_tools": ("tool_choice", "toolConfig", "tools"),
    "tool_choice": ("tool_choice", "toolConfig", "tools"),
    "syntax": ("description", "syntax"),
    "format": ("mimeType", "format"),
}  # fmt: skip
HINTS = get_type_hints(chat_types.CompletionCreateParamsBase, include_extras=True)


def requests(name: str) -> list[tuple[dict[str, Any], Variant]]:
    """Bodies in which all kinds of one top-level member stand."""
    maker = Maker(GIVEN, APART)
    return [(_body(name, variant), variant) for variant in maker.variants(HINTS[name], (name,))]


def _body(name: str, variant: Variant) -> dict[str, Any]:
    value = variant.value
    body: dict[str, Any] = {"messages": [USER]}
    if name == "messages":
        said = value[0]
        before: list[dict[str, Any]] = []
        if said["role"] == "tool":
            before = [
                {"role": "assistant", "content": None, "tool_calls": [{**CALL, "id": said["tool_call_id"]}]}
            ]
        elif said["role"] == "function":
            before = [
                {
                    "role": "assistant",
                    "content": None,
                    "function_call": {"name": said["name"], "arguments": "{}"},
                }
            ]
        behind = [
            {"role": "tool", "tool_call_id": call["id"], "content": "done"}
            for call in said.get("tool_calls", ())
        ]
        if "function_call" in said:
            behind = [{"role": "function", "name": said["function_call"]["name"], "content": "done"}]
        body["messages"] = [USER, *before, *value, *behind, USER]
    else:
        body[name] = value
    if name in ("tool_choice", "parallel_tool_calls"):
        body["tools"] = [LOOK, {"type": "custom", "custom": {"name": "shell"}}]
    if name == "function_call":
        body["functions"] = [
            {"name": value["name"] if isinstance(value, dict) else "look", "parameters": SCHEMA}
        ]
    if name == "stream_options":
        body["stream"] = True
    return body


NESTED = sorted(
    name for name in HINTS if any(len(path) > 1 for _, it in requests(name) for path in it.leaves)
)
SERVED = [provider for provider, row in PROVIDERS.items() if row.exchange(Route.CHAT, "/v1") is not None]


@pytest.mark.parametrize("boundary", ["device", "external"])
@pytest.mark.parametrize("name", NESTED)
@pytest.mark.parametrize("provider", SERVED)
def test_every_leaf_of_a_chat_request(provider: str, name: str, boundary: str) -> None:
    silent = {}
    for body, variant in requests(name):
        if gone := _lost(provider, body, variant, boundary):
            silent[json.dumps(variant.value)] = gone
    assert not silent


def _lost(provider: str, body: dict[str, Any], variant: Variant, boundary: str) -> set[str]:
    try:
        sent, told = sent_to(provider, Route.CHAT, body, boundary)
    except RequestError as refused:
        assert refused.code in ("unsupported_content", "unsupported_parameter")
        named = {word.partition("[")[0] for word in (refused.field or "").split(".")}
        places = {word for path in variant.leaves for word in path}
        assert named and named <= places, refused
        return set()
    moot = MOOT | (BINDS if provider in OTHER_WIRES else frozenset())
    return lost(variant, sent, told, moot, WORDS)
