"""Answers in the hub's events, for the tests of the Responses writer: one per kind of answer."""

import msgspec

from hybridgw.wire import (
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

USAGE = Usage(prompt=9, completion=5, cached=4, cache_write=1, reasoning=2)
_LOGPROBS = msgspec.Raw(
    b'{"content":[{"token":"Hi","logprob":-0.10,"bytes":[72,105],"top_logprobs":[]}],"refusal":null}'
)

CASES: dict[str, list[Event]] = {
    "text": [Start("up-1", "served"), TextDelta("Hi"), TextDelta(' "you"\n'), Finish("stop"), USAGE],
    "tools": [
        TextDelta("Let me look."),
        ToolStart(0, "call_a", "look"),
        ToolDelta(0, '{"q":'),
        ToolDelta(0, ' 1.0}'),
        ToolStart(1, "call_b", "now"),
        Finish("tool_calls"),
        USAGE,
    ],
    "interleaved": [
        ToolStart(0, "call_a", "look"),
        ToolDelta(0, '{"q":'),
        ToolStart(1, "call_b", "look"),
        ToolDelta(1, '{"q":2'),
        ToolDelta(0, "1}"),
        ToolDelta(1, "}"),
        Finish("tool_calls"),
    ],
    "custom": [
        ToolStart(0, "call_a", "apply_patch"),
        ToolDelta(0, '{"inp'),
        ToolDelta(0, 'ut":"*** Begin\\n+caf\\u00e9 \\ud83d'),
        ToolDelta(0, '\\ude00"'),
        ToolDelta(0, "}"),
        Finish("tool_calls"),
        USAGE,
    ],
    "thinking": [
        ThinkingDelta("Let me "),
        ThinkingDelta("think."),
        Signature("c2ln"),
        TextDelta("Done."),
        ThinkingDelta("More."),
        ToolStart(0, "call_a", "look", signature="Z2Vt"),
        ToolDelta(0, "{}"),
        Finish("tool_calls"),
        USAGE,
    ],
    "redacted": [Signature(redacted="RW13Sw"), TextDelta("Done."), Finish("stop")],
    "length": [TextDelta("cut o"), Finish("length"), USAGE],
    "cut_call": [ToolStart(0, "call_a", "look"), ToolDelta(0, '{"q":'), Finish("length")],
    "filtered": [TextDelta("So"), Refusal("I will"), Refusal(" not."), Finish("content_filter")],
    "logprobs": [TextDelta("Hi", logprobs=_LOGPROBS), TextDelta("!"), Finish("stop")],
    "empty": [Finish("stop")],
}  # fmt: skip
