"""Azure: whatever address somebody pasted, and the version that goes behind every path."""

import orjson
import pytest

from hybridgw.config.azure import OLDEST_KEPT, azure_address, azure_model
from hybridgw.core import Route
from hybridgw.routing.plan import Plan

from .conftest import Read

HOST = "https://x.openai.azure.com"
OLD = f"{HOST}/openai/deployments/gpt"


@pytest.mark.parametrize(
    ("url", "version", "base", "asked"),
    [
        (HOST, None, OLD, OLDEST_KEPT),
        (HOST + "/", "2025-01-01-preview", OLD, "2025-01-01-preview"),
        (HOST + "/openai", None, OLD, OLDEST_KEPT),
        (HOST + "/openai/deployments/other", None, f"{HOST}/openai/deployments/other", OLDEST_KEPT),
        (OLD + "/chat/completions?api-version=2024-06-01", None, OLD, "2024-06-01"),
        (OLD + "/chat/completions?api-version=2024-06-01", "2024-10-21", OLD, "2024-10-21"),
        (HOST + "/openai/v1", None, HOST + "/openai/v1", None),
        (HOST + "/openai/v1/chat/completions", "preview", HOST + "/openai/v1", "preview"),
        ("https://apim.example/ai", None, "https://apim.example/ai/openai/deployments/gpt", OLDEST_KEPT),
        (HOST + "/openai/v10", None, f"{HOST}/openai/v10/openai/deployments/gpt", OLDEST_KEPT),
    ],
)
def test_addresses(url: str, version: str | None, base: str, asked: str | None) -> None:
    assert azure_address(url, "gpt", version) == (base, asked)


@pytest.mark.parametrize(("model", "version"), [("*", None), ("gpt-*", None), ("gpt", "1&x=2")])
def test_addresses_that_cannot_be(model: str, version: str | None) -> None:
    with pytest.raises(ValueError, match=r"/openai/v1|api-version"):
        azure_address(HOST, model, version)
    assert azure_address(HOST + "/openai/v1", "*", None)[0] == HOST + "/openai/v1"


def test_names() -> None:
    assert azure_model("o_series/my-o3") == "my-o3"
    assert azure_address(HOST, "a/b c", None)[0] == f"{HOST}/openai/deployments/a%2Fb%20c"


LITELLM = """
model_list:
- model_name: gpt
  litellm_params:
    model: azure/gpt
    api_base: https://x.openai.azure.com/
    api_version: 2024-06-01
"""
NATIVE = """
deployments:
- {name: cloud/gpt, provider: azure, model: gpt, url: "https://x.openai.azure.com", api_version: "2024-06-01"}
"""


@pytest.mark.parametrize("text", [LITELLM, NATIVE])
def test_a_deployment_of_azure(read: Read, text: str) -> None:
    settings = read(text, {"AZURE_API_KEY": "secret-azure-key"})
    (deployment,) = settings.deployments
    assert (deployment.provider, deployment.unusable) == ("azure_openai", None)
    assert (deployment.base_url, deployment.api_version) == (OLD, "2024-06-01")
    assert (deployment.boundary, deployment.api_key) == ("external", "secret-azure-key")
    (upstream,) = Plan(settings, 1).upstreams
    assert (b"api-key", b"secret-azure-key") in upstream.deployment.headers
    chat = upstream.exchanges[Route.CHAT]
    messages = upstream.exchanges[Route.MESSAGES]
    assert chat is not None and messages is not None
    assert chat.target == "/openai/deployments/gpt/chat/completions?api-version=2024-06-01"
    assert messages.target == "/openai/deployments/gpt"
    assert upstream.backend.query == "?api-version=2024-06-01"


def test_the_version_of_the_environment(read: Read) -> None:
    text = LITELLM.replace("    api_version: 2024-06-01\n", "")
    environ = {"AZURE_API_KEY": "k", "AZURE_API_VERSION": "2025-04-01-preview"}
    assert read(text, environ).deployments[0].api_version == "2025-04-01-preview"
    assert read(text, {"AZURE_API_KEY": "k"}).deployments[0].api_version == OLDEST_KEPT


def test_azures_key_stays_at_azure(read: Read) -> None:
    text = LITELLM.replace("x.openai.azure.com", "x.openai.azure.com.evil.example")
    (deployment,) = read(text, {"AZURE_API_KEY": "secret-azure-key"}).deployments
    assert deployment.api_key is None


def test_a_version_for_anybody_else_means_nothing(read: Read) -> None:
    text = LITELLM.replace("azure/gpt", "openai/gpt").replace(
        "    api_base: https://x.openai.azure.com/\n", ""
    )
    settings = read(text, {"OPENAI_API_KEY": "k"})
    assert settings.deployments[0].api_version is None
    assert b"api-version" not in orjson.dumps(str(Plan(settings, 1).upstreams))
