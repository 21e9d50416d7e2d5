"""A request, apart from any wire.

Numbers that only pass through (temperature, penalties) and schemas are `Raw`: their text is what
the client wrote. Arguments of a call are the JSON text that a model produced; it may be cut off or
no JSON at all, and whoever needs an object says so to the client.

A dialect that meets user content for which there is no part refuses it with a RequestError that
names the field; parameters for which there is no member go to `extra` (a backend of the same family
may know them) and end in `dropped` where the backend does not.
"""

from typing import Any, Literal

import msgspec

Raw = msgspec.Raw

LONGEST_TOOL_NAME = 128
"""Characters: the most that any backend takes. One that takes less says so itself."""
MOST_DROPPED = 64
"""Names of parameters that are noted as dropped."""


class Text(msgspec.Struct):
    """Text of anybody."""

    text: str
    cache: Raw | None = None
    """`cache_control` as Messages clients write it."""


class Image(msgspec.Struct):
    """An image: base64 without head, or where to fetch it; one of the two."""

    media_type: str | None = None
    data: str | None = None
    url: str | None = None
    detail: str | None = None
    cache: Raw | None = None


class Audio(msgspec.Struct):
    """Recorded speech, base64; `format` is `wav`, `mp3`, …"""

    data: str
    format: str


class File(msgspec.Struct):
    """A document: base64, or text, or where to fetch it, or the provider's own name for it."""

    media_type: str | None = None
    filename: str | None = None
    data: str | None = None
    text: str | None = None
    url: str | None = None
    file_id: str | None = None
    cache: Raw | None = None


class Thinking(msgspec.Struct):
    """What a model thought in an earlier turn. `redacted` holds what only its maker can read."""

    text: str = ""
    signature: str | None = None
    redacted: str | None = None


class ToolCall(msgspec.Struct):
    """A call that the assistant made in an earlier turn."""

    id: str
    name: str
    arguments: str
    """JSON text; the input itself when `custom`."""
    custom: bool = False
    signature: str | None = None
    """Gemini's `thoughtSignature`."""
    cache: Raw | None = None


class ToolResult(msgspec.Struct):
    """What a tool answered. `name` is filled in by `named_results`."""

    call_id: str
    parts: list["Text | Image | File"]
    error: bool = False
    name: str = ""
    cache: Raw | None = None


Part = Text | Image | Audio | File | Thinking | ToolCall | ToolResult
Role = Literal["system", "user", "assistant", "tool"]


class Message(msgspec.Struct):
    """One turn. `tool` messages hold only results; calls stand in the assistant's parts, in order."""

    role: Role
    parts: list[Part]
    name: str | None = None
    developer: bool = False
    """A `system` message that OpenAI's newer models want under the name `developer`."""


class Tool(msgspec.Struct):
    """A function that may be called. A custom tool (`format` is its grammar) takes text."""

    name: str
    description: str | None = None
    parameters: Raw | None = None
    strict: bool | None = None
    custom: bool = False
    format: Raw | None = None
    cache: Raw | None = None


class ToolChoice(msgspec.Struct):
    """Which tools may or must be called."""

    mode: Literal["auto", "none", "required", "named"] = "auto"
    name: str | None = None
    allowed: tuple[str, ...] | None = None
    """Only these, in mode `auto` or `required`."""

    def among(self, tools: list[Tool]) -> list[Tool]:
        """Those of `tools` that are allowed."""
        allowed = frozenset(self.allowed or ())
        return [tool for tool in tools if tool.name in allowed]


class Format(msgspec.Struct):
    """What the answer must look like; plain text has none."""

    kind: Literal["json_object", "json_schema"]
    name: str = "output"
    schema: Raw | None = None
    strict: bool | None = None
    description: str | None = None


class Ask(msgspec.Struct, kw_only=True):
    """One request. What a client did not say is None, so that nobody says it for them."""

    model: str
    """As the backend knows it: put in by the native side before anything is translated."""
    messages: list[Message]
    tools: list[Tool] = []
    tool_choice: ToolChoice | None = None
    parallel: bool | None = None
    """Whether several calls may be made in one turn."""
    max_tokens: int | None = None
    temperature: Raw | None = None
    top_p: Raw | None = None
    top_k: Raw | None = None
    stop: list[str] = []
    stream: bool = False
    include_usage: bool = False
    """Whether a Chat client asked for the usage of a stream."""
    prompt_tokens: int = 0
    """Of the request, as the gateway counted or estimated them; 0 when nobody did."""
    n: int = 1
    seed: Raw | None = None
    presence_penalty: Raw | None = None
    frequency_penalty: Raw | None = None
    logprobs: bool = False
    top_logprobs: int | None = None
    format: Format | None = None
    effort: str | None = None
    """none, minimal, low, medium, high, xhigh, max"""
    verbosity: str | None = None
    thinking: Literal["enabled", "adaptive", "disabled"] | None = None
    """As Messages clients say it; `effort` is how much."""
    thinking_budget: int | None = None
    show_thinking: bool = True
    user: str | None = None
    service_tier: str | None = None
    functions: bool = False
    """Asked in the oldest way (`functions`), and to be answered so."""
    extra: dict[str, Raw] = {}
    """Members without a place here, by the client's name for them."""
    configured: dict[str, Any] = {}
    """What the configuration sets, by Chat's names or the backend's own; see `providers.configured`."""
    unsaid: frozenset[str] = frozenset()
    """Parameters that the configuration alone asks for: a client is not told what becomes of them."""
    dropped: list[str] = []
    """Parameters that the backend was not told, by the client's names: whoever drops adds."""

    def drop(self, *names: str) -> None:
        """Note parameters that the backend is not told, each once. Clients choose names, and any number of
        them: behind those that fit into a header nobody looks for more."""
        for name in names:
            if len(self.dropped) < MOST_DROPPED and name not in self.dropped and name not in self.unsaid:
                self.dropped.append(name)


def direct_results(messages: list[Message]) -> None:
    """Move what tools answered right behind the turn that called them: whatever a client wrote between
    (a hook's note, say), most APIs refuse a call whose answers do not follow at once."""
    made: dict[str, int] = {}
    """Number of the turn that made a call."""
    out: list[list[Message]] = []
    """By turn: it and the answers to its calls."""
    for message in messages:
        if message.role == "assistant":
            made.update({part.id: len(out) for part in message.parts if isinstance(part, ToolCall)})
        elif message.role == "tool" and out:
            answered = {made.get(part.call_id) for part in message.parts if isinstance(part, ToolResult)}
            turn = answered.pop() if len(answered) == 1 else None
            if turn is not None:
                out[turn].append(message)
                continue
        out.append([message])
    messages[:] = [message for turn in out for message in turn]


def named_results(messages: list[Message]) -> None:
    """Fill in the names of the tools that answered: Chat and Messages refer to a call only by its id."""
    names = {
        part.id: part.name for message in messages for part in message.parts if isinstance(part, ToolCall)
    }
    for message in messages:
        for part in message.parts:
            if isinstance(part, ToolResult) and not part.name:
                part.name = names.get(part.call_id, "")
