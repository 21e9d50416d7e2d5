"""Pages beside inference: the model list, health, metrics. None of them asks an upstream.

Without a key `/health` says only whether the gateway lives; what it is made of is for holders of
the key. Nothing here ever generates a token.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs

import hybridgw
from hybridgw.dialects.openai import model_list, model_object
from hybridgw.errors import GatewayError, RequestError
from hybridgw.front.seam import Client
from hybridgw.routing.plan import Plan
from hybridgw.server import model_pages
from hybridgw.server.auth import authenticate, check_local
from hybridgw.server.lifecycle import Lifecycle
from hybridgw.server.request import Facts
from hybridgw.server.respond import send_bytes, send_json
from hybridgw.server.speaks import plain
from hybridgw.telemetry import metrics as exposition

_MISFIT = "the upstream does not have the configured model, or does not serve this kind of request with it"

Listed = Sequence[tuple[str, int | None]]
"""Names of models with their context windows."""


async def root(lifecycle: Lifecycle, facts: Facts, client: Client) -> None:
    """Where somebody lands who opens the address in a browser."""
    answer = {
        "name": "hybridgw",
        "version": hybridgw.__version__,
        "endpoints": lifecycle.endpoints,
    }
    await send_json(client, answer, head_only=client.method == "HEAD")


async def models(lifecycle: Lifecycle, facts: Facts, client: Client) -> None:
    """`GET /v1/models`, from memory: all of them, or the page that Anthropic's parameters ask for."""
    plan = lifecycle.worker.plan
    authenticate(plan, facts)
    listed: Listed = plan.listed
    has_more = False
    if client.query:
        listed, has_more = _page(listed, parse_qs(client.query.decode("latin-1")))
    entries = [
        model_object(name, created=lifecycle.created, context_window=window) for name, window in listed
    ]
    answer = model_list(entries, has_more=has_more)
    await send_bytes(client, 200, answer, head_only=client.method == "HEAD")


def _page(listed: Listed, asked: Mapping[str, list[str]]) -> tuple[Listed, bool]:
    """What stands after one id and before another, at most `limit` of it, and whether there is more in
    the direction that the client walks. Parameters of other APIs are ignored."""
    start, end = 0, len(listed)
    if "after_id" in asked:
        start = _position(listed, "after_id", asked["after_id"][-1]) + 1
    if "before_id" in asked:
        end = _position(listed, "before_id", asked["before_id"][-1])
    page = listed[start:end]
    if "limit" not in asked:
        return page, False
    said = asked["limit"][-1]
    limit = int(said) if said.isascii() and said.isdigit() and len(said) < 10 else 0
    if not limit:
        raise RequestError("invalid_value", "limit is a number from 1", field="limit")
    backwards = "before_id" in asked and "after_id" not in asked
    return page[-limit:] if backwards else page[:limit], len(page) > limit


def _position(listed: Listed, parameter: str, name: str) -> int:
    for position, (known, _) in enumerate(listed):
        if known == name:
            return position
    raise RequestError("invalid_value", f"no model is called {name[:200]!r}", field=parameter)


async def model(lifecycle: Lifecycle, facts: Facts, client: Client) -> None:
    """`GET /v1/models/{id}`; ids hold slashes and colons, raw or percent-encoded. Only where the id as
    it stands is none is it taken for one with a slash too many."""
    plan = lifecycle.worker.plan
    authenticate(plan, facts)
    wanted = client.path.partition("/models/")[2]
    named = dict(plan.listed)
    name = wanted if wanted in named else plain(client.path).partition("/models/")[2]
    if name not in named:
        raise RequestError("model_not_found", f"the model {wanted[:200]!r} is not configured", field="model")
    entry = model_object(name, created=lifecycle.created, context_window=named[name])
    await send_json(client, entry, head_only=client.method == "HEAD")


async def liveliness(lifecycle: Lifecycle, facts: Facts, client: Client) -> None:
    """Open: whether the process serves at all."""
    await send_bytes(client, 200, b'"I\'m alive!"', head_only=client.method == "HEAD")


async def readiness(lifecycle: Lifecycle, facts: Facts, client: Client) -> None:
    """Open: whether traffic should come here. 503 while draining or when nothing is usable."""
    status, answer = _ready(lifecycle)
    await send_json(client, answer, status, head_only=client.method == "HEAD")


async def readiness_details(lifecycle: Lifecycle, facts: Facts, client: Client) -> None:
    """The same with what stands behind it, for a holder of the key."""
    plan = lifecycle.worker.plan
    authenticate(plan, facts)
    status, answer = _ready(lifecycle)
    answer |= {
        "litellm_version": model_pages.litellm_version(),
        "generation": plan.generation,
        "problems": [f"{problem.key}: {problem.message}" for problem in plan.settings.problems],
    }
    await send_json(client, answer, status, head_only=client.method == "HEAD")


def _ready(lifecycle: Lifecycle) -> tuple[int, dict[str, Any]]:
    plan = lifecycle.worker.plan
    missing = lifecycle.missing_workers()
    status, state = 200, "healthy"
    if lifecycle.worker.draining:
        status, state = 503, "shutting_down"
    elif plan.settings.auth_unavailable or not _usable(plan):
        status, state = 503, "unavailable"
    elif plan.settings.problems or missing:
        state = "degraded"
    answer: dict[str, Any] = {"status": state, "db": "Not connected"}
    if state in ("unavailable", "degraded"):
        answer["reasons"] = (len(plan.settings.problems) + bool(missing)) or 1
    if missing:
        answer["workers_missing"] = missing
    return status, answer


async def health(lifecycle: Lifecycle, facts: Facts, client: Client) -> None:
    """`{status}` for anybody, the whole picture for a holder of the key."""
    worker = lifecycle.worker
    plan = worker.plan
    answer: dict[str, Any] = {"status": "draining" if worker.draining else "ok"}
    try:
        authenticate(plan, facts)
        answer |= _picture(lifecycle)
        if plan.settings.source.kind == "litellm":
            answer |= model_pages.litellm_health(answer["deployments"])
    except GatewayError:
        pass
    await send_json(client, answer, head_only=client.method == "HEAD")


async def metrics(lifecycle: Lifecycle, facts: Facts, client: Client) -> None:
    """Prometheus text of the whole host; needs the key unless the configuration opens it."""
    worker = lifecycle.worker
    plan = worker.plan
    if not plan.settings.server.metrics_open:
        authenticate(plan, facts)
    elif not plan.settings.auth.master_key:
        check_local(plan, facts)
    reload = lifecycle.reload_status()
    page = exposition.render(
        worker.state, plan, time.monotonic_ns(), (reload.reloads, reload.errors), lifecycle.accounts()
    )
    await send_bytes(
        client, 200, page, content_type=exposition.CONTENT_TYPE, head_only=client.method == "HEAD"
    )


def _usable(plan: Plan) -> bool:
    return any(entry.unusable is None for entry in plan.settings.deployments)


def _picture(lifecycle: Lifecycle) -> dict[str, Any]:
    worker = lifecycle.worker
    plan = worker.plan
    breakers = {entry["identity"]: entry for entry in worker.state.breakers(time.monotonic_ns())}
    deployments = []
    for upstream, entry in zip(plan.upstreams, plan.settings.deployments, strict=True):
        deployment = upstream.deployment
        breaker = breakers.get(int(deployment.id, 16), {})
        deployments.append(
            {
                "name": deployment.name,
                "model": deployment.model,
                "provider": deployment.provider,
                "tier": deployment.tier,
                "boundary": deployment.boundary.name.lower(),
                "usable": entry.unusable is None,
                "reason": entry.unusable,
                "breaker": breaker.get("state", "closed"),
                "degraded": _MISFIT if breaker.get("misfit_ms") else None,
            }
        )
    return {
        "version": hybridgw.__version__,
        "generation": plan.generation,
        "config": plan.settings.source.kind,
        "deployments": deployments,
        "problems": [f"{problem.key}: {problem.message}" for problem in plan.settings.problems],
        "reload_error": lifecycle.reload_status().last_error,
        "active": len(worker.active),
        "workers_missing": lifecycle.missing_workers(),
        "connections": worker.transport.stats(),
    }
