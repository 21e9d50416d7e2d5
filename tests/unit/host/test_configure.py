"""A reload that would open the gateway, or leave nobody who answers, is refused; a restart may do both."""

from pathlib import Path

import pytest

from hybridgw.config.errors import ConfigError
from hybridgw.config.load import load
from hybridgw.config.schema import Settings
from hybridgw.host.configure import check_reload

DEPLOYMENT = "deployments: [{name: local/a, provider: ollama, model: a}]\n"
GUARDED = "auth: {master_key: sk-one}\n"
LITELLM = """\
model_list:
- {model_name: a, litellm_params: {model: ollama/a}}
general_settings:
  master_key: sk-one
"""


def settings(folder: Path, text: str) -> Settings:
    path = folder / "hybridgw.yaml"
    path.write_text(text)
    return load(path, {})


@pytest.mark.parametrize(
    ("before", "after", "lost"),
    [
        (GUARDED + DEPLOYMENT, DEPLOYMENT, "auth.master_key"),
        (LITELLM, LITELLM.partition("general_settings")[0], "auth.master_key"),
        ("auth: {master_key: '${NOT_SET_HERE}'}\n" + DEPLOYMENT, DEPLOYMENT, "auth.master_key"),
        (DEPLOYMENT, "deployments: []\n", "deployments"),
        (GUARDED + DEPLOYMENT, GUARDED, "deployments"),
        (LITELLM, "model_list: []\ngeneral_settings: {master_key: sk-one}\n", "deployments"),
    ],
)
def test_what_is_lost_in_a_reload_is_named(tmp_path: Path, before: str, after: str, lost: str) -> None:
    first, second = settings(tmp_path, before), settings(tmp_path, after)
    with pytest.raises(ConfigError) as refused:
        check_reload(first, second)
    assert refused.value.key == lost
    assert "restart" in str(refused.value)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (GUARDED + DEPLOYMENT, GUARDED.replace("one", "two") + DEPLOYMENT),
        (DEPLOYMENT, GUARDED + DEPLOYMENT),
        (GUARDED + DEPLOYMENT, "auth: {master_key: '${NOT_SET_HERE}'}\n" + DEPLOYMENT),
        (GUARDED, GUARDED + DEPLOYMENT),
        ("deployments: []\n", "deployments: []\n"),
    ],
)
def test_other_changes_are_taken(tmp_path: Path, before: str, after: str) -> None:
    check_reload(settings(tmp_path, before), settings(tmp_path, after))
