"""What is long or comes in many pieces costs in proportion: a client, or a backend, must not be able to
hold up everybody's loop with one request.

There is so much of it that a step for each pair would take minutes, and in proportion it takes about a
second: the limit of a test tells the two apart on any machine, and no clock is read."""

import json
from typing import Any

import pytest

from hybridgw.core import Route
from tests.support.translating import Talk

pytestmark = pytest.mark.timeout(60)
MANY = 100_000
USER = {"role": "user", "content": "hi"}


def ollama_results(at: int) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": f"c{MANY // 2 - 1 - at}", "content": "r"}


REQUESTS: dict[str, tuple[Route, dict[str, Any]]] = {
    "options that nobody takes": (
        Route.OLLAMA_CHAT,
        {"messages": [USER], "options": {f"o{at}": 1 for at in range(MANY)}},
    ),
    "tools that only their maker runs": (
        Route.MESSAGES,
        {
            "max_tokens": 9,
            "messages": [USER],
            "tools": [{"name": "f", "type": f"t{at}"} for at in range(MANY)],
        },
    ),
    "results in another order": (
        Route.OLLAMA_CHAT,
        {
            "messages": [
                {
                    "role": "assistant",
                    "tool_calls": [
                        {"id": f"c{at}", "function": {"name": "f", "arguments": {}}}
                        for at in range(MANY // 2)
                    ],
                },
                *map(ollama_results, range(MANY // 2)),
            ]
        },
    ),
    "allowed tools": (
        Route.RESPONSES,
        {
            "input": "hi",
            "tools": [{"type": "function", "name": f"f{at}"} for at in range(MANY)],
            "tool_choice": {
                "type": "allowed_tools",
                "tools": [{"type": "function", "name": f"f{at}"} for at in range(MANY)],
            },
        },
    ),
}


@pytest.mark.parametrize("provider", ["vllm", "anthropic", "gemini", "ollama"])
@pytest.mark.parametrize("case", REQUESTS)
def test_a_request_with_many_of_something(case: str, provider: str) -> None:
    route, body = REQUESTS[case]
    Talk(route, body).through(provider)


def calls(*calls: dict[str, Any]) -> bytes:
    return (
        b"data: " + json.dumps({"choices": [{"index": 0, "delta": {"tool_calls": calls}}]}).encode() + b"\n\n"
    )


def call(index: int | None, call_id: str | None, arguments: str, name: str | None = "f") -> dict[str, Any]:
    made = {"index": index, "id": call_id, "function": {"name": name, "arguments": arguments}}
    return {member: value for member, value in made.items() if value is not None}


END = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}\n\n'
ANSWERS: dict[str, list[bytes]] = {
    "calls under one index": [calls(call(0, f"c{at}", "{}")) for at in range(MANY)],
    "calls under no index": [calls(call(None, f"c{at}", "{}")) for at in range(MANY)],
    "calls of one id": [calls(call(at, "c", "{}")) for at in range(MANY)],
    "arguments in many pieces": [
        calls(call(0, "c", '{"a":"')),
        *[calls(call(0, None, "x}" * 50, None))] * (MANY // 2),
        calls(call(0, None, '"}', None)),
    ],
    "escapes that are none": [
        calls(call(0, "c", '{"input":"', "g")),
        calls(call(0, None, r"\uZZZZ" * 100_000, None)),
        calls(call(0, None, '"}', None)),
    ],
}
ASKED: dict[Route, dict[str, Any]] = {
    Route.CHAT: {"messages": [USER]},
    Route.RESPONSES: {"input": "hi", "tools": [{"type": "custom", "name": "g"}]},
    Route.MESSAGES: {"max_tokens": 9, "messages": [USER]},
    Route.OLLAMA_CHAT: {"messages": [USER]},
}


@pytest.mark.parametrize("route", ASKED)
@pytest.mark.parametrize("case", ANSWERS)
def test_an_answer_with_many_of_something(case: str, route: Route) -> None:
    made = Talk(route, ASKED[route]).through("vllm")
    for event in (*ANSWERS[case], END):
        made.feed(event)
