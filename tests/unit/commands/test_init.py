"""`hybridgw init` as a person uses it: safe defaults, no file overwritten, a key that is shown once."""

import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from hybridgw.cli import main
from hybridgw.commands import init
from hybridgw.config.starter import EngineModel
from hybridgw.host.neighbours import Neighbour

ENGINES = (
    EngineModel(provider="ollama", model="qwen3:8b", url="http://127.0.0.1:11434/v1"),
    EngineModel(provider="ollama", model="big:cloud", url="http://127.0.0.1:11434/v1", external=True),
)


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with an engine, a cloud key and Docker, whatever this one has."""
    monkeypatch.setattr(init, "_engines", lambda: ENGINES)
    monkeypatch.setattr(init, "neighbours", lambda: [Neighbour("172.17.0.0/16", "containers")])
    monkeypatch.setattr(init, "environment", lambda: {"OPENAI_API_KEY": "sk-secret"})


def call(path: Path, *arguments: str, answers: str = "") -> Result:
    return CliRunner().invoke(main, ["init", str(path), *arguments], input=answers)


def test_the_defaults_are_what_is_safe(tmp_path: Path) -> None:
    path = tmp_path / "hybridgw.yaml"
    result = call(path, "--yes")
    assert result.exit_code == 0, result.output
    text = path.read_text()
    assert "qwen3:8b" in text
    assert "big:cloud" not in text
    assert 'OPENAI_API_KEY}", tier: cloud}\n  -' not in text
    assert "172.17" not in text
    assert 'host: "127.0.0.1"' in text
    assert "export HYBRIDGW_MASTER_KEY=sk-" in result.output
    assert "sk-" not in text.replace("sk-secret", ""), "the key is shown, not stored"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_is_agreed_to_is_written_and_can_be_checked(tmp_path: Path) -> None:
    path = tmp_path / "hybridgw.yaml"
    # engines, relayed ones, the cloud, Docker's network, own networks (one wrong, then right), key, address
    result = call(path, answers="y\ny\ny\ny\n10.0.0.0/99\n10.0.0.0/8\ny\ny\n")
    assert result.exit_code == 0, result.output
    assert "write for example 10.0.0.0/8" in result.output
    text = path.read_text()
    for expected in ("qwen3:8b", "big:cloud", "gpt-4o", "172.17.0.0/16", "10.0.0.0/8", 'host: "0.0.0.0"'):
        assert expected in text
    assert "sk-secret" not in text
    checked = CliRunner().invoke(
        main,
        ["check", "--no-resolve", str(path)],
        env={"HYBRIDGW_MASTER_KEY": "sk-x", "OPENAI_API_KEY": "sk-secret"},
    )
    assert checked.exit_code == 0, checked.output


def test_an_existing_file_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "hybridgw.yaml"
    path.write_text("mine")
    result = call(path, "--yes")
    assert (result.exit_code, path.read_text()) == (2, "mine")
    assert "exists already" in result.output


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    result = call(tmp_path / "none" / "hybridgw.yaml", "--yes")
    assert result.exit_code == 2
    assert "No such file" in result.output
