"""The handler of every inference route: read, answer, and end well.

However a request ends, three things happen exactly once: the client gets an answer or an error in
its own dialect (or is known to be gone), the permit is settled, the request is counted.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from hybridgw.core import Route
from hybridgw.dialects import DIALECTS
from hybridgw.errors import GatewayError
from hybridgw.front.seam import Client
from hybridgw.pipeline import Call, Worker, answer
from hybridgw.pipeline.run import ClientGone
from hybridgw.server import refusals
from hybridgw.server.auth import admit
from hybridgw.server.body import discard_body, read_body
from hybridgw.server.ollama_load import load_or_answer
from hybridgw.server.request import Facts
from hybridgw.server.rescue import rescue
from hybridgw.server.respond import send_fault
from hybridgw.server.stored_responses import recall_and_answer

_log = logging.getLogger(__name__)

Responder = Callable[[Call, bytes, dict[str, str] | None], Awaitable[None]]

_RESPONDERS: dict[Route, Responder] = {
    Route.RESPONSES: recall_and_answer,
    Route.OLLAMA_CHAT: load_or_answer,
    Route.OLLAMA_GENERATE: load_or_answer,
}
"""Where something comes before the answer."""
_CLIENT_LEFT = 499
"""Counted, never sent: the status that proxies log for a client that did not wait."""


async def infer(
    worker: Worker,
    route: Route,
    facts: Facts,
    client: Client,
    respond: Responder | None = None,
) -> None:
    """Serve one inference request from its headers to its last byte. `respond` stands for what the route
    does with a body once it is read."""
    begun = time.monotonic_ns()
    plan = worker.plan
    dialect = DIALECTS[route]
    worker.state.request_started(worker.slot)
    try:
        principal = admit(plan, facts)
        if worker.draining:
            raise GatewayError("draining", "the gateway is stopping", retry_after=1.0)
        _check_room(worker)
        if worker.journal_full:
            text = "the journal is full and the ledger does not count it; see state.journal_hard_max"
            raise GatewayError("journal_full", text, retry_after=10.0)
    except GatewayError as error:
        fault = rescue(error, plan.settings.error_catalogue)
        refusals.record(worker, error, fault.status, route)
        worker.state.request_finished(worker.slot, route, fault.status, 0)
        await discard_body(client, plan.settings.server.max_body)
        await send_fault(client, dialect, fault)
        return
    call = Call(worker, route, dialect, principal, client, begun)
    if facts.forwarded is not None:
        call.forwarded, call.query = facts.forwarded, facts.query
    worker.enter(call)
    try:
        # No name for the body here: it would keep a second copy for as long as the answer takes.
        respond = respond or _RESPONDERS.get(route, answer)
        await respond(call, await read_body(call, facts.content_length, facts.content_encoding), facts.said)
    except ClientGone:
        call.status = _CLIENT_LEFT
    except asyncio.CancelledError:
        call.status = call.status or 503
        raise
    except Exception as error:
        await _tell(call, error)
    finally:
        worker.leave(call)
        call.dismiss()
        call.leave(time.monotonic_ns())
        worker.state.request_finished(worker.slot, route, call.status, call.overhead_ns // 1000)


def _check_room(worker: Worker) -> None:
    """Refuse where the host serves as many requests as it may; this one is counted already."""
    most = worker.plan.settings.server.max_parallel
    if most and worker.state.active_requests() > most:
        message = f"{most} requests run already, as many as `server.max_parallel` allows"
        raise GatewayError("too_many_requests", message, retry_after=1.0)


async def _tell(call: Call, error: Exception) -> None:
    """Tell the client how its request failed, unless it leaves or stalls meanwhile."""
    try:
        await _end_with(call, error)
    except asyncio.CancelledError:
        if call.cause is None:
            raise
        call.resumed()
        call.status = _CLIENT_LEFT
        call.worker.state.count_client_abort(call.worker.slot)


async def _end_with(call: Call, error: Exception) -> None:
    """Tell the client: with a status while the head can carry one, else as the stream's last
    event, without the mark that clients take for success."""
    decision = call.decision
    fault = rescue(error, call.plan.settings.error_catalogue, decision.id if decision is not None else None)
    if _log.isEnabledFor(logging.DEBUG):
        _log.debug("%s is answered with %d %s", call.route.name, fault.status, fault.reason)
    if decision is None:
        refusals.record(call.worker, error, fault.status, call.route, call.principal.key)
    if call.ended:
        call.status = fault.status
        return
    if fault.own_status == 503:
        call.worker.state.count_shed(call.worker.slot)
    if call.beat is not None:
        await call.beat
    if call.head_sent:
        call.sending_since_ns = time.monotonic_ns()
        call.end(fault.status)
        event = call.error_event(fault)
        await call.client.end(event)
        return
    call.status = fault.status
    await send_fault(call.client, call.dialect, fault)
