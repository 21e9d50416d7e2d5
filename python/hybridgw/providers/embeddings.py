"""Embeddings of backends that do not speak all of OpenAI's request.

Both official SDKs ask for base64 without telling their caller, and one of them reads an answer in
floats as empty. So where a client asked for base64 and the backend answered in numbers, the numbers
are encoded here: little-endian 32-bit floats, as OpenAI does. Anything else passes unchanged.

Token ids mean nothing to another model than the one they were made for; they are refused by name,
with the setting that makes the usual client send text.
"""

import array
import base64
import sys
from typing import Any

import msgspec

from hybridgw.errors import RequestError


class _Ask(msgspec.Struct):
    input: msgspec.Raw = msgspec.Raw(b"null")
    encoding_format: msgspec.Raw = msgspec.Raw(b"null")


_ask = msgspec.json.Decoder(_Ask)
_answer = msgspec.json.Decoder(dict[str, msgspec.Raw])
_items = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])
_floats = msgspec.json.Decoder(list[float])


class Embeddings:
    """One exchange; remembers what encoding was asked for."""

    def __init__(self) -> None:
        self._base64 = False

    def request(self, body: bytes) -> bytes:
        """The same body; RequestError for token ids."""
        ask = _ask.decode(body)
        self._base64 = bytes(ask.encoding_format) == b'"base64"'
        # A list of numbers, or of lists of numbers: text always has a quote near its beginning.
        if bytes(ask.input).lstrip(b"[ \t\r\n")[:1].isdigit():
            raise RequestError(
                "unsupported_parameter",
                "token ids cannot be sent to this model; send text "
                "(LangChain: OpenAIEmbeddings(check_embedding_ctx_length=False))",
                field="input",
            )
        return body

    def whole(self, body: bytes) -> bytes:
        """The same answer, with numbers as base64 where that was asked for."""
        if not self._base64:
            return body
        members: dict[str, Any] = dict(_answer.decode(body))
        changed = False
        items = _items.decode(members.get("data", b"[]"))
        for item in items:
            if bytes(item.get("embedding", b""))[:1] == b"[":
                item["embedding"] = msgspec.Raw(b'"' + _encoded(bytes(item["embedding"])) + b'"')
                changed = True
        if not changed:
            return body
        members["data"] = items
        return msgspec.json.encode(members)

    def feed(self, events: bytes) -> bytes:
        """Embeddings do not stream."""
        return events


def _encoded(numbers: bytes) -> bytes:
    values = array.array("f", _floats.decode(numbers))
    if sys.byteorder == "big":
        values.byteswap()
    return base64.b64encode(values.tobytes())
