"""The pages of Ollama's interface beside inference: what models there are, and what they can do.

Applications that speak only Ollama look here before they ask anything. They are told of the models that
`/v1/models` lists, in Ollama's words; sizes and digests of files that we do not have are empty or made
from the name. Only what is loaded is asked of the engines themselves. A model that a search has found on an
Ollama has the name here that it has there.
"""

import hashlib
import time
from collections.abc import Mapping
from typing import Any

import msgspec

import hybridgw
from hybridgw.config.schema import DeploymentSettings, Settings
from hybridgw.core import Boundary, Route
from hybridgw.dialects import DIALECTS
from hybridgw.errors import RequestError
from hybridgw.front.seam import Client
from hybridgw.native import Principal
from hybridgw.pipeline import Call, Worker
from hybridgw.routing.plan import Plan
from hybridgw.server.auth import admit, authenticate
from hybridgw.server.body import read_body, watched
from hybridgw.server.lifecycle import Lifecycle
from hybridgw.server.ollama_engines import Resident, address, model_named, residents, same_model
from hybridgw.server.request import Facts
from hybridgw.server.rescue import rescue
from hybridgw.server.respond import send_fault, send_json

# Clients compare it to learn what they may ask for: the version of the interface that is spoken here.
_VERSION = "0.33.0"
_LATEST = ":latest"
SPOKEN = DIALECTS[Route.OLLAMA_CHAT]


class _Wanted(msgspec.Struct):
    model: str = ""
    name: str = ""


_wanted = msgspec.json.Decoder(_Wanted)


async def version(lifecycle: Lifecycle, facts: Facts, client: Client) -> None:
    """`GET /api/version`, open: whether anybody is there."""
    answer = {"version": _VERSION, "hybridgw": hybridgw.__version__}
    await send_json(client, answer, head_only=client.method == "HEAD")


async def tags(lifecycle: Lifecycle, facts: Facts, client: Client) -> None:
    """`GET /api/tags`: the models that may be asked."""
    plan = lifecycle.worker.plan
    authenticate(plan, facts)
    modified = _date(lifecycle.created)
    entries = [
        {
            **_file(shown_name(plan.settings, name)),
            "modified_at": modified,
            "capabilities": _capabilities(behind(plan.settings, name)),
        }
        for name, _ in plan.listed
    ]
    await send_json(client, {"models": entries}, head_only=client.method == "HEAD")


async def ps(lifecycle: Lifecycle, facts: Facts, client: Client) -> None:
    """`GET /api/ps`: what is loaded. Ollamas are asked; other engines inside the network hold their models
    for as long as they run; what lies further out is never loaded here. Names that stand for several models
    are left out."""
    worker = lifecycle.worker
    plan = worker.plan
    authenticate(plan, facts)
    loaded = await residents(worker, plan)
    later = _date(int(time.time()) + 300)
    entries = []
    for name, window in plan.listed:
        model = model_named(plan.settings, name)
        members = [index for group in model.groups for index in group] if model is not None else []
        if len(members) != 1:
            continue
        upstream = plan.upstreams[members[0]]
        found = Resident(expires_at=later, context_length=window or 0)
        if upstream.deployment.boundary is Boundary.EXTERNAL:
            continue
        if upstream.deployment.provider == "ollama":
            there = same_model(upstream.deployment.model, loaded.get(address(upstream), ()))
            if there is None:
                continue
            found = there
        entries.append(
            {
                **_file(shown_name(plan.settings, name)),
                "size": found.size,
                "expires_at": found.expires_at or later,
                "size_vram": found.size_vram,
                "context_length": found.context_length,
            }
        )
    await send_json(client, {"models": entries}, head_only=client.method == "HEAD")


async def show(lifecycle: Lifecycle, facts: Facts, client: Client) -> None:
    """`POST /api/show`: one model."""
    worker = lifecycle.worker
    plan = worker.plan
    principal = admit(plan, facts)
    with watched(call_of(worker, principal, client)) as call:
        body = await read_body(call, facts.content_length, facts.content_encoding)
    try:
        answer = _shown(plan, _named(body), lifecycle.created)
    except RequestError as error:
        # Told from here: nothing of the body is left that would have to be waited for.
        await send_fault(client, SPOKEN, rescue(error, plan.settings.error_catalogue))
    else:
        await send_json(client, answer)


def call_of(worker: Worker, principal: Principal, client: Client) -> Call:
    """A call of one of these pages, for the watchdog to see while its body is read."""
    return Call(worker, Route.OLLAMA_CHAT, SPOKEN, principal, client, time.monotonic_ns())


def _named(body: bytes) -> str:
    """The model that is asked for, under either name."""
    try:
        asked = _wanted.decode(body)
    except msgspec.ValidationError:
        raise RequestError("wrong_type", "`model` must be a string", field="model") from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise RequestError("invalid_json", "the body is not one JSON object") from None
    name = asked.model or asked.name
    if not name:
        raise RequestError("missing_field", "`model` is missing", field="model")
    return name


def _shown(plan: Plan, asked: str, created: int) -> dict[str, Any]:
    model = model_named(plan.settings, asked) or model_named(plan.settings, asked.removesuffix(_LATEST))
    for name, window in plan.listed:
        if model is not None and name in (model.name, *model.aliases):
            info: dict[str, Any] = {"general.architecture": "hybridgw", "general.basename": name}
            if window:
                info["hybridgw.context_length"] = window
            return {
                "modelfile": "",
                "parameters": "",
                "template": "",
                "license": "",
                "details": _DETAILS,
                "model_info": info,
                "capabilities": _capabilities(behind(plan.settings, name)),
                "modified_at": _date(created),
            }
    raise no_model(asked)


def no_model(asked: str) -> RequestError:
    """Nobody here has this name."""
    shown = "".join(letter for letter in asked if letter.isprintable())[:128]
    return RequestError("model_not_found", f"There is no model `{shown}` here.", field="model")


def shown_name(settings: Settings, name: str) -> str:
    """What Ollama's clients call a listed model: as its engine does, where it answers to that."""
    model = model_named(settings, name)
    members = [index for group in model.groups for index in group] if model is not None else []
    if model is None or len(members) != 1:
        return name
    entry = settings.deployments[members[0]]
    bare = settings.source.kind == "discovery" and entry.model in model.hidden_aliases
    return entry.model if bare else name


def behind(settings: Settings, name: str) -> list[DeploymentSettings]:
    """The deployments that answer to a name that is listed."""
    for model in settings.models:
        if name == model.name or name in model.aliases:
            return [settings.deployments[index] for group in model.groups for index in group]
    return []


def _capabilities(deployments: list[DeploymentSettings]) -> list[str]:
    """What clients may count on: what all can do, and what nobody said only where most can."""
    if deployments and all(entry.mode == "embedding" for entry in deployments):
        return ["embedding"]
    found = ["completion", "tools"]
    if deployments and all(entry.vision for entry in deployments):
        found.append("vision")
    if deployments and all(entry.thinking for entry in deployments):
        found.append("thinking")
    return found


_DETAILS: Mapping[str, Any] = {
    "parent_model": "",
    "format": "",
    "family": "hybridgw",
    "families": ["hybridgw"],
    "parameter_size": "",
    "quantization_level": "",
}


def _file(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "model": name,
        "size": 0,
        "digest": hashlib.sha256(name.encode("utf-8", "replace")).hexdigest(),
        "details": _DETAILS,
    }


def _date(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
