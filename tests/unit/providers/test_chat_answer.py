"""What Chat backends send, with all their habits, as events of the hub."""

import itertools
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridgw.native import Relay
from hybridgw.providers.chat_answer import ChatAnswer
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


def answer() -> ChatAnswer:
    numbers = itertools.count()
    return ChatAnswer(lambda: f"made_{next(numbers)}")


def streamed(events: bytes) -> list[Event]:
    """A stream of these events and no more."""
    reader = answer()
    return reader.feed(events) + reader.close()


def chunk(
    *, finish: str | None = None, index: int = 0, more: dict[str, Any] | None = None, **delta: Any
) -> bytes:
    choice = {"index": index, "delta": delta, "finish_reason": finish, **(more or {})}
    event = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    return b"data: " + json.dumps(event).encode() + b"\n\n"


def call(
    at: int | None = None, name: str | None = None, arguments: Any = None, **more: Any
) -> dict[str, Any]:
    function = {k: v for k, v in {"name": name, "arguments": arguments}.items() if v is not None}
    return {**({} if at is None else {"index": at}), **more, "function": function}


USAGE = (
    b'data: {"id":"c","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11,'
    b'"prompt_tokens_details":{"cached_tokens":4},"completion_tokens_details":{"reasoning_tokens":1}}}\n\n'
)
DONE = b"data: [DONE]\n\n"
STREAM = (
    b": comment\n\n" + chunk(role="assistant", content="") + chunk(reasoning="r") + chunk(content="a\u00e9")
    + chunk(content="\U0001f642") + chunk(finish="stop") + USAGE + DONE
)  # fmt: skip
EVENTS: list[Event] = [
    Start("c", "m"),
    ThinkingDelta("r"),
    TextDelta("a\u00e9"),
    TextDelta("\U0001f642"),
    Usage(9, 2, 4, 0, 1),
    Finish("stop"),
]


def test_a_stream_whole() -> None:
    assert streamed(STREAM) == EVENTS


def test_a_stream_event_by_event() -> None:
    reader = answer()
    events = [event + b"\n\n" for event in STREAM.split(b"\n\n") if event]
    assert [told for event in events for told in reader.feed(event)] == EVENTS


@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
def test_a_stream_cut_anywhere_through_the_relay(newline: bytes) -> None:
    stream = STREAM.replace(b"\n", newline)
    reader, relay = answer(), Relay(0, False)
    told: list[Event] = []
    for at in range(len(stream)):
        if events := relay.feed(stream[at : at + 1]):
            told += reader.feed(events)
    assert told == EVENTS and relay.terminal


def tools(*calls: dict[str, Any]) -> list[Event]:
    """Each call in a chunk of its own, then the end."""
    reader = answer()
    data = b"".join(chunk(tool_calls=[one]) for one in calls) + chunk(finish="tool_calls")
    return (reader.feed(data) + reader.close())[1:-1]


TWO = [
    ToolStart(0, "A", "f"),
    ToolDelta(0, "{}"),
    ToolStart(1, "B", "g"),
    ToolDelta(1, "[1]"),
]

MADE = [
    ToolStart(0, "made_0", "f"),
    ToolDelta(0, "{}"),
    ToolStart(1, "made_1", "f"),
    ToolDelta(1, "[1]"),
]


@pytest.mark.parametrize(
    ("calls", "events"),
    [
        pytest.param(
            [call(0, "f", "", id="A"), call(0, None, "{}"), call(1, "g", "", id="B"), call(1, None, "[1]")],
            TWO, id="as it should be",
        ),
        pytest.param([call(3, "f", "{}", id="A"), call(7, "g", "[1]", id="B")], TWO, id="gaps"),
        pytest.param([call(None, "f", "{}", id="A"), call(None, "g", "[1]", id="B")], TWO, id="no index"),
        pytest.param(
            [call(None, "f", "", id="A"), call(None, None, "{}"), call(None, "g", "[1]", id="B")],
            TWO, id="no index, fragments",
        ),
        pytest.param([call(0, "f", "{}", id="A"), call(0, "g", "[1]", id="B")], TWO, id="one index for all"),
        pytest.param(
            [call(0, "f", "{", id="A"), call(0, "f", "}", id="A")],
            [ToolStart(0, "A", "f"), ToolDelta(0, "{"), ToolDelta(0, "}")], id="id and name repeated",
        ),
        pytest.param(
            [call(0, "f", "{", id="A"), call(0, None, "}", id="other")],
            [ToolStart(0, "A", "f"), ToolDelta(0, "{"), ToolDelta(0, "}")], id="an id for each fragment",
        ),
        pytest.param(
            [call(0, "f", "{}"), call(1, "f", "[1]")],
            MADE,
            id="no id",
        ),
        pytest.param(
            [call(None, "f", "{}"), call(None, "f", "[1]")],
            MADE,
            id="neither id nor index",
        ),
        pytest.param(
            [call(0, "f", "{}"), call(0, "f", "[1]")],
            MADE,
            id="one index for all, and no id",
        ),
        pytest.param(
            [call(0, "f", "{}"), call(0, "f", "["), call(0, None, "1"), call(0, "f", "]")],
            [*MADE[:3], ToolDelta(1, "["), ToolDelta(1, "1"), ToolDelta(1, "]")],
            id="one index for all and no id, in pieces",
        ),
        pytest.param(
            [call(0, "f", "{}", id="A"), call(0, "f", "")],
            [ToolStart(0, "A", "f"), ToolDelta(0, "{}")], id="a name repeated at the end",
        ),
        pytest.param(
            [call(0, None, '{"a"', id="A"), call(0, "f", ":1}")],
            [ToolStart(0, "A", "f"), ToolDelta(0, '{"a":1}')], id="the name comes late",
        ),
        pytest.param(
            [call(0, None, "{}", id="A")], [ToolStart(0, "A", ""), ToolDelta(0, "{}")], id="no name at all"
        ),
        pytest.param(
            [call(0, "f", "{}", id="A"), call(1, "g", "", id="B"), call(0, None, " "), call(1, None, "[1]")],
            [*TWO[:3], ToolDelta(0, " "), TWO[3]], id="interleaved",
        ),
        pytest.param([call(0, "f", {"a": 1}, id="A")], [ToolStart(0, "A", "f"), ToolDelta(0, '{"a": 1}')],
                     id="arguments as an object"),
        pytest.param([call(0, "f", None, id="A")], [ToolStart(0, "A", "f")], id="no arguments"),
    ],
)  # fmt: skip
def test_calls(calls: list[dict[str, Any]], events: list[Event]) -> None:
    assert tools(*calls) == events


def test_arguments_as_an_object_keep_their_numbers() -> None:
    body = (
        b'{"choices":[{"message":{"tool_calls":[{"id":"A","function":{"name":"f","arguments":{"a":1.0}}}]},'
        b'"finish_reason":"tool_calls"}]}'
    )
    assert ToolDelta(0, '{"a":1.0}') in answer().whole(body)


def test_custom_calls_are_json_with_one_text() -> None:
    reader = answer()
    told = reader.feed(
        chunk(tool_calls=[{"index": 0, "id": "A", "type": "custom", "custom": {"name": "g", "input": ""}}])
        + chunk(tool_calls=[{"index": 0, "custom": {"input": 'a\n"'}}])
        + chunk(tool_calls=[{"index": 0, "custom": {"input": "b"}}])
        + chunk(finish="tool_calls")
    )
    told += reader.close()
    assert told[1] == ToolStart(0, "A", "g")
    text = "".join(event.arguments for event in told if isinstance(event, ToolDelta))
    assert json.loads(text) == {"input": 'a\n"b'}


def test_a_call_in_the_oldest_shape() -> None:
    told = streamed(
        chunk(function_call={"name": "f", "arguments": ""})
        + chunk(function_call={"arguments": "{}"})
        + chunk(finish="function_call")
    )
    assert told[1:] == [ToolStart(0, "made_0", "f"), ToolDelta(0, "{}"), Finish("tool_calls")]


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("stop", "stop"), ("length", "length"), ("tool_calls", "tool_calls"),
        ("content_filter", "content_filter"), ("function_call", "tool_calls"), ("eos_token", "stop"),
        ("stop_sequence", "stop"), ("load", "stop"), ("MAX_TOKENS", "length"), ("model_length", "length"),
        ("tool_use", "tool_calls"), ("SAFETY", "content_filter"),
    ],
)  # fmt: skip
def test_finish_reasons(said: str, meant: str) -> None:
    assert streamed(chunk(finish=said))[-1] == Finish(meant)


def test_a_stop_after_calls_means_the_calls() -> None:
    told = streamed(chunk(tool_calls=[call(0, "f", "{}", id="A")]) + chunk(finish="stop"))
    assert told[-1] == Finish("tool_calls")


@pytest.mark.parametrize(("matched", "told"), [("END", "END"), (128009, None), (None, None)])
def test_the_stop_sequence_that_matched(matched: object, told: str | None) -> None:
    assert streamed(chunk(finish="stop", more={"stop_reason": matched}))[-1] == Finish("stop", 0, told)


def test_an_end_by_error_is_a_failure() -> None:
    assert isinstance(streamed(chunk(finish="error"))[-1], Failure)


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        ({"message": "m", "type": "t", "code": 502}, Failure("m", "t", "502")),
        ({"message": "m", "code": "c"}, Failure("m", "", "c")),
        ({"message": "m", "code": None}, Failure("m")),
        ("text", Failure("text")),
        (5, Failure("")),
    ],
)
def test_errors_inside(error: object, failure: Failure) -> None:
    assert streamed(b"data: " + json.dumps({"error": error}).encode() + b"\n\n") == [failure]


@pytest.mark.parametrize(
    ("delta", "events"),
    [
        ({"reasoning_content": "r", "reasoning": "r"}, [ThinkingDelta("r")]),
        ({"reasoning": "r", "reasoning_details": [{"type": "reasoning.text", "text": "r"}]},
         [ThinkingDelta("r")]),
        ({"reasoning_details": [{"type": "reasoning.text", "text": "r", "signature": "s"}]},
         [ThinkingDelta("r"), Signature("s")]),
        ({"reasoning_details": [{"type": "reasoning.encrypted", "data": "e"}]}, [Signature(redacted="e")]),
        ({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "r"}]},
                      {"type": "text", "text": "t"}]}, [ThinkingDelta("r"), TextDelta("t")]),
        ({"refusal": "no"}, [Refusal("no")]),
        ({"content": None, "tool_calls": None}, []),
        ({}, []),
    ],
)  # fmt: skip
def test_what_a_delta_may_hold(delta: dict[str, Any], events: list[Event]) -> None:
    assert streamed(chunk(**delta))[1:] == events


@pytest.mark.parametrize(
    "payload",
    [b"{}", b'{"choices":[]}', b'{"choices":null}', b'{"choices":[{"delta":null}]}', b'{"usage":null}'],
)
def test_chunks_that_say_nothing(payload: bytes) -> None:
    assert streamed(b"data: " + payload + b"\n\n")[1:] == []


def test_logprobs_keep_their_text() -> None:
    data = b'data: {"choices":[{"delta":{"content":"a"},"logprobs":{"content":[{"logprob":-0.50}]}}]}\n\n'
    _, told = streamed(data)
    assert isinstance(told, TextDelta) and told.logprobs is not None
    assert bytes(told.logprobs) == b'{"content":[{"logprob":-0.50}]}'


def test_a_whole_answer() -> None:
    body = {
        "id": "c", "model": "m", "created": 1, "object": "chat.completion",
        "choices": [
            {"index": 1, "message": {"role": "assistant", "content": "b"}, "finish_reason": "length"},
            {"index": 0, "message": {"role": "assistant", "content": None, "reasoning_content": "r",
                                     "tool_calls": [call(None, "f", "{}", id="A", type="function")]},
             "finish_reason": "stop"},
        ],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2},
    }  # fmt: skip
    assert answer().whole(json.dumps(body).encode()) == [
        Start("c", "m"),
        TextDelta("b", 1),
        ThinkingDelta("r"),
        ToolStart(0, "A", "f"),
        ToolDelta(0, "{}"),
        Usage(1, 2),
        Finish("length", 1),
        Finish("tool_calls"),
    ]


@pytest.mark.parametrize("said", ["", "stop"])
def test_a_reason_in_every_chunk_ends_nothing(said: str) -> None:
    """Some backends fill the member in each of them (GenieX, SGLang)."""
    events = streamed(
        chunk(role="assistant", content="Hel", finish=said)
        + chunk(content="lo", finish=said)
        + chunk(tool_calls=[call(0, "f", '{"a":', id="A")], finish=said)
        + chunk(tool_calls=[call(0, None, "1}")], finish=said)
        + chunk(finish="tool_calls")
        + chunk(finish=said)
    )
    assert events == [
        Start("c", "m"),
        TextDelta("Hel"),
        TextDelta("lo"),
        ToolStart(0, "A", "f"),
        ToolDelta(0, '{"a":'),
        ToolDelta(0, "1}"),
        Finish("tool_calls"),
    ]
    assert streamed(chunk(content="x", finish="")) == [Start("c", "m"), TextDelta("x")]


@pytest.mark.parametrize(
    "body", [b'{"choices":null}', b"{}", b'{"choices":[{"index":-1}]}', b'{"choices":[{"index":100000}]}']
)
def test_what_is_no_answer(body: bytes) -> None:
    with pytest.raises(msgspec.MsgspecError):
        answer().whole(body)


def test_a_payload_that_is_no_json_ends_the_stream() -> None:
    with pytest.raises(msgspec.MsgspecError):
        streamed(b"data: nonsense\n\n")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 300) | st.sampled_from(["", "a", "stop"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["choices", "delta", "content", "tool_calls", "function", "name", "index", "id"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=15,
)


@given(json_values, json_values)
def test_foreign_bytes_are_read_or_refused_and_never_break_the_order(delta: object, calls: object) -> None:
    choice = {"delta": delta if isinstance(delta, dict) else {"tool_calls": calls}, "finish_reason": "stop"}
    try:
        told = streamed(b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n")
    except msgspec.MsgspecError:
        return
    started = [event.index for event in told if isinstance(event, ToolStart)]
    assert sorted(started) == list(range(len(started)))
    assert all(event.id for event in told if isinstance(event, ToolStart))
    assert isinstance(told[0], Start) and told[-1].__class__ is Finish
