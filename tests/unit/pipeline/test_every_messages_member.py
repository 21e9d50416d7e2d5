"""Nothing inside of a Messages request is lost in silence by a backend that is no Anthropic's: of messages,
blocks, instructions, tools. As `test_every_nested_member`, made from the SDK's own types.

Tools that Anthropic runs itself, and what they answered, exist nowhere else: they are left out whole and
named by their kind, so their insides are no part of this.
"""

import json
from typing import Any, get_type_hints

import pytest
from anthropic.types import message_create_params as messages_types

from hybridgw.core import Route
from hybridgw.errors import RequestError
from hybridgw.providers.registry import PROVIDERS
from tests.support.sdk_members import Maker, Variant, lost
from tests.support.sending import sent_to

USER: dict[str, Any] = {"role": "user", "content": "hello"}
LOOK: dict[str, Any] = {"name": "look", "input_schema": {"type": "object"}}


def schema(mark: str) -> dict[str, Any]:
    return {"type": "object", "properties": {mark: {"type": "string"}}}


GIVEN: dict[str, Any] = {
    "messages.role": lambda _: None,
    "format.schema": schema,
    "tools.input_schema": schema,
    "tool_choice.name": lambda _: "look",
    "source.data": lambda mark: mark,
    "content.input": lambda mark: {mark: 1},
    # Remote ones are fetched first; see the tests of that.
    "source.url": lambda _: None,
    "source.media_type": lambda _: "image/png",
}
OF_THE_MODEL = frozenset({"thinking", "redacted_thinking", "tool_use"})
ELSEWHERE = frozenset({"text", "image", "document", "search_result", "tool_result"}) | OF_THE_MODEL
MOOT = frozenset(
    {
        "type", "media_type",
        # Of a thought whose text is told, nobody else can read the seal.
        "content.signature",
        # How the answer shows thoughts is done here.
        "thinking.display",
        # Told by the name of the tool.
        "tool_choice.name",
    }
)  # fmt: skip
WORDS = {
    "is_error": ("content", "functionResponse"),  # `[tool error]` before the text
    "tool_use_id": ("tool_call_id", "call_id", "functionResponse"),
    "disable_parallel_tool_use": ("parallel_tool_calls",),
    "effort": ("reasoning_effort", "reasoning", "think", "thinkingConfig"),
    "budget_tokens": ("reasoning_effort", "reasoning", "think", "thinkingConfig"),
    "user_id": ("user", "safety_identifier"),
    "schema": ("response_format", "format", "responseJsonSchema"),
}  # fmt: skip
# A sealed thought has nothing but its `data`.
TOLD_AS = {
    "user": {"user_id"}, "reasoning_effort": {"effort", "budget_tokens"}, "filename": {"title"},
    "parallel_tool_calls": {"disable_parallel_tool_use"}, "redacted_thinking": {"data"},
    "tool_reference": {"tool_name"},
}  # fmt: skip
HINTS = get_type_hints(messages_types.MessageCreateParamsBase, include_extras=True)
NAMES = ("messages", "system", "tools", "tool_choice", "thinking", "output_config", "metadata")
SERVED = [
    provider
    for provider, row in PROVIDERS.items()
    if (exchange := row.exchange(Route.MESSAGES, "/v1")) is not None and exchange.outbound is not None
]


def requests(name: str) -> list[tuple[dict[str, Any], Variant]]:
    found = []
    for variant in Maker(GIVEN).variants(HINTS[name], (name,)):
        body = _body(name, variant.value)
        if body is not None:
            found.append(({"max_tokens": 5000, **body}, variant))
    return found


def _body(name: str, value: Any) -> dict[str, Any] | None:
    """A request in which the value stands where it may; None for what is Anthropic's alone."""
    if name == "messages":
        content = value[0]["content"]
        block = content[0] if isinstance(content, list) else content
        if not isinstance(block, dict) or block["type"] not in ELSEWHERE or _incomplete(block):
            return None
        if block["type"] == "document" and isinstance(block["source"], dict):
            kinds = {"text": "text/plain", "base64": "application/pdf"}
            block["source"]["media_type"] = kinds.get(block["source"]["type"], "")
        said = {"role": "assistant" if block["type"] in OF_THE_MODEL else "user", "content": [block]}
        around: list[dict[str, Any]] = [USER, said, USER]
        if block["type"] == "tool_use":
            done = {"type": "tool_result", "tool_use_id": block["id"], "content": "done"}
            around[2] = {"role": "user", "content": [done]}
        elif block["type"] == "tool_result":
            call = {"type": "tool_use", "id": block["tool_use_id"], "name": "look", "input": {}}
            around[0:1] = [USER, {"role": "assistant", "content": [call]}]
        return {"messages": around}
    if name == "tools" and value[0].get("type", "custom") != "custom":
        return None
    tools = {"tools": [LOOK]} if name == "tool_choice" else {}
    return {"messages": [USER], **tools, name: value}


def _incomplete(block: dict[str, Any]) -> bool:
    """Whether something stands in it that this test leaves out, or a tool of Anthropic's answered."""
    inner = block.get("content")
    inside = block["source"].get("content") if isinstance(block.get("source"), dict) else None
    blocks = [*(inner if isinstance(inner, list) else ()), *(inside if isinstance(inside, list) else ())]
    source = block.get("source")
    bare = isinstance(source, dict) and source["type"] == "url"
    known = ELSEWHERE | {"tool_reference"}
    return bare or any(each["type"] not in known or _incomplete(each) for each in blocks)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("provider", SERVED)
def test_every_leaf_of_a_messages_request(provider: str, name: str) -> None:
    made = requests(name)
    assert made
    silent = {}
    for body, variant in made:
        try:
            sent, told = sent_to(provider, Route.MESSAGES, body)
        except RequestError as refused:
            assert refused.code in ("unsupported_content", "unsupported_parameter"), body
            assert refused.field
            continue
        told |= {other for each in told for other in TOLD_AS.get(each, ())}
        if gone := lost(variant, sent, told, MOOT, WORDS):
            silent[json.dumps(body)] = gone
    assert not silent
