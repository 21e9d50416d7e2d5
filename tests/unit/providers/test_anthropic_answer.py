"""Answers of Anthropic as events of the hub: whole, as a stream, and cut at every event."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridgw.providers import Backend
from hybridgw.providers.anthropic import Anthropic
from hybridgw.wire import (
    Event,
    Failure,
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


def event(kind: str, **members: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **members})}\n\n".encode()


def delta(index: int, kind: str, **members: Any) -> bytes:
    return event("content_block_delta", index=index, delta={"type": kind, **members})


def start(index: int, **block: Any) -> bytes:
    return event("content_block_start", index=index, content_block=block)


def stop(index: int) -> bytes:
    return event("content_block_stop", index=index)


BEGUN = event(
    "message_start",
    message={
        "id": "msg_1",
        "type": "message",
        "model": "claude-x",
        "content": [],
        "usage": {
            "input_tokens": 10,
            "cache_read_input_tokens": 90,
            "cache_creation_input_tokens": 5,
            "output_tokens": 1,
        },
    },
)


def ended(reason: str | None, output: int = 7, **more: Any) -> bytes:
    changed = {"stop_reason": reason, "stop_sequence": None, **more}
    return event("message_delta", delta=changed, usage={"output_tokens": output}) + event("message_stop")


STREAM = (
    BEGUN
    + event("ping")
    + b": a comment\n\n"
    + start(0, type="thinking", thinking="", signature="")
    + delta(0, "thinking_delta", thinking="hm")
    + delta(0, "signature_delta", signature="EqQB")
    + stop(0)
    + start(1, type="redacted_thinking", data="xyz")
    + stop(1)
    + start(2, type="text", text="")
    + delta(2, "text_delta", text="Hi é")
    + delta(2, "citations_delta", citation={"type": "char_location"})
    + stop(2)
    + start(3, type="server_tool_use", id="s", name="web_search", input={})
    + delta(3, "input_json_delta", partial_json='{"query":"x"}')
    + stop(3)
    + start(4, type="tool_use", id="toolu_1", name="f", input={})
    + delta(4, "input_json_delta", partial_json="")
    + delta(4, "input_json_delta", partial_json='{"q":')
    + delta(4, "input_json_delta", partial_json="1.0}")
    + stop(4)
    + start(5, type="tool_use", id="toolu_2", name="g", input={})
    + stop(5)
    + ended("tool_use")
)
EVENTS: list[Event] = [
    Start("msg_1", "claude-x"),
    ThinkingDelta("hm"),
    Signature("EqQB"),
    Signature(redacted="xyz"),
    TextDelta("Hi é"),
    ToolStart(0, "toolu_1", "f"),
    ToolDelta(0, '{"q":'),
    ToolDelta(0, "1.0}"),
    ToolStart(1, "toolu_2", "g"),
    ToolDelta(1, "{}"),
    Finish("tool_calls"),
    Usage(105, 7, 90, 5),
]


@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
@pytest.mark.parametrize("one_by_one", [False, True])
def test_a_stream(one_by_one: bool, newline: bytes) -> None:
    """Cases D09 and D10: tools are counted among themselves; usage is inclusive."""
    outbound = Anthropic(Backend())
    pieces = [part + b"\n\n" for part in STREAM.split(b"\n\n")[:-1]] if one_by_one else [STREAM]
    events: list[Event] = []
    for piece in pieces:
        events += outbound.feed(piece.replace(b"\n", newline))
    assert events + outbound.close() == EVENTS


def test_a_whole_answer_is_the_same_events() -> None:
    answer = (
        b'{"id":"msg_1","type":"message","role":"assistant","model":"claude-x","content":['
        b'{"type":"thinking","thinking":"hm","signature":"EqQB"},{"type":"redacted_thinking","data":"xyz"},'
        b'{"type":"text","text":"Hi \\u00e9","citations":null},'
        b'{"type":"server_tool_use","id":"s","name":"web_search","input":{}},'
        b'{"type":"web_search_tool_result","tool_use_id":"s","content":[]},'
        b'{"type":"tool_use","id":"toolu_1","name":"f","input":{"q" : 12345678901234567890}},'
        b'{"type":"tool_use","id":"toolu_2","name":"g","input":{}}],'
        b'"stop_reason":"tool_use","stop_sequence":null,"stop_details":null,"usage":{"input_tokens":10,'
        b'"cache_read_input_tokens":90,"cache_creation_input_tokens":5,"output_tokens":7,"service_tier":"standard"}}'
    )
    events = Anthropic(Backend()).whole(answer)
    assert events == [*EVENTS[:6], ToolDelta(0, '{"q" : 12345678901234567890}'), *EVENTS[8:]]


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("pause_turn", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("tool_use", "tool_calls"),
        ("refusal", "content_filter"),
        ("something_new", "stop"),
    ],
)
def test_reasons(reason: str, finish: str) -> None:
    """Case D11."""
    streamed = Anthropic(Backend()).feed(ended(reason))
    whole = Anthropic(Backend()).whole(json.dumps({"content": [], "stop_reason": reason}).encode())
    for events in (streamed, whole):
        assert [e.reason for e in events if isinstance(e, Finish)] == [finish]


def test_the_matched_stop_sequence_is_told() -> None:
    assert Finish("stop", stop_sequence="END") in Anthropic(Backend()).feed(
        ended("stop_sequence", stop_sequence="END")
    )


def test_a_refusal_is_explained() -> None:
    details = {"type": "refusal", "category": "x", "explanation": "Not that."}
    events = Anthropic(Backend()).feed(ended("refusal", stop_details=details))
    assert events[:2] == [Refusal("Not that."), Finish("content_filter")]


def test_later_usage_corrects_earlier_and_tells_thoughts() -> None:
    outbound = Anthropic(Backend())
    outbound.feed(BEGUN)
    usage = {"input_tokens": 20, "output_tokens": 8, "output_tokens_details": {"thinking_tokens": 3}}
    events = outbound.feed(event("message_delta", delta={"stop_reason": "end_turn"}, usage=usage))
    assert events[-1] == Usage(115, 8, 90, 5, 3)


def test_an_input_that_comes_whole_with_its_block() -> None:
    """Some backends that imitate Anthropic do not send it in pieces."""
    events = Anthropic(Backend()).feed(start(0, type="tool_use", id="t", name="f", input={"a": 1}) + stop(0))
    assert events == [ToolStart(0, "t", "f"), ToolDelta(0, '{"a": 1}')]


def test_failures() -> None:
    error = {"type": "overloaded_error", "message": "Overloaded"}
    expected = Failure("Overloaded", "overloaded_error")
    assert Anthropic(Backend()).feed(event("error", error=error)) == [expected]
    assert Anthropic(Backend()).whole(json.dumps({"type": "error", "error": error}).encode()) == [expected]
    assert Anthropic(Backend()).feed(event("error")) == [Failure("")]


def test_noise_is_nothing() -> None:
    assert Anthropic(Backend()).feed(b": x\n\nevent: ping\n\ndata: [DONE]\n\nevent: odd\ndata: {}\n\n") == []


values = st.recursive(
    st.none()
    | st.integers(-1, 2)
    | st.sampled_from(["", "text", "tool_use", "text_delta", "input_json_delta"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["type", "text", "id", "input", "partial_json", "usage"]), inner)
    ),
    max_leaves=6,
)
odd_events = st.fixed_dictionaries(
    {
        "type": st.sampled_from(
            ["message_start", "content_block_start", "content_block_delta", "content_block_stop"]
        )
    },
    optional={"index": values, "delta": values, "content_block": values, "message": values, "usage": values},
)


@given(st.lists(odd_events, max_size=4))
def test_whatever_an_upstream_sends_is_read_or_unreadable(sent: list[dict[str, Any]]) -> None:
    """The pipeline takes a decoder's complaint for the upstream's fault, and nothing else."""
    outbound = Anthropic(Backend())
    try:
        events = outbound.feed(b"".join(event(one.pop("type"), **one) for one in sent))
    except msgspec.MsgspecError:
        return
    started = [one.index for one in events if isinstance(one, ToolStart)]
    assert started == list(range(len(started)))
    assert all(one.index in started for one in events if isinstance(one, ToolDelta))


def test_bytes_that_are_no_text_inside_an_input() -> None:
    sent = start(0, type="tool_use", id="t", name="f", input={"a": "Q"}).replace(b"Q", b"\xff") + stop(0)
    assert Anthropic(Backend()).feed(sent)[1] == ToolDelta(0, '{"a": "\ufffd"}')
