"""Responses requests: what becomes of every item and member, and what is refused by its place."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridgw.dialects.carried import Carried, pack
from hybridgw.dialects.responses_read import ResponsesAsk, read
from hybridgw.errors import RequestError
from hybridgw.wire import (
    Audio,
    File,
    Format,
    Image,
    Message,
    Part,
    Text,
    Thinking,
    ToolCall,
    ToolChoice,
    ToolResult,
)

CALL = {"type": "function_call", "call_id": "c1", "name": "look", "arguments": '{"q": 1.0}'}
OUTPUT = {"type": "function_call_output", "call_id": "c1", "output": "42"}
THOUGHT = [{"type": "reasoning_text", "text": "hm"}]
PNG = "data:image/png;base64,iVBORw0K"


def asked(input_: Any = "hi", **members: Any) -> ResponsesAsk:
    return read(json.dumps({"model": "m", "input": input_, **members}).encode())


def refused(input_: Any = "hi", **members: Any) -> tuple[str, str | None]:
    with pytest.raises(RequestError) as caught:
        asked(input_, **members)
    return caught.value.code, caught.value.field


def user(*parts: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": list(parts)}]


def said(ask: ResponsesAsk) -> list[tuple[str, list[Part]]]:
    return [(message.role, message.parts) for message in ask.messages]


def test_a_string_is_a_user_message_and_instructions_come_first() -> None:
    ask = asked("hi", instructions="Be brief.")
    assert said(ask) == [("system", [Text("Be brief.")]), ("user", [Text("hi")])]
    assert said(asked("hi", instructions="")) == [("user", [Text("hi")])]
    assert ask.model == "m"


def test_messages_with_and_without_a_type() -> None:
    ask = asked(
        [
            {"role": "developer", "content": "d"},
            {"type": "message", "role": "system", "content": [{"type": "input_text", "text": "s"}]},
            {"role": "user", "content": "u"},
            {"type": "message", "role": "assistant", "status": "completed", "id": "msg_1",
             "content": [{"type": "output_text", "text": "a", "annotations": []},
                         {"type": "refusal", "refusal": "no"}]},
        ]
    )  # fmt: skip
    assert said(ask) == [
        ("system", [Text("d")]),
        ("system", [Text("s")]),
        ("user", [Text("u")]),
        ("assistant", [Text("a"), Text("no")]),
    ]
    assert [message.developer for message in ask.messages] == [True, False, False, False]


def test_what_the_assistant_did_between_two_words_of_others_is_one_turn() -> None:
    ask = asked(
        [
            {"role": "user", "content": "u"},
            {"type": "reasoning", "id": "rs", "summary": [], "content": THOUGHT},
            {"role": "assistant", "content": "let me look"},
            CALL,
            {**CALL, "call_id": "c2", "arguments": ""},
            OUTPUT,
            {**OUTPUT, "call_id": "c2", "output": [{"type": "input_text", "text": "x"}]},
            {"role": "assistant", "content": "done"},
        ]
    )  # fmt: skip
    assert said(ask)[1:] == [
        (
            "assistant",
            [
                Thinking("hm"),
                Text("let me look"),
                ToolCall("c1", "look", '{"q": 1.0}'),
                ToolCall("c2", "look", ""),
            ],
        ),
        ("tool", [ToolResult("c1", [Text("42")], name="look")]),
        ("tool", [ToolResult("c2", [Text("x")], name="look")]),
        ("assistant", [Text("done")]),
    ]


def test_custom_tools_keep_their_text() -> None:
    grammar = {"type": "grammar", "syntax": "lark", "definition": "start: /.+/"}
    ask = asked(
        [
            {"role": "user", "content": "u"},
            {"type": "custom_tool_call", "call_id": "c1", "name": "apply_patch", "input": "*** Begin"},
            {"type": "custom_tool_call_output", "call_id": "c1", "output": "ok"},
        ],
        tools=[{"type": "custom", "name": "apply_patch", "description": "d", "format": grammar}],
    )
    assert ask.messages[1].parts == [ToolCall("c1", "apply_patch", "*** Begin", custom=True)]
    assert ask.messages[2].parts == [ToolResult("c1", [Text("ok")], name="apply_patch")]
    (tool,) = ask.tools
    assert (tool.name, tool.description, tool.custom, tool.parameters) == ("apply_patch", "d", True, None)
    assert tool.format is not None
    assert json.loads(bytes(tool.format)) == grammar


@pytest.mark.parametrize(
    ("part", "becomes"),
    [
        ({"type": "input_text", "text": "t"}, Text("t")),
        ({"type": "text", "text": "t"}, Text("t")),
        ({"type": "input_image", "image_url": PNG, "detail": "low"},
         Image("image/png", "iVBORw0K", detail="low")),
        ({"type": "input_image", "image_url": "https://x/y.png"}, Image(url="https://x/y.png")),
        ({"type": "image_url", "image_url": {"url": PNG, "detail": "high"}},
         Image("image/png", "iVBORw0K", detail="high")),
        ({"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBE"},
         File("application/pdf", "a.pdf", "JVBE")),
        ({"type": "input_file", "filename": "a.pdf", "file_data": "JVBE"}, File(None, "a.pdf", "JVBE")),
        ({"type": "input_file", "file_url": "https://x/a.pdf"}, File(url="https://x/a.pdf")),
        ({"type": "input_file", "file_id": "file-1"}, File(file_id="file-1")),
        ({"type": "input_audio", "input_audio": {"data": "UklG", "format": "wav"}}, Audio("UklG", "wav")),
    ],
)  # fmt: skip
def test_parts(part: dict[str, Any], becomes: Part) -> None:
    assert asked(user(part)).messages == [Message("user", [becomes])]


def test_a_tool_may_answer_with_an_image() -> None:
    ask = asked([CALL, {**OUTPUT, "output": [{"type": "input_image", "image_url": PNG}]}])
    assert ask.messages[-1].parts == [ToolResult("c1", [Image("image/png", "iVBORw0K")], name="look")]
    nothing = asked([CALL, {**OUTPUT, "output": []}])
    assert nothing.messages[-1].parts == [ToolResult("c1", [Text("")], name="look")]


def test_thoughts_come_back_with_what_their_maker_signed() -> None:
    reasoning = {"type": "reasoning", "summary": [{"type": "summary_text", "text": "s"}]}
    ask = asked([{**reasoning, "encrypted_content": pack(Carried("sig"))}, CALL])
    assert ask.messages[0].parts[0] == Thinking("s", "sig")
    ask = asked(
        [{"type": "reasoning", "summary": [], "encrypted_content": pack(Carried(redacted="R"))}, CALL]
    )
    assert ask.messages[0].parts[0] == Thinking("", None, "R")


@pytest.mark.parametrize("first", [True, False])
def test_a_signature_of_a_call_finds_its_call(first: bool) -> None:
    sealed = {"type": "reasoning", "summary": [], "encrypted_content": pack(Carried(calls={"c1": "g"}))}
    ask = asked([sealed, CALL] if first else [CALL, sealed])
    assert ask.messages == [Message("assistant", [ToolCall("c1", "look", '{"q": 1.0}', signature="g")])]


def test_what_another_provider_sealed_is_sent_to_nobody() -> None:
    sealed = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAAAABo"}
    assert said(asked([{"role": "user", "content": "u"}, sealed])) == [("user", [Text("u")])]
    assert b"gAAAAABo" not in msgspec.json.encode(asked([{"role": "user", "content": "u"}, sealed]).messages)


def test_unknown_items_and_hosted_tools_are_left_out_and_listed() -> None:
    ask = asked(
        [
            {"role": "user", "content": "u"},
            {"type": "web_search_call", "id": "ws", "action": {"type": "search"}},
            {"type": "tool_search_call", "arguments": {"an": "object"}},
            {"type": "x\r\nset-cookie: a", "output": 5},
        ],
        tools=[
            {"type": "web_search"},
            {"type": "mcp", "server_label": "l", "description": 7},
            {"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": True},
        ],
    )
    assert said(ask) == [("user", [Text("u")])]
    assert [tool.name for tool in ask.tools] == ["f"]
    assert ask.dropped == [
        "tools.web_search", "tools.mcp", "input.web_search_call", "input.tool_search_call", "input.unknown",
    ]  # fmt: skip


def test_tools_flat_nested_and_added_later_keep_the_text_of_their_schema() -> None:
    body = (
        b'{"model":"m","input":[{"type":"additional_tools","role":"developer","tools":[{"type":"function",'
        b'"name":"late"}]},{"role":"user","content":"u"}],"tools":[{"type":"function","name":"flat","strict":null,'
        b'"parameters":{ "maximum": 1.0, "x": 12345678901234567890 }},'
        b'{"type":"function","function":{"name":"nested","description":"d","strict":false}}]}'
    )
    flat, nested, late = read(body).tools
    assert bytes(flat.parameters or b"") == b'{ "maximum": 1.0, "x": 12345678901234567890 }'
    assert (flat.strict, nested.strict) == (None, False)
    assert (nested.name, nested.description, late.name) == ("nested", "d", "late")


@pytest.mark.parametrize(
    ("choice", "becomes"),
    [
        ("auto", ToolChoice("auto")),
        ("none", ToolChoice("none")),
        ("required", ToolChoice("required")),
        ({"type": "function", "name": "f"}, ToolChoice("named", "f")),
        ({"type": "function", "function": {"name": "f"}}, ToolChoice("named", "f")),
        ({"type": "custom", "name": "f"}, ToolChoice("named", "f")),
        ({"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "f"}]},
         ToolChoice("required", allowed=("f",))),
    ],
)  # fmt: skip
def test_tool_choice(choice: object, becomes: ToolChoice) -> None:
    assert asked(tool_choice=choice).tool_choice == becomes


def test_a_choice_of_a_hosted_tool_is_listed() -> None:
    ask = asked(tool_choice={"type": "web_search_preview"})
    assert (ask.tool_choice, ask.dropped) == (None, ["tool_choice"])


def test_members_with_a_place_in_the_hub() -> None:
    body = (
        b'{"model":"m","input":"hi","stream":true,"max_output_tokens":7,"temperature":0.10,"top_p":1.0,'
        b'"parallel_tool_calls":false,"include":["message.output_text.logprobs","reasoning.encrypted_content"],'
        b'"top_logprobs":3,"user":"u","service_tier":"flex","stream_options":{"include_usage":true},'
        b'"reasoning":{"effort":"low","summary":"auto","context":"x"},"min_p":0.050,'
        b'"text":{"verbosity":"low","format":{"type":"json_schema","name":"n","schema":{ "a": 1.0 },'
        b'"strict":true}}}'
    )
    ask = read(body)
    assert (ask.stream, ask.max_tokens, ask.parallel, ask.include_usage) == (True, 7, False, True)
    assert (ask.logprobs, ask.top_logprobs, ask.user, ask.service_tier) == (True, 3, "u", "flex")
    assert (ask.effort, ask.summaries, ask.verbosity) == ("low", True, "low")
    assert bytes(ask.temperature or b"") == b"0.10"
    assert bytes(ask.top_p or b"") == b"1.0"
    assert isinstance(ask.format, Format)
    assert (ask.format.kind, ask.format.name, ask.format.strict) == ("json_schema", "n", True)
    assert bytes(ask.format.schema or b"") == b'{ "a": 1.0 }'
    assert {name: bytes(raw) for name, raw in ask.extra.items()} == {"min_p": b"0.050"}
    assert ask.dropped == []


def test_what_was_not_said_is_said_by_nobody() -> None:
    ask = asked(temperature=None, tools=None, text=None, reasoning=None, max_output_tokens=-1, top_logprobs=2)
    # More than was asked to be included is a wish that has no effect.
    expected = ResponsesAsk(model="m", messages=[Message("user", [Text("hi")])], echo=ask.echo)
    assert ask == msgspec.structs.replace(expected, dropped=["top_logprobs"])


def test_what_changes_nothing_is_not_listed_and_what_does_is() -> None:
    harmless: dict[str, Any] = {
        "store": True, "metadata": {"a": "b"},
        "safety_identifier": "s", "background": False, "truncation": "disabled", "previous_response_id": None,
        "client_metadata": {"x": "y"},
    }  # fmt: skip
    ask = asked(**harmless)
    assert (ask.dropped, ask.extra) == ([], {})
    # Some backends know these, and the others' outbounds list them.
    cached = {"prompt_cache_key": "k", "prompt_cache_retention": "24h", "prompt_cache_options": {"mode": "x"}}
    assert asked(**cached).extra.keys() == cached.keys()
    ask = asked(truncation="auto", max_tool_calls=3, moderation={"model": "x"})
    assert ask.dropped == ["truncation", "max_tool_calls", "moderation"]


@pytest.mark.parametrize("member", ["previous_response_id", "conversation", "prompt"])
def test_what_leans_on_a_memory_is_refused_by_name(member: str) -> None:
    assert refused(**{member: "resp_1"}) == ("unsupported_parameter", member)


def test_a_request_in_the_background_is_refused() -> None:
    assert refused(background=True) == ("unsupported_parameter", "background")


@pytest.mark.parametrize(
    ("input_", "code", "field"),
    [
        (None, "missing_field", "input"),
        (5, "wrong_type", "input"),
        ([], "invalid_value", "input"),
        ([5], "wrong_type", "input[0]"),
        ([{"type": 5}], "wrong_type", "input[0].type"),
        ([{"type": ["message"]}], "wrong_type", "input[0].type"),
        ([{"type": "reasoning", "summary": []}], "invalid_value", "input"),
        ([{"type": "item_reference", "id": "x"}], "unsupported_parameter", "input[0]"),
        ([{"content": "u"}], "missing_field", "input[0].role"),
        ([{"role": "bard", "content": "u"}], "invalid_value", "input[0].role"),
        ([{"role": "user"}], "missing_field", "input[0].content"),
        ([{"role": "user", "content": []}], "invalid_value", "input[0].content"),
        ([{"role": "user", "content": {}}], "wrong_type", "input[0].content"),
        (user({"text": "t"}), "missing_field", "input[0].content[0].type"),
        (user({"type": "input_text"}), "missing_field", "input[0].content[0].text"),
        (user({"type": "input_text", "text": 5}), "wrong_type", "input[0].content[0].text"),
        (user({"type": "input_hologram"}), "unsupported_content", "input[0].content[0]"),
        (user({"type": "input_image"}), "missing_field", "input[0].content[0].image_url"),
        (user({"type": "input_image", "file_id": "f"}), "unsupported_content", "input[0].content[0].file_id"),
        (user({"type": "input_image", "image_url": "file:///etc/passwd"}), "invalid_value",
         "input[0].content[0].image_url"),
        (user({"type": "input_image", "image_url": "/etc/passwd"}), "invalid_value",
         "input[0].content[0].image_url"),
        (user({"type": "input_image", "image_url": "data:image/png,raw"}), "invalid_value",
         "input[0].content[0].image_url"),
        (user({"type": "input_file", "file_url": "ftp://x/y"}), "invalid_value",
         "input[0].content[0].file_url"),
        (user({"type": "input_file"}), "missing_field", "input[0].content[0].file_data"),
        ([{"role": "assistant", "content": [{"type": "input_image"}]}], "unsupported_content",
         "input[0].content[0]"),
        ([{**CALL, "call_id": None}], "missing_field", "input[0].call_id"),
        ([{**CALL, "name": ""}], "missing_field", "input[0].name"),
        ([{**CALL, "name": "n" * 129}], "invalid_value", "input[0].name"),
        ([{**CALL, "arguments": {"q": 1}}], "wrong_type", "input[0].arguments"),
        ([{**CALL, "arguments": None}], "missing_field", "input[0].arguments"),
        ([OUTPUT], "invalid_value", "input[0].call_id"),
        ([CALL, {**OUTPUT, "output": None}], "missing_field", "input[1].output"),
        ([CALL, {**OUTPUT, "output": {"a": 1}}], "wrong_type", "input[1].output"),
    ],
)  # fmt: skip
def test_wrong_items_are_named(input_: object, code: str, field: str) -> None:
    assert refused(input_) == (code, field)


def test_instructions_alone_are_no_request() -> None:
    assert refused([], instructions="Be brief.") == ("invalid_value", "input")


@pytest.mark.parametrize(
    ("members", "code", "field"),
    [
        ({"instructions": ["x"]}, "wrong_type", "instructions"),
        ({"tools": {}}, "wrong_type", "tools"),
        ({"tools": ["x"]}, "wrong_type", "tools[0]"),
        ({"tools": [{"type": "function"}]}, "missing_field", "tools[0].name"),
        ({"tools": [{"type": "function", "name": "n" * 129}]}, "invalid_value", "tools[0].name"),
        ({"tools": [{"type": "function", "name": 5}]}, "wrong_type", "tools[0].name"),
        ({"tool_choice": "maybe"}, "invalid_value", "tool_choice"),
        ({"tool_choice": {"type": "function"}}, "missing_field", "tool_choice.name"),
        ({"tool_choice": {"type": "allowed_tools", "mode": "x"}}, "invalid_value", "tool_choice.mode"),
        ({"text": "x"}, "wrong_type", "text"),
        ({"text": {"verbosity": "loud"}}, "invalid_value", "text.verbosity"),
        ({"text": {"format": {"type": "yaml"}}}, "invalid_value", "text.format.type"),
        ({"text": {"format": {"type": "json_schema", "name": "n"}}}, "missing_field", "text.format.schema"),
        ({"text": {"format": {"type": 5}}}, "wrong_type", "text.format.type"),
        ({"reasoning": {"effort": "extreme"}}, "invalid_value", "reasoning.effort"),
        ({"reasoning": []}, "wrong_type", "reasoning"),
        ({"temperature": "hot"}, "wrong_type", "temperature"),
        ({"max_output_tokens": 1.5}, "wrong_type", "max_output_tokens"),
        ({"include": "x"}, "wrong_type", "include"),
        ({"parallel_tool_calls": "no"}, "wrong_type", "parallel_tool_calls"),
    ],
)
def test_wrong_members_are_named(members: dict[str, Any], code: str, field: str) -> None:
    assert refused(**members) == (code, field)


def test_the_echo_is_the_request_in_its_own_bytes_on_one_line() -> None:
    body = (
        b'{"model":"m","input":"hi","temperature":0.10,\n "tools":[\n{"type":"function","name":"f",'
        b'"parameters":{"a":1.0}}],"instructions":"one\\ntwo","metadata":{"k":"v"},"text":{"verbosity":"low"}}'
    )
    echo = read(body).echo
    assert b"\n" not in echo
    assert b'"temperature":0.10' in echo
    assert b'"parameters":{"a":1.0}' in echo
    shown = json.loads(b"{%b}" % echo)
    assert shown["instructions"] == "one\ntwo"
    assert shown["text"] == {"format": {"type": "text"}, "verbosity": "low"}
    assert (shown["metadata"], shown["tool_choice"], shown["store"]) == ({"k": "v"}, "auto", False)


KINDS = st.sampled_from(
    ["message", "function_call", "function_call_output", "reasoning", "item_reference",
     "custom_tool_call", "x", None]
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
NAMES = st.sampled_from(
    ["role", "content", "call_id", "name", "arguments", "output", "summary", "encrypted_content",
     "input", "tools"]
)  # fmt: skip
ITEMS = st.builds(lambda kind, more: {"type": kind, **more}, KINDS, st.dictionaries(NAMES, JSON, max_size=4))


@given(items=st.lists(ITEMS | JSON, max_size=4), members=st.dictionaries(NAMES | st.text(max_size=5), JSON))
def test_any_json_is_read_or_refused(items: list[Any], members: dict[str, Any]) -> None:
    body = json.dumps({**members, "model": "m", "input": items}).encode()
    try:
        ask = read(body)
    except RequestError as error:
        assert error.field
    else:
        assert ask.messages
