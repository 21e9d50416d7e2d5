"""Decoders of compressed HTTP content: of requests that clients compress, and of answers that upstreams
compress although they were asked not to.

Each decoder is told how much it may produce, and its window is bounded as RFC 9659 has it, so that
nobody fills our memory with a small body. The libraries are imported when the first body needs them:
most gateways never see one. Importing reads files, which is no business of the event loop: ask
`is_loaded` first.
"""

import sys
import zlib
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

CODINGS = ("gzip", "deflate", "br", "zstd")

_ALIASES = {"x-gzip": "gzip"}
_WINDOW_LOG = 23
"""8 MiB, the most that RFC 9659 lets an encoder of HTTP content ask for."""
_STEP = 256 * 1024


class Unknown(Exception):
    """Nobody here can decode this."""


def spelt(name: str) -> str:
    """A coding by the name that it has here."""
    return _ALIASES.get(name, name)


def is_loaded(coding: str) -> bool:
    """Whether the decoder is in memory."""
    return coding in _loaded


class Machine(Protocol):
    """One member's decoder, as the standard library has them."""

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


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


def _deflate(body: bytes) -> Machine:
    """RFC 9110 means the zlib format; some clients send the raw one, which never begins like it."""
    wrapped = len(body) >= 2 and body[0] & 15 == 8 and (body[0] << 8 | body[1]) % 31 == 0
    return zlib.decompressobj(15 if wrapped else -15)


class Decoder(NamedTuple):
    """How members of one coding are decoded."""

    machine: Callable[[bytes], Machine]
    """Makes the decoder of one member, which it may look at."""
    error: type[Exception]


_loaded = {
    "gzip": Decoder(lambda body: zlib.decompressobj(31), zlib.error),
    "deflate": Decoder(_deflate, zlib.error),
}


def decoder_of(coding: str) -> Decoder:
    """The decoder of a coding; Unknown where this host has none."""
    if coding not in _loaded:
        try:
            _loaded[coding] = _load(coding)
        except ImportError:  # a Python that was built without the library
            raise Unknown(coding) from None
    return _loaded[coding]


def _load(coding: str) -> Decoder:
    if coding not in CODINGS:
        raise ImportError(coding)
    if coding == "br":
        import brotli

        return Decoder(lambda body: _Brotli(brotli.Decompressor()), brotli.error)
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    options: dict[int, int] = {zstd.DecompressionParameter.window_log_max: _WINDOW_LOG}
    return Decoder(lambda body: zstd.ZstdDecompressor(options=options), zstd.ZstdError)
