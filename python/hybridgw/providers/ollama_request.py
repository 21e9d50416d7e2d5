"""What is sent to Ollama's own `/api/chat`.

Its compatibility layer below `/v1` cannot set the window, drops the oldest messages to make a prompt
fit, forces a temperature where the client gave none and swallows errors in the middle of a stream. So
the native one is spoken. The window (`num_ctx`) is the configuration's and the same in every request:
another value makes Ollama load the model again. `truncate: false` turns a prompt that does not fit into
an error.

Thinking is asked for only where it is known to work: on a model without it, asking is an error.
"""

from typing import Any, NoReturn

import msgspec

from hybridgw.errors import RequestError
from hybridgw.providers.base import Backend
from hybridgw.providers.chat_request import described
from hybridgw.providers.configured import leave_out, write
from hybridgw.providers.passing import LEVELS
from hybridgw.providers.templated import one_system
from hybridgw.wire import (
    Ask,
    File,
    Image,
    Message,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
)
from hybridgw.wire.ask import named_results
from hybridgw.wire.parameters import SAMPLERS

Raw = msgspec.Raw

_object = msgspec.json.Decoder(dict[str, Raw])
_encode = msgspec.json.Encoder().encode

# Member of the hub -> option, where both are numbers that pass as they are.
_NUMBERS = ("temperature", "top_p", "top_k", "seed", "presence_penalty", "frequency_penalty")
_OWN = frozenset({"keep_alive", "truncate", "think", "format", "shift"})
_NO_PARAMETERS = Raw(b'{"type":"object","properties":{}}')
# A custom tool takes text; here it is a function of one string.
_TEXT_PARAMETERS = Raw(b'{"type":"object","properties":{"input":{"type":"string"}},"required":["input"]}')


def chat_request(ask: Ask, backend: Backend) -> bytes:
    """The body for `ask`; notes in it what is not told."""
    named_results(ask.messages)
    messages = one_system(ask.messages)
    body: dict[str, Any] = {
        "model": ask.model,
        "messages": [turn for at, message in enumerate(messages) for turn in _turns(message, at, backend)],
        "stream": ask.stream,
        "truncate": False,
    }
    if tools := _tools(ask):
        body["tools"] = tools
    if ask.format is not None:
        schema = ask.format.schema if ask.format.kind == "json_schema" else None
        body["format"] = "json" if schema is None else schema
    think = _think(ask, backend)
    if think is not None:
        body["think"] = think
    if ask.logprobs:
        body["logprobs"] = True
        if ask.top_logprobs is not None:
            body["top_logprobs"] = ask.top_logprobs
    options = _options(ask)
    _untold(ask, body, options)
    _configure(ask, backend, body, options)
    if backend.num_ctx is not None:
        options["num_ctx"] = backend.num_ctx
    if options:
        body["options"] = options
    return _encode(body)


def _options(ask: Ask) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if ask.max_tokens is not None:
        options["num_predict"] = ask.max_tokens
    for name in _NUMBERS:
        value = getattr(ask, name)
        if value is not None:
            options[name] = value
    if ask.stop:
        options["stop"] = ask.stop
    return options


def _configure(ask: Ask, backend: Backend, body: dict[str, Any], options: dict[str, Any]) -> None:
    """What the configuration says in Ollama's own words. Its options are single parameters."""
    own: dict[str, Any] = {}
    write(ask, backend, own, _OWN | SAMPLERS)
    several = own.pop("options", None)
    if isinstance(several, dict):
        options |= several if "options" in backend.force else several | options
    for name, value in own.items():
        place = options if name in SAMPLERS else body
        # A client may have said how to think, and in what form to answer, in Chat's words.
        if name in backend.force or name not in ("think", "format"):
            place[name] = value
        else:
            place.setdefault(name, value)
    leave_out(ask, backend, body, options)


def _untold(ask: Ask, body: dict[str, Any], options: dict[str, Any]) -> None:
    """Members that Ollama has no place for are listed, the others put there."""
    if ask.n > 1:
        ask.drop("n")
    if ask.parallel is not None:
        ask.drop("parallel_tool_calls")
    for name in ("verbosity", "user", "service_tier"):
        if getattr(ask, name) is not None:
            ask.drop(name)
    for name, raw in ask.extra.items():
        if name in SAMPLERS:
            options[name] = raw
        elif name in ("keep_alive", "truncate"):
            body[name] = raw
        else:
            ask.drop(name)


def _think(ask: Ask, backend: Backend) -> bool | str | None:
    """None: not a word of it."""
    if ask.effort == "none" or ask.thinking == "disabled":
        return False
    if ask.effort is None and ask.thinking is None:
        return None
    if backend.thinking is not True:
        # `adaptive` leaves it to the model; agents say it to every model.
        asked = ask.thinking != "adaptive"
        if backend.thinking is False or not asked:
            if ask.effort is not None:
                ask.drop("reasoning_effort")
            if ask.thinking is not None:
                ask.drop("thinking")
            return None
    if ask.effort is None or not thinks(backend):
        return True
    return LEVELS.get(ask.effort, True)


def thinks(backend: Backend) -> bool:
    """Whether how much a model is to think can be said in words. To others it is an error: they take yes
    and no."""
    return backend.thinking is not False and backend.thinking_words


def _tools(ask: Ask) -> list[dict[str, Any]]:
    choice = ask.tool_choice
    tools = ask.tools
    if choice is not None:
        if choice.mode == "none":
            return []
        if choice.mode == "named":
            tools = [tool for tool in tools if tool.name == choice.name]
        elif choice.allowed is not None:
            tools = choice.among(tools)
        if choice.mode in ("required", "named"):
            # Ollama's models choose for themselves whether to call; of what, is all we can say.
            ask.drop("tool_choice")
    return [{"type": "function", "function": _function(tool)} for tool in tools]


def _function(tool: Tool) -> dict[str, Any]:
    parameters = _TEXT_PARAMETERS if tool.custom else tool.parameters or _NO_PARAMETERS
    function: dict[str, Any] = {"name": tool.name, "parameters": parameters}
    description = described(tool) if tool.custom else tool.description
    if description is not None:
        function["description"] = description
    return function


def _turns(message: Message, at: int, backend: Backend) -> list[dict[str, Any]]:
    """A message as Ollama's: mostly one, and one for each result of a tool."""
    if message.role == "tool":
        return [
            _result(part, f"messages[{at}]", backend)
            for part in message.parts
            if isinstance(part, ToolResult)
        ]
    text: list[str] = []
    images: list[str] = []
    turn: dict[str, Any] = {"role": message.role, "content": ""}
    calls: list[dict[str, Any]] = []
    results: list[dict[str, Any]] = []
    for number, part in enumerate(message.parts):
        if isinstance(part, Text):
            text.append(part.text)
        elif isinstance(part, ToolCall):
            calls.append(_call(part, f"messages[{at}].tool_calls[{len(calls)}]"))
        elif isinstance(part, Thinking):
            if part.text:
                turn["thinking"] = turn.get("thinking", "") + part.text
        elif isinstance(part, ToolResult):
            results.append(_result(part, f"messages[{at}].content[{number}]", backend))
        else:
            _carry(part, text, images, f"messages[{at}].content[{number}]", backend)
    turn["content"] = text[0] if len(text) == 1 else "\n".join(text)
    if images:
        turn["images"] = images
    if calls:
        turn["tool_calls"] = calls
    if results and not (text or images or calls):
        return results
    return [*results, turn]


def _carry(part: Any, text: list[str], images: list[str], field: str, backend: Backend) -> None:
    """Content that is no text, to where Ollama has a place for it."""
    if isinstance(part, Image):
        if part.data is None:
            _refuse("an image behind an address cannot be sent to this backend", field)
        if backend.vision is False:
            _refuse("this model does not see images", field)
        images.append(part.data)
    elif isinstance(part, File) and part.text is not None:
        text.append(f"{part.filename}\n{part.text}" if part.filename else part.text)
    elif isinstance(part, File):
        _refuse("this backend reads no documents but text", field)
    else:
        _refuse("this backend hears no audio", field)


def _result(part: ToolResult, field: str, backend: Backend) -> dict[str, Any]:
    text: list[str] = []
    images: list[str] = []
    for number, piece in enumerate(part.parts):
        if isinstance(piece, Text):
            text.append(piece.text)
        else:
            _carry(piece, text, images, f"{field}.content[{number}]", backend)
    turn: dict[str, Any] = {"role": "tool", "content": "\n".join(text)}
    if part.name:
        turn["tool_name"] = part.name
    turn["tool_call_id"] = part.call_id
    if images:
        turn["images"] = images
    return turn


def _call(part: ToolCall, field: str) -> dict[str, Any]:
    """A call of the history: its arguments must be an object here."""
    if part.custom:
        arguments: Any = {"input": part.arguments}
    else:
        text = part.arguments.strip() or "{}"
        try:
            _object.decode(text)
        except msgspec.DecodeError:
            raise RequestError(
                "invalid_value",
                "the arguments of this call are no JSON object, and the backend takes nothing else",
                field=f"{field}.function.arguments",
            ) from None
        arguments = Raw(text.encode())
    return {"id": part.id, "function": {"name": part.name, "arguments": arguments}}


def _refuse(message: str, field: str) -> NoReturn:
    raise RequestError("unsupported_content", message, field=field)
