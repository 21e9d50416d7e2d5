"""What the rest of the gateway knows about talking to an upstream: one call and one answer.

`Transport.send` demands the ceiling of the request as its first argument, so no handler can reach an
upstream without having decided how far the data may travel. It returns when the response head is
here; the body is then pulled with `UpstreamResponse.read`, which hands out whatever has arrived as
one bytes object, because the relay works on batches and an `await` per network chunk is the largest
cost of a stream.

Two clients live behind it (plain HTTP/1.1 of our own, aiohttp for TLS and proxies). The seam is kept
this small on purpose: what is not here (redirects, cookies, decompression, authentication schemes)
must not happen. Time limits are part of it, as `arm` and `touch`, since a timer around each read
would cost a task or a context manager per chunk.

This module performs no I/O and imports no client library.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Protocol

import msgspec

from hybridgw.core import Boundary, Deployment, Outcome, Timeouts
from hybridgw.errors import UpstreamError

Headers = tuple[tuple[bytes, bytes], ...]
"""Request headers: names in lower case, one entry per field line."""

HEAD_LIMIT = 64 * 1024
"""Most bytes of a response head, and most bytes of framing without any content in a body."""

HIGH_WATER = 256 * 1024
"""Unread body bytes at which a transport stops reading from its socket."""

STALE_WITHIN = 1.0
"""Seconds after sending on a kept connection within which its loss means that the server had closed it
before. A loss after that is a request which somebody worked on, and it must not be sent twice."""

JSON_REQUEST: Headers = ((b"content-type", b"application/json"), (b"accept", b"application/json"))
"""Headers of a request whose answer comes in one piece."""

STREAM_REQUEST: Headers = ((b"content-type", b"application/json"), (b"accept", b"text/event-stream"))
"""Headers of a request whose answer comes as server-sent events."""


class UpstreamRequest(msgspec.Struct):
    """One request, ready for the wire.

    `target` is the origin-form request target exactly as it is sent, the deployment's base path
    included (`/v1/chat/completions`). `headers` come on top of the deployment's own, which win where
    both name a field. Keep `headers` to a few shared constants: the rendered head is cached by them.

    With `once` the sender can make the body again and does not need this one: a transport may take it out
    as soon as it was written, so that it is not held while the upstream works.
    """

    method: str
    target: str
    headers: Headers
    body: bytes
    once: bool = False


Patience = Callable[[], float]
"""Asked when `first_token` ran out: seconds for which the exchange may go on; 0 ends it."""


class UpstreamResponse(ABC):
    """The answer of one attempt: head here, body still arriving.

    One task at a time may read. Cancelling that task aborts the connection, as does `close` on an
    incomplete body: the upstream sees the client leave at once. Read until `b""` wherever possible,
    because only a connection whose message was complete is used again.
    """

    __slots__ = ("headers", "peer", "status")

    status: int
    headers: list[tuple[bytes, bytes]]
    """Names in lower case, values as received."""
    peer: str
    """The address that was really connected."""

    @abstractmethod
    async def read(self) -> bytes:
        """Everything received and not yet read; waits if that is nothing; `b""` at the clean end.

        Raises UpstreamError: TRUNCATED (ended early), MALFORMED (not HTTP), or UpstreamTimeout with
        the armed outcome. Bytes that arrived before the failure are handed out first.
        """

    async def read_all(self, limit: int) -> bytes:
        """The whole rest of the body; a body over `limit` bytes aborts and raises MALFORMED."""
        parts: list[bytes] = []
        size = 0
        while data := await self.read():
            size += len(data)
            if size > limit:
                self.close()
                raise UpstreamError(Outcome.MALFORMED, f"the response is larger than {limit} bytes")
            parts.append(data)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    @abstractmethod
    def arm(self, seconds: float, outcome: Outcome) -> None:
        """Fail with `outcome` when nothing touches the exchange for `seconds`.

        Replaces the limit armed before (`send` arms `first_token`). Only time spent waiting for the
        upstream counts: a reader that is busy with a slow client does not blame the upstream. The
        total limit given to `send` always counts.
        """

    @abstractmethod
    def touch(self) -> None:
        """Something that counts has arrived: start the armed interval again."""

    @abstractmethod
    def close(self) -> None:
        """End the exchange: nothing more to do when it is complete, otherwise abort. Idempotent."""


class Transport(Protocol):
    """A way to send requests that carry content."""

    async def send(
        self,
        ceiling: Boundary,
        deployment: Deployment,
        request: UpstreamRequest,
        timeouts: Timeouts,
        patience: Patience | None = None,
    ) -> UpstreamResponse:
        """Send and wait for the final response head.

        With `patience`, an exchange whose first token is late goes on as long as that says, and one that is
        given up then is left to the upstream until its `load` limit where the client can: an engine that is
        loading a model for it would otherwise stop, and begin again for the next one.

        Raises BoundaryRefused before anything is written when the deployment, or the address that
        is really connected, lies beyond `ceiling`; UpstreamError otherwise (CONNECT_FAILED, RESET,
        FIRST_TOKEN_TIMEOUT, TOTAL_TIMEOUT, MALFORMED, LOCAL_FAULT).
        """
        ...

    async def aclose(self) -> None:
        """Close every connection, those in use too. The transport refuses work afterwards."""
        ...

    def stats(self) -> dict[str, int]:
        """Counts: `open`, `pooled`, `in_use` connections now; `opened`, `reused`, `retried` so far."""
        ...


class Fetched(msgspec.Struct, frozen=True):
    """A remote image."""

    media_type: str
    data: str
    """Base64."""


class Images(Protocol):
    """A way to remote images that clients name."""

    async def fetch_image(self, url: str, field: str) -> Fetched:
        """The image at `url`, judged and bounded (`transport.images`).

        Raises RequestError with `field` for everything that keeps it from being one, without a word
        about our network.
        """
        ...


class TransportLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of one worker's connections."""

    connections: int = 4096
    per_host: int = 4096
    wait_seconds: float = 1.0
    """How long a request waits while all of a host's are in use."""
    idle_seconds: float = 15.0
    """How long an unused connection is kept. Shorter than the usual 60-75 s of servers, so that we
    are nearly always the side that closes."""
    dns_seconds: float = 30.0
    """How long an answer of the resolver is believed."""
