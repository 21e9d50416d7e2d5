"""What the gateway adds to a request, or puts in other words, never makes it fail; what is its own stays."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.conftest import config
from tests.integration.test_faults import CHAT, STREAM
from tests.support.demo import Demo
from tests.support.gateway import Gateway
from tests.support.player import ANSWER, STREAM_HEAD, Player, whole

PATH = "/v1/chat/completions"
EVENTS = (
    b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]}\n\n'
    b'data: {"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
)


def refusal(message: str, *, status: int = 400, **more: Any) -> bytes:
    body = json.dumps({"error": {"message": message, **more}}).encode()
    return b"HTTP/1.1 %d Bad\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (
        status, len(body), body,
    )  # fmt: skip


def by_place(name: str) -> bytes:
    body = json.dumps({"detail": [{"type": "extra_forbidden", "loc": ["body", name], "msg": "Extra inputs"}]})
    return b"HTTP/1.1 422 Bad\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (
        len(body), body.encode(),
    )  # fmt: skip


@pytest.fixture
def gateway(demo: Demo, player: Player) -> Iterator[Gateway]:
    names = ("vllm", "openai", "lenient", "anthropic")
    deployments = [
        player.deployment(f"local/{name}", provider=name, model=name, api_key="key-012345")
        for name in names
        if name != "lenient"
    ]
    defaults = {"defaults": {"temperature": 0.5}}
    deployments.append(player.deployment("local/lenient", provider="vllm", model="lenient") | defaults)
    models = [{"name": name, "deployments": [f"local/{name}"], "retries": 0} for name in names]
    deployments.append(player.deployment("local/any", provider="vllm", model="*"))
    models.append({"name": "any/*", "deployments": ["local/any"], "retries": 0})
    with Gateway(config(demo, deployments=deployments, models=models), workers=2) as running:
        yield running


def answers(player: Player, *scripts: bytes) -> None:
    player.requests.clear()
    for script in scripts:
        player.plays(script)


def asked(player: Player) -> list[dict[str, Any]]:
    return [json.loads(body) for body in player.requests]


@pytest.mark.parametrize(
    "said",
    [
        refusal("Unrecognized request argument supplied: stream_options", type="invalid_request_error"),
        refusal('Invalid JSON payload received. Unknown name "stream_options": Cannot find field.'),
        refusal("no", param="stream_options.include_usage", code="unknown_parameter"),
        by_place("stream_options"),
    ],
)
@pytest.mark.parametrize("path", [PATH, "/v1/messages"])
def test_a_stream_without_its_usage_is_better_than_none(
    gateway: Gateway, player: Player, said: bytes, path: str
) -> None:
    answers(player, said, STREAM_HEAD + EVENTS)
    body = {**STREAM, "model": "vllm", "max_tokens": 9}
    assert gateway.post(path, body).status == 200
    first, second = asked(player)
    assert first.pop("stream_options") == {"include_usage": True}
    assert second == first
    # It is known from now on, in every worker.
    answers(player, *[STREAM_HEAD + EVENTS] * 6)
    for _ in range(6):
        assert gateway.post(path, body).status == 200
    assert ["stream_options" in each for each in asked(player)] == [False] * 6


def test_what_one_model_of_many_refuses_is_still_sent_to_the_others(gateway: Gateway, player: Player) -> None:
    stream = STREAM_HEAD + EVENTS
    answers(player, refusal("Unrecognized request argument supplied: stream_options"), stream, stream)
    for model in ("any/one", "any/other"):
        assert gateway.post(PATH, {**STREAM, "model": model}).status == 200
    assert ["stream_options" in each for each in asked(player)] == [True, False, True]


def test_an_error_about_one_model_of_many_says_nothing_of_the_deployment(
    gateway: Gateway, player: Player
) -> None:
    said = b'{"error":{"message":"model `x` does not support chat","code":404}}'
    answers(player, *[whole(said) for _ in range(8)], whole(ANSWER))
    for _ in range(8):
        assert gateway.post(PATH, {**CHAT, "model": "any/x"}).status == 400
    assert gateway.post(PATH, {**CHAT, "model": "any/y"}).status == 200


def test_a_default_of_the_configuration_gives_way(gateway: Gateway, player: Player) -> None:
    answers(player, refusal("Unsupported parameter: 'temperature'", param="temperature"), whole(ANSWER))
    assert gateway.post(PATH, {**CHAT, "model": "lenient"}).status == 200
    assert ["temperature" in each for each in asked(player)] == [True, False]


def test_what_the_client_said_stays_its_own(gateway: Gateway, player: Player) -> None:
    said = refusal("Unsupported parameter: 'temperature'", param="temperature", code="unsupported_parameter")
    answers(player, said)
    body = {**CHAT, "model": "vllm", "temperature": 0.1}
    told = gateway.post(PATH, body)
    assert (told.status, len(player.requests)) == (400, 1)
    assert "temperature" in told.json["error"]["message"]
    # Unless it allows to leave it out.
    answers(player, said, whole(ANSWER))
    told = gateway.post(PATH, {**body, "drop_params": True})
    assert (told.status, told.headers["x-hybridgw-dropped"]) == (200, "temperature")
    assert ["temperature" in each for each in asked(player)] == [True, False]


def test_a_refused_value_is_told(gateway: Gateway, player: Player) -> None:
    answers(player, refusal("temperature must be at most 2", param="temperature", code="invalid_value"))
    told = gateway.post(PATH, {**CHAT, "model": "vllm", "temperature": 3, "drop_params": True})
    assert (told.status, len(player.requests)) == (400, 1)


@pytest.mark.parametrize("path", [PATH, "/v1/messages"])
def test_a_limit_is_told_by_its_other_name(gateway: Gateway, player: Player, path: str) -> None:
    old, new = (
        ("max_tokens", "max_completion_tokens") if path == PATH else ("max_completion_tokens", "max_tokens")
    )
    said = refusal(
        f"Unsupported parameter: '{old}'. Use '{new}' instead.", param=old, code="unsupported_parameter"
    )
    answers(player, said, whole(ANSWER))
    assert gateway.post(path, {**CHAT, "model": "openai", "max_tokens": 7}).status == 200
    assert [(each.get(old), each.get(new)) for each in asked(player)] == [(7, None), (None, 7)]


def test_the_second_failure_is_the_answer(gateway: Gateway, player: Player) -> None:
    answers(player, refusal("unsupported: stream_options"), refusal("the prompt is odd"))
    told = gateway.post(PATH, {**STREAM, "model": "vllm"})
    assert told.status == 400
    assert "the prompt is odd" in told.json["error"]["message"]
    answers(player, STREAM_HEAD + EVENTS)
    assert gateway.post(PATH, {**STREAM, "model": "vllm"}).status == 200
    assert "stream_options" in asked(player)[0], "nothing is learnt from a request that failed anyway"


OWNED = {
    "litellm_metadata": {"tags": ["a"], "session": {"x": 1}},
    "additional_drop_params": ["seed"],
    "mock_response": "no",
    "api_base": "http://198.51.100.7",
    "cache": {"no-cache": True},
}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (PATH, CHAT),
        ("/v1/messages", {**CHAT, "max_tokens": 9}),
        ("/v1/responses", {"input": "hi"}),
        ("/v1/completions", {"prompt": "hi"}),
        ("/api/chat", {**CHAT, "stream": False}),
    ],
)
@pytest.mark.parametrize("model", ["openai", "vllm"])
def test_the_gateways_own_members_stay_here(
    gateway: Gateway, player: Player, path: str, body: dict[str, Any], model: str
) -> None:
    answers(player, whole(ANSWER))
    metadata = {"tags": ["a"], "n": 1, "trace": "t"}
    told = gateway.post(path, {**body, "model": model, "seed": 3, "metadata": metadata, **OWNED})
    sent = asked(player)[-1]
    assert not sent.keys() & OWNED.keys(), told.body
    assert "seed" not in sent
    assert sent.get("metadata", {"trace": "t"}) == {"trace": "t"}
    if told.status == 200:
        dropped = told.headers["x-hybridgw-dropped"].split(",")
        assert {"seed", "mock_response", "api_base"} <= set(dropped)
        assert not {"litellm_metadata", "cache"} & set(dropped)


def test_a_fallback_brings_its_own_messages(gateway: Gateway, player: Player) -> None:
    answers(player, refusal("down", status=500), whole(ANSWER))
    own = [{"role": "user", "content": "shorter"}]
    fallback = {"model": "openai", "messages": own, "temperature": 0.3, "api_key": "sk-theirs"}
    told = gateway.post(PATH, {**CHAT, "model": "vllm", "fallbacks": [fallback]})
    assert told.status == 200, told.body
    first, second = asked(player)
    assert first["messages"] == CHAT["messages"]
    assert (second["model"], second["messages"], second["temperature"]) == ("openai", own, 0.3)
    assert not second.keys() & {"api_key", "fallbacks"}


def message(text: str = "hi") -> bytes:
    told = {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "x", "stop_reason": "end_turn",
        "content": [{"type": "text", "text": text}], "usage": {"input_tokens": 1, "output_tokens": 1},
    }  # fmt: skip
    return whole(json.dumps(told).encode())


@pytest.mark.parametrize("limit", [{}, {"max_tokens": None}])
def test_messages_without_a_limit_are_answered_everywhere(
    gateway: Gateway, player: Player, limit: dict[str, Any]
) -> None:
    answers(player, message(), whole(ANSWER))
    for model in ("anthropic", "vllm"):
        assert gateway.post("/v1/messages", {**CHAT, "model": model, **limit}).status == 200
    first, second = asked(player)
    assert first["max_tokens"] > 0
    assert player.requests[0].count(b"max_tokens") == 1
    assert second.get("max_tokens") is None


def test_anthropic_is_told_who_asks_and_nothing_else(gateway: Gateway, player: Player) -> None:
    answers(player, message(), message())
    body = {**CHAT, "model": "anthropic", "max_tokens": 9}
    metadata = {"user_id": "u", "trace": "t", "tags": ["a"]}
    told = gateway.post("/v1/messages", {**body, "metadata": metadata})
    assert (told.status, told.headers["x-hybridgw-dropped"]) == (200, "metadata.trace")
    assert gateway.post("/v1/messages", {**body, "metadata": {"trace": "t"}}).status == 200
    assert [each.get("metadata") for each in asked(player)] == [{"user_id": "u"}, None]


def test_the_first_functions_are_told_as_tools(gateway: Gateway, player: Player) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    choice = {
        "index": 0,
        "message": {"role": "assistant", "tool_calls": [call]},
        "finish_reason": "tool_calls",
    }
    answers(player, whole(json.dumps({"id": "c", "choices": [choice]}).encode()))
    functions = [{"name": "look", "parameters": {"type": "object"}}]
    told = gateway.post(PATH, {**CHAT, "model": "vllm", "functions": functions, "store": True})
    assert told.json["choices"][0]["message"]["function_call"] == {"name": "look", "arguments": "{}"}
    assert told.headers["x-hybridgw-dropped"] == "store"
    (sent,) = asked(player)
    assert sent["tools"][0]["function"]["name"] == "look"
    assert not sent.keys() & {"functions", "store"}


def test_a_limit_is_put_in_whatever_else_is_left_out(gateway: Gateway, player: Player) -> None:
    error = {"type": "invalid_request_error", "message": "temperature: not supported"}
    said = json.dumps({"type": "error", "error": error}).encode()
    head = b"HTTP/1.1 400 Bad\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(said)
    answers(player, head + said, message())
    body = {**CHAT, "model": "anthropic", "temperature": 0.5, "drop_params": True}
    told = gateway.post("/v1/messages", body)
    assert (told.status, told.headers["x-hybridgw-dropped"]) == (200, "temperature")
    first, second = asked(player)
    assert first["max_tokens"] == second["max_tokens"] > 0
    assert ("temperature" in first, "temperature" in second) == (True, False)
