"""An answer as a list of steps in time: the part of the demo that can be tested without a socket.

A script is an iterator of `Step(after, act, data)`: wait `after` seconds, then do `act`. Every latency
and every fault is expressed in these few acts, so that the protocol in `http` knows nothing of faults
and the faults know nothing of sockets. Scripts are lazy: a stalled answer holds no timers and a
ten-megabyte event is built only when its turn has come.
"""

import gzip
from collections.abc import Iterable, Iterator
from enum import Enum, auto
from http import HTTPStatus
from random import random
from typing import NamedTuple

from hybridgw.demo.faults import Faults
from hybridgw.demo.model import Event, Kind, error_body
from hybridgw.demo.personalities import Pace


class Act(Enum):
    """What a step does."""

    WRITE = auto()
    """Send; may share a packet with its neighbours."""
    PACKET = auto()
    """Send in a packet of its own."""
    END = auto()
    """The answer is complete; the connection may serve another request."""
    CLOSE = auto()
    """Close after what was sent has been delivered (FIN)."""
    RESET = auto()
    """Reset the connection (RST), dropping what was not delivered."""
    STALL = auto()
    """Never do anything again on this answer."""


class Step(NamedTuple):
    """One step; `after` in seconds since the step before it."""

    after: float
    act: Act
    data: bytes = b""


Script = Iterator[Step]

_LAST_CHUNK = b"0\r\n\r\n"


def head(status: int, headers: list[tuple[str, str]], *, http10: bool = False) -> bytes:
    """A response head, blank line included."""
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = "Unknown"
    lines = [f"HTTP/1.{0 if http10 else 1} {status} {phrase}", *(f"{k}: {v}" for k, v in headers)]
    return "\r\n".join((*lines, "", "")).encode("latin-1")


def document(
    status: int,
    body: bytes,
    faults: Faults,
    *,
    wait: float = 0.0,
    keep_alive: bool = True,
    content_type: str = "application/json",
    extra: tuple[tuple[str, str], ...] = (),
) -> Script:
    """Script of an answer that is one document. `wait` is the time the model takes."""
    return _shaped(_document(status, body, faults, wait, keep_alive, content_type, extra), faults)


def stream(events: Iterable[Event], faults: Faults, pace: Pace, *, http11: bool, keep_alive: bool) -> Script:
    """Script of a stream of server-sent events. To an HTTP/1.0 client the close ends the body."""
    return _shaped(_stream(events, faults, pace, http11, keep_alive), faults)


def _opening(faults: Faults) -> Script:
    """The faults that leave no answer at all. Ends without a step if an answer follows."""
    wait = _latency(faults)
    if faults.hang:
        yield Step(wait, Act.STALL)
    elif faults.close_before_head:
        yield Step(wait, Act.CLOSE)
    elif faults.reset_before_head:
        yield Step(wait, Act.RESET)
    elif faults.not_http:
        yield Step(wait, Act.WRITE, b"SSH-2.0-OpenSSH_9.6 this is not HTTP\r\n\r\n")
        yield Step(0.0, Act.CLOSE)


def _latency(faults: Faults) -> float:
    return (faults.latency or 0.0) + (random() * faults.jitter if faults.jitter else 0.0)


def _extras(faults: Faults) -> list[tuple[str, str]]:
    headers = [("server", "hybridgw-demo")]
    if faults.huge_head:
        headers.append(("x-demo-padding", "p" * faults.huge_head))
    if faults.location is not None:
        headers.append(("location", faults.location))
    return headers


def _document(
    status: int,
    body: bytes,
    faults: Faults,
    wait: float,
    keep_alive: bool,
    content_type: str,
    extra: tuple[tuple[str, str], ...],
) -> Script:
    opened = False
    for step in _opening(faults):
        opened = True
        yield step
    if opened:
        return
    headers = _extras(faults) + list(extra)
    if faults.html_error:
        status, content_type, wait = 502, "text/html", 0.0
        body = (
            b"<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
        )
    elif faults.status is not None:
        status, wait = faults.status, 0.0
        body = b"" if status in (204, 304) else error_body(faults)
        if faults.retry_after is not None:
            headers.append(("retry-after", faults.retry_after))
    elif faults.error_in_200:
        body = error_body(faults)
    elif faults.garbage:
        body = b'{"choices": [{"message": {"content": "unterminated'
    elif faults.huge_event:
        body = body[:-1] + b',"padding":"' + b"x" * faults.huge_event + b'"}'
    if faults.gzip_bomb:
        body = gzip.compress(b'{"choices":[],"padding":"' + b"0" * faults.gzip_bomb + b'"}', 9)
        headers.append(("content-encoding", "gzip"))
    if faults.corrupt is not None and faults.corrupt < len(body):
        body = body[: faults.corrupt] + bytes((body[faults.corrupt] ^ 1,)) + body[faults.corrupt + 1 :]
    close = faults.close or faults.http10 or not keep_alive
    if faults.content_type != "":
        headers.append(("content-type", faults.content_type or content_type))
    if not faults.http10:
        headers.append(("content-length", str(max(0, len(body) + (faults.wrong_length or 0)))))
    if close:
        headers.append(("connection", "close"))
    wait += _latency(faults)
    opening = head(status, headers, http10=faults.http10)
    for position, act in (
        (faults.reset_after, Act.RESET),
        (faults.stall_after, Act.STALL),
        (faults.truncate_after, Act.CLOSE),
        (faults.close_after, Act.CLOSE),
    ):
        if position is not None and status == 200:
            yield Step(wait, Act.PACKET, opening + body[:position])
            yield Step(0.0, act)
            return
    yield Step(wait, Act.WRITE, opening + body)
    longer = faults.wrong_length is not None and faults.wrong_length > 0
    yield Step(0.0, Act.CLOSE if close or faults.stale_close or longer else Act.END)


def _stream(events: Iterable[Event], faults: Faults, pace: Pace, http11: bool, keep_alive: bool) -> Script:
    opened = False
    for step in _opening(faults):
        opened = True
        yield step
    if opened:
        return
    if faults.http10:
        http11 = False
    close = faults.close or not http11 or not keep_alive
    headers = _extras(faults)
    if faults.content_type != "":
        headers.append(("content-type", faults.content_type or "text/event-stream; charset=utf-8"))
    headers.append(("cache-control", "no-cache"))
    if http11:
        headers.append(("transfer-encoding", "chunked"))
    if close:
        headers.append(("connection", "close"))

    def coded(data: bytes) -> bytes:
        return b"%x\r\n%b\r\n" % (len(data), data) if http11 else data

    end = b"\r\n\r\n" if faults.crlf else b"\n\n"
    wait = _latency(faults)
    yield Step(wait, Act.WRITE, head(200, headers, http10=faults.http10))
    opening = (b"\xef\xbb\xbf" if faults.bom else b"") + (b": demo" + end) * faults.comments
    if opening:
        yield Step(0.0, Act.WRITE, coded(opening))
    first = pace.first_token if faults.first_token is None else faults.first_token
    gap = pace.gap if faults.gap is None else faults.gap
    cuts = (
        (faults.reset_after, Act.RESET),
        (faults.stall_after, Act.STALL),
        (faults.close_after, Act.CLOSE),
        (faults.truncate_after, Act.END),
    )
    sent = 0
    for event in events:
        content = event.kind is Kind.CONTENT
        after = 0.0
        if content:
            after = 0.0 if not event.paced else first if sent == 0 else gap
        if content or event.kind is Kind.FINISH or faults.error_in_200:
            if faults.error_event_after == sent or faults.error_in_200:
                yield Step(after, Act.WRITE, coded(b"data: " + error_body(faults) + end))
                if faults.done_after_error:
                    yield Step(0.0, Act.WRITE, coded(b"data: [DONE]" + end))
                break
            cut = next((act for position, act in cuts if position == sent), None)
            if cut is not None:
                if cut is not Act.END:
                    yield Step(after, cut)
                    return
                break
            if faults.garbage and sent == 1 and content:
                yield Step(0.0, Act.WRITE, coded(b'data: {"choices":[{"delta":{"content":"un' + end))
        prefix = b""
        if content:
            sent += 1
            prefix = (b": demo" + end if faults.comments else b"") + (
                b"data: {}" + end if faults.keepalive_objects else b""
            )
        if event.kind is Kind.DONE and faults.no_done:
            continue
        yield Step(after, Act.WRITE, coded(prefix + b"data: " + event.data + end))
    if http11 and faults.wrong_length:
        yield Step(0.0, Act.WRITE, b"%x\r\n" % max(1, faults.wrong_length))
        yield Step(0.0, Act.CLOSE)
        return
    if http11:
        yield Step(0.0, Act.WRITE, _LAST_CHUNK)
    yield Step(0.0, Act.CLOSE if close or faults.stale_close else Act.END)


def _shaped(steps: Script, faults: Faults) -> Script:
    """Cut the bytes of a script into the packets that the faults ask for."""
    if faults.limit_data is not None:
        steps = _limited(steps, faults.limit_data)
    if faults.split_utf8:
        steps = _split_characters(steps)
    if faults.slice:
        steps = _sliced(steps, faults.slice, faults.slice_gap)
    if faults.bandwidth:
        steps = _throttled(steps, faults.bandwidth)
    return steps


def _limited(steps: Script, limit: int) -> Script:
    for step in steps:
        if len(step.data) > limit:
            yield step._replace(data=step.data[:limit])
            yield Step(0.0, Act.CLOSE)
            return
        limit -= len(step.data)
        yield step


def _split_characters(steps: Script) -> Script:
    for after, act, data in steps:
        start = 0
        for i in range(1, len(data)):
            if data[i] & 0xC0 == 0x80 and data[i - 1] >= 0xC0:
                yield Step(after, Act.PACKET, data[start:i])
                start, after = i, 0.0
        yield Step(after, act, data[start:])


def _sliced(steps: Script, size: int, gap: float) -> Script:
    for after, act, data in steps:
        if not data:
            yield Step(after, act)
        for start in range(0, len(data), size):
            yield Step(after, Act.PACKET, data[start : start + size])
            after = gap


def _throttled(steps: Script, rate: int) -> Script:
    # Ten packets a second at most, so that a slow rate is slow everywhere and not only at the end.
    size = max(1, rate // 10)
    for after, act, data in steps:
        if not data:
            yield Step(after, act)
        for start in range(0, len(data), size):
            part = data[start : start + size]
            yield Step(after + len(part) / rate, Act.PACKET, part)
            after = 0.0
