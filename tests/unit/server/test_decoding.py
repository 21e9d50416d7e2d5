"""Compressed bodies: what clients send comes out whole, what nobody honest sends stops at the cap."""

import gzip
import sys
import tracemalloc
import zlib
from collections.abc import Callable

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridgw.errors import RequestError
from hybridgw.server.decoding import CODINGS, Larger, coding_of, decode

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

KIB, MIB = 1024, 1024 * 1024


def raw_deflate(data: bytes) -> bytes:
    machine = zlib.compressobj(wbits=-15)
    return machine.compress(data) + machine.flush()


PACK: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "zlib": ("deflate", zlib.compress),
    "raw deflate": ("deflate", raw_deflate),
    "br": ("br", brotli.compress),
    "zstd": ("zstd", zstd.compress),
}
ways = pytest.mark.parametrize("way", PACK)


@ways
@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 3 * MIB])
def test_what_was_packed_comes_out(way: str, size: int) -> None:
    coding, pack = PACK[way]
    body = (b'{"model":"m","n":%d}' % size * (size // 10 + 1))[:size]
    assert decode(coding, pack(body), 4 * MIB) == body


@ways
def test_the_cap_is_exact(way: str) -> None:
    coding, pack = PACK[way]
    packed = pack(bytes(range(256)) * 400)
    assert len(decode(coding, packed, 102_400)) == 102_400
    with pytest.raises(Larger):
        decode(coding, packed, 102_399)


@ways
def test_what_ends_early_or_goes_on_is_refused(way: str) -> None:
    coding, pack = PACK[way]
    packed = pack(b"some text that is long enough to be cut anywhere " * 20)
    for end in (0, 1, 2, len(packed) // 2, len(packed) - 1):
        with pytest.raises(RequestError) as error:
            decode(coding, packed[:end], MIB)
        assert (error.value.code, error.value.field) == ("invalid_encoding", "content-encoding")
    with pytest.raises(RequestError):
        decode(coding, packed + b"more", MIB)


@pytest.mark.parametrize("coding", CODINGS)
@given(noise=st.binary(max_size=200))
def test_noise_is_the_clients_fault_or_within_the_cap(coding: str, noise: bytes) -> None:
    try:
        assert len(decode(coding, noise, 1000)) <= 1000
    except RequestError as error:
        assert error.code == "invalid_encoding"
    except Larger:
        pass


def bomb(way: str, size: int) -> bytes:
    """`size` bytes of nothing, packed without ever being held."""
    piece = bytes(MIB)
    if way == "zstd":
        machine = zstd.ZstdCompressor()
        return b"".join(machine.compress(piece) for _ in range(size // MIB)) + machine.flush()
    if way == "br":
        packer = brotli.Compressor(quality=1)
        pieces: list[bytes] = [packer.process(piece) for _ in range(size // MIB)]
        return b"".join([*pieces, packer.finish()])
    squeezer = zlib.compressobj(1, wbits=31)
    return b"".join(squeezer.compress(piece) for _ in range(size // MIB)) + squeezer.flush()


@pytest.mark.parametrize(("way", "size"), [("zstd", 1024 * MIB), ("br", 128 * MIB), ("gzip", 64 * MIB)])
def test_a_bomb_costs_no_more_than_the_cap(way: str, size: int) -> None:
    packed = bomb(way, size)
    cap = 2 * MIB
    tracemalloc.start()
    try:
        with pytest.raises(Larger):
            decode(way, packed, cap)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # Pieces and their sum exist at the same time; a packed copy may, too.
    assert peak < 3 * cap + 2 * len(packed)


def test_members_in_a_row_are_one_body_and_many_are_refused() -> None:
    for coding, pack in (PACK["gzip"], PACK["zstd"]):
        assert decode(coding, pack(b"one ") + pack(b"two"), 7) == b"one two"
        with pytest.raises(Larger):
            decode(coding, pack(b"one ") + pack(b"two"), 6)
        with pytest.raises(RequestError):
            decode(coding, pack(b"") * 1000, MIB)


def test_a_window_beyond_what_http_allows_is_refused() -> None:
    options: dict[int, int] = {zstd.CompressionParameter.window_log: 27}
    machine = zstd.ZstdCompressor(options=options)
    packed = machine.compress(bytes(64)) + machine.flush()
    with pytest.raises(RequestError):
        decode("zstd", packed, MIB)


@pytest.mark.parametrize(
    ("header", "coding"),
    [
        (b"", None),
        (b"identity", None),
        (b"gzip", "gzip"),
        (b"X-GZip", "gzip"),
        (b" zstd ", "zstd"),
        (b"identity, br", "br"),
    ],
)
def test_the_header_names_one_coding(header: bytes, coding: str | None) -> None:
    assert coding_of(header) == coding


@pytest.mark.parametrize(
    "header", [b"compress", b"gzip, gzip", b"gzip, br", b"aes128gcm", b"\xff", b"a" * 9999]
)
def test_other_codings_are_refused_and_the_known_ones_named(header: bytes) -> None:
    with pytest.raises(RequestError) as refused:
        coding_of(header)
    assert (refused.value.code, refused.value.field) == ("unsupported_media_type", "content-encoding")
    assert refused.value.headers == ((b"accept-encoding", b"gzip, deflate, br, zstd"),)
    assert len(refused.value.message) < 200
