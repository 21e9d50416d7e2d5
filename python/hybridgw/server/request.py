"""What the server needs to know of an HTTP request before its body: one pass over the headers."""

import ipaddress
import re
from functools import lru_cache
from itertools import chain

from hybridgw.providers.registry import PROVIDERS

_LONGEST_HEADERS = 64 * 1024
_KEY_HEADERS = frozenset({b"x-litellm-api-key", b"api-key", b"x-api-key", b"x-goog-api-key"})
_FORWARDED = frozenset(name for provider in PROVIDERS.values() for name in provider.forwards)
"""What some backend is to see of a client's headers: its API version, never a credential."""
_FEATURE = rb"[A-Za-z][\w.:-]{0,63}"
_PLAIN_HEADER = re.compile(rb"%b(?:, ?%b){0,63}|\d{4}-\d\d-\d\d" % (_FEATURE, _FEATURE)).fullmatch
"""Names of features, or a date: what is passed on, once the decision has scanned it. Anything else is
text, for which a header is no place."""
_READ = (
    _KEY_HEADERS
    | _FORWARDED
    | {
        b"authorization",
        b"content-encoding",
        b"content-type",
        b"content-length",
        b"host",
        b"origin",
        b"upgrade",
    }
)
"""Looked at first: most headers of an SDK are none of these and must cost next to nothing."""
_HINT_STARTS = frozenset({b"x-h", b"x-l"})
_HINT_NAMES = frozenset(
    {
        "x-hybridgw-tier",
        "x-hybridgw-task-type",
        "x-hybridgw-sensitivity",
        "x-hybridgw-latency",
        "x-hybridgw-conversation",
        "x-litellm-timeout",
        "x-litellm-stream-timeout",
        "x-litellm-num-retries",
        "x-litellm-tags",
    }
)

Headers = list[tuple[bytes, bytes]]


class Facts:
    """The headers that the gateway acts on. All others are ignored and never forwarded."""

    __slots__ = (
        "content_encoding",
        "content_length",
        "content_type",
        "forwarded",
        "hints",
        "host",
        "key",
        "origin",
        "oversized",
        "query",
        "upgrade",
    )

    def __init__(self, headers: Headers, key_header: bytes | None) -> None:
        self.key: bytes | None = None
        """The caller's key wherever it was sent; the configured header wins, then the order of
        the headers' usual readers."""
        self.content_type = b""
        self.content_length = -1
        self.content_encoding: bytes | None = None
        self.host = b""
        self.origin: bytes | None = None
        self.upgrade = False
        self.hints: dict[str, str] | None = None
        self.forwarded: dict[bytes, bytes] | None = None
        self.query = ""
        """What a backend that sees `forwarded` is to see of the query, with its question mark."""
        bearer: bytes | None = None
        other: bytes | None = None
        own: bytes | None = None
        for name, value in headers:
            if name in _READ or name == key_header:
                if name == b"authorization":
                    bearer = value[7:].strip() if value[:7].lower() == b"bearer " else b""
                elif name == b"content-type":
                    self.content_type = value
                elif name == b"content-length":
                    self.content_length = int(value) if value.isdigit() and len(value) < 19 else -1
                elif name == b"host":
                    # Two of them mean that somebody reads the other one: no name at all.
                    self.host = b"," if self.host else value
                elif name == b"origin":
                    self.origin = value
                elif name == b"upgrade":
                    # Others (h2c) are offers that a server may ignore (RFC 9110, 7.8).
                    self.upgrade = b"websocket" in value.lower()
                elif name == b"content-encoding":
                    first: bytes | None = self.content_encoding
                    self.content_encoding = value if first is None else b"%b, %b" % (first, value)
                elif name == key_header:
                    own = _bare(value)
                elif name in _FORWARDED:
                    self._forward(name, value)
                elif name == b"x-litellm-api-key" or other is None:
                    other = _bare(value)
            elif name[:3] in _HINT_STARTS:
                self._hint(name, value)
        self.key = own if own is not None else (bearer if bearer else other if other is not None else bearer)
        self._keep_plain()
        self.oversized = sum(map(len, chain.from_iterable(headers))) + 4 * len(headers) > _LONGEST_HEADERS

    def _forward(self, name: bytes, value: bytes) -> None:
        if self.forwarded is None:
            self.forwarded = {}
        # Several are one list to everybody who reads them.
        said = self.forwarded.get(name)
        self.forwarded[name] = value if said is None else b"%b,%b" % (said, value)

    def _keep_plain(self) -> None:
        if self.forwarded is not None:
            self.forwarded = {name: value for name, value in self.forwarded.items() if _PLAIN_HEADER(value)}

    def _hint(self, name: bytes, value: bytes) -> None:
        text = name.decode("latin-1")
        # A misspelt hint of ours must not be ignored: it may be the one that tightens privacy.
        if text in _HINT_NAMES or text.startswith("x-hybridgw-"):
            if self.hints is None:
                self.hints = {}
            said = value.decode("latin-1")
            # A second one must not undo the first, which may be the one that tightens privacy: by the
            # rules of HTTP they are one list, and no hint takes a list.
            self.hints[text] = f"{self.hints[text]}, {said}" if text in self.hints else said

    @property
    def said(self) -> dict[str, str] | None:
        """Headers for the decision: hints, which it acts on, and what a backend may be sent of the
        others, which it scans like the body."""
        if self.forwarded is None:
            return self.hints
        sent = {name.decode("latin-1"): value.decode("latin-1") for name, value in self.forwarded.items()}
        return sent if self.hints is None else {**sent, **self.hints}


def _bare(value: bytes) -> bytes:
    """A key without the scheme that some clients put before it in every header."""
    return value[7:] if value[:7].lower() == b"bearer " else value


@lru_cache(maxsize=256)
def is_loopback_host(host: bytes) -> bool:
    """Whether a Host (or the authority of an Origin) names this machine, whatever the port."""
    name = host.decode("latin-1").strip().lower()
    if name.startswith("["):
        name, closed, port = name[1:].partition("]")
        if not closed or port[:1] not in ("", ":"):
            return False
    elif name.count(":") == 1:
        name = name.partition(":")[0]
    name = name.rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def is_loopback_origin(origin: bytes) -> bool:
    """Whether an Origin is a page served from this machine."""
    scheme, separator, authority = origin.partition(b"://")
    return bool(separator) and scheme in (b"http", b"https") and is_loopback_host(authority)
