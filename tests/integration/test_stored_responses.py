"""Clients that lean on an earlier response instead of sending everything again."""

import json
import stat
import time
from collections.abc import Iterator
from typing import Any, Literal

import openai
import pytest
from openai.types.responses import Response

from hybridgw import sse
from tests.integration.conftest import config
from tests.support import player as script
from tests.support.demo import Demo
from tests.support.gateway import Answer, Gateway
from tests.support.player import ANSWER, END, STREAM_HEAD, Player, chunk
from tests.support.waiting import until

PATH = "/v1/responses"
KEY, OTHER = "sk-anna-0123456789", "sk-bert-0123456789"
CARD = "4716 2938 5501 7768"
TOOLS: Any = [
    {
        "type": "function",
        "name": "look",
        "parameters": {"type": "object", "properties": {}},
        "strict": False,
    }
]
CALL = {
    "index": 0,
    "id": "call_A",
    "type": "function",
    "function": {"name": "look", "arguments": '{"q": 1.0}'},
}
CALLED = sse.event(
    json.dumps(
        {
            "id": "c",
            "object": "chat.completion.chunk",
            "created": 1,
            "choices": [{"index": 0, "delta": {"tool_calls": [CALL]}, "finish_reason": None}],
        }
    ).encode()
)


def whole(body: bytes, status: str = "200 OK") -> bytes:
    """A complete answer. It says that the connection ends with it: the next turn comes at once."""
    return script.whole(body, status, "connection: close")


def native(name: str, text: str = "native", status: str = "completed") -> bytes:
    """A response as a backend that speaks Responses writes it."""
    part = {"type": "output_text", "text": text, "annotations": []}
    item = {"id": "msg_up", "type": "message", "status": "completed", "role": "assistant", "content": [part]}
    response = {"id": name, "object": "response", "created_at": 1, "status": status, "model": "played",
                "output": [item], "parallel_tool_calls": True, "tool_choice": "auto",
                "tools": []}  # fmt: skip
    return json.dumps(response).encode()


def native_events(name: str) -> bytes:
    """The same as a stream."""
    begun = {**json.loads(native(name, status="in_progress")), "output": []}
    place = {"item_id": "msg_up", "output_index": 0, "content_index": 0}
    item = {"id": "msg_up", "type": "message", "role": "assistant", "status": "in_progress", "content": []}
    part = {"type": "output_text", "text": "", "annotations": []}
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": begun},
        {"type": "response.output_item.added", "output_index": 0, "item": item},
        {"type": "response.content_part.added", **place, "part": part},
        {"type": "response.output_text.delta", **place, "delta": "native", "logprobs": []},
        {"type": "response.output_text.done", **place, "text": "native", "logprobs": []},
        {"type": "response.content_part.done", **place, "part": {**part, "text": "native"}},
        {
            "type": "response.output_item.done",
            "output_index": 0,
            "item": json.loads(native(name))["output"][0],
        },
        {"type": "response.completed", "response": json.loads(native(name))},
    ]
    return b"".join(
        b"event: %b\n" % event["type"].encode()
        + sse.event(json.dumps({**event, "sequence_number": n}).encode())
        for n, event in enumerate(events)
    )


@pytest.fixture(scope="module")
def outside() -> Iterator[Player]:
    with Player() as upstream:
        yield upstream


def settings(demo: Demo, player: Player, outside: Player, key: str | None = KEY, **more: Any) -> Any:
    deployments = [
        player.deployment(),
        player.deployment("local/native", provider="openai"),
        outside.deployment("cloud/out", provider="openai", boundary="external"),
    ]
    models = [
        {"name": name, "deployments": [deployment], "retries": 0}
        for name, deployment in (("m", "local/m"), ("native", "local/native"), ("out", "cloud/out"))
    ]
    models.append({"name": "guarded", "deployments": ["local/m", "cloud/out"], "retries": 0})
    auth = {"auth": {"master_key": key}} if key else {}
    stored = {"responses": {"store": True}}
    return config(demo, deployments=deployments, models=models, **{**auth, **stored, **more})


@pytest.fixture(scope="module")
def serving(demo: Demo, player: Player, outside: Player) -> Iterator[Gateway]:
    with Gateway(settings(demo, player, outside)) as running:
        yield running


@pytest.fixture
def client(serving: Gateway) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{serving.url}/v1", api_key=KEY, timeout=10, max_retries=0) as sdk:
        yield sdk


def ask(gateway: Gateway, body: dict[str, Any], key: str = KEY, **headers: str) -> Answer:
    said = {"authorization": f"Bearer {key}", **{k.replace("_", "-"): v for k, v in headers.items()}}
    return gateway.post(PATH, {"model": "m", **body}, said)


def page(gateway: Gateway, path: str, method: str = "GET", key: str = KEY) -> Answer:
    return gateway.request(method, f"{PATH}/{path}", headers={"authorization": f"Bearer {key}"})


def first(gateway: Gateway, player: Player, **body: Any) -> str:
    """The id of a response that is stored."""
    player.plays(whole(ANSWER))
    answer = ask(gateway, {"input": "one", **body})
    assert answer.status == 200, answer.body
    return str(answer.json["id"])


def refused(answer: Answer) -> tuple[int, str, str | None]:
    error = answer.json["error"]
    return answer.status, error["code"], error["param"]


NOT_FOUND = (400, "previous_response_not_found", "previous_response_id")


@pytest.mark.parametrize("stream", [False, True])
def test_a_tool_round_trip_over_three_turns(client: openai.OpenAI, player: Player, stream: bool) -> None:
    player.plays(STREAM_HEAD + CALLED + chunk("", '"tool_calls"') + sse.DONE)
    with client.responses.stream(model="m", input="look", instructions="Be brief.", tools=TOOLS) as helper:
        turn = helper.get_final_response()
    (item,) = turn.output
    assert item.type == "function_call"
    output: Any = [{"type": "function_call_output", "call_id": item.call_id, "output": "42"}]
    second: Response
    if stream:
        player.plays(STREAM_HEAD + chunk("forty") + chunk("-two") + END)
        with client.responses.stream(
            model="m", input=output, tools=TOOLS, previous_response_id=turn.id
        ) as helper:
            second = helper.get_final_response()
        assert second.output_text == "forty-two"
    else:
        player.plays(whole(ANSWER))
        second = client.responses.create(model="m", input=output, previous_response_id=turn.id)
        assert second.output_text == "played"
    assert (second.previous_response_id, second.store) == (turn.id, True)  # type: ignore[attr-defined]
    messages = json.loads(player.requests[-1])["messages"]
    assert [message["role"] for message in messages] == ["user", "assistant", "tool"], "no instructions"
    assert messages[1]["tool_calls"][0]["function"]["arguments"] == '{"q": 1.0}'
    assert messages[2]["tool_call_id"] == "call_A"
    player.plays(whole(ANSWER))
    client.responses.create(model="m", input="thanks", previous_response_id=second.id)
    messages = json.loads(player.requests[-1])["messages"]
    assert [message["role"] for message in messages] == ["user", "assistant", "tool", "assistant", "user"]
    assert (messages[0]["content"], messages[4]["content"]) == ("look", "thanks")


@pytest.mark.parametrize("stream", [False, True])
def test_where_bytes_pass_through(
    serving: Gateway, client: openai.OpenAI, player: Player, stream: bool
) -> None:
    name = f"resp_up{int(stream)}"
    given = native_events(name) if stream else native(name)
    player.plays(STREAM_HEAD + given if stream else whole(given))
    answer = ask(serving, {"model": "native", "input": "one", "stream": stream})
    assert answer.body == given
    player.plays(whole(native("resp_next")))
    body = {"model": "native", "temperature": 1.0, "input": [{"role": "user", "content": "two"}]}
    assert client.responses.create(**body, previous_response_id=name).id == "resp_next"  # type: ignore[call-overload]
    sent = json.loads(player.requests[-1])
    assert "previous_response_id" not in sent
    user, assistant, new = sent["input"]
    assert (user["content"][0]["text"], new["content"]) == ("one", "two")
    assert assistant == json.loads(native(name))["output"][0], "as the backend wrote it"
    # The next turn may be answered by a backend that speaks something else.
    player.plays(whole(ANSWER))
    client.responses.create(model="m", input="three", previous_response_id="resp_next")
    messages = json.loads(player.requests[-1])["messages"]
    assert [m["content"] for m in messages] == ["one", "native", "two", "native", "three"]


def test_what_only_the_first_turn_showed_keeps_the_second_on_the_device(
    serving: Gateway, player: Player, outside: Player
) -> None:
    """Instructions are not inherited, so nothing sensitive stands in the second request."""
    sensitive = first(serving, player, instructions=f"the card is {CARD}")
    asked = len(outside.requests)
    second = {"input": "go on", "previous_response_id": sensitive}
    assert refused(ask(serving, {**second, "model": "out"}))[:2] == (400, "policy_denied")
    loose = ask(serving, {**second, "model": "out"}, x_hybridgw_sensitivity="public")
    assert refused(loose)[1] == "policy_denied"
    assert (
        refused(ask(serving, {**second, "model": "out", "hybridgw": {"sensitivity": "public"}}))[1]
        == "policy_denied"
    )
    player.plays(whole(b"{}", "503 Busy"))
    waits = ask(serving, {**second, "model": "guarded"})
    assert (waits.status, waits.json["error"]["code"]) == (503, "overloaded")
    player.plays(whole(ANSWER))
    third = ask(serving, {**second, "model": "guarded"})
    assert (third.status, third.headers["x-hybridgw-level"]) == (200, "regulated")
    again = {"model": "out", "input": "x", "previous_response_id": third.json["id"]}
    assert refused(ask(serving, again))[1] == "policy_denied"
    assert len(outside.requests) == asked
    # The same without that history travels.
    plain = first(serving, player)
    outside.plays(whole(native("resp_out")))
    assert ask(serving, {"model": "out", "input": "go on", "previous_response_id": plain}).status == 200
    assert len(outside.requests) == asked + 1


def test_what_the_model_said_is_judged_when_it_comes_back(
    serving: Gateway, player: Player, outside: Player
) -> None:
    asked = len(outside.requests)
    player.plays(whole(ANSWER.replace(b'"played"}', b'"it is %b"}' % CARD.encode())))
    told = ask(serving, {"input": "what is it"})
    assert told.headers["x-hybridgw-level"] == "public"
    body = {"model": "out", "input": "thanks", "previous_response_id": told.json["id"]}
    assert refused(ask(serving, body))[1] == "policy_denied"
    assert len(outside.requests) == asked


@pytest.mark.parametrize("name", ["resp_unknown", "", "' OR 1=1 --", "\u0000"])
def test_one_that_is_not_there(serving: Gateway, player: Player, name: str) -> None:
    asked = len(player.requests)
    assert refused(ask(serving, {"input": "hi", "previous_response_id": name})) == NOT_FOUND
    assert len(player.requests) == asked


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"input": "hi", "previous_response_id": 7}, (400, "invalid_type", "previous_response_id")),
        ({"input": "hi", "conversation": "conv_1"}, (400, "unsupported_parameter", "conversation")),
        ({"model": "native", "input": "hi", "conversation": {"id": "c"}},
         (400, "unsupported_parameter", "conversation")),
        ({"input": [{"type": "item_reference", "id": "x"}]}, (400, "invalid_value", "input[0]")),
        ({"model": "native", "input": [{"id": "x"}]}, (400, "invalid_value", "input[0]")),
        ({"model": "native", "input": [{"Type": "item_reference", "id": "x"}]},
         (400, "invalid_value", "input[0]")),
        ({"model": "native", "input": [{"role": "user", "content": "\ud800"}, {"id": "x"}]},
         (400, "invalid_value", "input")),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(
    serving: Gateway, player: Player, body: dict[str, Any], said: tuple[int, str, str]
) -> None:
    asked = len(player.requests)
    assert refused(ask(serving, body)) == said
    assert len(player.requests) == asked


@pytest.mark.parametrize("model", ["m", "native"])
def test_items_that_are_sent_by_reference(serving: Gateway, player: Player, model: str) -> None:
    """As the Vercel AI SDK does by default. Backends get the items, also those that have references."""
    player.plays(whole(ANSWER if model == "m" else native("resp_up")))
    turn = ask(serving, {"model": model, "input": "one"}).json
    (item,) = turn["output"]
    asked: Any = [
        {"role": "user", "content": "one"},
        {"type": "item_reference", "id": item["id"]},
        {"role": "user", "content": "two"},
    ]
    player.plays(whole(ANSWER if model == "m" else native("resp_up2")))
    answer = ask(serving, {"model": model, "input": asked})
    assert answer.status == 200, answer.body
    sent = json.loads(player.requests[-1])
    if model == "native":
        assert sent["input"] == [asked[0], item, asked[2]]
    else:
        assert [turn["role"] for turn in sent["messages"]] == ["user", "assistant", "user"]
        assert sent["messages"][1]["content"] == item["content"][0]["text"]
    refusal = ask(serving, {"model": model, "input": asked}, OTHER)
    assert refusal.status in (400, 401), "another key's item does not exist"
    for name in {turn["id"], answer.json["id"]}:
        assert page(serving, name, "DELETE").status == 200
    assert refused(ask(serving, {"model": model, "input": asked})) == (400, "invalid_value", "input[1]")


def test_the_level_of_an_item_comes_with_it(serving: Gateway, player: Player, outside: Player) -> None:
    player.plays(whole(ANSWER))
    told = ask(serving, {"model": "guarded", "input": f"my card {CARD}"}).json
    asked = len(outside.requests)
    body = {"model": "out", "input": [{"type": "item_reference", "id": told["output"][0]["id"]},
                                      {"role": "user", "content": "thanks"}]}  # fmt: skip
    assert refused(ask(serving, body))[1] == "policy_denied"
    assert len(outside.requests) == asked


def test_an_input_that_is_none_is_wrong_with_history_too(serving: Gateway, player: Player) -> None:
    known = first(serving, player)
    answer = ask(serving, {"input": 7, "previous_response_id": known})
    assert refused(answer) == (400, "invalid_type", "input")


def test_a_client_that_wants_nothing_stored(serving: Gateway, player: Player) -> None:
    known = first(serving, player)
    player.plays(whole(ANSWER))
    answer = ask(serving, {"input": "hi", "store": False, "previous_response_id": known})
    assert (answer.status, answer.json["store"]) == (200, False)
    name = answer.json["id"]
    assert page(serving, name).status == 404
    assert refused(ask(serving, {"input": "hi", "previous_response_id": name})) == NOT_FOUND


def test_an_answer_that_broke_off_is_not_stored(serving: Gateway, player: Player) -> None:
    player.plays(STREAM_HEAD + chunk("one "), 0.05, "reset")
    events = sse.split(ask(serving, {"input": "hi", "stream": True}).body)
    last = json.loads(events[-1])
    assert last["type"] == "response.failed"
    assert page(serving, last["response"]["id"]).status == 404


def test_pages_of_a_stored_response(client: openai.OpenAI, serving: Gateway, player: Player) -> None:
    player.plays(whole(ANSWER))
    made = client.responses.create(model="m", input="one")
    player.plays(whole(ANSWER))
    made = client.responses.create(
        model="m", input=[{"role": "user", "content": "two"}], previous_response_id=made.id
    )
    found = client.responses.retrieve(made.id)
    assert found.to_dict() == made.to_dict()
    orders: tuple[Literal["asc", "desc"], ...] = ("asc", "desc")
    for order in orders:
        items: list[Any] = [item for item in client.responses.input_items.list(made.id, limit=2, order=order)]
        texts = [item.content[0].text for item in items]
        assert texts == (["one", "played", "two"] if order == "asc" else ["two", "played", "one"])
        assert len({item.id for item in items}) == 3
    assert page(serving, made.id, "HEAD").body == b""
    assert page(serving, f"{made.id}/input_items?limit=0").json["error"]["param"] == "limit"
    assert page(serving, f"{made.id}/input_items?after=x").json["error"]["param"] == "after"
    assert page(serving, f"{made.id}/input_items?order=x").json["error"]["param"] == "order"
    client.responses.delete(made.id)
    for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/input_items")):
        assert refused(page(serving, made.id + path, method)) == (404, "response_not_found", None)
    assert refused(ask(serving, {"input": "x", "previous_response_id": made.id})) == NOT_FOUND


def test_other_methods_and_paths_below(serving: Gateway) -> None:
    answer = page(serving, "resp_1", "PUT")
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD, DELETE")
    answer = page(serving, "resp_1/input_items", "DELETE")
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")
    for method, path in (("POST", "resp_1/cancel"), ("POST", "compact"), ("GET", "resp_1/x"), ("GET", "")):
        assert page(serving, path, method).status in (404, 405)
    assert page(serving, "resp_1", key="wrong").status == 401
    assert page(serving, "resp_1", "DELETE", key="wrong").status == 401


def test_what_belongs_to_another_key_does_not_exist(demo: Demo, player: Player, outside: Player) -> None:
    with Gateway(settings(demo, player, outside)) as gateway:
        mine = first(gateway, player)
        gateway.config_file.write_text(json.dumps(settings(demo, player, outside, OTHER)))
        until(lambda: gateway.get("/v1/models", authorization=f"Bearer {OTHER}").status == 200)
        asked = len(player.requests)
        stolen = ask(gateway, {"input": "hi", "previous_response_id": mine}, OTHER)
        assert refused(stolen) == NOT_FOUND
        for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/input_items")):
            assert page(gateway, mine + path, method, OTHER).status == 404
        assert len(player.requests) == asked
        # The file knows nothing of keys but numbers, and is closed to everybody else.
        files = list(gateway.state_dir.glob("responses.sqlite*"))
        assert files
        for file in files:
            assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
            assert KEY.encode() not in file.read_bytes()
        gateway.config_file.write_text(json.dumps(settings(demo, player, outside)))
        until(lambda: gateway.get("/v1/models", authorization=f"Bearer {KEY}").status == 200)
        assert page(gateway, mine).json["id"] == mine
        # Switched off, it is as if there were none.
        off = settings(demo, player, outside, responses={"store": False})
        gateway.config_file.write_text(json.dumps(off))
        until(lambda: page(gateway, mine).status == 404)
        assert page(gateway, mine).json["error"]["code"] == "unknown_url"
        for model in ("m", "native"):
            answer = ask(gateway, {"model": model, "input": "hi", "previous_response_id": mine})
            assert refused(answer) == (400, "unsupported_parameter", "previous_response_id")


def test_the_next_turn_may_come_at_once_and_to_another_worker(
    demo: Demo, player: Player, outside: Player
) -> None:
    more: Any = {"server": {"max_body": "4KiB", "drain": "5s"}, "responses": {"store": True, "ttl": "2s"}}
    with Gateway(settings(demo, player, outside, None, **more), workers=2) as gateway:
        name = first(gateway, player)
        began = time.monotonic()
        for turn in range(6):
            player.plays(STREAM_HEAD + chunk(f"{turn}") + END if turn % 2 else whole(ANSWER))
            body = {"input": "go on", "previous_response_id": name, "stream": bool(turn % 2)}
            answer = ask(gateway, body)
            assert answer.status == 200, answer.body
            last = json.loads(sse.split(answer.body)[-1])["response"] if turn % 2 else answer.json
            name = last["id"]
        assert len(json.loads(player.requests[-1])["messages"]) == 13
        long = ask(gateway, {"input": "x" * 3000, "previous_response_id": name})
        assert refused(long)[:2] == (413, "request_too_large")
        assert time.monotonic() - began < 2, "or this says nothing of expiry"
        until(lambda: page(gateway, name).status == 404)
        assert refused(ask(gateway, {"input": "hi", "previous_response_id": name})) == NOT_FOUND


def test_without_its_file_nobody_is_asked(demo: Demo, player: Player, outside: Player) -> None:
    with Gateway(settings(demo, player, outside)) as gateway:
        path = gateway.state_dir / "responses.sqlite"
        path.mkdir()
        asked = len(player.requests)
        for body in ({"input": "hi"}, {"input": "hi", "previous_response_id": "resp_1"}):
            answer = ask(gateway, body)
            assert refused(answer)[:2] == (503, "overloaded")
            assert int(answer.headers["retry-after"]) >= 1
        assert page(gateway, "resp_1").status == 503
        assert len(player.requests) == asked
        player.plays(whole(ANSWER))
        assert ask(gateway, {"input": "hi", "store": False}).status == 200
        path.rmdir()
        assert first(gateway, player)


def test_an_answer_that_cannot_be_stored_is_given_and_told_to_the_log(
    demo: Demo, player: Player, outside: Player
) -> None:
    more: Any = {"responses": {"store": True, "max_bytes": 1000}}
    with Gateway(settings(demo, player, outside, **more)) as gateway:
        for stream in (False, True):
            player.plays(STREAM_HEAD + chunk("one") + END if stream else whole(ANSWER))
            answer = ask(gateway, {"input": "mark" * 400, "stream": stream})
            assert answer.status == 200
            last = json.loads(sse.split(answer.body)[-1])["response"] if stream else answer.json
            assert last["status"] == "completed"
            assert f"response {last['id']} was not stored" in gateway.log()
            assert page(gateway, last["id"]).status == 404
        assert "markmark" not in gateway.log()
