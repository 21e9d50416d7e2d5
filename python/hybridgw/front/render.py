"""Response heads as bytes. Without I/O.

A header with a line break in it would end the head, or begin another answer: it is an error of ours, and
nothing of it is sent.
"""

import time
from email.utils import formatdate
from http import HTTPStatus

from hybridgw.front.seam import Headers

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

_LINES = {status.value: b"HTTP/1.1 %d %b\r\n" % (status, status.phrase.encode()) for status in HTTPStatus}


class _Date:
    second = 0
    line = b""


def head(status: int, headers: Headers, more: tuple[tuple[bytes, bytes], ...], framing: bytes) -> bytes:
    """A response head with its empty line. `framing` is complete lines that come last. ValueError for a
    header that is none."""
    now = int(time.time())
    if now != _Date.second:
        _Date.second, _Date.line = now, b"date: %b\r\n" % formatdate(now, usegmt=True).encode()
    parts = [_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status]
    for name, value in headers:
        parts += (name, b": ", value, b"\r\n")
    for name, value in more:
        parts += (name, b": ", value, b"\r\n")
    parts += (_Date.line, framing, b"\r\n")
    rendered = b"".join(parts)
    # One line break for each line that was put together here, and not one more.
    lines = len(headers) + len(more) + 3 + framing.count(b"\n")
    if rendered.count(b"\n") != lines or rendered.count(b"\r") != lines:
        raise ValueError("a response header holds a line break")
    return rendered
