"""Compressed request bodies: decoded once at the door, under the same limit as plain ones.

Some clients compress what they send (Codex uses zstd). What is scanned, decided and forwarded is the
decoded body; no upstream is ever sent a compressed one, so nothing can hide in it. The cap counts what
comes out, and each decoder is told how much it may produce: a bomb stops at the cap, whatever it
claims to hold, and its window is bounded as RFC 9659 has it. Concatenated members are legal, and so
each costs a decoder: there may be a few of them, not a million empty ones.

Sans-I/O: who calls it decides in which thread. The decoders are imported when the first client needs
them, because most gateways never see one.
"""

import sys
import zlib
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from hybridgw.errors import RequestError

CODINGS = ("gzip", "deflate", "br", "zstd")
"""What a client may use, one at a time."""

_ALIASES = {"x-gzip": "gzip"}
_MEMBERS = 32
_WINDOW_LOG = 23
"""8 MiB, the most that RFC 9659 lets an encoder of HTTP content ask for."""
_STEP = 256 * 1024


class Larger(Exception):
    """More comes out than is allowed."""


class _Machine(Protocol):
    """One member's decoder, as the standard library has them."""

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


def coding_of(header: bytes) -> str | None:
    """The one coding that a Content-Encoding names, None for a body as it is. RequestError for an
    unknown one, and for several: a body that is compressed twice is nobody's honest request."""
    names = [name.strip().lower() for name in header.decode("latin-1").split(",")]
    real = [_ALIASES.get(name, name) for name in names if name not in ("", "identity")]
    if not real:
        return None
    if len(real) == 1 and real[0] in CODINGS:
        return real[0]
    raise _unsupported(
        "the body is compressed more than once" if len(real) > 1 else f"cannot decode {real[0][:40]!r}"
    )


def is_loaded(coding: str) -> bool:
    """Whether the decoder is in memory: importing one reads files, which is no business of the loop."""
    return coding in _loaded


def decode(coding: str, body: bytes, limit: int) -> bytes:
    """The body behind a coding. Larger when it has more than `limit` bytes; RequestError when it is
    not what its header says, or ends early."""
    decoder = _decoder(coding)
    pieces: list[bytes] = []
    for _ in range(_MEMBERS):
        machine = decoder.machine(body)
        try:
            piece = machine.decompress(body, limit + 1)
        except decoder.error as error:
            raise _invalid(coding) from error
        if len(piece) > limit:
            raise Larger
        if not machine.eof:
            raise _invalid(coding)
        limit -= len(piece)
        pieces.append(piece)
        body = machine.unused_data
        if not body:
            return pieces[0] if len(pieces) == 1 else b"".join(pieces)
    raise _invalid(coding)


def _unsupported(what: str) -> RequestError:
    return RequestError(
        "unsupported_media_type",
        f"{what}; send one of {', '.join(CODINGS)}, or none",
        field="content-encoding",
        headers=((b"accept-encoding", ", ".join(CODINGS).encode()),),
    )


def _invalid(coding: str) -> RequestError:
    return RequestError(
        "invalid_encoding", f"the body is no complete {coding} content", field="content-encoding"
    )


class _Brotli:
    """Brotli's decoder with the manners of the others. Its output limit is one that it may pass by
    the size of a block, so it is asked in steps."""

    unused_data = b""  # bytes behind the end are an error to it

    def __init__(self, decompressor: Any) -> None:
        self._decompressor = decompressor
        self.eof = False

    def decompress(self, data: bytes, max_length: int) -> bytes:
        process, finished = self._decompressor.process, self._decompressor.is_finished
        pieces = [process(data, output_buffer_limit=_STEP)]
        left = max_length - len(pieces[0])
        # An empty piece before the end: the body was cut off, there is nothing left to decode.
        while left > 0 and pieces[-1] and not finished():
            pieces.append(process(b"", output_buffer_limit=_STEP))
            left -= len(pieces[-1])
        self.eof = finished()
        return b"".join(pieces)


def _deflate(body: bytes) -> _Machine:
    """RFC 9110 means the zlib format; some clients send the raw one, which never begins like it."""
    wrapped = len(body) >= 2 and body[0] & 15 == 8 and (body[0] << 8 | body[1]) % 31 == 0
    return zlib.decompressobj(15 if wrapped else -15)


class _Decoder(NamedTuple):
    machine: Callable[[bytes], _Machine]
    """Makes the decoder of one member, which it may look at."""
    error: type[Exception]


_loaded = {
    "gzip": _Decoder(lambda body: zlib.decompressobj(31), zlib.error),
    "deflate": _Decoder(_deflate, zlib.error),
}


def _decoder(coding: str) -> _Decoder:
    if coding not in _loaded:
        try:
            _loaded[coding] = _load(coding)
        except ImportError:  # a Python that was built without the library
            raise _unsupported(f"this host cannot decode {coding}") from None
    return _loaded[coding]


def _load(coding: str) -> _Decoder:
    if coding == "br":
        import brotli

        return _Decoder(lambda body: _Brotli(brotli.Decompressor()), brotli.error)
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    options: dict[int, int] = {zstd.DecompressionParameter.window_log_max: _WINDOW_LOG}
    return _Decoder(lambda body: zstd.ZstdDecompressor(options=options), zstd.ZstdError)
