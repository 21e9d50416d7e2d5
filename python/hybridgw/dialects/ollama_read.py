"""Ollama's requests, read into the hub: `/api/chat` and `/api/generate`.

Ollama names a call's result by its tool, or by nothing at all, where the hub wants ids: each call gets
one from its place in the conversation (the same every time, so that a backend's prompt cache holds),
and a result belongs to the oldest call without one that fits.

What only an Ollama could do with the text itself (`raw`, `template`, `suffix`, `context`) is refused:
leaving it out would ask the model something else. Options of its runner (`num_ctx`, …) say how a model
is loaded, which is not the client's to say elsewhere; they are listed as dropped. `keep_alive` means
nothing here and is no loss.
"""

import binascii
from collections import deque
from typing import Any, NoReturn, TypeVar

import msgspec

from hybridgw.dialects.reading import Raw, member, number, tool_name
from hybridgw.errors import RequestError
from hybridgw.wire import (
    Ask,
    Audio,
    Format,
    Image,
    Message,
    Part,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
)

T = TypeVar("T")


class _CallFunction(msgspec.Struct):
    name: str
    arguments: Raw = Raw(b"{}")


class _Call(msgspec.Struct):
    function: _CallFunction
    id: str | None = None


class _Turn(msgspec.Struct):
    role: str
    content: str | None = None
    thinking: str | None = None
    images: list[str] | None = None
    tool_calls: list[_Call] | None = None
    tool_name: str | None = None
    tool_call_id: str | None = None


class _ToolFunction(msgspec.Struct):
    name: str
    description: str | None = None
    parameters: Raw = Raw(b"null")


class _Tool(msgspec.Struct):
    function: _ToolFunction
    type: str | None = "function"


_members = msgspec.json.Decoder(dict[str, Raw])
_turns = msgspec.json.Decoder(list[_Turn])
_tools = msgspec.json.Decoder(list[_Tool])
_strings = msgspec.json.Decoder(list[str])
_string = msgspec.json.Decoder(str)
_flag = msgspec.json.Decoder(bool)
_count = msgspec.json.Decoder(int)
_object = msgspec.json.Decoder(dict[str, Raw])

_THINK = frozenset({"none", "minimal", "low", "medium", "high", "xhigh", "max"})
_ROLES = frozenset({"system", "developer", "user", "assistant", "tool"})
# Samplers beyond the hub's: engines of the same family know them under the same names.
_SAMPLERS = frozenset(
    {"min_p", "typical_p", "repeat_penalty", "repeat_last_n", "mirostat", "mirostat_eta", "mirostat_tau"}
)
_NUMBERS = ("temperature", "top_p", "top_k", "seed", "presence_penalty", "frequency_penalty")
_ONLY_OLLAMA = ("template", "suffix", "context", "raw")
_ANY = ("", "")
"""What a result says of its call that says nothing."""
_EMPTY = frozenset({b"null", b"false", b'""', b"[]"})
_HEAD = 24
"""Characters of base64 that hold every signature below."""


def read_chat(body: bytes) -> Ask:
    """A body of `/api/chat`."""
    members = _members.decode(body)
    turns = _list(members.pop("messages", None), _turns, "messages")
    if not turns:
        _refuse("invalid_value", "`messages` must not be empty", "messages")
    ask = _common(members, _Conversation().messages(turns))
    tools = members.pop("tools", None)
    if tools is not None and bytes(tools) != b"null":
        ask.tools = [_tool_of(tool, at) for at, tool in enumerate(_list(tools, _tools, "tools"))]
    ask.drop(*members)
    return ask


def read_generate(body: bytes) -> Ask:
    """A body of `/api/generate`: at most a system message and one of the user."""
    members = _members.decode(body)
    for name in _ONLY_OLLAMA:
        if bytes(members.pop(name, b"null")) not in _EMPTY:
            _refuse(
                "unsupported_parameter",
                f"`{name}` acts on the prompt's own text, which the backend of this model does not do",
                name,
            )
    messages: list[Message] = []
    system = member(_string, members.pop("system", None), "system")
    if system:
        messages.append(Message("system", [Text(system)]))
    parts: list[Part] = [Text(member(_string, members.pop("prompt", None), "prompt") or "")]
    images = member(_strings, members.pop("images", None), "images") or []
    parts += [_media(data, f"images[{at}]") for at, data in enumerate(images)]
    messages.append(Message("user", parts))
    ask = _common(members, messages)
    ask.drop(*members)
    return ask


def _common(members: dict[str, Raw], messages: list[Message]) -> Ask:
    """What both requests share. What it reads is taken out of `members`."""
    members.pop("keep_alive", None)
    ask = Ask(
        model=member(_string, members.pop("model", None), "model") or "",
        messages=messages,
        # A client that says nothing wants a stream.
        stream=_flag_of(members, "stream") is not False,
        logprobs=bool(_flag_of(members, "logprobs")),
        top_logprobs=member(_count, members.pop("top_logprobs", None), "top_logprobs"),
        format=_format(members.pop("format", None)),
    )
    _think(ask, members.pop("think", None))
    if (options := members.pop("options", None)) is not None:
        _options(ask, member(_object, options, "options") or {})
    return ask


def _flag_of(members: dict[str, Raw], name: str) -> bool | None:
    return member(_flag, members.pop(name, None), name)


def _format(raw: Raw | None) -> Format | None:
    said = bytes(raw) if raw is not None else b"null"
    if said in (b"null", b'""'):
        return None
    if said == b'"json"':
        return Format("json_object")
    if said[:1] != b"{":
        _refuse("invalid_value", '`format` is "json" or a JSON schema', "format")
    return Format("json_schema", schema=raw)


def _think(ask: Ask, raw: Raw | None) -> None:
    said = bytes(raw) if raw is not None else b"null"
    if said in (b"null", b'""'):
        return
    if said == b"true":
        ask.thinking = "enabled"
    elif said == b"false":
        ask.effort = "none"
        ask.show_thinking = False
    else:
        word = member(_string, raw, "think") or ""
        if word not in _THINK:
            _refuse("invalid_value", '`think` is true, false, "low", "medium", "high" or "max"', "think")
        ask.effort = word


def _options(ask: Ask, options: dict[str, Raw]) -> None:
    for name, raw in options.items():
        said = bytes(raw)
        field = f"options.{name}"
        if said == b"null":
            continue
        if name in _NUMBERS:
            setattr(ask, name, number(raw, field))
        elif name == "num_predict":
            limit = member(_count, raw, field) or 0
            # Negative: as much as there is to say.
            ask.max_tokens = limit if limit > 0 else None
        elif name == "stop":
            ask.stop = (
                [member(_string, raw, field) or ""]
                if said[:1] == b'"'
                else member(_strings, raw, field) or []
            )
        elif name in _SAMPLERS:
            number(raw, field)
            ask.extra[name] = raw
        else:
            ask.drop(field)


def _tool_of(tool: _Tool, at: int) -> Tool:
    function = tool.function
    if tool.type not in ("function", None):
        _refuse("invalid_value", 'a tool has the type "function"', f"tools[{at}].type")
    name = tool_name(function.name, f"tools[{at}].function.name")
    parameters = bytes(function.parameters)
    if parameters != b"null" and parameters[:1] != b"{":
        _refuse(
            "wrong_type", "the parameters of a tool are a JSON schema", f"tools[{at}].function.parameters"
        )
    schema = None if parameters == b"null" else function.parameters
    return Tool(name, function.description, schema)


class _Conversation:
    """Reads the turns in order, and remembers the calls that have no result yet."""

    def __init__(self) -> None:
        self._open: dict[int, ToolCall] = {}
        """Calls without a result, by their number."""
        self._made = 0
        self._waiting: dict[tuple[str, str], deque[int]] = {}
        """Numbers of calls, oldest first, by what a result may say of them. They stay here when a result
        found them by something else."""

    def messages(self, turns: list[_Turn]) -> list[Message]:
        return [self._message(turn, at) for at, turn in enumerate(turns)]

    def _message(self, turn: _Turn, at: int) -> Message:
        field = f"messages[{at}]"
        role = turn.role if turn.role in _ROLES else turn.role.lower()
        if role not in _ROLES:
            _refuse("invalid_value", "`role` is system, user, assistant or tool", f"{field}.role")
        if turn.tool_calls and role != "assistant":
            _refuse("invalid_value", "only the assistant calls tools", f"{field}.tool_calls")
        if role == "tool":
            return Message("tool", [self._result(turn, field)])
        parts: list[Part] = []
        if turn.thinking:
            parts.append(Thinking(turn.thinking))
        if turn.content or not (turn.images or turn.tool_calls):
            parts.append(Text(turn.content or ""))
        if turn.images:
            parts += [_media(data, f"{field}.images[{at}]") for at, data in enumerate(turn.images)]
        for nth, call in enumerate(turn.tool_calls or ()):
            parts.append(self._call(call, f"call_{at}_{nth}", f"{field}.tool_calls[{nth}].function"))
        if role == "developer":
            return Message("system", parts, developer=True)
        return Message(role, parts)  # type: ignore[arg-type]  # one of the roles above

    def _call(self, call: _Call, made: str, field: str) -> ToolCall:
        function = call.function
        name = tool_name(function.name, f"{field}.name")
        said = bytes(function.arguments)
        if said[:1] == b'"':
            # As Chat writes them; Ollama's own clients send the object.
            text = _string.decode(said)
        elif said[:1] == b"{":
            text = said.decode()
        elif said == b"null":
            text = "{}"
        else:
            _refuse("wrong_type", "the arguments of a call are an object", f"{field}.arguments")
        read = ToolCall(call.id or made, name, text)
        self._open[self._made] = read
        for said_of in (("id", read.id), ("name", read.name), _ANY):
            self._waiting.setdefault(said_of, deque()).append(self._made)
        self._made += 1
        return read

    def _result(self, turn: _Turn, field: str) -> ToolResult:
        by_name = ("name", turn.tool_name) if turn.tool_name else _ANY
        call = self._oldest(("id", turn.tool_call_id) if turn.tool_call_id else by_name)
        if call is None:
            _refuse("invalid_value", "this result belongs to no call before it", field)
        parts: list[Text | Image | Any] = [Text(turn.content or "")]
        for at, data in enumerate(turn.images or ()):
            parts.append(_media(data, f"{field}.images[{at}]"))
        return ToolResult(call.id, parts, name=call.name)

    def _oldest(self, said: tuple[str, str]) -> ToolCall | None:
        """The oldest call without a result of which this can be said; it has one now."""
        waiting = self._waiting.get(said)
        while waiting:
            call = self._open.pop(waiting.popleft(), None)
            if call is not None:
                return call
        return None


def _media(data: str, field: str) -> Image | Audio:
    """An entry of `images`, by what it begins with: Ollama takes recordings there too."""
    if data.startswith("data:"):
        data = data.partition(",")[2]
    try:
        head = binascii.a2b_base64(data[:_HEAD], strict_mode=True)
    except (binascii.Error, ValueError):
        _refuse("invalid_value", "an image is base64, and neither a path nor an address", field)
    if head.startswith(b"\x89PNG"):
        return Image("image/png", data)
    if head.startswith(b"\xff\xd8"):
        return Image("image/jpeg", data)
    if head.startswith(b"GIF8"):
        return Image("image/gif", data)
    if head.startswith(b"RIFF"):
        return Audio(data, "wav") if head[8:12] == b"WAVE" else Image("image/webp", data)
    return Image(None, data)


def _list(raw: Raw | None, decoder: "msgspec.json.Decoder[list[T]]", field: str) -> list[T]:
    """A list that must be there."""
    found = member(decoder, raw, field)
    if found is None:
        _refuse("missing_field", f"`{field}` is missing", field)
    return found


def _refuse(code: str, message: str, field: str) -> NoReturn:
    raise RequestError(code, message, field=field)
