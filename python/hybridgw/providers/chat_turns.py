"""The conversation of an `Ask` as Chat has it.

Content that the backend cannot take is refused by name, never left out. Only thoughts of earlier turns
are, where the backend has no member for them.
"""

from typing import Any

import msgspec

from hybridgw.errors import RequestError
from hybridgw.providers.base import Backend
from hybridgw.providers.capabilities import Capabilities
from hybridgw.wire import (
    OWN_SIGNATURE,
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

Json = dict[str, Any]
_encode = msgspec.json.Encoder().encode


class Turns:
    """Writes the conversation. Holds back what a tool answered beside text until the last answer of
    that turn: nothing may stand between a call and its answers."""

    def __init__(self, backend: Backend, can: Capabilities) -> None:
        self._can = can
        self._keeps = backend.thoughts or can.keeps
        self._templated = backend.templated
        self._sees = backend.vision is not False
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
            developer = message.developer and self._can.developer and not self._templated
            role = "developer" if developer else "system"
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
            said["content"] = self._can.silence if calls else ""
        elif any(map(self._marked, texts)):
            said["content"] = [self._part(text, at, place) for place, text in enumerate(texts)]
        else:
            said["content"] = "".join(text.text for text in texts)
        if thoughts and self._keeps:
            self._keep(said, thoughts)
        if calls:
            said["tool_calls"] = calls
        if message.name is not None:
            said["name"] = message.name
        return said

    def _keep(self, said: Json, thoughts: list[Thinking]) -> None:
        if self._keeps == "reasoning_details":
            said["reasoning_details"] = [_detail(thought, at) for at, thought in enumerate(thoughts)]
        elif text := "".join(thought.text for thought in thoughts):
            said[self._keeps] = text

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
            mark = result.cache
            for part in result.parts:
                built = self._part(part, at, place)
                if built["type"] == "text":
                    texts.append(built["text"])
                    mark = mark or part.cache
                else:
                    self._after.append(built)
            text = "\n".join(texts)
            said: Any = f"[tool error] {text}" if result.error else text
            if mark is not None and self._can.cache_marks and not text and self._after:
                self._after[-1].setdefault("cache_control", mark)
            elif mark is not None and self._can.cache_marks:
                said = [{"type": "text", "text": said, "cache_control": mark}]
            out.append({"role": "tool", "tool_call_id": result.call_id, "content": said})


def _detail(thought: Thinking, index: int) -> Json:
    if thought.redacted is not None:
        return {"type": "reasoning.encrypted", "data": thought.redacted, "index": index}
    detail: Json = {"type": "reasoning.text", "text": thought.text, "index": index}
    if thought.signature is not None and not thought.signature.startswith(OWN_SIGNATURE):
        detail["signature"] = thought.signature
    return detail


def _unsupported(message: str, field: str) -> RequestError:
    return RequestError("unsupported_content", message, field=field)
