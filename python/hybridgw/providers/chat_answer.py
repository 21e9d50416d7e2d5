"""Reads a Chat Completions answer of any backend into events.

Backends differ where the protocol says nothing or where they do not follow it: thoughts under three
names, calls without an index or an id, one index for all calls, arguments as an object, finish reasons
of their own. All of it is understood here, whichever backend it is; what a particular one does beyond
that stands in its own module.

A reason to finish ends nothing by itself: some backends put an empty one, or `stop`, into every chunk. It
is held until the stream has ended.
"""

import secrets
from collections.abc import Callable
from typing import Annotated

import msgspec

from hybridgw import sse
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
from hybridgw.wire.arguments import are_whole
from hybridgw.wire.usage import ChatUsage

Raw = msgspec.Raw
_Index = Annotated[int, msgspec.Meta(ge=0, le=255)]


class _Function(msgspec.Struct):
    name: str | None = None
    arguments: Raw = Raw()


class _Custom(msgspec.Struct):
    name: str | None = None
    input: str | None = None


class _Call(msgspec.Struct):
    index: int | None = None
    id: str | None = None
    function: _Function | None = None
    custom: _Custom | None = None


class _Detail(msgspec.Struct):
    type: str = ""
    text: str | None = None
    summary: str | None = None
    signature: str | None = None
    data: str | None = None


class _Piece(msgspec.Struct):
    """Mistral's models tell what they think as parts of the content."""

    type: str = ""
    text: str | None = None
    thinking: "list[_Piece] | None" = None


class _Delta(msgspec.Struct):
    content: str | list[_Piece] | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    reasoning_details: list[_Detail] | None = None
    refusal: str | None = None
    tool_calls: list[_Call] | None = None
    function_call: _Function | None = None


class _Choice(msgspec.Struct):
    index: _Index = 0
    delta: _Delta | None = None
    message: _Delta | None = None
    finish_reason: str | None = None
    logprobs: Raw = Raw()
    stop_reason: Raw = Raw()
    """vLLM: the text that matched, or the number of the token."""


class _Answer(msgspec.Struct):
    id: str | None = None
    model: str | None = None
    choices: list[_Choice] | None = None
    usage: ChatUsage | None = None
    error: Raw = Raw()


class _Error(msgspec.Struct):
    message: str | None = None
    type: str | None = None
    code: Raw = Raw()


_answer = msgspec.json.Decoder(_Answer)
_error = msgspec.json.Decoder(_Error | str)
_NOTHING = (b"", b"null")
_string = msgspec.json.Decoder(str)
_encode = msgspec.json.Encoder().encode

_STOPS = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
    "function_call": "tool_calls",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "MAX_TOKENS": "length",
    "model_length": "length",
    "safety": "content_filter",
    "SAFETY": "content_filter",
    "refusal": "content_filter",
}
"""Words for the end of an answer. Any other one means that the model stopped by itself."""


class _Tool:
    """A call of one choice. It is announced when its name is known."""

    __slots__ = ("custom", "id", "index", "name", "said", "waiting")

    def __init__(self, index: int, call_id: str, custom: bool) -> None:
        self.index = index
        self.id = call_id
        self.name = ""
        self.custom = custom
        self.waiting: str | None = ""
        """Arguments that came before the name; None once it was announced."""
        self.said: list[str] = []
        """All of its arguments so far."""

    def is_over(self, name: str, text: str) -> bool:
        """Whether all of it was said, and a fragment with this name and text begins another one."""
        begins = self.name and (text.strip() or name != self.name)
        heard = any(map(str.strip, self.said))
        return bool(begins and heard and not self.custom and are_whole(self.said))


class _Tools:
    """The calls of one choice."""

    __slots__ = ("all", "by_id", "by_index")

    def __init__(self) -> None:
        self.all: list[_Tool] = []
        self.by_id: dict[str, _Tool] = {}
        self.by_index: dict[int, _Tool] = {}


def new_id() -> str:
    """An id for a call that its backend gave none."""
    return "call_" + secrets.token_hex(12)


class ChatAnswer:
    """Reads one answer. `ids` is given by tests that compare it."""

    def __init__(self, ids: Callable[[], str] = new_id) -> None:
        self._ids = ids
        self._started = False
        self._tools: dict[int, _Tools] = {}
        self._ends: dict[int, _Choice] = {}
        """Of each choice that was said to end, the chunk that said how."""

    def whole(self, body: bytes) -> list[Event]:
        """A complete answer."""
        events: list[Event] = []
        answer = _answer.decode(body)
        if not answer.choices and bytes(answer.error) in _NOTHING:
            raise msgspec.ValidationError("an answer without any choice")
        self._read(answer, events)
        if not (events and type(events[-1]) is Failure):
            events += self.close()
        return events

    def feed(self, events: bytes) -> list[Event]:
        """Complete events of a stream."""
        told: list[Event] = []
        for payload in sse.split(events):
            if payload.startswith(b"[DONE]"):
                told += self.close()
            else:
                self._read(_answer.decode(payload), told)
        return told

    def close(self) -> list[Event]:
        """How each choice ended, once nothing can follow any more."""
        told: list[Event] = []
        for at, tools in self._tools.items():
            _complete(tools, at, told)
        told += [self._finish(choice, choice.finish_reason or "") for choice in self._ends.values()]
        self._ends, self._tools = {}, {}
        return told

    def _read(self, answer: _Answer, out: list[Event]) -> None:
        if bytes(answer.error) not in _NOTHING:
            out.append(_failure(answer.error))
            return
        if not self._started:
            self._started = True
            out.append(Start(answer.id or "", answer.model or ""))
        for choice in answer.choices or ():
            said = choice.delta if choice.delta is not None else choice.message
            if said is not None:
                self._said(choice, said, out)
            if choice.finish_reason == "error":
                out.append(Failure("the upstream ended its answer with an error"))
                return
            if choice.finish_reason and (choice.finish_reason != "stop" or choice.index not in self._ends):
                self._ends[choice.index] = choice
        if answer.usage is not None:
            out.append(Usage.from_chat(answer.usage))

    def _said(self, choice: _Choice, said: _Delta, out: list[Event]) -> None:
        at = choice.index
        if thought := said.reasoning_content or said.reasoning:
            out.append(ThinkingDelta(thought, at))
        if said.reasoning_details is not None:
            _details(said.reasoning_details, not thought, at, out)
        if isinstance(said.content, str):
            if said.content or bytes(choice.logprobs) not in _NOTHING:
                logprobs = choice.logprobs if bytes(choice.logprobs) not in _NOTHING else None
                out.append(TextDelta(said.content, at, logprobs))
        elif said.content is not None:
            _pieces(said.content, at, out)
        if said.refusal:
            out.append(Refusal(said.refusal, at))
        for call in said.tool_calls or ():
            self._call(at, call, out)
        if said.function_call is not None:
            self._call(at, _Call(0, function=said.function_call), out)

    def _call(self, choice: int, call: _Call, out: list[Event]) -> None:
        tools = self._tools.get(choice)
        if tools is None:
            tools = self._tools[choice] = _Tools()
        if call.custom is not None:
            name, text = call.custom.name, _inside(call.custom.input or "")
        elif call.function is not None:
            name, text = call.function.name, _arguments(call.function.arguments)
        else:
            name, text = None, ""
        tool = self._tool(tools, call, name, text)
        if call.custom is None and call.function is None:
            return
        if text:
            tool.said.append(text)
        tool.name = tool.name or name or ""
        if tool.waiting is None:
            if text:
                out.append(ToolDelta(tool.index, text, choice))
        else:
            tool.waiting += text
            if tool.name:
                _announce(tool, choice, out)

    def _tool(self, tools: _Tools, call: _Call, named: str | None, text: str) -> _Tool:
        """The call that a fragment belongs to. The same id, or none, goes on with the call at its
        index; another id there with a name begins a new one, whatever index it claims, and so does a
        name without an id after arguments that are all there."""
        known: _Tool | None
        if call.index is not None:
            known = tools.by_index.get(call.index)
        elif call.id:
            known = tools.by_id.get(call.id)
        else:
            known = tools.all[-1] if tools.all and not named else None
        if known is not None:
            if not call.id and named and known.is_over(named, text):
                pass
            elif not call.id or call.id == known.id or not named:
                return known
            elif (other := tools.by_id.get(call.id)) is not None:
                return other
        known = _Tool(len(tools.all), call.id or self._ids(), call.custom is not None)
        tools.all.append(known)
        tools.by_id.setdefault(known.id, known)
        if call.index is not None:
            tools.by_index[call.index] = known
        return known

    def _finish(self, choice: _Choice, said: str) -> Finish:
        reason = _STOPS.get(said, "stop")
        if choice.index in self._tools and reason == "stop":
            # Who was told which tool to call often says `stop`.
            reason = "tool_calls"
        matched = _string.decode(choice.stop_reason) if bytes(choice.stop_reason)[:1] == b'"' else None
        return Finish(reason, choice.index, matched)


def _complete(tools: _Tools, choice: int, out: list[Event]) -> None:
    for tool in tools.all:
        if tool.waiting is not None:
            _announce(tool, choice, out)
        if tool.custom:
            out.append(ToolDelta(tool.index, '"}', choice))


def _announce(tool: _Tool, choice: int, out: list[Event]) -> None:
    out.append(ToolStart(tool.index, tool.id, tool.name, choice))
    if tool.custom:
        out.append(ToolDelta(tool.index, '{"input":"', choice))
    if tool.waiting:
        out.append(ToolDelta(tool.index, tool.waiting, choice))
    tool.waiting = None


def _arguments(said: Raw) -> str:
    """A text, or what should have been one."""
    text = bytes(said)
    if text[:1] == b'"':
        return _string.decode(said)
    return "" if text in _NOTHING else text.decode("utf-8", "replace")


def _inside(text: str) -> str:
    """`text` as it stands between the quotes of a JSON string."""
    return _encode(text)[1:-1].decode()


def _details(said: list[_Detail], alone: bool, choice: int, out: list[Event]) -> None:
    """OpenRouter's thoughts with their proofs; the text only where it did not come by its other name."""
    for detail in said:
        if alone and (text := detail.text or detail.summary):
            out.append(ThinkingDelta(text, choice))
        if detail.data is not None:
            out.append(Signature(redacted=detail.data, choice=choice))
        elif detail.signature:
            out.append(Signature(detail.signature, choice=choice))


def _pieces(said: list[_Piece], choice: int, out: list[Event]) -> None:
    for piece in said:
        if piece.thinking is not None:
            text = "".join(part.text or "" for part in piece.thinking)
            if text:
                out.append(ThinkingDelta(text, choice))
        elif piece.text:
            out.append(TextDelta(piece.text, choice))


def _failure(said: Raw) -> Failure:
    try:
        error = _error.decode(said)
    except msgspec.ValidationError:
        return Failure("")
    if isinstance(error, str):
        return Failure(error)
    code = bytes(error.code).strip(b'"').decode("utf-8", "replace")
    return Failure(error.message or "", error.type or "", "" if code == "null" else code)
