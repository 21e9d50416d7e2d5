"""What the imitated model says: answers made, nothing sent.

The text of each answer says that it is a demo; nothing here may ever be mistaken for the output of a
model. The shapes are those of the OpenAI endpoints, complete enough for the official SDKs: `n`,
`stop`, `max_tokens`, log-probabilities, tool calls, JSON mode, usage. Tokens are words, which is
wrong and does not matter: the counts only have to agree between a stream, a document and the usage.

Everything is a function of the request, the personality and the time given in, so that tests can
compare bytes.
"""

import base64
import hashlib
import struct
from collections.abc import Iterator
from enum import Enum, auto
from typing import Any, NamedTuple

import msgspec

from hybridgw.demo.ask import TOKEN, Ask, AskError
from hybridgw.demo.faults import NONE, Faults

FINGERPRINT = "hybridgw-demo"
"""`system_fingerprint` of every answer."""

_encode = msgspec.json.encode
_HOLE = "\0hole\0"
"""Stands for a piece of text in a frame; the last one in it is ours, whatever a model is called."""


class Kind(Enum):
    """What an event of a stream is for."""

    ROLE = auto()
    CONTENT = auto()
    FINISH = auto()
    USAGE = auto()
    DONE = auto()


class Event(NamedTuple):
    """One `data:` value. `paced` is False for events that belong to the same instant as the one before."""

    kind: Kind
    data: bytes
    paced: bool = True


class Answer:
    """One answer, as a document or as events.

    `tier` goes into the text; `number` and `created` (Unix seconds) into the identity of the answer.
    """

    def __init__(self, ask: Ask, tier: str, number: int, created: int, faults: Faults = NONE) -> None:
        self.ask = ask
        self.faults = faults
        kind = "chatcmpl" if ask.chat else "cmpl"
        self.identity: dict[str, Any] = {
            "id": f"{kind}-demo-{created:x}-{number:x}",
            "object": "",
            "created": created,
            "model": ask.model,
            "system_fingerprint": FINGERPRINT,
        }
        self.pieces, finish = self._pieces(tier)
        self.finish = faults.finish_reason or finish

    @property
    def choices(self) -> int:
        """How many choices the answer has."""
        return self.ask.n * self.ask.prompts

    def _pieces(self, tier: str) -> tuple[list[str], str]:
        ask, faults = self.ask, self.faults
        text = (
            f"This is a demo answer from the {tier} demo model; no real model is running. "
            f"Your request held {ask.prompt_chars} characters and asked for {ask.model}. "
            "Configure a real engine to get a real answer."
        )
        if faults.split_utf8:
            text += " Grüße, 你好, привет, 😀."
        if ask.json_mode:
            text = _encode({"demo": True, "message": text}).decode()
        finish = "stop"
        if ask.tool:
            return [], "tool_calls"
        cut = min((i for i in map(text.find, ask.stops) if i >= 0), default=-1)
        if cut >= 0:
            text = text[:cut]
        pieces = TOKEN.findall(text)
        if faults.events is not None:
            return [pieces[i % len(pieces)] for i in range(faults.events)] if pieces else [], finish
        if ask.limit is not None and len(pieces) > ask.limit:
            return pieces[: ask.limit], "length"
        return pieces, finish

    def usage(self) -> dict[str, Any]:
        """The `usage` object."""
        if self.faults.usage_lies:
            return {"prompt_tokens": 2**40, "completion_tokens": -5, "total_tokens": 0}
        each = len(TOKEN.findall(self.ask.tool[1])) + 1 if self.ask.tool else len(self.pieces)
        prompt, completion = self.ask.prompt_tokens, each * self.choices
        return {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
            "prompt_tokens_details": {"cached_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0},
        }

    def document(self) -> bytes:
        """The whole answer as one JSON document."""
        ask, text = self.ask, "".join(self.pieces)
        choices: list[dict[str, Any]] = []
        for index in range(self.choices):
            choice: dict[str, Any] = {"index": index}
            if not ask.chat:
                choice |= {"text": text, "logprobs": self._old_logprobs(self.pieces)}
            elif ask.tool:
                call = _call(self.identity["id"], index, ask.tool)
                choice["message"] = {"role": "assistant", "content": None, "tool_calls": [call]}
                choice["logprobs"] = None
            else:
                choice["message"] = {"role": "assistant", "content": text, "refusal": None}
                choice["logprobs"] = self._logprobs(self.pieces)
            choices.append(choice | {"finish_reason": self.finish})
        body = self.identity | {
            "object": "chat.completion" if ask.chat else "text_completion",
            "choices": choices,
        }
        return _encode(body if self.faults.usage_missing else body | {"usage": self.usage()})

    def events(self) -> Iterator[Event]:
        """The answer as events, terminal included. Choices advance together, lowest index first. Lazy:
        a reader that does not read must not make this program hold a million events for it."""
        ask, faults = self.ask, self.faults

        def each(kind: Kind, delta: dict[str, Any], finish: str | None = None) -> Iterator[Event]:
            for index in range(self.choices):
                yield Event(kind, self._chunk(index, delta, finish), paced=index == 0)

        if ask.chat:
            yield from each(Kind.ROLE, {"role": "assistant", "content": None if ask.tool else ""})
        if ask.tool:
            for index in range(self.choices):
                for fragment in self._fragments(index, ask.tool):
                    chunk = self._chunk(index, {"tool_calls": [fragment]}, None)
                    yield Event(Kind.CONTENT, chunk, paced=index == 0)
        role = {"role": "assistant"} if faults.repeat_role else {}
        if faults.huge_event:
            yield from each(Kind.CONTENT, role | {"content": "x" * faults.huge_event})
        if ask.logprobs:
            for piece in self.pieces:
                yield from each(Kind.CONTENT, role | {"content": piece})
        else:
            # The same bytes, but only the piece is encoded each time: long streams are sent at load.
            frames = [
                self._chunk(index, role | {"content": _HOLE}, None).rpartition(_encode(_HOLE))
                for index in range(self.choices)
            ]
            for piece in self.pieces:
                text = _encode(piece)
                for index, (before, _, after) in enumerate(frames):
                    yield Event(Kind.CONTENT, before + text + after, paced=index == 0)
        if not faults.no_finish:
            yield from each(Kind.FINISH, {}, self.finish)
        if ask.include_usage and not faults.usage_missing:
            last = self.identity | {"object": self._chunk_object, "choices": [], "usage": self.usage()}
            yield Event(Kind.USAGE, _encode(last))
        yield Event(Kind.DONE, b"[DONE]")

    @property
    def _chunk_object(self) -> str:
        return "chat.completion.chunk" if self.ask.chat else "text_completion"

    def _chunk(self, index: int, delta: dict[str, Any], finish: str | None) -> bytes:
        choice: dict[str, Any] = {"index": index}
        text = delta.get("content")
        if self.ask.chat:
            choice["delta"] = None if finish and self.faults.null_delta else delta
            choice["logprobs"] = self._logprobs([text]) if text else None
        else:
            choice["text"] = text or ""
            choice["logprobs"] = self._old_logprobs([text]) if text else None
        choice["finish_reason"] = finish
        chunk = self.identity | {"object": self._chunk_object, "choices": [choice]}
        return _encode(chunk | {"usage": None} if self.ask.include_usage else chunk)

    def _fragments(self, index: int, tool: tuple[str, str]) -> list[dict[str, Any]]:
        call = _call(self.identity["id"], index, tool)
        arguments = tool[1]
        half = len(arguments) // 2
        call["function"]["arguments"] = ""
        parts = [call, *({"function": {"arguments": p}} for p in (arguments[:half], arguments[half:]) if p)]
        return parts if self.faults.no_tool_index else [{"index": 0} | part for part in parts]

    def _logprobs(self, pieces: list[str]) -> dict[str, Any] | None:
        if not self.ask.logprobs:
            return None
        content = []
        for piece in pieces:
            token = {"token": piece, "logprob": _logprob(piece), "bytes": list(piece.encode())}
            others = [token] + [
                {"token": f"{piece}{rank}", "logprob": _logprob(piece) - rank, "bytes": None}
                for rank in range(1, self.ask.top)
            ]
            content.append(token | {"top_logprobs": others[: self.ask.top]})
        return {"content": content, "refusal": None}

    def _old_logprobs(self, pieces: list[str]) -> dict[str, Any] | None:
        if not self.ask.logprobs:
            return None
        offsets = [0]
        for piece in pieces[:-1]:
            offsets.append(offsets[-1] + len(piece))
        values = [_logprob(p) for p in pieces]
        top = [{p: v} for p, v in zip(pieces, values, strict=True)]
        return {"tokens": pieces, "token_logprobs": values, "top_logprobs": top, "text_offset": offsets}


def _call(identity: str, index: int, tool: tuple[str, str]) -> dict[str, Any]:
    function = {"name": tool[0], "arguments": tool[1]}
    return {"id": f"call_{identity[-8:]}_{index}", "type": "function", "function": function}


def _logprob(piece: str) -> float:
    """A made-up but repeatable log-probability between -2 and 0."""
    return -(hashlib.blake2b(piece.encode(), digest_size=1).digest()[0] / 128)


def embeddings(body: Any) -> bytes:
    """Answer to an embeddings request: repeatable unit vectors. Raises AskError."""
    if not isinstance(body, dict) or not isinstance(body.get("model"), str):
        raise AskError("you must provide a model parameter", "model")
    given = body.get("input")
    if isinstance(given, list) and given and all(isinstance(i, int) for i in given):
        given = [given]
    inputs = given if isinstance(given, list) else [given]
    if not inputs or not all(i and isinstance(i, str | list) for i in inputs):
        raise AskError("input is a non-empty string, a list of strings or of token ids", "input")
    size = body.get("dimensions", 32)
    if not isinstance(size, int) or not 1 <= size <= 4096:
        raise AskError("dimensions is an integer between 1 and 4096", "dimensions")
    as_text = body.get("encoding_format") == "base64"
    data = []
    tokens = 0
    for index, item in enumerate(inputs):
        tokens += len(TOKEN.findall(item)) if isinstance(item, str) else len(item)
        vector = _vector(_encode(item), size)
        value = base64.b64encode(struct.pack(f"<{size}f", *vector)).decode() if as_text else vector
        data.append({"object": "embedding", "index": index, "embedding": value})
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    answer = {"object": "list", "data": data, "model": body["model"], "usage": usage}
    return _encode(answer | {"system_fingerprint": FINGERPRINT})


def _vector(seed: bytes, size: int) -> list[float]:
    raw = hashlib.shake_128(seed).digest(2 * size)
    values = [int.from_bytes(raw[i : i + 2], "little") / 32768 - 1 for i in range(0, 2 * size, 2)]
    norm = sum(v * v for v in values) ** 0.5 or 1.0
    return [v / norm for v in values]


def models(names: tuple[str, ...], context_window: int, created: int, owner: str) -> list[dict[str, Any]]:
    """Entries of `GET /v1/models`."""
    return [
        {
            "id": name,
            "object": "model",
            "created": created,
            "owned_by": owner,
            "max_model_len": context_window,
            "description": "demo model; no real model is running",
        }
        for name in names
    ]


_CODES = {
    400: ("invalid_request_error", "invalid_request"),
    401: ("invalid_request_error", "invalid_api_key"),
    403: ("permission_error", "forbidden"),
    404: ("invalid_request_error", "not_found"),
    402: ("insufficient_quota", "insufficient_quota"),
    413: ("invalid_request_error", "request_too_large"),
    429: ("rate_limit_error", "rate_limit_exceeded"),
}


def error_body(faults: Faults, *, message: str = "", param: str | None = None, status: int = 0) -> bytes:
    """An error document in the shape that the faults ask for (the OpenAI one by default)."""
    status = status or faults.status or 500
    kind, code = _CODES.get(status, ("server_error", "server_error"))
    kind, code = faults.kind or kind, faults.code or code
    message = message or faults.message or f"demo fault: status {status}"
    error: dict[str, Any] = {"message": message, "type": kind, "param": param, "code": code}
    if faults.error_shape == "string":
        return _encode({"error": message, "error_type": kind})
    if faults.error_shape == "flat":
        return _encode({"object": "error", "message": message, "type": kind, "code": status})
    if faults.error_shape == "detail":
        return _encode({"detail": message})
    if faults.error_shape == "integer-code":
        error["code"] = status
    return _encode({"error": error})
