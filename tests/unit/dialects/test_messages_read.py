"""Messages requests: what each member and block becomes, and what is refused in which words."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridgw.dialects import MESSAGES
from hybridgw.errors import RequestError
from hybridgw.pipeline.translation import asked
from hybridgw.wire import Ask, File, Image, Text, Thinking, ToolCall, ToolResult

CALL = {"type": "tool_use", "id": "t1", "name": "lookup", "input": {"q": "x"}}
RESULT = {"type": "tool_result", "tool_use_id": "t1", "content": "42"}
PNG = {"type": "base64", "media_type": "image/png", "data": "iVBO"}


def user(*content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content[0] if isinstance(content[0], str) else list(content)}


def assistant(*content: Any) -> dict[str, Any]:
    return {**user(*content), "role": "assistant"}


def text(words: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": words, **more}


def read(*messages: Any, **more: Any) -> Ask:
    body = {"model": "m", "max_tokens": 10, "messages": messages or [user("hi")], **more}
    return MESSAGES.read(json.dumps(body).encode())


def turns(ask: Ask) -> list[tuple[str, list[Any]]]:
    return [(message.role, message.parts) for message in ask.messages]


def test_claude_code() -> None:
    """Case D13: what it sends today, nothing of which may be refused."""
    ask = read(
        user(text("Hello", cache_control={"type": "ephemeral"})),
        {"role": "system", "content": "Be quick."},
        user("Go on"),
        system=[
            text("x-anthropic-billing-header: cc_version=2.1; cch=ab12;"),
            text("You are Claude Code.", cache_control={"type": "ephemeral"}),
        ],
        thinking={"type": "adaptive", "display": "omitted"},
        output_config={"effort": "medium"},
        context_management={"edits": [{"type": "clear_thinking_20251015"}]},
        metadata={"user_id": "u-17"},
        stream=True,
    )
    assert [role for role, _ in turns(ask)] == ["system", "user", "system", "user"]
    system, hello = ask.messages[0].parts[0], ask.messages[1].parts[0]
    assert isinstance(system, Text) and system.text == "You are Claude Code."
    assert isinstance(hello, Text) and bytes(hello.cache or b"") == b'{"type": "ephemeral"}'
    assert ask.dropped == ["context_management"]
    assert (ask.thinking, ask.effort, ask.show_thinking) == ("adaptive", "medium", False)
    assert (ask.user, ask.stream, ask.max_tokens) == ("u-17", True, 10)


@pytest.mark.parametrize(
    ("system", "kept"),
    [
        ("Be brief.", ["Be brief."]),
        ("", []),
        ([], []),
        ([text("a"), text(""), text("b")], ["a", "b"]),
        ([text("x-anthropic-billing-header: v")], []),
        ([text("x-anthropic-billing-header: v\nBe brief."), text("b")], ["Be brief.", "b"]),
        (
            [text("b"), text("x-anthropic-billing-header: quoted")],
            ["b", "x-anthropic-billing-header: quoted"],
        ),
    ],
)
def test_instructions(system: Any, kept: list[str]) -> None:
    first = read(system=system).messages[0]
    assert ([part.text for part in first.parts] if first.role == "system" else []) == kept  # type: ignore[union-attr]


def test_numbers_keep_their_text() -> None:
    body = (
        b'{"model":"m","messages":[{"role":"user","content":"x"}],"temperature":0.10,"top_p":1.0,"top_k":5}'
    )
    ask = MESSAGES.read(body)
    assert [bytes(raw or b"") for raw in (ask.temperature, ask.top_p, ask.top_k)] == [b"0.10", b"1.0", b"5"]


def test_inputs_and_schemas_keep_their_text() -> None:
    body = (
        b'{"model":"m","tools":[{"name":"f","input_schema":{"type" : "object","x":1.0}}],"messages":['
        b'{"role":"user","content":"x"},{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"f",'
        b'"input":{"n" : 12345678901234567890}}]}]}'
    )
    ask = MESSAGES.read(body)
    assert bytes(ask.tools[0].parameters or b"") == b'{"type" : "object","x":1.0}'
    call = ask.messages[1].parts[0]
    assert isinstance(call, ToolCall) and call.arguments == '{"n" : 12345678901234567890}'


def test_results_are_messages_of_their_own_before_other_content() -> None:
    ask = read(
        user("q"),
        assistant(text("Let me see"), CALL, {**CALL, "id": "t2"}),
        user(
            text("and this"),
            RESULT,
            {
                **RESULT,
                "tool_use_id": "t2",
                "is_error": True,
                "content": [text("no"), {"type": "image", "source": PNG}],
            },
        ),
    )
    assert turns(ask)[2:] == [
        (
            "tool",
            [
                ToolResult("t1", [Text("42")]),
                ToolResult("t2", [Text("no"), Image("image/png", "iVBO")], error=True),
            ],
        ),
        ("user", [Text("and this")]),
    ]


def test_results_stand_right_behind_their_calls_whatever_is_between() -> None:
    ask = read(user("q"), assistant(CALL), {"role": "system", "content": "Hurry"}, user(RESULT, text("go")))
    assert [role for role, _ in turns(ask)] == ["user", "assistant", "tool", "system", "user"]


def test_consecutive_messages_of_a_role_are_one_turn() -> None:
    ask = read(user("a"), user("b"), assistant("c"), assistant(CALL), user(RESULT), user("d"))
    assert turns(ask) == [
        ("user", [Text("a"), Text("b")]),
        ("assistant", [Text("c"), ToolCall("t1", "lookup", '{"q": "x"}')]),
        ("tool", [ToolResult("t1", [Text("42")])]),
        ("user", [Text("d")]),
    ]


@pytest.mark.parametrize(
    ("block", "part"),
    [
        ({"type": "image", "source": PNG}, Image("image/png", "iVBO")),
        (
            {"type": "image", "source": {"type": "url", "url": "https://x/y.png"}},
            Image(url="https://x/y.png"),
        ),
        (
            {
                "type": "document",
                "title": "a.pdf",
                "source": {"type": "base64", "media_type": "application/pdf", "data": "JV"},
            },
            File("application/pdf", "a.pdf", data="JV"),
        ),
        (
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "words"}},
            File("text/plain", text="words"),
        ),
        (
            {"type": "document", "source": {"type": "url", "url": "https://x/y.pdf"}},
            File("application/pdf", url="https://x/y.pdf"),
        ),
        ({"type": "document", "source": {"type": "content", "content": "words"}}, Text("words")),
        ({"type": "document", "source": {"type": "content", "content": [text("words")]}}, Text("words")),
        (
            {"type": "search_result", "title": "T", "source": "https://x", "content": [text("found")]},
            Text("T\nhttps://x\nfound"),
        ),
    ],
)
def test_content_of_users(block: dict[str, Any], part: Any) -> None:
    assert read(user(block)).messages[0].parts == [part]


def test_thoughts_lose_the_signature_that_is_ours() -> None:
    ask = read(
        user("q"),
        assistant(
            {"type": "thinking", "thinking": "hm", "signature": "hgw1:abc"},
            {"type": "thinking", "thinking": "so", "signature": "EqQB"},
            {"type": "redacted_thinking", "data": "xyz"},
            text("a"),
        ),
    )
    assert ask.messages[1].parts == [
        Thinking("hm"),
        Thinking("so", "EqQB"),
        Thinking(redacted="xyz"),
        Text("a"),
    ]


def test_tools_of_the_api_are_left_out_and_named() -> None:
    tools = [{"name": "f", "input_schema": {}}, {"type": "web_search_20260209", "name": "web_search"}]
    ask = read(tools=tools, tool_choice={"type": "tool", "name": "web_search"})
    assert [tool.name for tool in ask.tools] == ["f"]
    assert ask.tool_choice is None
    assert ask.dropped == ["web_search_20260209", "tool_choice"]
    history = assistant(
        {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}},
        {
            "type": "web_search_tool_result",
            "tool_use_id": "s",
            "content": {"type": "error", "error_code": "x"},
        },
    )
    ask = read(user("q"), history, user("more"))
    assert ask.dropped == ["server_tool_use", "web_search_tool_result"]


@pytest.mark.parametrize(
    ("choice", "mode", "parallel"),
    [
        ({"type": "auto"}, "auto", None),
        ({"type": "any", "disable_parallel_tool_use": True}, "required", False),
        ({"type": "tool", "name": "f"}, "named", None),
        ({"type": "none"}, "none", None),
    ],
)
def test_tool_choice(choice: dict[str, Any], mode: str, parallel: bool | None) -> None:
    ask = read(tools=[{"name": "f", "input_schema": {}}], tool_choice=choice)
    assert ask.tool_choice is not None
    assert (ask.tool_choice.mode, ask.parallel) == (mode, parallel)


@pytest.mark.parametrize(
    ("thinking", "config", "told"),
    [
        (None, None, (None, None, True)),
        ({"type": "disabled"}, {"effort": "high"}, ("disabled", "none", True)),
        ({"type": "enabled", "budget_tokens": 2048}, None, ("enabled", "low", True)),
        ({"type": "enabled", "budget_tokens": 8192}, None, ("enabled", "medium", True)),
        ({"type": "enabled", "budget_tokens": 20000}, None, ("enabled", "high", True)),
        ({"type": "enabled", "budget_tokens": 20000}, {"effort": "max"}, ("enabled", "max", True)),
        ({"type": "adaptive", "display": "summarized"}, {"effort": "xhigh"}, ("adaptive", "xhigh", True)),
        ({"type": "between_tools", "display": "omitted"}, None, ("adaptive", None, False)),
    ],
)
def test_thinking(thinking: Any, config: Any, told: tuple[Any, ...]) -> None:
    ask = read(thinking=thinking, output_config=config)
    assert (ask.thinking, ask.effort, ask.show_thinking) == told


def test_the_rest() -> None:
    ask = read(
        stop_sequences=["END"],
        output_config={"format": {"type": "json_schema", "schema": {"type": "object"}}},
        service_tier="standard_only",
    )
    assert ask.stop == ["END"]
    assert ask.format is not None
    assert (ask.format.kind, ask.format.name, bytes(ask.format.schema or b"")) == (
        "json_schema",
        "output",
        b'{"type": "object"}',
    )
    assert ask.service_tier == "default"


def test_a_last_empty_turn_of_the_assistant_is_none() -> None:
    assert turns(read(user("q"), assistant(""))) == [("user", [Text("q")])]
    assert turns(read(user("q"), assistant("{"))) == [("user", [Text("q")]), ("assistant", [Text("{")])]


@pytest.mark.parametrize(
    ("more", "code", "field"),
    [
        ({"messages": []}, "invalid_value", "messages"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "invalid_value", "messages[0].role"),
        ({"messages": [{"content": "x"}]}, "missing_field", "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "missing_field", "messages[0].content"),
        ({"messages": [{"role": "user", "content": 5}]}, "wrong_type", "messages[0].content"),
        ({"messages": [user("")]}, "invalid_value", "messages[0].content"),
        ({"messages": [user(text(""))]}, "invalid_value", "messages[0].content"),
        ({"messages": [assistant("")]}, "invalid_value", "messages"),
        ({"messages": [{"role": "user", "content": None}]}, "invalid_value", "messages[0].content"),
        ({"messages": [user({"text": "x"})]}, "missing_field", "messages[0].content[0].type"),
        ({"messages": [user({"type": "video"})]}, "invalid_value", "messages[0].content[0].type"),
        (
            {"messages": [user(text("x"), {"type": "text", "text": 5})]},
            "wrong_type",
            "messages[0].content[1].text",
        ),
        ({"messages": [user(CALL)]}, "invalid_value", "messages[0].content[0].type"),
        ({"messages": [user(RESULT)]}, "invalid_value", "messages[0].content[0].tool_use_id"),
        ({"messages": [user("q"), assistant(RESULT)]}, "invalid_value", "messages[1].content[0].type"),
        (
            {"messages": [user("q"), assistant({**CALL, "id": ""})]},
            "missing_field",
            "messages[1].content[0].id",
        ),
        (
            {"messages": [user("q"), assistant({**CALL, "input": "x"})]},
            "wrong_type",
            "messages[1].content[0].input",
        ),
        ({"messages": [user({"type": "image"})]}, "missing_field", "messages[0].content[0].source"),
        (
            {"messages": [user({"type": "image", "source": {"type": "base64"}})]},
            "invalid_value",
            "messages[0].content[0].source",
        ),
        (
            {"messages": [user({"type": "image", "source": {"type": "file", "file_id": "f"}})]},
            "unsupported_content",
            "messages[0].content[0].source",
        ),
        ({"messages": [user({"type": "container_upload"})]}, "unsupported_content", "messages[0].content[0]"),
        (
            {
                "messages": [
                    user("q"),
                    assistant(CALL),
                    user({**RESULT, "content": [{"type": "text", "text": 5}]}),
                ]
            },
            "wrong_type",
            "messages[2].content[0].content[0].text",
        ),
        (
            {"messages": [user("q"), assistant(CALL), user({**RESULT, "content": [CALL]})]},
            "invalid_value",
            "messages[2].content[0].content[0].type",
        ),
        ({"system": 5}, "wrong_type", "system"),
        ({"system": [{"type": "image"}]}, "invalid_value", "system[0].type"),
        ({"max_tokens": "5"}, "wrong_type", "max_tokens"),
        ({"max_tokens": -1}, "invalid_value", "max_tokens"),
        ({"temperature": "hot"}, "wrong_type", "temperature"),
        ({"tools": [{"input_schema": {}}]}, "missing_field", "tools[0].name"),
        ({"tools": [{"name": "x" * 129}]}, "invalid_value", "tools[0].name"),
        ({"tool_choice": {"type": "tool"}}, "missing_field", "tool_choice.name"),
        ({"tool_choice": {"type": "tool", "name": "g"}}, "invalid_value", "tool_choice.name"),
        ({"tool_choice": {"type": "all"}}, "invalid_value", "tool_choice.type"),
        ({"thinking": {"type": "deep"}}, "invalid_value", "thinking.type"),
        ({"stop_sequences": [5]}, "wrong_type", "stop_sequences[0]"),
        ({"output_config": {"format": {"type": "xml"}}}, "invalid_value", "output_config.format.type"),
    ],
)
def test_what_is_wrong_is_named(more: dict[str, Any], code: str, field: str) -> None:
    body = {"model": "m", "messages": [user("hi")], **more}
    with pytest.raises(RequestError) as caught:
        MESSAGES.read(json.dumps(body).encode())
    assert (caught.value.code, caught.value.field) == (code, field)


values = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "text", "user", "assistant", "t1"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "text", "role", "content", "source", "id", "name", "input", "data"]),
            inner,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(st.lists(values, max_size=3), values, values)
def test_any_json_is_read_or_refused_by_name(messages: Any, system: Any, tools: Any) -> None:
    body = json.dumps({"model": "m", "messages": messages, "system": system, "tools": tools}).encode()
    try:
        ask = asked(MESSAGES.read, body)
    except RequestError as error:
        assert error.field
    else:
        assert all(message.parts for message in ask.messages)
