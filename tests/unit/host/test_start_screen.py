"""What a newcomer sees: every deployment with its tier, boundary and what it may see, and no secret."""

import re
from pathlib import Path

import msgspec
import pytest

from hybridgw.config.native import load_native
from hybridgw.config.schema import Settings
from hybridgw.config.tree import parse
from hybridgw.host.start_screen import docs_folder, screen
from tests.support.host_info import make_run

FILE = """
auth: {master_key: sk-never-shown}
deployments:
- {name: cloud/gpt, provider: openai, model: gpt-4o-mini, api_key: sk-neither, tier: cloud}
- {name: local/qwen, provider: ollama, url: "http://127.0.0.1:11434", model: "qwen3:8b", tier: local}
- {name: cloud/claude, provider: anthropic, model: claude, api_key: "${NOT_SET_HERE}", tier: cloud}
models: [{name: assistant, deployments: [local/qwen, cloud/gpt]}]
"""


def settings(text: str = FILE) -> Settings:
    root = parse(text, "hybridgw.yaml")
    assert root is not None
    return load_native(root, "hybridgw.yaml", {})


def shown(folder: Path, made: Settings, width: int = 120, **changes: object) -> list[str]:
    info, _ = make_run(folder, **changes)
    return screen(made, info, width)


def test_each_deployment_with_how_far_its_prompts_go(tmp_path: Path) -> None:
    lines = shown(tmp_path, settings())
    rows = {line.split()[0]: line.split() for line in lines if line.startswith(("local/", "cloud/"))}
    assert list(rows) == ["local/qwen", "cloud/gpt", "cloud/claude"], "nearest tier first"
    assert rows["local/qwen"] == ["local/qwen", "qwen3:8b", "local", "device", "everything"]
    assert rows["cloud/gpt"][3:] == ["external", "public"]
    assert "NOT_SET_HERE" in " ".join(rows["cloud/claude"])


def test_names_that_a_client_may_ask_for(tmp_path: Path) -> None:
    (line,) = [line for line in shown(tmp_path, settings()) if line.startswith("models ")]
    assert set(re.split(r"[ ,]+", line)[1:]) == {"assistant", "auto", "local", "cloud"}


def test_no_key_is_shown(tmp_path: Path) -> None:
    text = "\n".join(shown(tmp_path, settings()))
    assert "sk-" not in text
    assert "authorization: Bearer $HYBRIDGW_MASTER_KEY" in text


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "127.0.0.1"])
def test_the_example_names_an_address_that_can_be_called(tmp_path: Path, host: str) -> None:
    (line,) = [line for line in shown(tmp_path, settings(), host=host) if "curl" in line]
    assert ("http://[::1]:4000" if host == "::" else "http://127.0.0.1:4000") in line


def test_without_a_usable_chat_model_nothing_is_to_be_tried(tmp_path: Path) -> None:
    made = settings("deployments: [{name: cloud/a, provider: openai, model: m, api_key: '${NOT_SET_HERE}'}]")
    assert not [line for line in shown(tmp_path, made) if "curl" in line]


def test_a_long_list_and_a_narrow_window(tmp_path: Path) -> None:
    entries = ",".join(
        f"{{name: local/with-a-long-name-{n}, provider: ollama, model: another-long-name-{n}, order: {n}}}"
        for n in range(40)
    )
    lines = shown(tmp_path, settings(f"deployments: [{entries}]"), width=100)
    table = [line for line in lines if line.startswith("local/")]
    assert len(table) == 16
    assert all(len(line) <= 100 for line in table)
    assert "... and 24 more: hybridgw check lists all, GET /v1/models too" in lines


def test_every_place_an_operator_asks_for(tmp_path: Path) -> None:
    lines = shown(tmp_path, settings())
    places = {line.split()[0]: line for line in lines if line and line.split()[0] in WORDS}
    assert set(places) == WORDS
    assert str(tmp_path / "state") in places["state"]
    assert "(with the key)" in places["metrics"]
    opened = msgspec.structs.replace(
        settings(), auth=msgspec.structs.replace(settings().auth, master_key=None)
    )
    assert "(with the key)" not in "\n".join(shown(tmp_path / "b", opened))


WORDS = {"state", "journal", "metrics", "check", "docs"}


def test_the_pages_of_a_checkout_are_found() -> None:
    folder = docs_folder()
    assert folder is not None
    assert folder.name == "docs"


def test_every_page_travels_in_the_wheel() -> None:
    folder = docs_folder()
    assert folder is not None
    shipped = folder / "wheel" / "data" / "share" / "doc" / "hybridgw"
    assert {one.name for one in shipped.iterdir()} == {one.name for one in folder.glob("*.md")}, (
        "link each page of docs/ from docs/wheel/data/share/doc/hybridgw"
    )
    assert all(one.is_symlink() and one.resolve() == folder / one.name for one in shipped.iterdir())
