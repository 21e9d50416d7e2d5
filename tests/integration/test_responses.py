"""Responses clients against a running gateway: what is refused and how quickly, and, where a backend is
reached through the hub, what they get."""

import json
import socket
import time
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from hybridgw import sse
from tests.integration.conftest import config
from tests.support.demo import Demo
from tests.support.gateway import Gateway
from tests.support.player import ANSWER, END, STREAM_HEAD, Player, chunk, whole

PATH = "/v1/responses"
CHAT = "/v1/chat/completions"
ASK = {"model": "m", "input": "hi"}


@pytest.fixture(scope="module")
def serving(demo: Demo, player: Player) -> Iterator[Gateway]:
    models = [
        {"name": "m", "deployments": ["local/m"], "retries": 0},
        {"name": "native", "deployments": ["local/native"], "retries": 0},
        {"name": "both", "deployments": ["local/m", "private/native"], "retries": 0},
    ]
    server = {"heartbeat": "100ms", "commit_after": "100ms", "drain": "5s"}
    timeouts = {"first_token": "2s", "idle": "2s", "total": "5s", "connect": "1s"}
    deployments = [
        player.deployment(),
        player.deployment("local/native", provider="openai"),
        player.deployment("private/native", provider="openai"),
    ]
    with Gateway(
        config(demo, deployments=deployments, models=models, server=server, timeouts=timeouts)
    ) as running:
        yield running


@pytest.fixture
def client(serving: Gateway) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{serving.url}/v1", api_key="none", timeout=10, max_retries=0) as sdk:
        yield sdk


@pytest.mark.parametrize("path", [PATH, "/responses"])
def test_a_websocket_is_refused_at_once(serving: Gateway, path: str) -> None:
    """Clients that try it first fall back to HTTP on this answer, and wait for it."""
    request = (
        f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: Upgrade\r\nupgrade: websocket\r\n"
        "sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", serving.port), timeout=5) as raw:
        begun = time.monotonic()
        raw.sendall(request.encode())
        head = raw.recv(65536)
        took = time.monotonic() - begun
    assert head.startswith(b"HTTP/1.1 426 ")
    assert took < 0.1
    assert b'"code":"upgrade_required"' in head


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/resp_1"), ("DELETE", "/resp_1"), ("POST", "/resp_1/cancel"), ("POST", "/compact")],
)
def test_nothing_is_stored(serving: Gateway, method: str, path: str) -> None:
    answer = serving.request(method, PATH + path, headers={"content-type": "application/json"})
    assert answer.status == 404
    assert answer.json["error"].keys() == {"message", "type", "param", "code"}


def test_a_body_without_input_is_the_clients_error(serving: Gateway) -> None:
    answer = serving.post(PATH, {"model": "m", "messages": []})
    assert (answer.status, answer.json["error"]["param"]) == (400, "input")


def test_a_chat_body_without_messages_is_still_told_so(serving: Gateway) -> None:
    for body in ({"model": "m"}, {"model": "m", "input": None}, {"model": "m", "prompt": "x"}):
        answer = serving.post(CHAT, body)
        assert answer.status == 400
        assert answer.json["error"]["param"] in ("messages", "input")


def test_what_leans_on_a_memory_is_refused(serving: Gateway, player: Player) -> None:
    asked = len(player.requests)
    answer = serving.post(PATH, {**ASK, "previous_response_id": "resp_1"})
    assert answer.status == 400
    assert (answer.json["error"]["code"], answer.json["error"]["param"]) == (
        "unsupported_parameter",
        "previous_response_id",
    )
    assert len(player.requests) == asked


def test_a_whole_answer_and_a_stream(client: openai.OpenAI, player: Player) -> None:
    player.plays(whole(ANSWER))
    answer = client.responses.create(model="m", input="hi")
    assert (answer.status, answer.output_text) == ("completed", "played")
    assert answer.usage is not None
    assert answer.usage.total_tokens == 2
    player.plays(STREAM_HEAD + chunk("one ") + chunk("two") + END)
    with client.responses.stream(model="m", input="hi") as stream:
        final = stream.get_final_response()
    assert final.output_text == "one two"
    assert json.loads(player.requests[-1])["messages"] == [{"role": "user", "content": "hi"}]


def test_a_tool_round_trip(client: openai.OpenAI, player: Player) -> None:
    call = {
        "index": 0,
        "id": "call_A",
        "type": "function",
        "function": {"name": "look", "arguments": '{"q":1}'},
    }
    delta = {"index": 0, "delta": {"role": "assistant", "tool_calls": [call]}, "finish_reason": None}
    first = json.dumps({"id": "c", "object": "chat.completion.chunk", "created": 1, "choices": [delta]})
    player.plays(STREAM_HEAD + sse.event(first.encode()) + chunk("", '"tool_calls"') + sse.DONE)
    schema = {"type": "object", "properties": {}}
    tools: Any = [{"type": "function", "name": "look", "parameters": schema, "strict": False}]
    ask: Any = [{"role": "user", "content": "look"}]
    with client.responses.stream(model="m", input=ask, tools=tools) as stream:
        final = stream.get_final_response()
    (item,) = final.output
    assert item.type == "function_call"
    assert (item.call_id, item.arguments) == ("call_A", '{"q":1}')
    player.plays(whole(ANSWER))
    ask += [item.to_dict(), {"type": "function_call_output", "call_id": item.call_id, "output": "42"}]
    assert client.responses.create(model="m", input=ask, tools=tools).output_text == "played"
    messages = json.loads(player.requests[-1])["messages"]
    assert [message["role"] for message in messages] == ["user", "assistant", "tool"]
    assert messages[2]["tool_call_id"] == "call_A"


def test_a_custom_tool_is_a_function_to_the_backend_and_its_text_to_the_client(
    client: openai.OpenAI, player: Player
) -> None:
    fragments = ['{"inp', 'ut":"*** Begin\\n', '+x"}']
    player.plays(STREAM_HEAD + b"".join(map(tool_chunk, fragments)) + chunk("", '"tool_calls"') + sse.DONE)
    tools: Any = [{"type": "custom", "name": "apply_patch", "description": "d"}]
    with client.responses.stream(model="m", input="patch it", tools=tools) as stream:
        seen = [event.type for event in stream]
        final = stream.get_final_response()
    (item,) = final.output
    assert item.type == "custom_tool_call"
    assert item.input == "*** Begin\n+x"
    assert seen.count("response.custom_tool_call_input.delta") == 2
    assert seen.count("response.custom_tool_call_input.done") == 1
    (tool,) = json.loads(player.requests[-1])["tools"]
    assert (tool["type"], tool["function"]["name"]) == ("function", "apply_patch")
    assert tool["function"]["parameters"]["properties"].keys() == {"input"}


def tool_chunk(arguments: str) -> bytes:
    """One fragment of a call of `apply_patch`; the first names it."""
    named = {"id": "call_p", "type": "function"} if arguments.startswith("{") else {}
    function = {"arguments": arguments, **({"name": "apply_patch"} if named else {})}
    delta = {"tool_calls": [{"index": 0, **named, "function": function}]}
    choices = [{"index": 0, "delta": delta, "finish_reason": None}]
    return sse.event(json.dumps({"id": "c", "created": 1, "choices": choices}).encode())


def test_the_shape_of_an_answer_is_nested_for_chat(client: openai.OpenAI, player: Player) -> None:
    player.plays(whole(ANSWER))
    schema = {"type": "object", "properties": {}}
    form: Any = {"format": {"type": "json_schema", "name": "n", "schema": schema, "strict": True}}
    answer = client.responses.create(model="m", input="hi", text=form, max_output_tokens=9)
    assert answer.text is not None
    sent = json.loads(player.requests[-1])
    assert sent["response_format"]["json_schema"] == {"name": "n", "schema": schema, "strict": True}
    assert 9 in (sent.get("max_tokens"), sent.get("max_completion_tokens"))


def test_a_stand_in_goes_on_with_the_answer_that_a_heartbeat_began(
    client: openai.OpenAI, player: Player
) -> None:
    """The stand-in speaks Responses itself; its own bytes would begin a second response."""
    player.plays(STREAM_HEAD, 0.4, "reset")
    player.plays(STREAM_HEAD + chunk("from the other") + END)
    with client.responses.stream(model="both", input="hi") as stream:
        seen = [event.type for event in stream]
        final = stream.get_final_response()
    assert seen.count("response.created") == 1
    assert final.output_text == "from the other"


def test_cursors_body_passes_through_to_no_backend(serving: Gateway, player: Player) -> None:
    """It would be answered as Responses by a backend that speaks both."""
    player.plays(whole(ANSWER))
    answer = serving.post(CHAT, {**ASK, "model": "native"})
    assert answer.json["choices"][0]["message"]["content"] == "played"
    assert "messages" in json.loads(player.requests[-1])


def test_what_is_sensitive_in_items_and_instructions_is_found(serving: Gateway, player: Player) -> None:
    """On either route, before anything is sent; all of these deployments are this device's."""
    card = "4716 2938 5501 7768"
    bodies: list[dict[str, Any]] = [
        {"instructions": f"my card is {card}"},
        {"input": [{"role": "user", "content": [{"type": "input_text", "text": card}]}]},
        {"input": [
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": json.dumps({"q": card})},
            {"type": "function_call_output", "call_id": "c", "output": "1"}]},
        {"input": [
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c",
             "output": [{"type": "input_text", "text": card}]}]},
    ]  # fmt: skip
    for path in (PATH, CHAT):
        for body in bodies:
            player.plays(whole(ANSWER))
            answer = serving.post(path, {**ASK, **body})
            assert (answer.status, answer.headers["x-hybridgw-level"]) == (200, "regulated"), body


def test_a_silent_backend_is_bridged_by_events_and_its_death_is_told(
    client: openai.OpenAI, player: Player
) -> None:
    player.plays(STREAM_HEAD, 0.5, chunk("late"), 0.3, "reset")
    with client.responses.stream(model="m", input="hi") as stream:
        events = [event.type for event in stream]
    assert events[:2] == ["response.created", "response.in_progress"]
    assert events.count("response.in_progress") > 2
    assert events[-1] == "response.failed"


def test_cursors_body_on_the_chat_route_is_answered_as_chat(serving: Gateway, player: Player) -> None:
    player.plays(whole(ANSWER))
    answer = serving.post(CHAT, ASK)
    assert answer.status == 200
    assert answer.json["choices"][0]["message"]["content"] == "played"
    assert json.loads(player.requests[-1])["messages"] == [{"role": "user", "content": "hi"}]
    player.plays(STREAM_HEAD + chunk("one") + END)
    payloads = sse.split(serving.post(CHAT, {**ASK, "stream": True}).body)
    assert payloads[-1] == b"[DONE]"
    assert "one" in [
        (json.loads(data)["choices"] or [{}])[0]["delta"].get("content") for data in payloads[:-1]
    ]
    assert (
        serving.post(CHAT, {**ASK, "previous_response_id": "x"}).json["error"]["param"]
        == "previous_response_id"
    )
