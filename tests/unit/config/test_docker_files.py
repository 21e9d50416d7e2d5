"""docker/: the configuration loads, and the services name what it has."""

from pathlib import Path
from typing import Any

import yaml

from hybridgw.config.load import load

DOCKER = Path(__file__).parents[3] / "docker"
ENVIRON = {
    "HYBRIDGW_MASTER_KEY": "sk-a-long-master-key",
    "HYBRIDGW_OLLAMA_MODEL": "qwen3:0.6b",
    "HYBRIDGW_OLLAMA_EMBEDDING_MODEL": "nomic-embed-text:v1.5",
}


def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DOCKER / "compose.yaml").read_text())
    return found["services"]  # type: ignore[no-any-return]


def test_the_configuration_serves_without_any_cloud() -> None:
    settings = load(DOCKER / "hybridgw.yaml", ENVIRON)
    usable = {d.name: d.boundary for d in settings.deployments if d.unusable is None}
    assert usable == {"local/chat": "device", "local/embeddings": "device"}
    assert not [notice for notice in settings.notices if notice.about]
    assert min(d.num_ctx for d in settings.deployments if d.num_ctx) >= 16384


def test_the_chat_page_asks_for_models_that_there_are() -> None:
    page = services()["open-webui"]["environment"]
    names = {model.name for model in load(DOCKER / "hybridgw.yaml", ENVIRON).models}
    assert page["RAG_EMBEDDING_MODEL"] in names
    assert page["WEBUI_AUTH"] == "true"


def test_every_variable_of_the_configuration_reaches_the_gateway() -> None:
    given = services()["hybridgw"]["environment"]
    text = (DOCKER / "hybridgw.yaml").read_text()
    assert {word.partition("}")[0].partition(":")[0] for word in text.split("${")[1:]} <= set(given)


def test_no_service_is_there_for_nothing() -> None:
    assert set(services()) == {"ollama", "ollama-pull", "hybridgw", "open-webui"}
