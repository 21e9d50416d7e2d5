"""Request heads: validated once, rendered once, then reused as bytes.

A head is the same for every request of a deployment except for its length, so the hot path formats
one number into a cached prefix. It is also the one place where a value could smuggle a second header
or a second request into the stream; CR, LF, NUL and every other control character are refused here,
whoever supplied them, and so are the fields that frame a message, which belong to the transport.
"""

import re

from hybridgw import __version__
from hybridgw.core import Deployment
from hybridgw.transport.seam import Headers

FRAMING = frozenset(
    {
        b"connection",
        b"content-length",
        b"expect",
        b"keep-alive",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
"""Fields about one connection or one message: refused from callers, written by the transport."""

_DEFAULTS: Headers = (
    (b"accept-encoding", b"identity"),  # the relay reads the bytes; a compressed stream is buffered
    (b"user-agent", b"hybridgw/" + __version__.encode("ascii")),
)

_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9a-z]+").fullmatch
_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*").fullmatch
_METHOD = re.compile(r"[A-Z]{1,16}").fullmatch
_TARGET = re.compile(r"/[\x21\x22\x24-\x7e]*").fullmatch  # no fragment


def merge(deployment: Deployment, headers: Headers) -> Headers:
    """All header fields of a request except the framing, in the order in which they are sent.

    The deployment's own fields win over the request's and these over our defaults: a credential can
    never be replaced from outside. Raises ValueError for a field that must not be sent; the message
    names the field, never its value.
    """
    own = {name for name, _ in deployment.headers}
    merged = [*deployment.headers, *(field for field in headers if field[0] not in own)]
    for name, value in merged:
        if _TOKEN(name) is None:
            raise ValueError(f"header name {name!r} is not a lower-case token")
        if name in FRAMING:
            raise ValueError(f"header {name.decode()} belongs to the transport")
        if _VALUE(value) is None:
            raise ValueError(f"header {name.decode()} has a value with control characters")
    present = {name for name, _ in merged}
    host: Headers = () if b"host" in present else ((b"host", authority(deployment)),)
    return (*host, *merged, *(field for field in _DEFAULTS if field[0] not in present))


def check_line(method: str, target: str) -> None:
    """ValueError unless method and target can stand in a request line."""
    if _METHOD(method) is None:
        raise ValueError("the method is not an upper-case word")
    if _TARGET(target) is None:
        raise ValueError("the request target is not an absolute path of visible ASCII characters")


def render(deployment: Deployment, method: str, target: str, headers: Headers) -> bytes:
    """Request line and fields, ready for `content-length` or the final empty line."""
    check_line(method, target)
    lines = [f"{method} {target} HTTP/1.1".encode("ascii")]
    lines += [name + b": " + value for name, value in merge(deployment, headers)]
    return b"\r\n".join(lines) + b"\r\n"


def authority(deployment: Deployment) -> bytes:
    """The Host of a deployment in ASCII; ValueError if its name cannot be written that way."""
    try:
        text = deployment.target.authority.encode("ascii")
    except UnicodeEncodeError:
        text = deployment.target.authority.encode("idna")
    if _VALUE(text) is None or b" " in text:
        raise ValueError("the host name has characters that cannot stand in a Host header")
    return text
