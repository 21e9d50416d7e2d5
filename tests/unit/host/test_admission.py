"""What cannot be served is refused where a person looks, and room follows the plan."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from hybridgw.cli import main
from hybridgw.config.errors import ConfigError
from hybridgw.config.load import load
from hybridgw.host.admission import MOST_DEPLOYMENTS, admit, slots_for
from hybridgw.native import StateFile


def many(folder: Path, count: int) -> str:
    path = folder / "many.yaml"
    entries = (f"- model_name: m{n}\n  litellm_params: {{model: ollama/m{n}}}\n" for n in range(count))
    path.write_text("model_list:\n" + "".join(entries))
    return str(path)


def test_slots_follow_the_plan(tmp_path: Path) -> None:
    settings = load(many(tmp_path, 300), {})
    state = StateFile.anonymous(1, slots_for(settings))
    state.reserve([int(up.deployment.id, 16) for up in admit(settings).upstreams], 1)
    assert slots_for(settings) >= 600, "a reload may exchange all of them"


def test_the_bound_is_that_of_the_state_file(tmp_path: Path) -> None:
    StateFile.anonymous(1, MOST_DEPLOYMENTS)
    with pytest.raises(OSError):
        StateFile.anonymous(1, MOST_DEPLOYMENTS + 1)
    with pytest.raises(ConfigError, match="4097 deployments are more than the 4096"):
        admit(load(many(tmp_path, MOST_DEPLOYMENTS + 1), {}))


def test_check_refuses_what_serve_would(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["check", "--no-resolve", many(tmp_path, MOST_DEPLOYMENTS + 1)])
    assert result.exit_code == 2
    assert "more than the 4096" in result.stderr


def test_slots_beyond_the_bound_are_refused_with_their_line(tmp_path: Path) -> None:
    path = tmp_path / "hybridgw.yaml"
    path.write_text("state:\n  deployment_slots: 5000\ndeployments: [{provider: ollama, model: m}]\n")
    with pytest.raises(ConfigError) as caught:
        load(path, {})
    assert caught.value.where == f"{path}:2"
