"""LiteRT-LM: the end it does not tell, and what must not reach it."""

import json
from typing import Any

import pytest

from hybridgw.errors import RequestError
from hybridgw.providers import Backend
from hybridgw.providers.litert_lm import LiteRT
from hybridgw.wire import Ask, Event, Finish, Message, Text, ToolDelta, ToolStart, Usage
from tests.support.translating import configure


def ask(**members: Any) -> Ask:
    return Ask(model=members.pop("model", "m"), messages=[Message("user", [Text("hi")])], **members)


def event(delta: dict[str, Any], finish: str | None = None, usage: int | None = None) -> bytes:
    data: dict[str, Any] = {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
    if usage is not None:
        data = {"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": usage}}
    return b"data: " + json.dumps(data).encode() + b"\n\n"


def end(told: list[Event]) -> list[str]:
    return [event.reason for event in told if isinstance(event, Finish)]


@pytest.mark.parametrize(
    ("limit", "written", "reason"), [(50, 50, "length"), (50, 49, "stop"), (None, 50, "stop")]
)
def test_an_answer_that_reached_its_limit_ended_by_it(limit: int | None, written: int, reason: str) -> None:
    outbound = LiteRT(Backend())
    outbound.request(ask(max_tokens=limit, stream=True))
    told = outbound.feed(event({"content": "a"}) + event({}, "stop"))
    assert not end(told), "why it ended is not known yet"
    told = outbound.feed(event({}, usage=written)) + outbound.close()
    assert end(told) == [reason]
    assert Usage(1, written) in told

    outbound = LiteRT(Backend())
    outbound.request(ask(max_tokens=limit))
    body = {
        "choices": [{"message": {"content": "a"}, "finish_reason": "stop"}],
        "usage": {"completion_tokens": written},
    }
    assert end(outbound.whole(json.dumps(body).encode())) == [reason]


def test_a_limit_of_the_deployment_counts_too() -> None:
    backend = Backend(defaults={"max_tokens": 5})
    outbound = LiteRT(backend)
    assert json.loads(outbound.request(configure(ask(), backend)))["max_completion_tokens"] == 5
    said = configure(ask(max_tokens=3), backend, "max_tokens")
    assert json.loads(outbound.request(said))["max_completion_tokens"] == 3
    backend = Backend(force={"max_tokens": 5})
    said = configure(ask(max_tokens=9), backend, "max_tokens")
    assert json.loads(LiteRT(backend).request(said))["max_completion_tokens"] == 5
    outbound.request(configure(ask(), Backend(defaults={"max_tokens": 5})))
    body = b'{"choices":[{"message":{"content":"a"},"finish_reason":"stop"}],"usage":{"completion_tokens":5}}'
    assert end(outbound.whole(body)) == ["length"]


def test_calls_are_numbered_anew() -> None:
    outbound = LiteRT(Backend())
    calls = [
        event(
            {"tool_calls": [{"index": 0, "id": f"call_1_{at}", "function": {"name": "f", "arguments": "{}"}}]}
        )
        for at in range(2)
    ]
    told = outbound.feed(b"".join(calls) + event({}, "tool_calls")) + outbound.close()
    assert [e for e in told if isinstance(e, ToolStart | ToolDelta | Finish)] == [
        ToolStart(0, "call_1_0", "f"),
        ToolDelta(0, "{}"),
        ToolStart(1, "call_1_1", "f"),
        ToolDelta(1, "{}"),
        Finish("tool_calls"),
    ]


def test_a_comma_in_the_model_would_be_settings_of_the_engine() -> None:
    with pytest.raises(RequestError) as caught:
        LiteRT(Backend()).request(ask(model="m,cpu,512"))
    assert caught.value.field == "model"
