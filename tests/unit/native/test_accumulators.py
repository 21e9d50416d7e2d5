"""What the relay calls a complete answer, the official SDKs' own accumulators read without an exception.

Streams are random: well-formed, odd and malformed events of each dialect in any order, in any framing,
split anywhere.
"""

import json
from typing import Any, cast

import pytest
from anthropic.lib.streaming._messages import accumulate_event
from hypothesis import given, settings
from hypothesis import strategies as st
from openai._models import construct_type_unchecked
from openai._types import omit
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.lib.streaming.responses._responses import ResponseStreamState
from openai.types.chat import ChatCompletionChunk
from openai.types.responses import ResponseStreamEvent

from hybridgw import sse
from hybridgw.core import Shape
from hybridgw.native import Relay

values: Any = st.sampled_from([None, "", "a", "é🎉", 0, 1, 7, True, [], {}, ["x"], [{"x": 1}]])
indexes: Any = st.sampled_from([0, 0, 0, 1, 2, None, "0"])
fragments = st.fixed_dictionaries(
    {},
    optional={
        "index": indexes,
        "id": st.sampled_from(["a", "b", "", None]),
        "type": st.sampled_from(["function", None]),
        "function": st.fixed_dictionaries(
            {},
            optional={
                "name": st.sampled_from(["f", "g", "", None]),
                "arguments": st.sampled_from(["{", '"a"', ":1}", "{}", "", None, {"a": 1}]),
            },
        ),
    },
)
deltas = st.fixed_dictionaries(
    {},
    optional={
        "role": st.sampled_from(["assistant", None, ""]),
        "content": values,
        "refusal": st.sampled_from([None, "no"]),
        "reasoning_details": values,
        "tool_calls": st.lists(fragments, max_size=3) | st.none(),
    },
)
reasons: Any = st.sampled_from([None, None, None, "", "stop", "tool_calls", "length", "eos", 7])
chat = st.fixed_dictionaries(
    {},
    optional={
        "id": st.sampled_from(["c", "d", None, 3]),
        "created": st.sampled_from([1, 2, None]),
        "model": st.sampled_from(["m", ""]),
        "choices": st.lists(
            st.fixed_dictionaries(
                {}, optional={"index": indexes, "delta": deltas | st.none(), "finish_reason": reasons}
            ),
            max_size=2,
        ),
        "usage": st.sampled_from([None, {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}]),
    },
)
blocks = st.sampled_from(
    [
        {"type": "text", "text": ""},
        {"type": "text"},
        {"type": "tool_use", "name": "f"},
        {"type": "thinking"},
        {},
    ]
)
parts = st.sampled_from(
    [{"type": "text_delta", "text": "a"}, {"type": "input_json_delta", "partial_json": '{"a":'},
     {"type": "input_json_delta", "partial_json": "1}"}, {"type": "thinking_delta", "thinking": "t"},
     {"type": "text_delta"}, {}]
)  # fmt: skip
messages = st.one_of(
    st.sampled_from(
        [
            {"type": "message_start", "message": {"id": "m", "usage": {"input_tokens": 1}}},
            {"type": "ping"},
            {"type": "message_delta", "delta": {"stop_reason": "tool_use"}},
            {"type": "message_stop"},
            {"type": "message_delta", "delta": {"stop_reason": "x"}, "usage": {"output_tokens": 3}},
            {},
        ]
    ),
    st.builds(lambda i, b: {"type": "content_block_start", "index": i, "content_block": b}, indexes, blocks),
    st.builds(lambda i, d: {"type": "content_block_delta", "index": i, "delta": d}, indexes, parts),
    st.builds(lambda i: {"type": "content_block_stop", "index": i}, indexes),
)
items = st.sampled_from(
    [{"type": "message", "id": "i"}, {"type": "message", "id": "k", "content": []},
     {"type": "function_call", "id": "f", "call_id": "c", "name": "f"}]
)  # fmt: skip
responses = st.one_of(
    st.sampled_from(
        [
            {"type": "response.created", "response": {"id": "r", "output": []}},
            {"type": "keepalive"},
            {"type": "response.in_progress", "response": {"id": "q"}},
            {"type": "response.completed", "response": {"id": "q", "output": []}},
        ]
    ),
    st.builds(
        lambda i, t: {"type": "response.output_item.added", "output_index": i, "item": t}, indexes, items
    ),
    st.builds(
        lambda i, t: {"type": "response.output_item.done", "output_index": i, "item": t}, indexes, items
    ),
    st.builds(
        lambda i, c: {
            "type": "response.output_text.delta",
            "output_index": i,
            "content_index": c,
            "delta": "a",
        },
        indexes,
        indexes,
    ),
)
ENDS: dict[Shape, tuple[Any, bytes]] = {
    Shape.CHAT: (chat, b"data: [DONE]\n\n"),
    Shape.MESSAGES: (messages, b'data: {"type":"message_stop"}\n\n'),
    Shape.RESPONSES: (responses, b'data: {"type":"response.completed","response":{"output":[]}}\n\n'),
}


def read(shape: Shape, payloads: list[dict[str, Any]]) -> None:
    """As the official SDK does."""
    if shape is Shape.CHAT:
        state = ChatCompletionStreamState()
        for payload in payloads:
            state.handle_chunk(ChatCompletionChunk.construct(**payload))
        state.current_completion_snapshot  # noqa: B018
    elif shape is Shape.MESSAGES:
        snapshot: Any = None
        bufs: dict[int, bytes] = {}
        for payload in payloads:
            if payload["type"] != "ping":
                snapshot = accumulate_event(event=payload, current_snapshot=snapshot, json_bufs=bufs)  # type: ignore[arg-type]
    else:
        responding: Any = ResponseStreamState(input_tools=omit, text_format=omit)
        for payload in payloads:
            event: Any = construct_type_unchecked(value=payload, type_=cast(Any, ResponseStreamEvent))
            responding.handle_event(event)


@pytest.mark.parametrize("shape", ENDS)
@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_what_is_complete_can_be_read(shape: Shape, data: st.DataObject) -> None:
    kind, mark = ENDS[shape]
    events = data.draw(st.lists(kind, max_size=8))
    ends = data.draw(st.sampled_from(["\n\n", "\r\n\r\n", "\r\r"]))
    head = data.draw(st.sampled_from(["data: ", "data:", "id: 1\n: c\ndata: "]))
    stream = "".join(f"{head}{json.dumps(event)}{ends}" for event in events).encode() + mark
    size = data.draw(st.integers(1, 400))
    relay = Relay(shape, False, "n", 1, "m")
    out = [relay.feed(stream[at : at + size]) or b"" for at in range(0, len(stream), size)]
    out.append(relay.finish() or b"")
    if relay.end in ("done", "finished") and not relay.unreadable:
        told = b"".join(out)
        payloads = [payload for payload in sse.split(told) if payload != b"[DONE]"]
        if not payloads:
            return  # a bare mark: openai-python has nothing to look at then, also without us
        read(shape, [json.loads(payload) for payload in payloads])
