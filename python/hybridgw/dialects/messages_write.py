"""Writes an answer as a Messages client reads it: one `Writer` per answer.

What the official SDKs were seen to need: every event has a name, blocks are numbered from 0 in the
order in which they start, every `message_delta` has a usage, and a stream that failed ends with an
error instead of `message_stop`. One block is open at a time. They would bear two, but simpler readers
do not, so what interleaves in a backend's answer waits for the call before it to be complete.

Thoughts are shown to those who asked for them: an answer whose first block is no text surprises the
others. They carry a signature, because clients send them back with it; where the model's maker gave
none it is ours, and recognised when it returns.
"""

import secrets
from collections.abc import Callable
from typing import Any

import msgspec

from hybridgw.core import Outcome
from hybridgw.errors import UpstreamError
from hybridgw.wire import (
    OWN_SIGNATURE,
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
from hybridgw.wire.arguments import are_whole

Raw = msgspec.Raw

PING = b'event: ping\ndata: {"type":"ping"}\n\n'
_DELTA = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":%b}}\n\n'
_START = b'event: content_block_start\ndata: {"type":"content_block_start","index":%d,"content_block":%b}\n\n'
_STOP = b'event: content_block_stop\ndata: {"type":"content_block_stop","index":%d}\n\n'
_MESSAGE_STOP = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
_TEXT = _DELTA.replace(b"%b", b'{"type":"text_delta","text":%b')
_ARGUMENTS = _DELTA.replace(b"%b", b'{"type":"input_json_delta","partial_json":%b')
_THOUGHT = _DELTA.replace(b"%b", b'{"type":"thinking_delta","thinking":%b')
_SIGNED = _DELTA.replace(b"%b", b'{"type":"signature_delta","signature":%b')
_THINKING = b'{"type":"thinking","thinking":"","signature":""}'

_encode = msgspec.json.Encoder().encode
_object = msgspec.json.Decoder(dict[str, Raw])


def _is_complete(arguments: list[str]) -> bool:
    """Whether these fragments are a whole object: nothing can follow."""
    return bool(arguments) and arguments[-1].rstrip().endswith("}") and are_whole(arguments)


class MessagesWriter:
    """One answer. `name` and `token` are given in tests."""

    def __init__(
        self,
        ask: Ask,
        error_event: Callable[[Any], bytes],
        name: str | None = None,
        token: Callable[[int], str] = secrets.token_hex,
    ) -> None:
        self._ask = ask
        self._token = token
        self._name = name or "msg_" + token(12)
        self._thinks = ask.thinking is not None and ask.thinking != "disabled"
        self._omits = not ask.show_thinking
        self._begun = False
        self._index = -1
        """Of the newest block."""
        self._open = ""
        """Kind of the open block: text, thinking, tool, or none."""
        self._tool = -1
        """Which call the open block is."""
        self._arguments: list[str] = []
        """Of that call, so far."""
        self._waiting: list[Event] = []
        """What came before it was complete, and belongs behind it."""
        self._called = False
        self._cut = False
        """A call ended before its arguments did."""
        self._refusal = ""
        self._finish: Finish | None = None
        self._usage: Usage | None = None
        self.error_event = error_event

    @property
    def heartbeat(self) -> bytes:
        """A ping. The first one begins the message: some clients wait for nothing else so long."""
        if self._begun:
            return PING
        out: list[bytes] = []
        self._begin(out, [])
        out.append(PING)
        return b"".join(out)

    def feed(self, events: list[Event]) -> bytes:
        """The next events of a stream; may be empty."""
        if not events:
            return b""
        out: list[bytes] = []
        if not self._begun:
            self._begin(out, events)
        for event in events:
            self._next(event, out)
        return b"".join(out)

    def close(self) -> bytes:
        """The end of the last block, the reason and the usage, and the mark of success."""
        out: list[bytes] = []
        if not self._begun:
            self._begin(out, [])
        while self._waiting:
            self._flush(out)
        self._end(out)
        delta, usage = self._reason(), self._spent()
        data = _encode({"type": "message_delta", "delta": delta, "usage": usage})
        out.append(b"event: message_delta\ndata: %b\n\n" % data)
        out.append(_MESSAGE_STOP)
        return b"".join(out)

    def whole(self, events: list[Event]) -> bytes:
        """All events of an answer as one message."""
        content: list[dict[str, Any]] = []
        calls: dict[int, tuple[dict[str, Any], list[str]]] = {}
        model = ""
        for event in events:
            if isinstance(event, TextDelta | Refusal):
                self._text(content, event)
            elif isinstance(event, ThinkingDelta | Signature):
                self._thought(content, event)
            elif isinstance(event, ToolStart):
                block = {"type": "tool_use", "id": event.id, "name": event.name}
                content.append(block)
                calls[event.index] = (block, [])
                self._called = True
            elif isinstance(event, ToolDelta):
                if event.index in calls:
                    calls[event.index][1].append(event.arguments)
            elif isinstance(event, Start):
                model = event.model
            elif isinstance(event, Finish):
                self._finish = event
            elif isinstance(event, Usage):
                self._usage = event
        for block in content:
            if block["type"] == "thinking" and not block["signature"]:
                block["signature"] = self._own_signature()
        for block, arguments in calls.values():
            self._put_input(block, arguments)
        return _encode(
            {
                "id": self._name,
                "type": "message",
                "role": "assistant",
                "model": model or self._ask.model,
                "content": content,
                **self._reason(),
                "usage": self._spent(),
            }
        )

    # A stream, event by event.

    def _begin(self, out: list[bytes], events: list[Event]) -> None:
        """`message_start`. The length of the prompt is most often told at the end only, and counts there;
        here it is what the gateway counted."""
        self._begun = True
        model, usage = "", Usage(prompt=self._ask.prompt_tokens)
        for event in events:
            if isinstance(event, Start):
                model = event.model
            elif isinstance(event, Usage):
                usage = event
        message: dict[str, Any] = {
            "id": self._name,
            "type": "message",
            "role": "assistant",
            "model": model or self._ask.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": usage.messages(),
        }
        data = _encode({"type": "message_start", "message": message})
        out.append(b"event: message_start\ndata: %b\n\n" % data)

    def _next(self, event: Event, out: list[bytes]) -> None:
        if self._open == "tool" and not self._goes_on(event, out):
            return
        if isinstance(event, TextDelta):
            if event.text and not event.choice:
                if self._open != "text":
                    self._start(out, "text", b'{"type":"text","text":""}')
                out.append(_TEXT % (self._index, _encode(event.text)))
        elif isinstance(event, ThinkingDelta):
            if self._thinks and not event.choice:
                if self._open != "thinking":
                    self._start(out, "thinking", _THINKING)
                if event.text and not self._omits:
                    out.append(_THOUGHT % (self._index, _encode(event.text)))
        elif isinstance(event, ToolStart):
            if not event.choice:
                block = {"type": "tool_use", "id": event.id, "name": event.name, "input": {}}
                self._start(out, "tool", _encode(block))
                self._called = True
                self._tool = event.index
                self._arguments = []
        elif isinstance(event, Signature):
            if self._thinks and not event.choice:
                self._sign(event, out)
        elif isinstance(event, Refusal):
            if event.text and not event.choice:
                self._refusal += event.text
                self._next(TextDelta(event.text), out)
        elif isinstance(event, Finish):
            if not event.choice:
                self._finish = event
        elif isinstance(event, Usage):
            self._usage = event

    def _goes_on(self, event: Event, out: list[bytes]) -> bool:
        """While a call is open: take its arguments, let others wait. True if `event` is to be written
        now: it opens or ends nothing, or the call is complete."""
        if isinstance(event, ToolDelta):
            if event.index == self._tool:
                self._argue(event.arguments, out)
                if self._waiting and _is_complete(self._arguments):
                    self._flush(out)
            elif event.index > self._tool:
                self._waiting.append(event)
            return False
        if isinstance(event, Finish | Usage | Start | Failure):
            return True
        if not self._waiting and _is_complete(self._arguments):
            return True
        self._waiting.append(event)
        return False

    def _argue(self, arguments: str, out: list[bytes]) -> None:
        if arguments:
            self._arguments.append(arguments)
            out.append(_ARGUMENTS % (self._index, _encode(arguments)))

    def _flush(self, out: list[bytes]) -> None:
        """Write what waits; the first call in it that is not complete keeps the rest waiting again."""
        waiting, self._waiting = self._waiting, []
        self._end(out)
        for event in waiting:
            self._next(event, out)

    def _start(self, out: list[bytes], kind: str, block: bytes) -> None:
        self._end(out)
        self._index += 1
        self._open = kind
        out.append(_START % (self._index, block))

    def _end(self, out: list[bytes]) -> None:
        """End the open block, if any."""
        if self._open == "thinking":
            out.append(_SIGNED % (self._index, _encode(self._own_signature())))
        elif self._open == "tool":
            self._cut = self._cut or not are_whole(self._arguments)
        if self._open:
            out.append(_STOP % self._index)
        self._open = ""

    def _sign(self, event: Signature, out: list[bytes]) -> None:
        if event.redacted is not None:
            block = {"type": "redacted_thinking", "data": event.redacted}
            self._start(out, "redacted", _encode(block))
        elif event.signature:
            if self._open != "thinking":
                self._start(out, "thinking", _THINKING)
            out.append(_SIGNED % (self._index, _encode(event.signature)))
        else:
            return
        out.append(_STOP % self._index)
        self._open = ""

    # A whole answer.

    @staticmethod
    def _joined(content: list[dict[str, Any]], kind: str) -> bool:
        return bool(content) and content[-1]["type"] == kind

    def _text(self, content: list[dict[str, Any]], event: TextDelta | Refusal) -> None:
        if not event.text or event.choice:
            return
        if isinstance(event, Refusal):
            self._refusal += event.text
        if self._joined(content, "text"):
            content[-1]["text"] += event.text
        else:
            content.append({"type": "text", "text": event.text})

    def _thought(self, content: list[dict[str, Any]], event: ThinkingDelta | Signature) -> None:
        if not self._thinks or event.choice:
            return
        if isinstance(event, Signature) and event.redacted is not None:
            content.append({"type": "redacted_thinking", "data": event.redacted})
            return
        if not self._joined(content, "thinking") or content[-1]["signature"]:
            content.append({"type": "thinking", "thinking": "", "signature": ""})
        if isinstance(event, Signature):
            content[-1]["signature"] = event.signature
        elif not self._omits:
            content[-1]["thinking"] += event.text

    def _put_input(self, block: dict[str, Any], arguments: list[str]) -> None:
        """Give a call its input; none if it was cut off. A document that is no object is nothing that the
        client could call a tool with."""
        text = "".join(arguments).strip()
        block["input"] = {}
        if not text:
            return
        if not are_whole(arguments):
            self._cut = True
            return
        try:
            _object.decode(text)
        except msgspec.DecodeError:
            raise UpstreamError(
                Outcome.MALFORMED, "the model called a tool with an input that is no object", status=200
            ) from None
        block["input"] = Raw(text.encode())

    # Both.

    def _own_signature(self) -> str:
        return OWN_SIGNATURE + self._token(16)

    def _reason(self) -> dict[str, Any]:
        """Why the answer ends. Tools that were called are to be answered, whatever the backend says;
        unless a call was cut off, and then it is the limit that ended it, whatever the backend says."""
        finish = self._finish
        said = finish.reason if finish is not None else "stop"
        sequence = finish.stop_sequence if finish is not None else None
        if self._cut:
            reason = "max_tokens"
        elif self._called:
            reason, sequence = "tool_use", None
        elif self._refusal or said == "content_filter":
            reason = "refusal"
        elif said == "length":
            reason = "max_tokens"
        else:
            reason = "stop_sequence" if sequence is not None else "end_turn"
        stopped: dict[str, Any] = {
            "stop_reason": reason,
            "stop_sequence": sequence if reason == "stop_sequence" else None,
        }
        if reason == "refusal":
            told = {"type": "refusal", "category": None, "explanation": self._refusal or None}
            stopped["stop_details"] = told
        return stopped

    def _spent(self) -> dict[str, Any]:
        """The usage so far. Without any report nothing is claimed of the prompt."""
        return self._usage.messages() if self._usage is not None else {"output_tokens": 0}
