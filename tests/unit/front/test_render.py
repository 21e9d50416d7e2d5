"""Response heads: what is written, and that nothing can end them early."""

import re

import pytest

from hybridgw.front.render import head


def test_a_head() -> None:
    raw = head(200, [(b"content-type", b"a/b")], ((b"vary", b"origin"),), b"content-length: 2\r\n")
    lines = raw.split(b"\r\n")
    assert lines[0] == b"HTTP/1.1 200 OK"
    assert lines[1:3] == [b"content-type: a/b", b"vary: origin"]
    assert re.fullmatch(rb"date: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", lines[3])
    assert lines[4:] == [b"content-length: 2", b"", b""]


def test_a_status_without_a_name() -> None:
    assert head(529, [], (), b"").startswith(b"HTTP/1.1 529 \r\n")


@pytest.mark.parametrize("value", [b"a\r\nset-cookie: x", b"a\n", b"\ra"])
def test_a_line_break_in_a_header_is_an_error(value: bytes) -> None:
    with pytest.raises(ValueError, match="line break"):
        head(200, [(b"x-a", value)], (), b"")
    with pytest.raises(ValueError, match="line break"):
        head(200, [], ((value, b"a"),), b"")
