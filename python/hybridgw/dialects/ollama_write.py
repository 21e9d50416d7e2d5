"""Ollama's answers, written from the hub: lines of JSON, or one object.

Every line is a complete object with the time it was made; the last one says `done` and carries the
counts, and durations in whole nanoseconds, which clients divide by. Ollama gives calls whole, with
their arguments as an object, so fragments wait here until the answer is complete. Its clients parse
every line, so there is no other heartbeat than an empty chunk, and no line without an object.

The time comes from one clock that a test may replace.
"""

import time
from collections.abc import Callable

import msgspec

from hybridgw.core import Outcome
from hybridgw.dialects.base import Fault
from hybridgw.errors import UpstreamError
from hybridgw.wire import (
    Ask,
    Event,
    Finish,
    Refusal,
    TextDelta,
    ThinkingDelta,
    ToolDelta,
    ToolStart,
    Usage,
)
from hybridgw.wire.arguments import are_whole

Raw = msgspec.Raw

_encode = msgspec.json.Encoder().encode
_object = msgspec.json.Decoder(dict[str, Raw])

# Ollama ends a turn of calls as any other; what else a backend reports goes out under its own name.
_REASONS = {"tool_calls": b"stop"}
BUSY = "server busy, please try again.  maximum pending requests exceeded"


class _Logprobs(msgspec.Struct):
    content: Raw = Raw(b"null")


_logprobs = msgspec.json.Decoder(_Logprobs)


class _Pending(msgspec.Struct):
    """A call whose arguments are still coming."""

    id: str
    name: str
    arguments: list[str]


class OllamaWriter:
    """One answer. `generate`: of `/api/generate`, where the text stands at the top level."""

    def __init__(self, ask: Ask, *, generate: bool, clock: Callable[[], int] = time.time_ns) -> None:
        self._clock = clock
        self._begun = clock()
        self._first = 0
        self._second = -1
        self._stamp = ""
        self._thinking = ask.show_thinking
        self._generate = generate
        self._calls: dict[int, _Pending] = {}
        self._reason = ""
        self._usage: Usage | None = None
        self._head = b'{"model":' + _encode(ask.model) + b',"created_at":"'

    @property
    def heartbeat(self) -> bytes:
        """An empty chunk."""
        return self._line(b"")

    def feed(self, events: list[Event]) -> bytes:
        """A line for each piece of text."""
        lines = []
        for event in events:
            if isinstance(event, TextDelta):
                if event.choice == 0 and (event.text or event.logprobs is not None):
                    lines.append(self._line(event.text, tail=_listed(event.logprobs)))
            elif isinstance(event, ThinkingDelta):
                if event.choice == 0 and event.text and self._thinking:
                    lines.append(self._line(b"", b',"thinking":' + _encode(event.text)))
            elif isinstance(event, Refusal):
                if event.choice == 0:
                    lines.append(self._line(event.text))
            else:
                self._note(event)
        return b"".join(lines)

    def close(self) -> bytes:
        """The calls, then the line that says that this was all."""
        calls = self._called()
        line = self._line(b"", b',"tool_calls":' + calls) if calls else b""
        return line + self._line(b"", done=True)

    def whole(self, events: list[Event]) -> bytes:
        """One object, with all text in it."""
        text: list[str] = []
        thoughts: list[str] = []
        logprobs: list[bytes] = []
        for event in events:
            if isinstance(event, TextDelta):
                if event.choice == 0:
                    text.append(event.text)
                    if event.logprobs is not None:
                        logprobs.append(_listed(event.logprobs))
            elif isinstance(event, ThinkingDelta):
                if event.choice == 0 and self._thinking:
                    thoughts.append(event.text)
            elif isinstance(event, Refusal):
                if event.choice == 0:
                    text.append(event.text)
            else:
                self._note(event)
        said = b',"thinking":' + _encode("".join(thoughts)) if any(thoughts) else b""
        calls = self._called()
        if calls:
            said += b',"tool_calls":' + calls
        # A whole answer has each text in one piece, and so at most one list of these.
        tail = logprobs[0] if logprobs else b""
        return self._line("".join(text), said, tail=tail, done=True).rstrip(b"\n")

    def error_event(self, fault: Fault) -> bytes:
        """A line that is an error; no `done` follows."""
        return error_line(fault) + b"\n"

    def _note(self, event: Event) -> None:
        """What is told only at the end."""
        if isinstance(event, ToolStart):
            if event.choice == 0:
                self._began()
                self._calls[event.index] = _Pending(event.id, event.name, [])
        elif isinstance(event, ToolDelta):
            if event.choice == 0 and event.index in self._calls:
                self._calls[event.index].arguments.append(event.arguments)
        elif isinstance(event, Finish):
            if event.choice == 0:
                self._reason = event.reason
        elif isinstance(event, Usage):
            self._usage = event

    def _began(self) -> None:
        self._first = self._first or self._clock()

    def _called(self) -> bytes:
        """The list of calls, or nothing."""
        written = []
        for index, call in sorted(self._calls.items()):
            arguments = "".join(call.arguments).strip() or "{}"
            if not are_whole(call.arguments):
                self._reason = "length"
                continue  # cut off: an Ollama does not report it either
            try:
                _object.decode(arguments)
            except msgspec.DecodeError:
                raise UpstreamError(
                    Outcome.MALFORMED, "the arguments of the model's call are no JSON object", status=200
                ) from None
            text = arguments.encode()
            if b"\n" in text or b"\r" in text:
                # Between the tokens; inside a string a line feed is escaped.
                text = msgspec.json.format(text, indent=-1)
            written.append(
                b'{"id":%b,"function":{"index":%d,"name":%b,"arguments":%b}}'
                % (_encode(call.id), index, _encode(call.name), text.strip())
            )
        return b"[" + b",".join(written) + b"]" if written else b""

    def _line(self, text: str | bytes, said: bytes = b"", tail: bytes = b"", done: bool = False) -> bytes:
        """One object. `said` stands beside the text, `tail` at the top level."""
        now = self._clock()
        if not self._first and (text or said):
            self._first = now
        second, rest = divmod(now, 1_000_000_000)
        if second != self._second:
            self._second = second
            self._stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        content = _encode(text) if text else b'""'
        if self._generate:
            body = b'"response":' + content + said
        else:
            body = b'"message":{"role":"assistant","content":' + content + said + b"}"
        return b'%b%b.%09dZ",%b,"done":%b%b}\n' % (
            self._head,
            self._stamp.encode(),
            rest,
            body,
            self._end(now) if done else b"false",
            tail,
        )

    def _end(self, now: int) -> bytes:
        """What the last line says beside the text. No duration is 0: clients divide by them."""
        first = self._first or now
        reason = _REASONS.get(self._reason) or self._reason.encode() or b"stop"
        end = b'true,"done_reason":"%b","total_duration":%d,"load_duration":1' % (
            reason,
            max(1, now - self._begun),
        )
        if self._usage is not None:
            end += b',"prompt_eval_count":%d' % self._usage.prompt
        end += b',"prompt_eval_duration":%d' % max(1, first - self._begun)
        if self._usage is not None:
            end += b',"eval_count":%d' % self._usage.completion
        return end + b',"eval_duration":%d' % max(1, now - first)


def error_line(fault: Fault) -> bytes:
    """`{"error": text}`: all that Ollama's clients read of an error beside its status."""
    message = fault.message
    if fault.why == "overloaded":
        message = f"{BUSY} ({message})"
    elif fault.why == "model_not_found" and fault.param == "model":
        # Clients look for these words; the name that was asked for stands in our own between marks.
        name = message.partition("`")[2].rpartition("`")[0]
        message = f'model "{name}" not found, try pulling it first' if name else message
    return b'{"error":' + _encode(message) + b"}"


def _listed(logprobs: Raw | None) -> bytes:
    """OpenAI's object as Ollama's list, as a member of a line."""
    content = bytes(_logprobs.decode(logprobs).content) if logprobs is not None else b"null"
    return b"" if content == b"null" else b',"logprobs":' + content
