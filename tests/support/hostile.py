"""Answers of backends that are almost right, for tests that feed them to whatever reads an answer.

Each seed is an answer in which every member that we read stands once, and a mutation puts something
else in the place of one of its nodes: a wrong type, an absurd number, bytes that are no text, JSON
that is nested too deeply, or another part of the same answer.
"""

import copy
import json
from collections.abc import Iterator
from typing import Any, NamedTuple

Path = tuple[str | int, ...]

_CHAT_USAGE = {
    "prompt_tokens": 1,
    "completion_tokens": 2,
    "prompt_tokens_details": {"cached_tokens": 1},
    "completion_tokens_details": {"reasoning_tokens": 1},
}
_CHAT_LOGPROBS = {
    "content": [
        {"token": "hi", "logprob": -0.1, "bytes": [1], "top_logprobs": [{"token": "x", "logprob": -2}]}
    ]
}
_CHAT: list[Any] = [
    {
        "id": "c1",
        "model": "m",
        "choices": [
            {
                "index": 0,
                "delta": {
                    "role": "assistant",
                    "content": "hi",
                    "reasoning_content": "r",
                    "reasoning_details": [
                        {"type": "reasoning.text", "text": "x", "signature": "s"},
                        {"type": "reasoning.encrypted", "data": "zz"},
                    ],
                    "refusal": "no",
                    "tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": '{"a":'}}],
                },
                "logprobs": _CHAT_LOGPROBS,
                "stop_reason": "x",
            }
        ],
    },
    {
        "choices": [
            {
                "index": 0,
                "delta": {
                    "tool_calls": [
                        {"index": 0, "function": {"arguments": "1}"}},
                        {"index": 1, "id": "b", "custom": {"name": "g", "input": "text"}},
                    ]
                },
            }
        ]
    },
    {
        "choices": [
            {
                "index": 0,
                "delta": {"function_call": {"name": "f", "arguments": ""}},
                "finish_reason": "tool_calls",
            }
        ],
        "usage": _CHAT_USAGE,
    },
]
_CHAT_WHOLE = {
    "id": "c1",
    "model": "m",
    "choices": [
        {
            "index": 0,
            "message": {
                "role": "assistant",
                "content": [
                    {"type": "text", "text": "x"},
                    {"type": "thinking", "thinking": [{"type": "text", "text": "t"}]},
                ],
                "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": {"a": 1}}}],
            },
            "logprobs": _CHAT_LOGPROBS,
            "finish_reason": "stop",
        }
    ],
    "usage": _CHAT_USAGE,
}
_MESSAGES: list[Any] = [
    {
        "type": "message_start",
        "message": {"id": "m", "model": "c", "content": [], "usage": {"input_tokens": 1, "output_tokens": 1}},
    },
    {
        "type": "content_block_start",
        "index": 0,
        "content_block": {"type": "thinking", "thinking": "", "signature": ""},
    },
    {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "th"}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "sig"}},
    {"type": "content_block_stop", "index": 0},
    {
        "type": "content_block_start",
        "index": 1,
        "content_block": {"type": "tool_use", "id": "t", "name": "f", "input": {}},
    },
    {
        "type": "content_block_delta",
        "index": 1,
        "delta": {"type": "input_json_delta", "partial_json": '{"a":1}'},
    },
    {"type": "content_block_stop", "index": 1},
    {"type": "content_block_start", "index": 2, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 2, "delta": {"type": "text_delta", "text": "hello"}},
    {"type": "content_block_stop", "index": 2},
    {
        "type": "message_delta",
        "delta": {"stop_reason": "refusal", "stop_sequence": None, "stop_details": {"explanation": "no"}},
        "usage": {"output_tokens": 5, "output_tokens_details": {"thinking_tokens": 3}},
    },
    {"type": "message_stop"},
]
_MESSAGES_WHOLE = {
    "type": "message",
    "id": "m",
    "model": "c",
    "content": [
        {"type": "text", "text": "x"},
        {"type": "tool_use", "id": "t", "name": "f", "input": {"a": [1]}},
        {"type": "redacted_thinking", "data": "d"},
        {"type": "thinking", "thinking": "t", "signature": "s"},
    ],
    "stop_reason": "tool_use",
    "usage": {"input_tokens": 1, "output_tokens": 2},
}
_GEMINI: list[Any] = [
    {
        "responseId": "r",
        "modelVersion": "g",
        "candidates": [
            {
                "index": 0,
                "content": {
                    "parts": [
                        {"text": "t", "thought": True, "thoughtSignature": "AA"},
                        {"text": "hi"},
                        {
                            "functionCall": {"name": "f", "id": "x", "args": {"a": 1}},
                            "thoughtSignature": "QUJD",
                        },
                        {"inlineData": {"mimeType": "image/png", "data": "AA"}},
                    ]
                },
                "logprobsResult": {
                    "chosenCandidates": [{"token": "a", "logProbability": -0.1}],
                    "topCandidates": [{"candidates": [{"token": "b", "logProbability": -1}]}],
                },
                "finishReason": "STOP",
                "finishMessage": "m",
            }
        ],
        "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 2, "thoughtsTokenCount": 1},
        "promptFeedback": {"blockReason": "X"},
    },
    {"candidates": [{"content": {"parts": [{"text": "more"}]}}]},
]
_OLLAMA: list[Any] = [
    {
        "model": "m",
        "message": {
            "role": "assistant",
            "content": "hi",
            "thinking": "t",
            "tool_calls": [{"function": {"name": "f", "arguments": {"a": 1}}}],
        },
        "done": False,
        "logprobs": [{"token": "x", "logprob": -1, "bytes": [1]}],
    },
    {
        "model": "m",
        "message": {"content": ""},
        "done": True,
        "done_reason": "stop",
        "prompt_eval_count": 1,
        "eval_count": 2,
    },
]


class Seed(NamedTuple):
    """An answer of one provider, as a stream and whole."""

    provider: str
    stream: list[Any]
    whole: Any
    lines: bool = False
    """The stream is lines of JSON, not events."""

    def framed(self, payload: bytes) -> bytes:
        return payload + b"\n" if self.lines else b"data: " + payload + b"\n\n"


SEEDS = (
    Seed("openai", _CHAT, _CHAT_WHOLE),
    Seed("litert_lm", _CHAT, _CHAT_WHOLE),
    Seed("anthropic", _MESSAGES, _MESSAGES_WHOLE),
    Seed("gemini", _GEMINI, _GEMINI[0]),
    Seed("ollama", _OLLAMA, {**_OLLAMA[0], "done": True}, lines=True),
)

VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 255, 256, 10**9, 10**30, -(10**30), 1.5, 1e308,
    "", "x", "\u2028", 'a"b\\', "\0", "{}", "}", "{", "é", "error", "tool_calls", "length",
    "[DONE]", "data:\n\ndata: x", [], {}, [None], [[]], {"a": 1}, [1, 2, 3], {"type": "x"},
)  # fmt: skip
RAW = (
    b'"\\ud800"', b'"\\ude00\\ud83d"', b'"\xff"', b"[[[[[[", b"[" * 2000 + b"]" * 2000, b"1e999", b"-0",
    b'"\\u0000"', b"9" * 4000, b"NaN", b'{"a":"\xff"}', b'{"a":1,"a":2}', b'{"a":"\\ud800"}',
    b'{"a":' * 2000 + b"1" + b"}" * 2000,
)  # fmt: skip
"""Values that no JSON writer writes."""
_MARK = "@@hostile@@"


def nodes(value: Any, path: Path = ()) -> Iterator[Path]:
    """The paths of all nodes."""
    yield path
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from nodes(inner, (*path, name))
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            yield from nodes(inner, (*path, at))


def replaced(value: Any, path: Path, new: Any) -> bytes:
    """`value` as JSON, with `new` at `path`; `bytes` stand as they are."""
    raw = new if isinstance(new, bytes) else None
    filled = _MARK if raw is not None else new
    if path:
        value = copy.deepcopy(value)
        inner = value
        for name in path[:-1]:
            inner = inner[name]
        inner[path[-1]] = filled
    else:
        value = filled
    text = json.dumps(value).encode()
    return text if raw is None else text.replace(f'"{_MARK}"'.encode(), raw)
