"""Messages through a running gateway: translated, passed through, counted, refused in its own words."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.conftest import FAST
from tests.support.gateway import Answer, Gateway
from tests.support.player import Player, whole

ANSWER = json.dumps(
    {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "played",
        "content": [{"type": "text", "text": "Hi"}], "stop_reason": "end_turn", "stop_sequence": None,
        "usage": {"input_tokens": 10, "output_tokens": 7},
    }
).encode()  # fmt: skip
ASKED: dict[str, Any] = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "Hello"}]}


@pytest.fixture(scope="module")
def gateway(player: Player) -> Iterator[Gateway]:
    deployment = player.deployment("cloud/claude", provider="anthropic", api_key="sk-ant-of-ours")
    limited = player.deployment("cloud/small", provider="anthropic", api_key="sk-x", boundary="external")
    with Gateway(
        {
            "auth": {"master_key": "sk-gateway"},
            "timeouts": FAST,
            "breaker": {"enabled": False},
            "health": {"enabled": False},
            "deployments": [deployment, limited],
            "models": [
                {"name": "m", "deployments": ["cloud/claude"], "retries": 0},
                {"name": "far", "deployments": ["cloud/small"], "retries": 0},
            ],
        }
    ) as running:
        yield running


def ask(gateway: Gateway, body: Any, path: str = "/v1/messages", key: str = "sk-gateway") -> Answer:
    return gateway.post(path, body, {"authorization": f"Bearer {key}"})


def error(answer: Answer) -> tuple[int, str, str]:
    told = answer.json
    assert told["type"] == "error"
    return answer.status, told["error"]["type"], told["error"]["message"]


@pytest.mark.parametrize("path", ["/v1/messages", "/messages", "/v1/messages?beta=true"])
def test_bytes_pass_through(player: Player, gateway: Gateway, path: str) -> None:
    player.plays(whole(ANSWER))
    answer = ask(gateway, b'{"model":"m",  "max_tokens":9, "messages":[{"role":"user","content":"a"}]}', path)
    assert (answer.status, answer.body) == (200, ANSWER)
    sent = b'{"model":"played",  "max_tokens":9, "messages":[{"role":"user","content":"a"}]}'
    assert player.requests[-1] == sent


def test_own_thoughts_do_not_pass(player: Player, gateway: Gateway) -> None:
    """Case D18."""
    player.plays(whole(ANSWER))
    thought = {"type": "thinking", "thinking": "hm", "signature": "hgw1:ab"}
    turn = {"role": "assistant", "content": [thought, {"type": "text", "text": "a"}]}
    assert ask(gateway, {**ASKED, "messages": [*ASKED["messages"], turn]}).status == 200
    assert json.loads(player.requests[-1])["messages"][1]["content"] == [{"type": "text", "text": "a"}]


@pytest.mark.parametrize("path", ["/v1/messages/count_tokens", "/messages/count_tokens?beta=true"])
def test_tokens_are_counted_here(player: Player, gateway: Gateway, path: str) -> None:
    """Case D17."""
    before = len(player.requests)
    short = ask(gateway, {"model": "m", "messages": ASKED["messages"]}, path)
    long = ask(gateway, {**ASKED, "messages": [{"role": "user", "content": "word " * 500}]}, path)
    assert (short.status, short.headers["x-hybridgw-estimated"]) == (200, "true")
    assert short.json.keys() == {"input_tokens"}
    assert 0 < short.json["input_tokens"] < 50 < 400 < long.json["input_tokens"]
    assert len(player.requests) == before


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages/count_tokens"])
@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        (b"nonsense", 400, "invalid_request_error"),
        (b'{"model":"m"}', 400, "invalid_request_error"),
        ({**ASKED, "model": "nope"}, 404, "not_found_error"),
    ],
)
def test_refusals(gateway: Gateway, path: str, body: Any, status: int, kind: str) -> None:
    assert error(ask(gateway, body, path))[:2] == (status, kind)


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages/count_tokens"])
def test_a_caller_without_a_key(gateway: Gateway, path: str) -> None:
    assert error(ask(gateway, ASKED, path, "sk-wrong"))[:2] == (401, "authentication_error")
    assert gateway.post(path, ASKED, {"x-api-key": "sk-gateway"}).status != 401
