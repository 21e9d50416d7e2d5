"""Writes a request of the hub as a Chat Completions body.

What the backend can do comes from its `Capabilities`, what this deployment wants from its `Backend`.
The messages are written by `chat_turns`; a parameter that the backend cannot take is left out and noted in
`ask.dropped`. Numbers and schemas go out in the text that they came in.
"""

from typing import Any

import msgspec

from hybridgw.errors import RequestError
from hybridgw.providers.base import Backend
from hybridgw.providers.capabilities import Capabilities
from hybridgw.providers.chat_turns import Json, Turns
from hybridgw.providers.configured import leave_out
from hybridgw.providers.templated import one_system
from hybridgw.wire import Ask, Message, Part, Tool, ToolCall
from hybridgw.wire.parameters import same

Raw = msgspec.Raw

_encode = msgspec.json.Encoder().encode
_INPUT = Raw(
    b'{"type":"object","properties":{"input":{"type":"string"}},"required":["input"],'
    b'"additionalProperties":false}'
)
_NO_PARAMETERS = Raw(b'{"type":"object","properties":{}}')
_LIMITS = ("max_tokens", "max_completion_tokens")
_LONGEST_USER = 128


class _Grammar(msgspec.Struct):
    """As Chat nests it, or as Responses has it flat."""

    type: str = ""
    grammar: "_Grammar | None" = None
    syntax: str = ""
    definition: str = ""


_grammar = msgspec.json.Decoder(_Grammar)


def body(ask: Ask, backend: Backend, can: Capabilities) -> bytes:
    """The body. Adds to `ask.dropped`; RequestError for content that cannot be carried."""
    return _encode(members(ask, backend, can))


def members(ask: Ask, backend: Backend, can: Capabilities) -> Json:
    """The body's members, ready to be encoded."""
    out: Json = {"model": ask.model, "messages": Turns(backend, can).write(_conversation(ask, backend))}
    if can.cache_marks and any(_marked_call(part) for it in ask.messages for part in it.parts):
        ask.drop("cache_control")
    _tools(ask, can, out)
    if ask.max_tokens is not None:
        out[can.limit] = ask.max_tokens
    _sampling(ask, can, out)
    _thinking(ask, backend, can, out)
    _identity(ask, can, out)
    for name, value in ask.extra.items():
        if name in can.extras:
            out[name] = value
        else:
            ask.drop(name)
    if ask.stream:
        out["stream"] = True
        if backend.ask_usage:
            out["stream_options"] = {"include_usage": True}
    _configure(ask, backend, can, out)
    return out


def _marked_call(part: Part) -> bool:
    """A mark for which Chat has no place."""
    return isinstance(part, ToolCall) and part.cache is not None


def _conversation(ask: Ask, backend: Backend) -> list[Message]:
    if not backend.templated:
        return ask.messages
    told = one_system(ask.messages)
    if told is not ask.messages and any(it.name for it in ask.messages if it.role == "system"):
        ask.drop("name")
    return told


def _configure(ask: Ask, backend: Backend, can: Capabilities, out: Json) -> None:
    """What the configuration sets, in its own names: these are the members of this wire, and whatever they
    are they go out as they are written. Then the backend's spelling of names."""
    for name, value in ask.configured.items():
        for each in same(name):
            out.pop(each, None)
        if name == "stream_options" and ask.stream and backend.ask_usage and isinstance(value, dict):
            value = {**value, "include_usage": True}
        out[can.limit if name in _LIMITS else name] = value
        if name in ask.dropped and name not in backend.drops:
            ask.dropped.remove(name)
    leave_out(ask, backend, out)
    for old, new in backend.renames.items():
        if old in out:
            out[new] = out.pop(old)


def _tools(ask: Ask, can: Capabilities, out: Json) -> None:
    tools, choice = ask.tools, ask.tool_choice
    mode = choice.mode if choice is not None else None
    if not tools:
        return
    told: Any = mode
    if choice is not None and choice.allowed is not None:
        if can.custom_tools:
            named = [_pointer(tool) for tool in choice.among(tools)]
            told = {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": named}}
        else:
            tools = choice.among(tools)
    elif choice is not None and mode == "named" and not can.names_tool:
        tools = [tool for tool in tools if tool.name == choice.name]
        if not tools:
            message = f"`tool_choice` names a tool that is not offered: {(choice.name or '')[:64]!r}"
            raise RequestError("invalid_value", message, field="tool_choice")
        told = "required"
    elif choice is not None and mode == "named":
        custom = can.custom_tools and any(tool.custom and tool.name == choice.name for tool in tools)
        kind = "custom" if custom else "function"
        told = {"type": kind, kind: {"name": choice.name}}
    if mode == "none" and not can.tool_choice:
        # Whom nothing can be forbidden is not told of anything.
        return
    out["tools"] = [_tool(tool, can) for tool in tools]
    if told is not None and told != "auto":
        if can.tool_choice:
            out["tool_choice"] = told
        else:
            ask.drop("tool_choice")
    if ask.parallel is not None:
        if can.parallel:
            out["parallel_tool_calls"] = ask.parallel
        elif not ask.parallel and not ask.functions:
            ask.drop("parallel_tool_calls")


def _pointer(tool: Tool) -> Json:
    kind = "custom" if tool.custom else "function"
    return {"type": kind, kind: {"name": tool.name}}


def _tool(tool: Tool, can: Capabilities) -> Json:
    function: Json = {"name": tool.name}
    if tool.description is not None:
        function["description"] = tool.description
    if tool.custom and can.custom_tools:
        if tool.format is not None:
            function["format"] = _nested(tool.format)
        return {"type": "custom", "custom": function}
    if tool.custom:
        function["description"] = described(tool)
        function["parameters"] = _INPUT
    else:
        function["parameters"] = tool.parameters if tool.parameters is not None else _NO_PARAMETERS
        if tool.strict is not None:
            function["strict"] = tool.strict
    built: Json = {"type": "function", "function": function}
    if tool.cache is not None and can.cache_marks:
        built["cache_control"] = tool.cache
    return built


def _nested(said: Raw) -> Any:
    """The grammar of a custom tool as Chat has it; other formats as they are."""
    grammar = _grammar.decode(said)
    if grammar.type != "grammar" or grammar.grammar is not None:
        return said
    return {
        "type": "grammar",
        "grammar": {"syntax": grammar.syntax, "definition": grammar.definition},
    }


def described(tool: Tool) -> str:
    """What a function must say for itself when it stands for a custom tool: its grammar binds nobody
    there, but models follow what they can read."""
    lines = [tool.description or "", "Put the whole text of the call into `input`."]
    if tool.format is not None:
        grammar = _grammar.decode(tool.format)
        grammar = grammar.grammar or grammar
        if grammar.definition:
            lines.append(f"It follows this {grammar.syntax} grammar:\n{grammar.definition}")
    return "\n\n".join(line for line in lines if line)


def _sampling(ask: Ask, can: Capabilities, out: Json) -> None:
    _put(ask, out, "temperature", ask.temperature, True)
    _put(ask, out, "top_p", ask.top_p, True)
    _put(ask, out, "top_k", ask.top_k, can.top_k)
    _put(ask, out, "seed", ask.seed, True)
    _put(ask, out, "presence_penalty", ask.presence_penalty, can.penalties)
    _put(ask, out, "frequency_penalty", ask.frequency_penalty, can.penalties)
    _put(ask, out, "n", ask.n if ask.n > 1 else None, can.n)
    _put(ask, out, "logprobs", ask.logprobs or None, can.logprobs)
    if ask.logprobs:
        _put(ask, out, "top_logprobs", ask.top_logprobs, can.logprobs)
    if ask.stop:
        allowed = ask.stop[: can.stops]
        if allowed:
            out["stop"] = allowed
        if len(allowed) < len(ask.stop):
            ask.drop("stop")
    if (wanted := ask.format) is not None:
        if wanted.kind == "json_object":
            out["response_format"] = {"type": "json_object"}
        else:
            schema: Json = {"name": wanted.name, "schema": wanted.schema}
            if wanted.strict is not None:
                schema["strict"] = wanted.strict
            if wanted.description is not None:
                schema["description"] = wanted.description
            out["response_format"] = {"type": "json_schema", "json_schema": schema}


def _put(ask: Ask, out: Json, name: str, value: object, possible: bool) -> None:
    if value is None:
        return
    if possible:
        out[name] = value
    else:
        ask.drop(name)


def _thinking(ask: Ask, backend: Backend, can: Capabilities, out: Json) -> None:
    effort = ask.effort
    if effort is None and "thinking" in ask.configured:
        return  # it goes out in these words
    known = can.thinks(ask.model) if backend.thinking is None else backend.thinking
    if effort is None:
        effort = _derived(ask)
        thinks = can.assumes_thinking if known is None else known
        if effort is not None and not thinks:
            # Agents always say how to think, whatever model they talk to. A model that does not think
            # has nothing to be told, and where that is not known an error would be worse.
            if ask.thinking != "disabled":
                ask.drop("thinking")
            return
    if effort is None:
        if ask.thinking == "enabled":
            # Asked for, without a word on how much: nothing here says that alone.
            ask.drop("thinking")
        return
    if known is False or not can.efforts:
        ask.drop("reasoning_effort")
        return
    if effort not in can.efforts:
        nearest = {"max": "xhigh", "xhigh": "high", "minimal": "low", "none": "minimal"}.get(effort, effort)
        effort = nearest if nearest in can.efforts else effort
    out["reasoning_effort"] = effort


def _derived(ask: Ask) -> str | None:
    """An effort for what a Messages client says of thinking."""
    if ask.thinking == "disabled":
        return "none"
    budget = ask.thinking_budget
    if budget is None:
        return None
    return "low" if budget < 4096 else "medium" if budget < 12288 else "high"


def _identity(ask: Ask, can: Capabilities, out: Json) -> None:
    if ask.user is not None:
        # An address of a person is nobody's business.
        fit = can.user and "@" not in ask.user and len(ask.user) <= _LONGEST_USER
        if fit:
            out[can.user] = ask.user
        else:
            ask.drop("user")
    _put(ask, out, "verbosity", ask.verbosity, can.verbosity)
    _put(ask, out, "service_tier", ask.service_tier, can.service_tier)
