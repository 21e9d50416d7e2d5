"""Request heads: nothing can be smuggled through a value, and the credentials stay ours."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridgw.core import Boundary, Outcome
from hybridgw.errors import UpstreamError
from hybridgw.transport import UpstreamRequest
from hybridgw.transport.heads import FRAMING, merge, render
from tests.support.loops import LoopFactory, run
from tests.support.transports import FAST, deployment, open_transport, post

HERE = deployment(80)


def test_rendered() -> None:
    head = render(HERE, "POST", "/v1/x", ((b"content-type", b"application/json"),))
    lines = head.decode().split("\r\n")
    assert lines[0] == "POST /v1/x HTTP/1.1"
    assert lines[1:4] == [
        "host: 127.0.0.1",
        "authorization: Bearer secret-key",
        "content-type: application/json",
    ]
    assert lines[4] == "accept-encoding: identity"
    assert lines[5].startswith("user-agent: hybridgw/")
    assert lines[6:] == [""]


def test_deployment_wins_and_may_name_the_host() -> None:
    target = deployment(8080, headers=((b"host", b"model.internal"), (b"x-api-key", b"k")))
    merged = merge(target, ((b"x-api-key", b"forged"), (b"user-agent", b"mine")))
    assert merged.count((b"host", b"model.internal")) == 1
    assert [value for name, value in merged if name == b"x-api-key"] == [b"k"]
    assert [value for name, value in merged if name == b"user-agent"] == [b"mine"]


def test_international_host_name() -> None:
    assert (b"host", b"xn--bcher-kva.example:81") in merge(deployment(81, host="bücher.example"), ())


CONTROLS = [*range(0, 9), *range(10, 32), 127]


@given(st.binary(max_size=40), st.sampled_from(CONTROLS), st.binary(max_size=40))
def test_control_characters_in_values_are_refused(before: bytes, control: int, after: bytes) -> None:
    value = before + bytes([control]) + after
    with pytest.raises(ValueError, match="control characters") as caught:
        merge(HERE, ((b"x-a", value),))
    assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match="control characters"):
        merge(deployment(80, headers=((b"authorization", value),)), ())


@given(st.binary(max_size=20).filter(lambda name: not name.replace(b"-", b"").isalnum()))
def test_names_are_tokens(name: bytes) -> None:
    try:
        merged = merge(HERE, ((name, b"v"),))
    except ValueError:
        return
    assert all(byte in b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz" for byte in name)
    assert (name, b"v") in merged


@pytest.mark.parametrize("name", sorted(FRAMING))
def test_framing_fields_are_refused(name: bytes) -> None:
    with pytest.raises(ValueError, match="belongs to the transport"):
        merge(HERE, ((name, b"1"),))


@given(st.text(max_size=60))
def test_target_is_one_word_of_visible_ascii(target: str) -> None:
    allowed = target.startswith("/") and all("\x21" <= char <= "\x7e" and char != "#" for char in target)
    try:
        head = render(HERE, "GET", target, ())
    except ValueError:
        assert not allowed
    else:
        assert allowed
        assert head.startswith(f"GET {target} HTTP/1.1\r\n".encode())


@given(st.lists(st.tuples(st.binary(min_size=1, max_size=12), st.binary(max_size=30)), max_size=6))
def test_a_head_has_exactly_the_lines_that_were_asked_for(fields: list[tuple[bytes, bytes]]) -> None:
    headers = tuple(fields)
    try:
        head = render(HERE, "POST", "/", headers)
    except ValueError:
        return
    assert head.count(b"\r\n") == head.count(b"\n") == head.count(b"\r") == 1 + len(merge(HERE, headers))


@pytest.mark.parametrize(
    "request_",
    [
        post(headers=((b"x-a", b"1\r\nx-b: 2"),)),
        post(headers=((b"x-a", b"1\x00"),)),
        post(headers=((b"transfer-encoding", b"chunked"),)),
        post(target="/v1 HTTP/1.1\r\nx: y"),
        post(target="http://elsewhere/"),
        post(method="POST /x"),
    ],
)
def test_refusal_is_our_own_fault(request_: UpstreamRequest, kind: str, loop: LoopFactory) -> None:

    async def main() -> None:
        async with open_transport(kind) as transport:
            with pytest.raises(UpstreamError) as caught:
                await transport.send(Boundary.DEVICE, HERE, request_, FAST)
            assert caught.value.outcome == Outcome.LOCAL_FAULT

    run(main(), loop)
