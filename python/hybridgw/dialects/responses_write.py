"""Writes the answer to a Responses request: a strict sequence of named events, or one object.

Clients check the order (an item before its parts, a part before its text), one id for the whole
response, and numbers that rise; several of them build their turn only from items that are done and
from `response.completed`. So each item is closed before the next begins, except calls whose
arguments really interleave, and a stream that failed ends with `response.failed` and never with
items that look done. A heartbeat is an event: these clients' patience counts events, not comments.

The writer keeps nothing of the request but what the answer repeats.
"""

import secrets
import time
from collections.abc import Callable
from typing import Any

import msgspec

from hybridgw.dialects.base import Fault
from hybridgw.dialects.carried import Carried
from hybridgw.dialects.responses_items import Call, CustomCall, Item, Thought, Words
from hybridgw.dialects.responses_read import ResponsesAsk
from hybridgw.wire import (
    Ask,
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

_json = msgspec.json.encode
_REASONS = {"length": b"max_output_tokens", "content_filter": b"content_filter"}
_NULL = b"null"
_BARE = (
    b'"instructions":null,"parallel_tool_calls":true,"temperature":null,"tool_choice":"auto","tools":[],'
    b'"top_p":null,"metadata":{}'
)


class ResponsesWriter:
    """One answer."""

    def __init__(self, ask: Ask, created: int | None = None, token: str | None = None) -> None:
        self._token = secrets.token_hex(24) if token is None else token
        created = int(time.time()) if created is None else created
        self._head = b'"id":"resp_%b","object":"response","created_at":%d' % (self._token.encode(), created)
        self._echo = (ask.echo if isinstance(ask, ResponsesAsk) else b"") or _BARE
        self._summaries = isinstance(ask, ResponsesAsk) and ask.summaries
        self._custom = frozenset(tool.name for tool in ask.tools if tool.custom)
        self._renamed = ask.renamed if isinstance(ask, ResponsesAsk) else {}
        self._model = ask.model
        self._number = 0
        self._out: list[bytes] = []
        self._begun = False
        self._items = 0
        self._done: dict[int, bytes] = {}
        self._open: Words | Thought | None = None
        self._calls: dict[int, Call] = {}
        self._call_ids: dict[str, int] = {}
        """Every id that was told, and how often it had to be made another one."""
        self._status = b"completed"
        self._details = _NULL
        self._usage: Usage | None = None

    @property
    def heartbeat(self) -> bytes:
        """The response, in progress: begun if nothing was said before."""
        if self._begun:
            self._tell(b"response.in_progress", b"in_progress")
        else:
            self._begin()
        return self._taken()

    def feed(self, events: list[Event]) -> bytes:
        """The next events."""
        self._take(events)
        return self._taken()

    def close(self) -> bytes:
        """The end: `response.completed`, or `response.incomplete` with its reason."""
        self._begin()
        self._close_all()
        kind = b"response.completed" if self._status == b"completed" else b"response.incomplete"
        self._tell(kind, self._status, usage=True)
        return self._taken()

    def whole(self, events: list[Event]) -> bytes:
        """The response alone."""
        self._take(events)
        self._close_all()
        return self._response(self._status, _NULL, usage=True)

    def error_event(self, fault: Fault) -> bytes:
        """`response.failed`; what was not complete is not in it."""
        self._begin()
        error = _json({"code": fault.why, "message": failed_message(fault)})
        self._tell(b"response.failed", b"failed", error)
        return self._taken()

    def _take(self, events: list[Event]) -> None:
        for event in events:
            kind = type(event)
            if kind is Usage:
                self._usage = event  # type: ignore[assignment]
            elif kind is Start:
                self._model = event.model or self._model  # type: ignore[union-attr]
            elif kind is not Failure and event.choice == 0:  # type: ignore[union-attr]
                _HANDLERS[kind](self, event)

    def _text(self, event: TextDelta) -> None:
        if event.text or event.logprobs is not None:
            self._words().text(event)

    def _refusal(self, event: Refusal) -> None:
        if event.text:
            self._words().refusal(event.text)

    def _thinking(self, event: ThinkingDelta) -> None:
        if event.text:
            self._thought().text(event.text)

    def _signature(self, event: Signature) -> None:
        if event.signature or event.redacted is not None:
            self._seal(Carried(event.signature or None, event.redacted))
        elif isinstance(self._open, Thought):
            self._close_open()

    def _tool_start(self, event: ToolStart) -> None:
        id_, number = event.id, self._call_ids.get(event.id, 0)
        while id_ in self._call_ids:  # two of one name are an error to the official SDK
            number += 1
            id_ = f"{event.id}_{number}"
        self._call_ids[id_] = 0
        self._call_ids[event.id] = number
        if event.signature is not None:
            self._seal(Carried(calls={id_: event.signature}))
        self._close_open()
        for index, call in tuple(self._calls.items()):
            if call.complete:
                self._done[call.index] = call.close(b"completed")
                del self._calls[index]
        custom = event.name in self._custom
        place, item_id = self._next("ctc" if custom else "fc")
        made = CustomCall if custom else Call
        namespace, name = self._renamed.get(event.name, (None, event.name))
        self._calls[event.index] = made(self._emit, place, item_id, id_, name, namespace)

    def _tool_delta(self, event: ToolDelta) -> None:
        call = self._calls.get(event.index)
        if call is not None:  # what follows a complete call can only be white space
            call.arguments(event.arguments)

    def _finish(self, event: Finish) -> None:
        reason = _REASONS.get(event.reason)
        if reason is not None:
            self._cut_by(reason)

    def _words(self) -> Words:
        if not isinstance(self._open, Words):
            self._close_open()
            self._open = Words(self._emit, *self._next("msg"))
        return self._open

    def _thought(self) -> Thought:
        if not isinstance(self._open, Thought):
            self._close_open()
            self._open = Thought(self._emit, *self._next("rs"), summary=self._summaries)
        return self._open

    def _seal(self, carried: Carried) -> None:
        thought = self._thought()
        self._done[thought.index] = thought.close(b"completed", carried)
        self._open = None

    def _close_open(self) -> None:
        item, self._open = self._open, None
        if item is not None:
            self._done[item.index] = item.close(b"completed")

    def _cut_by(self, reason: bytes) -> None:
        self._status = b"incomplete"
        self._details = b'{"reason":"%b"}' % reason

    def _close_all(self) -> None:
        """Close what is open, with the status of the whole: an answer that was cut off was cut off there.
        Arguments that are no whole document were, whatever the backend says."""
        if self._status == b"completed" and any(call.cut for call in self._calls.values()):
            self._cut_by(_REASONS["length"])
        item, self._open = self._open, None
        last: list[Item] = [] if item is None else [item]
        last += self._calls.values()
        self._calls = {}
        for each in sorted(last, key=lambda open_: open_.index):
            self._done[each.index] = each.close(self._status)

    def _next(self, kind: str) -> tuple[int, str]:
        """The place of the next item, and its id."""
        self._begin()
        index = self._items
        self._items += 1
        return index, f"{kind}_{self._token}{index:02x}"

    def _begin(self) -> None:
        if not self._begun:
            self._begun = True
            self._tell(b"response.created", b"in_progress")
            self._tell(b"response.in_progress", b"in_progress")

    def _emit(self, kind: bytes, members: bytes) -> None:
        head = b'event: %b\ndata: {"type":"%b","sequence_number":%d,' % (kind, kind, self._number)
        self._out.append(head + members + b"}\n\n")
        self._number += 1

    def _tell(self, kind: bytes, status: bytes, error: bytes = _NULL, *, usage: bool = False) -> None:
        self._emit(kind, b'"response":' + self._response(status, error, usage=usage))

    def _response(self, status: bytes, error: bytes, *, usage: bool) -> bytes:
        """The object itself. While it is in progress it shows no output: that is told by events."""
        ended = status != b"in_progress"
        items = [self._done[index] for index in sorted(self._done)] if ended else []
        counted = self._usage.responses() if usage and self._usage is not None else None
        return (
            b'{%b,"status":"%b","error":%b,"incomplete_details":%b,"model":%b,"output":[%b],"usage":%b,%b}'
            % (
                self._head,
                status,
                error,
                self._details if status == b"incomplete" else _NULL,
                _json(self._model),
                b",".join(items),
                _json(counted),
                self._echo,
            )
        )

    def _taken(self) -> bytes:
        out = b"".join(self._out)
        self._out.clear()
        return out


_HANDLERS: dict[type, Callable[[ResponsesWriter, Any], None]] = {
    TextDelta: ResponsesWriter._text,
    ThinkingDelta: ResponsesWriter._thinking,
    Signature: ResponsesWriter._signature,
    Refusal: ResponsesWriter._refusal,
    ToolStart: ResponsesWriter._tool_start,
    ToolDelta: ResponsesWriter._tool_delta,
    Finish: ResponsesWriter._finish,
}


def failed_message(fault: Fault) -> str:
    """The message; with the time to wait where clients read it out of the text."""
    if fault.why == "rate_limit_exceeded" and fault.retry_after:
        return f"{fault.message} Please try again in {fault.retry_after:g}s."
    return fault.message
