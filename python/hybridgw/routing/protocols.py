"""By which of a backend's protocols each route of a deployment is served.

Most backends have one. OpenAI's have two: clients that speak one of them are passed on in it, clients of
other dialects go by Chat, unless OpenAI itself serves a model that thinks: there Chat refuses tools. `api` in
the configuration decides otherwise. Whoever imitates OpenAI often has no Responses; that shows at the first
request (`pipeline.exchange`).
"""

from hybridgw.config.schema import DeploymentSettings
from hybridgw.core import Route
from hybridgw.core.deployment import Target
from hybridgw.providers import Exchange, Provider
from hybridgw.providers.base import CONVERSATIONS
from hybridgw.providers.openai_models import thinks

FOREIGN = frozenset({Route.MESSAGES, Route.OLLAMA_CHAT, Route.OLLAMA_GENERATE})
"""Conversations in dialects that are not OpenAI's."""
_OFFICIAL = "api.openai.com"

Exchanges = tuple[Exchange | None, ...]


def exchanges_of(
    provider: Provider | None,
    entry: DeploymentSettings,
    target: Target,
    routes: frozenset[Route],
    query: str,
) -> tuple[Exchanges, Exchange | None]:
    """By Route, and what stands for the foreign ones where a client chooses a model that thinks."""
    if provider is None:
        return tuple(None for _ in Route), None
    found = {route: provider.exchange(route, target.path, query) for route in Route if route in routes}
    responses = provider.by_responses(target.path)
    if responses is None:
        return tuple(found.get(route) for route in Route), None
    if entry.api == "chat" and Route.RESPONSES in found:
        found[Route.RESPONSES] = provider.by_chat(target.path)
    elif entry.api == "responses":
        found |= dict.fromkeys((CONVERSATIONS & found.keys()) - {Route.RESPONSES}, responses)
    chosen = None
    if entry.api == "auto" and _official(target):
        thinking = entry.thinking if entry.thinking is not None else thinks(entry.model)
        if "*" in entry.model:
            chosen = responses
        elif thinking:
            found |= dict.fromkeys(FOREIGN & found.keys(), responses)
    return tuple(found.get(route) for route in Route), chosen


def may_lack_responses(provider: Provider | None, entry: DeploymentSettings, target: Target) -> bool:
    """Whether this address may know nothing of Responses although its provider does."""
    return (
        provider is not None
        and provider.responses is not None
        and entry.api == "auto"
        and not _official(target)
    )


def _official(target: Target) -> bool:
    """OpenAI's own address, of any region."""
    return target.host == _OFFICIAL or target.host.endswith("." + _OFFICIAL)
