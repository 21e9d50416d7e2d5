"""What the rest of the gateway knows of a client: one request, and its answer.

The handlers and the pipeline talk to a `Client`. It is this small on purpose: a request head that is
complete, a body that is asked for once, an answer of `start`, any number of `write`, and `end`. ASGI says
the same with a dictionary for each step and a body in pieces that every reader joins anew; here a body is
collected once, where it arrives, and a small answer leaves in one piece, because its head waits for its
first bytes.

A client may leave at any moment. Writing to one that left does nothing; `gone` returns when it has left.

This module performs no I/O.
"""

from collections.abc import Callable, Coroutine
from typing import Any, Protocol

Headers = list[tuple[bytes, bytes]]
"""Names in lower case, in the order of arrival, one entry for each line."""


class TooLarge(Exception):
    """The body has more bytes than the reader wants. What is left of it was not read."""


class CutShort(Exception):
    """The body ended early: the client left, or its framing is broken."""


class Client(Protocol):
    """One request and its answer. Only the task that serves the request reads and writes; any other may
    wait for `gone`."""

    method: str
    path: str
    """Decoded, without the query."""
    query: bytes
    """As it was sent, without the question mark."""
    headers: Headers
    more_headers: tuple[tuple[bytes, bytes], ...]
    """Sent with whatever head the answer will have. Empty at first."""

    async def body(self, limit: int, arrived: Callable[[int], None]) -> bytes:
        """The whole body, once. `arrived` is called with the number of bytes so far whenever some came and
        more are awaited; what it raises ends the reading and is raised here.

        TooLarge when there are more than `limit` bytes, CutShort when it ends early."""
        ...

    async def skip(self) -> int:
        """Wait for more of the body and forget it: how many bytes that were, 0 when no more will come."""
        ...

    def start(self, status: int, headers: Headers) -> None:
        """The head of the answer, once. It leaves with the first bytes of the body."""
        ...

    async def write(self, data: bytes) -> None:
        """Send a piece of the body, and the head if it is still here; empty for the head alone. Waits while
        the client does not read."""
        ...

    async def end(self, data: bytes = b"") -> None:
        """Send the last piece; nothing may follow. Does not wait for its reader."""
        ...

    async def gone(self) -> None:
        """Return when the client has left before the end of its answer. Not to be called before the body was
        read. When the answer ends, a task that waits here goes on waiting, for ever."""
        ...


class Refusal(Protocol):
    """How the gateway answers what is no request."""

    def __call__(self, code: str, message: str, path: str) -> tuple[int, Headers, bytes]:
        """Status, headers and body for a fault of the client: `code` is `bad_request`, `request_timeout` or
        `headers_too_large`. `path` is empty where none was read."""
        ...


Serve = Callable[[Client], Coroutine[Any, Any, None]]
"""Serves one request: ends the answer whatever happens. An exception is a bug, and ends the connection."""
