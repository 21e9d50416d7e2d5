"""Tools of a Responses request, and which of them may be called.

Chat's nesting is understood beside the flat form. Tools in a namespace are told to backends under one name
(`namespaces`). Tools that only OpenAI hosts are left out and listed.
"""

from typing import Any, cast

import msgspec

from hybridgw.dialects.namespaces import Names
from hybridgw.dialects.reading import Raw, decoded, given, needed, tool_name
from hybridgw.errors import RequestError
from hybridgw.wire import Ask, Tool, ToolChoice

_decoder = msgspec.json.Decoder
_several = _decoder(list[Raw])
_LONGEST_WORD = 64


class Head(msgspec.Struct):
    """What tells the kinds of items and of tools apart."""

    type: Any = None


head = _decoder(Head)


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
    tools: Raw = Raw()
    """Of a namespace."""


class _Named(msgspec.Struct):
    type: str = ""
    name: str | None = None
    namespace: str | None = None
    function: _Nested | None = None


class _Choice(msgspec.Struct):
    type: str = ""
    name: str | None = None
    namespace: str | None = None
    mode: str | None = None
    tools: list[_Named] = []
    function: _Nested | None = None


_tools = _decoder(list[_Tool])
_tool = _decoder(_Tool)
_choice = _decoder(str | _Choice)


_KINDS = frozenset({"function", "custom", "namespace"})


def read_tools(ask: Ask, names: Names, raw: Raw, field: str, inside: str | None = None) -> None:
    """Adds the tools of one list, which stands in `field`; `inside`: of this namespace."""
    try:
        tools = _tools.decode(raw)
    except msgspec.ValidationError:
        tools = []
        several = decoded(_several, raw, field)
        for index, one in enumerate(several):
            kind = decoded(head, one, f"{field}[{index}]").type
            hosted = isinstance(kind, str) and kind not in _KINDS
            tools.append(_Tool(type=kind) if hosted else decoded(_tool, one, f"{field}[{index}]"))
    for index, tool in enumerate(tools):
        where = f"{field}[{index}]"
        if tool.type == "function":
            made: _Tool | _Nested = tool if tool.function is None else tool.function
            name = names.add(inside, tool_name(made.name, f"{where}.name"))
            ask.tools.append(Tool(name, made.description, given(made.parameters), made.strict))
        elif tool.type == "custom":
            name = names.add(inside, tool_name(tool.name, f"{where}.name"))
            ask.tools.append(Tool(name, tool.description, custom=True, format=given(tool.format)))
        elif tool.type == "namespace" and inside is None:
            if given(tool.tools) is not None:
                space = tool_name(tool.name, f"{where}.name")
                read_tools(ask, names, tool.tools, f"{where}.tools", space)
            if tool.description:
                ask.drop("tools.namespace.description")  # each of its tools has one of its own
        else:
            ask.drop("tools." + word(tool.type))


def read_choice(ask: Ask, names: Names, raw: Raw) -> None:
    """`tool_choice`."""
    choice = decoded(_choice, raw, "tool_choice")
    if isinstance(choice, str):
        if choice not in ("auto", "none", "required"):
            raise RequestError(
                "invalid_value", "`tool_choice` is auto, none, required or an object", field="tool_choice"
            )
        ask.tool_choice = ToolChoice(cast(Any, choice))
    elif choice.type in ("function", "custom"):
        name = choice.name or (choice.function.name if choice.function else None)
        name = names.say(choice.namespace, needed(name, "tool_choice.name"))
        ask.tool_choice = ToolChoice("named", name)
    elif choice.type == "allowed_tools":
        mode = choice.mode or "auto"
        if mode not in ("auto", "required"):
            raise RequestError(
                "invalid_value", "`tool_choice.mode` is auto or required", field="tool_choice.mode"
            )
        allowed: list[str] = []
        for tool in choice.tools:
            name = tool.name or (tool.function.name if tool.function else None)
            if name and tool.type == "namespace":
                allowed += names.within(name)
            elif name:
                allowed.append(names.say(tool.namespace, name))
        ask.tool_choice = ToolChoice(cast(Any, mode), allowed=tuple(allowed))
    else:
        ask.drop("tool_choice")  # of a tool that only OpenAI hosts


def word(name: str) -> str:
    """A client's word, safe to be repeated in a header."""
    return name if name.isidentifier() and name.isascii() and len(name) <= _LONGEST_WORD else "unknown"
