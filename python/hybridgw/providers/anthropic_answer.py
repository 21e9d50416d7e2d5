"""A Messages answer, whole or as a stream, as events of the hub.

Blocks are numbered through, calls of tools among themselves; what the API's own tools did is left out.
Usage is cumulative: `message_start` knows the prompt, `message_delta` the rest.
"""

from typing import Any

import msgspec

from hybridgw import sse
from hybridgw.providers.anthropic_turns import Words
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
from hybridgw.wire.usage import MessagesUsage

Raw = msgspec.Raw

_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "content_filter",
}


class _Details(msgspec.Struct, gc=False):
    explanation: str | None = None


class _Block(msgspec.Struct):
    type: str = ""
    text: str = ""
    id: str = ""
    name: str = ""
    input: Raw = Raw(b"{}")
    thinking: str = ""
    signature: str | None = None
    data: str = ""


class _Delta(msgspec.Struct):
    type: str = ""
    text: str = ""
    partial_json: str = ""
    thinking: str = ""
    signature: str = ""
    stop_reason: str | None = None
    stop_sequence: str | None = None
    stop_details: _Details | None = None


class _Error(msgspec.Struct):
    message: str = ""
    type: str = ""


class _Message(msgspec.Struct):
    type: str = ""
    id: str = ""
    model: str = ""
    content: list[_Block] = []
    stop_reason: str | None = None
    stop_sequence: str | None = None
    stop_details: _Details | None = None
    usage: MessagesUsage | None = None
    error: _Error | None = None


class _Event(msgspec.Struct):
    type: str = ""
    index: int = 0
    delta: _Delta | None = None
    content_block: _Block | None = None
    message: _Message | None = None
    usage: MessagesUsage | None = None
    error: _Error | None = None


_event = msgspec.json.Decoder(_Event)
_message = msgspec.json.Decoder(_Message)


class Answer:
    """One answer. `names` knows what the client calls its tools."""

    def __init__(self, names: Words) -> None:
        self._names = names
        self._tools: dict[int, int] = {}
        """Which call each block is."""
        self._silent: dict[int, str] = {}
        """Inputs of the blocks whose arguments have not come in pieces, yet."""
        self._usage = MessagesUsage()

    def feed(self, events: bytes) -> list[Event]:
        """Complete events of a stream."""
        out: list[Event] = []
        for payload in sse.split(events):
            if not payload.startswith(b"{"):
                continue
            event = _event.decode(payload)
            kind = event.type
            if kind == "content_block_delta":
                if event.delta is not None:
                    self._delta(event.index, event.delta, out)
            elif kind == "content_block_start":
                if event.content_block is not None:
                    self._start(event.index, event.content_block, out)
            elif kind == "content_block_stop":
                rest = self._silent.pop(event.index, None)
                if rest is not None:
                    out.append(ToolDelta(self._tools[event.index], rest))
            elif kind == "message_start":
                if event.message is not None:
                    out.append(Start(event.message.id, event.message.model))
                    self._count(event.message.usage)
            elif kind == "message_delta":
                if event.delta is not None and event.delta.stop_reason is not None:
                    _finish(event.delta, out)
                self._count(event.usage)
                out.append(Usage.from_messages(self._usage))
            elif kind == "error":
                out.append(_failure(event.error))
        return out

    def whole(self, body: bytes) -> list[Event]:
        """A complete answer."""
        message = _message.decode(body)
        if message.type == "error" or message.error is not None:
            return [_failure(message.error)]
        if message.type != "message" and not message.content and message.stop_reason is None:
            raise msgspec.ValidationError("not a message")
        out: list[Event] = [Start(message.id, message.model)]
        for at, block in enumerate(message.content):
            self._start(at, block, out)
            if at in self._silent:
                out.append(ToolDelta(self._tools[at], self._silent.pop(at)))
        _finish(message, out)
        self._count(message.usage)
        out.append(Usage.from_messages(self._usage))
        return out

    def _start(self, index: int, block: _Block, out: list[Event]) -> None:
        kind = block.type
        if kind == "text":
            if block.text:
                out.append(TextDelta(block.text))
        elif kind == "tool_use":
            tool = self._tools[index] = len(self._tools)
            # Unlike text it was not decoded yet: bytes that are none must not end the answer.
            arguments = bytes(block.input).decode(errors="replace")
            self._silent[index] = arguments if arguments.startswith("{") else "{}"
            out.append(ToolStart(tool, block.id or f"toolu_{tool}", self._names.meant(block.name)))
        elif kind == "thinking":
            if block.thinking:
                out.append(ThinkingDelta(block.thinking))
            if block.signature:
                out.append(Signature(block.signature))
        elif kind == "redacted_thinking":
            out.append(Signature(redacted=block.data))

    def _delta(self, index: int, delta: _Delta, out: list[Event]) -> None:
        kind = delta.type
        if kind == "text_delta":
            if delta.text:
                out.append(TextDelta(delta.text))
        elif kind == "input_json_delta":
            tool = self._tools.get(index)
            if delta.partial_json and tool is not None:
                self._silent.pop(index, None)
                out.append(ToolDelta(tool, delta.partial_json))
        elif kind == "thinking_delta":
            if delta.thinking:
                out.append(ThinkingDelta(delta.thinking))
        elif kind == "signature_delta":
            out.append(Signature(delta.signature))

    def _count(self, usage: MessagesUsage | None) -> None:
        """Take over what was told; a later event may tell less, or correct it."""
        for name in MessagesUsage.__struct_fields__ if usage is not None else ():
            value: Any = getattr(usage, name)
            if value is not None:
                setattr(self._usage, name, value)


def _finish(ended: _Delta | _Message, out: list[Event]) -> None:
    """Why the answer ends. A turn that the API only paused for its own tools ends here as well."""
    reason = _REASONS.get(ended.stop_reason or "end_turn", "stop")
    if ended.stop_reason == "refusal" and ended.stop_details is not None and ended.stop_details.explanation:
        out.append(Refusal(ended.stop_details.explanation))
    out.append(Finish(reason, stop_sequence=ended.stop_sequence))


def _failure(error: _Error | None) -> Failure:
    return Failure(error.message, error.type) if error is not None else Failure("")
