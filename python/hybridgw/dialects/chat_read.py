"""Reads a Chat Completions request.

Lenient where backends are and applications rely on it (limits under both names, `stop` as text,
thoughts under three names, the oldest `functions`), strict where going on would change what the user
asked: an unknown role or part, a tool's answer without a call. Members without a place in the hub stay
in `extra` for backends of the same family.
"""

from typing import Literal

import msgspec

from hybridgw.dialects.chat_turns import ChatMessage, Conversation
from hybridgw.dialects.reading import Raw, decoded, given, number, tool_name
from hybridgw.errors import RequestError
from hybridgw.wire import (
    Ask,
    Format,
    Tool,
    ToolChoice,
)


class _Declared(msgspec.Struct):
    name: str
    description: str | None = None
    parameters: Raw = Raw()
    strict: bool | None = None
    format: Raw = Raw()
    cache_control: Raw = Raw()


class _Tool(msgspec.Struct):
    type: Literal["function", "custom"] = "function"
    function: _Declared | None = None
    custom: _Declared | None = None
    cache_control: Raw = Raw()


class _Name(msgspec.Struct):
    name: str


class _AllowedTool(msgspec.Struct):
    function: _Name | None = None
    custom: _Name | None = None


class _Allowed(msgspec.Struct):
    mode: Literal["auto", "required"] = "auto"
    tools: list[_AllowedTool] = []


class _Choice(msgspec.Struct):
    type: Literal["function", "custom", "allowed_tools"] = "function"
    function: _Name | None = None
    custom: _Name | None = None
    allowed_tools: _Allowed | None = None


class _Schema(msgspec.Struct):
    name: str = "output"
    schema: Raw = Raw()
    strict: bool | None = None
    description: str | None = None


class _Format(msgspec.Struct):
    type: Literal["text", "json_object", "json_schema"]
    json_schema: _Schema | None = None


class _StreamOptions(msgspec.Struct):
    include_usage: bool | None = None


class _Reasoning(msgspec.Struct):
    """OpenRouter's way to say how much is thought."""

    effort: str | None = None
    max_tokens: int | None = None
    exclude: bool | None = None
    enabled: bool | None = None


class _Thinking(msgspec.Struct):
    """Anthropic's way."""

    type: Literal["enabled", "adaptive", "disabled"] = "enabled"
    budget_tokens: int | None = None


class _Body(msgspec.Struct):
    messages: list[ChatMessage]
    model: str = ""
    tools: list[_Tool] | None = None
    functions: list[_Declared] | None = None
    tool_choice: Literal["none", "auto", "required"] | _Choice | None = None
    function_call: Literal["none", "auto"] | _Name | None = None
    parallel_tool_calls: bool | None = None
    max_completion_tokens: int | None = None
    max_tokens: int | None = None
    stop: str | list[str] | None = None
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    n: int | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    response_format: _Format | None = None
    reasoning_effort: str | None = None
    reasoning: _Reasoning | None = None
    thinking: _Thinking | None = None
    verbosity: str | None = None
    safety_identifier: str | None = None
    user: str | None = None
    service_tier: str | None = None


_body = msgspec.json.Decoder(_Body)
_members = msgspec.json.Decoder(dict[str, Raw])
_NUMBERS = ("temperature", "top_p", "top_k", "seed", "presence_penalty", "frequency_penalty")
_KNOWN = frozenset((*_Body.__struct_fields__, *_NUMBERS))


def read(body: bytes) -> Ask:
    """The request. RequestError names the member that is wrong."""
    asked = decoded(_body, body)
    members = _members.decode(body)
    ask = Ask(model=asked.model, messages=Conversation().read(asked.messages))
    if asked.tools:
        ask.tools = [_tool(tool, at) for at, tool in enumerate(asked.tools)]
    elif asked.functions:
        ask.functions = True
        # The old shape of an answer holds one call.
        ask.parallel = False
        ask.tools = [_declared(tool, f"functions[{at}]") for at, tool in enumerate(asked.functions)]
    if asked.tool_choice is not None:
        ask.tool_choice = _choice(asked.tool_choice)
    elif asked.function_call is not None:
        ask.tool_choice = _old_choice(asked.function_call)
    if asked.parallel_tool_calls is not None:
        ask.parallel = asked.parallel_tool_calls
    ask.max_tokens = _limit(asked)
    for name in _NUMBERS:
        if name in members:
            setattr(ask, name, number(members[name], name))
    if asked.stop is not None:
        ask.stop = [asked.stop] if isinstance(asked.stop, str) else asked.stop
    ask.stream = bool(asked.stream)
    ask.include_usage = asked.stream_options is not None and bool(asked.stream_options.include_usage)
    ask.n = positive("n", asked.n) or 1
    ask.logprobs = bool(asked.logprobs)
    ask.top_logprobs = asked.top_logprobs
    if asked.response_format is not None:
        ask.format = _format(asked.response_format)
    ask.effort = asked.reasoning_effort
    _think(ask, asked)
    ask.verbosity = asked.verbosity
    ask.user = asked.safety_identifier or asked.user
    ask.service_tier = asked.service_tier
    if not members.keys() <= _KNOWN:
        ask.extra = {
            name: value for name, value in members.items() if name not in _KNOWN and given(value) is not None
        }
    return ask


def positive(name: str, value: int | None) -> int | None:
    """`value`; RequestError for less than one."""
    if value is not None and value < 1:
        raise RequestError("invalid_value", f"`{name}` must be at least 1", field=name)
    return value


def _limit(asked: _Body) -> int | None:
    if asked.max_completion_tokens is not None:
        return positive("max_completion_tokens", asked.max_completion_tokens)
    # Applications write -1 for no limit.
    return None if asked.max_tokens == -1 else positive("max_tokens", asked.max_tokens)


def _think(ask: Ask, asked: _Body) -> None:
    """How much is thought, in the words of two other families that applications use in Chat."""
    if (said := asked.reasoning) is not None:
        ask.effort = ask.effort or said.effort
        ask.thinking_budget = said.max_tokens
        ask.show_thinking = not said.exclude
        if said.enabled is not None:
            ask.thinking = "enabled" if said.enabled else "disabled"
    if asked.thinking is not None:
        ask.thinking = asked.thinking.type
        ask.thinking_budget = asked.thinking.budget_tokens


def _format(said: _Format) -> Format | None:
    if said.type == "text":
        return None
    if said.type == "json_object":
        return Format("json_object")
    schema = said.json_schema
    if schema is None or not bytes(schema.schema):
        field = "response_format.json_schema" + (".schema" if schema else "")
        raise RequestError("missing_field", f"`{field}` is missing", field=field)
    return Format("json_schema", schema.name, schema.schema, schema.strict, schema.description)


def _tool(tool: _Tool, at: int) -> Tool:
    field = f"tools[{at}].{tool.type}"
    declared = tool.function if tool.type == "function" else tool.custom
    if declared is None:
        raise RequestError("missing_field", f"`{field}` is missing", field=field)
    built = _declared(declared, field, tool.type == "custom")
    built.cache = given(tool.cache_control) or given(declared.cache_control)
    return built


def _declared(said: _Declared, field: str, custom: bool = False) -> Tool:
    return Tool(
        tool_name(said.name, f"{field}.name"),
        said.description,
        given(said.parameters),
        said.strict,
        custom,
        given(said.format) if custom else None,
    )


def _choice(said: str | _Choice) -> ToolChoice:
    if isinstance(said, str):
        return ToolChoice(mode=said)  # type: ignore[arg-type]
    if said.type == "allowed_tools":
        if said.allowed_tools is None:
            raise RequestError(
                "missing_field", "`allowed_tools` is missing", field="tool_choice.allowed_tools"
            )
        tools = [tool.function or tool.custom for tool in said.allowed_tools.tools]
        return ToolChoice(said.allowed_tools.mode, allowed=tuple(tool.name for tool in tools if tool))
    chosen = said.function if said.type == "function" else said.custom
    if chosen is None:
        field = f"tool_choice.{said.type}"
        raise RequestError("missing_field", f"`{field}` is missing", field=field)
    return ToolChoice("named", chosen.name)


def _old_choice(said: str | _Name) -> ToolChoice:
    if isinstance(said, _Name):
        return ToolChoice("named", said.name)
    return ToolChoice("none" if said == "none" else "auto")
