from pathlib import Path

import msgspec
import pytest

from hybridgw.config.schema import DeploymentSettings, Notice, PrivacySettings, Problem, Settings, Source
from hybridgw.host.announcement import lines
from tests.support.host_info import make_run

PLAIN = Settings(source=Source(kind="native"))


def said(folder: Path, settings: Settings, **changes: object) -> list[str]:
    info, _ = make_run(folder, **changes)
    return [f"{level}: {text}" for text, level in lines(settings, info)]


def test_where_it_listens_is_the_last_line(tmp_path: Path) -> None:
    expected = "info: listening on http://127.0.0.1:4000, 2 workers, 0 of 0 deployments usable"
    assert said(tmp_path, PLAIN) == [expected]


def test_an_ipv6_address_can_be_clicked(tmp_path: Path) -> None:
    assert "http://[::1]:4000, 1 worker," in said(tmp_path, PLAIN, host="::1", workers=1)[-1]


@pytest.mark.parametrize(("kind", "text"), [("demo", "DEMO"), ("discovery", "found on this machine")])
def test_what_stands_behind_it(tmp_path: Path, kind: str, text: str) -> None:
    settings = msgspec.structs.replace(PLAIN, source=Source(kind=kind))  # type: ignore[arg-type]
    assert text in said(tmp_path, settings)[-1]


def test_without_a_file_what_was_found_is_said(tmp_path: Path) -> None:
    found = Notice(level="info", where="127.0.0.1:11434", key="Ollama", message="2 models")
    settings = msgspec.structs.replace(PLAIN, source=Source(kind="discovery"), notices=(found,))
    assert said(tmp_path, settings)[0] == "info: 127.0.0.1:11434: Ollama: 2 models"


def test_what_is_wrong_is_said_and_not_at_any_length(tmp_path: Path) -> None:
    settings = msgspec.structs.replace(
        PLAIN,
        problems=tuple(Problem(where=f"a.yaml:{n}", key="k", message="m") for n in range(20)),
        source=Source(kind="native", path="a.yaml"),
        notices=(
            Notice(level="warning", where="a.yaml:1", key="old", message="has no effect"),
            Notice(level="info", where="a.yaml:2", key="x", message="quiet"),
        ),
        auth_unavailable="HYBRIDGW_MASTER_KEY is not set",
    )
    text = said(tmp_path, settings)
    assert text[0] == "warning: a.yaml:1: old: has no effect"
    assert "... and 12 more" in text[9]
    assert text[10].startswith("error: every call that needs a key is refused")
    assert len(text) == 12


def test_what_nobody_decided_is_asked_for_in_red(tmp_path: Path) -> None:
    far = DeploymentSettings(
        name="cloud/m",
        model_name="m",
        provider="openai",
        model="m",
        base_url="",
        tier="cloud",
        boundary="external",
    )
    settings = msgspec.structs.replace(PLAIN, deployments=(far,))
    info, _ = make_run(tmp_path)
    text, level = lines(settings, info, colour=True)[0]
    assert text.startswith("\x1b[31m") and "REFUSED" in text and level == "warning"
    decided = msgspec.structs.replace(settings, privacy=PrivacySettings(mode="enforce"))
    assert not any("REFUSED" in line for line, _ in lines(decided, info))


def test_observe_is_said_in_red(tmp_path: Path) -> None:
    settings = msgspec.structs.replace(PLAIN, privacy=PrivacySettings(mode="observe"))
    info, _ = make_run(tmp_path)
    assert lines(settings, info, colour=True)[0][0].startswith("\x1b[31m")
    assert "\x1b" not in lines(settings, info)[0][0]
