"""Which time limits an upstream gets: what the file wrote, else what its boundary makes sensible.

An engine on this device or inside the organization is not a cloud. It loads models, reads a long prompt
for minutes and answers one request after the other; cut off, it begins again. So near engines get
minutes, and a further limit (`load`) for as long as nobody else could answer. A cloud that says nothing
for a minute is broken. What flows has no total limit anywhere, unless the file writes one.

`docs/timeouts.md` shows this table; a test compares the two.
"""

import msgspec

from hybridgw.config.schema import BoundaryName
from hybridgw.core import FOREVER, Timeouts

Seconds = float


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """What a file wrote, None for what it did not; and by which keys, for messages."""

    connect: Seconds | None = None
    first_token: Seconds | None = None
    idle: Seconds | None = None
    total: Seconds | None = None
    """Of a stream, and of a whole answer unless `answer` is written."""
    answer: Seconds | None = None
    """Of a whole answer, where the file has a word of its own for it."""
    load: Seconds | None = None
    stream_keys: tuple[str, str, str] = ("timeouts.first_token", "timeouts.idle", "timeouts.total")
    answer_key: str = "timeouts.total"


class Defaults(msgspec.Struct, frozen=True, kw_only=True):
    """Where nothing is written."""

    connect: Seconds = 3.0
    first_token: Seconds
    idle: Seconds
    total: Seconds = FOREVER
    answer: Seconds
    load: Seconds


NEAR = Defaults(first_token=600.0, idle=300.0, answer=3600.0, load=1800.0)
"""This device and the organization."""
FAR = Defaults(first_token=60.0, idle=60.0, answer=600.0, load=0.0)
"""External: nothing is loaded there on our account."""


def limits(boundary: BoundaryName, written: Written) -> tuple[Timeouts, Timeouts]:
    """Limits of a stream and of a whole answer."""
    usual = FAR if boundary == "external" else NEAR
    connect = _either(written.connect, usual.connect)
    load = _either(written.load, usual.load) if usual is NEAR else 0.0
    total = _either(written.total, usual.total)
    answer = _either(written.answer, _either(written.total, usual.answer))
    stream = Timeouts(
        connect=connect,
        first_token=_either(written.first_token, usual.first_token),
        idle=_either(written.idle, usual.idle),
        total=total,
        load=load,
        keys=written.stream_keys,
    )
    whole = Timeouts(
        connect=connect,
        # Its first byte is its last.
        first_token=answer,
        idle=answer,
        total=total if usual is NEAR else min(answer, total),
        load=load,
        keys=(written.answer_key,) * 3,
    )
    return stream, whole


def loading(stream: Timeouts) -> Timeouts:
    """Limits of a stream of a model that its engine has yet to load, where nobody wrote a first-token limit:
    the load is waited for even though somebody else could answer."""
    if not stream.load:
        return stream
    keys = ("timeouts.load", *stream.keys[1:])
    return msgspec.structs.replace(stream, first_token=stream.load, keys=keys)


def _either(written: Seconds | None, usual: Seconds) -> Seconds:
    return usual if written is None else written
