"""Durations and sizes: how people write them in a file, and the types that say which is meant.

A bare number is seconds or bytes. Units are spelled, never guessed from magnitude: `500ms`, `30s`,
`1m30s`, `20MiB`, `8MB`. The types carry their unit as metadata, so one binder reads every section
and the JSON Schema says the same thing as the code.
"""

import math
import re
from typing import Annotated

from msgspec import Meta

_LONGEST = 366 * 86400.0
_DURATION_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_SIZE_UNITS = {
    "": 1, "b": 1,
    "k": 10**3, "kb": 10**3, "m": 10**6, "mb": 10**6, "g": 10**9, "gb": 10**9,
    "kib": 2**10, "mib": 2**20, "gib": 2**30,
}  # fmt: skip
_DURATION = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?(?:us|ms|s|m|h|d|w))+", re.ASCII)
_DURATION_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(us|ms|s|m|h|d|w)", re.ASCII)
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]*)", re.ASCII)
_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?", re.ASCII)

_DURATION_SCHEMA = {
    "pattern": r"^([0-9]+(\.[0-9]+)?(us|ms|s|m|h|d|w))+$|^[0-9]+(\.[0-9]+)?$|\$\{",
    "examples": ["30s", "500ms", "1m30s", 30],
}
_SIZE_SCHEMA = {
    "pattern": r"^[0-9]+(\.[0-9]+)?\s*([kKmMgG]([iI]?[bB])?|[bB])?$|\$\{",
    "examples": ["20MiB", "8MB", 1048576],
}

Seconds = Annotated[float, Meta(ge=0, extra={"unit": "seconds"}, extra_json_schema=_DURATION_SCHEMA)]
Interval = Annotated[float, Meta(ge=0.001, extra={"unit": "seconds"}, extra_json_schema=_DURATION_SCHEMA)]
Size = Annotated[int, Meta(ge=0, extra={"unit": "bytes"}, extra_json_schema=_SIZE_SCHEMA)]
Port = Annotated[int, Meta(ge=0, le=65535)]
Percent = Annotated[int, Meta(ge=0, le=100)]
Count = Annotated[int, Meta(ge=0)]


def seconds(value: object) -> float:
    """Seconds of a number or a text like "1m30s"; ValueError says how to write one."""
    if isinstance(value, bool):
        raise ValueError("expected a duration such as 30s or 500ms")
    if isinstance(value, int | float):
        number = float(value) if abs(value) < 1e18 else math.inf
    elif isinstance(value, str):
        text = value.strip()
        if len(text) > 64:
            raise ValueError("expected a duration such as 30s or 500ms")
        if _NUMBER.fullmatch(text):
            number = float(text)
        elif _DURATION.fullmatch(text):
            number = sum(float(n) * _DURATION_UNITS[u] for n, u in _DURATION_PART.findall(text))
        else:
            raise ValueError(f"{text!r} is no duration; write a number with us, ms, s, m, h, d or w")
    else:
        raise ValueError("expected a duration such as 30s or 500ms")
    if not 0 <= number <= _LONGEST:
        raise ValueError("a duration lies between 0 and 366 days")
    return number


def size(value: object) -> int:
    """Bytes of a number or a text like "20MiB"; ValueError says how to write one."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError("expected a size such as 20MiB")
    if isinstance(value, str):
        match = _SIZE.fullmatch(value.strip()) if len(value) <= 64 else None
        if match is None or match[2].lower() not in _SIZE_UNITS:
            raise ValueError(f"{value[:64]!r} is no size; write a number with KiB, MiB, GiB, kB, MB or GB")
        value = float(match[1]) * _SIZE_UNITS[match[2].lower()]
    if not 0 <= value <= 2**53:
        raise ValueError("a size lies between 0 and 8 PiB")
    return int(value)
