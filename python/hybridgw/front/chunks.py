"""Chunked bodies, decoded strictly and without I/O.

Our own decoder and not the parser's, for one reason: it says where the body ended. What follows is the
next request of the connection, and must wait until this one is answered. Where readings of the format
differ between servers there is one here: lines end with CR LF, a size is one to fifteen hexadecimal digits
and nothing else, extensions and trailers are skipped within bounds. Everything else is refused, because a
proxy in front that reads it otherwise could be made to see other requests than we do.
"""

_LINE_LIMIT = 4096
"""Most bytes of a line with a size and its extensions."""
_TRAILER_LIMIT = 16 * 1024
_LINES_AT_ONCE = 256
"""Most lines of one call: a body of one-byte chunks must not hold up the others."""
_FRAMING = 1024 * 1024
_FRAMING_SHARE = 16
"""A body whose lines take more than this is refused, where they are also so many times its content: nothing
else bounds what is no content."""
_DIGITS = frozenset(b"0123456789abcdefABCDEF")
_MOST_DIGITS = 15

_SIZE, _DATA, _DATA_END, _TRAILER, _DONE = range(5)


class BadChunk(Exception):
    """The body is not what chunked means; the message says where."""


class Chunks:
    """Decodes one body. Feed it what arrives until `done`."""

    __slots__ = ("_content", "_framing", "_left", "_line", "_stage", "_trailer")

    def __init__(self) -> None:
        self._stage = _SIZE
        self._left = 0
        self._line = b""
        self._trailer = 0
        self._content = 0
        self._framing = 0

    @property
    def done(self) -> bool:
        """Whether the body is complete."""
        return self._stage == _DONE

    def feed(self, data: bytes) -> tuple[list[bytes], bytes]:
        """The content that these bytes hold, and the rest of them: what follows the end of the body where it
        is `done`, else what is to be fed again in another turn of the loop. BadChunk."""
        pieces: list[bytes] = []
        at = lines = 0
        while at < len(data) and self._stage != _DONE:
            if self._stage == _DATA:
                piece = data[at : at + self._left]
                pieces.append(piece)
                at += len(piece)
                self._content += len(piece)
                self._left -= len(piece)
                if not self._left:
                    self._stage = _DATA_END
                continue
            if lines == _LINES_AT_ONCE:
                break
            lines += 1
            at = self._lines(data, at)
        return pieces, data[at:]

    def _lines(self, data: bytes, at: int) -> int:
        """Take one line, or what there is of it; where to go on."""
        end = data.find(b"\n", at)
        stop = len(data) if end < 0 else end + 1
        # Of what was kept there is never more than a line.
        self._line += data[at:stop]
        self._framing += stop - at
        if self._framing > _FRAMING and self._framing > _FRAMING_SHARE * self._content:
            raise BadChunk("its chunked coding is far longer than its content")
        line = self._line
        if len(line) > (2 if self._stage == _DATA_END else _LINE_LIMIT):
            raise BadChunk("a line of its chunked coding is too long")
        if end < 0:
            # A CR may only stand before the LF that has not come yet.
            if b"\r" in line[:-1]:
                raise BadChunk("a line of its chunked coding has a bare CR")
            return stop
        self._line = b""
        if not line.endswith(b"\r\n") or b"\r" in line[:-2]:
            raise BadChunk("a line of its chunked coding does not end with CR LF")
        self._take(line[:-2])
        return stop

    def _take(self, line: bytes) -> None:
        if self._stage == _SIZE:
            digits, _, _ = line.partition(b";")
            if not 0 < len(digits) <= _MOST_DIGITS or not _DIGITS.issuperset(digits):
                raise BadChunk("the size of a chunk is no number")
            self._left = int(digits, 16)
            self._stage = _DATA if self._left else _TRAILER
        elif self._stage == _DATA_END:
            if line:
                raise BadChunk("a chunk is longer than its size says")
            self._stage = _SIZE
        elif line:
            self._trailer += len(line)
            if self._trailer > _TRAILER_LIMIT:
                raise BadChunk("its trailers are too long")
        else:
            self._stage = _DONE
