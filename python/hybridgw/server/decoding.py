"""Compressed request bodies: decoded once at the door, under the same limit as plain ones.

Some clients compress what they send (Codex uses zstd). What is scanned, decided and forwarded is the
decoded body; no upstream is ever sent a compressed one, so nothing can hide in it. The cap counts what
comes out, and each decoder is told how much it may produce: a bomb stops at the cap, whatever it
claims to hold, and its window is bounded as RFC 9659 has it. Concatenated members are legal, and so
each costs a decoder: there may be a few of them, not a million empty ones.

Sans-I/O: who calls it decides in which thread.
"""

from hybridgw.errors import RequestError
from hybridgw.transport.codings import CODINGS, Unknown, decoder_of, is_loaded, spelt

__all__ = ["CODINGS", "Larger", "coding_of", "decode", "is_loaded"]

_MEMBERS = 32


class Larger(Exception):
    """More comes out than is allowed."""


def coding_of(header: bytes) -> str | None:
    """The one coding that a Content-Encoding names, None for a body as it is. RequestError for an
    unknown one, and for several: a body that is compressed twice is nobody's honest request."""
    names = [name.strip().lower() for name in header.decode("latin-1").split(",")]
    real = [spelt(name) for name in names if name not in ("", "identity")]
    if not real:
        return None
    if len(real) == 1 and real[0] in CODINGS:
        return real[0]
    raise _unsupported(
        "the body is compressed more than once" if len(real) > 1 else f"cannot decode {real[0][:40]!r}"
    )


def decode(coding: str, body: bytes, limit: int) -> bytes:
    """The body behind a coding. Larger when it has more than `limit` bytes; RequestError when it is
    not what its header says, or ends early."""
    try:
        decoder = decoder_of(coding)
    except Unknown:  # a Python that was built without the library
        raise _unsupported(f"this host cannot decode {coding}") from None
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
