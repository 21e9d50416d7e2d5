"""Ollama's old `/api/embeddings`: one text in, one vector out, told as an `/api/embed`.

A client of it sees nothing of that: its body is rewritten once it is read, and the answer as it goes out.
Everything between is the ordinary way of a request, permits and scan included.
"""

from collections.abc import Awaitable
from typing import Any

import msgspec

from hybridgw.core import Route
from hybridgw.pipeline import Call, Worker, answer
from hybridgw.pipeline.call import Message, Receive, Send
from hybridgw.server.inference import infer
from hybridgw.server.request import Facts

_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_vectors = msgspec.json.Decoder(list[msgspec.Raw])


def embed_one(worker: Worker, facts: Facts, receive: Receive, send: Send) -> Awaitable[None]:
    """Serve one request."""
    told = _Told(send)
    return infer(worker, Route.OLLAMA_EMBED, facts, receive, told.send, _answer)


async def _answer(call: Call, body: bytes, hints: dict[str, str] | None) -> None:
    answering = answer(call, _asked(body), hints)
    del body  # The native side holds the one retained copy.
    await answering


class _Told:
    """The answer on its way out."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._head: Message | None = None

    async def send(self, message: Message) -> None:
        """The head waits for the body, whose length it tells."""
        if message["type"] == "http.response.start":
            self._head = message
            return
        head, self._head = self._head, None
        if head is not None:
            if head["status"] == 200:
                body = _told(message["body"])
                message["body"] = body
                head["headers"] = [
                    (name, b"%d" % len(body) if name == b"content-length" else value)
                    for name, value in head["headers"]
                ]
            await self._send(head)
        await self._send(message)


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
