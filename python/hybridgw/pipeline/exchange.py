"""Sending one attempt: from a permit to a response whose head says 200, or to the failure it is."""

import asyncio
import re
import time

import msgspec

from hybridgw.core import Boundary, Outcome, Route, Shape
from hybridgw.errors import BoundaryRefused, Refused, RequestError, UpstreamError
from hybridgw.native import NESTED, Decision
from hybridgw.pipeline.attempt import Attempt
from hybridgw.pipeline.call import Call
from hybridgw.pipeline.decoded import decoded
from hybridgw.pipeline.divided import Parts, joined, most_of, pieces, question_of
from hybridgw.pipeline.images import inlined_body
from hybridgw.pipeline.lessons import takes_any
from hybridgw.pipeline.translation import asked, translation_of, unsupported
from hybridgw.providers import Exchange, failures, nested, provider_named
from hybridgw.providers.openai_models import thinks
from hybridgw.providers.passing import drops_limit, sets_limit
from hybridgw.providers.refusals import Without, about_a_value, refused
from hybridgw.providers.templated import edited
from hybridgw.routing.plan import Upstream
from hybridgw.routing.protocols import FOREIGN
from hybridgw.transport.seam import JSON_REQUEST, STREAM_REQUEST, Headers, UpstreamRequest, UpstreamResponse

# Looking a member up by number costs more in the enumeration itself.
_BOUNDARIES = tuple(Boundary)
_ERROR_BODY_LIMIT = 1024 * 1024
_LEAST = 0.001
_LOADING = 0.5
"""Seconds between two questions to an engine that is loading its model."""


async def opened(attempt: Attempt) -> UpstreamResponse:
    """Ask the deployment of this permit: its answer, of which the head says 200.

    A server that imitates OpenAI without its Responses is asked once more, by Chat, and if it answers
    always so from then on: nothing was sent to the client, and nothing was done upstream."""
    upstream = attempt.upstream
    exchange = attempt.exchange = exchange_of(attempt)
    attempt.translation = translation_of(attempt, exchange)
    try:
        return await _ask(attempt)
    except UpstreamError as error:
        chat = _apart(upstream) if _lacks_responses(attempt, error) else None
        if chat is None:
            raise
    call = attempt.call
    call.back(time.monotonic_ns())
    attempt.close()
    attempt.exchange = chat
    attempt.translation = translation_of(attempt, chat)
    answer = await _ask(attempt)
    call.worker.learnt.learn(upstream.deployment, attempt.permit, time.monotonic_ns(), lacks_responses=True)
    return answer


_NO_SUCH_ROUTE = frozenset({405, 501})
_names_route = re.compile(
    r"^\W*(?:(?:error|http)?\W*404\W*)?(?:page |path |route |url |file )?not found\W*$"
    r"|\b(?:route|path|url|endpoint)\b|^the upstream answered 404$|cannot post",
    re.IGNORECASE,
).search
"""A 404 may be about an object that the request names; then the path is there."""


def _lacks_responses(attempt: Attempt, error: UpstreamError) -> bool:
    return (
        attempt.upstream.may_lack_responses
        and attempt.call.route is Route.RESPONSES
        and attempt.exchange.outbound is None
        and (
            error.status in _NO_SUCH_ROUTE
            or (error.status == 404 and _names_route(error.message) is not None)
        )
    )


def exchange_of(attempt: Attempt) -> Exchange:
    """How this deployment serves the route. The native side permits no other deployment."""
    call, upstream = attempt.call, attempt.upstream
    exchange = upstream.exchanges[call.route]
    if exchange is None:
        raise Refused("unsupported_parameter", "the deployment does not serve this route")
    if upstream.thinking is not None and call.route in FOREIGN and thinks(attempt.permit.model):
        return upstream.thinking
    if upstream.may_lack_responses and _known_without(attempt):
        return _apart(upstream) or exchange
    if exchange.outbound is None and (call.astray or _begun(call) or _converted(attempt)):
        apart = _apart(upstream)
        if apart is not None:
            return apart
        if call.astray:
            message = "the backend of this model takes `messages` here; send `input` to /v1/responses"
            raise RequestError("unsupported_parameter", message, field="input")
    return exchange


def _converted(attempt: Attempt) -> bool:
    """Whether the request says something that this backend understands in other words only."""
    said = attempt.decision.nested if attempt.call.route is Route.CHAT else 0
    return attempt.permit.converted or bool(said & attempt.upstream.nested.translate)


def _known_without(attempt: Attempt) -> bool:
    call = attempt.call
    if call.route is not Route.RESPONSES:
        return False
    return call.worker.learnt.lacks_responses(
        attempt.upstream.deployment, attempt.permit, time.monotonic_ns()
    )


def _begun(call: Call) -> bool:
    """Whether a heartbeat of an earlier attempt has begun an answer that only its writer can go on with:
    the bytes of a backend would begin another one, with another id."""
    return call.writer is not None and call.route in _BEGUN_BY_HEARTBEATS


_CUTS = re.compile(rb'"truncate"\s*:\s*true').search
"""In a body of Ollama's: rather cut than refused, said the client."""
_OLLAMA = frozenset({Route.OLLAMA_CHAT, Route.OLLAMA_GENERATE})
_DEVELOPER = 1 << NESTED.index("role")
_MESSAGES = frozenset({Route.CHAT, Route.OLLAMA_CHAT})
"""Routes with the `messages` of Chat, whose bytes may pass to an engine."""
_BEGUN_BY_HEARTBEATS = frozenset({Route.RESPONSES, Route.MESSAGES})


def _apart(upstream: Upstream) -> Exchange | None:
    """The exchange of a backend for conversations whose bytes may not pass through."""
    provider = provider_named(upstream.deployment.provider)
    if provider is None or provider.outbound is None:
        return None
    return provider.by_chat(upstream.deployment.target.path)


async def _ask(attempt: Attempt) -> UpstreamResponse:
    """Send the request of this permit. A status other than 200 is read and raised; but where it refuses a
    member that need not be sent (`providers.refusals`), the request is sent once more without it."""
    call, decision, permit, upstream = attempt.call, attempt.decision, attempt.permit, attempt.upstream
    exchange = attempt.exchange
    if upstream.relays is not None or upstream.names is not None:
        _check_name(upstream, permit.model)
    said = decision.drop_refused
    may_leave = upstream.drop_refused if said is None else said
    known = call.worker.learnt.refused(upstream.deployment, permit, time.monotonic_ns())
    learnt = once = most = 0
    whole = await _request(attempt, known, may_leave)
    protocol = exchange.shape, attempt.translation is None, upstream.deployment.provider, permit.model
    size = len(whole.body)
    embeds = exchange.shape is Shape.EMBEDDINGS
    at_once = _most_inputs(attempt) or upstream.max_inputs if embeds else 0
    request = _first_piece(call, whole, at_once, protocol)
    attempt.asked_ns = time.monotonic_ns()
    while True:
        response = await _send(attempt, request)
        if response.status == 200:
            now = time.monotonic_ns()
            call.worker.learnt.learn(upstream.deployment, permit, now, refused=learnt, most_inputs=most)
            return response
        answer = await response.read_all(_ERROR_BODY_LIMIT)
        bit = refused(response.status, answer) & ~(known | learnt | once)
        if bit:
            # A value that is refused says nothing about the next client's.
            if about_a_value(answer):
                once |= bit
            else:
                learnt |= bit
            less = known | learnt | once
            again = await _request(attempt, less, may_leave)
            # What was sent may be gone by now; without a member, or under another name, it has another size.
            if len(again.body) != size:
                response.close()
                whole, size = again, len(again.body)
                request = _first_piece(call, whole, most or at_once, protocol)
                continue
        error = _refusal(decision, upstream, response, answer)
        wait = attempt.patience() if error.outcome == Outcome.LOADING else 0.0
        if wait and not 0 < call.deadline_ns <= time.monotonic_ns():
            # Nobody else may answer, and the engine says that it only takes time.
            await asyncio.sleep(min(wait, _LOADING))
            if not request.body:
                less = known | learnt | once
                whole = request = await _request(attempt, less, may_leave)
            continue
        if most or not embeds:
            raise error.anew()
        most = most_of(error)
        if not most or 0 < at_once <= most:
            raise error.anew()
        request = _first_piece(call, whole, most, protocol)
        if call.parts is None or len(call.parts.rest) < 2:
            raise error.anew()
        response.close()


def _most_inputs(attempt: Attempt) -> int:
    """How many inputs at once the model is known to take; 0 where nothing was learnt."""
    learnt = attempt.call.worker.learnt
    return learnt.most_inputs(attempt.upstream.deployment, attempt.permit, time.monotonic_ns())


def _first_piece(
    call: Call, request: UpstreamRequest, most: int, protocol: tuple[object, ...]
) -> UpstreamRequest:
    """What is to be sent first of a request; of one for embeddings, of which `most` inputs go at once (0:
    all), less what an attempt before has answers to: `call.parts` is where that stands."""
    if protocol[0] is not Shape.EMBEDDINGS:
        return request
    before = call.parts if call.parts is not None and call.parts.answers else None
    if before is not None and before.question != question_of(protocol, request.body):
        before = None
    rest = [
        UpstreamRequest(request.method, request.target, request.headers, body)
        for body in pieces(request.body, most, before.inputs if before is not None else 0)
    ]
    call.parts = None
    if before is not None:
        call.parts = Parts(before.question, rest, before.inputs, before.answers)
    elif len(rest) > 1:
        call.parts = Parts(question_of(protocol, request.body), rest)
    return rest[0]


async def rest_of(attempt: Attempt, request: UpstreamRequest) -> UpstreamResponse:
    """The answer to a further piece of a divided request. Any status but 200 is read and raised."""
    response = await _send(attempt, request)
    if response.status != 200:
        answer = await response.read_all(_ERROR_BODY_LIMIT)
        raise _refusal(attempt.decision, attempt.upstream, response, answer)
    return response


def joined_answers(parts: Parts) -> bytes:
    """The answers to all pieces as one; UpstreamError where one of them is none."""
    try:
        return joined(parts.answers)
    except (ValueError, TypeError, AttributeError, KeyError):
        raise _no_vectors() from None


def keep(parts: Parts, answer: bytes) -> None:
    """Keep the answer to the first piece that had none; UpstreamError for one that is none."""
    try:
        parts.answered(answer)
    except (ValueError, TypeError, AttributeError, KeyError):
        raise _no_vectors() from None


def _no_vectors() -> UpstreamError:
    return UpstreamError(Outcome.MALFORMED, "the upstream's answer holds no embeddings", status=200)


async def _request(attempt: Attempt, refuses: int, may_leave: bool) -> UpstreamRequest:
    """The request for a backend that `refuses` some members."""
    call, decision, permit, upstream = attempt.call, attempt.decision, attempt.permit, attempt.upstream
    exchange, translation = attempt.exchange, attempt.translation
    less = Without.of(refuses, may_leave)
    # What the configuration says of parameters, the hub puts into a body that is translated there.
    hub = exchange.outbound is not None
    untold = permit.untold(hub) or []
    limit = exchange.limit
    if limit is not None and (
        sets_limit(upstream.backend) or (permit.says("max_tokens") and not drops_limit(upstream.backend))
    ):
        limit = None
    if less is not None:
        untold += [name for name in less.leave if permit.says(name)]
    if less is None and limit is None:
        body = permit.body(translated=True) if hub else permit.body()
    else:
        leave, withhold, renames = (less.leave, less.withhold, less.renames) if less else ([], [], [])
        if translation is not None:
            renames = []  # those are names of the backend's; the client's dialect is still to be read
        # A limit of null is none.
        body = permit.body(leave if limit is None else [*leave, "max_tokens"], withhold, renames, hub)
    if limit is not None:
        # A body is an object, and never empty: it names a model.
        body = body.rstrip()[:-1] + b',"max_tokens":%d}' % limit(upstream.backend, permit.model)
    if exchange.outbound is None and call.route in _MESSAGES:
        if upstream.backend.templated and (decision.late_system or decision.nested & _DEVELOPER):
            body, lost = asked(edited, body)
            untold += lost
        if call.route is Route.CHAT and decision.nested:
            row = upstream.nested
            untold += row.names_of(decision.nested & row.told)
            if row.edits(decision.nested):
                body = asked(lambda data: nested.edited(data, row), body)
    headers: Headers
    if translation is not None:
        if less is not None:
            translation.less(less.backend(upstream.backend, permit.says))
        target, headers, body = await translation.request(body)
    else:
        target, headers = exchange.target, ()
        attempt.dropped = ()
        if upstream.inline_images and decision.remote_media:
            body = await inlined_body(call, body)
        if upstream.forwards:
            headers = _forwarded(call, upstream)
            target += call.query
        too_long = 0 < (upstream.window or 0) < decision.prompt_tokens
        if too_long and call.route in _OLLAMA and _CUTS(body) is not None:
            attempt.warning = b"context-truncated"
        if exchange.edit is not None:
            body = exchange.edit(body)
        if untold and call.plan.settings.translation.unsupported == "error":
            raise unsupported(untold[0])
    if untold or decision.unheeded:
        attempt.dropped = tuple(dict.fromkeys((*decision.unheeded, *untold, *attempt.dropped)))
    kind = STREAM_REQUEST if decision.stream else JSON_REQUEST
    # One for embeddings may have to be divided when it is refused.
    return UpstreamRequest("POST", target, kind + headers, body, exchange.shape is not Shape.EMBEDDINGS)


async def _send(attempt: Attempt, request: UpstreamRequest) -> UpstreamResponse:
    call, decision, upstream = attempt.call, attempt.decision, attempt.upstream
    stream = decision.stream
    timeouts = upstream.stream_timeouts if stream else upstream.whole_timeouts
    patience = (decision.stream_timeout_ms if stream else 0) or decision.timeout_ms
    now = time.monotonic_ns()
    if patience:
        # The client's own patience began with its request, not with this attempt.
        call.deadline_ns = call.begun_ns + patience * 1_000_000
        left = max(_LEAST, (call.deadline_ns - now) / 1e9)
        timeouts = msgspec.structs.replace(
            timeouts, total=min(timeouts.total, left), connect=min(timeouts.connect, left)
        )
    call.leave(now)
    attempt.status = 0
    sent = await call.worker.transport.send(
        _BOUNDARIES[decision.ceiling],
        upstream.deployment,
        request,
        timeouts,
        attempt.patience if timeouts.load else None,
    )
    attempt.response = sent
    attempt.status = sent.status
    response = attempt.response = await decoded(sent)
    return response


def _refusal(
    decision: Decision, upstream: Upstream, response: UpstreamResponse, answer: bytes
) -> UpstreamError:
    """The failure that an answer other than 200 is."""
    error = failures.failure(response.status, response.headers, answer, secrets=upstream.secrets)
    if takes_any(upstream.deployment):
        error = failures.by_name(error)
    return _with_window(error, decision, upstream)


def _with_window(error: UpstreamError, decision: Decision, upstream: Upstream) -> UpstreamError:
    """The error; of a prompt that an engine finds too long, with what would allow it: engines name neither
    their window nor the setting that makes it larger."""
    if error.outcome is not Outcome.CONTEXT_EXCEEDED or not upstream.window_setting:
        return error
    window = f"{upstream.window} tokens" if upstream.window else "unknown size"
    error.message += (
        f" (the prompt has about {decision.prompt_tokens} tokens, {upstream.deployment.name} runs with a "
        f"window of {window}; a larger one: {upstream.window_setting})"
    )
    error.args = (error.message,)
    return error


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
    found = failures.failure_inside(*error, secrets=upstream.secrets)
    return failures.by_name(found) if takes_any(upstream.deployment) else found
