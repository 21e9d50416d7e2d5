"""The conversation of an `Ask` as Messages has it.

Anthropic's rules, which the hub does not have: turns of users and assistants alternate; each call of
a tool is answered at the very beginning of the turn after it, in the order of the calls; text is never
blank; ids and names of tools have a small alphabet. What comes after the first turn as an instruction
stays where it is, as text of the user: moved to the top it would mean something else, and the cache
of all that precedes it would be lost.
"""

import hashlib
import re
from collections.abc import Iterable
from typing import Any, NoReturn

import msgspec

from hybridgw.errors import RequestError
from hybridgw.wire import OWN_SIGNATURE, Ask, File, Image, Part, Text, Thinking, ToolCall, ToolResult

Raw = msgspec.Raw
Block = dict[str, Any]

_ODD = re.compile(r"[^a-zA-Z0-9_-]")
_IMAGES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
_object = msgspec.json.Decoder(dict[str, Raw])


class Words:
    """Ids or names in Anthropic's alphabet, and back. Two that differ stay two."""

    def __init__(self, longest: int = 1 << 16) -> None:
        self._longest = longest
        self._said: dict[str, str] = {}
        self._meant: dict[str, str] = {}

    def say(self, word: str) -> str:
        """`word` as Anthropic takes it."""
        said = self._said.get(word)
        if said is None:
            said = _ODD.sub("_", word) or "_"
            if len(said) > self._longest or said in self._meant:
                mark = hashlib.sha256(word.encode()).hexdigest()[:12]
                said = f"{said[: self._longest - 13]}_{mark}"
            self._said[word] = said
            self._meant[said] = word
        return said

    def meant(self, said: str) -> str:
        """What the client calls it."""
        return self._meant.get(said, said)


class Turns:
    """Builds `system` and `messages`."""

    def __init__(self, names: Words) -> None:
        self.system: list[Block] = []
        self.messages: list[Block] = []
        self.called: dict[str, None] = {}
        """Names of all tools that were called, in order."""
        self._names = names
        self._ids = Words()
        self._calls: dict[str, int] = {}
        """Ids of the calls of the last assistant's turn, and their order."""
        self._results: list[tuple[int, Block]] = []
        """Answers to them, which begin the turn that is being built."""

    def add(self, ask: Ask) -> None:
        """All messages."""
        for position, message in enumerate(ask.messages):
            field = f"messages[{position}]"
            role = message.role
            if role == "system":
                blocks = [block for block in map(_instruction, message.parts) if block is not None]
                if not self.messages and not self._results:
                    self.system.extend(blocks)
                elif blocks:
                    self._append("user", blocks)
            elif role == "assistant":
                self._answered(message.parts, field)
            elif role == "tool":
                for part in message.parts:
                    if isinstance(part, ToolResult):
                        self._result(part, field)
            else:
                self._append("user", self._contents(message.parts, field + ".content"))
        self._put_results()
        if not any(message["role"] == "user" for message in self.messages):
            _refuse("messages", "Anthropic's models need a message of a user")
        last = self.messages[-1]
        if last["role"] == "assistant" and last["content"][-1]["type"] == "text":
            # The beginning of an answer must not end in white space.
            last["content"][-1]["text"] = last["content"][-1]["text"].rstrip()

    @property
    def thinks_on(self) -> bool:
        """Whether the turn that goes on can be thought about: within a chain of calls a model with a
        budget demands its own thoughts back."""
        if len(self.messages) < 2 or self.messages[-1]["content"][0]["type"] != "tool_result":
            return True
        return any(block["type"].endswith("thinking") for block in self.messages[-2]["content"])

    def _append(self, role: str, blocks: list[Block]) -> None:
        if role == "user" and self._results and self.messages[-1]["role"] == "assistant":
            self.messages.append({"role": "user", "content": []})
        if not blocks:
            return
        if self.messages and self.messages[-1]["role"] == role:
            self.messages[-1]["content"].extend(blocks)
        else:
            self.messages.append({"role": role, "content": blocks})

    def _put_results(self) -> None:
        """Answers to calls come first in the turn after them."""
        if not self._results:
            return
        results = [block for _, block in sorted(self._results, key=_order)]
        self._results = []
        if self.messages[-1]["role"] == "user":
            self.messages[-1]["content"][:0] = results
        else:
            self.messages.append({"role": "user", "content": results})

    def _answered(self, parts: list[Part], field: str) -> None:
        self._put_results()
        if not (self.messages and self.messages[-1]["role"] == "assistant"):
            self._calls = {}
        blocks: list[Block] = []
        calls: list[Block] = []
        # Thoughts between calls belong where they stand; without any, calls come last.
        ordered = any(isinstance(part, Thinking) for part in parts)
        count = 0
        for part in parts:
            if isinstance(part, Text):
                if part.text.strip():
                    blocks.append(_marked({"type": "text", "text": part.text}, part.cache))
            elif isinstance(part, ToolCall):
                call = self._call(part, f"{field}.tool_calls[{count}]")
                (blocks if ordered else calls).append(call)
                count += 1
            elif isinstance(part, Thinking):
                if part.redacted is not None:
                    blocks.append({"type": "redacted_thinking", "data": part.redacted})
                elif part.signature and not part.signature.startswith(OWN_SIGNATURE):
                    blocks.append({"type": "thinking", "thinking": part.text, "signature": part.signature})
            else:
                _unable(field + ".content", "a model's own turn can hold text only")
        self._append("assistant", blocks + calls)

    def _call(self, part: ToolCall, field: str) -> Block:
        arguments: Raw
        if part.custom:
            arguments = Raw(msgspec.json.encode({"input": part.arguments}))
        elif not part.arguments.strip():
            arguments = Raw(b"{}")
        else:
            try:
                _object.decode(part.arguments)
            except msgspec.DecodeError:
                _refuse(field, "the arguments are no JSON object")
            arguments = Raw(part.arguments.encode())
        self._calls[part.id] = len(self._calls)
        self.called[part.name] = None
        block = {
            "type": "tool_use",
            "id": self._ids.say(part.id),
            "name": self._names.say(part.name),
            "input": arguments,
        }
        return _marked(block, part.cache)

    def _result(self, part: ToolResult, field: str) -> None:
        order = self._calls.get(part.call_id)
        if order is None:
            _refuse(field, "no call in the turn before has the id of this result")
        content = self._contents(part.parts, field + ".content")
        block: Block = {"type": "tool_result", "tool_use_id": self._ids.say(part.call_id)}
        if len(content) == 1 and content[0].keys() == {"type", "text"}:
            block["content"] = content[0]["text"]
        elif content:
            block["content"] = content
        if part.error:
            block["is_error"] = True
        self._results.append((order, _marked(block, part.cache)))

    def _contents(self, parts: Iterable[Part], field: str) -> list[Block]:
        blocks: list[Block] = []
        for at, part in enumerate(parts):
            if isinstance(part, Text):
                if part.text.strip():
                    blocks.append(_marked({"type": "text", "text": part.text}, part.cache))
            elif isinstance(part, Image):
                blocks.append(_marked(_image(part, f"{field}[{at}]"), part.cache))
            elif isinstance(part, File):
                blocks.append(_marked(_document(part, f"{field}[{at}]"), part.cache))
            else:
                _unable(f"{field}[{at}]", "Anthropic's models do not take this kind of content")
        return blocks


def _order(result: tuple[int, Block]) -> int:
    return result[0]


def _instruction(part: Part) -> Block | None:
    if isinstance(part, Text) and part.text.strip():
        return _marked({"type": "text", "text": part.text}, part.cache)
    return None


def _marked(block: Block, cache: Raw | None) -> Block:
    if cache is not None:
        block["cache_control"] = cache
    return block


def _image(part: Image, field: str) -> Block:
    if part.data is None:
        return {"type": "image", "source": {"type": "url", "url": _address(part.url, field)}}
    media = (part.media_type or "").lower()
    media = "image/jpeg" if media == "image/jpg" else media
    if media not in _IMAGES:
        _unable(field, "Anthropic's models see images in jpeg, png, gif and webp only")
    return {"type": "image", "source": {"type": "base64", "media_type": media, "data": part.data}}


def _document(part: File, field: str) -> Block:
    media = (part.media_type or "").lower().partition(";")[0]
    source: Block
    if part.text is not None:
        source = {"type": "text", "media_type": "text/plain", "data": part.text}
    elif part.data is not None:
        if media.startswith("image/"):
            return _image(Image(media, part.data), field)
        if media.startswith("text/"):
            source = {"type": "text", "media_type": "text/plain", "data": _decoded(part.data, field)}
        elif media == "application/pdf" or (not media and part.data.startswith("JVBERi0")):
            source = {"type": "base64", "media_type": "application/pdf", "data": part.data}
        else:
            _unable(field, "Anthropic's models read PDF and plain text only")
    elif part.url is not None:
        source = {"type": "url", "url": _address(part.url, field)}
    else:
        _unable(field, "a file that is stored elsewhere cannot be sent to Anthropic")
    document: Block = {"type": "document", "source": source}
    if part.filename:
        document["title"] = part.filename
    return document


def _decoded(data: str, field: str) -> str:
    """The text in a base64 string."""
    try:
        return msgspec.convert(data, bytes).decode()
    except (msgspec.ValidationError, UnicodeDecodeError):
        _refuse(field, "the data is no text in base64")


def _address(url: str | None, field: str) -> str:
    if url is None or not url.lower().startswith(("https://", "http://")):
        _unable(field, "only data and http addresses can be sent to Anthropic")
    return url


def _refuse(field: str, message: str) -> NoReturn:
    raise RequestError("invalid_value", message, field=field)


def _unable(field: str, message: str) -> NoReturn:
    raise RequestError("unsupported_content", message, field=field)
