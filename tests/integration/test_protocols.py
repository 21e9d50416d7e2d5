"""By which of OpenAI's two protocols a server is asked, and what a server without one of them is worth."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from hybridgw import sse
from tests.integration.conftest import config
from tests.support.demo import Demo
from tests.support.gateway import Gateway
from tests.support.player import ANSWER, END, STREAM_HEAD, Player, chunk, whole

RESPONSES, CHAT, MESSAGES = "/v1/responses", "/v1/chat/completions", "/v1/messages"
ITEM = {"id": "msg_1", "type": "message", "status": "completed", "role": "assistant",
        "content": [{"type": "output_text", "text": "native", "annotations": []}]}  # fmt: skip
RESPONSE = {"id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "model": "played",
            "output": [ITEM],
            "usage": {"input_tokens": 5, "input_tokens_details": {"cached_tokens": 2}, "output_tokens": 3,
                      "output_tokens_details": {"reasoning_tokens": 1}, "total_tokens": 8}}  # fmt: skip
CLAUDE = {"model": "responses", "max_tokens": 99, "messages": [{"role": "user", "content": "hi"}]}


@pytest.fixture
def serving(demo: Demo, player: Player) -> Iterator[Gateway]:
    names = ("auto", "chat", "responses")
    deployments = [player.deployment(f"local/{name}", provider="openai", api=name) for name in names]
    models = [{"name": name, "deployments": [f"local/{name}"], "retries": 0} for name in names]
    deployments.append(player.deployment("local/any", provider="openai", model="*"))
    models.append({"name": "any/*", "deployments": ["local/any"], "retries": 0})
    with Gateway(config(demo, deployments=deployments, models=models)) as running:
        yield running


def asked(player: Player, since: int) -> list[str]:
    return [head.split()[1].decode() for head in player.heads[since:]]


@pytest.mark.parametrize("status", ["404 Not Found", "405 Method Not Allowed", "501 Not Implemented"])
@pytest.mark.parametrize("stream", [False, True])
def test_a_server_without_responses_is_asked_by_chat(
    serving: Gateway, player: Player, status: str, stream: bool
) -> None:
    body = {"model": "auto", "input": "hi", "stream": stream}
    answer = (STREAM_HEAD + chunk("played") + END,) if stream else (whole(ANSWER),)
    before = len(player.heads)
    player.plays(whole(b'{"detail":"Not Found"}', status))
    player.plays(*answer)
    first = serving.post(RESPONSES, body)
    assert first.status == 200 and b'"played"' in first.body
    assert asked(player, before) == [RESPONSES, CHAT]
    player.plays(*answer)
    assert serving.post(RESPONSES, body).status == 200
    assert asked(player, before) == [RESPONSES, CHAT, CHAT], "it is remembered"
    assert json.loads(player.requests[-1])["messages"] == [{"role": "user", "content": "hi"}]


def test_one_model_of_many_that_has_no_responses_says_nothing_of_the_others(
    serving: Gateway, player: Player
) -> None:
    before = len(player.heads)
    player.plays(whole(b'{"detail":"Not Found"}', "404 Not Found"))
    for answer in (ANSWER, ANSWER, json.dumps(RESPONSE).encode()):
        player.plays(whole(answer))
    for model in ("any/one", "any/one", "any/other"):
        assert serving.post(RESPONSES, {"model": model, "input": "hi"}).status == 200
    assert asked(player, before) == [RESPONSES, CHAT, CHAT, RESPONSES]


def test_an_object_that_is_not_found_says_nothing_of_the_path(serving: Gateway, player: Player) -> None:
    """Asked by Chat, the request would be another one, and so would those of everybody after it."""
    missing = b'{"error":{"message":"no such model","code":"model_not_found","type":"x","param":"model"}}'
    before = len(player.heads)
    for _ in range(2):
        player.plays(whole(missing, "404 Not Found"))
        assert serving.post(RESPONSES, {"model": "auto", "input": "hi"}).status >= 400
    assert asked(player, before) == [RESPONSES] * 2


def test_an_object_of_another_kind_is_no_response(serving: Gateway, player: Player) -> None:
    player.plays(whole(ANSWER))
    answer = serving.post(RESPONSES, {"model": "auto", "input": "hi"})
    assert (answer.status, answer.json["error"]["code"]) == (502, "upstream_error")
    player.plays(whole(json.dumps(RESPONSE).encode()))
    assert serving.post(RESPONSES, {"model": "auto", "input": "hi"}).json == RESPONSE


def test_chat_alone(serving: Gateway, player: Player) -> None:
    before = len(player.heads)
    for path, body in ((RESPONSES, {"input": "hi"}), (CHAT, {"messages": CLAUDE["messages"]})):
        player.plays(whole(ANSWER))
        assert serving.post(path, {"model": "chat", **body}).status == 200
    assert asked(player, before) == [CHAT, CHAT]


@pytest.mark.parametrize("path", [MESSAGES, CHAT])
def test_responses_alone(serving: Gateway, player: Player, path: str) -> None:
    before = len(player.heads)
    player.plays(whole(json.dumps(RESPONSE).encode()))
    answer = serving.post(path, CLAUDE)
    assert answer.status == 200 and asked(player, before) == [RESPONSES]
    if path == MESSAGES:
        assert answer.json["content"] == [{"type": "text", "text": "native"}]
        usage = answer.json["usage"]
        assert (usage["input_tokens"], usage["cache_read_input_tokens"], usage["output_tokens"]) == (3, 2, 3)
    else:
        assert answer.json["choices"][0]["message"]["content"] == "native"
        assert answer.json["usage"]["completion_tokens_details"]["reasoning_tokens"] == 1


def test_a_stream_by_responses(serving: Gateway, player: Player) -> None:
    call = {"id": "fc_1", "type": "function_call", "call_id": "c1", "name": "f", "arguments": '{"a":1}'}
    begun = {**RESPONSE, "status": "in_progress", "output": [], "usage": None}
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": begun},
        {"type": "response.output_item.added", "output_index": 0, "item": {**call, "arguments": ""}},
        {"type": "response.function_call_arguments.delta", "output_index": 0, "item_id": "fc_1",
         "delta": '{"a":1}'},
        {"type": "response.output_item.done", "output_index": 0, "item": call},
        {"type": "response.completed", "response": {**RESPONSE, "output": [call]}},
    ]  # fmt: skip
    told = [
        b"event: %b\n" % event["type"].encode()
        + sse.event(json.dumps({**event, "sequence_number": n}).encode())
        for n, event in enumerate(events)
    ]
    player.plays(STREAM_HEAD, *told)
    body = {**CLAUDE, "stream": True, "tools": [{"name": "f", "input_schema": {"type": "object"}}]}
    answer = serving.post(MESSAGES, body)
    lines = [json.loads(line[6:]) for line in answer.body.split(b"\n") if line.startswith(b"data: ")]
    assert lines[1]["content_block"] == {"type": "tool_use", "id": "c1", "name": "f", "input": {}}
    assert lines[2]["delta"] == {"type": "input_json_delta", "partial_json": '{"a":1}'}
    assert lines[-2]["delta"]["stop_reason"] == "tool_use"
    assert lines[-2]["usage"]["output_tokens"] == 3
    assert lines[-1]["type"] == "message_stop"
