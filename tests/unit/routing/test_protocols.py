"""Which protocol a deployment of OpenAI's wire is asked by, from its configuration alone."""

from typing import Any

import pytest

from hybridgw.config.schema import DeploymentSettings
from hybridgw.core import Route, Shape
from hybridgw.core.deployment import Target
from hybridgw.providers import provider_named
from hybridgw.routing.protocols import exchanges_of, may_lack_responses

OFFICIAL, REGION, OTHER = "https://api.openai.com/v1", "https://eu.api.openai.com/v1", "http://10.0.0.1/v1"
TALK = (Route.CHAT, Route.RESPONSES, Route.MESSAGES, Route.OLLAMA_CHAT)


def found(model: str, url: str = OFFICIAL, provider: str = "openai", **more: Any) -> tuple[str, str]:
    """The protocols for Chat, Responses, Messages and Ollama clients (upper case: their bytes pass), and
    the one for names that clients choose."""
    entry = DeploymentSettings(
        name="x", model_name="x", provider=provider, model=model, base_url=url, tier="cloud",
        boundary="external", **more,
    )  # fmt: skip
    row = provider_named(provider)
    assert row is not None
    exchanges, chosen = exchanges_of(row, entry, Target.parse(url), row.served(), "")
    assert len(exchanges) == len(Route)
    word = ""
    for route in TALK:
        exchange = exchanges[route]
        assert exchange is not None
        letter = {Shape.CHAT: "c", Shape.RESPONSES: "r"}[exchange.shape]
        word += letter if exchange.outbound else letter.upper()
    return word, "" if chosen is None else {Shape.RESPONSES: "r"}[chosen.shape]


@pytest.mark.parametrize(
    ("case", "protocols"),
    [
        (found("gpt-5.6"), ("CRrr", "")),
        (found("gpt-5.6", REGION), ("CRrr", "")),
        (found("gpt-4o"), ("CRcc", "")),
        (found("gpt-5.6", OTHER), ("CRcc", "")),
        (found("gpt-5.6", "https://api.openai.com.example/v1"), ("CRcc", "")),
        (found("mine"), ("CRcc", "")),
        (found("mine", thinking=True), ("CRrr", "")),
        (found("gpt-5.6", thinking=False), ("CRcc", "")),
        (found("*"), ("CRcc", "r")),
        (found("*", OTHER), ("CRcc", "")),
        (found("gpt-5.6", api="chat"), ("Cccc", "")),
        (found("gpt-4o", OTHER, api="responses"), ("rRrr", "")),
        (found("gpt-5.6", provider="vllm", url=OTHER), ("Cccc", "")),
    ],
)
def test_protocols(case: tuple[str, str], protocols: tuple[str, str]) -> None:
    assert case == protocols


@pytest.mark.parametrize(
    ("url", "api", "doubtful"),
    [(OFFICIAL, "auto", False), (OTHER, "auto", True), (OTHER, "responses", False), (OTHER, "chat", False)],
)
def test_where_responses_may_be_missing(url: str, api: Any, doubtful: bool) -> None:
    entry = DeploymentSettings(
        name="x", model_name="x", provider="openai", model="m", base_url=url, tier="cloud",
        boundary="external", api=api,
    )  # fmt: skip
    assert may_lack_responses(provider_named("openai"), entry, Target.parse(url)) is doubtful
