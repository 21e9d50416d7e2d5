"""A Messages request as an `Ask`.

Blocks are read into one flat struct: the kinds share most of their members, and an unknown kind can
then be named instead of failing as a type. Unknown members are never refused: Claude Code sends new
ones with every release. Those at the top level that mean nothing elsewhere are noted as dropped.

A turn of a user may hold results of tools beside text. In the hub these are messages of their own,
right after the turn that made the calls, whatever stands between.
"""

from typing import Any, NoReturn

import msgspec

from hybridgw.dialects.reading import Raw, decoded, given, member, needed, number, tool_name
from hybridgw.errors import RequestError
from hybridgw.wire import (
    OWN_SIGNATURE,
    Ask,
    File,
    Format,
    Image,
    Message,
    Part,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)

_ATTRIBUTION = "x-anthropic-billing-header"
"""How the first line of Claude Code's prompt begins: whom to bill. It differs per session, and so
would defeat the prefix cache of a local engine."""
_HIDDEN = frozenset({"tool_search_tool_result", "server_tool_use", "mcp_tool_use", "mcp_tool_result"})
_BUDGETS = ((4096, "low"), (12288, "medium"))
_TIERS = {"auto": "auto", "standard_only": "default"}


class _Block(msgspec.Struct):
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
    content: str | list[_Block] | None = None


class _Message(msgspec.Struct):
    role: str
    content: str | list[_Block]


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
    messages: list[_Message]
    system: str | list[_Block] | None = None
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
_inner: msgspec.json.Decoder[str | list[_Block]] = msgspec.json.Decoder(str | list[_Block])
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
        _refuse("max_tokens", "the limit is negative")
    turns = _Turns(ask)
    turns.preamble(asked.system)
    if not asked.messages:
        _refuse("messages", "there is no message")
    last = len(asked.messages) - 1
    for position, message in enumerate(asked.messages):
        turns.add(message, position, position == last)
    _tools(ask, asked)
    _thinking(ask, asked)
    form = (asked.output_config and asked.output_config.format) or asked.output_format
    if form is not None:
        if form.type != "json_schema":
            _refuse("output_config.format.type", "only json_schema is known")
        ask.format = Format("json_schema", schema=given(form.schema))
    if asked.service_tier is not None:
        ask.service_tier = _TIERS.get(asked.service_tier, asked.service_tier)
    members = _members.decode(body)
    if not members.keys() <= _KNOWN:
        ask.drop(*[name for name in members if name not in _KNOWN])
    return ask


class _Turns:
    """Puts the messages together, one after the other."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._messages = ask.messages
        self._calls: set[str] = set()
        self._after = 0
        """Where results of the last calls belong: right behind the turn that made them."""

    def preamble(self, system: str | list[_Block] | None) -> None:
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

    def add(self, message: _Message, position: int, last: bool) -> None:
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
            _refuse(field + ".role", "the role is none of user, assistant, system")
        results: list[Part] = []
        if isinstance(content, str):
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
        elif not results and (role == "user" or not (content or last)):
            # A last, empty turn of the assistant asks for nothing else than its absence does; one that
            # held what nobody else can read has nothing left.
            _refuse(field + ".content", "the message is empty")

    def _append(self, role: str, parts: list[Part]) -> None:
        messages = self._messages
        if messages and messages[-1].role == role:
            messages[-1].parts.extend(parts)
        else:
            messages.append(Message("assistant" if role == "assistant" else "user", parts))
            if role == "assistant":
                self._after = len(messages)

    def _instructions(self, content: str | list[_Block] | None, field: str) -> list[Part]:
        if not content:
            return []
        if isinstance(content, str):
            return [Text(content)]
        parts: list[Part] = []
        for at, block in enumerate(content):
            if block.type != "text":
                _refuse(f"{field}[{at}].type", "instructions are text")
            if block.text:
                parts.append(Text(block.text, given(block.cache_control)))
        return parts

    def _asked(self, blocks: list[_Block], field: str, results: list[Part]) -> list[Part]:
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

    def _answered(self, blocks: list[_Block], field: str) -> list[Part]:
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
                    signature = None
                parts.append(Thinking(block.thinking or "", signature))
            elif kind == "redacted_thinking":
                parts.append(Thinking(redacted=block.data or ""))
            elif kind in _HIDDEN or kind.endswith("_tool_result"):
                # Of tools that the API itself runs, which nobody else does.
                self._ask.drop(kind)
            elif not self._shown(block, f"{field}[{at}]", parts):
                _unknown(kind, f"{field}[{at}]", "an assistant's")
        return parts

    def _result(self, block: _Block, field: str) -> ToolResult:
        call = needed(block.tool_use_id, field + ".tool_use_id")
        if call not in self._calls:
            _refuse(field + ".tool_use_id", "no tool_use with this id came before")
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

    def _shown(self, block: _Block, field: str, parts: list[Any]) -> bool:
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

    def _document(self, block: _Block, source: _Source, field: str, parts: list[Any]) -> None:
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


def _inside(block: _Block, field: str) -> str | list[_Block] | None:
    """What stands in `content` of a block."""
    return member(_inner, block.content, field + ".content")


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
            _refuse("tool_choice.name", "no tool has this name")
    elif choice.type == "any":
        if ask.tools:
            ask.tool_choice = ToolChoice("required")
        else:
            ask.drop("tool_choice")
    elif choice.type == "auto" or choice.type == "none":
        ask.tool_choice = ToolChoice("none" if choice.type == "none" else "auto")
    else:
        _refuse("tool_choice.type", "it is none of auto, any, tool, none")


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
        _refuse("thinking.type", "it is none of adaptive, enabled, disabled, between_tools")
    ask.show_thinking = wanted.display != "omitted"


def _no_source(source: _Source, field: str) -> NoReturn:
    if source.type == "file":
        raise RequestError(
            "unsupported_content",
            "a file that is stored at Anthropic cannot be sent to the backend of this model",
            field=field + ".source",
        )
    _refuse(field + ".source", "the source is incomplete or of an unknown type")


def _unknown(kind: str, field: str, whose: str) -> NoReturn:
    if kind == "container_upload":
        raise RequestError("unsupported_content", "the backend of this model has no containers", field=field)
    _refuse(field + ".type", f"`{kind[:40]}` is no kind of {whose} content")


def _refuse(field: str, message: str) -> NoReturn:
    raise RequestError("invalid_value", message, field=field)
