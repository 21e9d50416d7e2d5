"""The section `ledger`: what it means, and what cannot be used."""

from pathlib import Path

import pytest

from hybridgw.config import ledger
from hybridgw.config.ledger import hard_limit
from hybridgw.config.load import load
from hybridgw.config.schema import Settings
from tests.unit.config.conftest import Read, Refused

DEPLOYMENT = "deployments: [{name: a, provider: ollama, model: m, tier: local}]\n"


def test_defaults(read: Read) -> None:
    settings: Settings = read(DEPLOYMENT)
    assert settings.ledger.database_url is None
    assert settings.ledger.full == "drop"
    assert (settings.ledger.log.to, settings.ledger.log.path) == ("file", "log/access.log")
    assert hard_limit(settings.state) == 4 * settings.state.journal_max


def test_all_keys(read: Read) -> None:
    settings: Settings = read(
        DEPLOYMENT + "state: {journal_max: 1GiB, journal_hard_max: 2GiB}\n"
        "ledger:\n"
        "  database_url: postgresql://me:${PASSWORD}@db:5433/ledger\n"
        "  full: refuse\n"
        "  keep_attempts: 7d\n"
        "  log: {to: stdout, format: text, max_size: 1MiB, files: 2, path: /var/log/hybridgw.log}\n",
        {"PASSWORD": "top-secret"},
    )
    assert settings.ledger.database_url == "postgresql://me:top-secret@db:5433/ledger"
    assert settings.ledger.keep_attempts == 7 * 86400
    assert settings.ledger.log.files == 2
    assert hard_limit(settings.state) == 2 * 1024**3
    assert "top-secret" not in repr(settings)


@pytest.mark.parametrize(
    ("text", "line", "key", "words"),
    [
        ("ledger: {database_url: mysql://x/y}", 2, "ledger.database_url", "no address of a PostgreSQL"),
        (
            "ledger:\n  database_url: 'postgresql://me:hidden@db'",
            3,
            "ledger.database_url",
            "names no database",
        ),
        ("ledger: {database_url: 'postgresql://db:port/x'}", 2, "ledger.database_url", "no address"),
        ("ledger: {full: wait}", 2, "ledger.full", "not one of the choices"),
        ("ledger: {log: {to: syslog}}", 2, "ledger.log.to", "not one of the choices"),
        ("ledger: {log: {max_size: 10}}", 2, "ledger.log.max_size", "less than a few lines"),
        ("ledger: {log: {path: /var/log/}}", 2, "ledger.log.path", "names no file"),
        ("ledger: {log: {files: -1}}", 2, "ledger.log.files", ""),
        ("ledger: {keep_attempts: 0}", 2, "ledger.keep_attempts", ""),
        ("ledger: {keep: 1d}", 2, "ledger.keep", "not a known key"),
        (
            "state:\n  journal_max: 2GiB\n  journal_hard_max: 3GiB",
            4,
            "state.journal_hard_max",
            "less than twice journal_max",
        ),
    ],
)
def test_mistakes(refused: Refused, text: str, line: int, key: str, words: str) -> None:
    error = refused(DEPLOYMENT + text)
    assert error.where.endswith(f":{line}")
    assert error.key == key
    assert words in error.message
    assert "hidden" not in str(error)


def test_a_driver_that_is_missing_is_named(refused: Refused, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "find_spec", lambda name: None)
    error = refused(DEPLOYMENT + "ledger: {database_url: 'postgresql://db/x'}")
    assert "pip install 'hybridgw[postgresql]'" in error.fix


def test_in_the_file_of_another_gateway(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(
        "model_list: [{model_name: m, litellm_params: {model: ollama/m}}]\n"
        "hybridgw: {ledger: {log: {to: none}}}\n"
    )
    assert load(path, {}).ledger.log.to == "none"
