"""Items of a Responses request as turns of the hub.

Items are a flat list where Chat has turns: what the assistant thought, said and called between two
words of others is one turn. An item that refers to a stored one is refused by name, since this side
remembers nothing by itself; items that only OpenAI hosts are left out and listed.

The list is decoded once; only one that does not fit is gone through item by item, to tell what is unknown
from what is wrong. Content is never left out silently.
"""

from collections.abc import Callable
from typing import Any, Literal, cast

import msgspec

from hybridgw.dialects.carried import unpack
from hybridgw.dialects.namespaces import Names
from hybridgw.dialects.reading import Raw, decoded, given, needed, tool_name
from hybridgw.dialects.responses_parts import Content, Piece, heard, spoken, texts_of
from hybridgw.dialects.responses_tools import head, read_tools, word
from hybridgw.errors import RequestError
from hybridgw.wire import Ask, Message, Part, Text, Thinking, ToolCall, ToolResult

_decoder = msgspec.json.Decoder
_several = _decoder(list[Raw])


class _Item(msgspec.Struct):
    type: str | None = None
    role: str | None = None
    content: Content = None
    call_id: str | None = None
    name: str | None = None
    namespace: str | None = None
    arguments: str | None = None
    input: str | None = None
    output: Content = None
    summary: list[Piece] | None = None
    encrypted_content: str | None = None
    tools: Raw = Raw()


_input = _decoder(str | list[_Item])
_item = _decoder(_Item)


class Turns:
    """Items, gathered into turns."""

    def __init__(self, ask: Ask, names: Names) -> None:
        self._ask = ask
        self._names = names
        self._turn: Message | None = None
        """What the assistant is saying; None after anybody else."""
        self._calls: dict[str, tuple[str, ToolCall]] = {}
        self._signatures: dict[str, str] = {}

    def read(self, raw: Raw) -> None:
        """All of `input`."""
        try:
            items = _input.decode(raw)
        except msgspec.ValidationError:
            items = self._one_by_one(raw)
        if isinstance(items, str):
            self._ask.messages.append(Message("user", [Text(items)]))
            return
        before = len(self._ask.messages)
        for index, item in enumerate(items):
            kind = item.type or "message"
            handler = _HANDLERS.get(kind)
            if handler is None:
                self._ask.drop("input." + word(kind))
            else:
                handler(self, item, f"input[{index}]")
        if len(self._ask.messages) == before:
            raise RequestError("invalid_value", "`input` holds no message", field="input")

    @staticmethod
    def _one_by_one(raw: Raw) -> list[_Item]:
        """Of a list in which something has another type than known items have. An item of an unknown
        kind may have any members; anything else is the client's error, named."""
        items = []
        several = decoded(_several, raw, "input")
        for index, one in enumerate(several):
            field = f"input[{index}]"
            kind = decoded(head, one, field).type
            if kind is not None and not isinstance(kind, str):
                raise RequestError("wrong_type", f"`{field}.type` must be a string", field=f"{field}.type")
            known = kind is None or kind in _HANDLERS
            items.append(decoded(_item, one, field) if known else _Item(type=kind))
        return items

    def message(self, item: _Item, field: str) -> None:
        role = item.role
        if role == "assistant":
            if said := spoken(item.content, f"{field}.content"):
                self._assistant().parts += said
            return
        if role in ("user", "system", "developer"):
            parts: list[Part] = [*heard(item.content, f"{field}.content")]
            who: Literal["user", "system"] = "user" if role == "user" else "system"
            self._ask.messages.append(Message(who, parts, developer=role == "developer"))
            self._turn = None
        elif role is None:
            raise RequestError("missing_field", f"`{field}.role` is required", field=f"{field}.role")
        else:
            raise RequestError("invalid_value", f"`{field}.role` is no role", field=f"{field}.role")

    def call(self, item: _Item, field: str) -> None:
        self._add_call(item, field, "arguments", item.arguments, custom=False)

    def custom_call(self, item: _Item, field: str) -> None:
        self._add_call(item, field, "input", item.input, custom=True)

    def _add_call(self, item: _Item, field: str, member: str, text: str | None, *, custom: bool) -> None:
        id_ = needed(item.call_id, f"{field}.call_id")
        name = self._names.say(item.namespace or None, tool_name(item.name, f"{field}.name"))
        said = needed(text, f"{field}.{member}", empty=True)
        call = ToolCall(id_, name, said, custom, signature=self._signatures.get(id_))
        self._calls[id_] = name, call
        self._assistant().parts.append(call)

    def output(self, item: _Item, field: str) -> None:
        id_ = needed(item.call_id, f"{field}.call_id")
        called = self._calls.get(id_)
        if called is None:
            raise RequestError(
                "invalid_value", f"`{field}` answers a call that is not in `input`", field=f"{field}.call_id"
            )
        parts = [Text("")] if item.output == [] else heard(item.output, f"{field}.output")
        result = ToolResult(id_, cast("list[Any]", parts), name=called[0])
        self._ask.messages.append(Message("tool", [result]))
        self._turn = None

    def reasoning(self, item: _Item, field: str) -> None:
        text = texts_of(item.content) if isinstance(item.content, list) else item.content or ""
        text = text or texts_of(item.summary)
        # Sealed by somebody else, it can be read by nobody here and is sent to nobody.
        carried = unpack(item.encrypted_content)
        self._signatures |= carried.calls
        for id_, signature in carried.calls.items():
            if id_ in self._calls:
                self._calls[id_][1].signature = signature
        if text or carried.signature or carried.redacted:
            thought = Thinking(text, carried.signature, carried.redacted)
            self._assistant().parts.append(thought)

    def reference(self, item: _Item, field: str) -> None:
        # References were replaced before; this route never had any.
        raise RequestError(
            "unsupported_parameter", f"`{field}` refers to an item; send the item itself", field=field
        )

    def more_tools(self, item: _Item, field: str) -> None:
        if given(item.tools) is not None:
            read_tools(self._ask, self._names, item.tools, f"{field}.tools")

    def _assistant(self) -> Message:
        if self._turn is None:
            self._turn = Message("assistant", [])
            self._ask.messages.append(self._turn)
        return self._turn


_HANDLERS: dict[str, Callable[[Turns, _Item, str], None]] = {
    "message": Turns.message,
    "function_call": Turns.call,
    "custom_tool_call": Turns.custom_call,
    "function_call_output": Turns.output,
    "custom_tool_call_output": Turns.output,
    "reasoning": Turns.reasoning,
    "item_reference": Turns.reference,
    "additional_tools": Turns.more_tools,
}
