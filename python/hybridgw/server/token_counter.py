"""`POST /utils/token_counter`: how long a prompt is, from the same code that decides.

The answer has the members that clients of a LiteLLM Proxy read. Nothing is sent anywhere, and the
prompt is not kept.
"""

import time
from typing import Any

import orjson

from hybridgw.core import Route
from hybridgw.errors import RequestError
from hybridgw.native import DecideError
from hybridgw.pipeline.call import Receive, Send
from hybridgw.server.auth import authenticate
from hybridgw.server.lifecycle import Lifecycle
from hybridgw.server.request import Facts
from hybridgw.server.respond import send_json


async def count(lifecycle: Lifecycle, facts: Facts, receive: Receive, send: Send) -> None:
    """Count the tokens of a body with `model` and one of `messages`, `prompt`, `input`."""
    worker = lifecycle.worker
    principal = authenticate(worker.plan, facts)
    body = await _read(receive, worker.plan.settings.server.max_body)
    route = _route(body)
    try:
        told = await worker.loop.run_in_executor(
            None,
            worker.router.explain,
            body,
            principal,
            route,
            None,
            time.monotonic_ns(),
            time.time_ns(),
            worker.draw(64),
        )
    except DecideError as error:
        raise RequestError(error.code, error.message, field=error.field) from None
    document = orjson.loads(told)
    candidates = document["candidates"] or document["rejected"]
    answer: dict[str, Any] = {
        "total_tokens": document["tokens"]["prompt"],
        "request_model": document["model"],
        "model_used": candidates[0].get("upstream_model", document["model"])
        if candidates
        else document["model"],
        "tokenizer_type": document["tokens"]["vocabulary"],
        "exact": document["tokens"]["exact"],
    }
    await send_json(send, answer)


async def _read(receive: Receive, limit: int) -> bytes:
    whole = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise RequestError("bad_request", "the body ended early")
        whole += message.get("body", b"")
        if len(whole) > limit:
            raise RequestError("request_too_large", f"the body is larger than the limit of {limit} bytes")
        if not message.get("more_body", False):
            return bytes(whole)


def _route(body: bytes) -> Route:
    """Which kind of body this is; a body that is none is refused by the decision, by name."""
    try:
        members = orjson.loads(body)
    except orjson.JSONDecodeError:
        return Route.CHAT
    if isinstance(members, dict) and "messages" not in members:
        if "prompt" in members:
            return Route.COMPLETIONS
        if "input" in members:
            return Route.EMBEDDINGS
    return Route.CHAT
