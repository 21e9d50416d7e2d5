"""OpenAI's dialect: chat completions, legacy completions, embeddings.

Found by running the official SDKs: an error must be an object with all four members, or its
message is lost; in a chat stream only comment lines are safe as heartbeats; a stream that fails
must end without `[DONE]`, because clients take that for success.
"""

from datetime import UTC, datetime
from typing import Any

import msgspec
import orjson

from hybridgw.dialects import chat_read
from hybridgw.dialects.base import Fault, Writer
from hybridgw.dialects.chat_write import ChatWriter, error_body
from hybridgw.wire import Ask


class OpenAI:
    """One stateless instance serves all requests."""

    name = "openai"
    heartbeat = b": hybridgw\n\n"
    stream_type = b"text/event-stream; charset=utf-8"

    def error(self, fault: Fault) -> bytes:
        """`{"error": {message, type, param, code}}`, all four always present."""
        return error_body(fault)

    def status(self, fault: Fault) -> int:
        """As the catalogue has it."""
        return fault.status

    def read(self, body: bytes) -> Ask:
        """A Chat request."""
        return chat_read.read(body)

    def writer(self, ask: Ask) -> Writer:
        """A Chat answer."""
        return ChatWriter(ask)

    def error_event(self, fault: Fault) -> bytes:
        """The same object as an event without a name, which both SDKs raise on."""
        return b"data: " + error_body(fault) + b"\n\n"


OPENAI = OpenAI()


def model_object(name: str, *, created: int, context_window: int | None) -> dict[str, Any]:
    """One entry of `GET /v1/models` that OpenAI's and Anthropic's SDK both parse.

    They call the same path and expect different members; both keep the ones they do not know.
    `max_model_len` is what vLLM's clients look for, `context_length` what OpenRouter's do. Clouds
    number a model's life in stages; here one that is listed is in use.
    """
    entry: dict[str, Any] = {
        "id": name,
        "object": "model",
        "created": created,
        "owned_by": "hybridgw",
        "type": "model",
        "display_name": name,
        "created_at": datetime.fromtimestamp(created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "lifecycle": "active",
    }
    if context_window:
        entry["max_model_len"] = entry["context_length"] = entry["max_input_tokens"] = context_window
    return entry


def model_list(entries: list[dict[str, Any]], *, has_more: bool = False) -> bytes:
    """The whole answer of `GET /v1/models`, or one page of it."""
    ids = [entry["id"] for entry in entries]
    return orjson.dumps(
        {
            "object": "list",
            "data": entries,
            "has_more": has_more,
            "first_id": ids[0] if ids else None,
            "last_id": ids[-1] if ids else None,
        }
    )


def completion_as_events(body: bytes, *, chat: bool, include_usage: bool) -> bytes:
    """A complete answer told as the events of a stream, for clients that asked for one.

    Numbers and tool arguments are carried as they stand: choices are re-nested, never re-computed.
    """
    answer = _completion.decode(body)
    common: dict[str, Any] = {
        "id": answer.id,
        "object": "chat.completion.chunk" if chat else "text_completion",
        "created": answer.created,
        "model": answer.model,
    }
    events = []
    for position, choice in enumerate(answer.choices):
        index = choice.get("index", msgspec.Raw(str(position).encode()))
        finish = choice.get("finish_reason", msgspec.Raw(b'"stop"'))
        if chat:
            message = _members.decode(choice.get("message", b"null")) or {}
            delta: dict[str, Any] = {"role": "assistant", **message}
            if "tool_calls" in message:
                calls = msgspec.json.decode(message["tool_calls"], type=list[dict[str, msgspec.Raw]] | None)
                delta["tool_calls"] = [{"index": at, **call} for at, call in enumerate(calls or [])]
                if not calls:
                    del delta["tool_calls"]
            begun: dict[str, Any] = {"index": index, "delta": delta, "finish_reason": None}
            if "logprobs" in choice:
                begun["logprobs"] = choice["logprobs"]
            ended: dict[str, Any] = {"index": index, "delta": {}, "finish_reason": finish}
        else:
            begun = {**choice, "index": index, "finish_reason": None}
            ended = {"index": index, "text": "", "logprobs": None, "finish_reason": finish}
        events.append({**common, "choices": [begun]})
        events.append({**common, "choices": [ended]})
    if include_usage and bytes(answer.usage) != b"null":
        events.append({**common, "choices": [], "usage": answer.usage})
    rendered = [b"data: " + msgspec.json.encode(event) + b"\n\n" for event in events]
    return b"".join([*rendered, b"data: [DONE]\n\n"])


class _Completion(msgspec.Struct):
    id: msgspec.Raw = msgspec.Raw(b'""')
    created: msgspec.Raw = msgspec.Raw(b"0")
    model: msgspec.Raw = msgspec.Raw(b'""')
    choices: list[dict[str, msgspec.Raw]] = []
    usage: msgspec.Raw = msgspec.Raw(b"null")


_completion = msgspec.json.Decoder(_Completion)
_members = msgspec.json.Decoder(dict[str, msgspec.Raw] | None)
