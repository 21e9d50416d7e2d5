from pathlib import Path

import pytest

from hybridgw.config.errors import ConfigError
from hybridgw.config.load import load
from hybridgw.config.schema import Settings
from hybridgw.host import publication
from hybridgw.host.reload import Reloader
from hybridgw.host.runtime import RuntimeInfo
from hybridgw.native import StateFile
from tests.support.host_info import make_run

FILE = """
retry: {{max_attempts: {attempts}}}
deployments:
{deployments}
"""


def text(attempts: int = 3, deployments: int = 1) -> str:
    entries = [
        f"  - {{name: local/m{n}, provider: ollama, model: 'm{n}:1b', url: 'http://127.0.0.1:11434'}}"
        for n in range(deployments)
    ]
    return FILE.format(attempts=attempts, deployments="\n".join(entries))


class Scene:
    """A configuration file in use, and the one who watches it."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "hybridgw.yaml"
        self.file.write_text(text())
        self.loads = 0
        self.info, self.state = make_run(folder, config_path=str(self.file))
        publication.publish(self.info, self.state, publication.effective(self.info, self._load()))
        self.reloader = Reloader(self.info, self.state, self.resolve)
        # The watcher finds on its first two looks what it did not load itself.
        self.reloader.look()
        self.reloader.look()
        self.loads = 0

    def _load(self) -> Settings:
        return load(self.file, {})

    def resolve(self, info: RuntimeInfo, current: Settings) -> Settings:
        self.loads += 1
        return self._load()

    @property
    def attempts(self) -> int:
        return publication.read_published(self.info, self.state).settings.retry.max_attempts


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_an_unchanged_file_is_not_loaded_again(scene: Scene) -> None:
    for _ in range(5):
        scene.reloader.look()
    assert scene.loads == 0
    assert scene.state.generation() == 1


def test_a_changed_file_is_in_use_at_the_second_look(scene: Scene) -> None:
    scene.file.write_text(text(5))
    scene.reloader.look()
    assert scene.loads == 0, "it might be half written"
    scene.reloader.look()
    assert (scene.attempts, scene.state.generation()) == (5, 2)
    scene.reloader.look()
    assert scene.loads == 1


def test_a_file_that_keeps_changing_is_left_alone_until_it_rests(scene: Scene) -> None:
    for number in range(4):
        scene.file.write_text(text(5) + "#" * number)
        scene.reloader.look()
    assert scene.loads == 0
    scene.reloader.look()
    assert scene.attempts == 5


@pytest.mark.parametrize(
    "broken",
    [
        "deployments: [",
        "no_such_key: 1",
        "deployments: {a: b}",
        "",
        "server: {port: ninety}",
        text(deployments=9),
        "\x00",
    ],
    ids=["syntax", "unknown key", "type", "empty", "value", "more than there are slots", "binary"],
)
def test_a_bad_file_leaves_everything_and_is_counted_once(scene: Scene, broken: str) -> None:
    scene.file.write_text(broken)
    for _ in range(4):
        scene.reloader.look()
    status = publication.reload_status(scene.info)
    assert (status.errors, status.reloads) == (1, 0)
    assert status.last_error
    assert scene.state.generation() == 1
    assert scene.attempts == 3


def test_a_missing_file_is_a_bad_file(scene: Scene) -> None:
    scene.file.unlink()
    for _ in range(3):
        scene.reloader.look()
    assert publication.reload_status(scene.info).errors == 1
    assert scene.state.generation() == 1


def test_a_mended_file_clears_the_error_also_when_nothing_else_changed(scene: Scene) -> None:
    before = scene.file.read_text()
    scene.file.write_text("[")
    scene.reloader.reload()
    assert publication.reload_status(scene.info).last_error
    scene.file.write_text(before)
    assert scene.reloader.reload()
    assert publication.reload_status(scene.info).last_error is None
    assert scene.state.generation() == 1


def test_a_comment_is_no_new_configuration(scene: Scene) -> None:
    scene.file.write_text(scene.file.read_text() + "# a remark\n")
    assert scene.reloader.reload()
    assert scene.state.generation() == 1


def test_what_only_a_restart_applies_is_said(scene: Scene, capfd: pytest.CaptureFixture[str]) -> None:
    scene.file.write_text(text(5) + "server: {drain: 1s, port: 99}\n")
    assert scene.reloader.reload()
    settings = publication.read_published(scene.info, scene.state).settings
    assert (settings.server.port, settings.server.drain) == (scene.info.port, scene.info.drain)
    assert "only a restart applies: server.drain" in capfd.readouterr().err


def test_a_restarted_watcher_sees_what_changed_meanwhile(scene: Scene) -> None:
    scene.file.write_text(text(5))
    again = Reloader(scene.info, scene.state, scene.resolve)
    again.look()
    again.look()
    assert scene.attempts == 5


def test_a_deployment_keeps_its_slot(scene: Scene) -> None:
    scene.file.write_text(text(deployments=3))
    assert scene.reloader.reload()
    settings = publication.read_published(scene.info, scene.state).settings
    ids = [int(one.identity, 16) for one in settings.deployments]
    slots = scene.state.reserve(ids, 2)
    assert scene.state.reserve(list(reversed(ids)), 3) == list(reversed(slots))


def test_an_error_that_nobody_foresaw_is_only_a_refusal(scene: Scene) -> None:
    def fail(*_: object) -> Settings:
        raise ZeroDivisionError("surprise")

    assert not Reloader(scene.info, scene.state, fail).reload()
    assert publication.reload_status(scene.info).last_error == "ZeroDivisionError: surprise"


def test_a_config_error_is_reported_with_its_place(scene: Scene) -> None:
    def refuse(*_: object) -> Settings:
        raise ConfigError("a.yaml:3", "server.port", "is no port", "write a number")

    assert not Reloader(scene.info, scene.state, refuse).reload()
    assert (
        publication.reload_status(scene.info).last_error
        == "a.yaml:3: server.port: is no port; write a number"
    )


def test_state_of_the_run_is_used_not_a_copy(scene: Scene) -> None:
    scene.file.write_text(text(5))
    scene.reloader.reload()
    assert StateFile.open(scene.info.state_file).generation() == 2
