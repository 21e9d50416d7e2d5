"""What only an Ollama itself can do, asked of one: loading and letting go, what is loaded, its model files.

These questions carry no content of a conversation, so no decision stands before them; they go to an Ollama
on this device or inside the organization (model files: on this device only) and never further, by the
transport that compares the connected address with that.
"""

import asyncio
from collections.abc import Iterable

import msgspec

from hybridgw.config.schema import ModelSettings, Settings
from hybridgw.core import Boundary, Timeouts
from hybridgw.errors import UpstreamError
from hybridgw.pipeline.call import Worker
from hybridgw.providers.failures import failure
from hybridgw.routing.plan import Plan, Upstream
from hybridgw.transport.seam import JSON_REQUEST, UpstreamRequest, UpstreamResponse

_OLLAMA = "ollama"
_ANSWER_LIMIT = 4 * 1024 * 1024
_BRIEF = Timeouts(connect=1.0, first_token=2.0, idle=2.0, total=2.0)
_OK = 200


class Resident(msgspec.Struct, frozen=True):
    """A model in the memory of its engine."""

    name: str = ""
    size: int = 0
    size_vram: int = 0
    expires_at: str = ""
    context_length: int = 0


class _Page(msgspec.Struct):
    models: list[Resident] = []


_page = msgspec.json.Decoder(_Page)


def model_named(settings: Settings, name: str) -> ModelSettings | None:
    """The model that answers to a name, patterns included."""
    for model in settings.models:
        if name in (model.name, *model.aliases, *model.hidden_aliases):
            return model
    for model in settings.models:
        if model.name.endswith("*") and name.startswith(model.name[:-1]):
            return model
    return None


def ollama_behind(plan: Plan, model: ModelSettings) -> Upstream | None:
    """The first Ollama near enough that serves a model, where the model has one name there."""
    for index in (index for group in model.groups for index in group):
        upstream = plan.upstreams[index]
        entry = plan.settings.deployments[index]
        usable = entry.provider == _OLLAMA and not entry.unusable and "*" not in entry.model
        if usable and upstream.deployment.boundary < Boundary.EXTERNAL:
            return upstream
    return None


def ollamas(plan: Plan, farthest: Boundary) -> list[Upstream]:
    """One deployment of each Ollama within a boundary, in the order of the configuration."""
    found: dict[tuple[str, int, str], Upstream] = {}
    for upstream, entry in zip(plan.upstreams, plan.settings.deployments, strict=True):
        deployment = upstream.deployment
        if entry.provider == _OLLAMA and not entry.unusable and deployment.boundary <= farthest:
            target = deployment.target
            found.setdefault((target.host, target.port, target.path), upstream)
    return list(found.values())


async def send_to(
    worker: Worker, upstream: Upstream, method: str, path: str, body: bytes, timeouts: Timeouts
) -> UpstreamResponse:
    """The answer of an Ollama's own page, its head here. UpstreamError for any status but 200."""
    deployment = upstream.deployment
    target = deployment.target.path.removesuffix("/v1") + path
    response = await worker.transport.send(
        deployment.boundary, deployment, UpstreamRequest(method, target, JSON_REQUEST, body), timeouts
    )
    if response.status != _OK:
        answer = await response.read_all(_ANSWER_LIMIT)
        raise failure(response.status, response.headers, answer, secrets=upstream.secrets)
    return response


async def residents(worker: Worker, plan: Plan) -> dict[tuple[str, int, str], list[Resident]]:
    """What each Ollama near enough has loaded, by address, all asked at once. One that does not answer in
    time has nothing."""
    engines = ollamas(plan, Boundary.ORGANIZATION)

    async def one(upstream: Upstream) -> list[Resident]:
        try:
            response = await send_to(worker, upstream, "GET", "/api/ps", b"", _BRIEF)
            return _page.decode(await response.read_all(_ANSWER_LIMIT)).models
        except (UpstreamError, msgspec.MsgspecError):
            return []

    answers = await asyncio.gather(*map(one, engines))
    return dict(zip(map(address, engines), answers, strict=True))


def address(upstream: Upstream) -> tuple[str, int, str]:
    """Where an engine is."""
    target = upstream.deployment.target
    return target.host, target.port, target.path


def same_model(name: str, others: Iterable[Resident]) -> Resident | None:
    """The resident model of this name, the tag that goes without saying left out or not."""
    wanted = name.lower().removesuffix(":latest")
    return next((it for it in others if it.name.lower().removesuffix(":latest") == wanted), None)
