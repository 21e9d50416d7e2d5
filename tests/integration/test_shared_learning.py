"""What one worker learnt of a backend, all workers know."""

import json
import time

import pytest

from tests.support.gateway import Gateway
from tests.support.player import ANSWER, Player, whole

NOT_FOUND = whole(b'{"detail":"Not Found"}').replace(b"200 OK", b"404 Not Found", 1)
TOO_MANY = whole(
    json.dumps({"error": {"message": "batch size 3 > maximum allowed batch size 2", "type": "x"}}).encode()
).replace(b"200 OK", b"400 Bad Request", 1)


def gateway(player: Player, **deployment: str) -> Gateway:
    config = {
        "deployments": [player.deployment(**deployment)],
        "models": [{"name": "m", "deployments": ["local/m"], "retries": 0}],
    }
    return Gateway(config, workers=3)


def vectors(count: int) -> bytes:
    data = [{"object": "embedding", "index": at, "embedding": [0.5]} for at in range(count)]
    return whole(json.dumps({"object": "list", "data": data, "model": "e"}).encode())


def test_how_many_inputs_a_backend_takes() -> None:
    with Player() as player, gateway(player, provider="vllm", mode="embedding") as running:
        for script in (TOO_MANY, *[vectors(2), vectors(1)] * 9):
            player.plays(script)
        body = {"model": "m", "input": ["a", "b", "c"]}
        # Each request comes over a connection of its own, which any worker may accept.
        assert [running.post("/v1/embeddings", body).status for _ in range(9)] == [200] * 9
        assert [len(json.loads(each)["input"]) for each in player.requests] == [3, *[2, 1] * 9]


def test_that_a_server_has_no_responses() -> None:
    with Player() as player, gateway(player, provider="openai", api_key="key-012345") as running:
        for script in (NOT_FOUND, *[whole(ANSWER)] * 9):
            player.plays(script)
        answers = [running.post("/v1/responses", {"model": "m", "input": "x"}) for _ in range(9)]
        assert [answer.status for answer in answers] == [200] * 9
        paths = [head.split(b" ")[1] for head in player.heads]
        assert paths == [b"/v1/responses", *[b"/v1/chat/completions"] * 9]


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages", "/api/chat"])
def test_no_more_requests_at_once_than_the_host_may_serve(path: str) -> None:
    with Player() as player:
        config = {
            "server": {"max_parallel": 1},
            "deployments": [player.deployment()],
            "models": [{"name": "m", "deployments": ["local/m"], "retries": 0}],
        }
        body = {
            "model": "m",
            "max_tokens": 9,
            "stream": False,
            "messages": [{"role": "user", "content": "x"}],
        }
        with Gateway(config, workers=2) as running:
            player.plays("hold")
            held = running.connect()
            held.request("POST", path, json.dumps(body), {"content-type": "application/json"})
            while not player.requests:
                time.sleep(0.01)
            refused = [running.post(path, body) for _ in range(6)]
            assert [answer.status for answer in refused] == [429] * 6, "whichever worker accepts"
            assert {answer.headers["retry-after"] for answer in refused} == {"1"}
            assert b"server.max_parallel" in refused[0].body
            if path == "/v1/messages":
                assert refused[0].json["error"]["type"] == "rate_limit_error"
            assert running.get("/health/liveliness").status == 200
            held.close()
            while not player.left:
                time.sleep(0.01)
            player.plays(whole(ANSWER))
            while (answer := running.post(path, body)).status == 429:
                time.sleep(0.01)
            assert answer.status == 200


def test_lines_for_machines_are_objects_one_by_one() -> None:
    with Player() as player:
        config = {
            "log": {"json": True, "level": "debug"},
            "deployments": [player.deployment()],
            "models": [{"name": "m", "deployments": ["local/m"], "retries": 0}],
        }
        body = {"model": "m", "messages": [{"role": "user", "content": "a secret of mine"}]}
        with Gateway(config) as running:
            player.plays(whole(b'{"error":{"message":"odd"}}').replace(b"200 OK", b"500 Odd", 1))
            assert running.post("/v1/chat/completions", body).status == 502
            log = running.log()
        lines = [json.loads(line) for line in log.splitlines()]
        assert all(line.keys() == {"time", "level", "component", "message"} for line in lines)
        said = [line["message"] for line in lines if line["level"] == "debug"]
        assert said == [
            "attempt 1 at local/m failed: SERVER_ERROR, status 500",
            "CHAT is answered with 502 upstream_error",
        ]
        assert "secret" not in log
