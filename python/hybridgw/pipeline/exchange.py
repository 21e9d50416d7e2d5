"""Sending one attempt: from a permit to a response whose head says 200, or to the failure it is."""

import time

import msgspec

from hybridgw.core import Boundary, Outcome
from hybridgw.errors import Refused, UpstreamError
from hybridgw.native import Decision, Permit
from hybridgw.pipeline.call import Call
from hybridgw.providers import Exchange
from hybridgw.providers.base import Translator
from hybridgw.providers.failures import failure
from hybridgw.routing.plan import Upstream
from hybridgw.transport.seam import JSON_REQUEST, STREAM_REQUEST, UpstreamRequest, UpstreamResponse

# Looking a member up by number costs more in the enumeration itself.
_BOUNDARIES = tuple(Boundary)
_ERROR_BODY_LIMIT = 1024 * 1024


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
        body = translator.request(body)
    stream = decision.stream
    timeouts = upstream.stream_timeouts if stream else upstream.whole_timeouts
    asked = (decision.stream_timeout_ms if stream else 0) or decision.timeout_ms
    if asked:
        timeouts = msgspec.structs.replace(timeouts, total=min(timeouts.total, asked / 1000))
    call.leave(time.monotonic_ns())
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


def failure_inside(upstream: Upstream, error: tuple[str, str, str]) -> UpstreamError:
    """The failure that an error object inside a 200 answer stands for."""
    message = error[0]
    for secret in upstream.secrets:
        message = message.replace(secret, "***")
    return UpstreamError(Outcome.STREAM_ERROR, message or "the upstream reported an error", status=200)
