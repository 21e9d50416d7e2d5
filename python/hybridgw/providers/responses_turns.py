"""The conversation of an `Ask` as items of OpenAI's Responses.

Content that the API cannot take is refused by name, never left out. A thought goes back only where its
maker's seal is there (`responses_seal`): it can be read by nobody else, and without it means nothing.
"""

from typing import Any

import msgspec

from hybridgw.errors import RequestError
from hybridgw.providers.responses_seal import unsealed
from hybridgw.wire import Audio, File, Image, Message, Part, Text, Thinking, ToolCall, ToolResult

Json = dict[str, Any]


def items(messages: list[Message], *, sees: bool) -> list[Json]:
    """All turns, in order. `sees`: whether the model takes images."""
    custom: set[str] = set()
    out: list[Json] = []
    for at, message in enumerate(messages):
        field = f"messages[{at}].content"
        if message.role == "assistant":
            _answered(message.parts, field, out, custom)
        elif message.role == "tool":
            for place, part in enumerate(message.parts):
                if not isinstance(part, ToolResult):
                    raise _unsupported("a tool's message holds results", f"{field}[{place}]")
                out.append(_result(part, f"{field}[{place}]", sees, custom))
        else:
            content = [_part(part, f"{field}[{n}]", sees) for n, part in enumerate(message.parts)]
            if message.role == "user" or any(piece.get("text") for piece in content):
                role = "user" if message.role == "user" else "developer"
                out.append({"type": "message", "role": role, "content": content})
    return out


def _answered(parts: list[Part], field: str, out: list[Json], custom: set[str]) -> None:
    said: list[Json] = []
    for place, part in enumerate(parts):
        if isinstance(part, Text):
            if part.text:
                if not said:
                    out.append({"type": "message", "role": "assistant", "content": said})
                said.append({"type": "output_text", "text": part.text})
            continue
        said = []
        if isinstance(part, Thinking):
            sealed = unsealed(part.signature)
            if sealed is not None:
                summary = [{"type": "summary_text", "text": part.text}] if part.text else []
                out.append({"type": "reasoning", "summary": summary, "encrypted_content": sealed})
        elif isinstance(part, ToolCall):
            call: Json = {"call_id": part.id, "name": part.name}
            if part.custom:
                custom.add(part.id)
                out.append({"type": "custom_tool_call", **call, "input": part.arguments})
            else:
                out.append({"type": "function_call", **call, "arguments": part.arguments or "{}"})
        else:
            raise _unsupported(
                "a message of the assistant holds text, thoughts and calls", f"{field}[{place}]"
            )


def _result(result: ToolResult, field: str, sees: bool, custom: set[str]) -> Json:
    content = [_part(part, field, sees) for part in result.parts]
    output: Any = content
    if all(piece["type"] == "input_text" for piece in content):
        text = "\n".join(piece["text"] for piece in content)
        output = f"[tool error] {text}" if result.error else text
    elif result.error:
        content.insert(0, {"type": "input_text", "text": "[tool error]"})
    kind = "custom_tool_call_output" if result.call_id in custom else "function_call_output"
    return {"type": kind, "call_id": result.call_id, "output": output}


def _part(part: Part, field: str, sees: bool) -> Json:
    if isinstance(part, Text):
        return {"type": "input_text", "text": part.text}
    if isinstance(part, Image):
        if not sees:
            raise _unsupported("the model of this backend does not see images", field)
        url = part.url if part.data is None else f"data:{part.media_type or 'image/png'};base64,{part.data}"
        if url is None:
            raise _unsupported("an image needs its data or an address", field)
        image: Json = {"type": "input_image", "image_url": url}
        if part.detail is not None:
            image["detail"] = part.detail
        return image
    if isinstance(part, File):
        return _file(part, field)
    if isinstance(part, Audio):
        raise _unsupported("this backend does not hear audio", field)
    raise _unsupported("this part cannot stand in this message", field)


def _file(part: File, field: str) -> Json:
    if part.text is not None:
        text = f"{part.filename}\n\n{part.text}" if part.filename else part.text
        return {"type": "input_text", "text": text}
    file: Json = {"type": "input_file"}
    if part.data is not None:
        file["filename"] = part.filename or "document.pdf"
        file["file_data"] = f"data:{part.media_type or 'application/pdf'};base64,{part.data}"
    elif part.url is not None:
        file["file_url"] = part.url
    elif part.file_id is not None:
        file["file_id"] = part.file_id
    else:
        raise _unsupported("this backend does not take this document", field)
    return file


def _unsupported(message: str, field: str) -> RequestError:
    return RequestError("unsupported_content", message, field=field)


encode = msgspec.json.Encoder().encode
