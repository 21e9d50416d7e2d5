"""What the rest of the pipeline knows of a translation: a request goes in, an answer comes out in two steps.

It stands apart from the translations themselves because an attempt owns one, and they are made from an
attempt. This module must not know either.
"""

from typing import Any, Protocol

from hybridgw.providers.base import Backend
from hybridgw.transport.seam import Headers


class Translation(Protocol):
    """One attempt between two wires."""

    async def request(self, body: bytes) -> tuple[str, Headers, bytes]:
        """Target, headers and body for the backend."""

    def less(self, backend: Backend) -> None:
        """The next request is for this backend, which refuses more than was known."""

    def read(self, events: bytes) -> Any:
        """The next complete events, understood and not yet written: `write` takes what this returns."""

    def read_end(self) -> Any:
        """What is due of the backend's once its stream has ended properly; for `write`."""

    def write(self, held: Any) -> bytes:
        """What was read, for the client. From here on the client's writer goes on with this answer."""

    def write_end(self) -> bytes:
        """What is due to the client once all was written."""

    def feed(self, events: bytes) -> bytes:
        """The next complete events, read and written."""

    def close(self) -> bytes:
        """The end, read and written."""

    def read_whole(self, body: bytes) -> Any:
        """A complete answer, understood: for one of the next two."""

    def write_whole(self, held: Any) -> bytes:
        """It, for a client that wants a complete answer."""

    def write_as_stream(self, held: Any) -> bytes:
        """It, for a client that wants a stream, and all of it."""
