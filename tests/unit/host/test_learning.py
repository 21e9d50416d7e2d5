"""What a round of questions finds is published; a file is never read for it, and silence is no news."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from hybridgw.config.discover import Ports, discover
from hybridgw.config.errors import ConfigError
from hybridgw.config.load import load
from hybridgw.config.schema import EngineFacts, LogSettings, Settings
from hybridgw.host import learning, publication
from hybridgw.host.learning import Learner, asked_again
from hybridgw.host.reload import Reloader
from hybridgw.host.runtime import RuntimeInfo, ask_again
from tests.support.host_info import make_run
from tests.support.ollama_engine import Model, OllamaEngine

FILE = """deployments:
  - {name: local/m, provider: ollama, model: %s, url: 'http://127.0.0.1:%d%s', tier: local}
"""


@pytest.fixture
def engine() -> Iterator[OllamaEngine]:
    with OllamaEngine({"m:latest": Model(trained=2048)}) as running:
        yield running


class Scene:
    """A run whose settings are in use, and who keeps them up to date."""

    def __init__(self, folder: Path, settings: Settings, config: Path | None = None) -> None:
        self.info, self.state = make_run(folder, config_path=None if config is None else str(config))
        publication.publish(self.info, self.state, publication.effective(self.info, settings))
        self.reloader = Reloader(self.info, self.state, lambda *_: pytest.fail("nobody reads a file"))
        self.rounds = 0
        self.learner = Learner(self.info, self.reloader, self.ask)

    def ask(self, info: RuntimeInfo, settings: Settings) -> Settings:
        self.rounds += 1
        return asked_again(info, settings)

    def round(self) -> None:
        """One round to its end, and what comes of it."""
        ask_again(self.info)
        self.learner.look()
        assert self.learner.thread is not None
        self.learner.thread.join()
        self.learner.look()

    @property
    def published(self) -> Settings:
        return publication.read_published(self.info, self.state).settings


def of_file(folder: Path, port: int, url: str = "", model: str = "m") -> Scene:
    file = folder / "hybridgw.yaml"
    file.write_text(FILE % (model, port, url))
    settings = load(str(file), {})
    file.write_text("half: [")
    return Scene(folder, settings, file)


def test_facts_are_published_and_only_when_they_differ(tmp_path: Path, engine: OllamaEngine) -> None:
    scene = of_file(tmp_path, engine.port)
    assert scene.published.engines == {}
    scene.round()
    (facts,) = scene.published.engines.values()
    assert (facts.trained, facts.thinking, facts.vision, facts.embeds) == (2048, False, False, False)
    assert scene.state.generation() == 2
    shown = sum(it.path == "/api/show" for it in engine.asked)
    scene.round()
    assert (scene.rounds, scene.state.generation()) == (2, 2)
    assert sum(it.path == "/api/show" for it in engine.asked) == shown == 1
    engine.models["m:latest"] = Model(trained=4096, can=("completion", "thinking"), digest="d2")
    scene.round()
    (facts,) = scene.published.engines.values()
    assert (facts.trained, facts.thinking) == (4096, True)


def test_a_model_that_comes_into_memory_is_published_and_told_to_nobody(
    tmp_path: Path, engine: OllamaEngine, capfd: pytest.CaptureFixture[str]
) -> None:
    scene = of_file(tmp_path, engine.port)
    engine.loaded["m:latest"] = 2048
    scene.round()
    assert "engines say something new" in capfd.readouterr().err
    for there in (False, True):
        engine.loaded.clear()
        if there:
            engine.loaded["m:latest"] = 2048
        scene.round()
        (facts,) = scene.published.engines.values()
        assert facts.resident is there
    assert "engines say" not in capfd.readouterr().err


@pytest.mark.parametrize("url", ["", "/v1"])
def test_a_name_that_an_engine_passes_on_by_now_becomes_external(
    tmp_path: Path, engine: OllamaEngine, url: str
) -> None:
    """Made at the engine itself (`/api/create`, `/api/copy`), while the gateway serves."""
    scene = of_file(tmp_path, engine.port, url)
    scene.round()
    assert [entry.boundary for entry in scene.published.deployments] == ["device"]
    engine.models["m:latest"] = Model(remote="https://ollama.com:443")
    scene.round()
    assert [entry.boundary for entry in scene.published.deployments] == ["external"]
    generation, notices = scene.state.generation(), scene.published.notices
    scene.round()
    assert (scene.state.generation(), scene.published.notices) == (generation, notices)
    engine.__exit__(None, None, None)
    scene.round()
    assert [entry.boundary for entry in scene.published.deployments] == ["external"], "silence is no news"
    engine.__enter__()


def test_names_behind_a_pattern_that_are_passed_on_are_known_after_a_round(
    tmp_path: Path, engine: OllamaEngine
) -> None:
    scene = of_file(tmp_path, engine.port, model="'*'")
    for models, told in (
        ({"m:latest": Model()}, ()),
        ({"m:latest": Model(), "Far:latest": Model(remote="https://ollama.com")}, ("far",)),
        ({"m:latest": Model(), "far:latest": Model()}, ()),
        ({"m:latest": Model(remote="https://ollama.com")}, ("m",)),
    ):
        engine.models = models
        scene.round()
        assert [entry.relayed for entry in scene.published.deployments] == [told]
    engine.__exit__(None, None, None)
    scene.round()
    assert [entry.relayed for entry in scene.published.deployments] == [("m",)]
    engine.__enter__()


def test_an_engine_that_is_gone_leaves_what_was_known(tmp_path: Path, engine: OllamaEngine) -> None:
    scene = of_file(tmp_path, engine.port)
    scene.round()
    before = scene.published.engines
    engine.__exit__(None, None, None)
    scene.round()
    assert scene.published.engines == before != {}
    engine.__enter__()


def test_a_round_waits_for_its_turn(tmp_path: Path, engine: OllamaEngine) -> None:
    scene = of_file(tmp_path, engine.port)
    scene.round()
    for _ in range(3):
        scene.learner.look()
    assert scene.rounds == 1


def test_a_round_that_a_reload_overtook_is_forgotten(tmp_path: Path, engine: OllamaEngine) -> None:
    scene = of_file(tmp_path, engine.port)
    scene.learner.look()
    assert scene.learner.thread is not None
    scene.learner.thread.join()
    other = msgspec.structs.replace(scene.reloader.settings, log=LogSettings(level="debug"))
    scene.reloader.settings = other
    scene.learner.look()
    assert scene.state.generation() == 1


def test_a_failed_round_is_said_and_forgotten(
    tmp_path: Path, engine: OllamaEngine, capfd: pytest.CaptureFixture[str]
) -> None:
    scene = of_file(tmp_path, engine.port)

    def fails(info: RuntimeInfo, settings: Settings) -> Settings:
        raise ConfigError("environment", "X", "is wrong", "mend it")

    scene.learner = Learner(scene.info, scene.reloader, fails)
    scene.round()
    assert "engines were not asked" in capfd.readouterr().err
    assert scene.state.generation() == 1


def test_the_search_goes_on(tmp_path: Path, engine: OllamaEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """New models and engines are found; one that is silent keeps its models; the demo gives way."""
    ports = Ports(ollama=(engine.port,), llama_server=(), vllm=(), lm_studio=(), litert_lm=())

    def search(allow_cloud: bool, before: Settings | None = None, *, keep_silent: bool = False) -> Settings:
        return discover({}, 2.0, ports=ports, before=before, keep_silent=keep_silent)

    monkeypatch.setattr(learning, "discovered", search)
    demo = discover({}, 0.1, ports=msgspec.structs.replace(ports, ollama=()))
    demo = msgspec.structs.replace(demo, source=msgspec.structs.replace(demo.source, kind="demo"))
    scene = Scene(tmp_path, demo)
    scene.round()
    assert [it.name for it in scene.published.deployments] == ["local/m:latest"]
    engine.models["n:1b"] = Model(can=("embedding",))
    engine.loaded["m:latest"] = 2048
    scene.round()
    assert {it.model: it.mode for it in scene.published.deployments} == {
        "m:latest": "chat", "n:1b": "embedding",
    }  # fmt: skip
    engine.__exit__(None, None, None)
    before = scene.published
    scene.round()
    assert scene.published == before
    engine.__enter__()


def test_the_model_used_last_stays_first(engine: OllamaEngine) -> None:
    ports = Ports(ollama=(engine.port,), llama_server=(), vllm=(), lm_studio=(), litert_lm=())
    engine.models |= {"a:1": Model(), "b:1": Model()}
    engine.loaded.update({"m:latest": 1, "b:1": 1})
    found = discover({}, 2.0, ports=ports)
    assert [it.model for it in found.deployments] == ["b:1", "m:latest", "a:1"]
    engine.loaded.clear()
    again = discover({}, 2.0, ports=ports, before=found)
    assert [it.model for it in again.deployments] == ["b:1", "m:latest", "a:1"]
    assert isinstance(next(iter(again.engines.values())), EngineFacts)
