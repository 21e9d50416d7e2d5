"""Reading Chat: everything a request can say, and what it must not."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridgw.dialects import OPENAI
from hybridgw.errors import RequestError
from hybridgw.wire import (
    Ask,
    Audio,
    File,
    Format,
    Image,
    Message,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)

HI = [{"role": "user", "content": "hi"}]
FUNCTION = {"name": "f", "description": "d", "parameters": {"type": "object"}, "strict": True}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":1.0}'}}


def read(**members: Any) -> Ask:
    return OPENAI.read(json.dumps({"model": "m", "messages": HI, **members}).encode())


def said(*messages: dict[str, Any]) -> list[Message]:
    return read(messages=list(messages)).messages


def text(raw: msgspec.Raw | None) -> str:
    assert raw is not None
    return bytes(raw).decode()


def test_what_a_client_did_not_say_nobody_says_for_it() -> None:
    assert read() == Ask(model="m", messages=[Message("user", [Text("hi")])])


def test_roles() -> None:
    messages = said(
        {"role": "developer", "content": "d"},
        {"role": "system", "content": [{"type": "text", "text": "s"}]},
        {"role": "user", "content": "u", "name": "ann"},
        {"role": "assistant", "content": "a"},
    )
    assert messages == [
        Message("system", [Text("d")], developer=True),
        Message("system", [Text("s")]),
        Message("user", [Text("u")], "ann"),
        Message("assistant", [Text("a")]),
    ]


def test_parts() -> None:
    (message,) = said(
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "t", "cache_control": {"type": "ephemeral"}},
                {"type": "image_url", "image_url": {"url": "data:image/PNG;base64,QUJD", "detail": "low"}},
                {"type": "image_url", "image_url": {"url": "HTTPS://x.example/i.png"}},
                {"type": "input_audio", "input_audio": {"data": "UklG", "format": "wav"}},
                {
                    "type": "file",
                    "file": {"filename": "a.pdf", "file_data": "data:text/csv;base64,JV"},
                },
                {"type": "file", "file": {"file_id": "file-1"}},
            ],
        }
    )
    first, *rest = message.parts
    assert isinstance(first, Text) and text(first.cache) == '{"type": "ephemeral"}'
    assert rest == [
        Image("image/png", "QUJD", detail="low"),
        Image(url="HTTPS://x.example/i.png"),
        Audio("UklG", "wav"),
        File("text/csv", "a.pdf", "JV"),
        File(file_id="file-1"),
    ]


def test_calls_and_their_results() -> None:
    custom = {"id": "c2", "type": "custom", "custom": {"name": "g", "input": "x\ny"}}
    _, asked, one, other = said(
        HI[0],
        {"role": "assistant", "content": None, "tool_calls": [CALL, custom]},
        {"role": "tool", "tool_call_id": "c2", "content": [{"type": "text", "text": "2"}]},
        {"role": "tool", "tool_call_id": "c1", "content": "1"},
    )
    assert asked.parts == [ToolCall("c1", "f", '{"a":1.0}'), ToolCall("c2", "g", "x\ny", custom=True)]
    assert one.parts == [ToolResult("c2", [Text("2")], name="g")]
    assert other.parts == [ToolResult("c1", [Text("1")], name="f")]


@pytest.mark.parametrize("arguments", ["", "{", '{"a":', "null"])
def test_arguments_may_be_no_json(arguments: str) -> None:
    call = {**CALL, "function": {"name": "f", "arguments": arguments}}
    _, message = said(HI[0], {"role": "assistant", "tool_calls": [call]})
    assert message.parts == [ToolCall("c1", "f", arguments)]


def test_the_oldest_calls() -> None:
    call = {"name": "f", "arguments": "{}"}
    ask = read(
        functions=[FUNCTION],
        function_call={"name": "f"},
        messages=[
            HI[0],
            {"role": "assistant", "content": None, "function_call": call},
            {"role": "function", "name": "f", "content": "1"},
            {"role": "assistant", "content": None, "function_call": call},
            {"role": "function", "name": "f", "content": "2"},
        ],
    )
    assert (ask.functions, ask.parallel) == (True, False)
    assert ask.tool_choice == ToolChoice("named", "f")
    parts = [message.parts[0] for message in ask.messages[1:]]
    calls, results = parts[::2], parts[1::2]
    assert [part.id for part in calls if isinstance(part, ToolCall)] == [
        part.call_id for part in results if isinstance(part, ToolResult)
    ]
    assert len({part.id for part in calls if isinstance(part, ToolCall)}) == 2


@pytest.mark.parametrize(
    ("echoed", "thoughts"),
    [
        ({"reasoning_content": "r", "reasoning": "r"}, [Thinking("r")]),
        ({"reasoning": "r"}, [Thinking("r")]),
        (
            {
                "reasoning_content": "r",
                "reasoning_details": [
                    {"type": "reasoning.text", "text": "r", "signature": "s", "index": 0},
                    {"type": "reasoning.encrypted", "data": "e", "index": 1},
                ],
            },
            [Thinking("r", "s"), Thinking(redacted="e")],
        ),
        ({"reasoning_details": [{"type": "reasoning.summary", "summary": "u"}]}, [Thinking("u")]),
        ({"reasoning_content": ""}, []),
    ],
)
def test_thoughts_come_back(echoed: dict[str, Any], thoughts: list[Thinking]) -> None:
    _, message = said(HI[0], {"role": "assistant", "content": "a", **echoed})
    assert message.parts == [*thoughts, Text("a")]


def test_an_empty_text_beside_calls_says_nothing() -> None:
    _, message = said(HI[0], {"role": "assistant", "content": "", "tool_calls": [CALL]})
    assert message.parts == [ToolCall("c1", "f", '{"a":1.0}')]


def test_tools() -> None:
    grammar = {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: x"}}
    ask = read(
        tools=[
            {"type": "function", "function": FUNCTION},
            {"type": "custom", "custom": {"name": "g", "format": grammar}},
        ]
    )
    function, custom = ask.tools
    assert (function.name, function.description, function.strict) == ("f", "d", True)
    assert text(function.parameters) == '{"type": "object"}'
    assert (custom.name, custom.custom, custom.parameters) == ("g", True, None)
    assert json.loads(text(custom.format)) == grammar


@pytest.mark.parametrize(
    ("said", "choice"),
    [
        ("none", ToolChoice("none")),
        ("auto", ToolChoice("auto")),
        ("required", ToolChoice("required")),
        ({"type": "function", "function": {"name": "f"}}, ToolChoice("named", "f")),
        ({"type": "custom", "custom": {"name": "g"}}, ToolChoice("named", "g")),
        (
            {
                "type": "allowed_tools",
                "allowed_tools": {
                    "mode": "required",
                    "tools": [{"type": "function", "function": {"name": "f"}}],
                },
            },
            ToolChoice("required", allowed=("f",)),
        ),
        (None, None),
    ],
)
def test_tool_choice(said: object, choice: ToolChoice | None) -> None:
    ask = read(tools=[{"type": "function", "function": FUNCTION}], tool_choice=said)
    assert ask.tool_choice == choice


@pytest.mark.parametrize(
    ("members", "limit"),
    [
        ({"max_tokens": 9}, 9),
        ({"max_tokens": 9, "max_completion_tokens": 5}, 5),
        ({"max_tokens": -1}, None),
        ({"max_tokens": None}, None),
    ],
)
def test_limits(members: dict[str, Any], limit: int | None) -> None:
    assert read(**members).max_tokens == limit


@pytest.mark.parametrize(("stop", "stops"), [("x", ["x"]), (["x", "y"], ["x", "y"]), (None, [])])
def test_stop(stop: object, stops: list[str]) -> None:
    assert read(stop=stop).stop == stops


def test_the_other_parameters() -> None:
    ask = OPENAI.read(
        b'{"model":"m","messages":[{"role":"user","content":"hi"}],"temperature":0.10,"top_p":1e0,"top_k":40,'
        b'"seed":12345678901234567890,"presence_penalty":-0.0,"frequency_penalty":null,"n":2,"logprobs":true,'
        b'"top_logprobs":3,"stream":true,"stream_options":{"include_usage":true,"include_obfuscation":false},'
        b'"reasoning_effort":"high","verbosity":"low","parallel_tool_calls":false,"service_tier":"flex",'
        b'"user":"u","safety_identifier":"s","logit_bias":{"50256":-100},"store":false,"metadata":null}'
    )
    numbers = (ask.temperature, ask.top_p, ask.top_k, ask.seed, ask.presence_penalty)
    assert [text(number) for number in numbers] == ["0.10", "1e0", "40", "12345678901234567890", "-0.0"]
    assert ask.frequency_penalty is None
    assert (ask.n, ask.logprobs, ask.top_logprobs, ask.stream, ask.include_usage) == (2, True, 3, True, True)
    assert (ask.effort, ask.verbosity, ask.parallel, ask.service_tier) == ("high", "low", False, "flex")
    assert ask.user == "s"
    assert {name: text(value) for name, value in ask.extra.items()} == {
        "logit_bias": '{"50256":-100}',
        "store": "false",
    }


def test_formats() -> None:
    schema = {"type": "object", "properties": {"a": {"const": 1.0}}}
    asked = read(response_format={"type": "json_schema", "json_schema": {"name": "n", "schema": schema}})
    assert asked.format is not None
    assert (asked.format.kind, asked.format.name, asked.format.strict) == ("json_schema", "n", None)
    assert text(asked.format.schema) == json.dumps(schema)
    assert read(response_format={"type": "json_object"}).format == Format("json_object")
    assert read(response_format={"type": "text"}).format is None


@pytest.mark.parametrize(
    ("members", "told"),
    [
        ({"reasoning": {"effort": "low"}}, ("low", None, None, True)),
        ({"reasoning": {"max_tokens": 99, "exclude": True}}, (None, None, 99, False)),
        ({"reasoning": {"enabled": False}}, (None, "disabled", None, True)),
        ({"thinking": {"type": "enabled", "budget_tokens": 7}}, (None, "enabled", 7, True)),
    ],
)
def test_thinking_in_other_words(members: dict[str, Any], told: tuple[Any, ...]) -> None:
    ask = read(**members)
    assert (ask.effort, ask.thinking, ask.thinking_budget, ask.show_thinking) == told


TEXT = {"type": "text", "text": "x"}
AUDIO = {"type": "input_audio", "input_audio": {"data": "UklG", "format": "wav"}}


@pytest.mark.parametrize(
    ("messages", "code", "field"),
    [
        ([], "invalid_value", "messages"),
        ("hi", "wrong_type", "messages"),
        ([{"role": "wizard", "content": "x"}], "invalid_value", "messages[0].role"),
        ([{"content": "x"}], "missing_field", "messages[0].role"),
        ([{"role": "user"}], "missing_field", "messages[0].content"),
        ([{"role": "user", "content": []}], "invalid_value", "messages[0].content"),
        ([{"role": "user", "content": 5}], "wrong_type", "messages[0].content"),
        ([{"role": "user", "content": [TEXT, {"type": "video_url"}]}], "invalid_value",
         "messages[0].content[1].type"),
        ([{"role": "user", "content": [{"type": "text"}]}], "missing_field", "messages[0].content[0].text"),
        ([{"role": "system", "content": [TEXT, AUDIO]}], "unsupported_content", "messages[0].content[1]"),
        ([HI[0], {"role": "assistant", "content": [AUDIO]}], "unsupported_content",
         "messages[1].content[0]"),
        ([HI[0], {"role": "tool", "tool_call_id": "c9", "content": "x"}], "invalid_value",
         "messages[1].tool_call_id"),
        ([HI[0], {"role": "tool", "content": "x"}], "missing_field", "messages[1].tool_call_id"),
        ([HI[0], {"role": "function", "name": "f", "content": "x"}], "invalid_value", "messages[1].name"),
        ([HI[0], {"role": "assistant", "tool_calls": [{**CALL, "id": ""}]}], "invalid_value",
         "messages[1].tool_calls[0].id"),
        ([HI[0], {"role": "assistant", "tool_calls": [{**CALL, "type": "odd"}]}], "invalid_value",
         "messages[1].tool_calls[0].type"),
        ([HI[0], {"role": "assistant", "tool_calls": [{**CALL, "function": {"name": "f", "arguments": {}}}]}],
         "wrong_type", "messages[1].tool_calls[0].function.arguments"),
    ],
)  # fmt: skip
def test_wrong_messages_are_named(messages: object, code: str, field: str) -> None:
    with pytest.raises(RequestError) as caught:
        read(messages=messages)
    assert (caught.value.code, caught.value.field) == (code, field)


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "/etc/passwd", "image.png", "data:image/png,raw", "data:image/png;base64,",
            "ftp://x/y", "http:x"]
)  # fmt: skip
def test_images_from_anywhere_else_are_refused(url: str) -> None:
    with pytest.raises(RequestError) as caught:
        said({"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]})
    assert (caught.value.code, caught.value.field) == (
        "invalid_value",
        "messages[0].content[0].image_url.url",
    )


@pytest.mark.parametrize(
    ("members", "code", "field"),
    [
        ({"tools": [{"type": "web_search"}]}, "invalid_value", "tools[0].type"),
        ({"tools": [{"type": "function"}]}, "missing_field", "tools[0].function"),
        ({"tools": [{"function": {"name": "x" * 129}}]}, "invalid_value", "tools[0].function.name"),
        ({"tools": [{"function": {"name": ""}}]}, "missing_field", "tools[0].function.name"),
        ({"functions": [{"name": "x" * 129}]}, "invalid_value", "functions[0].name"),
        ({"tool_choice": "maybe"}, "invalid_value", "tool_choice"),
        ({"tool_choice": {"type": "function"}}, "missing_field", "tool_choice.function"),
        ({"response_format": {"type": "xml"}}, "invalid_value", "response_format.type"),
        ({"response_format": {"type": "json_schema"}}, "missing_field", "response_format.json_schema"),
        ({"n": 0}, "invalid_value", "n"),
        ({"max_tokens": 0}, "invalid_value", "max_tokens"),
        ({"max_completion_tokens": -1}, "invalid_value", "max_completion_tokens"),
        ({"temperature": "hot"}, "wrong_type", "temperature"),
        ({"top_k": [1]}, "wrong_type", "top_k"),
        ({"stop": [1]}, "wrong_type", "stop[0]"),
        ({"stream": 1}, "wrong_type", "stream"),
    ],
)
def test_wrong_parameters_are_named(members: dict[str, Any], code: str, field: str) -> None:
    with pytest.raises(RequestError) as caught:
        read(**members)
    assert (caught.value.code, caught.value.field) == (code, field)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.text(max_size=3)
    | st.sampled_from(["user", "tool", "f"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["role", "content", "type", "text", "tool_calls", "function", "name", "id"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.lists(json_values, max_size=3), st.lists(json_values, max_size=2))
def test_whatever_stands_there_it_is_read_or_refused_by_name(messages: object, tools: object) -> None:
    try:
        ask = read(messages=messages, tools=tools)
    except RequestError as error:
        assert error.field
    else:
        assert ask.messages and all(isinstance(tool, Tool) for tool in ask.tools)
