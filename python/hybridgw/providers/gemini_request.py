"""A request of the hub as `GenerateContentRequest`.

What Gemini wants differently: turns of only two roles, results of tools as objects under the tool's
name and in the order of the calls, arguments as an object, the instructions apart. Schemas go as JSON
Schema, not in the dialect of OpenAPI that the older members want, so they keep their text.

An image that is only an address must have been fetched before (`pipeline`): Gemini itself fetches
nothing but what Google hosts. Thoughts of earlier turns stay behind; what matters of them is in the
signatures of the calls (`gemini_calls`).
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from hybridgw.errors import RequestError
from hybridgw.providers.base import Backend
from hybridgw.providers.configured import leave_out, write
from hybridgw.providers.gemini_calls import SKIP, sent_name, split_id
from hybridgw.providers.gemini_thinking import thinking_config, version_of
from hybridgw.wire import Ask, Audio, File, Image, Message, Part, Text, Thinking, Tool, ToolCall, ToolResult
from hybridgw.wire.ask import named_results

HOSTED = "https://generativelanguage.googleapis.com/"
"""What Gemini fetches itself."""

_Parts = list[dict[str, Any]]
_Content = dict[str, Any]

_object = msgspec.json.Decoder(dict[str, msgspec.Raw])
_EMPTY = msgspec.Raw(b"{}")
_TEXT_INPUT = msgspec.Raw(b'{"type":"object","properties":{"input":{"type":"string"}},"required":["input"]}')
_NATIVE = {
    "safetySettings": "safetySettings", "safety_settings": "safetySettings",
    "cachedContent": "cachedContent", "cached_content": "cachedContent", "labels": "labels",
}  # fmt: skip
"""Members of Gemini's own that people configure or send beside the Chat ones."""

_NUMBERS = (
    ("temperature", "temperature"), ("top_p", "topP"), ("top_k", "topK"), ("seed", "seed"),
    ("presence_penalty", "presencePenalty"), ("frequency_penalty", "frequencyPenalty"),
)  # fmt: skip
_MODES = {"auto": "AUTO", "none": "NONE", "required": "ANY", "named": "ANY"}
_MAGIC = (("iVBORw", "image/png"), ("/9j/", "image/jpeg"), ("R0lGOD", "image/gif"), ("UklGR", "image/webp"))


def body_of(ask: Ask, backend: Backend) -> bytes:
    """The whole body. Adds to `ask.dropped` what Gemini has no word for."""
    body: dict[str, Any] = {}
    system, contents = _Conversation(ask).read()
    if system:
        body["systemInstruction"] = {"parts": system}
    body["contents"] = contents
    if ask.tools:
        _tools(ask, body)
    config = _generation_config(ask, backend.thinking)
    own: dict[str, Any] = {}
    write(ask, backend, own, frozenset(_NATIVE))
    more = own.pop("generationConfig", None)
    if isinstance(more, dict):
        # Parameters by Gemini's own names: one that is forced replaces, a default is for what is unsaid.
        config = config | more if "generationConfig" in backend.force else more | config
    leave_out(ask, backend, body, config)
    if config:
        body["generationConfig"] = config
    for name, value in ask.extra.items():
        known = _NATIVE.get(name)
        if known is not None:
            body[known] = value
        elif bytes(value) != b"null":
            ask.drop(name)
    body.update({_NATIVE.get(name, name): value for name, value in own.items()})
    return msgspec.json.encode(body)


class _Conversation:
    """Messages to contents. One object per request."""

    def __init__(self, ask: Ask) -> None:
        self._messages = ask.messages
        self._version = version_of(ask.model)
        self._ask = ask
        self._contents: list[_Content] = []
        self._plain = False
        """Whether the last content is a turn of the user to which more may be added."""
        self._order: dict[str, int] = {}
        """Calls of the last turn of the model, by id."""
        self._results: list[tuple[int, ToolResult]] = []
        """Results that wait for the rest of their turn, with the number of their message."""

    def read(self) -> tuple[_Parts, list[_Content]]:
        """The instructions, and the contents."""
        named_results(self._messages)
        system: _Parts = []
        late: _Parts = []
        leading = True
        for number, message in enumerate(self._messages):
            role = message.role
            if message.name:
                self._ask.drop("name")
            if _names_file(message.parts):
                self._ask.drop("filename")
            if role == "tool":
                leading = False
                self._tool(number, message)
                continue
            if role == "system":
                parts = self._parts(number, message.parts)
                (system if leading else late).extend(parts)
                continue
            leading = False
            self._flush()
            if role == "assistant":
                self._assistant(number, message)
            else:
                # Instructions in the middle stand before the turn that they preceded.
                self._user([*late, *self._parts(number, message.parts)])
                late = []
        self._flush()
        if late:
            self._user(late)
        if not self._contents:
            if not system:
                raise RequestError("invalid_value", "there is no message with content", field="messages")
            # Gemini demands a turn; instructions alone are all that the user said.
            return [], [{"role": "user", "parts": system}]
        return system, self._contents

    def _user(self, parts: _Parts) -> None:
        if not parts:
            return
        if self._plain:
            self._contents[-1]["parts"].extend(parts)
        else:
            self._contents.append({"role": "user", "parts": parts})
            self._plain = True

    def _assistant(self, number: int, message: Message) -> None:
        parts: _Parts = []
        unsigned: dict[str, Any] | None = None
        signed = False
        order: dict[str, int] = {}
        for at, part in enumerate(message.parts):
            if isinstance(part, ToolCall):
                order[part.id] = len(order)
                said = _call(part, f"messages[{number}].tool_calls[{len(order) - 1}]")
                unsigned = unsigned or said
                signed = signed or "thoughtSignature" in said
                parts.append(said)
            elif not isinstance(part, Thinking):
                parts.extend(_part(part, number, at))
        if unsigned is not None and not signed and self._version >= (3, 0):
            # Of several calls of one turn only the first is signed; none means another model made them.
            unsigned["thoughtSignature"] = SKIP
        if not parts:
            return
        if order:
            self._order = order
        if self._contents and self._contents[-1]["role"] == "model":
            self._contents[-1]["parts"].extend(parts)
        else:
            self._contents.append({"role": "model", "parts": parts})
        self._plain = False

    def _tool(self, number: int, message: Message) -> None:
        for at, part in enumerate(message.parts):
            if not isinstance(part, ToolResult):
                raise RequestError(
                    "invalid_value", "holds something else than a result", field=_field(number, at)
                )
            if not part.name:
                raise RequestError(
                    "invalid_value",
                    "answers a call that no earlier message made",
                    field=f"messages[{number}].tool_call_id",
                )
            self._results.append((number, part))

    def _flush(self) -> None:
        """All results of one turn in one content, in the order of the calls: Gemini counts them."""
        results = self._results
        if not results:
            return
        self._results = []
        if len(results) > 1:
            last = len(self._order)
            results.sort(key=lambda each: self._order.get(each[1].call_id, last))
        parts: _Parts = []
        media: _Parts = []
        for number, result in results:
            answer, seen = _response(number, result)
            if seen and self._version >= (3, 0):
                answer["parts"] = seen
            else:
                media.extend(seen)
            parts.append({"functionResponse": answer})
        self._contents.append({"role": "user", "parts": parts})
        self._plain = False
        # Older models see images only in a turn of the user.
        self._user(media)

    @staticmethod
    def _parts(number: int, parts: Sequence[Part]) -> _Parts:
        if len(parts) == 1:
            part = parts[0]
            if isinstance(part, Text):
                return [{"text": part.text}] if part.text else []
        return [said for at, part in enumerate(parts) for said in _part(part, number, at)]


def _field(number: int, at: int) -> str:
    return f"messages[{number}].content[{at}]"


def _part(part: Part, number: int, at: int) -> _Parts:
    """One part; none for empty text, which Gemini refuses."""
    if isinstance(part, Text):
        return [{"text": part.text}] if part.text else []
    if isinstance(part, Image):
        return [_image(part, _field(number, at))]
    if isinstance(part, Audio):
        return [{"inlineData": {"mimeType": f"audio/{part.format}", "data": part.data}}]
    if isinstance(part, File):
        return [_file(part, _field(number, at))]
    if isinstance(part, Thinking):
        return []
    raise RequestError("invalid_value", "a message of this role cannot hold it", field=_field(number, at))


def _image(image: Image, field: str) -> dict[str, Any]:
    if image.data is not None:
        kind = image.media_type or next(
            (known for magic, known in _MAGIC if image.data.startswith(magic)), None
        )
        if kind is None:
            raise RequestError(
                "unsupported_content", "is an image of a kind that cannot be told", field=field
            )
        return {"inlineData": {"mimeType": kind, "data": image.data}}
    if image.url is not None and image.url.startswith(HOSTED):
        return _hosted(image.url, image.media_type)
    raise RequestError("unsupported_content", "the backend of this model fetches no images", field=field)


def _file(file: File, field: str) -> dict[str, Any]:
    if file.text is not None:
        return {"text": f"{file.filename}\n\n{file.text}" if file.filename else file.text}
    if file.data is not None:
        return {"inlineData": {"mimeType": file.media_type or "application/pdf", "data": file.data}}
    if file.url is not None and file.url.startswith(HOSTED):
        return _hosted(file.url, file.media_type)
    if file.file_id is not None:
        if file.file_id.startswith("files/"):
            return _hosted(f"{HOSTED}v1beta/{file.file_id}", file.media_type)
        if file.file_id.startswith(HOSTED):
            return _hosted(file.file_id, file.media_type)
    raise RequestError(
        "unsupported_content", "the backend of this model takes documents as data only", field=field
    )


def _names_file(parts: Sequence[Part]) -> bool:
    """Whether a document has a name that is not told: only of text it is, as its first line."""
    return any(
        _names_file(part.parts)
        if isinstance(part, ToolResult)
        else isinstance(part, File) and part.text is None and bool(part.filename)
        for part in parts
    )


def _hosted(url: str, media_type: str | None) -> dict[str, Any]:
    data = {"fileUri": url}
    if media_type is not None:
        data["mimeType"] = media_type
    return {"fileData": data}


def _call(call: ToolCall, field: str) -> dict[str, Any]:
    call_id, signature = split_id(call.id)
    if call.custom:
        args = msgspec.Raw(msgspec.json.encode({"input": call.arguments}))
    elif not call.arguments or call.arguments.isspace():
        args = _EMPTY
    else:
        # Checked, and sent as it is written.
        try:
            _object.decode(call.arguments)
        except msgspec.MsgspecError:
            raise RequestError(
                "invalid_value", "its arguments are not a JSON object", field=f"{field}.function.arguments"
            ) from None
        args = msgspec.Raw(call.arguments.encode())
    said: dict[str, Any] = {"functionCall": {"id": call_id, "name": sent_name(call.name), "args": args}}
    signature = call.signature or signature
    if signature:
        said["thoughtSignature"] = signature
    return said


def _response(number: int, result: ToolResult) -> tuple[dict[str, Any], _Parts]:
    """`functionResponse`, and what of the result is no text."""
    texts: list[str] = []
    media: _Parts = []
    for at, part in enumerate(result.parts):
        if not isinstance(part, Image) and part.text is not None:
            texts.append(part.text if isinstance(part, Text) else _file(part, "")["text"])
        else:
            media.extend(_part(part, number, at))
    name = "error" if result.error else "output"
    answer = {
        "id": split_id(result.call_id)[0],
        "name": sent_name(result.name),
        "response": {name: "\n".join(texts)},
    }
    return answer, media


def _tools(ask: Ask, body: dict[str, Any]) -> None:
    tools = ask.tools
    choice = ask.tool_choice
    calling: dict[str, Any] = {}
    if choice is not None:
        calling["mode"] = _MODES[choice.mode]
        if choice.mode == "named" and choice.name:
            calling["allowedFunctionNames"] = [sent_name(choice.name)]
        elif choice.allowed is not None:
            if choice.mode == "required":
                calling["allowedFunctionNames"] = [sent_name(name) for name in choice.allowed]
            else:
                # Names may be given only where one must be called.
                tools = choice.among(tools)
    if ask.parallel is False:
        ask.drop("parallel_tool_calls")
    if tools:
        body["tools"] = [{"functionDeclarations": [_declaration(tool, ask) for tool in tools]}]
        if calling:
            body["toolConfig"] = {"functionCallingConfig": calling}


def _declaration(tool: Tool, ask: Ask) -> dict[str, Any]:
    said: dict[str, Any] = {"name": sent_name(tool.name)}
    description = tool.description
    if tool.custom:
        said["parametersJsonSchema"] = _TEXT_INPUT
        if tool.format is not None:
            # Nobody enforces the grammar here, but it can be followed.
            grammar = f"The input must follow this format: {bytes(tool.format).decode()}"
            description = f"{description}\n\n{grammar}" if description else grammar
    elif tool.parameters is not None:
        said["parametersJsonSchema"] = tool.parameters
    if description:
        said["description"] = description
    if tool.strict:
        ask.drop("tools.function.strict")
    return said


def _generation_config(ask: Ask, can_think: bool | None) -> dict[str, Any]:
    config: dict[str, Any] = {}
    if ask.max_tokens is not None:
        config["maxOutputTokens"] = ask.max_tokens
    for name, known in _NUMBERS:
        value = getattr(ask, name)
        if value is not None:
            config[known] = value
    if ask.n > 1:
        config["candidateCount"] = ask.n
    if ask.stop:
        config["stopSequences"] = ask.stop
    if ask.logprobs:
        config["responseLogprobs"] = True
        if ask.top_logprobs:
            config["logprobs"] = ask.top_logprobs
    if ask.format is not None:
        config["responseMimeType"] = "application/json"
        if ask.format.schema is not None:
            config["responseJsonSchema"] = ask.format.schema
    thinking = thinking_config(ask, can_think)
    if thinking is not None:
        config["thinkingConfig"] = thinking
    for name in ("user", "service_tier", "verbosity"):
        if getattr(ask, name) is not None:
            ask.drop(name)
    return config
