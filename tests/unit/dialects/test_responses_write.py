"""Responses answers: by bytes against golden files, by the rules of the protocol, and by what the
official SDK makes of them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest

from hybridgw import sse
from hybridgw.dialects.base import Fault
from hybridgw.dialects.responses import RESPONSES
from hybridgw.dialects.responses_read import ResponsesAsk, read
from hybridgw.dialects.responses_write import ResponsesWriter
from hybridgw.wire import (
    Ask,
    Event,
    Finish,
    Start,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolCall,
    ToolDelta,
    ToolStart,
    Usage,
)
from tests.unit.dialects.responses_cases import CASES, USAGE

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "responses"
REQUEST = {
    "model": "m",
    "input": "hi",
    "instructions": "Be brief.",
    "temperature": 0.5,
    "tools": [
        {"type": "function", "name": "look", "parameters": {"type": "object"}, "strict": False},
        {"type": "custom", "name": "apply_patch"},
    ],
}
FAULT = Fault(502, "server_error", "upstream_truncated", "the upstream closed the stream early")


def ask(**members: Any) -> ResponsesAsk:
    return read(json.dumps({**REQUEST, **members}).encode())


def writer(**members: Any) -> ResponsesWriter:
    return ResponsesWriter(ask(**members), created=1795132800, token="0f")


def streamed(events: list[Event], **members: Any) -> bytes:
    wire = writer(**members)
    return wire.feed(events) + wire.close()


def told(stream: bytes) -> list[dict[str, Any]]:
    """The events, checked for what holds for every stream."""
    blocks = stream.decode().split("\n\n")
    assert blocks.pop() == ""
    found = []
    for number, block in enumerate(blocks):
        name, data = block.split("\n")
        event = json.loads(data.removeprefix("data: "))
        assert name == f"event: {event['type']}"
        assert event["sequence_number"] == number
        found.append(event)
    assert len({event["response"]["id"] for event in found if "response" in event}) == 1
    return found


def kinds(events: list[dict[str, Any]]) -> list[str]:
    return [event["type"].removeprefix("response.") for event in events]


@pytest.mark.parametrize("name", CASES)
def test_golden(name: str) -> None:
    stream = streamed(CASES[name])
    told(stream)
    assert stream.decode() == (GOLDEN / f"{name}.txt").read_text()
    whole = writer().whole(CASES[name])
    assert json.loads(whole) == json.loads((GOLDEN / f"{name}.json").read_text())


@pytest.mark.parametrize("summary", [None, "auto"])
@pytest.mark.parametrize("name", CASES)
def test_however_the_events_come_the_stream_is_the_same(name: str, summary: str | None) -> None:
    wire = writer(reasoning={"summary": summary})
    by_event = b"".join(wire.feed([event]) for event in CASES[name]) + wire.close()
    assert by_event == streamed(CASES[name], reasoning={"summary": summary})


@pytest.mark.parametrize("name", CASES)
def test_the_last_event_holds_the_whole_answer_and_the_items_that_were_done(name: str) -> None:
    events = told(streamed(CASES[name]))
    last = events[-1]["response"]
    assert last == json.loads(writer().whole(CASES[name]))
    done = {e["output_index"]: e["item"] for e in events if e["type"] == "response.output_item.done"}
    added = {e["output_index"]: e["item"] for e in events if e["type"] == "response.output_item.added"}
    assert [done[index] for index in sorted(done)] == last["output"]
    assert list(added) == list(range(len(last["output"])))
    assert {index: item["id"] for index, item in added.items()} == {i: item["id"] for i, item in done.items()}


def test_the_sequence_of_a_text_and_a_call() -> None:
    assert kinds(told(streamed(CASES["tools"]))) == [
        "created", "in_progress",
        "output_item.added", "content_part.added", "output_text.delta", "output_text.done",
        "content_part.done", "output_item.done",
        "output_item.added", "function_call_arguments.delta", "function_call_arguments.delta",
        "function_call_arguments.done", "output_item.done",
        "output_item.added", "function_call_arguments.delta", "function_call_arguments.done",
        "output_item.done",
        "completed",
    ]  # fmt: skip


def test_calls_that_interleave_stay_open_and_keep_their_places() -> None:
    events = told(streamed(CASES["interleaved"]))
    assert [item["arguments"] for item in events[-1]["response"]["output"]] == ['{"q":1}', '{"q":2}']
    deltas = [(e["output_index"], e["delta"]) for e in events if e["type"].endswith("arguments.delta")]
    assert deltas == [(0, '{"q":'), (1, '{"q":2'), (0, "1}"), (1, "}")]


def test_a_call_without_arguments_is_an_empty_object() -> None:
    look, now = told(streamed(CASES["tools"]))[-1]["response"]["output"][1:]
    assert (look["arguments"], now["arguments"]) == ('{"q": 1.0}', "{}")


def test_a_custom_tool_gets_its_text_and_its_own_events() -> None:
    events = told(streamed(CASES["custom"]))
    assert kinds(events)[2:-1] == [
        "output_item.added", *["custom_tool_call_input.delta"] * 2, "custom_tool_call_input.done",
        "output_item.done",
    ]  # fmt: skip
    item = events[-2]["item"]
    assert (item["type"], item["input"], item["call_id"]) == (
        "custom_tool_call",
        "*** Begin\n+café 😀",
        "call_a",
    )


@pytest.mark.parametrize(
    ("name", "status", "details", "item"),
    [
        ("text", "completed", None, "completed"),
        ("length", "incomplete", {"reason": "max_output_tokens"}, "incomplete"),
        ("cut_call", "incomplete", {"reason": "max_output_tokens"}, "incomplete"),
        ("filtered", "incomplete", {"reason": "content_filter"}, "incomplete"),
    ],
)
def test_how_an_answer_ends(name: str, status: str, details: object, item: str) -> None:
    last = told(streamed(CASES[name]))[-1]
    assert last["type"] == f"response.{status}"
    response = last["response"]
    assert (response["status"], response["incomplete_details"]) == (status, details)
    assert response["output"][-1]["status"] == item


def test_usage_with_both_details() -> None:
    assert told(streamed(CASES["text"]))[-1]["response"]["usage"] == {
        "input_tokens": 9,
        "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 1},
        "output_tokens": 5,
        "output_tokens_details": {"reasoning_tokens": 2},
        "total_tokens": 14,
    }
    assert told(streamed(CASES["empty"]))[-1]["response"]["usage"] is None


def test_of_several_usages_the_last_counts() -> None:
    last = told(streamed([TextDelta("x"), Usage(1, 1), Finish("stop"), USAGE]))[-1]
    assert last["response"]["usage"]["total_tokens"] == 14


@pytest.mark.parametrize(("summary", "index"), [("auto", "summary_index"), (None, "content_index")])
def test_thoughts_are_told_as_they_were_asked_for(summary: str | None, index: str) -> None:
    events = told(streamed(CASES["thinking"], reasoning={"summary": summary}))
    word = "reasoning_summary_text" if summary else "reasoning_text"
    deltas = [event for event in events if event["type"] == f"response.{word}.delta"]
    assert [(event["delta"], event[index]) for event in deltas] == [
        ("Let me ", 0), ("think.", 0), ("More.", 0),
    ]  # fmt: skip
    output = events[-1]["response"]["output"]
    assert [item["type"] for item in output] == ["reasoning", "message", "reasoning", "function_call"]
    thought = output[0]["summary" if summary else "content"]
    assert thought == [{"type": "summary_text" if summary else "reasoning_text", "text": "Let me think."}]


@pytest.mark.parametrize("name", ["thinking", "redacted", "tools", "custom"])
def test_an_answer_that_comes_back_is_read_as_what_the_backend_said(name: str) -> None:
    """A client sends all items of an answer back; the backend must find its own signatures."""
    output = json.loads(writer().whole(CASES[name]))["output"]
    _, turn = ask(input=output).messages
    if name == "thinking":
        assert turn.parts[0] == Thinking("Let me think.", "c2ln")
        assert turn.parts[-1] == ToolCall("call_a", "look", "{}", signature="Z2Vt")
    elif name == "redacted":
        assert turn.parts[0] == Thinking("", None, "RW13Sw")
    elif name == "custom":
        assert turn.parts == [ToolCall("call_a", "apply_patch", "*** Begin\n+café 😀", custom=True)]
    else:
        assert [part.id for part in turn.parts if isinstance(part, ToolCall)] == ["call_a", "call_b"]


def test_logprobs_keep_their_text() -> None:
    stream = streamed(CASES["logprobs"], include=["message.output_text.logprobs"])
    assert stream.count(b'"logprob":-0.10') == 5  # delta, text, part, item, response
    (part,) = told(stream)[-1]["response"]["output"][0]["content"]
    assert part["logprobs"] == [{"token": "Hi", "logprob": -0.1, "bytes": [72, 105], "top_logprobs": []}]


def test_call_ids_that_a_backend_repeats_are_made_different() -> None:
    events: list[Event] = [ToolStart(0, "x", "look"), ToolDelta(0, "{}"), ToolStart(1, "x", "look")]
    output = told(streamed(events))[-1]["response"]["output"]
    assert [item["call_id"] for item in output] == ["x", "x_1"]


def test_other_choices_and_empty_texts_are_nothing() -> None:
    events: list[Event] = [
        TextDelta(""),
        ThinkingDelta(""),
        TextDelta("b", choice=1),
        Finish("stop", choice=1),
    ]
    assert kinds(told(streamed(events))) == ["created", "in_progress", "completed"]


def test_the_heartbeat_begins_the_response_and_then_repeats_it() -> None:
    wire = writer()
    stream = wire.heartbeat + wire.heartbeat + wire.feed([Start(model="late"), TextDelta("a")])
    stream += wire.heartbeat + wire.feed([Finish("stop")]) + wire.close()
    assert kinds(told(stream)) == [
        "created", "in_progress", "in_progress", "output_item.added", "content_part.added",
        "output_text.delta", "in_progress", "output_text.done", "content_part.done", "output_item.done",
        "completed",
    ]  # fmt: skip


@pytest.mark.parametrize("begun", [False, True])
def test_a_failure_ends_with_response_failed_and_closes_nothing(begun: bool) -> None:
    wire = writer()
    stream = b""
    if begun:
        stream = wire.feed([TextDelta("done"), ToolStart(0, "c", "look"), ToolDelta(0, '{"half')])
    events = told(stream + wire.error_event(FAULT))
    assert kinds(events)[:2] == ["created", "in_progress"]
    last = events[-1]
    assert last["type"] == "response.failed"
    assert last["response"]["status"] == "failed"
    assert last["response"]["error"] == {"code": "upstream_truncated", "message": FAULT.message}
    assert [item["type"] for item in last["response"]["output"]] == ["message"] * begun
    assert kinds(events).count("output_item.done") == begun


def test_codex_reads_the_wait_out_of_the_message() -> None:
    fault = Fault(429, "rate_limit_error", "rate_limit_exceeded", "Slow down.", retry_after=1.5)
    last = told(writer().error_event(fault))[-1]
    assert last["response"]["error"]["message"] == "Slow down. Please try again in 1.5s."


def test_the_object_repeats_the_request_and_is_complete() -> None:
    response = json.loads(writer().whole(CASES["text"]))
    assert response["instructions"] == "Be brief."
    assert response["tools"] == REQUEST["tools"]
    assert (response["temperature"], response["tool_choice"], response["store"]) == (0.5, "auto", False)
    assert response.keys() >= {
        "id", "object", "created_at", "status", "error", "incomplete_details", "model", "output", "usage",
        "parallel_tool_calls", "top_p", "max_output_tokens", "previous_response_id", "reasoning", "text",
        "truncation", "metadata", "service_tier", "user",
    }  # fmt: skip


def test_an_ask_of_another_dialect_is_answered_too() -> None:
    wire = ResponsesWriter(Ask(model="m", messages=[]))
    events = told(wire.feed(CASES["text"]) + wire.close())
    assert events[-1]["response"]["tools"] == []
    assert len(events[-1]["response"]["id"]) == 53


def test_where_bytes_pass_through_both_kinds_of_clients_learn_of_a_failure() -> None:
    error, failed = (json.loads(payload) for payload in sse.split(RESPONSES.error_event(FAULT)))
    assert (error["type"], error["code"], error["error"]["message"]) == (
        "error",
        "upstream_truncated",
        FAULT.message,
    )
    assert failed["type"] == "response.failed"
    assert failed["response"]["error"]["code"] == "upstream_truncated"
    assert json.loads(RESPONSES.error(FAULT))["error"].keys() == {"message", "type", "param", "code"}


@pytest.fixture
def client() -> Iterator[Any]:
    """The official SDK on a transport that plays back what it is given, 7 bytes at a time."""
    played: list[bytes] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        body = played.pop(0)
        slices = (body[at : at + 7] for at in range(0, len(body), 7))
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=slices)

    http = httpx2.Client(transport=httpx2.MockTransport(answer))
    with openai.OpenAI(api_key="none", base_url="http://gateway/v1", http_client=http, max_retries=0) as sdk:

        def play(stream: bytes) -> Any:
            played.append(stream)
            return sdk.responses

        yield play


@pytest.mark.parametrize("summary", [None, "auto"])
@pytest.mark.parametrize("name", ["text", "tools", "interleaved", "custom", "thinking", "redacted", "empty"])
def test_the_sdks_accumulator_agrees(client: Any, name: str, summary: str | None) -> None:
    stream = streamed(CASES[name], reasoning={"summary": summary})
    with client(stream).stream(model="m", input="hi", tools=REQUEST["tools"]) as events:
        seen = [event.type for event in events]
        final = events.get_final_response()
    assert seen == [event["type"] for event in told(stream)]
    output = told(stream)[-1]["response"]["output"]
    assert [item.type for item in final.output] == [item["type"] for item in output]
    assert [item.id for item in final.output] == [item["id"] for item in output]
    if name == "text":
        assert final.output_text == 'Hi "you"\n'
        assert final.usage.output_tokens_details.reasoning_tokens == 2
    if name == "interleaved":
        assert [call.arguments for call in final.output] == ['{"q":1}', '{"q":2}']
    if name == "custom":
        assert final.output[0].input == "*** Begin\n+café 😀"


@pytest.mark.parametrize("name", ["length", "filtered"])
def test_the_sdk_does_not_take_a_cut_answer_for_a_whole_one(client: Any, name: str) -> None:
    with client(streamed(CASES[name])).stream(model="m", input="hi") as events:
        last = list(events)[-1]
        assert last.response.status == "incomplete"
        with pytest.raises(RuntimeError):
            events.get_final_response()


def test_the_sdk_sees_heartbeats_and_a_failure(client: Any) -> None:
    wire = writer()
    stream = wire.heartbeat + wire.feed([TextDelta("a")]) + wire.heartbeat + wire.error_event(FAULT)
    with client(stream).stream(model="m", input="hi") as events:
        last = list(events)[-1]
        assert (last.type, last.response.error.code) == ("response.failed", "upstream_truncated")
        with pytest.raises(RuntimeError):
            events.get_final_response()


def test_the_sdk_raises_on_a_failure_inside_bytes_that_passed_through(client: Any) -> None:
    began = streamed(CASES["text"]).partition(b"event: response.completed")[0]
    with (
        client(began + RESPONSES.error_event(FAULT)).create(model="m", input="hi", stream=True) as events,
        pytest.raises(openai.APIError, match="closed the stream early"),
    ):
        list(events)


@pytest.mark.parametrize("reason", ["tool_calls", "stop", "length"])
def test_arguments_that_were_cut_off_make_the_answer_incomplete(reason: str) -> None:
    """Whatever the backend says: B015."""
    cut: list[Event] = [ToolStart(0, "a", "f"), ToolDelta(0, '{"path": "abc'), Finish(reason)]
    last = told(streamed(cut))[-1]
    assert last["type"] == "response.incomplete"
    assert last["response"]["incomplete_details"] == {"reason": "max_output_tokens"}
    assert last["response"]["output"][0]["status"] == "incomplete"
    assert json.loads(writer().whole(cut))["status"] == "incomplete"


def test_a_reason_before_the_end_closes_nothing() -> None:
    events: list[Event] = [TextDelta("Hel"), Finish("stop"), TextDelta("lo"), Finish("stop")]
    (item,) = told(streamed(events))[-1]["response"]["output"]
    assert item["content"][0]["text"] == "Hello"
