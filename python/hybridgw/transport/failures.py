"""Every foreign exception becomes one of ours here, by one table.

What a failure means to breaker and retry depends on two things: what it is, and how far the exchange
had come (`Phase`). Both are data below, so that adding a client library means adding rows, and no
other file has an `except` that decides an outcome. Classes are named by text because naming aiohttp's
by reference would import aiohttp in every worker, which most never need.

Messages are public. They carry the deployment's name and the system's own words for an error number,
never an exception's text: that may hold addresses with credentials or bytes of the upstream.
"""

import errno
import os
from collections.abc import Iterator
from enum import IntEnum

from hybridgw.core import Outcome, Timeouts
from hybridgw.errors import BoundaryRefused, UpstreamError, UpstreamTimeout


class Phase(IntEnum):
    """How far an exchange had come."""

    CONNECT = 0
    HEAD = 1
    """The request was written, the response head is not complete."""
    BODY = 2


LOST = {Phase.CONNECT: Outcome.CONNECT_FAILED, Phase.HEAD: Outcome.RESET, Phase.BODY: Outcome.TRUNCATED}
"""A connection that ended before its work was done."""

_WORDS = {
    Outcome.CONNECT_FAILED: "could not connect",
    Outcome.RESET: "the connection was closed before a response",
    Outcome.TRUNCATED: "the response ended early",
    Outcome.MALFORMED: "the response is not valid HTTP",
    Outcome.LOCAL_FAULT: "the gateway could not send the request",
    Outcome.STALLED: "no data within the idle limit",
    Outcome.FIRST_TOKEN_TIMEOUT: "no answer within the first-token limit",
    Outcome.TOTAL_TIMEOUT: "not finished within the total limit",
    Outcome.BOUNDARY_REFUSED: "the connected address lies beyond the ceiling of the request",
}

OURS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
"""Error numbers that would be the same for every upstream: descriptors and memory of this host.

A firewall's EPERM or an exhausted port range (EADDRNOTAVAIL) concerns one destination, so those stay
connection failures and another deployment may be tried.
"""

_LOST = "lost"
_CONNECT = Outcome.CONNECT_FAILED
_FAULT = Outcome.LOCAL_FAULT
_MALFORMED = Outcome.MALFORMED

TABLE: dict[str, Outcome | str] = {
    "builtins.TimeoutError": _LOST,
    "builtins.ConnectionError": _LOST,
    "builtins.EOFError": _LOST,
    "builtins.OSError": _LOST,
    "builtins.ValueError": _FAULT,
    "builtins.TypeError": _FAULT,
    "builtins.RuntimeError": _FAULT,
    "builtins.MemoryError": _FAULT,
    "builtins.UnicodeError": _CONNECT,  # a host name that cannot be written as IDNA
    "socket.gaierror": _CONNECT,
    "ssl.SSLError": _LOST,
    "ssl.SSLCertVerificationError": _CONNECT,
    "httptools.parser.errors.HttpParserError": _MALFORMED,
    "httptools.parser.errors.HttpParserUpgrade": _MALFORMED,
    "aiohttp.client_exceptions.ClientError": _LOST,
    "aiohttp.client_exceptions.ClientResponseError": _MALFORMED,
    "aiohttp.client_exceptions.ContentTypeError": _MALFORMED,
    "aiohttp.client_exceptions.WSServerHandshakeError": _MALFORMED,
    "aiohttp.client_exceptions.ClientHttpProxyError": _CONNECT,
    "aiohttp.client_exceptions.TooManyRedirects": _MALFORMED,
    "aiohttp.client_exceptions.ClientConnectionError": _LOST,
    "aiohttp.client_exceptions.ClientConnectionResetError": _LOST,
    "aiohttp.client_exceptions.ClientOSError": _LOST,
    "aiohttp.client_exceptions.ClientConnectorError": _CONNECT,
    "aiohttp.client_exceptions.ClientProxyConnectionError": _CONNECT,
    "aiohttp.client_exceptions.ClientConnectorDNSError": _CONNECT,
    "aiohttp.client_exceptions.ClientSSLError": _CONNECT,
    "aiohttp.client_exceptions.ClientConnectorSSLError": _CONNECT,
    "aiohttp.client_exceptions.ClientConnectorCertificateError": _CONNECT,
    "aiohttp.client_exceptions.UnixClientConnectorError": _CONNECT,
    "aiohttp.client_exceptions.ServerConnectionError": _LOST,
    "aiohttp.client_exceptions.ServerDisconnectedError": _LOST,
    "aiohttp.client_exceptions.ServerFingerprintMismatch": _CONNECT,
    "aiohttp.client_exceptions.ServerTimeoutError": _LOST,
    "aiohttp.client_exceptions.ConnectionTimeoutError": _CONNECT,
    "aiohttp.client_exceptions.SocketTimeoutError": _LOST,
    "aiohttp.client_exceptions.ClientPayloadError": _LOST,
    "aiohttp.client_exceptions.UploadAbortedError": _LOST,
    "aiohttp.client_exceptions.InvalidURL": _FAULT,
    "aiohttp.client_exceptions.InvalidUrlClientError": _FAULT,
    "aiohttp.client_exceptions.RedirectClientError": _MALFORMED,
    "aiohttp.client_exceptions.NonHttpUrlClientError": _FAULT,
    "aiohttp.client_exceptions.InvalidUrlRedirectClientError": _MALFORMED,
    "aiohttp.client_exceptions.NonHttpUrlRedirectClientError": _MALFORMED,
    "aiohttp.http_exceptions.HttpProcessingError": _MALFORMED,
}
"""Qualified class name to outcome, nearest class first; `lost` depends on the phase."""


def outcome_of(error: BaseException, phase: Phase) -> Outcome:
    """What `error` means in `phase`; a class that no row covers is a fault of ours."""
    if _number(error) in OURS:
        return Outcome.LOCAL_FAULT
    for kind in type(error).__mro__:
        row = TABLE.get(f"{kind.__module__}.{kind.__qualname__}")
        if isinstance(row, Outcome):
            return row
        if row is not None:
            return LOST[phase]
    return Outcome.LOCAL_FAULT


def translate(error: Exception, phase: Phase, name: str) -> UpstreamError:
    """`error`, met while talking to the deployment called `name`, as one of ours."""
    if isinstance(error, UpstreamError):
        return error
    outcome = outcome_of(error, phase)
    certificate = _certificate(error)
    if certificate is not None:
        return failed(outcome, name, certificate)
    number = _number(error)
    return failed(outcome, name, os.strerror(number) if number > 0 else "")


def failed(outcome: Outcome, name: str, detail: str = "") -> UpstreamError:
    """An UpstreamError with the usual words for `outcome`; `detail` must be public text."""
    words = _WORDS.get(outcome, "the attempt failed")
    return UpstreamError(outcome, f"{name}: {words}{f' ({detail})' if detail else ''}")


TIMEOUTS = frozenset({Outcome.FIRST_TOKEN_TIMEOUT, Outcome.STALLED, Outcome.TOTAL_TIMEOUT})
"""Outcomes that a limit of ours makes."""


_EARLY = 0.05
"""Seconds by which the end of a load may be noticed before its time: it is seen by another clock."""


def timed_out(outcome: Outcome, name: str, limits: Timeouts, lasted: float = 0.0) -> UpstreamTimeout:
    """The failure of an exchange that met a limit; it names the limit, its value and its key. `lasted`:
    seconds since it was sent, which tell a first token that is late from a load that never ended."""
    first, idle, total = limits.keys
    seconds, key = {
        Outcome.FIRST_TOKEN_TIMEOUT: (limits.first_token, first),
        Outcome.STALLED: (limits.idle, idle),
    }.get(outcome, (limits.total, total))
    if outcome == Outcome.FIRST_TOKEN_TIMEOUT and 0 < limits.load <= lasted + _EARLY:
        return UpstreamTimeout(
            outcome, f"{name}: no answer within the load limit (timeouts.load: {limits.load:g} s)"
        )
    return UpstreamTimeout(outcome, f"{name}: {_WORDS[outcome]} ({key}: {seconds:g} s)")


def refused(name: str) -> BoundaryRefused:
    """The deployment or its connected address lies beyond the ceiling."""
    return BoundaryRefused(Outcome.BOUNDARY_REFUSED, f"{name}: {_WORDS[Outcome.BOUNDARY_REFUSED]}")


_CERTIFICATES = {
    9: "is not valid yet",
    10: "has expired",
    18: "is self-signed",
    19: "is signed by an authority that this host does not know",
    20: "is signed by an authority that this host does not know",
    62: "is for another host name",
    64: "is for another address",
}
"""What OpenSSL's codes of a refused certificate mean (X509_V_ERR_*)."""


def _certificate(error: BaseException) -> str | None:
    """Why the server's certificate was refused; None if it was not. The number of such an error is from a
    list of its own, in which 1 is not EPERM."""
    for found in _chain(error):
        code = getattr(found, "verify_code", None)
        if isinstance(code, int):
            why = _CERTIFICATES.get(code, f"cannot be verified (code {code})")
            return f"its certificate {why}; see tls_verify"
    return None


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what it came from, at most four deep. Client libraries keep the one of the system
    under a name of their own."""
    found: BaseException | None = error
    for _ in range(4):
        if found is None:
            return
        yield found
        inner = getattr(found, "certificate_error", None) or getattr(found, "os_error", None)
        found = inner if isinstance(inner, BaseException) else found.__cause__ or found.__context__


def _number(error: BaseException) -> int:
    """The system error number at the bottom of an exception; 0 if there is none.

    gaierror and SSLError are OSErrors whose numbers come from other lists.
    """
    chain = list(_chain(error))
    if any(type(found).__module__ in ("socket", "ssl") for found in chain):
        return 0
    return next((found.errno or 0 for found in chain if isinstance(found, OSError)), 0)
