"""A Messages request as an `Ask`.

The conversation is read by `messages_turns`. Unknown members are never refused: Claude Code sends new
ones with every release. Those at the top level that mean nothing elsewhere are noted as dropped.
"""

import msgspec

from hybridgw.dialects.messages_turns import Block, Turn, Turns, refuse
from hybridgw.dialects.reading import Raw, decoded, given, needed, number, tool_name
from hybridgw.wire import (
    Ask,
    Format,
    Tool,
    ToolChoice,
)

_BUDGETS = ((4096, "low"), (12288, "medium"))
_TIERS = {"auto": "auto", "standard_only": "default"}


class _Tool(msgspec.Struct):
    name: str
    type: str | None = None
    description: str | None = None
    input_schema: Raw = Raw()
    strict: bool | None = None
    cache_control: Raw = Raw()


class _Choice(msgspec.Struct):
    type: str
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


class _Thinks(msgspec.Struct):
    type: str
    budget_tokens: int | None = None
    display: str | None = None


class _Format(msgspec.Struct):
    type: str
    schema: Raw = Raw()


class _Output(msgspec.Struct):
    effort: str | None = None
    format: _Format | None = None


class _Metadata(msgspec.Struct):
    user_id: str | None = None


class _Body(msgspec.Struct):
    model: str
    messages: list[Turn]
    system: str | list[Block] | None = None
    max_tokens: int | None = None
    tools: list[_Tool] | None = None
    tool_choice: _Choice | None = None
    thinking: _Thinks | None = None
    output_config: _Output | None = None
    output_format: _Format | None = None
    stop_sequences: list[str] | None = None
    temperature: Raw = Raw()
    top_p: Raw = Raw()
    top_k: Raw = Raw()
    metadata: _Metadata | None = None
    service_tier: str | None = None
    stream: bool | None = None


_body = msgspec.json.Decoder(_Body)
_members = msgspec.json.Decoder(dict[str, Raw])
_KNOWN = frozenset(_Body.__struct_fields__)


def read_messages(body: bytes) -> Ask:
    """The request. RequestError names the field that is wrong."""
    asked = decoded(_body, body)
    ask = Ask(
        model=asked.model,
        messages=[],
        max_tokens=asked.max_tokens,
        temperature=number(asked.temperature, "temperature"),
        top_p=number(asked.top_p, "top_p"),
        top_k=number(asked.top_k, "top_k"),
        stop=asked.stop_sequences or [],
        stream=asked.stream is True,
        include_usage=True,
        user=asked.metadata.user_id if asked.metadata else None,
    )
    if asked.max_tokens is not None and asked.max_tokens < 0:
        refuse("max_tokens", "the limit is negative")
    turns = Turns(ask)
    turns.preamble(asked.system)
    if not asked.messages:
        refuse("messages", "there is no message")
    for position, message in enumerate(asked.messages):
        turns.add(message, position)
    if all(message.role == "system" for message in ask.messages):
        refuse("messages", "there is no message that says anything")
    _tools(ask, asked)
    _thinking(ask, asked)
    form = (asked.output_config and asked.output_config.format) or asked.output_format
    if form is not None:
        if form.type != "json_schema":
            refuse("output_config.format.type", "only json_schema is known")
        ask.format = Format("json_schema", schema=given(form.schema))
    if asked.service_tier is not None:
        ask.service_tier = _TIERS.get(asked.service_tier, asked.service_tier)
    members = _members.decode(body)
    if not members.keys() <= _KNOWN:
        ask.drop(*[name for name in members if name not in _KNOWN])
    return ask


def _tools(ask: Ask, asked: _Body) -> None:
    for at, tool in enumerate(asked.tools or ()):
        if tool.type is not None and tool.type != "custom":
            # Run by the API itself, or with a schema that only its models know.
            ask.drop(tool.type)
            continue
        ask.tools.append(
            Tool(
                tool_name(tool.name, f"tools[{at}].name"),
                tool.description,
                given(tool.input_schema),
                tool.strict,
                cache=given(tool.cache_control),
            )
        )
    choice = asked.tool_choice
    if choice is None:
        return
    if choice.disable_parallel_tool_use:
        ask.parallel = False
    if choice.type == "tool":
        name = needed(choice.name, "tool_choice.name")
        if any(tool.name == name for tool in ask.tools):
            ask.tool_choice = ToolChoice("named", name)
        elif any(tool.name == name for tool in asked.tools or ()):
            ask.drop("tool_choice")
        else:
            refuse("tool_choice.name", "no tool has this name")
    elif choice.type == "any":
        if ask.tools:
            ask.tool_choice = ToolChoice("required")
        else:
            ask.drop("tool_choice")
    elif choice.type == "auto" or choice.type == "none":
        ask.tool_choice = ToolChoice("none" if choice.type == "none" else "auto")
    else:
        refuse("tool_choice.type", "it is none of auto, any, tool, none")


def _thinking(ask: Ask, asked: _Body) -> None:
    """How much to think: said as an effort, or as a budget, which becomes one."""
    ask.effort = asked.output_config.effort if asked.output_config else None
    wanted = asked.thinking
    if wanted is None:
        return
    if wanted.type == "disabled":
        ask.thinking, ask.effort = "disabled", "none"
        return
    if wanted.type == "enabled":
        ask.thinking, ask.thinking_budget = "enabled", wanted.budget_tokens
        if ask.effort is None and wanted.budget_tokens is not None:
            ask.effort = next((name for most, name in _BUDGETS if wanted.budget_tokens < most), "high")
    elif wanted.type in ("adaptive", "between_tools"):
        ask.thinking = "adaptive"
    else:
        refuse("thinking.type", "it is none of adaptive, enabled, disabled, between_tools")
    ask.show_thinking = wanted.display != "omitted"
