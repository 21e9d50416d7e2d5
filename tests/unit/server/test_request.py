"""Facts from headers: keys wherever clients put them, hints, loopback names."""

import pytest

from hybridgw.server import request
from hybridgw.server.request import Facts, is_loopback_host, is_loopback_origin


@pytest.mark.parametrize(
    "headers",
    [
        [(b"authorization", b"Bearer sk-1")],
        [(b"authorization", b"bearer sk-1")],
        [(b"x-api-key", b"sk-1")],
        [(b"api-key", b"sk-1")],
        [(b"x-goog-api-key", b"sk-1")],
        [(b"x-litellm-api-key", b"Bearer sk-1")],
        [(b"api-key", b"other"), (b"x-litellm-api-key", b"sk-1")],
        [(b"authorization", b"Bearer other"), (b"x-mine", b"sk-1")],
    ],
)
def test_the_key_is_found_wherever_clients_put_it(headers: list[tuple[bytes, bytes]]) -> None:
    assert Facts(headers, b"x-mine").key == b"sk-1"


def test_an_authorization_without_bearer_is_no_key() -> None:
    assert not Facts([(b"authorization", b"sk-1")], None).key
    assert not Facts([(b"authorization", b"Basic c2stMQ==")], None).key


def test_hints_are_collected_and_a_misspelt_one_is_not_lost() -> None:
    facts = Facts([(b"x-hybridgw-sensitivty", b"regulated"), (b"x-litellm-call-id", b"7")], None)
    assert facts.hints == {"x-hybridgw-sensitivty": "regulated"}


def test_headers_over_the_limit_are_noticed() -> None:
    assert not Facts([(b"a", b"x" * 60_000)], None).oversized
    assert Facts([(b"a", b"x" * 66_000)], None).oversized


@pytest.mark.parametrize(
    "host", [b"localhost", b"localhost:4000", b"127.0.0.1:80", b"[::1]:4000", b"app.localhost", b"LOCALHOST."]
)
def test_loopback_hosts(host: bytes) -> None:
    assert is_loopback_host(host)


@pytest.mark.parametrize(
    "host",
    [
        b"",
        b"evil.example",
        b"127.0.0.1.evil.example",
        b"localhost.evil.example",
        b"10.0.0.1",
        b"[::1",
        b"[::1].evil.example",
    ],
)
def test_other_hosts(host: bytes) -> None:
    assert not is_loopback_host(host)


def test_origins() -> None:
    assert is_loopback_origin(b"http://localhost:3000")
    assert not is_loopback_origin(b"null")
    assert not is_loopback_origin(b"https://evil.example")
    assert not is_loopback_origin(b"file://localhost")


@pytest.mark.parametrize("value", [b"-1", b"1e3", b"", b"9" * 30])
def test_an_absurd_content_length_is_not_believed(value: bytes) -> None:
    assert Facts([(b"content-length", value)], None).content_length == -1


def test_a_second_hint_does_not_undo_the_first() -> None:
    twice = [(b"x-hybridgw-sensitivity", b"regulated"), (b"x-hybridgw-sensitivity", b"public")]
    assert Facts(twice, None).hints == {"x-hybridgw-sensitivity": "regulated, public"}


def test_two_host_names_are_none() -> None:
    assert not is_loopback_host(Facts([(b"host", b"evil.example"), (b"host", b"localhost")], None).host)


def test_the_coding_of_the_body() -> None:
    assert Facts([], None).content_encoding is None
    assert Facts([(b"content-encoding", b"br")], None).content_encoding == b"br"
    twice = [(b"content-encoding", b"gzip"), (b"content-encoding", b"br")]
    assert Facts(twice, None).content_encoding == b"gzip, br", "two layers must not look like one"


def test_what_a_backend_is_to_see_is_kept_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hybridgw.server.request._FORWARDED", frozenset({b"x-beta"}))
    monkeypatch.setattr("hybridgw.server.request._READ", frozenset({b"x-beta"}))
    assert Facts([(b"cookie", b"a"), (b"x-forwarded-for", b"::1")], None).forwarded is None
    facts = Facts([(b"x-beta", b"one"), (b"cookie", b"a"), (b"x-beta", b"two")], None)
    assert facts.forwarded == {b"x-beta": b"one,two"}


def test_no_backend_is_shown_a_credential_of_the_client() -> None:
    private = {b"authorization", b"cookie", b"x-api-key", b"api-key", b"x-goog-api-key", b"host"}
    assert not private & request._FORWARDED
    assert not any(name.startswith((b"x-forwarded", b"proxy-")) for name in request._FORWARDED)
