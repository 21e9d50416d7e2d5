"""What every dialect can do: read a request, write an answer, say what is no ordinary answer.

Where client and backend speak the same dialect only the last is used. A dialect without `read` is
never translated.
"""

from typing import Protocol

import msgspec

from hybridgw.wire import Ask, Event


class Fault(msgspec.Struct, frozen=True):
    """An error as a client shall see it, in OpenAI's words and in those of the catalogue that was chosen;
    a dialect that has words of its own finds them by `why` and `own_status`."""

    status: int
    """As the catalogue has it."""
    type: str
    code: str | None
    """What stands on the wire as OpenAI's `code`. LiteLLM's catalogue has the status there, so nothing but
    the rendering of that member may read it."""
    message: str
    param: str | None = None
    reason: str = ""
    """What happened, in OpenAI's own codes and whatever the catalogue; empty where `code` says it."""
    own_status: int = 0
    """The status without any catalogue but our own, for dialects that no other proxy speaks; 0: the same."""
    retry_after: float | None = None
    """Seconds; rendered as a header by the server."""
    should_retry: bool | None = None
    """What the official SDKs are told through `x-should-retry`; None leaves it to the status."""
    request_id: str | None = None
    """What journal and headers call the request, for the dialects whose errors name it."""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    """What HTTP wants said beside it (`allow`, `accept-encoding`); added by the server."""

    @property
    def why(self) -> str:
        """What happened: never a status, whichever catalogue renders it."""
        return self.reason or self.code or self.type


class Writer(Protocol):
    """Writes one answer for one client. Sans-I/O; used for a stream or for a whole answer, not both.

    What it is fed obeys `wire.events`; it must write a valid answer whatever is missing.
    """

    @property
    def heartbeat(self) -> bytes:
        """Keeps the stream open at the place where it stands. May itself begin the answer."""

    def feed(self, events: list[Event]) -> bytes:
        """The next events of a stream; may be empty."""

    def close(self) -> bytes:
        """What is due once the backend's answer is complete: usage, the mark of success."""

    def whole(self, events: list[Event]) -> bytes:
        """All events of an answer as one JSON document."""

    def error_event(self, fault: Fault) -> bytes:
        """The end of a stream that failed after it had begun, without the mark of success."""


class Dialect(Protocol):
    """How one family of clients speaks. One stateless instance serves all requests."""

    name: str
    heartbeat: bytes
    """Keeps a silent stream open without being taken for content, where bytes pass through."""
    stream_type: bytes
    """Content type of a stream."""

    def error(self, fault: Fault) -> bytes:
        """The body of an error response."""

    def status(self, fault: Fault) -> int:
        """The status of an error response: most often `fault.status`."""

    def error_event(self, fault: Fault) -> bytes:
        """The last event of a stream that failed after it had begun."""

    def read(self, body: bytes) -> Ask:
        """The request, apart from the dialect. RequestError names the field that is wrong."""

    def writer(self, ask: Ask) -> Writer:
        """Writes the answer to `ask`."""
