"""One bounded HTTP question to a port of this host, of which nothing is known yet.

Whatever listens there may be a database, a half-dead server or somebody who wants to be mistaken
for an engine. So: HTTP/1.0 without keep-alive (no engine then chunks its answer), no redirects, no
cookies, few bytes kept, and no time limit of its own: the caller cancels all probes at one
deadline, which a peer cannot stretch by sending slowly. Only fixed paths, and no content but the name of
a model.
"""

import asyncio
from typing import Any

import msgspec

MAX_BYTES = 256 * 1024
_READ = 16 * 1024


class Answer(msgspec.Struct, frozen=True):
    """What came back: a status, headers in lower case, the body, and JSON if it was JSON."""

    status: int
    headers: dict[str, str]
    body: Any
    text: bytes = b""


async def connects(host: str, port: int) -> bool:
    """Whether something accepts a connection."""
    try:
        _, writer = await asyncio.open_connection(host, port)
    except OSError:
        return False
    writer.transport.abort()
    return True


async def ask(
    host: str, port: int, path: str, most: int = MAX_BYTES, *, body: bytes | None = None
) -> Answer | None:
    """GET a fixed path, or POST `body` (JSON) to it; None for anything that is no complete HTTP answer of at
    most that many bytes."""
    try:
        reader, writer = await asyncio.open_connection(host, port, limit=_READ)
    except OSError:
        return None
    try:
        # The backend's own name: Ollama refuses others when it listens on loopback.
        head = f"{'GET' if body is None else 'POST'} {path} HTTP/1.0\r\nHost: {host}:{port}\r\n"
        head += "Accept: application/json\r\n"
        if body is not None:
            head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        writer.write(f"{head}\r\n".encode("ascii") + (body or b""))
        data = await _read(reader, most)
    except OSError:
        return None
    finally:
        writer.transport.abort()
    return parse(data, most)


async def _read(reader: asyncio.StreamReader, most: int) -> bytes:
    data = bytearray()
    expected = most + 1
    while len(data) < expected:
        piece = await reader.read(_READ)
        if not piece:
            break
        data += piece
        if expected > most and (end := data.find(b"\r\n\r\n")) >= 0:
            length = _length(bytes(data[:end]))
            if length is not None:
                expected = min(end + 4 + length, most + 1)
    return bytes(data)


def _length(head: bytes) -> int | None:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            text = value.strip()
            return int(text) if text.isdigit() and len(text) <= 7 else None
    return None


def parse(data: bytes, most: int = MAX_BYTES) -> Answer | None:
    """An answer from its bytes; None if it is not HTTP, too large or cut short. Never raises."""
    if len(data) > most or not data.startswith((b"HTTP/1.0 ", b"HTTP/1.1 ")):
        return None
    head, separator, body = data.partition(b"\r\n\r\n")
    code = head[9:12]
    if not separator or not code.isdigit():
        return None
    headers: dict[str, str] = {}
    for line in head.split(b"\r\n")[1:65]:
        name, _, value = line.partition(b":")
        headers[name.strip().lower().decode("latin-1")] = value.strip().decode("latin-1")
    length = _length(head)
    if length is not None:
        if len(body) < length:
            return None
        body = body[:length]
    if headers.get("transfer-encoding", "").lower() == "chunked":
        joined = _unchunk(body)
        if joined is None:
            return None
        body = joined
    try:
        content = msgspec.json.decode(body) if body else None
    except (msgspec.DecodeError, RecursionError, ValueError):
        content = None
    return Answer(int(code), headers, content, body)


def _unchunk(body: bytes) -> bytes | None:
    """The body of a server that chunks although it was asked in HTTP/1.0."""
    result = bytearray()
    position = 0
    while (end := body.find(b"\r\n", position)) >= 0:
        size = body[position:end].partition(b";")[0].strip()
        if not size or len(size) > 6 or not all(c in b"0123456789abcdefABCDEF" for c in size):
            return None
        length = int(size, 16)
        if length == 0:
            return bytes(result)
        start = end + 2
        if len(body) < start + length + 2:
            return None
        result += body[start : start + length]
        position = start + length + 2
    return None
