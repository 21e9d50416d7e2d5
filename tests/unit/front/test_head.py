"""Request heads: whole, byte by byte, in random pieces, and with what follows them."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridgw.front.head import CHUNKED, LIMIT, BadHead, Head

HEAD = (
    b"POST /v1/chat%20x?a=b&c HTTP/1.1\r\nHost: localhost\r\nX-Odd:   spaced \t\r\nX-Odd: \xe9\r\n"
    b"Content-Length: 12\r\nExpect: 100-Continue\r\n\r\n"
)


def fed(*pieces: bytes) -> tuple[Head, int]:
    """A head after these pieces, and how many bytes of the last one it took."""
    head = Head()
    taken = 0
    for piece in pieces:
        assert not head.complete
        taken = head.feed(piece)
    return head, taken


def check(head: Head) -> None:
    assert head.complete
    assert (head.method, head.split()) == ("POST", ("/v1/chat x", b"a=b&c"))
    assert head.headers == [
        (b"host", b"localhost"),
        (b"x-odd", b"spaced"),
        (b"x-odd", b"\xe9"),
        (b"content-length", b"12"),
        (b"expect", b"100-Continue"),
    ]
    assert (head.length, head.expects, head.keep, head.modern) == (12, True, True, True)


def test_a_head_in_one_piece() -> None:
    head, taken = fed(HEAD)
    check(head)
    assert taken == len(HEAD)


def test_a_head_byte_by_byte() -> None:
    check(fed(*(HEAD[i : i + 1] for i in range(len(HEAD))))[0])


@given(st.lists(st.integers(1, len(HEAD) - 1), unique=True), st.binary(max_size=40))
def test_a_head_in_any_pieces_takes_nothing_of_what_follows(cuts: list[int], after: bytes) -> None:
    edges = [0, *sorted(cuts), len(HEAD)]
    pieces = [HEAD[a:b] for a, b in pairwise(edges)]
    head, taken = fed(*pieces[:-1], pieces[-1] + after)
    check(head)
    assert taken == len(pieces[-1])


BAD = {
    "two lengths": b"POST / HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 1\r\n\r\n",
    "a list of lengths": b"POST / HTTP/1.1\r\ncontent-length: 1, 1\r\n\r\n",
    "a signed length": b"POST / HTTP/1.1\r\ncontent-length: +1\r\n\r\n",
    "a negative length": b"POST / HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
    "a hexadecimal length": b"POST / HTTP/1.1\r\ncontent-length: 0x1\r\n\r\n",
    "no length": b"POST / HTTP/1.1\r\ncontent-length:\r\n\r\n",
    "a huge length": b"POST / HTTP/1.1\r\ncontent-length: 9999999999999999999\r\n\r\n",
    "length and chunks": b"POST / HTTP/1.1\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
    "chunks and length": b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\ncontent-length: 1\r\n\r\n",
    "chunks twice": b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n",
    "another coding": b"POST / HTTP/1.1\r\ntransfer-encoding: gzip, chunked\r\n\r\n",
    "a coding of none": b"POST / HTTP/1.1\r\ntransfer-encoding: identity\r\n\r\n",
    "nearly chunked": b"POST / HTTP/1.1\r\ntransfer-encoding: xchunked\r\n\r\n",
    "chunked with a tail": b"POST / HTTP/1.1\r\ntransfer-encoding: chunked;a=b\r\n\r\n",
    "chunks in HTTP/1.0": b"POST / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n",
    "white space before the colon": b"POST / HTTP/1.1\r\ntransfer-encoding : chunked\r\n\r\n",
    "a folded line": b"GET / HTTP/1.1\r\nx-a: 1\r\n 2\r\n\r\n",
    "a folded first line": b"GET / HTTP/1.1\r\n x-a: 1\r\n\r\n",
    "bare LF": b"GET / HTTP/1.1\nhost: a\n\n",
    "bare LF in the middle": b"GET / HTTP/1.1\r\nhost: a\nb: c\r\n\r\n",
    "bare LF at the end": b"GET / HTTP/1.1\r\nhost: a\r\n\nx\r\n\r\n",
    "bare CR": b"GET / HTTP/1.1\r\nhost: a\rb: c\r\n\r\n",
    "NUL": b"GET / HTTP/1.1\r\nhost: a\x00\r\n\r\n",
    "a field without a name": b"GET / HTTP/1.1\r\n: a\r\n\r\n",
    "a field without a colon": b"GET / HTTP/1.1\r\nhost\r\n\r\n",
    "a name with a space": b"GET / HTTP/1.1\r\nho st: a\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/1.2": b"GET / HTTP/1.2\r\n\r\n",
    "no version": b"GET /\r\n\r\n",
    "an unknown method": b"SMUGGLE / HTTP/1.1\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 20,
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_request_is_refused_whole_and_byte_by_byte(name: str) -> None:
    raw = BAD[name]
    for pieces in ([raw], [raw[i : i + 1] for i in range(len(raw))]):
        with pytest.raises(BadHead) as caught:
            fed(*pieces)
        assert caught.value.code == "bad_request"
        assert caught.value.message.isprintable()


@given(st.binary(max_size=300))
def test_any_bytes_are_a_head_or_refused(raw: bytes) -> None:
    head = Head()
    try:
        assert 0 <= head.feed(raw) <= len(raw)
    except BadHead:
        return
    if head.complete:
        head.split()


@pytest.mark.parametrize("size", [LIMIT - 200, LIMIT + 1])
def test_heads_are_bounded_in_bytes(size: int) -> None:
    raw = b"GET / HTTP/1.1\r\nx-a: " + b"a" * size + b"\r\n\r\n"
    pieces = [raw[i : i + 1000] for i in range(0, len(raw), 1000)]
    if size < LIMIT:
        assert fed(*pieces)[0].complete
        return
    with pytest.raises(BadHead, match="larger than 64 KiB") as caught:
        fed(*pieces)
    assert caught.value.code == "headers_too_large"


def test_heads_are_bounded_in_fields() -> None:
    with pytest.raises(BadHead) as caught:
        fed(b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 300 + b"\r\n")
    assert caught.value.code == "headers_too_large"


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        ("/", "/", b""),
        ("/a?", "/a", b""),
        ("/%E2%82%AC/%2e", "/\u20ac/.", b""),
        ("/%ff", "/\ufffd", b""),
        ("http://x:80/a%20b?c=d", "/a b", b"c=d"),
        ("http://x", "/", b""),
        ("*", "*", b""),
    ],
)
def test_targets(target: str, path: str, query: bytes) -> None:
    method = b"OPTIONS" if target == "*" else b"GET"
    head, _ = fed(b"%b %b HTTP/1.1\r\n\r\n" % (method, target.encode()))
    assert head.split() == (path, query)


@pytest.mark.parametrize(
    ("version", "connection", "keep"),
    [
        ("1.1", "", True),
        ("1.1", "connection: close\r\n", False),
        ("1.0", "", False),
        ("1.0", "connection: keep-alive\r\n", True),
    ],
)
def test_who_keeps_the_connection(version: str, connection: str, keep: bool) -> None:
    head, _ = fed(f"GET / HTTP/{version}\r\n{connection}\r\n".encode())
    assert (head.keep, head.modern, head.length) == (keep, version == "1.1", 0)


def test_other_protocols_are_ignored() -> None:
    raw = b"GET /a HTTP/1.1\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n"
    head, taken = fed(raw + b"frame")
    assert (head.complete, taken, head.split()[0]) == (True, len(raw), "/a")


def test_nothing_follows_a_request_for_a_tunnel() -> None:
    head, _ = fed(b"CONNECT a:80 HTTP/1.1\r\nhost: a\r\n\r\n")
    assert (head.method, head.keep) == ("CONNECT", False)


def test_chunks() -> None:
    head, _ = fed(b"POST / HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n")
    assert head.length == CHUNKED
