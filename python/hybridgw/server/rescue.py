"""The only place that turns an error into an HTTP status.

Handlers and the pipeline raise errors that say what happened, whose fault it is and whether a
retry is safe. Here that becomes a `Fault` in the catalogue that the configuration chose, with its reason
beside it: dialects have words of their own for some. Nothing reads a message to find out what an error
means.
"""

import logging

from hybridgw.core import Outcome
from hybridgw.dialects import Fault
from hybridgw.errors import GatewayError, UpstreamError
from hybridgw.server.catalogue import CATALOGUE

_log = logging.getLogger(__name__)

# The SDKs obey Retry-After without a cap; a client must not sleep for an hour on our word.
_LONGEST_WAIT = 60.0

# Failed attempts that are no fault of the upstream.
_OUR_OWN: dict[int, str] = {Outcome.LOCAL_FAULT: "overloaded", Outcome.DRAINING: "draining"}

_PASSES = frozenset(
    {
        Outcome.LOCAL_FAULT,
        Outcome.DRAINING,
        Outcome.CONNECT_FAILED,
        Outcome.RESET,
        Outcome.SERVER_ERROR,
        Outcome.LOADING,
    }
)
"""Failures of a moment, on which nobody spent work: an engine that restarts is back in half a minute. The
client's own patience decides how often it asks until then; told not to, an agent ends its whole session."""

_PASSED_ON = frozenset({400, 404, 405, 409, 413, 415, 422})


def rescue(error: BaseException, catalogue: str = "native", request_id: str | None = None) -> Fault:
    """The answer for `error`. An error that nobody foresaw is logged and tells the client nothing.
    `request_id` is known once there was a decision."""
    if not isinstance(error, GatewayError):
        _log.error("unexpected error while serving a request", exc_info=error)
        error = GatewayError("internal_error", "internal error")
    reason = error.code
    if isinstance(error, UpstreamError):
        reason = _OUR_OWN.get(error.outcome, reason)
    row = CATALOGUE.get(reason) or CATALOGUE["internal_error"]
    litellm = catalogue == "litellm"
    own_status = row.status
    status, kind = (row.litellm_status, row.litellm_type) if litellm else (row.status, row.type)
    if (
        isinstance(error, UpstreamError)
        and error.outcome == Outcome.REQUEST_REJECTED
        and error.status in _PASSED_ON
    ):
        status = own_status = error.status
    code: str | None = str(status) if litellm else (row.code or reason)
    retry_after = error.retry_after
    should_retry = row.retry
    if retry_after is not None and retry_after > _LONGEST_WAIT:
        retry_after, should_retry = None, False
    if retry_after is None and status in (429, 503) and should_retry is None:
        retry_after = 1.0
    tried = isinstance(error, UpstreamError) and not error.retry_safe and error.outcome not in _PASSES
    if tried and should_retry is None and own_status >= 500:
        # Somebody worked on it already: gateway x SDK x agent would have it done again and again.
        should_retry = False
    return Fault(
        status=status,
        type=kind,
        code=code,
        reason=row.code or reason,
        own_status=own_status,
        message=error.message,
        param=error.field,
        retry_after=retry_after,
        should_retry=should_retry,
        request_id=request_id,
        headers=(*error.headers, *_called(litellm, request_id)),
    )


def _called(litellm: bool, request_id: str | None) -> tuple[tuple[bytes, bytes], ...]:
    return ((b"x-litellm-call-id", request_id.encode()),) if litellm and request_id else ()
