"""More inputs than a backend takes at once: asked in several, answered as one."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.conftest import config
from tests.support.demo import Demo
from tests.support.gateway import Gateway
from tests.support.player import Player, whole

NAMES = ("small", "learns", "plain")


@pytest.fixture
def gateway(demo: Demo, player: Player) -> Iterator[Gateway]:
    player.requests.clear()
    deployments = [
        player.deployment(f"local/{name}", provider="vllm", model=name, mode="embedding") for name in NAMES
    ]
    deployments[0]["max_inputs"] = 2
    models = [{"name": name, "deployments": [f"local/{name}"], "retries": 0} for name in NAMES]
    deployments.append(player.deployment("local/any", provider="vllm", model="*", mode="embedding"))
    models.append({"name": "any/*", "deployments": ["local/any"], "retries": 0})
    with Gateway(config(demo, deployments=deployments, models=models)) as running:
        yield running


def vectors(*values: float) -> bytes:
    data = [{"object": "embedding", "index": at, "embedding": [value]} for at, value in enumerate(values)]
    usage = {"prompt_tokens": 10 * len(values), "total_tokens": 10 * len(values)}
    # Backends may answer in any order; `index` says which is which.
    return whole(json.dumps({"object": "list", "data": data[::-1], "model": "e", "usage": usage}).encode())


def told(player: Player) -> list[Any]:
    return [json.loads(body)["input"] for body in player.requests]


def test_order_numbers_and_usage_are_those_of_one(gateway: Gateway, player: Player) -> None:
    for values in ((0.0, 1.0), (2.0, 3.0), (4.0,)):
        player.plays(vectors(*values))
    answer = gateway.post("/v1/embeddings", {"model": "small", "input": list("abcde")})
    assert answer.status == 200, answer.body
    assert told(player) == [["a", "b"], ["c", "d"], ["e"]]
    data = answer.json["data"]
    assert [(item["index"], item["embedding"]) for item in data] == [(at, [float(at)]) for at in range(5)]
    assert answer.json["usage"] == {"prompt_tokens": 50, "total_tokens": 50}


def test_ollamas_route_too(gateway: Gateway, player: Player) -> None:
    for values in ((0.0, 1.0), (2.0,)):
        player.plays(vectors(*values))
    answer = gateway.post(
        "/api/embed", {"model": "small", "input": list("abc"), "options": {"num_thread": 1}}
    )
    assert answer.json["embeddings"] == [[0.0], [1.0], [2.0]]
    assert answer.json["prompt_eval_count"] == 30
    assert answer.headers["x-hybridgw-dropped"] == "options"


@pytest.mark.parametrize("inputs", ["one text", ["a", "b"]])
def test_what_fits_is_one_request(gateway: Gateway, player: Player, inputs: Any) -> None:
    player.plays(vectors(1.0))
    assert gateway.post("/v1/embeddings", {"model": "small", "input": inputs}).status == 200
    assert told(player) == [inputs]


@pytest.mark.parametrize(
    "words",
    [
        "batch size 5 > maximum allowed batch size 3",
        "Invalid 'input': array too long. Expected an array with maximum length 3, but got 5 instead.",
        "<400> batch size is invalid, it should not be larger than 3.: input.contents",
    ],
)
def test_the_limit_is_learnt(gateway: Gateway, player: Player, words: str) -> None:
    said = json.dumps({"error": {"message": words, "type": "invalid_request_error"}}).encode()
    head = b"HTTP/1.1 400 Bad\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(said)
    for script in (head + said, vectors(0.0, 1.0, 2.0), vectors(3.0, 4.0)):
        player.plays(script)
    asked = {"model": "learns", "input": list("abcde")}
    answer = gateway.post("/v1/embeddings", asked)
    assert answer.status == 200, answer.body
    assert [item["embedding"][0] for item in answer.json["data"]] == [0.0, 1.0, 2.0, 3.0, 4.0]
    player.requests.clear()
    for script in (vectors(0.0, 1.0, 2.0), vectors(3.0, 4.0)):
        player.plays(script)
    assert gateway.post("/v1/embeddings", asked).status == 200
    assert [len(each) for each in told(player)] == [3, 2], "known from now on"


def refusal(words: str) -> bytes:
    said = json.dumps({"error": {"message": words, "type": "invalid_request_error"}}).encode()
    head = b"HTTP/1.1 400 Bad\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(said)
    return head + said


def test_the_limit_of_one_model_of_many_is_not_that_of_the_others(gateway: Gateway, player: Player) -> None:
    for script in (
        refusal("batch size 3 > maximum allowed batch size 2"),
        *(vectors(0.0, 1.0), vectors(2.0)),
        vectors(0.0, 1.0, 2.0),
    ):
        player.plays(script)
    for model in ("any/one", "any/other"):
        assert gateway.post("/v1/embeddings", {"model": model, "input": list("abc")}).status == 200
    assert [len(each) for each in told(player)] == [3, 2, 1, 3]


def test_a_limit_with_which_nothing_is_answered_teaches_nothing(gateway: Gateway, player: Player) -> None:
    words = "batch size 3 > maximum allowed batch size 2"
    for script in (refusal(words), refusal("nor so"), vectors(0.0, 1.0, 2.0)):
        player.plays(script)
    body = {"model": "learns", "input": list("abc")}
    assert [gateway.post("/v1/embeddings", body).status for _ in range(2)] == [400, 200]
    assert [len(each) for each in told(player)] == [3, 2, 3]


@pytest.fixture
def pair(demo: Demo, player: Player) -> Iterator[tuple[Gateway, Player, Player]]:
    """Two deployments of one model, of which the first is asked first."""
    player.requests.clear()
    with Player() as second:
        first = player.deployment("local/one", provider="vllm", model="e", mode="embedding", order=1)
        other = second.deployment("local/two", provider="vllm", model="e", mode="embedding", order=2)
        first["max_inputs"], other["max_inputs"] = 2, 3
        third = second.deployment("local/odd", provider="vllm", model="f", mode="embedding", order=2)
        third["max_inputs"] = 3
        models = [
            {"name": "e", "deployments": ["local/one", "local/two"], "retries": 1},
            {"name": "mixed", "deployments": ["local/one", "local/odd"], "retries": 1},
        ]
        settings = config(demo, deployments=[first, other, third], models=models)
        with Gateway(settings) as running:
            yield running, player, second


BROKEN = b"HTTP/1.1 500 Broken\r\ncontent-length: 0\r\n\r\n"


def test_what_is_answered_is_not_asked_and_paid_again(pair: tuple[Gateway, Player, Player]) -> None:
    gateway, first, second = pair
    for script in (vectors(0.0, 1.0), vectors(2.0, 3.0), BROKEN):
        first.plays(script)
    for script in (vectors(4.0, 5.0, 6.0), vectors(7.0)):
        second.plays(script)
    answer = gateway.post("/v1/embeddings", {"model": "e", "input": list("abcdefgh")})
    assert answer.status == 200, answer.body
    assert told(first) == [["a", "b"], ["c", "d"], ["e", "f"]]
    assert told(second) == [["e", "f", "g"], ["h"]]
    data = answer.json["data"]
    assert [(item["index"], item["embedding"]) for item in data] == [(at, [float(at)]) for at in range(8)]
    assert answer.json["usage"] == {"prompt_tokens": 80, "total_tokens": 80}
    assert [(it["outcome"], it["prompt_tokens"]) for it in gateway.journal()] == [
        ("server_error", 40),
        ("success", 40),
    ]


def test_an_answer_without_all_its_vectors_is_not_kept(pair: tuple[Gateway, Player, Player]) -> None:
    gateway, first, second = pair
    for script in (vectors(0.0, 1.0), vectors(2.0)):
        first.plays(script)
    second.plays(vectors(2.0, 3.0, 4.0))
    answer = gateway.post("/v1/embeddings", {"model": "e", "input": list("abcde")})
    assert [item["embedding"][0] for item in answer.json["data"]] == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert told(second) == [["c", "d", "e"]]


def test_vectors_of_two_models_are_not_mixed(pair: tuple[Gateway, Player, Player]) -> None:
    gateway, first, second = pair
    for script in (vectors(0.0, 1.0), BROKEN, BROKEN):
        first.plays(script)
    answer = gateway.post("/v1/embeddings", {"model": "mixed", "input": list("abcd")})
    assert answer.status == 502, answer.body
    assert told(first) == [["a", "b"], ["c", "d"], ["c", "d"]]
    assert second.requests == []
    assert [it.get("prompt_tokens", 0) for it in gateway.journal()] == [20, 0]


def test_a_member_that_is_refused_is_left_out_of_all_pieces(gateway: Gateway, player: Player) -> None:
    for script in (refusal("Unrecognized request argument supplied: user"), vectors(0.0, 1.0), vectors(2.0)):
        player.plays(script)
    body = {"model": "small", "input": list("abc"), "user": "u", "drop_params": True}
    answer = gateway.post("/v1/embeddings", body)
    assert answer.status == 200, answer.body
    assert told(player) == [["a", "b"], ["a", "b"], ["c"]]
    assert ["user" in json.loads(each) for each in player.requests] == [True, False, False]


def test_a_piece_that_fails_fails_the_request(gateway: Gateway, player: Player) -> None:
    player.plays(vectors(0.0, 1.0))
    player.plays(whole(b'{"error": {"message": "odd"}}'))
    answer = gateway.post("/v1/embeddings", {"model": "small", "input": list("abc")})
    assert answer.status == 502, answer.body
