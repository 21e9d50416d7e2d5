"""Writes a request of the hub for OpenAI's Responses.

Nothing is stored there (`store: false`), so thoughts are asked for in the form in which they can come back
(`reasoning.encrypted_content`). A parameter that the API has no member for is left out and noted in
`ask.dropped`; numbers and schemas go out in the text that they came in.
"""

from typing import Any

import msgspec

from hybridgw.providers.base import Backend
from hybridgw.providers.configured import leave_out, write
from hybridgw.providers.openai_models import thinks
from hybridgw.providers.responses_seal import unsealed
from hybridgw.providers.responses_turns import Json, encode, items
from hybridgw.wire import Ask, Part, Thinking, Tool

Raw = msgspec.Raw

_NO_PARAMETERS = Raw(b'{"type":"object","properties":{}}')
_LEAST = 16
"""Tokens: a smaller limit is refused by the API."""
_LONGEST_USER = 128
_EXTRAS = frozenset(
    {
        "metadata",
        "prompt_cache_key",
        "prompt_cache_retention",
        "prompt_cache_options",
        "prompt_cache_breakpoint",
    }
)
_WRITTEN = _EXTRAS | {"store", "moderation"}
"""What a configuration says in words that Chat has, too."""
_NO_COUNTERPART = ("top_k", "seed", "presence_penalty", "frequency_penalty")


class _Grammar(msgspec.Struct):
    """The format of a custom tool as Chat nests it."""

    type: str = ""
    grammar: "_Grammar | None" = None
    syntax: str = ""
    definition: str = ""


_grammar = msgspec.json.Decoder(_Grammar)


def body(ask: Ask, backend: Backend) -> bytes:
    """The body. Adds to `ask.dropped`; RequestError for content that cannot be carried."""
    out: Json = {
        "model": ask.model,
        "input": items(ask.messages, sees=backend.vision is not False),
        "store": False,
    }
    if any(_unreadable(part) for message in ask.messages for part in message.parts):
        ask.drop("thinking")
    _tools(ask, out)
    if ask.max_tokens is not None:
        out["max_output_tokens"] = max(_LEAST, ask.max_tokens)
    thinking = backend.thinking if backend.thinking is not None else thinks(ask.model)
    _sampling(ask, out, thinking is True)
    _thinking(ask, out, thinking)
    _text(ask, out)
    _identity(ask, out)
    for name, value in ask.extra.items():
        if name in _EXTRAS:
            out[name] = value
        else:
            ask.drop(name)
    if ask.stream:
        out["stream"] = True
    write(ask, backend, out, _WRITTEN)
    leave_out(ask, backend, out)
    return encode(out)


def _unreadable(part: Part) -> bool:
    """A thought that another maker gave out."""
    return isinstance(part, Thinking) and unsealed(part.signature) is None


def _tools(ask: Ask, out: Json) -> None:
    if not ask.tools:
        return
    out["tools"] = [_tool(tool) for tool in ask.tools]
    choice = ask.tool_choice
    if choice is not None:
        if choice.allowed is not None:
            named = [_pointer(tool) for tool in choice.among(ask.tools)]
            out["tool_choice"] = {"type": "allowed_tools", "mode": choice.mode, "tools": named}
        elif choice.mode == "named":
            custom = any(tool.custom and tool.name == choice.name for tool in ask.tools)
            out["tool_choice"] = {"type": "custom" if custom else "function", "name": choice.name}
        elif choice.mode != "auto":
            out["tool_choice"] = choice.mode
    if ask.parallel is not None:
        out["parallel_tool_calls"] = ask.parallel


def _pointer(tool: Tool) -> Json:
    return {"type": "custom" if tool.custom else "function", "name": tool.name}


def _tool(tool: Tool) -> Json:
    told = _pointer(tool)
    if tool.description is not None:
        told["description"] = tool.description
    if tool.custom:
        if tool.format is not None:
            told["format"] = _flat(tool.format)
        return told
    told["parameters"] = _NO_PARAMETERS if tool.parameters is None else tool.parameters
    # Left out it means true there, which changes schemas that were not made for it.
    told["strict"] = bool(tool.strict)
    return told


def _flat(said: Raw) -> Any:
    """The grammar of a custom tool as Responses has it; other formats as they are."""
    inner = _grammar.decode(said).grammar
    if inner is None:
        return said
    return {"type": "grammar", "syntax": inner.syntax, "definition": inner.definition}


def _sampling(ask: Ask, out: Json, thinking: bool) -> None:
    for name in ("temperature", "top_p"):
        value = getattr(ask, name)
        if value is not None and not thinking:
            out[name] = value
        elif value is not None:
            ask.drop(name)  # a model that thinks refuses it
    for name in _NO_COUNTERPART:
        if getattr(ask, name) is not None:
            ask.drop(name)
    if ask.n > 1:
        ask.drop("n")
    if ask.stop:
        ask.drop("stop")
    if ask.logprobs and not thinking:
        out["include"] = ["message.output_text.logprobs"]
        if ask.top_logprobs is not None:
            out["top_logprobs"] = ask.top_logprobs
    elif ask.logprobs:
        ask.drop("logprobs")


def _thinking(ask: Ask, out: Json, thinking: bool | None) -> None:
    effort = ask.effort
    if effort is None and ask.thinking == "disabled":
        effort = "none"
    if not thinking:
        if effort not in (None, "none") or ask.thinking in ("enabled", "adaptive"):
            ask.drop("thinking")
        return
    out.setdefault("include", []).append("reasoning.encrypted_content")
    reasoning: Json = {}
    if effort is not None:
        reasoning["effort"] = effort
    if ask.thinking in ("enabled", "adaptive") and ask.show_thinking:
        reasoning["summary"] = "auto"
    if reasoning:
        out["reasoning"] = reasoning


def _text(ask: Ask, out: Json) -> None:
    text: Json = {}
    if (wanted := ask.format) is not None:
        form: Json = {"type": wanted.kind}
        if wanted.kind == "json_schema":
            form |= {"name": wanted.name, "schema": wanted.schema}
            if wanted.strict is not None:
                form["strict"] = wanted.strict
            if wanted.description is not None:
                form["description"] = wanted.description
        text["format"] = form
    if ask.verbosity is not None:
        text["verbosity"] = ask.verbosity
    if text:
        out["text"] = text


def _identity(ask: Ask, out: Json) -> None:
    if ask.user is not None:
        # An address of a person is nobody's business.
        if "@" not in ask.user and len(ask.user) <= _LONGEST_USER:
            out["safety_identifier"] = ask.user
        else:
            ask.drop("user")
    if ask.service_tier is not None:
        out["service_tier"] = ask.service_tier
