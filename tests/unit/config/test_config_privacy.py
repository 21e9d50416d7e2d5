"""Who may see what, and what is to be decided about it."""

from pathlib import Path

import pytest

from hybridgw.config.errors import ConfigError
from hybridgw.config.load import load
from hybridgw.config.privacy import LOWERED, rules, undecided, unknown_level, unseen
from hybridgw.config.schema import Settings
from hybridgw.native import prompt_hash

NEITHER = ("regulated", "internal")


def settings(folder: Path, *boundaries: str, privacy: str = "") -> Settings:
    """Of a file with one deployment in each boundary."""
    path = folder / "hybridgw.yaml"
    entries = [
        f"- {{name: local/{one}, provider: openai, model: m, boundary: {one}, url: 'http://127.0.0.1:1/v1'}}\n"
        for one in boundaries
    ]
    path.write_text(f"privacy: {{{privacy}}}\ndeployments:\n{''.join(entries)}")
    return load(str(path), {})


@pytest.mark.parametrize(
    ("boundaries", "privacy", "unread", "lacking", "asked"),
    [
        (("external",), "", "public", NEITHER, True),
        (("external",), "mode: enforce", "public", NEITHER, False),
        (("external",), "mode: observe", "public", NEITHER, False),
        (("external",), "unknown: internal", "internal", NEITHER, True),
        (("external", "organization"), "", "internal", ("regulated",), False),
        (("external", "device"), "", "internal", (), False),
        (("external", "device"), "unknown: public", "public", (), False),
        (("device",), "unknown: regulated", "regulated", (), False),
    ],
)
def test_where_nobody_is_near(
    tmp_path: Path,
    boundaries: tuple[str, ...],
    privacy: str,
    unread: str,
    lacking: tuple[str, ...],
    asked: bool,
) -> None:
    made = settings(tmp_path, *boundaries, privacy=privacy)
    assert (unknown_level(made), unseen(made), bool(undecided(made))) == (unread, lacking, asked)


def test_a_lowered_lock_on_media_is_said(tmp_path: Path) -> None:
    made = settings(tmp_path, "device", privacy="unknown: public")
    assert ("warning", "privacy.unknown") in [(one.level, one.key) for one in made.notices]


def test_a_trusted_prompt_is_named_by_its_hash(tmp_path: Path) -> None:
    # Of `printf 'You are a nurse.' | sha256sum`.
    named = "9caefa0e3dbdd0c393b214728451ee0701a354102adf951731b87c0b01b6699f"
    assert prompt_hash(b"  You are a nurse.\n") == named
    made = settings(tmp_path, "device", privacy=f"trusted_prompts: [{named}]")
    assert made.privacy.trusted_prompts == (named,)
    with pytest.raises(ConfigError, match="trusted_prompts"):
        settings(tmp_path, "device", privacy="trusted_prompts: [You are a nurse.]")


def test_what_this_version_of_the_rules_lowers_is_written_down() -> None:
    assert rules() in LOWERED
