"""What one deployment of a provider is sent for a client's request: decided, edited or translated by the
same functions as in serving, without a socket.

    sent, told = sent_to("vllm", Route.CHAT, {"messages": [...]})

`told` is what `x-hybridgw-dropped` would name. A RequestError is the refusal that the client would read.
"""

import asyncio
import json
from types import SimpleNamespace
from typing import Any, cast

from hybridgw.config.schema import DeploymentSettings, ModelSettings, Settings, Source
from hybridgw.core import Boundary, Route
from hybridgw.dialects import DIALECTS
from hybridgw.native import Decision, Permit, Principal, Router, StateFile
from hybridgw.pipeline import exchange
from hybridgw.pipeline.attempt import Attempt
from hybridgw.pipeline.call import Call
from hybridgw.pipeline.translation import translation_of
from hybridgw.routing.plan import Plan

_EVERYBODY = Principal("p", 1, int(Boundary.EXTERNAL))
_PLANS: dict[tuple[str, str], Plan] = {}


def sent_to(
    provider: str, route: Route, body: dict[str, Any], boundary: Any = "device"
) -> tuple[bytes, set[str]]:
    """The body for the backend, and what the client is told of it. `body` lacks the model."""
    plan = _plan(provider, boundary)
    state = StateFile.anonymous(2, 4)
    router = Router(plan.native, state, state.claim(10, 1, 0), None)
    model = "e" if route in (Route.EMBEDDINGS, Route.OLLAMA_EMBED) else "m"
    received = json.dumps({"model": model, **body}).encode()
    decision = router.decide(received, _EVERYBODY, int(route), None, 0, 0, 0)
    return asyncio.run(_sent(plan, decision, decision.permit, route))


async def _sent(plan: Plan, decision: Decision, permit: Permit, route: Route) -> tuple[bytes, set[str]]:
    call = cast(
        Call,
        SimpleNamespace(
            plan=plan,
            route=route,
            dialect=DIALECTS[route],
            writer=None,
            memory=None,
            astray=False,
            forwarded={},
            query="",
            images={},
        ),
    )
    attempt = Attempt(call, decision, permit)
    attempt.exchange = exchange.exchange_of(attempt)
    attempt.translation = translation_of(attempt, attempt.exchange)
    request = await exchange._request(attempt, 0, False)
    return request.body, set(attempt.dropped)


def _plan(provider: str, boundary: Any) -> Plan:
    known = _PLANS.get((provider, boundary))
    if known is not None:
        return known
    common: dict[str, Any] = {
        "provider": provider,
        "model": "up",
        "base_url": "http://127.0.0.1:9/v1",
        "tier": "local",
        "boundary": boundary,
    }
    chat = DeploymentSettings(name="local/m", model_name="m", identity="0" * 15 + "1", **common)
    embeds = DeploymentSettings(
        name="local/e", model_name="e", identity="0" * 15 + "2", mode="embedding", **common
    )
    models = (ModelSettings(name="m", groups=((0,),)), ModelSettings(name="e", groups=((1,),)))
    settings = Settings(source=Source(kind="native"), deployments=(chat, embeds), models=models)
    plan = _PLANS[provider, boundary] = Plan(settings, 1)
    return plan
