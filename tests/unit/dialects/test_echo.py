"""What a writer tells a client, its reader accepts as history: clients send back what they were told.

The echo is made as each maker's SDK makes it: the message, the content, or the items of the answer as
they stand. Afterwards the history is written for backends, which must not be what refuses it either.
"""

from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridgw.core import Route
from hybridgw.dialects import DIALECTS
from hybridgw.providers.base import Backend
from hybridgw.providers.registry import PROVIDERS
from hybridgw.wire import (
    Ask,
    Event,
    Finish,
    Refusal,
    Signature,
    Start,
    Text,
    TextDelta,
    ThinkingDelta,
    ToolDelta,
    ToolStart,
    Usage,
)

Json = dict[str, Any]

TOOLS = ["look", "write"]
ASKED: dict[Route, Json] = {
    Route.CHAT: {"messages": [{"role": "user", "content": "q"}]},
    Route.MESSAGES: {"max_tokens": 9, "messages": [{"role": "user", "content": "q"}]},
    Route.RESPONSES: {"input": [{"role": "user", "content": "q"}]},
    Route.OLLAMA_CHAT: {"stream": False, "messages": [{"role": "user", "content": "q"}]},
}


def _chat(body: Json, answer: Json) -> None:
    message = answer["choices"][0]["message"]
    body["messages"].append(message)
    for call in message.get("tool_calls") or ():
        body["messages"].append({"role": "tool", "tool_call_id": call["id"], "content": ""})
    body["messages"].append({"role": "user", "content": "go on"})


def _messages(body: Json, answer: Json) -> None:
    body["messages"].append({"role": "assistant", "content": answer["content"]})
    results = [
        {"type": "tool_result", "tool_use_id": block["id"]}
        for block in answer["content"]
        if block["type"] == "tool_use"
    ]
    body["messages"].append({"role": "user", "content": [*results, {"type": "text", "text": "go on"}]})


def _responses(body: Json, answer: Json) -> None:
    body["input"] += answer["output"]
    for item in answer["output"]:
        if item["type"] in ("function_call", "custom_tool_call"):
            body["input"].append({"type": item["type"] + "_output", "call_id": item["call_id"], "output": ""})
    body["input"].append({"role": "user", "content": "go on"})


def _ollama(body: Json, answer: Json) -> None:
    body["messages"].append(answer["message"])
    for call in answer["message"].get("tool_calls") or ():
        name = call["function"]["name"]
        body["messages"].append({"role": "tool", "tool_name": name, "content": ""})
    body["messages"].append({"role": "user", "content": "go on"})


ECHO: dict[Route, Callable[[Json, Json], None]] = {
    Route.CHAT: _chat,
    Route.MESSAGES: _messages,
    Route.RESPONSES: _responses,
    Route.OLLAMA_CHAT: _ollama,
}

words = st.sampled_from(["", " ", "\n", "said", "ä\u2028"])
thought: st.SearchStrategy[list[Event]] = st.one_of(
    st.builds(lambda text: [ThinkingDelta(text)], words),
    st.builds(lambda text, seal: [ThinkingDelta(text), Signature(seal)], words, st.sampled_from(["", "s"])),
    st.just([Signature(redacted="r")]),
)
spoken: st.SearchStrategy[list[Event]] = st.builds(lambda text: [TextDelta(text)], words)
refused: st.SearchStrategy[list[Event]] = st.builds(lambda text: [Refusal(text)], words)
call = st.sampled_from(["", "{}", '{"a":1}', ' { "a" : "\\n" } '])


@st.composite
def answers(draw: st.DrawFn) -> list[Event]:
    """An answer as an outbound may read it, an empty one included."""
    events: list[Event] = [Start("id", "m")] if draw(st.booleans()) else []
    for piece in draw(st.lists(st.one_of(thought, spoken), max_size=4)):
        events += piece
    if draw(st.booleans()):
        events += draw(refused)
    calls = draw(st.lists(call, max_size=2))
    for index, arguments in enumerate(calls):
        events.append(ToolStart(index, f"call_{index}", TOOLS[index]))
        events.append(ToolDelta(index, arguments))
    reasons = ["length", "tool_calls"] if calls else ["stop", "length", "content_filter"]
    if draw(st.integers(0, 9)):
        events.append(Finish(draw(st.sampled_from(reasons))))
    if draw(st.booleans()):
        events.append(Usage(prompt=3, completion=1))
    return events


@pytest.mark.parametrize("route", ECHO, ids=lambda route: route.name)
@given(events=answers())
def test_what_was_said_is_accepted_as_history(route: Route, events: list[Event]) -> None:
    dialect = DIALECTS[route]
    body = {"model": "m", **orjson.loads(orjson.dumps(ASKED[route]))}
    answer = orjson.loads(dialect.writer(dialect.read(orjson.dumps(body))).whole(events))
    ECHO[route](body, answer)
    ask: Ask = dialect.read(orjson.dumps(body))
    last = ask.messages[-1].parts[-1]
    assert isinstance(last, Text) and last.text == "go on"
    for provider in ("anthropic", "gemini", "ollama", "openai", "vllm"):
        outbound = PROVIDERS[provider].outbound
        assert outbound is not None
        assert outbound(Backend()).request(dialect.read(orjson.dumps(body)))


@pytest.mark.parametrize("content", [None, "", [], [{"type": "text", "text": ""}]])
@pytest.mark.parametrize("route", [Route.CHAT, Route.MESSAGES], ids=lambda route: route.name)
def test_a_turn_without_words_is_one_in_which_nothing_was_said(route: Route, content: Any) -> None:
    body = orjson.loads(orjson.dumps({"model": "m", **ASKED[route]}))
    body["messages"] += [{"role": "assistant", "content": content}, {"role": "user", "content": "go on"}]
    ask = DIALECTS[route].read(orjson.dumps(body))
    spoken = [part.text for message in ask.messages for part in message.parts if isinstance(part, Text)]
    assert [text for text in spoken if text] == ["q", "go on"]


@pytest.mark.parametrize("content", [None, "", []])
def test_a_responses_item_without_words(content: Any) -> None:
    item = {"type": "message", "role": "assistant", "content": content}
    body = {"model": "m", "input": [{"role": "user", "content": "q"}, item, {"role": "user", "content": "x"}]}
    ask = DIALECTS[Route.RESPONSES].read(orjson.dumps(body))
    assert [message.role for message in ask.messages] == ["user", "user"]
