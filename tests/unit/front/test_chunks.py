"""Chunked bodies: any pieces give the same content and the same end; what is ambiguous is refused."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridgw.front.chunks import BadChunk, Chunks


def fed(*pieces: bytes) -> tuple[bytes, bytes, bool]:
    """Content, what follows, and whether the end was seen."""
    chunks = Chunks()
    content, rest = b"", b""
    for piece in pieces:
        if chunks.done:
            rest += piece
            continue
        found, left = chunks.feed(piece)
        while left and not chunks.done:
            # Put off to another turn of the loop.
            more, left = chunks.feed(left)
            found += more
        content += b"".join(found)
        rest += left
    return content, rest, chunks.done


def coded(parts: list[bytes]) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts if part) + b"0\r\n\r\n"


@given(st.lists(st.binary(max_size=30), max_size=6), st.binary(max_size=20), st.data())
def test_any_pieces(parts: list[bytes], after: bytes, data: st.DataObject) -> None:
    raw = coded(parts) + after
    cuts = data.draw(st.lists(st.integers(0, len(raw)), max_size=12))
    edges = [0, *sorted(cuts), len(raw)]
    pieces = [raw[a:b] for a, b in pairwise(edges)]
    assert fed(*pieces) == (b"".join(parts), after, True)
    assert fed(*(raw[i : i + 1] for i in range(len(raw)))) == (b"".join(parts), after, True)


def test_extensions_trailers_and_zeros_are_skipped() -> None:
    raw = b"005;a=b\r\nhello\r\n00\r\nx-a: 1\r\nx-b: 2\r\n\r\nGET"
    assert fed(raw) == (b"hello", b"GET", True)


BAD = [
    b"\r\n",
    b"z\r\n",
    b"-1\r\n",
    b"+1\r\n",
    b" 1\r\n",
    b"1 \r\nx\r\n",
    b"0x1\r\n",
    b"1_0\r\n",
    b"1000000000000000\r\n",
    b"1\nx\r\n",
    b"1\r\nx\n",
    b"1\r\nxy\r\n",
    b"1\rx",
    b"1\r\nx\ry",
    b"1;a\rb\r\nx\r\n",
    b"0\r\n\n",
    b"0\r\nx: 1\n\r\n",
    b"1" * 5000,
    b"0\r\n" + b"x-a: b\r\n" * 10_000,
]


@pytest.mark.parametrize("raw", BAD, ids=[str(number) for number in range(len(BAD))])
def test_what_others_may_read_otherwise_is_refused(raw: bytes) -> None:
    with pytest.raises(BadChunk):
        fed(raw)
    with pytest.raises(BadChunk):
        fed(*(raw[i : i + 1] for i in range(len(raw))))


@given(st.binary(max_size=200))
def test_any_bytes_are_content_or_refused(raw: bytes) -> None:
    try:
        content, rest, _ = fed(raw)
    except BadChunk:
        return
    assert len(content) + len(rest) <= len(raw)
