"""E: Responses, in front of a Chat backend."""

import gzip
import json
import time
from typing import Any

import openai
import zstandard

from tests.conformance import wire
from tests.conformance.registry import case
from tests.conformance.stage import RESPONSES, Stage
from tests.conformance.wire import ANSWER, DONE, STREAM_HEAD, chunk, delta, whole

MODEL = "openai_compatible"
ASK: Any = {"model": MODEL, "input": "hello"}
STREAM: Any = {**ASK, "stream": True}
TOOL: Any = {
    "type": "function",
    "name": "f",
    "parameters": {"type": "object", "properties": {}},
    "strict": False,
}

_TEXT = delta({"role": "assistant", "content": ""}) + chunk("pla") + chunk("yed") + delta({}, "stop")
TEXT = _TEXT + wire.usage_chunk(prompt=70, completion=30) + DONE


def _call(name: str, *arguments: str, identity: str = "call_1") -> bytes:
    """A stream with one tool call."""
    first = {"index": 0, "id": identity, "type": "function", "function": {"name": name, "arguments": ""}}
    rest = [{"index": 0, "function": {"arguments": part}} for part in arguments]
    deltas = b"".join(delta({"tool_calls": [one]}) for one in (first, *rest))
    return delta({"role": "assistant", "content": None}) + deltas + delta({}, "tool_calls") + DONE


def _events(stage: Stage, *script: bytes | float, **more: Any) -> list[Any]:
    """The events of a stream, with what holds for all of them checked."""
    stage.stub().plays(STREAM_HEAD, *script)
    found = wire.named_payloads(stage.post(RESPONSES, {**STREAM, **more}))
    assert [one["sequence_number"] for one in found] == list(range(len(found)))
    identities = {one["response"]["id"] for one in found if "response" in one}
    assert len(identities) == 1
    return found


def _kinds(found: list[Any]) -> list[str]:
    """Types of the events without the repeated deltas."""
    kinds: list[str] = []
    for one in found:
        if not kinds or kinds[-1] != one["type"]:
            kinds.append(one["type"])
    return kinds


def _last(found: list[Any], kind: str) -> Any:
    assert found[-1]["type"] == kind, found[-1]
    return found[-1]["response"]


@case(
    "E01",
    "Text as the events of section 2.3",
    client="HTTP openai-python openai-node",
    feature="responses",
)
def _(stage: Stage) -> None:
    found = _events(stage, TEXT)
    assert _kinds(found) == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert "".join(one["delta"] for one in found if one["type"].endswith(".delta")) == "played"
    final = _last(found, "response.completed")
    assert (final["status"], final["object"]) == ("completed", "response")
    (item,) = final["output"]
    assert (item["type"], item["role"], item["status"]) == ("message", "assistant", "completed")
    assert [(part["type"], part["text"]) for part in item["content"]] == [("output_text", "played")]
    (done,) = [one["item"] for one in found if one["type"] == "response.output_item.done"]
    assert done == item
    # Not a stream.
    stage.stub().plays(whole(ANSWER))
    answer = stage.post(RESPONSES, ASK).json
    assert (answer["object"], answer["status"], answer["error"]) == ("response", "completed", None)
    assert answer["output"][0]["content"][0]["text"] == "played"
    with stage.python().openai as sdk:
        stage.stub().plays(STREAM_HEAD, TEXT)
        with sdk.responses.stream(**ASK) as helper:
            assert helper.get_final_response().output_text == "played"
        stage.stub().plays(whole(ANSWER))
        assert sdk.responses.create(**ASK).output_text == "played"
    stage.stub().plays(STREAM_HEAD, TEXT)
    told = stage.node().ask("responsesStream", stage.gateway().url, ASK)
    assert told[-1]["response"]["output"][0]["content"][0]["text"] == "played"
    stage.stub().plays(whole(ANSWER))
    assert stage.node().ask("responses", stage.gateway().url, ASK)["output_text"] == "played"


@case(
    "E02",
    "A tool call and its result, over two turns",
    client="HTTP openai-python",
    feature="tools",
)
def _(stage: Stage) -> None:
    found = _events(stage, _call("f", '{"q":', " 1.0}"), tools=[TOOL])
    assert _kinds(found)[2:-1] == [
        "response.output_item.added",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.output_item.done",
    ]
    (item,) = _last(found, "response.completed")["output"]
    assert (item["type"], item["call_id"], item["name"]) == ("function_call", "call_1", "f")
    assert item["arguments"] == '{"q": 1.0}'
    tool = {"name": "f", "parameters": TOOL["parameters"], "strict": False}
    assert stage.stub().last.json["tools"] == [{"type": "function", "function": tool}]
    with stage.python().openai as sdk:
        stage.stub().plays(STREAM_HEAD, _call("f", "{}"))
        with sdk.responses.stream(**ASK, tools=[TOOL]) as helper:
            (made,) = helper.get_final_response().output
        turn: Any = [
            {"role": "user", "content": "hello"},
            made.model_dump(exclude_none=True, exclude={"parsed_arguments"}),
            {"type": "function_call_output", "call_id": "call_1", "output": "forty-two"},
        ]
        stage.stub().plays(whole(ANSWER))
        assert sdk.responses.create(model=MODEL, input=turn, tools=[TOOL]).output_text == "played"
    user, assistant, result = stage.stub().last.json["messages"]
    assert user["role"] == "user"
    assert (assistant["role"], assistant["tool_calls"][0]["id"]) == ("assistant", "call_1")
    assert assistant["tool_calls"][0]["function"] == {"name": "f", "arguments": "{}"}
    assert result == {"role": "tool", "tool_call_id": "call_1", "content": "forty-two"}


@case("E03", "One id, and numbers that rise from 0", feature="responses")
def _(stage: Stage) -> None:
    both = delta({"role": "assistant", "content": "a"}) + _call("f", "{}").removeprefix(
        delta({"role": "assistant", "content": None})
    )
    first, second = _events(stage, both, tools=[TOOL]), _events(stage, TEXT)
    assert first[0]["response"]["id"] != second[0]["response"]["id"]
    added = [one["output_index"] for one in first if one["type"] == "response.output_item.added"]
    assert added == [0, 1]
    items = [one["item"]["id"] for one in first if one["type"] == "response.output_item.added"]
    assert len(set(items)) == 2
    for one in first:
        if "item_id" in one:
            assert one["item_id"] == items[one["output_index"]]


@case(
    "E04",
    "A length limit: response.incomplete",
    client="HTTP openai-python",
    feature="responses",
)
def _(stage: Stage) -> None:
    events = chunk("pla") + chunk("", '"length"') + DONE
    final = _last(_events(stage, events, max_output_tokens=5), "response.incomplete")
    assert (final["status"], final["incomplete_details"]) == ("incomplete", {"reason": "max_output_tokens"})
    sent = stage.stub().last.json
    assert sent.get("max_completion_tokens", sent.get("max_tokens")) == 5
    with stage.python().openai as sdk:
        stage.stub().plays(wire.completion({"content": "x"}, "content_filter"))
        answer = sdk.responses.create(**ASK)
        assert answer.status == "incomplete"
        assert answer.incomplete_details is not None
        assert answer.incomplete_details.reason == "content_filter"


@case(
    "E05",
    "A backend that dies: response.failed with code and message, never completed",
    client="HTTP openai-python openai-node",
    feature="errors in streams",
)
def _(stage: Stage) -> None:
    failed = wire.event({"error": {"message": "out of memory", "type": "server_error", "code": "oom"}})
    for end, words in ((b"", "early"), (failed + DONE, "out of memory")):
        script = (chunk("hi"), 0.05, end)
        found = _events(stage, *script)
        response = _last(found, "response.failed")
        assert response["status"] == "failed"
        assert response["error"]["code"]
        assert words in response["error"]["message"]
        assert "response.completed" not in _kinds(found)
        with stage.python().openai as sdk:
            stage.stub().plays(STREAM_HEAD, *script)
            kinds = [event.type for event in sdk.responses.create(**STREAM)]
        assert kinds[-1] == "response.failed"
        stage.stub().plays(STREAM_HEAD, *script)
        told = stage.node().ask("responsesStream", stage.gateway().url, ASK)
        assert told[-1]["type"] == "response.failed"
    # Before the first content it is a status.
    stage.stub().plays(whole(b'{"error":{"message":"x"}}', "500 Oops"))
    wire.error(stage.post(RESPONSES, STREAM), 502, "upstream_error")


@case("E06", "text.format becomes a nested response_format", feature="structured output")
def _(stage: Stage) -> None:
    schema = b'{"type":"object","properties":{"z":{"type":"number","maximum":1.0},"a":{}}}'
    form = b'{"type":"json_schema","name":"n","strict":true,"schema":%b}' % schema
    sent = b'{"model":"%b","input":"x","text":{"format":%b}}'
    stage.stub().plays(whole(ANSWER))
    answer = stage.post(RESPONSES, sent % (MODEL.encode(), form))
    assert answer.status == 200, answer.body
    told = stage.stub().last.json["response_format"]
    assert told == {
        "type": "json_schema",
        "json_schema": {"name": "n", "strict": True, "schema": json.loads(schema)},
    }
    assert b'"maximum":1.0' in stage.stub().last.body


@case(
    "E07",
    "Codex's apply_patch: a custom tool over a backend that knows functions only",
    feature="tools",
)
def _(stage: Stage) -> None:
    grammar = {"type": "grammar", "syntax": "lark", "definition": "start: /.+/"}
    tool = {"type": "custom", "name": "apply_patch", "description": "d", "format": grammar}
    found = _events(stage, _call("apply_patch", '{"input":"*** Beg', 'in\\n\\"x\\""}'), tools=[tool])
    (sent,) = stage.stub().last.json["tools"]
    assert (sent["type"], sent["function"]["name"]) == ("function", "apply_patch")
    assert sent["function"]["parameters"]["properties"]["input"]["type"] == "string"
    kinds = _kinds(found)
    assert "response.custom_tool_call_input.delta" in kinds
    assert not any("function_call_arguments" in kind for kind in kinds)
    (done,) = [one for one in found if one["type"] == "response.custom_tool_call_input.done"]
    assert done["input"] == '*** Begin\n"x"'
    deltas = [one["delta"] for one in found if one["type"] == "response.custom_tool_call_input.delta"]
    assert "".join(deltas) == done["input"]
    (item,) = _last(found, "response.completed")["output"]
    assert (item["type"], item["call_id"], item["input"]) == ("custom_tool_call", "call_1", done["input"])
    # Its result comes back in the next turn.
    turn = [
        {"role": "user", "content": "x"},
        {"type": "custom_tool_call", "call_id": "call_1", "name": "apply_patch", "input": "p"},
        {"type": "custom_tool_call_output", "call_id": "call_1", "output": "ok"},
    ]
    stage.stub().plays(whole(ANSWER))
    assert stage.post(RESPONSES, {**ASK, "input": turn, "tools": [tool]}).status == 200
    assert stage.stub().last.json["messages"][-1] == {
        "role": "tool",
        "tool_call_id": "call_1",
        "content": "ok",
    }


@case(
    "E08",
    "Without a store an earlier response cannot be continued",
    client="HTTP openai-python",
    feature="responses",
)
def _(stage: Stage) -> None:
    answer = stage.post(RESPONSES, {**ASK, "previous_response_id": "resp_1"})
    assert wire.error(answer, 400, "unsupported_parameter")["param"] == "previous_response_id"
    answer = stage.post(RESPONSES, {**ASK, "conversation": "conv_1"})
    assert wire.error(answer, 400, "unsupported_parameter")["param"] == "conversation"
    assert not stage.asked()
    with stage.python().openai as sdk:
        try:
            sdk.responses.create(**ASK, previous_response_id="resp_1")
        except openai.BadRequestError as error:
            assert error.code == "unsupported_parameter"
        else:
            raise AssertionError("it was taken for success")


@case("E09", "A compressed body is read, and a bomb is not", feature="responses")
def _(stage: Stage) -> None:
    plain = json.dumps(ASK).encode()
    for encoding, body in (("zstd", zstandard.compress(plain)), ("gzip", gzip.compress(plain))):
        stage.stub().plays(whole(ANSWER))
        answer = stage.post(RESPONSES, body, headers={"content-encoding": encoding})
        assert answer.status == 200, answer.body
        assert "content-encoding" not in stage.stub().last.headers
        stage.clear()
    compressor = zstandard.ZstdCompressor().compressobj()
    piece = bytes(1024 * 1024)
    bomb = b"".join(compressor.compress(piece) for _ in range(1024)) + compressor.flush()
    began = time.monotonic()
    answer = stage.post(RESPONSES, bomb, headers={"content-encoding": "zstd"})
    wire.error(answer, 413, "request_too_large")
    assert time.monotonic() - began < 1
    wire.error(
        stage.post(RESPONSES, b"nonsense", headers={"content-encoding": "zstd"}), 400, "invalid_encoding"
    )
    assert stage.post(RESPONSES, plain, headers={"content-encoding": "rot13"}).status == 415
    assert not stage.asked()


@case("E10", "Usage with the details that Codex demands", feature="usage")
def _(stage: Stage) -> None:
    counts = wire.usage(70, 30)
    counts |= {
        "prompt_tokens_details": {"cached_tokens": 60},
        "completion_tokens_details": {"reasoning_tokens": 8},
    }
    common = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "played", "choices": []}
    detailed = _last(
        _events(stage, _TEXT + wire.event({**common, "usage": counts}) + DONE), "response.completed"
    )
    told = detailed["usage"]
    assert (told["input_tokens"], told["output_tokens"], told["total_tokens"]) == (70, 30, 100)
    assert told["input_tokens_details"]["cached_tokens"] == 60
    assert told["output_tokens_details"]["reasoning_tokens"] == 8
    bare = _last(_events(stage, TEXT), "response.completed")["usage"]
    assert isinstance(bare["input_tokens_details"]["cached_tokens"], int)
    assert isinstance(bare["output_tokens_details"]["reasoning_tokens"], int)


@case(
    "E11",
    "A silent backend: response.in_progress again and again",
    client="HTTP openai-python",
    feature="heartbeats",
)
def _(stage: Stage) -> None:
    stage.stub().plays(0.5, STREAM_HEAD, TEXT)
    answer = stage.post(RESPONSES, STREAM, "patient")
    assert b"\n:" not in answer.body, "Codex does not count comments as life"
    found = wire.named_payloads(answer)
    kinds = [one["type"] for one in found]
    assert kinds[0] == "response.created"
    assert kinds.count("response.in_progress") >= 3
    assert kinds[-1] == "response.completed"
    assert [one["sequence_number"] for one in found] == list(range(len(found)))
    assert len({one["response"]["id"] for one in found if "response" in one}) == 1
    with stage.python("patient").openai as sdk:
        stage.stub().plays(0.5, STREAM_HEAD, TEXT)
        with sdk.responses.stream(**ASK) as helper:
            assert helper.get_final_response().output_text == "played"


@case("E12", "A WebSocket is refused at once, so that clients fall back", feature="responses")
def _(stage: Stage) -> None:
    headers = {
        "connection": "Upgrade",
        "upgrade": "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    times = []
    for path in (RESPONSES, "/responses"):
        began = time.monotonic()
        answer = stage.gateway().request("GET", path, headers=headers)
        times.append(time.monotonic() - began)
        wire.error(answer, 426, "upgrade_required")
    assert min(times) < 0.1
