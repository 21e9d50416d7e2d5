"""Settings as they are served: what a file says, completed by what engines say (`config.engines`).

Kept apart in what is published, so that a question to an engine never changes what a file said, and put
together wherever a plan is made. Pure: asks nobody.
"""

import msgspec

from hybridgw.config.limits import loading
from hybridgw.config.models import tagged
from hybridgw.config.schema import DeploymentSettings, EngineFacts, Settings

DEFAULT_WINDOW = 8192
"""Tokens that an Ollama model is run with where nobody says a window: its own default is 4,096, which the
tools of one agent fill; memory for twice that is there wherever the model itself has room."""


def informed(settings: Settings) -> Settings:
    """The settings as they are served: deployments completed by what was learnt."""
    deployments = tuple(
        _informed(entry, settings.engines.get(entry.identity)) for entry in settings.deployments
    )
    models = tagged(settings.models, deployments)
    return msgspec.structs.replace(settings, deployments=deployments, models=models)


def _informed(entry: DeploymentSettings, facts: EngineFacts | None) -> DeploymentSettings:
    facts = facts or EngineFacts()
    ollama = entry.provider == "ollama"
    window = entry.context_window or facts.window
    num_ctx = entry.num_ctx
    if ollama and entry.mode != "embedding" and entry.boundary != "external" and "*" not in entry.model:
        num_ctx = num_ctx or ollama_window(facts)
        window = min(num_ctx, entry.context_window or num_ctx)
    return msgspec.structs.replace(
        entry,
        timeouts=loading(entry.timeouts)
        if facts.resident is False and not entry.first_token_written
        else entry.timeouts,
        context_window=window,
        num_ctx=num_ctx,
        thinking=facts.thinking if entry.thinking is None else entry.thinking,
        thinking_words=facts.thinking_words or (ollama and "gpt-oss" in entry.model),
        vision=facts.vision if entry.vision is None else entry.vision,
    )


def ollama_window(facts: EngineFacts) -> int:
    """The window that an Ollama model is run with where no file says it: its own file's; a larger one that
    it runs with already, for which there is memory then; else the default, within what it was made for."""
    if facts.chosen:
        return facts.chosen
    return min(max(DEFAULT_WINDOW, facts.window or 0), facts.trained or 2**31)
