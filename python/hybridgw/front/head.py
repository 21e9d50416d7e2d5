"""Request heads: parsed by llhttp, checked for what it leaves open. Without I/O.

A head is fed as it arrives and ends at its first empty line. The parser sees nothing behind that line:
where a body ends is counted by `client` and `chunks`, so that what follows a request stays unread until
the request is answered. llhttp in its strict mode refuses what request smuggling is made of (two lengths,
a length beside chunks, a bare CR or LF, folded lines, white space before a colon); what it lets pass and we
do not is refused here: codings other than plain `chunked`, and more fields or bytes than a client needs.
"""

from urllib.parse import unquote

import httptools

from hybridgw.front.seam import Headers

LIMIT = 64 * 1024
"""Most bytes of a head."""
_MOST_FIELDS = 128
_MOST_LENGTH_DIGITS = 18
_END = b"\r\n\r\n"
_FRAMING = frozenset({b"content-length", b"transfer-encoding", b"expect"})
_CONTROLS = {number: None for number in range(32)}

CHUNKED = -1
"""As a length: the body says itself where it ends."""


class BadHead(Exception):
    """These bytes are no request; `code` says in which way and the message what is wrong with them."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Head:
    """One request head, while it arrives and when it is complete."""

    __slots__ = (
        "_parser", "_seen", "_tail", "complete", "expects", "headers", "keep", "length", "method", "modern",
        "url",
    )  # fmt: skip

    def __init__(self) -> None:
        self._parser: httptools.HttpRequestParser | None = httptools.HttpRequestParser(self)
        self._seen = 0
        self._tail = b""
        self.complete = False
        self.headers: Headers = []
        self.url = b""
        self.method = ""
        self.length = 0
        """Bytes of the body, or CHUNKED."""
        self.expects = False
        """The client waits for `100 Continue` before it sends the body."""
        self.keep = False
        """The connection may carry another request."""
        self.modern = True
        """HTTP/1.1, and not 1.0."""

    def feed(self, data: bytes) -> int:
        """Take what belongs to the head; how many bytes that were. With the end of the head among them,
        `complete` is true afterwards. BadHead."""
        tail = self._tail
        if tail:
            found = (tail + data).find(_END)
            end = found + 4 - len(tail) if found >= 0 else -1
        else:
            found = data.find(_END)
            end = found + 4 if found >= 0 else -1
        taken = len(data) if end < 0 else end
        self._seen += taken
        parser = self._parser
        assert parser is not None
        try:
            parser.feed_data(data if taken == len(data) else data[:taken])
        except httptools.HttpParserUpgrade:
            pass  # no other protocol is spoken here: it is answered as the request that it also is
        except httptools.HttpParserError as error:
            if isinstance(error.__context__, BadHead):
                raise error.__context__ from None
            raise BadHead("bad_request", f"the request is not valid HTTP: {_words(error)}") from None
        if self._seen > LIMIT:
            raise BadHead("headers_too_large", "the request headers are larger than 64 KiB")
        if end < 0:
            self._tail = (tail + data)[-3:]
            if self.complete:
                raise BadHead("bad_request", "the request is not valid HTTP: a line ends without CR")
        elif not self.complete:
            raise BadHead("bad_request", "the request is not valid HTTP: its head ends early")
        else:
            # Parser and head refer to each other; nothing here should wait for the collector.
            self._parser = None
        return taken

    def split(self) -> tuple[str, bytes]:
        """The path, decoded, and the query. BadHead for a target that has none."""
        url = self.url
        if url[:1] != b"/":
            if url == b"*":
                return "*", b""
            try:
                parsed = httptools.parse_url(url)
            except httptools.HttpParserError:
                parsed = None
            if parsed is None or parsed.schema is None:
                # CONNECT names a host and no path.
                return url.decode("latin-1"), b""
            path, query = parsed.path or b"/", parsed.query or b""
        else:
            path, _, query = url.partition(b"?")
        if b"%" in path:
            return unquote(path.decode("latin-1"), errors="replace"), query
        return path.decode("latin-1"), query

    # httptools

    def on_url(self, url: bytes) -> None:
        self.url = url if not self.url else self.url + url

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        value = value.rstrip()
        self.headers.append((name, value))
        if name in _FRAMING:
            self._frame(name, value)

    def on_headers_complete(self) -> None:
        parser = self._parser
        assert parser is not None
        version = parser.get_http_version()
        if version != "1.1":
            if version != "1.0":
                raise BadHead("bad_request", f"HTTP/{version} is not spoken here; use HTTP/1.1")
            self.modern = self.expects = False
            if self.length == CHUNKED:
                raise BadHead("bad_request", "HTTP/1.0 knows no transfer-encoding")
        if len(self.headers) > _MOST_FIELDS:
            raise BadHead("headers_too_large", f"the request has more than {_MOST_FIELDS} header fields")
        self.method = parser.get_method().decode("ascii")
        # To the client that sent a CONNECT, what follows is a tunnel and no request.
        self.keep = parser.should_keep_alive() and self.method != "CONNECT"
        self.complete = True

    def _frame(self, name: bytes, value: bytes) -> None:
        if name == b"content-length":
            if not value.isdigit() or len(value) > _MOST_LENGTH_DIGITS:
                raise BadHead("bad_request", "the content-length is no number")
            self.length = int(value)
        elif name == b"transfer-encoding":
            if value.lower() != b"chunked" or self.length == CHUNKED:
                raise BadHead("bad_request", "the only transfer-encoding that is taken is chunked")
            self.length = CHUNKED
        else:
            self.expects = value.lower() == b"100-continue"


def _words(error: Exception) -> str:
    """The parser's words: they name the rule, and hold nothing of the request."""
    return str(error).translate(_CONTROLS)[:200] or "it cannot be read"
