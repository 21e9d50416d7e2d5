"""Whose fault a failure is: what is about one request, one key or one limit closes nothing for others."""

import json

from tests.support.demo import Demo
from tests.support.gateway import Gateway
from tests.support.player import ANSWER, Player, whole

CHAT = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}


def gateway_of(first: Player, *more: dict[str, object], **model: object) -> Gateway:
    """The played deployment before others, with the breaker as it is by default."""
    deployments = [first.deployment(), *more]
    names = [deployment["name"] for deployment in deployments]
    return Gateway(
        {
            "deployments": deployments,
            "health": {"enabled": False},
            "models": [{"name": "m", "deployments": names, "retries": 0, **model}],
        }
    )


def test_a_clients_own_limit_is_nobodys_fault(player: Player, demo: Demo) -> None:
    with gateway_of(player, demo.deployment("private")) as gateway:
        for _ in range(8):
            player.plays("hold")
            answer = gateway.post("/v1/chat/completions", {**CHAT, "timeout": 0.03})
            assert (answer.status, answer.json["error"]["code"]) == (504, "client_timeout"), answer.body
            assert "`timeout`: 0.03 s" in answer.json["error"]["message"]
        player.forget()
        player.plays(whole(ANSWER))
        answer = gateway.post("/v1/chat/completions", CHAT)
        assert answer.headers["x-hybridgw-tier"] == "local"
        assert not demo.requests("private")


def test_a_firewalls_page_closes_nothing(player: Player) -> None:
    with gateway_of(player) as gateway:
        for _ in range(6):
            player.plays(whole(b"<html>blocked</html>", "403 Forbidden"))
            assert gateway.post("/v1/chat/completions", CHAT).status == 400
            player.plays(whole(ANSWER))
            assert gateway.post("/v1/chat/completions", CHAT).status == 200


def test_a_missing_model_is_the_deployments_fault_and_shown(player: Player, demo: Demo) -> None:
    with gateway_of(player, demo.deployment("private")) as gateway:
        for error in ("model 'played' not found", '"played" does not support chat'):
            status = "404 Not Found" if "found" in error else "400 Bad Request"
            player.plays(whole(json.dumps({"error": error}).encode(), status))
            answer = gateway.post("/v1/chat/completions", CHAT)
            assert (answer.status, answer.headers["x-hybridgw-tier"]) == (200, "private")
            shown = {one["name"]: one["degraded"] for one in gateway.get("/health").json["deployments"]}
            assert "does not have the configured model" in shown["local/m"]
            assert shown["private/m"] is None
        player.plays(whole(ANSWER))
        assert gateway.post("/v1/chat/completions", CHAT).headers["x-hybridgw-tier"] == "local"
        assert gateway.get("/health").json["deployments"][0]["degraded"] is None


def test_a_spend_limit_is_told_as_one_and_rests_the_credential(player: Player) -> None:
    body = {"error": {"message": "You reached your spend limit.", "code": "insufficient_quota"}}
    player.requests.clear()
    with gateway_of(player) as gateway:
        for asked in (1, 2, 2, 2):
            player.plays(whole(json.dumps(body).encode(), "429 Too Many Requests", "retry-after: 120"))
            answer = gateway.post("/v1/chat/completions", CHAT)
            assert (answer.status, answer.headers["x-should-retry"]) == (429, "false")
            assert answer.json["error"]["code"] == "insufficient_quota"
            assert "spend limit" in answer.json["error"]["message"]
            assert len(player.requests) == asked
        player.forget()
        answer = gateway.post("/v1/messages", {**CHAT, "max_tokens": 5})
        assert (answer.status, answer.headers["x-should-retry"]) == (429, "false")
        assert answer.json["error"]["type"] == "rate_limit_error"
        assert len(player.requests) == 2


def test_one_of_two_models_of_a_key_is_not_tried_after_its_credential_failed(player: Player) -> None:
    other = player.deployment("private/m", api_key="sk-0123456789")
    player.requests.clear()
    with Gateway(
        {
            "deployments": [player.deployment(api_key="sk-0123456789"), other],
            "models": [{"name": "m", "deployments": ["local/m", "private/m"]}],
        }
    ) as gateway:
        player.plays(whole(b'{"error":{"message":"no"}}', "401 Unauthorized"))
        answer = gateway.post("/v1/chat/completions", CHAT)
        assert (answer.status, answer.json["error"]["code"]) == (502, "upstream_auth")
        assert len(player.requests) == 1


def test_one_failure_is_tried_again_where_it_happened_before_another_model_is_asked() -> None:
    failures = (
        ("500 Internal Server Error",),
        ("429 Too Many Requests",),
        ("429 Too Many Requests", "retry-after: 1"),
    )
    with Player() as first, Player() as other:
        deployments = [first.deployment(), other.deployment("private/f")]
        models = [
            {"name": "m", "deployments": ["local/m"], "retries": 2, "fallbacks": ["f"]},
            {"name": "f", "deployments": ["private/f"]},
        ]
        settings = {"health": {"enabled": False}, "deployments": deployments, "models": models}
        for status, *headers in failures:
            with Gateway(settings) as gateway:
                first.plays(whole(b'{"error":{"message":"x"}}', status, *headers))
                first.plays(whole(ANSWER))
                answer = gateway.post("/v1/chat/completions", CHAT)
                assert (answer.status, answer.headers["x-hybridgw-tier"]) == (200, "local")
        assert not other.requests
