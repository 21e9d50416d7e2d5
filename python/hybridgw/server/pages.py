"""Pages beside inference: the model list, health, metrics. None of them asks an upstream.

Without a key `/health` says only whether the gateway lives; what it is made of is for holders of
the key. Nothing here ever generates a token.
"""

import time
from typing import Any

import hybridgw
from hybridgw.dialects.openai import model_list, model_object
from hybridgw.errors import GatewayError, RequestError
from hybridgw.pipeline.call import Message, Send
from hybridgw.routing.plan import Plan
from hybridgw.server.auth import authenticate, check_local
from hybridgw.server.lifecycle import Lifecycle
from hybridgw.server.request import Facts
from hybridgw.server.respond import send_bytes, send_json
from hybridgw.telemetry import metrics as exposition


async def root(lifecycle: Lifecycle, facts: Facts, scope: Message, send: Send) -> None:
    """Where somebody lands who opens the address in a browser."""
    answer = {
        "name": "hybridgw",
        "version": hybridgw.__version__,
        "endpoints": ["/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/models", "/health"],
    }
    await send_json(send, answer, head_only=scope["method"] == "HEAD")


async def models(lifecycle: Lifecycle, facts: Facts, scope: Message, send: Send) -> None:
    """`GET /v1/models`, from memory."""
    plan = lifecycle.worker.plan
    authenticate(plan, facts)
    entries = [
        model_object(name, created=lifecycle.created, context_window=window) for name, window in plan.listed
    ]
    await send_bytes(send, 200, model_list(entries), head_only=scope["method"] == "HEAD")


async def model(lifecycle: Lifecycle, facts: Facts, scope: Message, send: Send) -> None:
    """`GET /v1/models/{id}`; ids hold slashes and colons, raw or percent-encoded."""
    plan = lifecycle.worker.plan
    authenticate(plan, facts)
    wanted = scope["path"].partition("/models/")[2]
    for name, window in plan.listed:
        if name == wanted:
            entry = model_object(name, created=lifecycle.created, context_window=window)
            await send_json(send, entry, head_only=scope["method"] == "HEAD")
            return
    raise RequestError("model_not_found", f"the model {wanted[:200]!r} is not configured", field="model")


async def liveliness(lifecycle: Lifecycle, facts: Facts, scope: Message, send: Send) -> None:
    """Open: whether the process serves at all."""
    await send_bytes(send, 200, b'"I\'m alive!"', head_only=scope["method"] == "HEAD")


async def readiness(lifecycle: Lifecycle, facts: Facts, scope: Message, send: Send) -> None:
    """Open: whether traffic should come here. 503 while draining or when nothing is usable."""
    plan = lifecycle.worker.plan
    status, state = 200, "healthy"
    if lifecycle.worker.draining:
        status, state = 503, "shutting_down"
    elif plan.settings.auth_unavailable or not _usable(plan):
        status, state = 503, "unavailable"
    elif plan.settings.problems:
        state = "degraded"
    answer: dict[str, Any] = {"status": state, "db": "Not connected"}
    if state in ("unavailable", "degraded"):
        answer["reasons"] = len(plan.settings.problems) or 1
    await send_json(send, answer, status, head_only=scope["method"] == "HEAD")


async def health(lifecycle: Lifecycle, facts: Facts, scope: Message, send: Send) -> None:
    """`{status}` for anybody, the whole picture for a holder of the key."""
    worker = lifecycle.worker
    plan = worker.plan
    answer: dict[str, Any] = {"status": "draining" if worker.draining else "ok"}
    try:
        authenticate(plan, facts)
        answer |= _picture(lifecycle)
    except GatewayError:
        pass
    await send_json(send, answer, head_only=scope["method"] == "HEAD")


async def metrics(lifecycle: Lifecycle, facts: Facts, scope: Message, send: Send) -> None:
    """Prometheus text of the whole host; needs the key unless the configuration opens it."""
    worker = lifecycle.worker
    plan = worker.plan
    if not plan.settings.server.metrics_open:
        authenticate(plan, facts)
    elif not plan.settings.auth.master_key:
        check_local(plan, facts)
    reload = lifecycle.reload_status()
    page = exposition.render(worker.state, plan, time.monotonic_ns(), (reload.reloads, reload.errors))
    await send_bytes(
        send, 200, page, content_type=exposition.CONTENT_TYPE, head_only=scope["method"] == "HEAD"
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
        "connections": worker.transport.stats(),
    }
