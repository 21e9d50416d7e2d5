"""One attempt as one line of the access log: JSON for programs, words for people. Never text of a request.

The names are those of `hybridgw journal --json`. A line holds what the records of the attempt hold and
nothing else: a field that an older journal does not have, or that nothing was reported for, is left out.
"""

from datetime import datetime
from typing import Any

import msgspec

from hybridgw.ledger.cursor import Attempt

LOST = "lost"
"""The outcome of an attempt whose worker died: its end is not known."""

_OF_START = (
    ("route", "route"), ("method", "method"), ("path", "path"), ("model", "model"),
    ("deployment_name", "deployment"), ("tier", "tier"), ("level", "level"), ("ceiling", "ceiling"),
    ("stream", "stream"), ("estimated_prompt_tokens", "estimated_tokens"),
)  # fmt: skip
_OF_END = (
    ("prompt_tokens", "prompt_tokens"), ("completion_tokens", "completion_tokens"),
    ("cached_tokens", "cached_tokens"), ("cache_write_tokens", "cache_write_tokens"),
    ("reasoning_tokens", "reasoning_tokens"), ("usage_reported", "usage_reported"),
    ("fallback", "fallback"), ("bytes_sent", "bytes_sent"),
)  # fmt: skip
"""Field of a record, name in the line."""

_encoder = msgspec.json.Encoder()


def fields(attempt: Attempt) -> dict[str, Any]:
    """What a line holds, in its order. Times are Unix seconds and milliseconds."""
    start, end = attempt
    known = start if start is not None else end
    assert known is not None, "an attempt has a start or an end"
    line: dict[str, Any] = {
        "time": known["wall_ns"] / 1e9,
        "id": known["id"],
        "attempt": known["attempt"] + 1,
    }
    if start is not None:
        for source, name in _OF_START:
            if start.get(source, "") != "":
                line[name] = start[source]
    if end is None:
        line["outcome"] = LOST
        return line
    line["outcome"] = end["outcome"].lower()
    if end["status"]:
        line["status"] = end["status"]
    for source, name in _OF_END:
        if source in end:
            line[name] = end[source]
    if end["ttft_us"]:
        line["first_token_ms"] = end["ttft_us"] / 1000
    line["duration_ms"] = end["duration_us"] / 1000
    if end["cost_nanos"] is not None:
        line["cost_nano_usd"] = end["cost_nanos"]
    return line


def json_line(attempt: Attempt) -> bytes:
    """The line as JSON, its end included."""
    return _encoder.encode(fields(attempt)) + b"\n"


def text_line(attempt: Attempt) -> bytes:
    """The line for a person on a terminal, its end included."""
    line = fields(attempt)
    words = [datetime.fromtimestamp(line["time"]).strftime("%H:%M:%S")]
    words += [_shown(line[name]) for name in ("route", "model") if name in line]
    if "deployment" in line:
        words += ["->", _shown(line["deployment"])]
    words.append(line["outcome"])
    if "status" in line:
        words.append(str(line["status"]))
    if line.get("level", "public") != "public":
        words.append(line["level"])
    if line.get("prompt_tokens") or line.get("completion_tokens"):
        words.append(f"{line['prompt_tokens']}+{line['completion_tokens']} tokens")
    if "first_token_ms" in line:
        words.append(f"first {line['first_token_ms']:.0f} ms")
    if "duration_ms" in line:
        words.append(f"{line['duration_ms']:.0f} ms")
    if "cost_nano_usd" in line:
        words.append(f"${line['cost_nano_usd'] / 1e9:.6f}".rstrip("0").rstrip("."))
    words.append(f"{line['id']}/{line['attempt']}")
    return " ".join(words).encode(errors="replace") + b"\n"


def _shown(name: str) -> str:
    """A name that a client may have chosen, as one word that moves no cursor and hides no line."""
    return "".join(sign if sign.isprintable() and sign != " " else "?" for sign in name) or "?"
