"""What the models are: windows, prices, abilities; the pages that LiteLLM's clients ask for them.

Agents read these to find out how much fits and what it costs. They hold what the configuration says
about models and nothing that helps to reach an upstream: no key, no header, no address.
"""

from typing import Any
from urllib.parse import parse_qs

import hybridgw
from hybridgw.config.schema import DeploymentSettings, ModelSettings
from hybridgw.errors import RequestError
from hybridgw.front.seam import Client
from hybridgw.server.auth import authenticate
from hybridgw.server.lifecycle import Lifecycle
from hybridgw.server.request import Facts
from hybridgw.server.respond import send_json


async def model_info(lifecycle: Lifecycle, facts: Facts, client: Client) -> None:
    """`GET /model/info`: each deployment under each name that it is listed by; with
    `litellm_model_id`, that one."""
    plan = lifecycle.worker.plan
    authenticate(plan, facts)
    settings = plan.settings
    data = [
        _deployment(name, settings.deployments[index])
        for model in settings.models
        if not model.hidden
        for group in model.groups
        for index in group
        for name in (model.name, *model.aliases)
    ]
    wanted = parse_qs(client.query.decode("latin-1")).get("litellm_model_id", [""])[-1]
    if wanted:
        data = [one for one in data if one["model_info"]["id"] == wanted]
        if not data:
            raise RequestError(
                "model_not_found", f"no deployment has the id {wanted[:200]!r}", field="litellm_model_id"
            )
    await send_json(client, {"data": data}, head_only=client.method == "HEAD")


async def group_info(lifecycle: Lifecycle, facts: Facts, client: Client) -> None:
    """`GET /model_group/info`: each listed model, with what all its deployments have in common."""
    plan = lifecycle.worker.plan
    authenticate(plan, facts)
    wanted = parse_qs(client.query.decode("latin-1")).get("model_group", [""])[-1]
    data = [
        _group(name, model, [plan.settings.deployments[index] for group in model.groups for index in group])
        for model in plan.settings.models
        if not model.hidden
        for name in (model.name, *model.aliases)
        if wanted in ("", name)
    ]
    await send_json(client, {"data": data}, head_only=client.method == "HEAD")


def model_id(entry: DeploymentSettings) -> str:
    """The id that the file gives a deployment, else its identity."""
    return entry.id or entry.identity


def _deployment(name: str, entry: DeploymentSettings) -> dict[str, Any]:
    return {
        "model_name": name,
        "litellm_params": {"model": f"{entry.provider}/{entry.model}"},
        "model_info": {
            "id": model_id(entry),
            "db_model": False,
            "key": entry.model,
            "litellm_provider": entry.provider,
            "mode": _mode(entry),
            "description": entry.description,
            "tier": entry.tier,
            "max_tokens": entry.max_output_tokens or _window(entry),
            "max_input_tokens": _window(entry),
            "max_output_tokens": entry.max_output_tokens,
            "input_cost_per_token": entry.input_price,
            "output_cost_per_token": entry.output_price,
            "supports_vision": entry.vision,
            "supports_reasoning": entry.thinking,
        },
    }


def _group(name: str, model: ModelSettings, entries: list[DeploymentSettings]) -> dict[str, Any]:
    """The smallest window and the highest price: whoever plans with them is never surprised."""

    def known(values: list[Any]) -> list[Any]:
        return [value for value in values if value is not None]

    windows = known([_window(entry) for entry in entries])
    outputs = known([entry.max_output_tokens for entry in entries])
    return {
        "model_group": name,
        "providers": sorted({entry.provider for entry in entries}),
        "mode": _mode(entries[0]) if entries else "chat",
        "max_input_tokens": min(windows) if len(windows) == len(entries) and windows else None,
        "max_output_tokens": min(outputs) if outputs else None,
        "input_cost_per_token": max(known([entry.input_price for entry in entries]), default=None),
        "output_cost_per_token": max(known([entry.output_price for entry in entries]), default=None),
        "supports_vision": all(entry.vision for entry in entries),
        "supports_reasoning": all(entry.thinking for entry in entries),
        "description": model.description,
    }


def _mode(entry: DeploymentSettings) -> str:
    return "chat" if entry.mode == "any" else entry.mode


def _window(entry: DeploymentSettings) -> int | None:
    return entry.context_window or entry.num_ctx


async def routes(lifecycle: Lifecycle, facts: Facts, client: Client) -> None:
    """`GET /routes`: which paths are served, by which methods."""
    authenticate(lifecycle.worker.plan, facts)
    listed = [{"path": path, "methods": list(methods)} for path, methods in lifecycle.methods]
    await send_json(client, {"routes": listed}, head_only=client.method == "HEAD")


def litellm_health(deployments: list[dict[str, Any]]) -> dict[str, Any]:
    """The same picture in LiteLLM's words. Nothing is called for it."""
    entries = [
        (
            one["usable"] and one["breaker"] != "open",
            {"model": f"{one['provider']}/{one['model']}", "name": one["name"]},
        )
        for one in deployments
    ]
    healthy = [entry for well, entry in entries if well]
    unhealthy = [entry for well, entry in entries if not well]
    return {
        "healthy_endpoints": healthy,
        "unhealthy_endpoints": unhealthy,
        "healthy_count": len(healthy),
        "unhealthy_count": len(unhealthy),
    }


def litellm_version() -> str:
    """What is said where LiteLLM says its version."""
    return f"hybridgw/{hybridgw.__version__}"
