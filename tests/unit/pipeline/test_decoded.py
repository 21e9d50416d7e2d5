"""Answers that are compressed in spite of what was asked: read piece by piece, within bounds."""

import asyncio
import gzip
import zlib
from collections.abc import Callable

import brotli
import pytest
from backports import zstd

from hybridgw.core import Outcome
from hybridgw.errors import UpstreamError
from hybridgw.pipeline.decoded import decoded
from hybridgw.transport.seam import UpstreamResponse

TEXT = b'data: {"a":"\xc3\xa9"}\n\n' * 500


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


CODINGS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress, "x-gzip": gzip.compress, "GZip": gzip.compress, "deflate": zlib.compress,
    "br": brotli.compress, "zstd": zstd.compress,
}  # fmt: skip


class Pieces(UpstreamResponse):
    """A body in pieces."""

    def __init__(self, coding: str, pieces: list[bytes]) -> None:
        self.status, self.peer = 200, ""
        self.headers = [(b"content-type", b"x"), (b"content-encoding", coding.encode())]
        self.pieces = pieces
        self.closed = False

    async def read(self) -> bytes:
        return self.pieces.pop(0) if self.pieces else b""

    def arm(self, seconds: float, outcome: Outcome) -> None:
        pass

    def touch(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True


def read(coding: str, body: bytes, size: int) -> bytes:
    async def run() -> bytes:
        pieces = [body[at : at + size] for at in range(0, len(body), size)]
        return await (await decoded(Pieces(coding, pieces))).read_all(10_000_000)

    return asyncio.run(run())


@pytest.mark.parametrize("size", [1, 7, 1 << 20])
@pytest.mark.parametrize("coding", CODINGS)
def test_every_coding_in_pieces(coding: str, size: int) -> None:
    assert read(coding, CODINGS[coding](TEXT), size) == TEXT


def test_raw_deflate_and_several_members() -> None:
    assert read("deflate", raw_deflate(TEXT), 5) == TEXT
    assert read("gzip", gzip.compress(b"a") + gzip.compress(b"b"), 3) == b"ab"


@pytest.mark.parametrize("coding", ["identity", ""])
def test_nothing_to_decode_costs_nothing(coding: str) -> None:
    response = Pieces(coding, [])
    assert asyncio.run(decoded(response)) is response


@pytest.mark.parametrize("coding", CODINGS)
def test_a_body_that_was_cut_off_has_not_ended(coding: str) -> None:
    with pytest.raises(UpstreamError) as caught:
        read(coding, CODINGS[coding](TEXT)[:-9], 50)
    assert caught.value.outcome == Outcome.TRUNCATED


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", b"not gzip at all"),
        ("compress", b"x"),
        ("gzip, br", b"x"),
        ("gzip", gzip.compress(bytes(65 << 20))),
        ("gzip", gzip.compress(b"") * 40),
    ],
    ids=["broken", "unknown", "twice", "bomb", "members"],
)
def test_what_cannot_be_read_is_malformed(coding: str, body: bytes) -> None:
    with pytest.raises(UpstreamError) as caught:
        read(coding, body, 1 << 20)
    assert caught.value.outcome == Outcome.MALFORMED
