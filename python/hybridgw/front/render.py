"""Response heads as bytes. Without I/O.

A header with a line break in it would end the head, or begin another answer: it is an error of ours, and
nothing of it is sent.
"""

import time
from email.utils import formatdate
from http import HTTPStatus

from hybridgw.front.seam import Headers

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

_LINES = {status.value: b"HTTP/1.1 %d %b" % (status, status.phrase.encode()) for status in HTTPStatus}


class _Date:
    second = 0
    line = b""


def head(status: int, headers: Headers, more: tuple[tuple[bytes, bytes], ...], framing: bytes) -> bytes:
    """A response head with its empty line. `framing` is complete lines that come last. ValueError for a
    header that is none."""
    now = int(time.time())
    if now != _Date.second:
        _Date.second, _Date.line = now, b"date: %b\r\n" % formatdate(now, usegmt=True).encode()
    lines = [_LINES.get(status) or b"HTTP/1.1 %d " % status, *[b"%b: %b" % pair for pair in headers]]
    if more:
        lines += [b"%b: %b" % pair for pair in more]
    rendered = b"%b\r\n%b%b\r\n" % (b"\r\n".join(lines), _Date.line, framing)
    # As many lines as were put together here: the date, those of the framing and the empty one as well.
    if len(rendered.splitlines()) != len(lines) + 2 + framing.count(b"\n"):
        raise ValueError("a response header holds a line break")
    return rendered
