"""The attempt loop: one permit after another until an answer begins or nothing is left.

The native decision knows who may be asked next, under the same ceiling and after another look at
breakers and budgets; this loop only carries permits to the transport and outcomes back. It asks
for a next permit only while no content has reached the client: after that a second answer would
be a different answer.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

import msgspec

from hybridgw.core import Boundary, Outcome
from hybridgw.errors import Refused, UpstreamError
from hybridgw.native import Permit
from hybridgw.pipeline.call import Call
from hybridgw.providers.base import Translator
from hybridgw.providers.failures import failure
from hybridgw.transport.seam import JSON_REQUEST, STREAM_REQUEST, UpstreamRequest, UpstreamResponse

# Looking a member up by number costs more in the enumeration itself.
_BOUNDARIES = tuple(Boundary)
_ERROR_BODY_LIMIT = 1024 * 1024


async def attempt_until_answered(call: Call, attempt: Callable[[Call, Permit], Awaitable[None]]) -> None:
    """Run `attempt` with permit after permit. Raises the first failure when none is left.

    The first one: it belongs to the deployment that the client asked for, and what went wrong
    with a stand-in afterwards explains less.
    """
    decision = call.decision
    assert decision is not None
    permit = decision.permit
    first: UpstreamError | None = None
    while True:
        call.permit = permit
        try:
            if permit.delay_ms:
                await asyncio.sleep(permit.delay_ms / 1000)
            await attempt(call, permit)
            return
        except UpstreamError as error:
            first = first or error
            mono, wall = time.monotonic_ns(), time.time_ns()
            if call.content_sent:
                permit.finish(error.outcome, error.status, None, call.bytes_sent, True, mono, wall)
                raise
            following = decision.next(
                error.outcome,
                error.status,
                int((error.retry_after or 0) * 1000),
                mono,
                wall,
                call.worker.draw(64),
            )
            if following is None:
                raise first from None
            permit = following
        finally:
            response, call.response = call.response, None
            if response is not None:
                response.close()


async def open_exchange(
    call: Call, permit: Permit, translator: Translator | None, *, stream: bool
) -> UpstreamResponse:
    """Send the request of this permit and return the response once its head says 200.

    Any other status is read and raised as the failure that it is.
    """
    upstream = call.plan.upstreams[permit.deployment]
    exchange = upstream.exchanges[call.route]
    decision = call.decision
    assert decision is not None
    if exchange is None:
        raise Refused("unsupported_parameter", "the deployment does not serve this route")
    body = permit.body()
    if translator is not None:
        body = translator.request(body)
    timeouts = upstream.stream_timeouts if stream else upstream.whole_timeouts
    asked = (decision.stream_timeout_ms if stream else 0) or decision.timeout_ms
    if asked:
        limit = min(timeouts.total, asked / 1000)
        timeouts = msgspec.structs.replace(timeouts, total=limit)
    call.leave(time.monotonic_ns())
    response = await call.worker.transport.send(
        _BOUNDARIES[decision.ceiling],
        upstream.deployment,
        UpstreamRequest("POST", exchange.target, STREAM_REQUEST if stream else JSON_REQUEST, body),
        timeouts,
    )
    call.response = response
    if response.status != 200:
        raise failure(
            response.status,
            response.headers,
            await response.read_all(_ERROR_BODY_LIMIT),
            secrets=upstream.secrets,
        )
    return response


def failure_inside(call: Call, error: tuple[str, str, str]) -> UpstreamError:
    """The failure that an error object inside a 200 answer stands for."""
    message = error[0]
    permit = call.permit
    assert permit is not None
    for secret in call.plan.upstreams[permit.deployment].secrets:
        message = message.replace(secret, "***")
    return UpstreamError(Outcome.STREAM_ERROR, message or "the upstream reported an error", status=200)
