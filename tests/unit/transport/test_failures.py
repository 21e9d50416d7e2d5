"""The table from foreign exceptions to outcomes is complete and says what we think it says."""

import errno
import socket
import ssl
from collections.abc import Iterator

import aiohttp
import aiohttp.http_exceptions
import httptools
import httptools.parser.errors
import pytest

from hybridgw.core import Outcome
from hybridgw.errors import UpstreamError
from hybridgw.transport.failures import LOST, OURS, TABLE, Phase, outcome_of, translate


def family(root: type[BaseException]) -> Iterator[type[BaseException]]:
    yield root
    for child in root.__subclasses__():
        if child.__module__.startswith(("aiohttp", "httptools")):
            yield from family(child)


def name_of(kind: type[object]) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


@pytest.mark.parametrize("kind", list(family(aiohttp.ClientError)))
def test_every_client_error_has_a_row_of_its_own(kind: type[BaseException]) -> None:
    assert name_of(kind) in TABLE


def test_rows_name_classes_that_exist() -> None:
    known = {name_of(kind) for root in (aiohttp.ClientError, Exception) for kind in family(root)}
    known |= {name_of(kind) for kind in vars(aiohttp.http_exceptions).values() if isinstance(kind, type)}
    known |= {name_of(kind) for kind in vars(httptools.parser.errors).values() if isinstance(kind, type)}
    known |= {name_of(kind) for kind in (socket.gaierror, ssl.SSLError, ssl.SSLCertVerificationError)}
    for row in TABLE:
        if not row.startswith("builtins."):
            assert row in known, row


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (
            ConnectionRefusedError(errno.ECONNREFUSED, ""),
            (Outcome.CONNECT_FAILED, Outcome.RESET, Outcome.TRUNCATED),
        ),
        (
            ConnectionResetError(errno.ECONNRESET, ""),
            (Outcome.CONNECT_FAILED, Outcome.RESET, Outcome.TRUNCATED),
        ),
        (BrokenPipeError(), (Outcome.CONNECT_FAILED, Outcome.RESET, Outcome.TRUNCATED)),
        (OSError(errno.EHOSTUNREACH, ""), (Outcome.CONNECT_FAILED, Outcome.RESET, Outcome.TRUNCATED)),
        (OSError(errno.EADDRNOTAVAIL, ""), (Outcome.CONNECT_FAILED, Outcome.RESET, Outcome.TRUNCATED)),
        (OSError(errno.EMFILE, ""), (Outcome.LOCAL_FAULT,) * 3),
        (OSError(errno.ENFILE, ""), (Outcome.LOCAL_FAULT,) * 3),
        (MemoryError(), (Outcome.LOCAL_FAULT,) * 3),
        (socket.gaierror(socket.EAI_NONAME, ""), (Outcome.CONNECT_FAILED,) * 3),
        # Numbers of other lists that happen to equal EMFILE are not taken for it.
        (socket.gaierror(errno.EMFILE, ""), (Outcome.CONNECT_FAILED,) * 3),
        (ssl.SSLCertVerificationError(1, ""), (Outcome.CONNECT_FAILED,) * 3),
        (ssl.SSLError(errno.EMFILE, ""), (Outcome.CONNECT_FAILED, Outcome.RESET, Outcome.TRUNCATED)),
        (httptools.HttpParserInvalidStatusError(), (Outcome.MALFORMED,) * 3),
        (httptools.HttpParserUpgrade(1), (Outcome.MALFORMED,) * 3),
        (TimeoutError(), (Outcome.CONNECT_FAILED, Outcome.RESET, Outcome.TRUNCATED)),
        (aiohttp.ClientOSError(errno.EMFILE, ""), (Outcome.LOCAL_FAULT,) * 3),
        (aiohttp.ServerDisconnectedError(), (Outcome.CONNECT_FAILED, Outcome.RESET, Outcome.TRUNCATED)),
        (aiohttp.ClientPayloadError(), (Outcome.CONNECT_FAILED, Outcome.RESET, Outcome.TRUNCATED)),
        (KeyError("a bug"), (Outcome.LOCAL_FAULT,) * 3),
    ],
    ids=lambda value: type(value).__name__,
)
def test_outcomes(error: BaseException, expected: tuple[Outcome, ...]) -> None:
    assert tuple(outcome_of(error, phase) for phase in Phase) == expected


def test_descriptor_limit_is_found_below_a_wrapper() -> None:
    try:
        try:
            raise OSError(errno.EMFILE, "too many")
        except OSError as inner:
            raise aiohttp.ClientPayloadError("wrapped") from inner
    except aiohttp.ClientPayloadError as outer:
        assert outcome_of(outer, Phase.HEAD) == Outcome.LOCAL_FAULT
    assert errno.EMFILE in OURS and errno.ECONNREFUSED not in OURS
    assert set(LOST) == set(Phase)


@pytest.mark.parametrize(("code", "words"), [(18, "is self-signed"), (77, "cannot be verified (code 77)")])
def test_a_refused_certificate_is_told_as_one(code: int, words: str) -> None:
    """Its error number is 1, which the system's own list calls EPERM."""
    inner = ssl.SSLCertVerificationError(1, "certificate verify failed")
    inner.verify_code = code
    error = translate(inner, Phase.CONNECT, "cloud/a")
    assert error.message == f"cloud/a: could not connect (its certificate {words}; see tls_verify)"


def test_a_resolver_has_numbers_of_its_own() -> None:
    error = translate(socket.gaierror(2, "EPERM's neighbour"), Phase.CONNECT, "cloud/a")
    assert error.message == "cloud/a: could not connect"


def test_messages_do_not_repeat_foreign_text() -> None:
    leaky = OSError(errno.ECONNREFUSED, "http://user:secret@proxy")
    error = translate(leaky, Phase.CONNECT, "cloud/a")
    assert error.message == "cloud/a: could not connect (Connection refused)"
    own = UpstreamError(Outcome.STALLED, "x")
    assert translate(own, Phase.BODY, "y") is own
