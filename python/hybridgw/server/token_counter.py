"""How long a prompt is, from the same code that decides: read, judged and refused like every request.

`POST /utils/token_counter` answers with the members that clients of a LiteLLM Proxy read,
`POST /v1/messages/count_tokens` as Anthropic's API does. Nothing is sent anywhere, and the prompt is
not kept.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import msgspec
import orjson

from hybridgw.core import Route
from hybridgw.dialects import MESSAGES, OPENAI, Dialect
from hybridgw.errors import GatewayError, RequestError
from hybridgw.front.seam import Client
from hybridgw.native import DecideError
from hybridgw.pipeline import Call, Worker
from hybridgw.server.auth import admit
from hybridgw.server.body import discard_body, read_body, watched
from hybridgw.server.request import Facts
from hybridgw.server.rescue import rescue
from hybridgw.server.respond import send_bytes, send_fault

_ESTIMATED = ((b"x-hybridgw-estimated", b"true"),)
"""Nobody but its maker has the vocabulary of a Claude model, and the backend was not asked."""


class _Members(msgspec.Struct):
    """What tells the kinds of bodies apart; nothing is built of the rest."""

    messages: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    prompt: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    input: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


async def count(worker: Worker, facts: Facts, client: Client) -> None:
    """Count the tokens of a body with `model` and one of `messages`, `prompt`, `input`.

    Raises GatewayError for a caller who is not admitted; later errors are told from here, because the
    body is read by then."""
    await _serve(worker, facts, client, OPENAI, _count)


async def count_messages(worker: Worker, facts: Facts, client: Client) -> None:
    """Count the tokens of a Messages body, which needs no `max_tokens` for that. All errors are told
    from here."""
    try:
        await _serve(worker, facts, client, MESSAGES, _count_messages, _ESTIMATED)
    except GatewayError as error:
        await discard_body(client, worker.plan.settings.server.max_body)
        await send_fault(client, MESSAGES, rescue(error, worker.plan.settings.error_catalogue))


async def _serve(
    worker: Worker,
    facts: Facts,
    client: Client,
    dialect: Dialect,
    counter: Callable[[Call, bytes], dict[str, Any]],
    headers: tuple[tuple[bytes, bytes], ...] = (),
) -> None:
    principal = admit(worker.plan, facts)
    call = Call(worker, Route.CHAT, dialect, principal, client, time.monotonic_ns())
    try:
        with watched(call):
            try:
                body = await read_body(call, facts.content_length, facts.content_encoding)
                counted = await worker.loop.run_in_executor(None, counter, call, body)
            except GatewayError as error:
                await send_fault(client, dialect, rescue(error, worker.plan.settings.error_catalogue))
            else:
                await send_bytes(client, 200, orjson.dumps(counted), headers=headers)
    except asyncio.CancelledError:
        if call.cause is None:
            raise
        call.resumed()  # the client left: nobody is there to be answered


def _explain(call: Call, body: bytes, route: Route) -> dict[str, Any]:
    """In the executor: a long body must not hold up the other requests of this worker."""
    now, wall, draw = time.monotonic_ns(), time.time_ns(), call.worker.draw(64)
    try:
        told = call.router.explain(body, call.principal, route, None, now, wall, draw)
    except DecideError as error:
        raise RequestError(error.code, error.message, field=error.field) from None
    document: dict[str, Any] = orjson.loads(told)
    return document


def _count_messages(call: Call, body: bytes) -> dict[str, Any]:
    return {"input_tokens": _explain(call, body, Route.MESSAGES)["tokens"]["prompt"]}


def _count(call: Call, body: bytes) -> dict[str, Any]:
    document = _explain(call, body, _route(body))
    candidates = document["candidates"] or document["rejected"]
    first = candidates[0] if candidates else {}
    return {
        "total_tokens": document["tokens"]["prompt"],
        "request_model": document["model"],
        "model_used": first.get("upstream_model", document["model"]),
        "tokenizer_type": document["tokens"]["vocabulary"],
        "exact": document["tokens"]["exact"],
    }


def _route(body: bytes) -> Route:
    """Which kind of body this is; a body that is none is refused by the decision, by name."""
    try:
        members = msgspec.json.decode(body, type=_Members)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return Route.CHAT
    if members.messages is msgspec.UNSET:
        if members.prompt is not msgspec.UNSET:
            return Route.COMPLETIONS
        if members.input is not msgspec.UNSET:
            return Route.EMBEDDINGS
    return Route.CHAT
