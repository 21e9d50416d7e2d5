"""The pages of Ollama's interface beside inference: what models there are, and what they can do.

Applications that speak only Ollama look here before they ask anything. They are told of the models that
`/v1/models` lists, in Ollama's words; sizes and digests of files that we do not have are empty or made
from the name. Nothing here asks an upstream, and what Ollama offers to manage its files (pull, create,
delete) does not exist.
"""

import hashlib
import time
from collections.abc import Mapping
from typing import Any

import msgspec

import hybridgw
from hybridgw.config.schema import DeploymentSettings, Settings
from hybridgw.core import Route
from hybridgw.dialects import DIALECTS
from hybridgw.errors import RequestError
from hybridgw.pipeline import Call
from hybridgw.pipeline.call import Message, Receive, Send
from hybridgw.routing.plan import Plan
from hybridgw.server.auth import admit, authenticate
from hybridgw.server.body import read_body, watched
from hybridgw.server.lifecycle import Lifecycle
from hybridgw.server.request import Facts
from hybridgw.server.rescue import rescue
from hybridgw.server.respond import send_fault, send_json

# Clients compare it to learn what they may ask for: the version of the interface that is spoken here.
_VERSION = "0.33.0"
_LATEST = ":latest"
_SPOKEN = DIALECTS[Route.OLLAMA_CHAT]


class _Wanted(msgspec.Struct):
    model: str = ""
    name: str = ""


_wanted = msgspec.json.Decoder(_Wanted)


async def version(lifecycle: Lifecycle, facts: Facts, scope: Message, send: Send) -> None:
    """`GET /api/version`, open: whether anybody is there."""
    answer = {"version": _VERSION, "hybridgw": hybridgw.__version__}
    await send_json(send, answer, head_only=scope["method"] == "HEAD")


async def tags(lifecycle: Lifecycle, facts: Facts, scope: Message, send: Send) -> None:
    """`GET /api/tags`: the models that may be asked."""
    plan = lifecycle.worker.plan
    authenticate(plan, facts)
    modified = _date(lifecycle.created)
    entries = [
        {
            **_file(name),
            "modified_at": modified,
            "capabilities": _capabilities(behind(plan.settings, name)),
        }
        for name, _ in plan.listed
    ]
    await send_json(send, {"models": entries}, head_only=scope["method"] == "HEAD")


async def ps(lifecycle: Lifecycle, facts: Facts, scope: Message, send: Send) -> None:
    """`GET /api/ps`: what is loaded. Loading is for the backends to do and costs the client nothing, so
    all that may be asked counts as loaded; the window is the one that a request has."""
    plan = lifecycle.worker.plan
    authenticate(plan, facts)
    expires = _date(int(time.time()) + 300)
    entries = [
        {**_file(name), "expires_at": expires, "size_vram": 0, "context_length": window or 0}
        for name, window in plan.listed
    ]
    await send_json(send, {"models": entries}, head_only=scope["method"] == "HEAD")


async def show(lifecycle: Lifecycle, facts: Facts, receive: Receive, send: Send) -> None:
    """`POST /api/show`: one model."""
    worker = lifecycle.worker
    plan = worker.plan
    principal = admit(plan, facts)
    begun = time.monotonic_ns()
    with watched(Call(worker, Route.OLLAMA_CHAT, _SPOKEN, principal, receive, send, begun)) as call:
        body = await read_body(call, facts.content_length, facts.content_encoding)
    try:
        answer = _shown(plan, _named(body), lifecycle.created)
    except RequestError as error:
        # Told from here: nothing of the body is left that would have to be waited for.
        await send_fault(send, _SPOKEN, rescue(error, plan.settings.error_catalogue))
    else:
        await send_json(send, answer)


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
    for name, window in plan.listed:
        if asked in (name, name + _LATEST):
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
