"""Reads the messages of a Chat Completions request.

Strict where going on would change what the user said or what a tool answered; lenient with what
applications echo: thoughts under three names, an empty text beside calls, the oldest `function_call`.
"""

from collections.abc import Iterable
from typing import Literal

import msgspec

from hybridgw.dialects.reading import Raw, given, tool_name
from hybridgw.errors import RequestError
from hybridgw.wire import (
    Audio,
    File,
    Image,
    Message,
    Part,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from hybridgw.wire.ask import named_results


class _Marked(msgspec.Struct):
    """Says where a prompt may be cached: in Anthropic's words, which others took over, or in OpenAI's."""

    cache_control: Raw = Raw()
    prompt_cache_breakpoint: Raw = Raw()


class _TextPart(_Marked, tag="text", tag_field="type", kw_only=True):
    text: str


class _RefusalPart(msgspec.Struct, tag="refusal", tag_field="type"):
    refusal: str


class _ImageUrl(msgspec.Struct):
    url: str
    detail: str | None = None


class _ImagePart(_Marked, tag="image_url", tag_field="type", kw_only=True):
    image_url: _ImageUrl


class _Sound(msgspec.Struct):
    data: str
    format: str


class _AudioPart(msgspec.Struct, tag="input_audio", tag_field="type"):
    input_audio: _Sound


class _Document(msgspec.Struct):
    filename: str | None = None
    file_data: str | None = None
    file_id: str | None = None


class _FilePart(_Marked, tag="file", tag_field="type", kw_only=True):
    file: _Document


class _ThinkingPart(msgspec.Struct, tag="thinking", tag_field="type"):
    """A thought of an earlier turn, as Messages and some engines have it."""

    thinking: str | list[_TextPart] = ""
    signature: str | None = None


class _ReasoningPart(msgspec.Struct, tag="reasoning", tag_field="type"):
    """The same, as some clients write it."""

    text: str | None = None
    reasoning: str | None = None


_AnyPart = _TextPart | _RefusalPart | _ImagePart | _AudioPart | _FilePart | _ThinkingPart | _ReasoningPart


class _Function(msgspec.Struct):
    name: str
    arguments: str = ""


class _Custom(msgspec.Struct):
    name: str
    input: str = ""


class _Call(msgspec.Struct):
    id: str
    type: str = "function"
    function: _Function | None = None
    custom: _Custom | None = None


class _Detail(msgspec.Struct):
    """One of OpenRouter's `reasoning_details`, which our writer uses as well."""

    type: str = ""
    text: str | None = None
    summary: str | None = None
    signature: str | None = None
    data: str | None = None


class _Spoken(msgspec.Struct):
    """What the assistant said aloud: its maker's name for it, and perhaps the words."""

    transcript: str | None = None


class ChatMessage(_Marked, kw_only=True):
    """One message as it was written."""

    role: Literal["developer", "system", "user", "assistant", "tool", "function"]
    content: str | list[_AnyPart] | None = None
    name: str | None = None
    tool_calls: list[_Call] | None = None
    tool_call_id: str | None = None
    function_call: _Function | None = None
    refusal: str | None = None
    audio: _Spoken | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    reasoning_details: list[_Detail] | None = None


class Conversation:
    """Reads the messages in order; knows which calls were made."""

    def __init__(self) -> None:
        self._calls: set[str] = set()
        self._functions: dict[str, str] = {}
        """The id that we gave to the last call of each old function."""

    def read(self, said: list[ChatMessage]) -> list[Message]:
        if not said:
            raise RequestError("invalid_value", "`messages` is empty", field="messages")
        messages = [self._message(message, f"messages[{at}]") for at, message in enumerate(said)]
        if self._calls:
            named_results(messages)
        return messages

    def _message(self, said: ChatMessage, field: str) -> Message:
        message = self._read(said, field)
        cache = _cache(said)
        if cache is not None and isinstance(last := message.parts[-1], Text | Image | File | ToolResult):
            # A mark at a message is one at its end.
            last.cache = last.cache or cache
        return message

    def _read(self, said: ChatMessage, field: str) -> Message:
        role = said.role
        if role == "assistant":
            return Message("assistant", self._assistant(said, field), said.name)
        if role in ("tool", "function"):
            return Message("tool", [self._result(said, field)])
        if said.content is None:
            raise RequestError("missing_field", f"`{field}.content` is missing", field=f"{field}.content")
        if isinstance(said.content, str):
            parts: list[Part] = [Text(said.content)]
        else:
            parts = list(_parts(said.content, field))
            if not parts:
                raise RequestError("invalid_value", f"`{field}.content` is empty", field=f"{field}.content")
        if role == "user":
            return Message("user", parts, said.name)
        _only_text(parts, role, field)
        return Message("system", parts, said.name, role == "developer")

    def _assistant(self, said: ChatMessage, field: str) -> list[Part]:
        parts = list(_thoughts(said))
        if isinstance(said.content, str):
            # An empty text beside calls says nothing, and some providers refuse it.
            if said.content or not (said.tool_calls or said.function_call or parts or said.refusal):
                parts.append(Text(said.content))
        elif said.content is not None:
            spoken = list(_parts(said.content, field))
            _only_text(spoken, "assistant", field)
            if any(isinstance(part, Thinking) for part in spoken):
                # Another form of the same thoughts.
                parts = []
            parts += spoken
        if said.audio is not None and not said.content:
            if not said.audio.transcript:
                raise RequestError(
                    "unsupported_content",
                    "speech of an earlier turn is known to its maker only, and cannot be told to the backend "
                    "of this model; send its `transcript`",
                    field=f"{field}.audio",
                )
            parts.append(Text(said.audio.transcript))
        if said.refusal:
            parts.append(Text(said.refusal))
        for at, call in enumerate(said.tool_calls or ()):
            parts.append(self._call(call, f"{field}.tool_calls[{at}]"))
        if said.function_call is not None:
            name = tool_name(said.function_call.name, f"{field}.function_call.name")
            call_id = self._functions[name] = f"call_{len(self._calls)}_{name}"
            self._calls.add(call_id)
            parts.append(ToolCall(call_id, name, said.function_call.arguments))
        # A turn in which the model said nothing: `null`, or a list without parts.
        return parts or [Text("")]

    def _call(self, call: _Call, field: str) -> ToolCall:
        if not call.id:
            raise RequestError("invalid_value", f"`{field}.id` is empty", field=f"{field}.id")
        self._calls.add(call.id)
        if call.type == "custom" and call.custom is not None:
            name = tool_name(call.custom.name, f"{field}.custom.name")
            return ToolCall(call.id, name, call.custom.input, custom=True)
        if call.type != "function" or call.function is None:
            known = call.type in ("function", "custom")
            raise RequestError(
                "missing_field" if known else "invalid_value",
                f"`{field}` is no call of a function or of a custom tool",
                field=f"{field}.{call.type}" if known else f"{field}.type",
            )
        return ToolCall(
            call.id, tool_name(call.function.name, f"{field}.function.name"), call.function.arguments
        )

    def _result(self, said: ChatMessage, field: str) -> ToolResult:
        if said.role == "function":
            call_id, key = self._functions.get(said.name or "", ""), "name"
        else:
            call_id, key = said.tool_call_id or "", "tool_call_id"
            if not call_id:
                raise RequestError("missing_field", f"`{field}.{key}` is missing", field=f"{field}.{key}")
        if call_id not in self._calls:
            raise RequestError(
                "invalid_value",
                f"`{field}.{key}` answers no call of an earlier message",
                field=f"{field}.{key}",
            )
        result = ToolResult(call_id, [])
        if isinstance(said.content, str):
            result.parts.append(Text(said.content))
        else:
            for at, part in enumerate(_parts(said.content or [], field)):
                if not isinstance(part, Text | Image | File):
                    where = f"{field}.content[{at}]"
                    raise RequestError("unsupported_content", "a tool cannot answer with this", field=where)
                result.parts.append(part)
        return result


def _only_text(parts: list[Part], role: str, field: str) -> None:
    for at, part in enumerate(parts):
        if not isinstance(part, Text) and not (role == "assistant" and isinstance(part, Thinking)):
            where = f"{field}.content[{at}]"
            raise RequestError("unsupported_content", f"a message of role {role} holds text", field=where)


def _thoughts(said: ChatMessage) -> Iterable[Part]:
    """Thoughts of an earlier turn. What holds their signatures is read first; the plain text, which
    every writer sends beside it, only where there is nothing else."""
    found = False
    for detail in said.reasoning_details or ():
        if detail.data is not None:
            yield Thinking(redacted=detail.data)
            found = True
        elif (text := detail.text or detail.summary) or detail.signature:
            yield Thinking(text or "", detail.signature)
            found = True
    if not found and (text := said.reasoning_content or said.reasoning):
        yield Thinking(text)


def _parts(said: list[_AnyPart], field: str) -> Iterable[Part]:
    for at, part in enumerate(said):
        if isinstance(part, _TextPart):
            yield Text(part.text, _cache(part))
        elif isinstance(part, _ImagePart):
            yield _image(part, f"{field}.content[{at}].image_url.url")
        elif isinstance(part, _AudioPart):
            yield Audio(part.input_audio.data, part.input_audio.format)
        elif isinstance(part, _FilePart):
            yield _file(part, f"{field}.content[{at}].file")
        elif isinstance(part, _ThinkingPart):
            thought = part.thinking
            text = thought if isinstance(thought, str) else "".join(piece.text for piece in thought)
            yield Thinking(text, part.signature)
        elif isinstance(part, _ReasoningPart):
            yield Thinking(part.text or part.reasoning or "")
        else:
            yield Text(part.refusal)


_EPHEMERAL = Raw(b'{"type":"ephemeral"}')


def _cache(said: _Marked) -> Raw | None:
    """The mark, in the words that the hub has for it."""
    mark = given(said.cache_control)
    return _EPHEMERAL if mark is None and given(said.prompt_cache_breakpoint) is not None else mark


def _image(part: _ImagePart, field: str) -> Image:
    """An image behind a data or http(s) URL. Anything else might be a file of whoever opens it."""
    url, detail, cache = part.image_url.url, part.image_url.detail, _cache(part)
    if url[:5].lower() == "data:":
        media_type, data = data_url(url, field)
        return Image(media_type or None, data, detail=detail, cache=cache)
    if url[:8].lower().startswith(("http://", "https://")):
        return Image(url=url, detail=detail, cache=cache)
    raise RequestError("invalid_value", "an image is a data, http or https URL", field=field)


def data_url(url: str, field: str) -> tuple[str, str]:
    """Media type and base64 of a data URL."""
    head, comma, data = url[5:].partition(",")
    media_type, semicolon, encoding = head.rpartition(";")
    if not comma or not data or not semicolon or encoding.strip().lower() != "base64":
        raise RequestError("invalid_value", "a data URL holds base64", field=field)
    return media_type.partition(";")[0].strip().lower(), data


def _file(part: _FilePart, field: str) -> File:
    said = part.file
    cache = _cache(part)
    if said.file_data:
        if said.file_data[:5].lower() == "data:":
            media_type, data = data_url(said.file_data, f"{field}.file_data")
            return File(media_type or None, said.filename, data, cache=cache)
        if said.file_data[:8].lower().startswith(("http://", "https://")):
            return File(filename=said.filename, url=said.file_data, cache=cache)
        return File(filename=said.filename, data=said.file_data, cache=cache)
    if said.file_id:
        return File(filename=said.filename, file_id=said.file_id, cache=cache)
    raise RequestError("missing_field", f"`{field}` holds neither file_data nor file_id", field=field)
