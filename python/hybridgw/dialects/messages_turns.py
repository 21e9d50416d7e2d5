"""The conversation of a Messages request as turns of the hub.

Blocks are read into one flat struct: the kinds share most of their members, and an unknown kind can
then be named instead of failing as a type.

A turn of a user may hold results of tools beside text. In the hub these are messages of their own,
right after the turn that made the calls, whatever stands between.
"""

from typing import Any, NoReturn

import msgspec

from hybridgw.dialects.reading import Raw, given, member, needed, tool_name
from hybridgw.errors import RequestError
from hybridgw.wire import (
    OWN_SIGNATURE,
    SEALED_SIGNATURE,
    Ask,
    File,
    Image,
    Message,
    Part,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)

_ATTRIBUTION = "x-anthropic-billing-header"
"""How the first line of Claude Code's prompt begins: whom to bill. It differs per session, and so
would defeat the prefix cache of a local engine."""
_HIDDEN = frozenset({"tool_search_tool_result", "server_tool_use", "mcp_tool_use", "mcp_tool_result"})


class Block(msgspec.Struct):
    """One content block of any kind."""

    type: str
    text: str | None = None
    cache_control: Raw = Raw()
    source: "_Source | str | None" = None
    content: Raw = Raw()
    id: str | None = None
    name: str | None = None
    input: Raw = Raw(b"{}")
    tool_use_id: str | None = None
    is_error: bool | None = None
    thinking: str | None = None
    signature: str | None = None
    data: str | None = None
    title: str | None = None
    context: str | None = None


class _Source(msgspec.Struct):
    """Where an image or a document is."""

    type: str = ""
    media_type: str | None = None
    data: str | None = None
    url: str | None = None
    content: str | list[Block] | None = None


class Turn(msgspec.Struct):
    """One message as it was written."""

    role: str
    content: str | list[Block] | None


_inner: msgspec.json.Decoder[str | list[Block]] = msgspec.json.Decoder(str | list[Block])


class Turns:
    """Puts the messages together, one after the other."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._messages = ask.messages
        self._calls: set[str] = set()
        self._after = 0
        """Where results of the last calls belong: right behind the turn that made them."""

    def preamble(self, system: str | list[Block] | None) -> None:
        """The instructions, without the attribution of Claude Code."""
        parts = self._instructions(system, "system")
        if parts and isinstance(parts[0], Text) and parts[0].text.startswith(_ATTRIBUTION):
            rest = parts[0].text.partition("\n")[2]
            if rest.strip():
                parts[0].text = rest
            else:
                del parts[0]
        if parts:
            self._messages.append(Message("system", parts))

    def add(self, message: Turn, position: int) -> None:
        """One message; consecutive ones of a role are one turn, as the API has it."""
        field = f"messages[{position}]"
        content = message.content
        role = message.role
        if role == "system":
            parts = self._instructions(content, field + ".content")
            if parts:
                self._messages.append(Message("system", parts))
            return
        if role not in ("user", "assistant"):
            refuse(field + ".role", "the role is none of user, assistant, system")
        results: list[Part] = []
        if content is None or isinstance(content, str):
            parts = [Text(content)] if content else []
        elif role == "user":
            parts = self._asked(content, field + ".content", results)
        else:
            parts = self._answered(content, field + ".content")
        if results:
            self._messages.insert(self._after, Message("tool", results))
            self._after += 1
        if parts:
            self._append(role, parts)
        elif not results and role == "user":
            # An empty turn of the assistant is what it may have said, and the same as its absence.
            refuse(field + ".content", "the message is empty")

    def _append(self, role: str, parts: list[Part]) -> None:
        messages = self._messages
        if messages and messages[-1].role == role:
            messages[-1].parts.extend(parts)
        else:
            messages.append(Message("assistant" if role == "assistant" else "user", parts))
            if role == "assistant":
                self._after = len(messages)

    def _instructions(self, content: str | list[Block] | None, field: str) -> list[Part]:
        if not content:
            return []
        if isinstance(content, str):
            return [Text(content)]
        parts: list[Part] = []
        for at, block in enumerate(content):
            if block.type != "text":
                refuse(f"{field}[{at}].type", "instructions are text")
            if block.text:
                parts.append(Text(block.text, given(block.cache_control)))
        return parts

    def _asked(self, blocks: list[Block], field: str, results: list[Part]) -> list[Part]:
        parts: list[Part] = []
        for at, block in enumerate(blocks):
            kind = block.type
            if kind == "text":
                if block.text:
                    parts.append(Text(block.text, given(block.cache_control)))
            elif kind == "tool_result":
                results.append(self._result(block, f"{field}[{at}]"))
            elif not self._shown(block, f"{field}[{at}]", parts):
                _unknown(kind, f"{field}[{at}]", "a user's")
        return parts

    def _answered(self, blocks: list[Block], field: str) -> list[Part]:
        parts: list[Part] = []
        for at, block in enumerate(blocks):
            kind = block.type
            if kind == "text":
                if block.text:
                    parts.append(Text(block.text, given(block.cache_control)))
            elif kind == "tool_use":
                where = f"{field}[{at}]"
                call = needed(block.id, where + ".id")
                arguments = bytes(block.input)
                if not arguments.startswith(b"{"):
                    raise RequestError("wrong_type", "the input is no object", field=where + ".input")
                self._calls.add(call)
                name = tool_name(block.name, where + ".name")
                parts.append(ToolCall(call, name, arguments.decode(), cache=given(block.cache_control)))
            elif kind == "thinking":
                signature = block.signature
                if signature is not None and signature.startswith(OWN_SIGNATURE):
                    signature = signature if signature.startswith(SEALED_SIGNATURE) else None
                parts.append(Thinking(block.thinking or "", signature))
            elif kind == "redacted_thinking":
                parts.append(Thinking(redacted=block.data or ""))
            elif kind in _HIDDEN or kind.endswith("_tool_result"):
                # Of tools that the API itself runs, which nobody else does.
                self._ask.drop(kind)
            elif not self._shown(block, f"{field}[{at}]", parts):
                _unknown(kind, f"{field}[{at}]", "an assistant's")
        return parts

    def _result(self, block: Block, field: str) -> ToolResult:
        call = needed(block.tool_use_id, field + ".tool_use_id")
        if call not in self._calls:
            refuse(field + ".tool_use_id", "no tool_use with this id came before")
        parts: list[Any] = []
        content = _inside(block, field)
        if isinstance(content, str):
            if content:
                parts.append(Text(content))
        else:
            for at, inner in enumerate(content or ()):
                where = f"{field}.content[{at}]"
                if inner.type == "text":
                    parts.append(Text(inner.text or "", given(inner.cache_control)))
                elif inner.type == "tool_reference":
                    self._ask.drop("tool_reference")
                elif not self._shown(inner, where, parts):
                    _unknown(inner.type, where, "a tool's")
        return ToolResult(call, parts, block.is_error is True, cache=given(block.cache_control))

    def _shown(self, block: Block, field: str, parts: list[Any]) -> bool:
        """Add an image, a document or a search result; False if it is none."""
        kind, source = block.type, block.source
        if kind == "image":
            if not isinstance(source, _Source):
                raise RequestError("missing_field", "an image needs a source", field=field + ".source")
            if source.type == "base64" and source.data is not None:
                parts.append(Image(source.media_type, source.data, cache=given(block.cache_control)))
            elif source.type == "url" and source.url is not None:
                parts.append(Image(url=source.url, cache=given(block.cache_control)))
            else:
                _no_source(source, field)
            return True
        if kind == "document":
            if not isinstance(source, _Source):
                raise RequestError("missing_field", "a document needs a source", field=field + ".source")
            if block.context:
                parts.append(Text(block.context))
            self._document(block, source, field, parts)
            return True
        if kind == "search_result":
            head = [word for word in (block.title, source) if isinstance(word, str) and word]
            found = _inside(block, field)
            texts = [found] if isinstance(found, str) else [inner.text or "" for inner in found or ()]
            parts.append(Text("\n".join([*head, *texts]), given(block.cache_control)))
            return True
        return False

    def _document(self, block: Block, source: _Source, field: str, parts: list[Any]) -> None:
        cache, title = given(block.cache_control), block.title
        if source.type == "base64" and source.data is not None:
            media = source.media_type or "application/pdf"
            parts.append(File(media, title, data=source.data, cache=cache))
        elif source.type == "text" and source.data is not None:
            parts.append(File(source.media_type or "text/plain", title, text=source.data, cache=cache))
        elif source.type == "url" and source.url is not None:
            parts.append(File("application/pdf", title, url=source.url, cache=cache))
        elif source.type == "content" and source.content is not None:
            if title:
                parts.append(Text(title))
            if isinstance(source.content, str):
                parts.append(Text(source.content, cache))
                return
            for at, inner in enumerate(source.content):
                where = f"{field}.source.content[{at}]"
                if inner.type == "text":
                    parts.append(Text(inner.text or "", given(inner.cache_control)))
                elif inner.type != "image" or not self._shown(inner, where, parts):
                    _unknown(inner.type, where, "a document's")
        else:
            _no_source(source, field)


def _inside(block: Block, field: str) -> str | list[Block] | None:
    """What stands in `content` of a block."""
    return member(_inner, block.content, field + ".content")


def _no_source(source: _Source, field: str) -> NoReturn:
    if source.type == "file":
        raise RequestError(
            "unsupported_content",
            "a file that is stored at Anthropic cannot be sent to the backend of this model",
            field=field + ".source",
        )
    refuse(field + ".source", "the source is incomplete or of an unknown type")


def _unknown(kind: str, field: str, whose: str) -> NoReturn:
    if kind == "container_upload":
        raise RequestError("unsupported_content", "the backend of this model has no containers", field=field)
    refuse(field + ".type", f"`{kind[:40]}` is no kind of {whose} content")


def refuse(field: str, message: str) -> NoReturn:
    """A value that does not exist, or that cannot stand here."""
    raise RequestError("invalid_value", message, field=field)
