"""Ollama's `/api/embed` from a backend that has OpenAI's embeddings.

Both take a text or a list of texts and answer with one vector each; the numbers keep their text. The
backend is asked for numbers, and where it answers in base64 all the same they are decoded. Token ids
mean nothing to another model and are refused. `truncate: false` is what such a backend does anyway.
"""

import array
import base64
import sys

import msgspec

from hybridgw.errors import RequestError

Raw = msgspec.Raw
_NULL = Raw(b"null")


class _Ask(msgspec.Struct):
    model: Raw = _NULL
    input: Raw = _NULL
    dimensions: Raw = _NULL


class _Item(msgspec.Struct):
    embedding: Raw
    index: int = 0


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = None


class _Answer(msgspec.Struct):
    data: list[_Item]
    model: Raw = Raw(b'""')
    usage: _Usage | None = None


_ask = msgspec.json.Decoder(_Ask)
_answer = msgspec.json.Decoder(_Answer)
_base64 = msgspec.json.Decoder(str)
_texts = msgspec.json.Decoder(str | list[str])


class OllamaEmbed:
    """One exchange."""

    def request(self, body: bytes) -> bytes:
        """OpenAI's request."""
        ask = _ask.decode(body)
        try:
            _texts.decode(ask.input)
        except msgspec.ValidationError:
            raise RequestError(
                "wrong_type",
                "`input` is a text or a list of texts; token ids fit one model only",
                field="input",
            ) from None
        members = {"model": ask.model, "input": ask.input, "encoding_format": "float"}
        if bytes(ask.dimensions) != b"null":
            members["dimensions"] = ask.dimensions
        return msgspec.json.encode(members)

    def whole(self, body: bytes) -> bytes:
        """Ollama's answer: vectors in the order of the texts."""
        answer = _answer.decode(body)
        items = sorted(answer.data, key=lambda item: item.index)
        told = {
            "model": answer.model,
            "embeddings": [_numbers(item.embedding) for item in items],
            "total_duration": 1,
            "load_duration": 1,
        }
        if answer.usage is not None and answer.usage.prompt_tokens is not None:
            told["prompt_eval_count"] = answer.usage.prompt_tokens
        return msgspec.json.encode(told)

    def feed(self, events: bytes) -> bytes:
        """Embeddings do not stream."""
        return events


def _numbers(embedding: Raw) -> Raw | list[float]:
    if bytes(embedding)[:1] != b'"':
        return embedding
    values = array.array("f", base64.b64decode(_base64.decode(embedding)))
    if sys.byteorder == "big":
        values.byteswap()
    return values.tolist()
