"""Models that a local Ollama passes on to a cloud are external, whatever they are called."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest

from hybridgw.config.load import load
from hybridgw.config.relays import bare_name, relayed_models, without_relays
from hybridgw.config.schema import Settings
from hybridgw.routing.plan import Plan
from tests.support.player import Player, whole
from tests.support.waiting import free_port

TAGS = {
    "models": [
        {"name": "own:latest"},
        {"name": "Copied:latest", "remote_host": "https://ollama.com:443", "remote_model": "gpt-oss:120b"},
        {"model": "other:7b", "remote_host": "https://ollama.com"},
        {"remote_host": "https://ollama.com"},
        7,
    ]
}


@contextmanager
def settings(tmp_path: Any, port: int, *models: str) -> Iterator[Settings]:
    path = tmp_path / "hybridgw.json"
    deployments = [
        {"name": f"local/{model}", "provider": "ollama", "model": model, "url": f"http://127.0.0.1:{port}"}
        for model in models
    ]
    path.write_text(json.dumps({"deployments": deployments}))
    yield load(str(path), {})


def boundaries(found: Settings) -> list[str]:
    return [entry.boundary for entry in found.deployments]


def test_names_of_relayed_models() -> None:
    assert relayed_models(TAGS) == {"copied", "other:7b"}


@pytest.mark.parametrize(
    "name",
    [
        "m",
        "M:latest",
        "library/m",
        "registry.ollama.ai/library/m:latest",
        "https://Registry.ollama.ai/library/m",
    ],
)
def test_all_names_that_an_engine_takes_for_one_model_are_one(name: str) -> None:
    assert bare_name(name) == "m"


@pytest.mark.parametrize("name", ["hf.co/library/m", "someone/m", "m:7b", "library/m:7b"])
def test_other_names_are_other_models(name: str) -> None:
    assert bare_name(name) != "m"


@pytest.mark.parametrize(
    "odd", [None, 7, [], {}, {"models": 7}, {"models": [{"remote_host": "x", "name": 7}]}]
)
def test_odd_lists_tell_nothing(odd: object) -> None:
    assert relayed_models(odd) == frozenset()


def test_a_copy_of_a_cloud_model_becomes_external(tmp_path: Any) -> None:
    with Player() as engine, settings(tmp_path, engine.port, "own", "copied", "other:7b") as loaded:
        assert boundaries(loaded) == ["device"] * 3
        engine.plays(whole(json.dumps(TAGS).encode()))
        found = without_relays(loaded, timeout=2.0)
    assert boundaries(found) == ["device", "external", "external"]
    assert [notice.key for notice in found.notices[-2:]] == ["local/copied", "local/other:7b"]
    assert [entry.identity for entry in found.deployments] == [entry.identity for entry in loaded.deployments]


def test_an_engine_that_is_down_brings_nothing_nearer(tmp_path: Any) -> None:
    with settings(tmp_path, free_port(), "own", "copied") as loaded:
        known = msgspec.structs.replace(
            loaded,
            deployments=(
                loaded.deployments[0],
                msgspec.structs.replace(loaded.deployments[1], boundary="external"),
            ),
        )
        assert boundaries(without_relays(loaded)) == ["device", "device"]
        assert boundaries(without_relays(loaded, known)) == ["device", "external"]


def test_names_that_tell_need_no_question(tmp_path: Any) -> None:
    with settings(tmp_path, free_port(), "gpt-oss:120b-cloud", "qwen3:cloud") as loaded:
        assert boundaries(loaded) == ["external", "external"]
        assert without_relays(loaded) is loaded


def test_one_for_any_model_is_told_what_to_refuse(tmp_path: Any) -> None:
    with Player() as engine, settings(tmp_path, engine.port, "*") as loaded:
        engine.plays(whole(json.dumps(TAGS).encode()))
        found = without_relays(loaded, timeout=2.0)
    assert boundaries(found) == ["device"]
    with settings(tmp_path, free_port(), "*") as down:
        assert without_relays(down) is down
        same = msgspec.structs.replace(down.deployments[0], relayed=("copied",))
        again = without_relays(down, msgspec.structs.replace(down, deployments=(same,)))
        assert again.deployments[0].relayed == ("copied",), "while it is down, what was known holds on"
    relays = Plan(found, 1).upstreams[0].relays
    assert relays is not None
    refused = ("copied", "Copied:latest", "OTHER:7b", "gpt-oss:120b-cloud")
    assert [relays(name) for name in (*refused, "own", "copied:7b")] == [True] * 4 + [False] * 2
