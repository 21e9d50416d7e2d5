"""Messages answers: the order of events that SDKs need, whatever a backend told in which order.

`Client` collects a stream as the official SDKs do, and is stricter: one block at a time, indexes
without gaps, every event named.
"""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridgw.dialects import MESSAGES, Fault
from hybridgw.dialects.messages_write import PING, MessagesWriter
from hybridgw.errors import UpstreamError
from hybridgw.wire import (
    Ask,
    Event,
    Finish,
    Refusal,
    Signature,
    Start,
    TextDelta,
    ThinkingDelta,
    ToolDelta,
    ToolStart,
    Usage,
)


def writer(**more: Any) -> MessagesWriter:
    ask = Ask(model="asked", messages=[], **more)
    return MessagesWriter(ask, MESSAGES.error_event, "msg_1", lambda size: "ab" * size)


class Client:
    """What a client makes of a stream."""

    def __init__(self, stream: bytes) -> None:
        self.message: dict[str, Any] = {}
        self.names: list[str] = []
        self.done = False
        assert not stream or stream.endswith(b"\n\n")
        for block in stream.split(b"\n\n")[:-1]:
            name, data = block.split(b"\n")
            event = json.loads(data.removeprefix(b"data: "))
            assert name == b"event: " + event["type"].encode()
            self.names.append(event["type"])
            getattr(self, event["type"])(event)

    def ping(self, event: dict[str, Any]) -> None:
        pass

    def message_start(self, event: dict[str, Any]) -> None:
        assert not self.message
        self.message = event["message"]
        self.open = False

    def content_block_start(self, event: dict[str, Any]) -> None:
        assert not self.open and event["index"] == len(self.message["content"])
        self.open = True
        self.partial = ""
        self.message["content"].append(event["content_block"])

    def content_block_delta(self, event: dict[str, Any]) -> None:
        assert self.open and event["index"] == len(self.message["content"]) - 1
        block, delta = self.message["content"][-1], event["delta"]
        kind = delta.pop("type")
        if kind == "input_json_delta":
            assert block["type"] == "tool_use"
            self.partial += delta["partial_json"]
        elif kind == "signature_delta":
            assert not block["signature"]
            block["signature"] = delta["signature"]
        else:
            ((name, words),) = delta.items()
            assert kind == name + "_delta" and block["type"] == name and words
            block[name] += words

    def content_block_stop(self, event: dict[str, Any]) -> None:
        assert self.open and event["index"] == len(self.message["content"]) - 1
        self.open = False
        if self.partial:
            try:
                self.message["content"][-1]["input"] = json.loads(self.partial)
            except ValueError:
                self.message["content"][-1]["input"] = self.partial

    def message_delta(self, event: dict[str, Any]) -> None:
        assert not self.open
        self.message |= event["delta"]
        self.message["usage"] |= event["usage"]
        assert isinstance(event["usage"]["output_tokens"], int)

    def message_stop(self, event: dict[str, Any]) -> None:
        self.done = True


def told(events: list[Event], one_by_one: bool = False, **more: Any) -> Client:
    written = writer(**more)
    parts = [[event] for event in events] if one_by_one else [events]
    client = Client(b"".join(written.feed(part) for part in parts) + written.close())
    assert client.done
    return client


CALLS: list[Event] = [
    Start("x", "m"),
    TextDelta("Let me"),
    TextDelta(" see"),
    ToolStart(0, "t0", "f"),
    ToolDelta(0, '{"q":'),
    ToolDelta(0, '"x"}'),
    ToolStart(1, "t1", "g"),
    ToolDelta(1, "{}"),
    Finish("tool_calls"),
    Usage(105, 7, 90, 5, 3),
]
CALLED = [
    {"type": "text", "text": "Let me see"},
    {"type": "tool_use", "id": "t0", "name": "f", "input": {"q": "x"}},
    {"type": "tool_use", "id": "t1", "name": "g", "input": {}},
]


@pytest.mark.parametrize("one_by_one", [False, True])
def test_text_and_two_calls(one_by_one: bool) -> None:
    """Case D12."""
    client = told(CALLS, one_by_one)
    assert client.message["content"] == CALLED
    assert (client.message["model"], client.message["id"]) == ("m", "msg_1")
    assert (client.message["stop_reason"], client.message["stop_sequence"]) == ("tool_use", None)
    usage = client.message["usage"]
    assert (usage["input_tokens"], usage["cache_read_input_tokens"], usage["output_tokens"]) == (10, 90, 7)


def test_the_exact_bytes_of_a_short_answer() -> None:
    written = writer()
    out = written.feed([Start("x", "m"), TextDelta('é"\n'), Finish("stop"), Usage(3, 2)]) + written.close()
    assert out.decode() == (
        "event: message_start\n"
        'data: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant",'
        '"model":"m","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":3,'
        '"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":2,'
        '"output_tokens_details":{"thinking_tokens":0}}}}\n\n'
        "event: content_block_start\n"
        'data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}\n\n'
        "event: content_block_delta\n"
        'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"é\\"\\n"}}\n\n'
        "event: content_block_stop\n"
        'data: {"type":"content_block_stop","index":0}\n\n'
        "event: message_delta\n"
        'data: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{'
        '"input_tokens":3,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":2,'
        '"output_tokens_details":{"thinking_tokens":0}}}\n\n'
        'event: message_stop\ndata: {"type":"message_stop"}\n\n'
    )


@pytest.mark.parametrize("one_by_one", [False, True])
def test_calls_that_interleave_are_told_one_after_the_other(one_by_one: bool) -> None:
    events: list[Event] = [
        ToolStart(0, "t0", "f"),
        ToolStart(1, "t1", "g"),
        ToolStart(2, "t2", "h"),
        ToolDelta(1, '{"b"'),
        ToolDelta(0, '{"a":'),
        ToolDelta(2, "{}"),
        ToolDelta(1, ":2}"),
        ToolDelta(0, "1}"),
        TextDelta("done"),
        Finish("tool_calls"),
    ]
    client = told(events, one_by_one)
    assert [block.get("input") for block in client.message["content"]] == [{"a": 1}, {"b": 2}, {}, None]
    assert client.message["content"][3]["text"] == "done"


def test_a_complete_call_is_told_before_the_next_begins() -> None:
    """Agents begin to work on a call when its block stops; nothing is held back without need."""
    written = writer()
    written.feed([ToolStart(0, "t0", "f"), ToolDelta(0, "{}")])
    out = written.feed([ToolStart(1, "t1", "g")])
    assert b"content_block_stop" in out and b'"id":"t1"' in out


def test_a_call_without_arguments_keeps_nobody_waiting_for_ever() -> None:
    events: list[Event] = [ToolStart(0, "t0", "f"), ToolStart(1, "t1", "g"), ToolDelta(1, '{"a":1}')]
    client = told(events)
    assert [block["input"] for block in client.message["content"]] == [{}, {"a": 1}]


THOUGHT: list[Event] = [ThinkingDelta("h"), ThinkingDelta("m"), TextDelta("Hi"), Finish("stop")]
OWN = "hgw1:" + "ab" * 16


@pytest.mark.parametrize("one_by_one", [False, True])
@pytest.mark.parametrize(
    ("asked", "blocks"),
    [
        ({}, [("text", "Hi")]),
        ({"thinking": "disabled"}, [("text", "Hi")]),
        ({"thinking": "adaptive"}, [("thinking", "hm"), ("text", "Hi")]),
        ({"thinking": "enabled", "show_thinking": False}, [("thinking", ""), ("text", "Hi")]),
    ],
)
def test_thoughts_are_for_those_who_asked(
    asked: dict[str, Any], blocks: list[tuple[str, str]], one_by_one: bool
) -> None:
    for message in (told(THOUGHT, one_by_one, **asked).message, json.loads(writer(**asked).whole(THOUGHT))):
        assert [(block["type"], block[block["type"]]) for block in message["content"]] == blocks
        assert all(block["signature"] == OWN for block in message["content"] if block["type"] == "thinking")


@pytest.mark.parametrize("shown", [True, False])
def test_signatures_of_the_maker_are_kept(shown: bool) -> None:
    events: list[Event] = [
        ThinkingDelta("hm"),
        Signature("EqQB"),
        Signature(redacted="xyz"),
        Signature("Only"),
        ThinkingDelta("so"),
        Signature("Last"),
        TextDelta("Hi"),
    ]
    asked: dict[str, Any] = {"thinking": "adaptive", "show_thinking": shown}
    expected = [
        {"type": "thinking", "thinking": "hm" if shown else "", "signature": "EqQB"},
        {"type": "redacted_thinking", "data": "xyz"},
        {"type": "thinking", "thinking": "", "signature": "Only"},
        {"type": "thinking", "thinking": "so" if shown else "", "signature": "Last"},
        {"type": "text", "text": "Hi"},
    ]
    assert told(events, **asked).message["content"] == expected
    assert json.loads(writer(**asked).whole(events))["content"] == expected


@pytest.mark.parametrize(
    ("events", "reason", "sequence"),
    [
        ([Finish("stop")], "end_turn", None),
        ([Finish("stop", stop_sequence="END")], "stop_sequence", "END"),
        ([Finish("length")], "max_tokens", None),
        ([Finish("content_filter")], "refusal", None),
        ([Finish("tool_calls")], "end_turn", None),
        ([], "end_turn", None),
        ([ToolStart(0, "t", "f"), ToolDelta(0, "{}"), Finish("stop")], "tool_use", None),
        ([ToolStart(0, "t", "f"), Finish("stop", stop_sequence="END")], "tool_use", None),
        ([ToolStart(0, "t", "f"), ToolDelta(0, "{}"), Finish("length")], "tool_use", None),
        ([ToolStart(0, "t", "f"), ToolDelta(0, '{"a'), Finish("length")], "max_tokens", None),
    ],
)
def test_why_an_answer_ends(events: list[Event], reason: str, sequence: str | None) -> None:
    for message in (told(events).message, json.loads(writer().whole(events))):
        assert (message["stop_reason"], message["stop_sequence"]) == (reason, sequence)


def test_a_refusal_is_shown_and_explained() -> None:
    events: list[Event] = [Refusal("I will not."), Finish("stop")]
    for message in (told(events).message, json.loads(writer().whole(events))):
        assert message["content"] == [{"type": "text", "text": "I will not."}]
        assert message["stop_reason"] == "refusal"
        assert message["stop_details"]["explanation"] == "I will not."


def test_a_whole_answer() -> None:
    message = json.loads(writer().whole(CALLS))
    assert message["content"] == CALLED
    assert (message["type"], message["role"], message["id"], message["model"]) == (
        "message",
        "assistant",
        "msg_1",
        "m",
    )
    assert message["usage"] == Usage(105, 7, 90, 5, 3).messages()


def test_inputs_keep_their_text() -> None:
    events: list[Event] = [ToolStart(0, "t", "f"), ToolDelta(0, '{"n" : 12345678901234567890, "x":1.0}')]
    assert b'"input":{"n" : 12345678901234567890, "x":1.0}' in writer().whole(events)


@pytest.mark.parametrize("reason", ["tool_calls", "stop", "length"])
@pytest.mark.parametrize("arguments", ['{"a', "text", '{"a":"b'])
def test_a_call_that_was_cut_off_ends_by_the_limit(arguments: str, reason: str) -> None:
    """Whatever the backend says: B015."""
    events: list[Event] = [
        ToolStart(0, "t", "f"), ToolDelta(0, arguments), ToolStart(1, "u", "g"), ToolDelta(1, "{}"),
        Finish(reason),
    ]  # fmt: skip
    assert json.loads(writer().whole(events))["stop_reason"] == "max_tokens"
    assert told(events).message["stop_reason"] == "max_tokens"


@pytest.mark.parametrize("arguments", ["[1]", '"x"'])
def test_a_call_that_nobody_could_make_is_no_answer(arguments: str) -> None:
    with pytest.raises(UpstreamError):
        writer().whole([ToolStart(0, "t", "f"), ToolDelta(0, arguments), Finish("tool_calls")])


def test_an_answer_of_nothing_is_valid() -> None:
    assert told([]).message["content"] == []
    message = json.loads(writer().whole([]))
    assert (message["model"], message["content"], message["usage"]) == ("asked", [], {"output_tokens": 0})


def test_the_first_heartbeat_begins_the_message() -> None:
    """Case D16."""
    written = writer()
    out = written.heartbeat + written.heartbeat
    out += written.feed([Start("x", "m"), TextDelta("Hi")]) + written.heartbeat + written.close()
    client = Client(out)
    assert client.names[:3] == ["message_start", "ping", "ping"]
    assert client.names.count("message_start") == 1
    assert client.message["content"] == [{"type": "text", "text": "Hi"}]
    assert MESSAGES.heartbeat == PING == written.heartbeat


def test_a_failure_inside_a_block_is_no_success() -> None:
    """Case D15."""
    written = writer()
    out = written.feed([Start(), TextDelta("Hi")])
    fault = Fault(502, "server_error", "upstream_truncated", "the upstream closed early", request_id="req-1")
    out += written.error_event(fault)
    assert b"message_stop" not in out
    name, data = out.split(b"\n\n")[-2].split(b"\n")
    assert name == b"event: error"
    assert json.loads(data.removeprefix(b"data: ")) == {
        "type": "error",
        "error": {"type": "api_error", "message": "the upstream closed early"},
        "request_id": "req-1",
    }


@pytest.mark.parametrize(
    ("status", "code", "told"),
    [
        (400, "invalid_value", (400, "invalid_request_error")),
        (401, "invalid_api_key", (401, "authentication_error")),
        (403, "policy_denied", (403, "permission_error")),
        (404, "model_not_found", (404, "not_found_error")),
        (408, "request_timeout", (408, "invalid_request_error")),
        (409, "upstream_rejected", (409, "conflict_error")),
        (413, "request_too_large", (413, "request_too_large")),
        (422, "upstream_rejected", (422, "invalid_request_error")),
        (429, "rate_limit_exceeded", (429, "rate_limit_error")),
        (429, "insufficient_quota", (429, "rate_limit_error")),
        (500, "internal_error", (500, "api_error")),
        (502, "upstream_error", (500, "api_error")),
        (502, "upstream_auth", (500, "api_error")),
        (503, "overloaded", (529, "overloaded_error")),
        (504, "upstream_timeout", (504, "timeout_error")),
    ],
)
def test_errors(status: int, code: str, told: tuple[int, str]) -> None:
    fault = Fault(status, "whatever", code, "said")
    assert MESSAGES.status(fault) == told[0]
    assert json.loads(MESSAGES.error(fault)) == {
        "type": "error",
        "error": {"type": told[1], "message": "said"},
    }


def test_an_error_names_the_member_and_the_words_that_agents_look_for() -> None:
    def message(code: str, said: str) -> str:
        fault = Fault(400, "invalid_request_error", code, said, "messages[0].role")
        return str(json.loads(MESSAGES.error(fault))["error"]["message"])

    assert message("invalid_value", "wrong") == "messages[0].role: wrong"
    assert message("invalid_value", "messages[0].role is wrong") == "messages[0].role is wrong"
    assert message("context_length_exceeded", "9 > 8") == "prompt is too long: 9 > 8"
    assert message("context_length_exceeded", "prompt is too long: 9") == "prompt is too long: 9"


fragments = st.sampled_from(["", "{", "}", "{}", '{"a":1}', '"b"', "x"])
anything = st.one_of(
    st.builds(TextDelta, st.sampled_from(["", "a", "b\n"])),
    st.builds(ThinkingDelta, st.sampled_from(["", "t"])),
    st.builds(Signature, st.sampled_from(["", "s"])),
    st.builds(Signature, redacted=st.just("r")),
    st.builds(Refusal, st.sampled_from(["", "no"])),
    st.builds(ToolStart, st.integers(0, 2), st.just("t"), st.just("f")),
    st.builds(ToolDelta, st.integers(0, 2), fragments),
    st.builds(Finish, st.sampled_from(["stop", "length", "tool_calls", "odd"])),
    st.builds(Usage, st.integers(0, 9), st.integers(0, 9)),
)


@given(st.lists(anything, max_size=12), st.sampled_from([None, "adaptive"]), st.booleans())
def test_whatever_comes_the_stream_is_well_formed(
    events: list[Event], thinking: Any, one_by_one: bool
) -> None:
    client = told(events, one_by_one, thinking=thinking)
    said = "".join(block["text"] for block in client.message["content"] if block["type"] == "text")
    assert sorted(said) == sorted("".join(e.text for e in events if isinstance(e, TextDelta | Refusal)))


def test_the_message_begins_with_what_the_gateway_counted() -> None:
    """B006: clients show it, and decide by it when to compact."""
    start = writer(prompt_tokens=1209).feed([Start("c", "m"), TextDelta("Hi")])
    assert b'"input_tokens":1209,' in start
    assert b'"input_tokens":5,' in writer(prompt_tokens=1209).feed([Start("c", "m"), Usage(prompt=5)])
