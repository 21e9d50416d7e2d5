"""Ollama's old `/api/embeddings`: one text in, one vector out, told as an `/api/embed`.

A client of it sees nothing of that: its body is rewritten once it is read, and the answer as it goes out.
Everything between is the ordinary way of a request, permits and scan included.
"""

from collections.abc import Awaitable
from typing import Any

import msgspec

from hybridgw.core import Route
from hybridgw.front.seam import Client, Headers
from hybridgw.pipeline import Call, Worker, answer
from hybridgw.server.inference import infer
from hybridgw.server.request import Facts

_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_vectors = msgspec.json.Decoder(list[msgspec.Raw])


def embed_one(worker: Worker, facts: Facts, client: Client) -> Awaitable[None]:
    """Serve one request."""
    return infer(worker, Route.OLLAMA_EMBED, facts, _Old(client), _answer)


async def _answer(call: Call, body: bytes, hints: dict[str, str] | None) -> None:
    answering = answer(call, _asked(body), hints)
    del body  # The native side holds the one retained copy.
    await answering


class _Old:
    """The client of an old request: its answer is rewritten on its way out."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.method, self.path, self.query = client.method, client.path, client.query
        self.headers, self.more_headers = client.headers, client.more_headers
        self.body, self.skip, self.gone = client.body, client.skip, client.gone
        self.write = client.write
        self._head: tuple[int, Headers] | None = None

    def start(self, status: int, headers: Headers) -> None:
        """The head waits for the body, whose length it states."""
        self._head = (status, headers)

    async def end(self, data: bytes = b"") -> None:
        if self._head is not None:
            status, headers = self._head
            if status == 200:
                data = _told(data)
                length = b"%d" % len(data)
                headers = [(name, length if name == b"content-length" else value) for name, value in headers]
            self._client.start(status, headers)
        await self._client.end(data)


def _asked(body: bytes) -> bytes:
    try:
        members: dict[str, Any] = dict(_members.decode(body))
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return body
    if "prompt" not in members or "input" in members:
        return body
    members["input"] = members.pop("prompt")
    return msgspec.json.encode(members)


def _told(body: bytes) -> bytes:
    try:
        vectors = _vectors.decode(_members.decode(body).get("embeddings", b"[]"))
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return body
    return msgspec.json.encode({"embedding": vectors[0] if vectors else []})
