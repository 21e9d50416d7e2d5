"""Ollama's pages for its model files: pull, create, copy, delete, passed to an Ollama on this device.

They change what the machine holds, so they are for the holder of the master key. A gateway without one
serves this machine only, whose people may ask their Ollama directly anyway; it passes them, too, under the
rules that keep web pages out (`auth`). Nothing is passed beyond this device.

What an engine does for a client ends when the client leaves: it stops when its own one does, and that is us.

Where the models come from a search, the search is repeated before the last bytes leave: a client that has
pulled a model asks it next.
"""

import asyncio
import time

import msgspec
import orjson

from hybridgw.config.providers import is_hosted_ollama
from hybridgw.config.relays import bare_name
from hybridgw.core import Boundary, Timeouts
from hybridgw.errors import GatewayError, RequestError, UpstreamError
from hybridgw.front.seam import Client
from hybridgw.host.runtime import ask_again
from hybridgw.pipeline import Call
from hybridgw.providers.failures import by_name
from hybridgw.routing.plan import Plan, Upstream
from hybridgw.server.auth import admit
from hybridgw.server.body import read_body, watched
from hybridgw.server.lifecycle import Lifecycle
from hybridgw.server.ollama_engines import model_named, ollama_behind, ollamas, send_to
from hybridgw.server.ollama_pages import SPOKEN, call_of
from hybridgw.server.request import Facts
from hybridgw.server.rescue import rescue
from hybridgw.server.respond import send_fault

_PATIENCE = Timeouts(connect=3.0, first_token=600.0, idle=600.0, total=86400.0)
"""A large model is pulled for hours, and one that is created is silent for minutes."""
_POLL = 0.05
_LOOKS = 60
"""Three seconds for a model to be found."""
_NAMES = ("model", "name", "source", "from")
"""Members that name a model which may be one of ours."""
_HOST = "remote_host"
_MADE_BY = frozenset({*_NAMES, "destination", _HOST})
"""Members that decide where a model will run."""
_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
_string = msgspec.json.Decoder(str)


async def manage(method: str, path: str, lifecycle: Lifecycle, facts: Facts, client: Client) -> None:
    """`POST /api/pull`, `/api/create`, `/api/copy`, `DELETE /api/delete`."""
    worker = lifecycle.worker
    plan = worker.plan
    principal = admit(plan, facts)
    # Watched to the end: a client that leaves lets the engine stop, which would go on for hours.
    with watched(call_of(worker, principal, client)) as call:
        try:
            body = await read_body(call, facts.content_length, facts.content_encoding)
            await _passed(call, method, path, lifecycle, body)
        except asyncio.CancelledError:
            if call.cause is None:
                raise
            call.resumed()
            if call.cause != "draining":
                return  # nobody is there to be answered
            await _end_with(call, GatewayError("draining", "the gateway is stopping", retry_after=1.0))
        except GatewayError as error:
            if call.reading:
                raise  # what is left of the body has still to be taken
            await _end_with(call, error)


async def _passed(call: Call, method: str, path: str, lifecycle: Lifecycle, body: bytes) -> None:
    """Have an engine do it, and pass on what it says meanwhile. Raises GatewayError."""
    engine, body, made = _addressed(call.plan, body, method)
    try:
        response = await send_to(call.worker, engine, method, path, body, _PATIENCE)
    except UpstreamError as error:
        raise by_name(error) from None
    try:
        kind = next((value for name, value in response.headers if name == b"content-type"), b"")
        head = [(b"content-type", kind or b"application/json")]
        call.begin_head(200)
        call.client.start(200, head)
        last = b""
        while data := await response.read():
            if last:
                call.sending_since_ns = time.monotonic_ns()
                await call.client.write(last)
                call.sending_since_ns = 0
            last = data
    finally:
        response.close()
    await _searched(lifecycle, made)
    call.end()
    await call.client.end(last)


async def _end_with(call: Call, error: GatewayError) -> None:
    """Say what went wrong: with a status, or as the last line of what has begun."""
    fault = rescue(error, call.plan.settings.error_catalogue)
    if call.ended:
        return
    call.end(fault.status)
    if call.head_sent:
        await call.client.end(SPOKEN.error_event(fault))
    else:
        await send_fault(call.client, SPOKEN, fault)


def _addressed(plan: Plan, body: bytes, method: str) -> tuple[Upstream, bytes, str]:
    """The Ollama that is to do it, the request in its own names, and the name of the model that will be
    there then."""
    try:
        members = _decoder.decode(body)
        names = {name: _string.decode(members[name]) for name in _NAMES if name in members}
        made = _string.decode(members["destination"]) if "destination" in members else ""
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        raise RequestError("invalid_json", "the body is not one JSON object with names of models") from None
    for member in members:
        # Ollama matches names without case.
        if member.lower() in _MADE_BY and (member not in _MADE_BY or member == _HOST):
            why = "makes a model of this device run elsewhere" if member.lower() == _HOST else "is misspelt"
            raise RequestError("unsupported_parameter", f"`{member}` {why}", field=member)
    chosen: Upstream | None = None
    for member, name in names.items():
        model = model_named(plan.settings, name)
        engine = ollama_behind(plan, model) if model is not None else None
        if engine is not None and engine.deployment.boundary is Boundary.DEVICE:
            chosen = chosen or engine
            members[member] = msgspec.Raw(msgspec.json.encode(engine.deployment.model))
    for member in ("source", "from"):
        if member in names and _runs_elsewhere(plan, names[member]):
            raise RequestError(
                "unsupported_parameter",
                f"`{member}`: a copy of a model that runs in a cloud would look like one of this device",
                field=member,
            )
    near = [chosen] if chosen is not None else ollamas(plan, Boundary.DEVICE)
    if not near:
        raise RequestError(
            "unsupported_parameter",
            "no Ollama on this device is configured, and model files of others are not managed from here; "
            "ask that Ollama itself",
        )
    made = "" if method == "DELETE" else made or names.get("model") or names.get("name") or ""
    return near[0], orjson.dumps({name: orjson.Fragment(bytes(raw)) for name, raw in members.items()}), made


def _runs_elsewhere(plan: Plan, name: str) -> bool:
    """Whether a name, ours or the engine's, is one of a model that an Ollama passes on to a cloud."""
    model = model_named(plan.settings, name)
    behind = {index for group in model.groups for index in group} if model is not None else set()
    spelt = {bare_name(name), bare_name(name.partition("/")[2] or name)}
    for index, (upstream, entry) in enumerate(zip(plan.upstreams, plan.settings.deployments, strict=True)):
        if entry.provider != "ollama":
            continue
        far = upstream.deployment.boundary is Boundary.EXTERNAL
        if far and (index in behind or bare_name(entry.model) in spelt):
            return True
        if upstream.relays is not None and any(map(upstream.relays, spelt)):
            return True
    return any(map(is_hosted_ollama, spelt))


async def _searched(lifecycle: Lifecycle, made: str) -> None:
    """Have the engines asked again, and wait for a new model to be found, where that is how models are."""
    ask_again(lifecycle.info)
    settings = lifecycle.worker.plan.settings
    if not made or settings.source.kind not in ("discovery", "demo"):
        return
    for _ in range(_LOOKS):
        if model_named(lifecycle.worker.plan.settings, made) is not None:
            return
        await asyncio.sleep(_POLL)
