"""OpenAI's Responses as a backend: what a request becomes, and what an answer means."""

from typing import Any

import orjson
import pytest

from hybridgw.core import Route
from hybridgw.dialects import DIALECTS
from hybridgw.errors import RequestError
from hybridgw.providers.anthropic_replay import without_own_thoughts
from hybridgw.providers.base import Backend
from hybridgw.providers.openai_models import thinks
from hybridgw.providers.registry import PROVIDERS
from hybridgw.providers.responses_wire import ResponsesOutbound
from hybridgw.wire import Event, Failure, Finish, Signature, TextDelta, ThinkingDelta, ToolDelta, ToolStart

PNG = "iVBORw0KGgo="
MESSAGES = DIALECTS[Route.MESSAGES]


def asked(**members: Any) -> dict[str, Any]:
    return {"model": "gpt-5.6", "max_tokens": 9, "messages": [{"role": "user", "content": "q"}], **members}


def sent(backend: Backend | None = None, **members: Any) -> tuple[dict[str, Any], list[str]]:
    ask = MESSAGES.read(orjson.dumps(asked(**members)))
    return orjson.loads(ResponsesOutbound(backend or Backend()).request(ask)), ask.dropped


def test_a_request_of_an_agent() -> None:
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}
    body, dropped = sent(
        max_tokens=4000,
        system="be brief",
        thinking={"type": "adaptive"},
        output_config={"effort": "high", "format": {"type": "json_schema", "schema": {"type": "object"}}},
        temperature=1,
        stop_sequences=["END"],
        stream=True,
        tools=[{"name": "f", "description": "d", "input_schema": {"type": "object"}}],
        tool_choice={"type": "any", "disable_parallel_tool_use": True},
        metadata={"user_id": "u"},
        messages=[
            {"role": "user", "content": [{"type": "text", "text": "look"}, image]},
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "hm", "signature": "hgw1:oai:SEALED"},
                    {"type": "thinking", "thinking": "of another", "signature": "EqQ"},
                    {"type": "text", "text": "so"},
                    {"type": "tool_use", "id": "c1", "name": "f", "input": {"a": 1.0}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "c1", "content": [
                        {"type": "text", "text": "seen"}, image], "is_error": True},
                    {"type": "text", "text": "go on"},
                ],
            },
        ],
    )  # fmt: skip
    picture = {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}"}
    assert body == {
        "model": "gpt-5.6",
        "store": False,
        "stream": True,
        "max_output_tokens": 4000,
        "include": ["reasoning.encrypted_content"],
        "reasoning": {"effort": "high", "summary": "auto"},
        "text": {"format": {"type": "json_schema", "name": "output", "schema": {"type": "object"}}},
        "tools": [
            {"type": "function", "name": "f", "description": "d", "parameters": {"type": "object"},
             "strict": False}
        ],
        "tool_choice": "required",
        "parallel_tool_calls": False,
        "safety_identifier": "u",
        "input": [
            {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "be brief"}]},
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "look"}, picture]},
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}],
             "encrypted_content": "SEALED"},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "so"}]},
            {"type": "function_call", "call_id": "c1", "name": "f", "arguments": '{"a":1.0}'},
            {"type": "function_call_output", "call_id": "c1", "output": [
                {"type": "input_text", "text": "[tool error]"}, {"type": "input_text", "text": "seen"},
                picture]},
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "go on"}]},
        ],
    }  # fmt: skip
    assert dropped == ["thinking", "temperature", "stop"]


def test_a_limit_below_the_apis_least_is_raised() -> None:
    assert sent(max_tokens=1)[0]["max_output_tokens"] == 16


def test_a_model_that_does_not_think_is_told_of_no_effort() -> None:
    body, dropped = sent(model="gpt-4.1", output_config={"effort": "high"}, temperature=0.5)
    assert "reasoning" not in body and "include" not in body and body["temperature"] == 0.5
    assert dropped == ["thinking"]
    chat = PROVIDERS["openai"].outbound
    assert chat is not None
    for model, told in (("gpt-4.1", None), ("gpt-5.6", "high"), ("mine", "high")):
        ask = MESSAGES.read(orjson.dumps(asked(model=model, output_config={"effort": "high"})))
        assert orjson.loads(chat(Backend()).request(ask)).get("reasoning_effort") == told
        assert ("reasoning_effort" in ask.dropped) == (told is None)


@pytest.mark.parametrize(
    ("model", "known"),
    [
        ("gpt-5.6-terra", True), ("openai/o3-mini", True), ("ft:gpt-5:org::x", True), ("codex-mini", True),
        ("gpt-12", True), ("gpt-4o", False), ("gpt-4.1-mini", False), ("gpt-5-chat-latest", False),
        ("gpt-5.2-chat-latest", False), ("chatgpt-4o-latest", False), ("my-alias", None), ("omni", None),
    ],
)  # fmt: skip
def test_what_a_name_tells_of_thinking(model: str, known: bool | None) -> None:
    assert thinks(model) is known


def test_custom_tools_and_choices_of_a_chat_client() -> None:
    grammar = {"type": "grammar", "grammar": {"syntax": "lark", "definition": "x"}}
    body = {
        "model": "gpt-5.6",
        "messages": [
            {"role": "user", "content": "q"},
            {"role": "assistant", "tool_calls": [
                {"id": "c", "type": "custom", "custom": {"name": "g", "input": "text"}}]},
            {"role": "tool", "tool_call_id": "c", "content": "done"},
        ],
        "tools": [{"type": "custom", "custom": {"name": "g", "format": grammar}}],
        "tool_choice": {"type": "custom", "custom": {"name": "g"}},
        "seed": 7,
    }  # fmt: skip
    ask = DIALECTS[Route.CHAT].read(orjson.dumps(body))
    told = orjson.loads(ResponsesOutbound(Backend()).request(ask))
    flat = {"type": "grammar", "syntax": "lark", "definition": "x"}
    assert told["tools"] == [{"type": "custom", "name": "g", "format": flat}]
    assert told["tool_choice"] == {"type": "custom", "name": "g"}
    assert told["input"][1:] == [
        {"type": "custom_tool_call", "call_id": "c", "name": "g", "input": "text"},
        {"type": "custom_tool_call_output", "call_id": "c", "output": "done"},
    ]
    assert ask.dropped == ["seed"]


def test_what_cannot_be_carried_is_refused_by_name() -> None:
    audio = {"type": "input_audio", "input_audio": {"data": "UklG", "format": "wav"}}
    body = {"model": "m", "messages": [{"role": "user", "content": [audio]}]}
    with pytest.raises(RequestError) as caught:
        ResponsesOutbound(Backend()).request(DIALECTS[Route.CHAT].read(orjson.dumps(body)))
    assert caught.value.field == "messages[0].content[0]"


REASONING = {"id": "rs_1", "type": "reasoning", "encrypted_content": "SEALED",
             "summary": [{"type": "summary_text", "text": "one"},
                         {"type": "summary_text", "text": "two"}]}  # fmt: skip
SAID = {"id": "msg_1", "type": "message", "role": "assistant",
        "content": [{"type": "output_text", "text": "so"}]}  # fmt: skip
CALL = {"id": "fc_1", "type": "function_call", "call_id": "c1", "name": "f", "arguments": '{"a":1.0}'}
CUSTOM = {"id": "ctc_1", "type": "custom_tool_call", "call_id": "c2", "name": "g", "input": 'say "x"'}
USAGE = {
    "input_tokens": 20, "input_tokens_details": {"cached_tokens": 12}, "output_tokens": 9,
    "output_tokens_details": {"reasoning_tokens": 4}, "total_tokens": 29,
}  # fmt: skip


def response(*output: Any, status: str = "completed", **more: Any) -> dict[str, Any]:
    return {"id": "resp_1", "object": "response", "model": "gpt", "status": status, "output": list(output),
            "usage": USAGE, **more}  # fmt: skip


def events(*told: dict[str, Any]) -> bytes:
    return b"".join(
        b"event: %b\ndata: %b\n\n" % (one["type"].encode(), orjson.dumps({"sequence_number": n, **one}))
        for n, one in enumerate(told)
    )


def joined(told: list[Event]) -> list[Any]:
    """Deltas of a kind put together, so that both ways of answering can be compared."""
    out: list[Any] = []
    for event in told:
        if isinstance(event, TextDelta | ThinkingDelta) and out and type(out[-1]) is type(event):
            out[-1].text += event.text
        elif isinstance(event, ToolDelta) and isinstance(out[-1], ToolDelta):
            out[-1].arguments += event.arguments
        else:
            out.append(event)
    return out


def test_an_answer_means_the_same_whole_and_as_a_stream() -> None:
    items = (REASONING, SAID, CALL, CUSTOM)
    whole = joined(ResponsesOutbound(Backend()).whole(orjson.dumps(response(*items))))
    start = {"type": "response.created", "response": response(status="in_progress")}
    place = {"output_index": 0, "summary_index": 0}
    kind = "response.reasoning_summary_text.delta"
    stream = events(
        start,
        {
            "type": "response.output_item.added",
            "output_index": 0,
            "item": {"type": "reasoning", "id": "rs_1"},
        },
        {"type": kind, **place, "delta": "o"},
        {"type": kind, **place, "delta": "ne"},
        {"type": kind, "output_index": 0, "summary_index": 1, "delta": "two"},
        {"type": "response.output_item.done", "output_index": 0, "item": REASONING},
        {"type": "response.output_item.added", "output_index": 1, "item": {**SAID, "content": []}},
        {"type": "response.output_text.delta", "output_index": 1, "delta": "s"},
        {"type": "response.output_text.delta", "output_index": 1, "delta": "o"},
        {"type": "response.output_item.done", "output_index": 1, "item": SAID},
        {"type": "response.output_item.added", "output_index": 2, "item": {**CALL, "arguments": ""}},
        {"type": "response.function_call_arguments.delta", "output_index": 2, "delta": '{"a":'},
        {"type": "response.function_call_arguments.delta", "output_index": 2, "delta": "1.0}"},
        {"type": "response.output_item.done", "output_index": 2, "item": CALL},
        {"type": "response.output_item.added", "output_index": 3, "item": {**CUSTOM, "input": ""}},
        {"type": "response.custom_tool_call_input.delta", "output_index": 3, "delta": 'say "'},
        {"type": "response.custom_tool_call_input.delta", "output_index": 3, "delta": 'x"'},
        {"type": "response.output_item.done", "output_index": 3, "item": CUSTOM},
        {"type": "response.completed", "response": response(*items)},
    )
    assert joined(ResponsesOutbound(Backend()).feed(stream)) == whole
    kept = [event for event in whole if not isinstance(event, TextDelta)]
    assert ThinkingDelta("one\n\ntwo") in kept
    assert Signature("hgw1:oai:SEALED") in kept
    assert [event for event in kept if isinstance(event, ToolStart | ToolDelta)] == [
        ToolStart(0, "c1", "f"),
        ToolDelta(0, '{"a":1.0}'),
        ToolStart(1, "c2", "g"),
        ToolDelta(1, '{"input":"say \\"x\\""}'),
    ]
    assert kept[-1] == Finish("tool_calls")


def test_calls_that_come_only_when_they_are_done() -> None:
    stream = events({"type": "response.output_item.done", "output_index": 0, "item": CALL})
    assert ResponsesOutbound(Backend()).feed(stream) == [ToolStart(0, "c1", "f"), ToolDelta(0, '{"a":1.0}')]


@pytest.mark.parametrize(
    ("ending", "reason"),
    [
        ({"status": "completed"}, "stop"),
        ({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, "length"),
        ({"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}, "content_filter"),
    ],
)
def test_how_it_ended(ending: dict[str, Any], reason: str) -> None:
    assert ResponsesOutbound(Backend()).whole(orjson.dumps(response(SAID, **ending)))[-1] == Finish(reason)
    stream = events({"type": f"response.{ending['status']}", "response": response(SAID, **ending)})
    assert ResponsesOutbound(Backend()).feed(stream)[-1] == Finish(reason)


def test_failures() -> None:
    error = {"code": "server_error", "message": "no"}
    failed = response(status="failed", error=error)
    expected = Failure("no", "", "server_error")
    assert ResponsesOutbound(Backend()).whole(orjson.dumps(failed)) == [expected]
    for told in ({"type": "response.failed", "response": failed}, {"type": "error", **error}):
        assert ResponsesOutbound(Backend()).feed(events(told))[-1] == expected


def test_thoughts_of_openai_go_back_to_openai_alone() -> None:
    answer = ResponsesOutbound(Backend()).whole(orjson.dumps(response(REASONING, SAID)))
    told = orjson.loads(
        MESSAGES.writer(MESSAGES.read(orjson.dumps(asked(thinking={"type": "adaptive"})))).whole(answer)
    )
    assert told["usage"]["input_tokens"] == 8 and told["usage"]["cache_read_input_tokens"] == 12
    history = [{"role": "user", "content": "q"}, {"role": "assistant", "content": told["content"]},
               {"role": "user", "content": "go on"}]  # fmt: skip
    body, _ = sent(messages=history)
    assert body["input"][1]["encrypted_content"] == "SEALED"
    for provider in ("anthropic", "openrouter", "gemini", "ollama", "vllm"):
        outbound = PROVIDERS[provider].outbound
        assert outbound is not None
        written = outbound(Backend()).request(MESSAGES.read(orjson.dumps(asked(messages=history))))
        assert b"SEALED" not in written, provider
    assert b"SEALED" not in without_own_thoughts(orjson.dumps(asked(messages=history)))
