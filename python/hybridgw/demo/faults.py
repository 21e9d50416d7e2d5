"""Faults on demand, as a value.

A fault is written `name=value;name;name=value`, for example `status=429;retry-after=2` or
`first-token=300ms;stall-after=10`, or as the same names in a JSON object. The words are those of the
usual network fault proxies (latency, jitter, bandwidth, slicer, limit-data, reset, hang) plus what
only a language model can do wrong (a missing terminal, an error event in a 200, a silent stop after
some tokens). This module only reads and describes them; `script` makes them happen. It does no I/O.

An unknown name is an error, never ignored: a test that misspells its fault would pass for nothing.
"""

import re
from typing import Any

import msgspec


class FaultError(ValueError):
    """The text does not describe faults; the message says which word and why."""


class Faults(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename=lambda n: n.replace("_", "-")):
    """What goes wrong with one answer. Durations in seconds, sizes in bytes, positions in content tokens
    of a stream (bytes of the body of an answer that is not a stream). The default is no fault."""

    latency: float | None = None
    """Wait before the response head."""
    jitter: float | None = None
    """Up to this much more before the head, at random."""
    first_token: float | None = None
    """From the head to the first content token."""
    gap: float | None = None
    """Between content tokens."""
    events: int | None = None
    """How many content tokens, whatever max_tokens says."""
    hang: bool = False
    """Accept the request and never answer."""
    close_before_head: bool = False
    """Close in good order (FIN) without an answer."""
    reset_before_head: bool = False
    """Reset the connection (RST) without an answer."""
    not_http: bool = False
    """Answer bytes that are not HTTP."""
    status: int | None = None
    """Answer this status with an error body."""
    retry_after: str | None = None
    """`retry-after` of that answer, passed as written: seconds, a date, nonsense."""
    code: str | None = None
    """`error.code` of that answer (default by status)."""
    kind: str | None = None
    """`error.type` of that answer (default by status)."""
    message: str | None = None
    """`error.message` of that answer."""
    error_shape: str = "object"
    """`object`, `string`, `flat`, `integer-code` or `detail`: how engines spell an error."""
    location: str | None = None
    """`location` header, for 3xx."""
    html_error: bool = False
    """Answer 502 with an HTML page."""
    error_in_200: bool = False
    """Status 200 whose only content is an error object (first event of a stream)."""
    error_event_after: int | None = None
    """An error event after so many tokens, then a clean end without the terminal."""
    done_after_error: bool = False
    """Send the terminal even after an error event, as some engines do."""
    stall_after: int | None = None
    """Go silent after so many tokens; the connection stays open."""
    reset_after: int | None = None
    """Reset the connection after so many tokens."""
    truncate_after: int | None = None
    """End cleanly after so many tokens: no finish reason, no terminal."""
    close_after: int | None = None
    """Close (FIN) after so many tokens in the middle of the transfer coding."""
    no_done: bool = False
    """Everything but the terminal event."""
    no_finish: bool = False
    """No finish reason, but the terminal."""
    garbage: bool = False
    """One `data:` line (or the whole body) that is not JSON."""
    wrong_length: int | None = None
    """Declare the body this many bytes longer (negative: shorter) than it is. In a stream: announce a
    last chunk of so many bytes and close instead of sending it."""
    usage_missing: bool = False
    """Never report usage."""
    usage_lies: bool = False
    """Report absurd usage."""
    huge_event: int | None = None
    """One content event of this many bytes."""
    huge_head: int | None = None
    """A response header of this many bytes."""
    gzip_bomb: int | None = None
    """A gzip-coded body that grows to this many bytes, asked for or not."""
    slice: int | None = None
    """Send packets of at most this many bytes."""
    slice_gap: float = 0.0
    """Wait between those packets."""
    bandwidth: int | None = None
    """Bytes per second."""
    limit_data: int | None = None
    """Close after this many bytes, head included."""
    split_utf8: bool = False
    """Non-ASCII text, with a packet border inside each multi-byte character."""
    corrupt: int | None = None
    """Flip a bit of the byte at this position of the body."""
    crlf: bool = False
    """Events end in CRLF instead of LF."""
    bom: bool = False
    """A byte order mark opens the stream."""
    comments: int = 0
    """This many comment lines before the first event, and one before each token."""
    keepalive_objects: bool = False
    """A `data: {}` before each token."""
    repeat_role: bool = False
    """`delta.role` in each chunk."""
    null_delta: bool = False
    """`"delta":null` in the last chunk."""
    finish_reason: str | None = None
    """This finish reason, known to the protocol or not."""
    no_tool_index: bool = False
    """Tool calls of a stream without their index."""
    content_type: str | None = None
    """This `content-type`, or an empty one."""
    json_for_stream: bool = False
    """Answer one JSON document although a stream was asked for."""
    http10: bool = False
    """HTTP/1.0: no chunks, no keep-alive, the close ends the body."""
    close: bool = False
    """`connection: close` after this answer."""
    stale_close: bool = False
    """Close after this answer without having said so."""

    @property
    def none(self) -> bool:
        """Nothing is to go wrong."""
        return self == NONE


NONE = Faults()

VOCABULARY: tuple[str, ...] = Faults.__struct_encode_fields__
"""Every name, as written in requests."""

_TYPES = {f.encode_name: f.type for f in msgspec.structs.fields(Faults)}
_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}
_SIZES = {"": 1, "b": 1, "k": 1000, "kb": 1000, "kib": 1024, "m": 10**6, "mb": 10**6, "mib": 1024**2}
_NUMBER = re.compile(r"([+-]?\d+(?:\.\d+)?)\s*([a-zA-Z]*)")
_SHAPES = ("object", "string", "flat", "integer-code", "detail")


def parse(spec: str | dict[str, Any] | None) -> Faults:
    """Read faults from text (`name=value;name`; `,` separates as well) or from an object.

    Durations take `us`, `ms`, `s`, `m` and are seconds without a unit; sizes take `KB`, `MB`, `KiB`,
    `MiB`. `_` and `-` are the same. Raises FaultError.
    """
    if not spec:
        return NONE
    pairs = spec.items() if isinstance(spec, dict) else _split(spec)
    values: dict[str, Any] = {}
    for raw_name, raw in pairs:
        name = raw_name.strip().lower().replace("_", "-")
        if name not in _TYPES:
            raise FaultError(f"unknown fault {raw_name!r}; known: {', '.join(VOCABULARY)}")
        values[name] = _value(name, _TYPES[name], raw)
    faults = msgspec.convert(values, Faults)
    if faults.error_shape not in _SHAPES:
        raise FaultError(f"error-shape is one of {', '.join(_SHAPES)}")
    return faults


def _split(spec: str) -> list[tuple[str, Any]]:
    # `retry-after` may be a date, which holds a comma: a comma separates only before a known name.
    parts = re.split(r";|,(?=\s*[A-Za-z][A-Za-z0-9_-]*\s*(?:=|,|;|$))", spec)
    pairs: list[tuple[str, Any]] = []
    for part in parts:
        if part.strip():
            name, sep, value = part.partition("=")
            pairs.append((name, value.strip() if sep else True))
    return pairs


def _value(name: str, kind: Any, raw: Any) -> Any:
    wanted = str(kind)
    if kind is bool:
        if isinstance(raw, bool):
            return raw
        if str(raw).lower() in ("1", "true", "yes", "on", ""):
            return True
        if str(raw).lower() in ("0", "false", "no", "off"):
            return False
        raise FaultError(f"{name} is on or off, not {raw!r}")
    if raw is None:
        raise FaultError(f"{name} needs a value")
    if "str" in wanted:
        return "" if raw is True else str(raw)
    if raw is True:
        if name == "wrong-length":
            return 10
        raise FaultError(f"{name} needs a value, such as {name}=3")
    match = _NUMBER.fullmatch(str(raw).strip())
    if match is None:
        raise FaultError(f"{name}={raw!r} is not a number with an optional unit")
    number, unit = float(match[1]), match[2].lower()
    table: dict[str, Any] = _UNITS | {"": 1.0} if "float" in wanted else _SIZES
    if unit not in table:
        raise FaultError(f"{name}={raw!r}: unknown unit {match[2]!r}")
    result = number * table[unit]
    if name != "wrong-length" and result < 0:
        raise FaultError(f"{name} cannot be negative")
    return result if "float" in wanted else int(result)
