"""Which engines are asked for their load, how often, and how long their answer is believed."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hybridgw.config.load import load
from hybridgw.config.schema import Settings
from hybridgw.host.loads import LoadWatch
from hybridgw.native import StateFile
from tests.support.player import Player, whole
from tests.support.waiting import until

PAGE = whole(b'vllm:num_requests_waiting{engine="0"} 3.0\nvllm:num_requests_waiting{engine="1"} 4.0\n')
SECOND = 1_000_000_000


class Scene:
    """A state file, an engine, and who asks it."""

    def __init__(self, folder: Path, engine: Player) -> None:
        self._file = folder / "hybridgw.yaml"
        self.engine = engine
        self.state = StateFile.anonymous(1, 8)
        self.watch = LoadWatch(self.state)

    def settings(self, *deployments: dict[str, Any], **health: Any) -> Settings:
        named = [
            {**self.engine.deployment(f"local/m{n}", provider="vllm"), **told}
            for n, told in enumerate(deployments)
        ]
        interval = {"interval": "10s", "timeout": "1s", **health}
        self._file.write_text(json.dumps({"health": interval, "deployments": named}))
        settings = load(self._file, {})
        self.state.reserve([int(entry.identity, 16) for entry in settings.deployments], 1)
        return settings

    def look(self, settings: Settings) -> None:
        """One turn, to its end."""
        self.watch.look(settings)
        if self.watch.thread is not None:
            self.watch.thread.join(10)

    def waiting(self, settings: Settings, later: float = 0.0) -> list[int | None]:
        cells = self.state.snapshot(time.monotonic_ns() + int(later * SECOND))["deployments"]
        return [cells[int(entry.identity, 16)]["waiting"] for entry in settings.deployments]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with Player() as engine:
        yield Scene(tmp_path, engine)


def test_an_answer_is_believed_for_a_few_intervals(scene: Scene) -> None:
    settings = scene.settings({})
    assert scene.waiting(settings) == [None]
    scene.engine.plays(PAGE)
    scene.look(settings)
    assert scene.engine.heads[0].startswith(b"GET /metrics HTTP/1.0\r\n")
    assert scene.waiting(settings) == [7]
    assert scene.waiting(settings, later=32) == [7]
    assert scene.waiting(settings, later=34) == [None]
    scene.look(settings)
    assert len(scene.engine.heads) == 1, "it was not due again"


def test_models_of_one_server_share_an_answer(scene: Scene) -> None:
    settings = scene.settings({"model": "a"}, {"model": "b"})
    scene.engine.plays(PAGE)
    scene.look(settings)
    assert (scene.waiting(settings), len(scene.engine.heads)) == ([7, 7], 1)


def test_a_prefix_of_the_server_stays(scene: Scene) -> None:
    settings = scene.settings({"url": f"http://127.0.0.1:{scene.engine.port}/gpu/v1"})
    scene.engine.plays(PAGE)
    scene.look(settings)
    assert scene.engine.heads[0].startswith(b"GET /gpu/metrics HTTP/1.0\r\n")


@pytest.mark.parametrize(
    "answer",
    [
        whole(b"no metrics"),
        PAGE.replace(b"200 OK", b"500 Internal Server Error"),
        PAGE[:-9],
        b"\xff" * 100,
        b"",
    ],
)
def test_what_is_no_answer_is_no_news(scene: Scene, answer: bytes) -> None:
    settings = scene.settings({}, interval="1ms")
    scene.engine.plays(PAGE)
    scene.look(settings)
    scene.engine.plays(answer)
    time.sleep(0.01)
    scene.look(settings)
    assert len(scene.engine.heads) == 2
    assert scene.waiting(settings) == [7]


def test_an_engine_that_does_not_answer_holds_up_nothing(scene: Scene) -> None:
    settings = scene.settings({}, timeout="300ms")
    scene.engine.plays("hold")
    began = time.monotonic()
    scene.watch.look(settings)
    assert time.monotonic() - began < 0.25
    until(lambda: scene.engine.left == 1)
    assert scene.waiting(settings) == [None]


def test_others_are_not_asked(scene: Scene) -> None:
    settings = scene.settings(
        {"provider": "openai_compatible"},
        {"boundary": "external", "tier": "cloud"},
        {"url": f"https://127.0.0.1:{scene.engine.port}/v1"},
    )
    scene.look(settings)
    scene.look(scene.settings({}, enabled=False))
    assert scene.engine.heads == []
