"""Reads OpenAI's Responses, whole or as events, into events of the hub.

Deltas are told as they come; an item that is done adds only what no delta said (some servers send calls
whole). The end is the response's own: completed, incomplete with its reason, or failed. Unknown events and
items (of tools that only OpenAI hosts) say nothing here.
"""

from typing import Any

import msgspec

from hybridgw import sse
from hybridgw.providers.responses_seal import sealed
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
from hybridgw.wire.usage import ResponsesUsage

_json = msgspec.json.encode


class _Part(msgspec.Struct):
    type: str = ""
    text: str | None = None
    refusal: str | None = None
    logprobs: list[msgspec.Raw] | None = None


class _Item(msgspec.Struct):
    type: str = ""
    id: str | None = None
    content: list[_Part] | None = None
    summary: list[_Part] | None = None
    encrypted_content: str | None = None
    call_id: str | None = None
    name: str | None = None
    arguments: str | None = None
    input: str | None = None


class _Reason(msgspec.Struct):
    reason: str | None = None


class _Error(msgspec.Struct):
    message: str | None = None
    code: str | int | None = None
    type: str | None = None


class _Response(msgspec.Struct):
    id: str | None = None
    object: str | None = None
    model: str | None = None
    status: str | None = None
    output: list[_Item] | None = None
    incomplete_details: _Reason | None = None
    error: _Error | None = None
    usage: ResponsesUsage | None = None


class _Event(msgspec.Struct):
    type: str = ""
    response: _Response | None = None
    item: _Item | None = None
    output_index: int = 0
    summary_index: int = 0
    content_index: int = 0
    delta: str | None = None
    logprobs: list[msgspec.Raw] | None = None
    error: _Error | None = None
    message: str | None = None
    code: str | int | None = None


_response = msgspec.json.Decoder(_Response)
_event = msgspec.json.Decoder(_Event)
_REASONS = {"max_output_tokens": "length", "content_filter": "content_filter"}
_TEXTS = frozenset({"response.reasoning_summary_text.delta", "response.reasoning_text.delta"})


class _Call:
    """A call as far as it was told. What a custom one is given is put into JSON, as the hub has it."""

    def __init__(self, index: int, custom: bool) -> None:
        self.index = index
        self.custom = custom
        self.told = False


class ResponsesAnswer:
    """Reads one answer."""

    def __init__(self) -> None:
        self._started = False
        self._calls: dict[int, _Call] = {}
        self._made = 0
        self._said: set[int] = set()
        """Items of which a delta told something."""
        self._paragraph: dict[int, int] = {}

    def whole(self, body: bytes) -> list[Event]:
        """A complete answer. ValidationError for an object of another kind."""
        answer = _response.decode(body)
        out: list[Event] = []
        if answer.error is not None and answer.status in (None, "failed"):
            return [_failure(answer.error)]
        if answer.output is None:
            raise msgspec.ValidationError("no response: it has no output")
        self._start(answer, out)
        for at, item in enumerate(answer.output):
            self._added(at, item, out)
            self._done(at, item, out)
        self._finish(answer, out)
        return out

    def feed(self, events: bytes) -> list[Event]:
        """Complete events of a stream."""
        out: list[Event] = []
        for payload in sse.split(events):
            if payload[:1] == b"{":
                self._read(_event.decode(payload), out)
        return out

    def _read(self, event: _Event, out: list[Event]) -> None:
        kind, at = event.type, event.output_index
        if kind == "response.output_text.delta":
            self._said.add(at)
            logprobs = msgspec.Raw(_json({"content": event.logprobs})) if event.logprobs else None
            if event.delta or logprobs is not None:
                out.append(TextDelta(event.delta or "", logprobs=logprobs))
        elif kind in _TEXTS:
            self._think(at, max(event.summary_index, event.content_index), event.delta, out)
        elif kind == "response.refusal.delta":
            self._said.add(at)
            if event.delta:
                out.append(Refusal(event.delta))
        elif kind in ("response.function_call_arguments.delta", "response.custom_tool_call_input.delta"):
            self._argue(at, event.delta or "", out)
        elif kind == "response.output_item.added" and event.item is not None:
            self._added(at, event.item, out)
        elif kind == "response.output_item.done" and event.item is not None:
            self._added(at, event.item, out)
            self._done(at, event.item, out)
        elif event.response is not None:
            self._start(event.response, out)
            if kind in ("response.completed", "response.incomplete"):
                self._finish(event.response, out)
            elif kind == "response.failed":
                out.append(_failure(event.response.error))
        elif kind == "error":
            out.append(_failure(event.error or _Error(event.message, event.code)))

    def _start(self, response: _Response, out: list[Event]) -> None:
        if not self._started:
            self._started = True
            out.append(Start(response.id or "", response.model or ""))

    def _added(self, at: int, item: _Item, out: list[Event]) -> None:
        custom = item.type == "custom_tool_call"
        if (custom or item.type == "function_call") and at not in self._calls:
            call = self._calls[at] = _Call(self._made, custom)
            self._made += 1
            out.append(ToolStart(call.index, item.call_id or item.id or f"call_{at}", item.name or ""))

    def _argue(self, at: int, text: str, out: list[Event]) -> None:
        call = self._calls.get(at)
        if call is None or not text:
            return
        if call.custom:
            inner = _json(text).decode()[1:-1]
            text = inner if call.told else '{"input":"' + inner
        call.told = True
        out.append(ToolDelta(call.index, text))

    def _think(self, at: int, paragraph: int, text: str | None, out: list[Event]) -> None:
        if not text:
            return
        self._said.add(at)
        if self._paragraph.setdefault(at, paragraph) != paragraph:
            self._paragraph[at] = paragraph
            text = "\n\n" + text
        out.append(ThinkingDelta(text))

    def _done(self, at: int, item: _Item, out: list[Event]) -> None:
        call = self._calls.get(at)
        if call is not None:
            if not call.told:
                self._argue(at, (item.input if call.custom else item.arguments) or "", out)
            if call.custom:
                out.append(ToolDelta(call.index, '"}' if call.told else '{"input":""}'))
        elif item.type == "reasoning":
            if at not in self._said:
                for nth, part in enumerate(item.summary or item.content or ()):
                    self._think(at, nth, part.text, out)
            if at in self._said or item.encrypted_content:
                proof = sealed(item.encrypted_content) if item.encrypted_content else ""
                out.append(Signature(proof))
        elif item.type == "message" and at not in self._said:
            for part in item.content or ():
                if part.refusal:
                    out.append(Refusal(part.refusal))
                elif part.text:
                    logprobs = msgspec.Raw(_json({"content": part.logprobs})) if part.logprobs else None
                    out.append(TextDelta(part.text, logprobs=logprobs))

    def _finish(self, response: _Response, out: list[Event]) -> None:
        details = response.incomplete_details
        reason = "tool_calls" if self._calls else "stop"
        if response.status == "incomplete" or (details is not None and details.reason):
            reason = _REASONS.get((details.reason if details else None) or "", "length")
        if response.usage is not None:
            out.append(Usage.from_responses(response.usage))
        out.append(Finish(reason))


def _failure(error: _Error | None) -> Failure:
    said: Any = error or _Error()
    return Failure(said.message or "the upstream failed", said.type or "", str(said.code or ""))
