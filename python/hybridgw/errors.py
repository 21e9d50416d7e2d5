"""Errors that carry whose fault they are and whether a retry is safe.

    GatewayError                  code, message, field, whose, retry_safe, retry_after
    ├── RequestError              the client's: bad body, unknown model, no key
    ├── Refused                   ours, on purpose: policy, limits, draining
    └── UpstreamError             an attempt failed; carries the outcome told to the breaker
        ├── BoundaryRefused       the connected address lies beyond the ceiling
        └── UpstreamTimeout       a phase ran out of time

Nobody parses messages. An HTTP status is chosen from `code` in one place, `server.rescue`.
Messages are public: they never hold credentials, bodies or an upstream's raw text. This module
imports nothing of the package; an `outcome` is the number of `core.Outcome`.
"""

from typing import Self


class GatewayError(Exception):
    """The root: every error that may reach a client."""

    whose = "gateway"

    def __init__(
        self,
        code: str,
        message: str,
        *,
        field: str | None = None,
        retry_safe: bool = False,
        retry_after: float | None = None,
        headers: tuple[tuple[bytes, bytes], ...] = (),
        refused: tuple[int, int, int, int, int, int] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.field = field
        self.retry_safe = retry_safe
        self.retry_after = retry_after
        self.headers = headers
        """What HTTP wants said beside the error: which methods, which encodings."""
        self.refused = refused
        """What the native side knew of a request that it refused, for the journal."""

    def anew(self) -> Self:
        """The same error, never raised yet. Whoever keeps an error that it may have to raise raises one of
        these: a raised error knows its frames, and a frame that knows the error makes a ring, in which
        the request and its body would wait for the garbage collector."""
        made = type(self).__new__(type(self), *self.args)
        made.__dict__.update(self.__dict__)
        return made


class RequestError(GatewayError):
    """The client's request is at fault; the same request will fail again."""

    whose = "client"


class Refused(GatewayError):
    """The gateway declines on purpose: policy, limits, no capacity, draining."""

    whose = "gateway"


class UpstreamError(GatewayError):
    """One attempt at an upstream failed."""

    whose = "upstream"

    def __init__(
        self,
        outcome: int,
        message: str,
        *,
        code: str = "upstream_error",
        status: int = 0,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(code, message, retry_after=retry_after)
        self.outcome = outcome
        self.status = status
        """The upstream's own status, 0 when there was none."""


class BoundaryRefused(UpstreamError):
    """The address that would receive the request lies beyond the request's ceiling."""

    def __init__(self, outcome: int, message: str) -> None:
        super().__init__(outcome, message, code="policy_denied")


class UpstreamTimeout(UpstreamError):
    """The upstream was silent for longer than the phase allows."""

    def __init__(self, outcome: int, message: str) -> None:
        super().__init__(outcome, message, code="upstream_timeout")
