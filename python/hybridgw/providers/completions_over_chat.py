"""Serves the legacy `/v1/completions` from a backend that only has chat.

A prompt becomes one user message and the assistant's text becomes the completion. What has no
counterpart is refused by name rather than dropped: `suffix`, `echo`, `best_of`, token-id prompts
and several prompts at once would all change what the caller gets.
"""

from typing import Any

import msgspec

from hybridgw import sse
from hybridgw.errors import RequestError

# Members that mean the same on both routes, the limit under either name (a backend's own renaming
# comes first). `logprobs` is a number there and a flag here.
_SAME = (
    "model", "max_tokens", "max_completion_tokens", "temperature", "top_p", "n", "stream",
    "stream_options", "stop", "presence_penalty", "frequency_penalty", "logit_bias", "seed", "user",
)  # fmt: skip
_IMPOSSIBLE = ("suffix", "echo", "best_of")


class _Logprob(msgspec.Struct):
    token: str = ""
    logprob: float = 0.0
    top_logprobs: list["_Logprob"] = []


class _Logprobs(msgspec.Struct):
    content: list[_Logprob] | None = None


class _Message(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    index: int = 0
    message: _Message | None = None
    delta: _Message | None = None
    finish_reason: str | None = None
    logprobs: _Logprobs | None = None


class _Chat(msgspec.Struct):
    id: msgspec.Raw = msgspec.Raw(b'""')
    created: msgspec.Raw = msgspec.Raw(b"0")
    model: msgspec.Raw = msgspec.Raw(b'""')
    choices: list[_Choice] = []
    usage: msgspec.Raw = msgspec.Raw(b"null")
    system_fingerprint: str | None = None
    error: msgspec.Raw = msgspec.Raw(b"null")

    @property
    def failed(self) -> bool:
        """Whether this is an error and no answer."""
        return bytes(self.error) != b"null"

    @property
    def reports_usage(self) -> bool:
        """Whether usage was given and not null."""
        return bytes(self.usage) != b"null"


_chat = msgspec.json.Decoder(_Chat)
_request = msgspec.json.Decoder(dict[str, msgspec.Raw])
_several = msgspec.json.Decoder(list[msgspec.Raw])


class CompletionsOverChat:
    """One exchange. Holds the text offset of each choice, which the legacy logprobs report."""

    def __init__(self) -> None:
        self._offsets: dict[int, int] = {}

    def request(self, body: bytes) -> bytes:
        """A completions body as a chat body."""
        members = _request.decode(body)
        for name in _IMPOSSIBLE:
            if name in members and bytes(members[name]) not in (b"null", b"false", b"1", b'""'):
                raise RequestError(
                    "unsupported_parameter",
                    f"`{name}` cannot be carried to a backend that only has chat",
                    field=name,
                )
        # Carried as it is spelt: not every escape that JSON allows is text that Python can encode.
        text = members.get("prompt", msgspec.Raw(b"null"))
        if bytes(text).startswith(b"[") and len(several := _several.decode(text)) == 1:
            text = several[0]
        if not bytes(text).startswith(b'"'):
            raise RequestError(
                "unsupported_parameter", "this backend takes one prompt, as a string", field="prompt"
            )
        chat: dict[str, Any] = {name: members[name] for name in _SAME if name in members}
        chat["messages"] = [{"role": "user", "content": text}]
        if "logprobs" in members and bytes(members["logprobs"]) != b"null":
            chat["logprobs"] = True
            chat["top_logprobs"] = members["logprobs"]
        return msgspec.json.encode(chat)

    def whole(self, body: bytes) -> bytes:
        """A chat completion as a text completion; an error object stays as it is."""
        chat = _chat.decode(body)
        return body if chat.failed else self._render(chat)

    def feed(self, events: bytes) -> bytes:
        """Chat chunks as text-completion chunks. A chunk that only names the role vanishes."""
        answer = []
        for payload in sse.split(events):
            if payload.startswith(b"[DONE]"):
                answer.append(sse.DONE)
                continue
            chat = _chat.decode(payload)
            if chat.failed:
                answer.append(sse.event(payload))
                continue
            says_something = any(
                choice.finish_reason or (choice.delta and choice.delta.content) for choice in chat.choices
            )
            if says_something or (chat.reports_usage and not chat.choices):
                answer.append(sse.event(self._render(chat)))
        return b"".join(answer)

    def _render(self, chat: _Chat) -> bytes:
        members: dict[str, Any] = {
            "id": chat.id,
            "object": "text_completion",
            "created": chat.created,
            "model": chat.model,
            "choices": [self._choice(choice) for choice in chat.choices],
        }
        if chat.reports_usage:
            members["usage"] = chat.usage
        if chat.system_fingerprint is not None:
            members["system_fingerprint"] = chat.system_fingerprint
        return msgspec.json.encode(members)

    def _choice(self, choice: _Choice) -> dict[str, Any]:
        said = choice.message or choice.delta
        text = (said.content if said else None) or ""
        logprobs = None
        offset = self._offsets.get(choice.index, 0)
        if choice.logprobs is not None and choice.logprobs.content is not None:
            offsets, at = [], offset
            for token in choice.logprobs.content:
                offsets.append(at)
                at += len(token.token)
            logprobs = {
                "tokens": [token.token for token in choice.logprobs.content],
                "token_logprobs": [token.logprob for token in choice.logprobs.content],
                "top_logprobs": [
                    {top.token: top.logprob for top in token.top_logprobs}
                    for token in choice.logprobs.content
                ],
                "text_offset": offsets,
            }
        self._offsets[choice.index] = offset + len(text)
        return {
            "text": text,
            "index": choice.index,
            "logprobs": logprobs,
            "finish_reason": choice.finish_reason,
        }
