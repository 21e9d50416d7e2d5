"""Ollama's own wire: `/api/chat` and what it answers.

A stream is lines of JSON. Calls come whole, with arguments as an object and mostly without an id; each
gets one of our own, since ids of later turns must not collide with those of earlier ones. A line with
`error` is a failure, wherever it stands.
"""

import secrets
from collections.abc import Callable

import msgspec

from hybridgw.errors import RequestError
from hybridgw.providers.base import Backend, Header
from hybridgw.providers.ollama_request import chat_request
from hybridgw.wire import (
    Ask,
    Event,
    Failure,
    Finish,
    Start,
    TextDelta,
    ThinkingDelta,
    ToolDelta,
    ToolStart,
    Usage,
)

Raw = msgspec.Raw
_NULL = Raw(b"null")


class _Function(msgspec.Struct):
    name: str = ""
    arguments: Raw = Raw(b"{}")


class _Call(msgspec.Struct):
    function: _Function
    id: str | None = None


class _Said(msgspec.Struct):
    content: str | None = None
    thinking: str | None = None
    tool_calls: list[_Call] | None = None


class _Line(msgspec.Struct):
    model: str = ""
    message: _Said | None = None
    done: bool = False
    done_reason: str | None = None
    prompt_eval_count: int | None = None
    eval_count: int | None = None
    logprobs: Raw = _NULL
    error: Raw = _NULL


_line = msgspec.json.Decoder(_Line)
_text = msgspec.json.Decoder(str)


class _Error(msgspec.Struct):
    message: str = ""


_error = msgspec.json.Decoder(_Error)


def _new_id() -> str:
    return "call_" + secrets.token_hex(12)


class Ollama:
    """One exchange."""

    def __init__(self, backend: Backend, new_id: Callable[[], str] = _new_id) -> None:
        self._backend = backend
        self._new_id = new_id
        self._begun = False
        self._calls = 0

    def path(self, ask: Ask) -> str:
        """Below the root: Ollama's own interface stands beside `/v1`."""
        return "/api/chat" + self._backend.query

    def headers(self, ask: Ask) -> tuple[Header, ...]:
        """None: the key is the deployment's."""
        return ()

    def request(self, ask: Ask) -> bytes:
        """A body of `/api/chat`."""
        if not ask.messages:
            raise RequestError("invalid_value", "`messages` must not be empty", field="messages")
        return chat_request(ask, self._backend)

    def whole(self, body: bytes) -> list[Event]:
        """One object."""
        events: list[Event] = []
        self._read(body, events)
        if not events or not isinstance(events[-1], Failure | Usage):
            raise msgspec.ValidationError("an answer that is not done")
        return events

    def feed(self, events: bytes) -> list[Event]:
        """Complete lines."""
        told: list[Event] = []
        for line in events.split(b"\n"):
            if line and not line.isspace():
                self._read(line, told)
        return told

    def close(self) -> list[Event]:
        """Nothing: the last line said it."""
        return []

    def _read(self, line: bytes, events: list[Event]) -> None:
        read = _line.decode(line)
        if bytes(read.error) not in (b"null", b'""'):
            events.append(Failure(_message(read.error)))
            return
        if not self._begun:
            self._begun = True
            events.append(Start("", read.model))
        said = read.message
        if said is not None:
            if said.thinking:
                events.append(ThinkingDelta(said.thinking))
            if said.content:
                events.append(TextDelta(said.content, 0, _logprobs(read.logprobs)))
            if said.tool_calls:
                for call in said.tool_calls:
                    self._call(call, events)
        if read.done:
            reason = "length" if read.done_reason == "length" else "stop"
            events.append(Finish("tool_calls" if self._calls and reason == "stop" else reason))
            events.append(Usage(read.prompt_eval_count or 0, read.eval_count or 0))

    def _call(self, call: _Call, events: list[Event]) -> None:
        function = call.function
        arguments = bytes(function.arguments)
        if arguments[:1] == b'"':
            text = _text.decode(arguments)
        else:
            text = "{}" if arguments == b"null" else arguments.decode()
        events.append(ToolStart(self._calls, self._new_id(), function.name))
        events.append(ToolDelta(self._calls, text))
        self._calls += 1


def _message(error: Raw) -> str:
    """The text of an error, which is a string, or an object where a proxy stands before Ollama."""
    if bytes(error)[:1] == b'"':
        return _text.decode(error)
    return _error.decode(error).message if bytes(error)[:1] == b"{" else ""


def _logprobs(listed: Raw) -> Raw | None:
    """Ollama's list as OpenAI's object."""
    if bytes(listed) == b"null":
        return None
    return Raw(b'{"content":' + bytes(listed) + b',"refusal":null}')
