"""Sending one attempt: from a permit to a response whose head says 200, or to the failure it is."""

import time

import msgspec

from hybridgw.core import Boundary, Outcome, Route
from hybridgw.errors import BoundaryRefused, Refused, RequestError, UpstreamError
from hybridgw.native import Decision, Permit
from hybridgw.pipeline.call import Call
from hybridgw.pipeline.decoded import decoded
from hybridgw.pipeline.images import inlined_body
from hybridgw.pipeline.translation import Translation, asked
from hybridgw.providers import Exchange, provider_named
from hybridgw.providers.failures import failure, hide
from hybridgw.providers.templated import edited
from hybridgw.routing.plan import Upstream
from hybridgw.transport.seam import JSON_REQUEST, STREAM_REQUEST, Headers, UpstreamRequest, UpstreamResponse

# Looking a member up by number costs more in the enumeration itself.
_BOUNDARIES = tuple(Boundary)
_ERROR_BODY_LIMIT = 1024 * 1024
_LEAST = 0.001


def exchange_of(call: Call, upstream: Upstream) -> Exchange:
    """How this deployment serves the route. The native side permits no other deployment."""
    exchange = upstream.exchanges[call.route]
    if exchange is None:
        raise Refused("unsupported_parameter", "the deployment does not serve this route")
    if exchange.outbound is None and (call.astray or _begun(call)):
        apart = _apart(upstream)
        if apart is not None:
            return apart
        if call.astray:
            message = "the backend of this model takes `messages` here; send `input` to /v1/responses"
            raise RequestError("unsupported_parameter", message, field="input")
    return exchange


def _begun(call: Call) -> bool:
    """Whether a heartbeat of an earlier attempt has begun an answer that only its writer can go on with:
    the bytes of a backend would begin another one, with another id."""
    return call.writer is not None and call.head_sent and call.route in _BEGUN_BY_HEARTBEATS


_MESSAGES = frozenset({Route.CHAT, Route.OLLAMA_CHAT})
"""Routes with the `messages` of Chat, whose bytes may pass to an engine."""
_BEGUN_BY_HEARTBEATS = frozenset({Route.RESPONSES, Route.MESSAGES})


def _apart(upstream: Upstream) -> Exchange | None:
    """The exchange of a backend for conversations whose bytes may not pass through."""
    provider = provider_named(upstream.deployment.provider)
    if provider is None or provider.outbound is None:
        return None
    return Exchange(upstream.deployment.target.path, provider.shape, outbound=provider.outbound)


async def open_exchange(
    call: Call,
    decision: Decision,
    permit: Permit,
    upstream: Upstream,
    exchange: Exchange,
    translation: Translation | None,
) -> UpstreamResponse:
    """Send the request of this permit. A status other than 200 is read and raised."""
    if upstream.relays is not None or upstream.names is not None:
        _check_name(upstream, permit.model)
    body = permit.body()
    if decision.late_system and exchange.outbound is None and _needs_one_system(call, upstream):
        body = asked(edited, body)
    headers: Headers
    if translation is not None:
        target, headers, body = await translation.request(body)
    else:
        target, headers = exchange.target, ()
        if upstream.inline_images and decision.remote_media:
            body = await inlined_body(call, body)
        if upstream.forwards:
            headers = _forwarded(call, upstream)
            target += call.query
        if exchange.edit is not None:
            body = exchange.edit(body)
    stream = decision.stream
    timeouts = upstream.stream_timeouts if stream else upstream.whole_timeouts
    patience = (decision.stream_timeout_ms if stream else 0) or decision.timeout_ms
    now = time.monotonic_ns()
    if patience:
        # The client's own patience began with its request, not with this attempt.
        left = max(_LEAST, patience / 1000 - (now - call.begun_ns) / 1e9)
        timeouts = msgspec.structs.replace(
            timeouts, total=min(timeouts.total, left), connect=min(timeouts.connect, left)
        )
    call.leave(now)
    sent = await call.worker.transport.send(
        _BOUNDARIES[decision.ceiling],
        upstream.deployment,
        UpstreamRequest("POST", target, (STREAM_REQUEST if stream else JSON_REQUEST) + headers, body),
        timeouts,
    )
    call.response = sent
    response = call.response = await decoded(sent)
    if response.status != 200:
        answer = await response.read_all(_ERROR_BODY_LIMIT)
        raise failure(response.status, response.headers, answer, secrets=upstream.secrets)
    return response


def _needs_one_system(call: Call, upstream: Upstream) -> bool:
    return upstream.backend.templated and call.route in _MESSAGES


def _check_name(upstream: Upstream, name: str) -> None:
    """A client chose the name of the model: where does it take the request, and what does it tell?"""
    if upstream.relays is not None and upstream.relays(name):
        raise BoundaryRefused(
            Outcome.BOUNDARY_REFUSED,
            "the backend would pass this model on to a cloud; it needs a deployment of its own, which counts "
            "as external",
        )
    if upstream.names is not None and upstream.names.farthest(name) < upstream.deployment.boundary:
        raise BoundaryRefused(
            Outcome.BOUNDARY_REFUSED, "the name of the model holds what its backend may not see"
        )


def _forwarded(call: Call, upstream: Upstream) -> Headers:
    """The headers of the client that this backend is to see, the values of its own where it sent none."""
    values = ((name, call.forwarded.get(name, unsaid)) for name, unsaid in upstream.forwards.items())
    return tuple((name, value) for name, value in values if value is not None)


def failure_inside(upstream: Upstream, error: tuple[str, str, str]) -> UpstreamError:
    """The failure that an error object inside a 200 answer stands for."""
    message = hide(error[0], upstream.secrets)
    return UpstreamError(Outcome.STREAM_ERROR, message or "the upstream reported an error", status=200)
