"""Writes a Chat Completions answer, as a stream or whole.

Accumulators of the official clients concatenate what they should not (a role, an id, a name), index
lists without looking and let the last chunk overwrite the usage; so each of these goes out once, at its
place, and in order, whatever the backend did. Chunks are put together from bytes: all of a chunk but
its delta is the same for the whole stream.

Thoughts go out under both names that clients read. What proves a thought to its maker goes out in
`reasoning_details`, which clients that echo a whole message bring back.
"""

import secrets
import time
from typing import Any

import msgspec

from hybridgw.dialects.base import Fault
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
from hybridgw.wire.arguments import are_whole

Raw = msgspec.Raw
_encode = msgspec.json.Encoder().encode
_REASONS = frozenset({"stop", "length", "tool_calls", "content_filter"})
DONE = b"data: [DONE]\n\n"


def error_body(fault: Fault) -> bytes:
    """`{"error": {message, type, param, code}}`, all four always present."""
    error = {"message": fault.message, "type": fault.type, "param": fault.param, "code": fault.code}
    return _encode({"error": error})


class _Log(msgspec.Struct):
    content: list[Raw] | None = None
    refusal: list[Raw] | None = None


class _Input(msgspec.Struct):
    input: str


_log = msgspec.json.Decoder(_Log)
_input = msgspec.json.Decoder(_Input)


class _Call:
    """A call as far as it is known."""

    __slots__ = ("arguments", "custom", "id", "name")

    def __init__(self, start: ToolStart, custom: bool) -> None:
        self.id = start.id
        self.name = start.name
        self.custom = custom
        self.arguments: list[str] = []
        """All of them: whether they are whole decides how the answer ends."""

    def input(self) -> str:
        """What a custom tool is given: the backend knows the tool as a function with one text."""
        text = "".join(self.arguments)
        try:
            return _input.decode(text.encode()).input
        except (msgspec.MsgspecError, UnicodeEncodeError):
            return text


class _Choice:
    """One choice: what was begun, and what has to be remembered for its end."""

    __slots__ = ("calls", "details", "finished", "index", "logs", "refusal", "text", "thought", "thoughts")

    def __init__(self, index: int) -> None:
        self.index = index
        self.finished: str | None = None
        self.calls: dict[int, _Call] = {}
        self.thought: list[str] = []
        """Since the last signature."""
        self.details = 0
        # Only of a whole answer.
        self.text: list[str] = []
        self.thoughts: list[str] = []
        self.refusal: list[str] = []
        self.logs: list[Raw] = []


class ChatWriter:
    """One answer. `unique` and `now` are given by tests that compare bytes."""

    heartbeat = b": hybridgw\n\n"

    def __init__(self, ask: Ask, *, unique: str | None = None, now: int | None = None) -> None:
        self._include_usage = ask.include_usage
        self._functions = ask.functions
        self._thinks = ask.show_thinking
        self._custom = frozenset(tool.name for tool in ask.tools if tool.custom)
        self._id = "chatcmpl-" + (unique or secrets.token_hex(12))
        self._created = int(time.time()) if now is None else now
        self._model = ask.model
        self._usage: Usage | None = None
        self._choices: dict[int, _Choice] = {}
        self._head = b""
        self._tail = b'}],"usage":null}\n\n' if ask.include_usage else b"}]}\n\n"

    # As a stream.

    def feed(self, events: list[Event]) -> bytes:
        """The next events."""
        out: list[bytes] = []
        for event in events:
            kind = type(event)
            if kind is TextDelta:
                self._text(out, event)  # type: ignore[arg-type]
            elif kind is ToolDelta:
                self._arguments(out, event)  # type: ignore[arg-type]
            elif kind is ThinkingDelta:
                self._thinking(out, event)  # type: ignore[arg-type]
            elif isinstance(event, ToolStart):
                self._call(out, event)
            elif isinstance(event, Start):
                if not self._head and event.model:
                    self._model = event.model
            elif isinstance(event, Usage):
                self._usage = event
            elif isinstance(event, Signature):
                self._signature(out, event)
            elif isinstance(event, Refusal):
                choice = self._begun(out, event.choice)
                self._delta(out, choice, b'"refusal":' + _encode(event.text))
            elif isinstance(event, Finish):
                self._end(out, self._begun(out, event.choice), event.reason)
        return b"".join(out)

    def close(self) -> bytes:
        """Ends choices that the backend left open, then the usage if it was asked for, then the mark."""
        out: list[bytes] = []
        if not self._choices:
            self._begun(out, 0)
        for choice in self._choices.values():
            if choice.finished is None:
                self._end(out, choice, "stop")
        if self._include_usage and self._usage is not None:
            out += (self._start(), b'],"usage":', _encode(self._usage.chat()), b"}\n\n")
        out.append(DONE)
        return b"".join(out)

    def error_event(self, fault: Fault) -> bytes:
        """An event without a name, which the official SDKs raise on."""
        return b"data: " + error_body(fault) + b"\n\n"

    def _start(self) -> bytes:
        if not self._head:
            common = b'"id":%b,"object":"chat.completion.chunk","created":%d,"model":%b'
            facts = (_encode(self._id), self._created, _encode(self._model))
            self._head = b"data: {" + common % facts + b',"choices":['
        return self._head

    def _chunk(self, out: list[bytes], index: int, delta: bytes, end: bytes) -> None:
        out += (self._head, b'{"index":%d,"delta":{' % index, delta, end, self._tail)

    def _delta(self, out: list[bytes], choice: _Choice, delta: bytes) -> None:
        self._chunk(out, choice.index, delta, b'},"finish_reason":null')

    def _begun(self, out: list[bytes], index: int, content: bytes = b'""') -> _Choice:
        """The choice, with its role told. Clients take the first chunk of choice 1 for an error before
        that of choice 0."""
        choice = self._choices.get(index)
        if choice is None:
            self._start()
            for number in range(index + 1):
                if number not in self._choices:
                    choice = self._choices[number] = _Choice(number)
                    self._delta(out, choice, b'"role":"assistant","content":' + content)
        assert choice is not None
        return choice

    def _text(self, out: list[bytes], event: TextDelta) -> None:
        choice = self._choices.get(event.choice) or self._begun(out, event.choice)
        end = b'},"finish_reason":null'
        if event.logprobs is not None:
            end = b'},"logprobs":' + bytes(event.logprobs) + b',"finish_reason":null'
        self._chunk(out, choice.index, b'"content":' + _encode(event.text), end)

    def _thinking(self, out: list[bytes], event: ThinkingDelta) -> None:
        if not self._thinks:
            return
        choice = self._choices.get(event.choice) or self._begun(out, event.choice)
        choice.thought.append(event.text)
        text = _encode(event.text)
        self._delta(out, choice, b'"reasoning_content":%b,"reasoning":%b' % (text, text))

    def _signature(self, out: list[bytes], event: Signature) -> None:
        if self._thinks:
            choice = self._begun(out, event.choice)
            self._delta(out, choice, b'"reasoning_details":' + _encode([_detail(choice, event)]))

    def _call(self, out: list[bytes], event: ToolStart) -> None:
        choice = self._choices.get(event.choice) or self._begun(out, event.choice, b"null")
        call = choice.calls[event.index] = _Call(event, event.name in self._custom)
        name = _encode(event.name)
        if self._functions:
            if event.index == 0:
                self._delta(out, choice, b'"function_call":{"name":%b,"arguments":""}' % name)
            return
        kind, given = (b"custom", b"input") if call.custom else (b"function", b"arguments")
        self._delta(
            out,
            choice,
            b'"tool_calls":[{"index":%d,"id":%b,"type":"%b","%b":{"name":%b,"%b":""}}]'
            % (event.index, _encode(event.id), kind, kind, name, given),
        )

    def _arguments(self, out: list[bytes], event: ToolDelta) -> None:
        choice = self._choices.get(event.choice)
        call = choice.calls.get(event.index) if choice is not None else None
        if choice is None or call is None:
            return
        call.arguments.append(event.arguments)
        if call.custom:
            return
        text = _encode(event.arguments)
        if not self._functions:
            delta = b'"tool_calls":[{"index":%d,"function":{"arguments":%b}}]' % (event.index, text)
        elif event.index == 0:
            delta = b'"function_call":{"arguments":%b}' % text
        else:
            return
        self._delta(out, choice, delta)

    def _end(self, out: list[bytes], choice: _Choice, reason: str) -> None:
        if choice.finished is not None:
            return
        for index, call in choice.calls.items():
            # Its text is known only now: it came inside JSON.
            if call.custom:
                told = _encode(call.input())
                self._delta(out, choice, b'"tool_calls":[{"index":%d,"custom":{"input":%b}}]' % (index, told))
        choice.finished = self._reason(choice, reason)
        self._chunk(out, choice.index, b"", b'},"finish_reason":"%b"' % choice.finished.encode())

    def _reason(self, choice: _Choice, reason: str) -> str:
        reason = reason if reason in _REASONS else "stop"
        if choice.calls and reason == "stop":
            reason = "tool_calls"
        if reason == "tool_calls" and not all(are_whole(call.arguments) for call in choice.calls.values()):
            # The call cannot be made: it was cut off, whatever the backend says.
            reason = "length"
        return "function_call" if self._functions and reason == "tool_calls" else reason

    # Whole.

    def whole(self, events: list[Event]) -> bytes:
        """All events as one `chat.completion`."""
        details: dict[int, list[dict[str, Any]]] = {}
        for event in events:
            if isinstance(event, Start):
                self._model = event.model or self._model
            elif isinstance(event, Usage):
                self._usage = event
            elif isinstance(
                event, TextDelta | ThinkingDelta | Refusal | Signature | ToolStart | ToolDelta | Finish
            ):
                choice = self._choices.get(event.choice)
                if choice is None:
                    choice = self._choices[event.choice] = _Choice(event.choice)
                self._collect(choice, event, details)
        choices = [self._choices[index] for index in sorted(self._choices)] or [_Choice(0)]
        return _encode(
            {
                "id": self._id,
                "object": "chat.completion",
                "created": self._created,
                "model": self._model,
                "choices": [self._whole(choice, details.get(choice.index)) for choice in choices],
                "usage": (self._usage or Usage()).chat(),
                "system_fingerprint": None,
            }
        )

    def _collect(self, choice: _Choice, event: Event, details: dict[int, list[dict[str, Any]]]) -> None:
        if isinstance(event, TextDelta):
            choice.text.append(event.text)
            if event.logprobs is not None:
                choice.logs.append(event.logprobs)
        elif isinstance(event, ThinkingDelta):
            choice.thought.append(event.text)
            choice.thoughts.append(event.text)
        elif isinstance(event, Refusal):
            choice.refusal.append(event.text)
        elif isinstance(event, Signature):
            details.setdefault(choice.index, []).append(_detail(choice, event))
        elif isinstance(event, ToolStart):
            choice.calls[event.index] = _Call(event, event.name in self._custom)
        elif isinstance(event, ToolDelta):
            if event.index in choice.calls:
                choice.calls[event.index].arguments.append(event.arguments)
        elif isinstance(event, Finish):
            choice.finished = event.reason

    def _whole(self, choice: _Choice, details: list[dict[str, Any]] | None) -> dict[str, Any]:
        refusal = "".join(choice.refusal) or None
        text = "".join(choice.text)
        message: dict[str, Any] = {
            "role": "assistant",
            "content": None if not text and (choice.calls or refusal) else text,
            "refusal": refusal,
        }
        if choice.thoughts and self._thinks:
            message["reasoning_content"] = message["reasoning"] = "".join(choice.thoughts)
        if details and self._thinks:
            message["reasoning_details"] = details
        calls = [call for _, call in sorted(choice.calls.items())]
        if calls and self._functions:
            message["function_call"] = {"name": calls[0].name, "arguments": "".join(calls[0].arguments)}
        elif calls:
            message["tool_calls"] = [_custom_call(call) if call.custom else _function(call) for call in calls]
        return {
            "index": choice.index,
            "message": message,
            "logprobs": _joined(choice.logs),
            "finish_reason": self._reason(choice, choice.finished or "stop"),
        }


def _detail(choice: _Choice, event: Signature) -> dict[str, Any]:
    """A thought that has ended, with its proof: one entry, so that a client may append or merge it."""
    index = choice.details
    choice.details += 1
    if event.redacted is not None:
        return {"type": "reasoning.encrypted", "data": event.redacted, "index": index}
    text = "".join(choice.thought)
    choice.thought.clear()
    return {"type": "reasoning.text", "text": text, "signature": event.signature, "index": index}


def _function(call: _Call) -> dict[str, Any]:
    function = {"name": call.name, "arguments": "".join(call.arguments)}
    return {"id": call.id, "type": "function", "function": function}


def _custom_call(call: _Call) -> dict[str, Any]:
    return {"id": call.id, "type": "custom", "custom": {"name": call.name, "input": call.input()}}


def _joined(logs: list[Raw]) -> Raw | dict[str, Any] | None:
    """The logprobs of a choice, which may have come in pieces."""
    if len(logs) < 2:
        return logs[0] if logs else None
    content: list[Raw] = []
    refusal: list[Raw] = []
    for log in logs:
        part = _log.decode(log)
        content += part.content or ()
        refusal += part.refusal or ()
    return {"content": content, "refusal": refusal or None}
