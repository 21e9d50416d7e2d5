"""docs/providers.md says of every provider what the tables of the code say."""

from pathlib import Path

import pytest

from hybridgw.config.providers import VENDORS
from hybridgw.core import Route
from hybridgw.providers.registry import PROVIDERS

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "providers.md").read_text()
ROWS = {
    cells[0].strip("`"): cells
    for cells in ([cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines())
    if len(cells) == 7 and cells[0].startswith("`")
}
NAMES = {
    Route.CHAT: "Chat", Route.COMPLETIONS: "Completions", Route.RESPONSES: "Responses",
    Route.MESSAGES: "Messages", Route.EMBEDDINGS: "embeddings", Route.OLLAMA_CHAT: "Ollama's API",
}  # fmt: skip


def test_every_provider_has_its_row() -> None:
    assert set(ROWS) == set(PROVIDERS)


@pytest.mark.parametrize("name", PROVIDERS)
def test_what_is_native(name: str) -> None:
    routes = [told for route, told in NAMES.items() if route in PROVIDERS[name].routes]
    assert set(ROWS[name][4].split(", ")) == set(routes or ["-"])


@pytest.mark.parametrize("name", sorted(PROVIDERS.keys() & VENDORS.keys()))
def test_addresses_and_keys(name: str) -> None:
    vendor = VENDORS[name]
    for key in vendor.key_env:
        assert f"`{key}`" in ROWS[name][3]
    if vendor.base_url is not None:
        assert ROWS[name][2].strip("`") in (vendor.base_url, vendor.base_url.removesuffix("/v1"))
