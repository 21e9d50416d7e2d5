"""The legacy Completions dialect, for backends that only have conversations.

A prompt becomes one user message and the assistant's text becomes the completion. What has no
counterpart is refused by name rather than dropped: `suffix`, `echo`, `best_of`, token-id prompts and
several prompts at once would all change what the caller gets.
"""

import secrets
import time
from typing import Any

import msgspec

from hybridgw.dialects.base import Fault, Writer
from hybridgw.dialects.chat_read import positive
from hybridgw.dialects.chat_write import DONE, error_body
from hybridgw.dialects.openai import OpenAI
from hybridgw.dialects.reading import Raw, decoded, given, number
from hybridgw.errors import RequestError
from hybridgw.wire import Ask, Event, Finish, Message, Refusal, Start, Text, TextDelta, Usage

_IMPOSSIBLE = ("suffix", "echo", "best_of")
_NUMBERS = ("temperature", "top_p", "top_k", "seed", "presence_penalty", "frequency_penalty")
_REASONS = frozenset({"stop", "length", "content_filter"})


class _StreamOptions(msgspec.Struct):
    include_usage: bool | None = None


class _Body(msgspec.Struct):
    model: str = ""
    prompt: Raw = Raw()
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    stop: str | list[str] | None = None
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    n: int | None = None
    logprobs: int | None = None
    user: str | None = None


class _Token(msgspec.Struct):
    token: str = ""
    logprob: Raw = Raw(b"0.0")
    top_logprobs: list["_Token"] = []


class _Logprobs(msgspec.Struct):
    content: list[_Token] | None = None


_body = msgspec.json.Decoder(_Body)
_members = msgspec.json.Decoder(dict[str, Raw])
_several = msgspec.json.Decoder(list[Raw])
_text = msgspec.json.Decoder(str)
_logprobs = msgspec.json.Decoder(_Logprobs)
_encode = msgspec.json.Encoder().encode
_KNOWN = frozenset((*_Body.__struct_fields__, *_NUMBERS, *_IMPOSSIBLE))


class Completions(OpenAI):
    """One stateless instance serves all requests."""

    def read(self, body: bytes) -> Ask:
        """A Completions request as a conversation of one message."""
        asked = decoded(_body, body)
        members = _members.decode(body)
        for name in _IMPOSSIBLE:
            if name in members and bytes(members[name]) not in (b"null", b"false", b"1", b'""'):
                raise RequestError(
                    "unsupported_parameter",
                    f"`{name}` cannot be carried to a backend that only has chat",
                    field=name,
                )
        ask = Ask(model=asked.model, messages=[Message("user", [Text(_prompt(asked.prompt))])])
        # A backend's own renaming comes before us: the limit may have either name.
        newer = positive("max_completion_tokens", asked.max_completion_tokens)
        ask.max_tokens = newer or positive("max_tokens", asked.max_tokens)
        for name in _NUMBERS:
            if name in members:
                setattr(ask, name, number(members[name], name))
        if asked.stop is not None:
            ask.stop = [asked.stop] if isinstance(asked.stop, str) else asked.stop
        ask.stream = bool(asked.stream)
        ask.include_usage = asked.stream_options is not None and bool(asked.stream_options.include_usage)
        ask.n = positive("n", asked.n) or 1
        if asked.logprobs is not None:
            # A number here, a flag and a number there.
            ask.logprobs, ask.top_logprobs = True, asked.logprobs
        ask.user = asked.user
        for name, value in members.items():
            if name not in _KNOWN and given(value) is not None:
                ask.extra[name] = value
        return ask

    def writer(self, ask: Ask) -> Writer:
        """A Completions answer."""
        return CompletionsWriter(ask)


COMPLETIONS = Completions()


def _prompt(said: Raw) -> str:
    text = bytes(said)
    if text.startswith(b"[") and len(several := _several.decode(said)) == 1:
        text = bytes(several[0])
    if not text.startswith(b'"'):
        raise RequestError(
            "unsupported_parameter", "this backend takes one prompt, as a string", field="prompt"
        )
    return _text.decode(text)


class CompletionsWriter:
    """One answer. Holds the text offset of each choice, which the legacy logprobs report."""

    heartbeat = b": hybridgw\n\n"

    def __init__(self, ask: Ask, *, unique: str | None = None, now: int | None = None) -> None:
        self._include_usage = ask.include_usage
        self._common: dict[str, Any] = {
            "id": "cmpl-" + (unique or secrets.token_hex(12)),
            "object": "text_completion",
            "created": int(time.time()) if now is None else now,
            "model": ask.model,
        }
        self._usage: Usage | None = None
        self._offsets: dict[int, int] = {}
        self._finished: set[int] = set()

    def feed(self, events: list[Event]) -> bytes:
        """The next events. Thoughts and calls have no place here."""
        out: list[bytes] = []
        for event in events:
            if isinstance(event, TextDelta):
                out.append(self._chunk(self._choice(event.choice, event.text, event.logprobs)))
            elif isinstance(event, Refusal):
                out.append(self._chunk(self._choice(event.choice, event.text)))
            elif isinstance(event, Finish):
                if event.choice not in self._finished:
                    out.append(self._chunk(self._choice(event.choice, "", None, event.reason)))
            elif isinstance(event, Start):
                self._common["model"] = event.model or self._common["model"]
            elif isinstance(event, Usage):
                self._usage = event
        return b"".join(out)

    def close(self) -> bytes:
        """Ends what the backend left open, then the usage if it was asked for, then the mark."""
        out = [
            self._chunk(self._choice(choice, "", None, "stop"))
            for choice in (self._offsets or (0,))
            if choice not in self._finished
        ]
        if self._include_usage and self._usage is not None:
            out.append(
                b"data: " + _encode({**self._common, "choices": [], "usage": self._usage.chat()}) + b"\n\n"
            )
        out.append(DONE)
        return b"".join(out)

    def whole(self, events: list[Event]) -> bytes:
        """All events as one `text_completion`."""
        choices: dict[int, dict[str, Any]] = {}
        for event in events:
            if isinstance(event, TextDelta | Refusal):
                logprobs = event.logprobs if isinstance(event, TextDelta) else None
                told = self._choice(event.choice, event.text, logprobs)
                _extend(choices.setdefault(event.choice, _empty(event.choice)), told)
            elif isinstance(event, Finish):
                told = self._choice(event.choice, "", None, event.reason)
                choices.setdefault(event.choice, told)["finish_reason"] = told["finish_reason"]
            elif isinstance(event, Start):
                self._common["model"] = event.model or self._common["model"]
            elif isinstance(event, Usage):
                self._usage = event
        for choice in choices.values():
            choice["finish_reason"] = choice["finish_reason"] or "stop"
        return _encode(
            {
                **self._common,
                "choices": [choices[at] for at in sorted(choices)] or [self._choice(0, "", None, "stop")],
                "usage": (self._usage or Usage()).chat(),
            }
        )

    def error_event(self, fault: Fault) -> bytes:
        """An event without a name, which the official SDKs raise on."""
        return b"data: " + error_body(fault) + b"\n\n"

    def _chunk(self, choice: dict[str, Any]) -> bytes:
        return b"data: " + _encode({**self._common, "choices": [choice]}) + b"\n\n"

    def _choice(
        self, index: int, text: str, logprobs: Raw | None = None, reason: str | None = None
    ) -> dict[str, Any]:
        offset = self._offsets.get(index, 0)
        self._offsets[index] = offset + len(text)
        if reason is not None:
            self._finished.add(index)
            reason = reason if reason in _REASONS else "stop"
        return {
            "text": text,
            "index": index,
            "logprobs": None if logprobs is None else _legacy(logprobs, offset),
            "finish_reason": reason,
        }


def _empty(index: int) -> dict[str, Any]:
    return {"text": "", "index": index, "logprobs": None, "finish_reason": None}


def _extend(choice: dict[str, Any], more: dict[str, Any]) -> None:
    choice["text"] += more["text"]
    logprobs = choice["logprobs"]
    if logprobs is None:
        choice["logprobs"] = more["logprobs"]
    elif more["logprobs"] is not None:
        for name, values in more["logprobs"].items():
            logprobs[name] += values


def _legacy(logprobs: Raw, offset: int) -> dict[str, list[Any]] | None:
    """Chat's logprobs in the older shape. Numbers keep their text."""
    tokens = _logprobs.decode(logprobs).content
    if tokens is None:
        return None
    offsets, at = [], offset
    for token in tokens:
        offsets.append(at)
        at += len(token.token)
    return {
        "tokens": [token.token for token in tokens],
        "token_logprobs": [token.logprob for token in tokens],
        "top_logprobs": [{top.token: top.logprob for top in token.top_logprobs} for token in tokens],
        "text_offset": offsets,
    }
