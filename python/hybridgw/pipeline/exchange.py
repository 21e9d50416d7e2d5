"""Sending one attempt: from a permit to a response whose head says 200, or to the failure it is."""

import time
from collections.abc import Callable

import msgspec

from hybridgw.core import Boundary, Outcome
from hybridgw.errors import Refused, RequestError, UpstreamError
from hybridgw.native import Decision, Permit
from hybridgw.pipeline.call import Call
from hybridgw.providers import Exchange
from hybridgw.providers.base import Translator
from hybridgw.providers.failures import failure, hide
from hybridgw.routing.plan import Upstream
from hybridgw.transport.seam import JSON_REQUEST, STREAM_REQUEST, UpstreamRequest, UpstreamResponse

# Looking a member up by number costs more in the enumeration itself.
_BOUNDARIES = tuple(Boundary)
_ERROR_BODY_LIMIT = 1024 * 1024
_LEAST = 0.001


def exchange_of(call: Call, upstream: Upstream) -> Exchange:
    """How this deployment serves the route. The native side permits no other deployment."""
    exchange = upstream.exchanges[call.route]
    if exchange is None:
        raise Refused("unsupported_parameter", "the deployment does not serve this route")
    return exchange


async def open_exchange(
    call: Call,
    decision: Decision,
    permit: Permit,
    upstream: Upstream,
    target: str,
    translator: Translator | None,
) -> UpstreamResponse:
    """Send the request of this permit. A status other than 200 is read and raised."""
    body = permit.body()
    if translator is not None:
        body = _asked(translator, body)
    stream = decision.stream
    timeouts = upstream.stream_timeouts if stream else upstream.whole_timeouts
    asked = (decision.stream_timeout_ms if stream else 0) or decision.timeout_ms
    now = time.monotonic_ns()
    if asked:
        # The client's own patience began with its request, not with this attempt.
        left = max(_LEAST, asked / 1000 - (now - call.begun_ns) / 1e9)
        timeouts = msgspec.structs.replace(
            timeouts, total=min(timeouts.total, left), connect=min(timeouts.connect, left)
        )
    call.leave(now)
    response = call.response = await call.worker.transport.send(
        _BOUNDARIES[decision.ceiling],
        upstream.deployment,
        UpstreamRequest("POST", target, STREAM_REQUEST if stream else JSON_REQUEST, body),
        timeouts,
    )
    if response.status != 200:
        answer = await response.read_all(_ERROR_BODY_LIMIT)
        raise failure(response.status, response.headers, answer, secrets=upstream.secrets)
    return response


def _asked(translator: Translator, body: bytes) -> bytes:
    try:
        return translator.request(body)
    except (msgspec.MsgspecError, RecursionError):
        # It was read once already, by rules that let half a surrogate pair pass where it is only carried
        # and that have a limit of their own for nesting.
        raise RequestError(
            "invalid_value", "the body holds text that cannot be translated for the backend of this model"
        ) from None


def failure_inside(upstream: Upstream, error: tuple[str, str, str]) -> UpstreamError:
    """The failure that an error object inside a 200 answer stands for."""
    message = hide(error[0], upstream.secrets)
    return UpstreamError(Outcome.STREAM_ERROR, message or "the upstream reported an error", status=200)


def translated(translate: Callable[[bytes], bytes], answer: bytes) -> bytes:
    """`translate(answer)`. An answer that a translator cannot read is the upstream's failure: somebody
    else may be asked, and the client is told of a bad gateway rather than of a bug."""
    try:
        return translate(answer)
    except (msgspec.MsgspecError, RecursionError):
        raise UpstreamError(
            Outcome.MALFORMED, "the upstream's answer cannot be translated", status=200
        ) from None
