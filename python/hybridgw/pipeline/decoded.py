"""Answers of upstreams that compress although they were asked not to.

Some proxies and hosts ignore `accept-encoding: identity`. Their answer is read all the same: decoded
piece by piece as it arrives, so that a stream stays one. What comes out of one piece is bounded, since
nobody may fill our memory with a small answer.
"""

import asyncio

from hybridgw.core import Outcome
from hybridgw.errors import UpstreamError
from hybridgw.transport.codings import Decoder, Machine, Unknown, decoder_of, is_loaded, spelt
from hybridgw.transport.seam import UpstreamResponse

_MOST_AT_ONCE = 64 * 1024 * 1024
"""Bytes that one piece may become: four of the largest events."""
_MEMBERS = 32
"""Concatenated members are legal, and each costs a decoder."""


async def decoded(response: UpstreamResponse) -> UpstreamResponse:
    """The response, with its body as it was before it was compressed. UpstreamError (MALFORMED) for a
    coding that nobody here knows."""
    for name, value in response.headers:
        if name == b"content-encoding":
            coding = spelt(value.strip().lower().decode("latin-1"))
            if coding not in ("", "identity"):
                return _Decoded(response, coding, await _decoder(response, coding))
    return response


async def _decoder(response: UpstreamResponse, coding: str) -> Decoder:
    try:
        if is_loaded(coding):
            return decoder_of(coding)
        return await asyncio.get_running_loop().run_in_executor(None, decoder_of, coding)
    except Unknown:
        response.close()
        message = f"the upstream compressed its answer in a way nobody here reads: {coding[:40]!r}"
        raise UpstreamError(Outcome.MALFORMED, message, status=response.status) from None


class _Decoded(UpstreamResponse):
    """Hands out what another response holds, decoded."""

    __slots__ = ("_coding", "_decoder", "_left", "_machine", "_members", "_response")

    def __init__(self, response: UpstreamResponse, coding: str, decoder: Decoder) -> None:
        self.status, self.headers, self.peer = response.status, response.headers, response.peer
        self._response = response
        self._coding = coding
        self._decoder = decoder
        self._machine: Machine | None = None
        self._members = 0
        self._left = b""
        """Arrived, and not decoded yet: a first byte does not tell one format from the other."""

    async def read(self) -> bytes:
        while True:
            data = await self._response.read()
            if not data:
                if self._left or (self._machine is not None and not self._machine.eof):
                    raise UpstreamError(Outcome.TRUNCATED, "the response ended early", status=self.status)
                return b""
            out = self._decode(self._left + data)
            if out:
                return out

    def _decode(self, data: bytes) -> bytes:
        self._left = b""
        pieces: list[bytes] = []
        room = _MOST_AT_ONCE
        while data:
            if self._machine is None or self._machine.eof:
                if len(data) < 2:
                    self._left = data
                    break
                self._members += 1
                if self._members > _MEMBERS:
                    raise self._broken("in too many parts")
                self._machine = self._decoder.machine(data)
            try:
                piece = self._machine.decompress(data, room + 1)
            except self._decoder.error:
                raise self._broken("broken") from None
            room -= len(piece)
            if room < 0:
                raise self._broken("too large")
            pieces.append(piece)
            data = self._machine.unused_data if self._machine.eof else b""
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _broken(self, how: str) -> UpstreamError:
        self.close()
        message = f"the upstream's answer is compressed ({self._coding}) and {how}"
        return UpstreamError(Outcome.MALFORMED, message, status=self.status)

    def arm(self, seconds: float, outcome: Outcome) -> None:
        self._response.arm(seconds, outcome)

    def touch(self) -> None:
        self._response.touch()

    def close(self) -> None:
        self._response.close()
