"""What an Ollama does with its model files for a client ends when the client leaves."""

import json
from collections.abc import Iterator

import pytest

from tests.support.gateway import Gateway
from tests.support.player import Player, whole
from tests.support.waiting import until

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\nconnection: close\r\n\r\n"
LINE = b'{"status":"pulling"}\n'
JSON = {"content-type": "application/json"}
ASKED = [
    ("POST", "/api/pull", {"model": "new"}),
    ("POST", "/api/create", {"model": "mine", "from": "m"}),
    ("POST", "/api/copy", {"source": "m", "destination": "twin"}),
    ("DELETE", "/api/delete", {"model": "m"}),
]


@pytest.fixture
def engine() -> Iterator[Player]:
    with Player() as player:
        player.model_list = whole(b'{"models":[{"name":"m:latest"}]}')
        yield player


@pytest.fixture
def gateway(engine: Player) -> Iterator[Gateway]:
    entry = engine.deployment(provider="ollama", model="m", url=f"http://127.0.0.1:{engine.port}")
    with Gateway({"deployments": [entry]}) as running:
        yield running


@pytest.mark.parametrize(("method", "path", "body"), ASKED)
@pytest.mark.parametrize("begun", [False, True], ids=["silent", "begun"])
def test_a_client_that_leaves_ends_it_at_the_engine(
    gateway: Gateway, engine: Player, method: str, path: str, body: dict[str, str], begun: bool
) -> None:
    engine.plays(*((HEAD + LINE, 0.1, LINE) if begun else ()), "hold")
    connection = gateway.connect()
    connection.request(method, path, json.dumps(body), JSON)
    until(lambda: len(engine.requests) == 1)
    if begun:
        assert connection.getresponse().status == 200
    assert engine.left == 0
    connection.close()
    until(lambda: engine.left == 1)
    # Nothing is left of it, and the next one is served.
    engine.plays(HEAD + LINE)
    answer = gateway.request(method, path, json.dumps(body).encode(), JSON)
    assert (answer.status, answer.body) == (200, LINE)


def test_a_gateway_that_stops_says_so(engine: Player) -> None:
    entry = engine.deployment(provider="ollama", model="m", url=f"http://127.0.0.1:{engine.port}")
    with Gateway({"deployments": [entry], "server": {"drain": "200ms"}}) as gateway:
        engine.plays(HEAD + LINE, 0.1, LINE, "hold")
        connection = gateway.connect()
        connection.request("POST", "/api/pull", b'{"model":"new"}', JSON)
        response = connection.getresponse()
        assert response.status == 200
        assert gateway.process is not None
        gateway.process.terminate()
        last = response.read().splitlines()[-1]
        connection.close()
        assert "stopping" in json.loads(last)["error"]
        until(lambda: engine.left == 1)
