"""Writing Chat: the events of a stream and whole answers, compared byte for byte with golden files.

Run with GOLDEN=write to make the files anew after a change that was meant, and read the difference.
"""

import json
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridgw import sse
from hybridgw.dialects import OPENAI, Fault
from hybridgw.dialects.chat_write import ChatWriter
from hybridgw.wire import (
    Ask,
    Event,
    Finish,
    Refusal,
    Signature,
    Start,
    TextDelta,
    Thinking,
    ThinkingDelta,
    Tool,
    ToolDelta,
    ToolStart,
    Usage,
)

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "chat"
USAGE = Usage(105, 7, 90, 5, 3)
LOGS = msgspec.Raw(b'{"content":[{"token":"a","logprob":-0.50,"bytes":[97],"top_logprobs":[]}]}')

CASES: dict[str, tuple[dict[str, Any], list[Event]]] = {
    "text": (
        {"include_usage": True},
        [Start("up", "upstream"), TextDelta('Hi "é"\n'), TextDelta(" 🙂"), Usage(1), Finish("stop"), USAGE],
    ),
    "tools": (
        {},
        [
            Start("up-1", "upstream"),
            ToolStart(0, "call_A", "look"),
            ToolStart(1, "call_B", "find"),
            ToolDelta(1, '{"b":'),
            ToolDelta(0, '{"a":1.0}'),
            ToolDelta(1, "2}"),
            Finish("tool_calls"),
            USAGE,
        ],
    ),
    "thinking": (
        {"include_usage": True},
        [
            Start("", ""),
            ThinkingDelta("Let me "),
            ThinkingDelta("see."),
            Signature("sig=="),
            Signature(redacted="opaque"),
            TextDelta("42"),
            Finish("stop"),
            USAGE,
        ],
    ),
    "custom": (
        {"tools": [Tool("patch", custom=True), Tool("look")]},
        [
            ToolStart(0, "call_A", "patch"),
            ToolDelta(0, '{"input":"a\\n'),
            ToolDelta(0, '\\"b\\""}'),
            ToolStart(1, "call_B", "look"),
            ToolDelta(1, "{}"),
            Finish("tool_calls"),
        ],
    ),
    "functions": (
        {"functions": True},
        [ToolStart(0, "call_A", "look"), ToolDelta(0, "{}"), Finish("tool_calls")],
    ),
    "refusal": ({}, [Refusal("I can"), Refusal("not."), Finish("content_filter")]),
    "choices": (
        {"logprobs": True},
        [
            TextDelta("b", 1, LOGS),
            TextDelta("a", 0, LOGS),
            TextDelta("A", 0, LOGS),
            Finish("length", 1),
            Finish("stop", 0),
        ],
    ),
    "nothing": ({"include_usage": True}, []),
}  # fmt: skip


def writer(**members: Any) -> ChatWriter:
    ask = Ask(model="asked", messages=[])
    for name, value in members.items():
        setattr(ask, name, value)
    return ChatWriter(ask, unique="0", now=1795132800)


def compare(name: str, told: bytes) -> None:
    path = GOLDEN / name
    if os.environ.get("GOLDEN") == "write":
        path.write_bytes(told)
    assert told == path.read_bytes()


@pytest.mark.parametrize("case", CASES)
def test_streams(case: str) -> None:
    members, events = CASES[case]
    into = writer(**members)
    one_by_one = b"".join(into.feed([event]) for event in events) + into.close()
    into = writer(**members)
    assert into.feed(events) + into.close() == one_by_one
    compare(f"{case}.stream.txt", one_by_one)
    check_stream(one_by_one)


@pytest.mark.parametrize("case", CASES)
def test_whole_answers(case: str) -> None:
    members, events = CASES[case]
    told = writer(**members).whole(events)
    compare(f"{case}.json", told)
    answer = json.loads(told)
    assert answer.keys() >= {"id", "object", "created", "model", "choices", "usage"}
    for choice in answer["choices"]:
        assert choice["finish_reason"] in {"stop", "length", "tool_calls", "content_filter", "function_call"}


def check_stream(told: bytes) -> list[dict[str, Any]]:
    """The rules that accumulators of clients rely on; the chunks."""
    *payloads, done = sse.split(told)
    assert done == b"[DONE]" and told.endswith(b"data: [DONE]\n\n")
    chunks: list[dict[str, Any]] = [json.loads(payload) for payload in payloads]
    assert len({(c["id"], c["created"], c["model"], c["object"]) for c in chunks}) == 1
    roles: dict[int, int] = {}
    tools: dict[tuple[int, int], int] = {}
    finished: set[int] = set()
    for chunk in chunks:
        if not chunk["choices"]:
            assert chunk is chunks[-1] and chunk["usage"]
            continue
        (choice,) = chunk["choices"]
        index, delta = choice["index"], choice["delta"]
        assert index <= len(roles), "choices begin in order"
        assert ("role" in delta) == (index not in roles), "the role once, and first"
        roles.setdefault(index, 1)
        assert index not in finished
        for call in delta.get("tool_calls", ()):
            key = (index, call["index"])
            assert ("id" in call) == (key not in tools)
            assert call["index"] <= sum(1 for at, _ in tools if at == index), "no gaps"
            tools[key] = 1
        if choice["finish_reason"]:
            finished.add(index)
    assert finished == set(roles)
    return chunks


events = st.lists(
    st.one_of(
        st.builds(Start, st.just("x"), st.sampled_from(["", "up"])),
        st.builds(TextDelta, st.text(max_size=3), st.integers(0, 2)),
        st.builds(ThinkingDelta, st.text(max_size=3), st.integers(0, 2)),
        st.builds(Signature, st.just("s"), st.none() | st.just("r"), st.integers(0, 2)),
        st.builds(ToolDelta, st.integers(0, 1), st.text(max_size=3), st.integers(0, 2)),
        st.builds(Usage, st.integers(0, 9)),
    ),
    max_size=8,
)


@given(events, st.booleans())
def test_any_order_of_events_is_a_valid_stream(fed: list[Event], usage: bool) -> None:
    into = writer(include_usage=usage)
    chunks = check_stream(into.feed(fed) + into.close())
    text = "".join(c["choices"][0]["delta"].get("content") or "" for c in chunks if c["choices"])
    assert len(text) == sum(len(event.text) for event in fed if isinstance(event, TextDelta))
    assert json.loads(writer().whole(fed))["object"] == "chat.completion"


def test_what_a_client_echoes_restores_the_thought() -> None:
    _, fed = CASES["thinking"]
    message = json.loads(writer().whole(fed))["choices"][0]["message"]
    ask = OPENAI.read(json.dumps({"model": "m", "messages": [message]}).encode())
    assert ask.messages[0].parts[:2] == [Thinking("Let me see.", "sig=="), Thinking(redacted="opaque")]


def test_thoughts_that_nobody_wants_stay_here() -> None:
    _, fed = CASES["thinking"]
    into = writer(show_thinking=False)
    assert b"reasoning" not in into.feed(fed) + into.close()
    answer = json.loads(writer(show_thinking=False).whole(fed))
    assert answer["choices"][0]["message"].keys() == {"role", "content", "refusal"}
    assert answer["usage"]["completion_tokens_details"]["reasoning_tokens"] == 3, "they cost all the same"


def test_usage_stays_with_us_unless_it_was_asked_for() -> None:
    into = writer()
    assert b"usage" not in into.feed([TextDelta("a"), USAGE, Finish("stop")]) + into.close()


def test_a_stop_that_follows_calls_means_the_calls() -> None:
    into = writer()
    told = into.feed([ToolStart(0, "c", "f"), Finish("stop")])
    assert b'"finish_reason":"tool_calls"' in told
    assert b'"finish_reason":"length"' in writer().feed([ToolStart(0, "c", "f"), Finish("length")])


@pytest.mark.parametrize("arguments", ["", "no json", '{"input":5}', '{"other":"x"}'])
def test_a_custom_call_whose_backend_did_not_follow_is_told_as_it_is(arguments: str) -> None:
    told = writer(tools=[Tool("g", custom=True)]).whole([ToolStart(0, "c", "g"), ToolDelta(0, arguments)])
    (call,) = json.loads(told)["choices"][0]["message"]["tool_calls"]
    assert call["custom"] == {"name": "g", "input": arguments}


def test_a_failure_is_an_event_without_the_mark_of_success() -> None:
    into = writer()
    into.feed([TextDelta("a")])
    told = into.error_event(Fault(status=502, type="server_error", code="upstream_error", message="m"))
    (payload,) = sse.split(told)
    assert json.loads(payload)["error"] == {
        "message": "m", "type": "server_error", "param": None, "code": "upstream_error",
    }  # fmt: skip
    assert told == OPENAI.error_event(Fault(502, "server_error", "upstream_error", "m"))


@pytest.mark.parametrize("reason", ["tool_calls", "stop", "length"])
def test_arguments_that_were_cut_off_end_by_the_limit(reason: str) -> None:
    cut: list[Event] = [ToolStart(0, "a", "f"), ToolDelta(0, '{"path": "abc'), Finish(reason)]
    into = writer()
    assert b'"finish_reason":"length"' in into.feed(cut) + into.close()
    assert json.loads(writer().whole(cut))["choices"][0]["finish_reason"] == "length"
