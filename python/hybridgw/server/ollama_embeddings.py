"""Ollama's old `/api/embeddings`: one text in, one vector out, told as an `/api/embed`.

A client of it sees nothing of that: its body is rewritten as it comes in, and the answer as it goes out.
Everything between is the ordinary way of a request, permits and scan included.
"""

from collections.abc import Awaitable
from typing import Any

import msgspec

from hybridgw.core import Route
from hybridgw.pipeline import Worker
from hybridgw.pipeline.call import Message, Receive, Send
from hybridgw.server.inference import infer
from hybridgw.server.request import Facts

_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_vectors = msgspec.json.Decoder(list[msgspec.Raw])


def embed_one(worker: Worker, facts: Facts, receive: Receive, send: Send) -> Awaitable[None]:
    """Serve one request."""
    wire = _Wire(receive, send, worker.plan.settings.server.max_body)
    # Of the rewritten body, which is a few bytes shorter.
    facts.content_length = -1
    return infer(worker, Route.OLLAMA_EMBED, facts, wire.receive, wire.send)


class _Wire:
    """Between the server and the handler."""

    def __init__(self, receive: Receive, send: Send, limit: int) -> None:
        self._receive = receive
        self._send = send
        self._limit = limit
        self._read = False
        self._head: Message | None = None

    async def receive(self) -> Message:
        """The whole body at once; what is too long for us goes on as it is, to be refused."""
        if self._read:
            return await self._receive()
        body = b""
        while True:
            message = await self._receive()
            if message["type"] != "http.request":
                return message
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if not more or len(body) > self._limit:
                self._read = True
                return {"type": "http.request", "body": _asked(body), "more_body": more}

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
