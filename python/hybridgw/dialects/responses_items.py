"""Items of a Responses answer while they are being written: a message, a thought, a call.

Each knows its own events and its final form; the writer knows their order. Clients of this protocol
build their state from the items that are done and use deltas for the screen, so an item is only ever
closed when it is what the model said, and a call that was cut off says `incomplete`.

Events are put together from prepared bytes: one of these per token is the whole cost of a stream.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable

import msgspec

from hybridgw.dialects.carried import Carried, pack
from hybridgw.dialects.custom_input import CustomInput
from hybridgw.wire import TextDelta
from hybridgw.wire.arguments import are_whole

Emit = Callable[[bytes, bytes], None]
"""Kind of an event and its members behind `sequence_number`."""

_json = msgspec.json.encode


class _Logprobs(msgspec.Struct):
    content: msgspec.Raw = msgspec.Raw(b"[]")


_logprobs = msgspec.json.Decoder(_Logprobs)


class Item(ABC):
    """What all have: a place, an id, and what they are once they are done."""

    def __init__(self, emit: Emit, index: int, id_: str) -> None:
        self._emit = emit
        self.index = index
        self.id = id_.encode()
        self._where = b'"item_id":"%b","output_index":%d' % (self.id, index)

    def _begin(self, item: bytes) -> None:
        self._emit(b"response.output_item.added", b'"output_index":%d,"item":{%b}' % (self.index, item))

    def _end(self, item: bytes) -> bytes:
        self._emit(b"response.output_item.done", b'"output_index":%d,"item":{%b}' % (self.index, item))
        return b"{%b}" % item

    @abstractmethod
    def close(self, status: bytes) -> bytes:
        """Say that the item is done; its final form."""


class Words(Item):
    """A message: text, and refusals, in parts."""

    def __init__(self, emit: Emit, index: int, id_: str) -> None:
        super().__init__(emit, index, id_)
        self._parts: list[bytes] = []
        self._kind = b""
        self._said: list[str] = []
        self._logprobs: list[bytes] = []
        self._begin(self._form(b"in_progress"))

    def text(self, delta: TextDelta) -> None:
        """Text, with what is known of its tokens."""
        if self._kind != b"output_text":
            self._part(b"output_text")
        self._said.append(delta.text)
        logprobs = b"[]"
        if delta.logprobs is not None:
            logprobs = _tokens(delta.logprobs)
            if len(logprobs) > 2:
                self._logprobs.append(logprobs[1:-1])
        self._emit(
            b"response.output_text.delta",
            self._delta + _json(delta.text) + b',"logprobs":' + logprobs,
        )

    def refusal(self, text: str) -> None:
        """Why there is no answer."""
        if self._kind != b"refusal":
            self._part(b"refusal")
        self._said.append(text)
        self._emit(b"response.refusal.delta", self._delta + _json(text))

    def close(self, status: bytes) -> bytes:
        self._end_part()
        return self._end(self._form(status))

    def _form(self, status: bytes) -> bytes:
        return b'"id":"%b","type":"message","status":"%b","role":"assistant","content":[%b]' % (
            self.id, status, b",".join(self._parts),
        )  # fmt: skip

    def _part(self, kind: bytes) -> None:
        self._end_part()
        self._kind = kind
        place = self._where + b',"content_index":%d' % len(self._parts)
        self._delta = place + b',"delta":'
        self._emit(b"response.content_part.added", place + b',"part":' + self._shown(b'""', b"[]"))

    def _shown(self, text: bytes, logprobs: bytes) -> bytes:
        if self._kind == b"refusal":
            return b'{"type":"refusal","refusal":%b}' % text
        return b'{"type":"output_text","text":%b,"annotations":[],"logprobs":%b}' % (text, logprobs)

    def _end_part(self) -> None:
        if not self._kind:
            return
        place = self._where + b',"content_index":%d' % len(self._parts)
        text = _json("".join(self._said))
        logprobs = b"[%b]" % b",".join(self._logprobs)
        shown = self._shown(text, logprobs)
        if self._kind == b"refusal":
            self._emit(b"response.refusal.done", place + b',"refusal":' + text)
        else:
            done = place + b',"text":' + text + b',"logprobs":' + logprobs
            self._emit(b"response.output_text.done", done)
        self._emit(b"response.content_part.done", place + b',"part":' + shown)
        self._parts.append(shown)
        self._kind, self._said, self._logprobs = b"", [], []


class Thought(Item):
    """What the model thinks: as it is, or as a summary for clients that asked for one and show nothing
    else. Holds what the backend must see again."""

    def __init__(self, emit: Emit, index: int, id_: str, *, summary: bool) -> None:
        super().__init__(emit, index, id_)
        self._summary = summary
        self._said: list[str] = []
        name = b"summary" if summary else b"content"
        self._place = self._where + b',"%b_index":0' % name
        self._delta = self._place + b',"delta":'
        self._kind = b"response.reasoning_summary_text" if summary else b"response.reasoning_text"
        self._part_kind = b"response.reasoning_summary_part" if summary else b"response.content_part"
        self._delta_kind = self._kind + b".delta"
        self._begin(self._form(b"", None))

    def text(self, text: str) -> None:
        """The next words."""
        if not self._said:
            self._emit(self._part_kind + b".added", self._place + b',"part":' + self._shown(b'""'))
        self._said.append(text)
        self._emit(self._delta_kind, self._delta + _json(text))

    def close(self, status: bytes, carried: Carried | None = None) -> bytes:
        shown = b""
        if self._said:
            text = _json("".join(self._said))
            shown = self._shown(text)
            self._emit(self._kind + b".done", self._place + b',"text":' + text)
            self._emit(self._part_kind + b".done", self._place + b',"part":' + shown)
        return self._end(self._form(shown, carried))

    def _shown(self, text: bytes) -> bytes:
        return b'{"type":"%b_text","text":%b}' % (b"summary" if self._summary else b"reasoning", text)

    def _form(self, shown: bytes, carried: Carried | None) -> bytes:
        summary, content = (shown, b"") if self._summary else (b"", b',"content":[%b]' % shown)
        sealed = b"" if carried is None else b',"encrypted_content":"%b"' % pack(carried).encode()
        return b'"id":"%b","type":"reasoning","summary":[%b]%b%b' % (self.id, summary, content, sealed)


class Call(Item):
    """A call of a function."""

    def __init__(
        self, emit: Emit, index: int, id_: str, call_id: str, name: str, namespace: str | None = None
    ) -> None:
        super().__init__(emit, index, id_)
        self._named = b',"call_id":%b,"name":%b' % (_json(call_id), _json(name))
        if namespace is not None:
            self._named += b',"namespace":' + _json(namespace)
        self._delta = self._where + b',"delta":'
        self._said: list[str] = []
        self._begin(self._form(b"in_progress", b'""'))

    def arguments(self, text: str) -> None:
        """The next piece of JSON text."""
        if text:
            self._said.append(text)
            self._emit(b"response.function_call_arguments.delta", self._delta + _json(text))

    @property
    def complete(self) -> bool:
        """Whether nothing can follow: the arguments are an object."""
        return bool(self._said) and self._said[-1].rstrip().endswith("}") and are_whole(self._said)

    @property
    def cut(self) -> bool:
        """Whether something must follow: they have begun, and are none."""
        return not are_whole(self._said)

    def close(self, status: bytes) -> bytes:
        if status == b"completed" and not "".join(self._said).strip():
            self.arguments("{}")  # said for a function without parameters, where clients need JSON
        text = _json("".join(self._said))
        self._emit(b"response.function_call_arguments.done", self._where + b',"arguments":' + text)
        return self._end(self._form(status, text))

    def _form(self, status: bytes, text: bytes) -> bytes:
        return b'"id":"%b","type":"function_call","status":"%b"%b,"arguments":%b' % (
            self.id, status, self._named, text,
        )  # fmt: skip


class CustomCall(Call):
    """A call of a tool that takes text, which the backend knows as a function."""

    def __init__(
        self, emit: Emit, index: int, id_: str, call_id: str, name: str, namespace: str | None = None
    ) -> None:
        self._input = CustomInput()
        super().__init__(emit, index, id_, call_id, name, namespace)

    def arguments(self, text: str) -> None:
        self._tell(self._input.feed(text))

    @property
    def complete(self) -> bool:
        return self._input.complete

    @property
    def cut(self) -> bool:
        return self._input.cut

    def close(self, status: bytes) -> bytes:
        self._tell(self._input.close())
        text = _json("".join(self._said))
        self._emit(b"response.custom_tool_call_input.done", self._where + b',"input":' + text)
        return self._end(self._form(status, text))

    def _tell(self, text: str) -> None:
        if text:
            self._said.append(text)
            self._emit(b"response.custom_tool_call_input.delta", self._delta + _json(text))

    def _form(self, status: bytes, text: bytes) -> bytes:
        return b'"id":"%b","type":"custom_tool_call","status":"%b"%b,"input":%b' % (
            self.id, status, self._named, text,
        )  # fmt: skip


def _tokens(logprobs: msgspec.Raw) -> bytes:
    """The list of tokens in OpenAI's object, in the bytes that it came in."""
    try:
        tokens = bytes(_logprobs.decode(logprobs).content)
    except msgspec.MsgspecError:
        return b"[]"
    return tokens.replace(b"\n", b" ").strip() if tokens[:1] == b"[" else b"[]"
