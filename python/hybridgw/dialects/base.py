"""What every dialect can render."""

from typing import Protocol

import msgspec


class Fault(msgspec.Struct, frozen=True):
    """An error as a client shall see it. `type` and `code` are already the dialect's words."""

    status: int
    type: str
    code: str | None
    message: str
    param: str | None = None
    retry_after: float | None = None
    """Seconds; rendered as a header by the server."""
    should_retry: bool | None = None
    """What the official SDKs are told through `x-should-retry`; None leaves it to the status."""


class Dialect(Protocol):
    """How one family of clients reads what is not an ordinary answer."""

    name: str
    heartbeat: bytes
    """Keeps a silent stream open without being taken for content."""

    def error(self, fault: Fault) -> bytes:
        """The body of an error response."""

    def error_event(self, fault: Fault) -> bytes:
        """The last event of a stream that failed after it had begun."""
