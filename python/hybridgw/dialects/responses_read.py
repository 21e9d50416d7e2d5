"""A Responses request as an `Ask`.

Items are a flat list where Chat has turns: what the assistant thought, said and called between two
words of others is one turn. Requests that lean on what a server remembers are refused by name, since
this side remembers nothing by itself; items and tools that only OpenAI hosts are left out and listed,
as the reference does, and so are parameters that would have changed the answer. Members that change
nothing for the caller (`store`, `metadata`, cache keys) are understood and end here.

The request is decoded once into typed structs; only a list that does not fit them is gone through
item by item, to tell what is unknown from what is wrong. Content is never left out silently.
"""

from collections.abc import Callable
from typing import Any, Literal, cast

import msgspec

from hybridgw.dialects.carried import unpack
from hybridgw.dialects.reading import Raw, decoded, given, needed, number, tool_name
from hybridgw.dialects.responses_parts import Content, Piece, heard, spoken, texts_of
from hybridgw.errors import RequestError
from hybridgw.wire import Ask, Format, Message, Part, Text, Thinking, Tool, ToolCall, ToolChoice, ToolResult

_LONGEST_WORD = 64
_EFFORTS = frozenset({"none", "minimal", "low", "medium", "high", "xhigh", "max"})
_VERBOSITIES = frozenset({"low", "medium", "high"})
_REMEMBERED = ("previous_response_id", "conversation", "prompt")
_HARMLESS = frozenset(
    {
        "store", "metadata", "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention",
        "safety_identifier", "client_metadata", "background", "truncation",
    }
)  # fmt: skip
_ANSWERED = ("max_tool_calls", "context_management", "moderation")
"""What would have changed the answer and exists nowhere else."""


class ResponsesAsk(Ask, kw_only=True):
    """An Ask with what the answer has to repeat."""

    echo: bytes = b""
    """Members of the response object that repeat the request, without braces."""
    summaries: bool = False
    """Whether the client asked for summaries of thoughts; otherwise they are told as they are."""


class _Item(msgspec.Struct):
    type: str | None = None
    role: str | None = None
    content: Content = None
    call_id: str | None = None
    name: str | None = None
    arguments: str | None = None
    input: str | None = None
    output: Content = None
    summary: list[Piece] | None = None
    encrypted_content: str | None = None
    tools: Raw = Raw()


class _Head(msgspec.Struct):
    type: Any = None


class _Nested(msgspec.Struct):
    name: str | None = None
    description: str | None = None
    parameters: Raw = Raw()
    strict: bool | None = None


class _Tool(msgspec.Struct):
    type: str = "function"
    name: str | None = None
    description: str | None = None
    parameters: Raw = Raw()
    strict: bool | None = None
    format: Raw = Raw()
    function: _Nested | None = None


class _Named(msgspec.Struct):
    type: str = ""
    name: str | None = None
    function: _Nested | None = None


class _Choice(msgspec.Struct):
    type: str = ""
    name: str | None = None
    mode: str | None = None
    tools: list[_Named] = []
    function: _Nested | None = None


class _Form(msgspec.Struct):
    type: str = "text"
    name: str = "output"
    schema: Raw = Raw()
    strict: bool | None = None
    description: str | None = None


class _TextMember(msgspec.Struct):
    format: _Form | None = None
    verbosity: str | None = None


class _Reasoning(msgspec.Struct):
    effort: str | None = None
    summary: str | None = None
    generate_summary: str | None = None


class _StreamOptions(msgspec.Struct):
    include_usage: bool | None = None


_decoder = msgspec.json.Decoder
_members = _decoder(dict[str, Raw])
_input = _decoder(str | list[_Item])
_several = _decoder(list[Raw])
_head = _decoder(_Head)
_item = _decoder(_Item)
_tools = _decoder(list[_Tool])
_tool = _decoder(_Tool)
_choice = _decoder(str | _Choice)
_text = _decoder(_TextMember)
_reasoning = _decoder(_Reasoning)
_include = _decoder(list[str])
_stream_options = _decoder(_StreamOptions)
_str = _decoder(str)
_int = _decoder(int)
_bool = _decoder(bool)


def read(body: bytes) -> ResponsesAsk:
    """The request, apart from its wire. RequestError names the field that is wrong."""
    members = {name: raw for name, raw in _members.decode(body).items() if given(raw) is not None}
    for name in _REMEMBERED:
        if name in members:
            raise RequestError(
                "unsupported_parameter",
                f"`{name}` needs stored responses, and none are stored here; send all items as `input`",
                field=name,
            )
    take = members.pop
    ask = ResponsesAsk(model=decoded(_str, take("model", Raw(b'""')), "model"), messages=[])
    _read_switches(ask, members)
    instructions = take("instructions", None)
    if instructions is not None:
        text = decoded(_str, instructions, "instructions")
        if text:
            ask.messages.append(Message("system", [Text(text)]))
    tools, choice = take("tools", None), take("tool_choice", None)
    if tools is not None:
        _read_tools(ask, tools, "tools")
    if choice is not None:
        _read_choice(ask, choice)
    text_member, reasoning = take("text", None), take("reasoning", None)
    form = _read_text(ask, text_member) if text_member is not None else None
    if reasoning is not None:
        _read_reasoning(ask, reasoning)
    given_input = take("input", None)
    if given_input is None:
        raise RequestError("missing_field", "`input` is required", field="input")
    _Turns(ask).read(given_input)
    ask.echo = _echo(members, instructions, tools, choice, text_member, form, reasoning)
    ask.extra = {name: raw for name, raw in members.items() if name not in _TAKEN}
    return ask


def _read_switches(ask: ResponsesAsk, members: dict[str, Raw]) -> None:
    """Members that are one value. They stay in `members`, to be repeated."""
    get = members.get
    if (raw := get("stream")) is not None:
        ask.stream = decoded(_bool, raw, "stream")
    if (raw := get("stream_options")) is not None:
        ask.include_usage = bool(decoded(_stream_options, raw, "stream_options").include_usage)
    if (raw := get("max_output_tokens")) is not None:
        limit = decoded(_int, raw, "max_output_tokens")
        ask.max_tokens = limit if limit >= 0 else None  # -1 is "no limit" to local engines
    if (raw := get("temperature")) is not None:
        ask.temperature = number(raw, "temperature")
    if (raw := get("top_p")) is not None:
        ask.top_p = number(raw, "top_p")
    if (raw := get("parallel_tool_calls")) is not None:
        ask.parallel = decoded(_bool, raw, "parallel_tool_calls")
    if (raw := get("include")) is not None:
        ask.logprobs = "message.output_text.logprobs" in decoded(_include, raw, "include")
    if (raw := get("top_logprobs")) is not None:
        count = decoded(_int, raw, "top_logprobs")
        ask.top_logprobs = count if ask.logprobs else None
    if (raw := get("user")) is not None:
        ask.user = decoded(_str, raw, "user")
    if (raw := get("service_tier")) is not None:
        ask.service_tier = decoded(_str, raw, "service_tier")
    if (raw := get("background")) is not None and decoded(_bool, raw, "background"):
        raise RequestError(
            "unsupported_parameter", "`background` needs responses that are stored", field="background"
        )
    if (raw := get("truncation")) is not None and decoded(_str, raw, "truncation") != "disabled":
        ask.drop("truncation")
    for name in _ANSWERED:
        if name in members:
            ask.drop(name)


_TAKEN = _HARMLESS | {
    "stream", "stream_options", "max_output_tokens", "temperature", "top_p", "parallel_tool_calls",
    "include", "top_logprobs", "user", "service_tier", *_ANSWERED,
}  # fmt: skip


class _Turns:
    """Items, gathered into turns."""

    def __init__(self, ask: ResponsesAsk) -> None:
        self._ask = ask
        self._turn: Message | None = None
        """What the assistant is saying; None after anybody else."""
        self._calls: dict[str, tuple[str, ToolCall]] = {}
        self._signatures: dict[str, str] = {}

    def read(self, raw: Raw) -> None:
        """All of `input`."""
        try:
            items = _input.decode(raw)
        except msgspec.ValidationError:
            items = self._one_by_one(raw)
        if isinstance(items, str):
            self._ask.messages.append(Message("user", [Text(items)]))
            return
        before = len(self._ask.messages)
        for index, item in enumerate(items):
            kind = item.type or "message"
            handler = _HANDLERS.get(kind)
            if handler is None:
                self._ask.drop("input." + word(kind))
            else:
                handler(self, item, f"input[{index}]")
        if len(self._ask.messages) == before:
            raise RequestError("invalid_value", "`input` holds no message", field="input")

    @staticmethod
    def _one_by_one(raw: Raw) -> list[_Item]:
        """Of a list in which something has another type than known items have. An item of an unknown
        kind may have any members; anything else is the client's error, named."""
        items = []
        several = decoded(_several, raw, "input")
        for index, one in enumerate(several):
            field = f"input[{index}]"
            kind = decoded(_head, one, field).type
            if kind is None or kind in _HANDLERS:
                items.append(decoded(_item, one, field))
            elif isinstance(kind, str):
                items.append(_Item(type=kind))
            else:
                raise RequestError("wrong_type", f"`{field}.type` must be a string", field=f"{field}.type")
        return items

    def message(self, item: _Item, field: str) -> None:
        role = item.role
        if role == "assistant":
            if said := spoken(item.content, f"{field}.content"):
                self._assistant().parts += said
            return
        if role in ("user", "system", "developer"):
            parts: list[Part] = [*heard(item.content, f"{field}.content")]
            who: Literal["user", "system"] = "user" if role == "user" else "system"
            self._ask.messages.append(Message(who, parts, developer=role == "developer"))
            self._turn = None
        elif role is None:
            raise RequestError("missing_field", f"`{field}.role` is required", field=f"{field}.role")
        else:
            raise RequestError("invalid_value", f"`{field}.role` is no role", field=f"{field}.role")

    def call(self, item: _Item, field: str) -> None:
        self._add_call(item, field, "arguments", item.arguments, custom=False)

    def custom_call(self, item: _Item, field: str) -> None:
        self._add_call(item, field, "input", item.input, custom=True)

    def _add_call(self, item: _Item, field: str, member: str, text: str | None, *, custom: bool) -> None:
        id_ = needed(item.call_id, f"{field}.call_id")
        name = tool_name(item.name, f"{field}.name")
        said = needed(text, f"{field}.{member}", empty=True)
        call = ToolCall(id_, name, said, custom, signature=self._signatures.get(id_))
        self._calls[id_] = name, call
        self._assistant().parts.append(call)

    def output(self, item: _Item, field: str) -> None:
        id_ = needed(item.call_id, f"{field}.call_id")
        called = self._calls.get(id_)
        if called is None:
            raise RequestError(
                "invalid_value", f"`{field}` answers a call that is not in `input`", field=f"{field}.call_id"
            )
        parts = [Text("")] if item.output == [] else heard(item.output, f"{field}.output")
        result = ToolResult(id_, cast("list[Any]", parts), name=called[0])
        self._ask.messages.append(Message("tool", [result]))
        self._turn = None

    def reasoning(self, item: _Item, field: str) -> None:
        text = texts_of(item.content) if isinstance(item.content, list) else item.content or ""
        text = text or texts_of(item.summary)
        # Sealed by somebody else, it can be read by nobody here and is sent to nobody.
        carried = unpack(item.encrypted_content)
        self._signatures |= carried.calls
        for id_, signature in carried.calls.items():
            if id_ in self._calls:
                self._calls[id_][1].signature = signature
        if text or carried.signature or carried.redacted:
            thought = Thinking(text, carried.signature, carried.redacted)
            self._assistant().parts.append(thought)

    def reference(self, item: _Item, field: str) -> None:
        raise RequestError(
            "unsupported_parameter",
            f"`{field}` refers to a stored item, and none are stored here; send the item itself",
            field=field,
        )

    def more_tools(self, item: _Item, field: str) -> None:
        if given(item.tools) is not None:
            _read_tools(self._ask, item.tools, f"{field}.tools")

    def _assistant(self) -> Message:
        if self._turn is None:
            self._turn = Message("assistant", [])
            self._ask.messages.append(self._turn)
        return self._turn


_HANDLERS: dict[str, Callable[[_Turns, _Item, str], None]] = {
    "message": _Turns.message,
    "function_call": _Turns.call,
    "custom_tool_call": _Turns.custom_call,
    "function_call_output": _Turns.output,
    "custom_tool_call_output": _Turns.output,
    "reasoning": _Turns.reasoning,
    "item_reference": _Turns.reference,
    "additional_tools": _Turns.more_tools,
}


def _read_tools(ask: ResponsesAsk, raw: Raw, field: str) -> None:
    try:
        tools = _tools.decode(raw)
    except msgspec.ValidationError:
        tools = []
        several = decoded(_several, raw, field)
        for index, one in enumerate(several):
            kind = decoded(_head, one, f"{field}[{index}]").type
            hosted = isinstance(kind, str) and kind not in ("function", "custom")
            tools.append(_Tool(type=kind) if hosted else decoded(_tool, one, f"{field}[{index}]"))
    for index, tool in enumerate(tools):
        where = f"{field}[{index}]"
        if tool.type == "function":
            made: _Tool | _Nested = tool if tool.function is None else tool.function
            name = tool_name(made.name, f"{where}.name")
            ask.tools.append(Tool(name, made.description, given(made.parameters), made.strict))
        elif tool.type == "custom":
            name = tool_name(tool.name, f"{where}.name")
            ask.tools.append(Tool(name, tool.description, custom=True, format=given(tool.format)))
        else:
            ask.drop("tools." + word(tool.type))


def _read_choice(ask: ResponsesAsk, raw: Raw) -> None:
    choice = decoded(_choice, raw, "tool_choice")
    if isinstance(choice, str):
        if choice not in ("auto", "none", "required"):
            raise RequestError(
                "invalid_value", "`tool_choice` is auto, none, required or an object", field="tool_choice"
            )
        ask.tool_choice = ToolChoice(cast(Any, choice))
    elif choice.type in ("function", "custom"):
        name = choice.name or (choice.function.name if choice.function else None)
        ask.tool_choice = ToolChoice("named", needed(name, "tool_choice.name"))
    elif choice.type == "allowed_tools":
        mode = choice.mode or "auto"
        if mode not in ("auto", "required"):
            raise RequestError(
                "invalid_value", "`tool_choice.mode` is auto or required", field="tool_choice.mode"
            )
        names = [tool.name or (tool.function.name if tool.function else None) for tool in choice.tools]
        ask.tool_choice = ToolChoice(cast(Any, mode), allowed=tuple(name for name in names if name))
    else:
        ask.drop("tool_choice")  # of a tool that only OpenAI hosts


def _read_text(ask: ResponsesAsk, raw: Raw) -> _TextMember:
    member: _TextMember = decoded(_text, raw, "text")
    form = member.format
    if form is not None and form.type != "text":
        if form.type not in ("json_object", "json_schema"):
            raise RequestError(
                "invalid_value",
                "`text.format.type` is text, json_object or json_schema",
                field="text.format.type",
            )
        schema = given(form.schema)
        if form.type == "json_schema" and schema is None:
            raise RequestError(
                "missing_field", "`text.format.schema` is required", field="text.format.schema"
            )
        kind = cast(Literal["json_object", "json_schema"], form.type)
        ask.format = Format(kind, form.name, schema, form.strict, form.description)
    if member.verbosity is not None:
        if member.verbosity not in _VERBOSITIES:
            raise RequestError(
                "invalid_value", "`text.verbosity` is low, medium or high", field="text.verbosity"
            )
        ask.verbosity = member.verbosity
    return member


def _read_reasoning(ask: ResponsesAsk, raw: Raw) -> None:
    reasoning = decoded(_reasoning, raw, "reasoning")
    if reasoning.effort is not None:
        if reasoning.effort not in _EFFORTS:
            raise RequestError(
                "invalid_value",
                "`reasoning.effort` is none, minimal, low, medium, high, xhigh or max",
                field="reasoning.effort",
            )
        ask.effort = reasoning.effort
    ask.summaries = (reasoning.summary or reasoning.generate_summary) is not None


_ECHOED = (
    ("background", b"false"), ("max_output_tokens", b"null"), ("max_tool_calls", b"null"),
    ("metadata", b"{}"), ("parallel_tool_calls", b"true"), ("service_tier", b'"default"'),
    ("temperature", b"null"), ("top_logprobs", b"0"), ("top_p", b"null"), ("truncation", b'"disabled"'),
    ("user", b"null"),
)  # fmt: skip
_PLAIN = b'{"format":{"type":"text"}}'


def _echo(
    members: dict[str, Raw],
    instructions: Raw | None,
    tools: Raw | None,
    choice: Raw | None,
    text: Raw | None,
    form: _TextMember | None,
    reasoning: Raw | None,
) -> bytes:
    """What every client of OpenAI's finds repeated in its answer, in the client's own bytes. A copy: the
    request must not be held for as long as it is answered."""
    if text is None:
        shown = _PLAIN
    elif form is not None and form.format is None:
        said = b',"verbosity":"%b"' % form.verbosity.encode() if form.verbosity else b""
        shown = _PLAIN[:-1] + said + b"}"
    else:
        shown = bytes(text)
    get = members.get
    parts = [
        b'"instructions":%b' % (b"null" if instructions is None else bytes(instructions)),
        b'"previous_response_id":null,"store":false',
        b'"reasoning":%b' % (b'{"effort":null,"summary":null}' if reasoning is None else bytes(reasoning)),
        b'"text":%b' % shown,
        b'"tool_choice":%b' % (b'"auto"' if choice is None else bytes(choice)),
        b'"tools":%b' % (b"[]" if tools is None else bytes(tools)),
    ]
    parts += [
        b'"%b":%b' % (name.encode(), unsaid if (raw := get(name)) is None else bytes(raw))
        for name, unsaid in _ECHOED
    ]
    # Written over several lines by some clients; an event has to be one line.
    return b",".join(parts).replace(b"\n", b" ").replace(b"\r", b" ")


def word(name: str) -> str:
    """A client's word, safe to be repeated in a header."""
    return name if name.isidentifier() and name.isascii() and len(name) <= _LONGEST_WORD else "unknown"
