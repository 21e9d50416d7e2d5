"""The rows: what a file may name, the gateway has."""

import pytest

from hybridgw.config.providers import VENDORS
from hybridgw.core import Route
from hybridgw.providers import PROVIDERS


@pytest.mark.parametrize("vendor", sorted(VENDORS))
def test_every_vendor_that_counts_as_supported_is(vendor: str) -> None:
    provider = VENDORS[vendor].provider
    assert provider is None or provider in PROVIDERS


@pytest.mark.parametrize("name", sorted(PROVIDERS))
def test_rows(name: str) -> None:
    row = PROVIDERS[name]
    assert row.name == name
    assert not row.queue or row.max_parallel, "a line for nothing"
    for route in row.served():
        exchange = row.exchange(route, "/v1", "?q")
        assert exchange is not None
        # Ollama's own wire stands beside `/v1`, everything else below it.
        beside = row.beside_v1 if exchange.outbound else exchange.target.startswith("/api/")
        assert beside or exchange.target.startswith("/v1")
        # An outbound has the query from its backend.
        assert (exchange.outbound is None) == exchange.target.endswith("?q")


def test_chat_passes_where_it_is_spoken() -> None:
    for name in ("openai", "azure_openai", "openrouter", "llama_server", "vllm", "openai_compatible"):
        exchange = PROVIDERS[name].exchange(Route.CHAT, "/v1")
        assert exchange is not None
        assert exchange.outbound is None and exchange.translator is None, name
