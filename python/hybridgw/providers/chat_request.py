"""Writes a request of the hub as a Chat Completions body.

What the backend can do comes from its `Capabilities`, what this deployment wants from its `Backend`.
Content that the backend cannot take is refused by name, never left out; a parameter is left out and
noted in `ask.dropped`. Numbers and schemas go out in the text that they came in.
"""

from typing import Any

import msgspec

from hybridgw.errors import RequestError
from hybridgw.providers.base import Backend
from hybridgw.providers.capabilities import Capabilities
from hybridgw.wire import (
    Ask,
    Audio,
    File,
    Image,
    Message,
    Part,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
)

Raw = msgspec.Raw
Json = dict[str, Any]

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
    out: Json = {"model": ask.model, "messages": _Messages(backend, can).write(ask.messages)}
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


def _configure(ask: Ask, backend: Backend, can: Capabilities, out: Json) -> None:
    """What the deployment sets, renames and must not be sent, as the native side does it."""
    for name, value in backend.defaults.items():
        out.setdefault(can.limit if name in _LIMITS else name, value)
    for name, value in backend.force.items():
        out[can.limit if name in _LIMITS else name] = value
    for old, new in backend.renames.items():
        if old in out:
            out[new] = out.pop(old)
    for name in backend.drops:
        if out.pop(name, None) is not None:
            ask.drop(name)


def _tools(ask: Ask, can: Capabilities, out: Json) -> None:
    tools, choice = ask.tools, ask.tool_choice
    mode = choice.mode if choice is not None else None
    if not tools:
        return
    if not can.tools:
        raise RequestError("unsupported_parameter", "this backend cannot call tools", field="tools")
    told: Any = mode
    if choice is not None and choice.allowed is not None:
        if can.custom_tools:
            named = [_pointer(tool) for tool in choice.among(tools)]
            told = {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": named}}
        else:
            tools = choice.among(tools)
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
        function["description"] = _described(tool)
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


def _described(tool: Tool) -> str:
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
    _put(ask, out, "seed", ask.seed, can.seed)
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
            _put(ask, out, "response_format", {"type": "json_object"}, can.json_object)
        else:
            schema: Json = {"name": wanted.name, "schema": wanted.schema}
            if wanted.strict is not None:
                schema["strict"] = wanted.strict
            if wanted.description is not None:
                schema["description"] = wanted.description
            told = {"type": "json_schema", "json_schema": schema}
            _put(ask, out, "response_format", told, can.json_schema)


def _put(ask: Ask, out: Json, name: str, value: object, possible: bool) -> None:
    if value is None:
        return
    if possible:
        out[name] = value
    else:
        ask.drop(name)


def _thinking(ask: Ask, backend: Backend, can: Capabilities, out: Json) -> None:
    effort = ask.effort
    if effort is None:
        effort = _derived(ask)
        thinks = can.assumes_thinking if backend.thinking is None else backend.thinking
        if effort is not None and not thinks:
            # Agents always say how to think, whatever model they talk to. A model that does not think
            # has nothing to be told, and where that is not known an error would be worse.
            if ask.thinking != "disabled":
                ask.drop("thinking")
            return
    if effort is None:
        return
    if backend.thinking is False or not can.efforts:
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


class _Messages:
    """Writes the conversation. Holds back what a tool answered beside text until the last answer of
    that turn: nothing may stand between a call and its answers."""

    def __init__(self, backend: Backend, can: Capabilities) -> None:
        self._can = can
        self._sees = can.vision and backend.vision is not False
        self._after: list[Json] = []

    def write(self, messages: list[Message]) -> list[Json]:
        out: list[Json] = []
        for at, message in enumerate(messages):
            if message.role == "tool":
                self._results(out, message, at)
                continue
            self._flush(out)
            if message.role == "assistant":
                out.append(self._assistant(message, at))
            elif (said := self._said(message, at))["content"] or message.role == "user":
                out.append(said)
        self._flush(out)
        return out

    def _flush(self, out: list[Json]) -> None:
        if self._after:
            out.append({"role": "user", "content": self._after})
            self._after = []

    def _said(self, message: Message, at: int) -> Json:
        if message.role == "user":
            role = "user"
        else:
            role = "developer" if message.developer and self._can.developer else "system"
        said: Json = {"role": role, "content": self._content(message.parts, at, role != "user")}
        if message.name is not None:
            said["name"] = message.name
        return said

    def _content(self, parts: list[Part], at: int, system: bool) -> Any:
        if len(parts) == 1 and isinstance(part := parts[0], Text) and not self._marked(part):
            return part.text
        if system:
            # Many templates of local engines take nothing else here.
            texts = [part for part in parts if isinstance(part, Text)]
            if len(texts) == len(parts) and not any(map(self._marked, texts)):
                return "\n\n".join(text.text for text in texts if text.text)
        return [self._part(part, at, place) for place, part in enumerate(parts)]

    def _marked(self, part: Text | Image | File) -> bool:
        return part.cache is not None and self._can.cache_marks

    def _part(self, part: Part, at: int, place: int) -> Json:
        field = f"messages[{at}].content[{place}]"
        if isinstance(part, Text):
            built: Json = {"type": "text", "text": part.text}
        elif isinstance(part, Image):
            built = self._image(part, field)
        elif isinstance(part, Audio):
            if not self._can.audio:
                raise _unsupported("this backend does not hear audio", field)
            return {"type": "input_audio", "input_audio": {"data": part.data, "format": part.format}}
        elif isinstance(part, File):
            built = self._file(part, field)
        else:
            raise _unsupported("this part cannot stand in this message", field)
        if self._marked(part):
            built["cache_control"] = part.cache
        return built

    def _image(self, part: Image, field: str) -> Json:
        if not self._sees:
            raise _unsupported("the model of this backend does not see images", field)
        if part.data is not None:
            url = f"data:{part.media_type or 'image/png'};base64,{part.data}"
        elif part.url is not None and self._can.remote_images:
            url = part.url
        else:
            raise _unsupported("this backend takes images only as data", field)
        image: Json = {"url": url}
        if part.detail is not None:
            image["detail"] = part.detail
        return {"type": "image_url", "image_url": image}

    def _file(self, part: File, field: str) -> Json:
        if part.text is not None:
            text = f"{part.filename}\n\n{part.text}" if part.filename else part.text
            return {"type": "text", "text": text}
        file: Json = {}
        if part.data is not None and self._can.files:
            file["file_data"] = f"data:{part.media_type or 'application/pdf'};base64,{part.data}"
        elif part.file_id is not None and self._can.files:
            file["file_id"] = part.file_id
        elif part.url is not None and self._can.file_urls:
            file["file_data"] = part.url
        else:
            raise _unsupported("this backend does not take this document", field)
        if part.filename is not None:
            file["filename"] = part.filename
        elif part.data is not None:
            file["filename"] = "document.pdf"
        return {"type": "file", "file": file}

    def _assistant(self, message: Message, at: int) -> Json:
        texts: list[Text] = []
        thoughts: list[Thinking] = []
        calls: list[Json] = []
        for place, part in enumerate(message.parts):
            if isinstance(part, Text):
                texts.append(part)
            elif isinstance(part, Thinking):
                thoughts.append(part)
            elif isinstance(part, ToolCall):
                calls.append(self._call(part))
            else:
                field = f"messages[{at}].content[{place}]"
                raise _unsupported("a message of the assistant holds text, thoughts and calls", field)
        said: Json = {"role": "assistant"}
        if not texts:
            said["content"] = None if calls else ""
        elif any(map(self._marked, texts)):
            said["content"] = [self._part(text, at, place) for place, text in enumerate(texts)]
        else:
            said["content"] = "".join(text.text for text in texts)
        if thoughts and self._can.keeps:
            self._keep(said, thoughts)
        if calls:
            said["tool_calls"] = calls
        if message.name is not None:
            said["name"] = message.name
        return said

    def _keep(self, said: Json, thoughts: list[Thinking]) -> None:
        if self._can.keeps == "reasoning_details":
            said["reasoning_details"] = [_detail(thought, at) for at, thought in enumerate(thoughts)]
        elif text := "".join(thought.text for thought in thoughts):
            said[self._can.keeps] = text

    def _call(self, call: ToolCall) -> Json:
        if call.custom and self._can.custom_tools:
            custom = {"name": call.name, "input": call.arguments}
            return {"id": call.id, "type": "custom", "custom": custom}
        # Some engines refuse a history whose arguments are no JSON, an empty text included.
        arguments = call.arguments or "{}"
        if call.custom:
            arguments = _encode({"input": call.arguments}).decode()
        function = {"name": call.name, "arguments": arguments}
        return {"id": call.id, "type": "function", "function": function}

    def _results(self, out: list[Json], message: Message, at: int) -> None:
        for place, result in enumerate(message.parts):
            if not isinstance(result, ToolResult):
                raise _unsupported("a tool's message holds results", f"messages[{at}].content[{place}]")
            texts = []
            for part in result.parts:
                built = self._part(part, at, place)
                if built["type"] == "text":
                    texts.append(built["text"])
                else:
                    self._after.append(built)
            text = "\n".join(texts)
            out.append(
                {
                    "role": "tool",
                    "tool_call_id": result.call_id,
                    "content": f"[tool error] {text}" if result.error else text,
                }
            )


def _detail(thought: Thinking, index: int) -> Json:
    if thought.redacted is not None:
        return {"type": "reasoning.encrypted", "data": thought.redacted, "index": index}
    detail: Json = {"type": "reasoning.text", "text": thought.text, "index": index}
    if thought.signature is not None:
        detail["signature"] = thought.signature
    return detail


def _unsupported(message: str, field: str) -> RequestError:
    return RequestError("unsupported_content", message, field=field)
