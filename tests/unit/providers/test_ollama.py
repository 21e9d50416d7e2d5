"""Ollama's own wire: what is sent to `/api/chat`, and what its lines mean.

`tests/golden/ollama/requests.json` holds what clients of Ollama's dialect ask, and what of that is sent.
"""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from hybridgw.core import Outcome, Route, Shape
from hybridgw.dialects.ollama import OLLAMA_CHAT, OLLAMA_GENERATE
from hybridgw.errors import RequestError
from hybridgw.native import Relay
from hybridgw.providers import PROVIDERS, Backend
from hybridgw.providers.failures import failure
from hybridgw.providers.ollama import Ollama
from hybridgw.wire import (
    Ask,
    Audio,
    Event,
    Failure,
    File,
    Finish,
    Format,
    Image,
    Message,
    Start,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    Tool,
    ToolCall,
    ToolChoice,
    ToolDelta,
    ToolResult,
    ToolStart,
    Usage,
)
from tests.support.translating import configure

GOLDEN = Path(__file__).parents[2] / "golden" / "ollama"
REQUESTS = json.loads((GOLDEN / "requests.json").read_text())
STREAMS = ("plain", "thinking", "tools", "logprobs", "error")
HI = [Message("user", [Text("hi")])]


def ask(**members: Any) -> Ask:
    return Ask(model="m", **{"messages": HI, **members})


def sent(asked: Ask, **backend: Any) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(Ollama(Backend(**backend)).request(asked))
    return body


def user(*parts: Any) -> list[Message]:
    return [Message("user", list(parts))]


@pytest.mark.parametrize("case", REQUESTS, ids=lambda case: str(case["name"]))
def test_requests(case: dict[str, Any]) -> None:
    dialect = OLLAMA_GENERATE if case["route"] == "generate" else OLLAMA_CHAT
    asked = dialect.read(json.dumps(case["client"]).encode())
    assert sent(asked, **case.get("backend", {})) == case["sent"]
    assert asked.dropped == case["dropped"]


def test_the_window_is_the_configurations_and_nothing_is_cut_off_silently() -> None:
    plain = sent(ask())
    assert plain == {"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": False,
                     "truncate": False}  # fmt: skip
    for extra in ({}, {"num_ctx": Raw(b"5")}):
        assert sent(ask(extra=extra), num_ctx=8192)["options"] == {"num_ctx": 8192}


def test_limits_and_numbers() -> None:
    asked = ask(max_tokens=5, temperature=Raw(b"0.10"), seed=Raw(b"18446744073709551616"), stop=["a"])
    body = Ollama(Backend()).request(asked)
    assert b'"options":{"num_predict":5,"temperature":0.10,"seed":18446744073709551616,"stop":["a"]}' in body


@pytest.mark.parametrize(
    ("said", "model_thinks", "think", "dropped"),
    [
        ({}, None, None, []),
        ({}, True, None, []),
        ({"effort": "none"}, None, False, []),
        ({"thinking": "disabled"}, False, False, []),
        ({"effort": "minimal"}, True, True, []),
        ({"effort": "xhigh"}, True, True, []),
        ({"effort": "medium"}, None, True, []),
        ({"effort": "medium"}, False, None, ["reasoning_effort"]),
        ({"thinking": "enabled"}, None, True, []),
        ({"thinking": "adaptive"}, True, True, []),
        ({"thinking": "adaptive"}, None, None, ["thinking"]),
        ({"thinking": "adaptive", "effort": "high"}, None, None, ["reasoning_effort", "thinking"]),
        ({"thinking": "enabled", "effort": "high"}, False, None, ["reasoning_effort", "thinking"]),
    ],
)
def test_thinking_is_asked_for_only_where_it_is_known(
    said: dict[str, Any], model_thinks: bool | None, think: object, dropped: list[str]
) -> None:
    asked = ask(**said)
    body = sent(asked, thinking=model_thinks)
    assert body.get("think") == think
    assert ("think" in body) == (think is not None)
    assert asked.dropped == dropped


def test_tools_and_choices() -> None:
    tools = [Tool("a", "A", Raw(b'{"maximum":1.00}')), Tool("b"), Tool("c", custom=True)]

    def offered(choice: ToolChoice | None) -> tuple[list[str], list[str]]:
        asked = ask(tools=tools, tool_choice=choice)
        return [tool["function"]["name"] for tool in sent(asked).get("tools", [])], asked.dropped

    assert offered(None) == (["a", "b", "c"], [])
    assert offered(ToolChoice("auto")) == (["a", "b", "c"], [])
    assert offered(ToolChoice("none")) == ([], [])
    assert offered(ToolChoice("required")) == (["a", "b", "c"], ["tool_choice"])
    assert offered(ToolChoice("named", "b")) == (["b"], ["tool_choice"])
    assert offered(ToolChoice("auto", allowed=("a",))) == (["a"], [])
    assert b'"parameters":{"maximum":1.00}' in Ollama(Backend()).request(ask(tools=tools))


def test_what_cannot_be_told_is_listed() -> None:
    asked = ask(
        n=2, parallel=False, user="u", verbosity="low", service_tier="flex",
        extra={"logit_bias": Raw(b"{}"), "min_p": Raw(b"0.1"), "keep_alive": Raw(b'"1h"')},
    )  # fmt: skip
    body = sent(asked)
    assert asked.dropped == [
        "n", "parallel_tool_calls", "verbosity", "user", "service_tier", "logit_bias"
    ]  # fmt: skip
    assert body["options"] == {"min_p": 0.1}
    assert body["keep_alive"] == "1h"


def test_what_the_configuration_sets() -> None:
    rules: dict[str, Any] = {
        "defaults": {"temperature": 0.5, "max_tokens": 9, "stop": "END", "keep_alive": "2h"},
        "force": {"top_p": 0.25, "options": {"num_gpu": 1}},
        "drops": ("seed",),
    }
    asked = configure(ask(max_tokens=5, seed=Raw(b"7")), Backend(**rules), "max_tokens", "seed")
    body = sent(asked, **rules)
    assert body["options"] == {
        "num_predict": 5, "temperature": 0.5, "stop": ["END"], "top_p": 0.25, "num_gpu": 1
    }  # fmt: skip
    assert body["keep_alive"] == "2h"
    assert asked.dropped == ["seed"]


@pytest.mark.parametrize(
    ("format", "told"),
    [
        (Format("json_object"), "json"),
        (Format("json_schema", schema=Raw(b'{"type":"object"}')), {"type": "object"}),
        (Format("json_schema"), "json"),
    ],
)
def test_formats(format: Format, told: object) -> None:
    assert sent(ask(format=format))["format"] == told


def test_history() -> None:
    messages = [
        Message("system", [Text("s")], developer=True),
        Message("user", [Text("a"), Image("image/png", "iVBO"), Text("b")]),
        Message("assistant", [
            Thinking("hm", "signed"), Text("c"),
            ToolCall("1", "f", '{"x": 1.0}'), ToolCall("2", "g", ""),
            ToolCall("3", "h", "raw text", custom=True),
        ]),
        Message("tool", [ToolResult("2", [Text("two")]), ToolResult("1", [Text("o"), Image(None, "R0lG")])]),
        Message("user", [File(filename="a.txt", text="inside")]),
    ]  # fmt: skip
    told = sent(ask(messages=messages))["messages"]
    assert told == [
        {"role": "system", "content": "s"},
        {"role": "user", "content": "a\nb", "images": ["iVBO"]},
        {"role": "assistant", "content": "c", "thinking": "hm", "tool_calls": [
            {"id": "1", "function": {"name": "f", "arguments": {"x": 1.0}}},
            {"id": "2", "function": {"name": "g", "arguments": {}}},
            {"id": "3", "function": {"name": "h", "arguments": {"input": "raw text"}}},
        ]},
        {"role": "tool", "content": "two", "tool_name": "g", "tool_call_id": "2"},
        {"role": "tool", "content": "o", "tool_name": "f", "tool_call_id": "1", "images": ["R0lG"]},
        {"role": "user", "content": "a.txt\ninside"},
    ]  # fmt: skip
    assert b'"arguments":{"x": 1.0}' in Ollama(Backend()).request(ask(messages=messages))


@pytest.mark.parametrize(
    ("messages", "backend", "code", "field"),
    [
        (user(Text("x"), Image(url="http://a/b.png")), {}, "unsupported_content", "messages[0].content[1]"),
        (user(Image(None, "iVBO")), {"vision": False}, "unsupported_content", "messages[0].content[0]"),
        (user(Audio("UklG", "wav")), {}, "unsupported_content", "messages[0].content[0]"),
        (user(File("application/pdf", data="JVBE")), {}, "unsupported_content", "messages[0].content[0]"),
        (
            [Message("tool", [ToolResult("1", [Image(url="http://a")])])],
            {},
            "unsupported_content",
            "messages[0].content[0]",
        ),
        (
            [*HI, Message("assistant", [ToolCall("1", "f", '{"cut')])],
            {},
            "invalid_value",
            "messages[1].tool_calls[0].function.arguments",
        ),
        ([], {}, "invalid_value", "messages"),
    ],
)
def test_content_is_refused_and_never_dropped(
    messages: list[Message], backend: dict[str, Any], code: str, field: str
) -> None:
    with pytest.raises(RequestError) as caught:
        sent(ask(messages=messages), **backend)
    assert (caught.value.code, caught.value.field) == (code, field)


def joined(events: list[Event]) -> list[Event]:
    """Without our own ids, which differ each time."""
    for event in events:
        if isinstance(event, ToolStart):
            event.id = ""
    return events


def told(events: list[Event]) -> bytes:
    """Events as bytes, which compare where raw JSON does not."""
    return msgspec.json.encode(joined(events))


def test_thinking_then_text() -> None:
    events = Ollama(Backend()).feed((GOLDEN / "thinking.ndjson").read_bytes())
    assert events == [
        Start("", "qwen3"), ThinkingDelta("Let me "), ThinkingDelta("see"), TextDelta("42"),
        Finish("length"), Usage(5, 9),
    ]  # fmt: skip


def test_calls_have_our_ids_and_arguments_as_text() -> None:
    events = Ollama(Backend()).feed((GOLDEN / "tools.ndjson").read_bytes())
    starts = [event for event in events if isinstance(event, ToolStart)]
    assert len({start.id for start in starts}) == 2
    assert all(start.id.startswith("call_") and len(start.id) > 20 for start in starts)
    assert joined(events) == [
        Start("", "qwen3"),
        ToolStart(0, "", "get"), ToolDelta(0, '{"c":"Oslo","n":1.50}'),
        ToolStart(1, "", "now"), ToolDelta(1, "{}"),
        Finish("tool_calls"), Usage(50, 12),
    ]  # fmt: skip


def test_an_error_in_the_middle_is_a_failure() -> None:
    events = Ollama(Backend()).feed((GOLDEN / "error.ndjson").read_bytes())
    assert events[-1] == Failure("llama runner process has terminated")
    assert Ollama(Backend()).feed(b'{"error":{"message":"x"}}\n') == [Failure("x")]


@pytest.mark.parametrize(
    ("reason", "finish"),
    [("stop", "stop"), ("length", "length"), ("load", "stop"), ("unload", "stop"), (None, "stop")],
)
def test_reasons(reason: str | None, finish: str) -> None:
    line = json.dumps({"message": {"content": ""}, "done": True, "done_reason": reason}).encode()
    assert Ollama(Backend()).whole(line) == [Start(), Finish(finish), Usage()]


def test_a_whole_answer() -> None:
    body = (
        b'{"model":"q","message":{"role":"assistant","content":"A","thinking":"t","tool_calls":[{"function":'
        b'{"name":"f","arguments":"{}"}}]},"logprobs":[{"token":"A","logprob":-0.10}],"done":true,'
        b'"done_reason":"stop","eval_count":3}'
    )
    events = joined(Ollama(Backend()).whole(body))
    text = events[2]
    assert isinstance(text, TextDelta) and text.logprobs is not None
    assert bytes(text.logprobs) == b'{"content":[{"token":"A","logprob":-0.10}],"refusal":null}'
    text.logprobs = None
    assert events == [
        Start("", "q"), ThinkingDelta("t"), TextDelta("A"), ToolStart(0, "", "f"), ToolDelta(0, "{}"),
        Finish("tool_calls"), Usage(0, 3),
    ]  # fmt: skip


@pytest.mark.parametrize("name", STREAMS)
def test_streams_cut_anywhere_say_the_same(name: str) -> None:
    """Whole, line by line, and byte by byte through the relay that frames them."""
    data = (GOLDEN / f"{name}.ndjson").read_bytes()
    whole = told(Ollama(Backend()).feed(data))
    by_line = Ollama(Backend())
    assert told([event for line in data.splitlines(True) for event in by_line.feed(line)]) == whole
    relay = Relay(Shape.OLLAMA, False)
    cut = Ollama(Backend())
    pieces = [cut.feed(relay.feed(data[at : at + 1]) or b"") for at in range(len(data))]
    pieces.append(cut.feed(relay.finish() or b""))
    assert told([event for piece in pieces for event in piece]) == whole
    if name == "error":
        assert relay.error is not None and relay.error[0] == "llama runner process has terminated"
    else:
        assert relay.terminal or relay.finished


@given(st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["message", "content", "tool_calls", "function", "arguments", "error", "done"]),
        inner, max_size=4,
    ),
    max_leaves=8,
))  # fmt: skip
def test_foreign_lines_are_read_or_refused(value: object) -> None:
    line = json.dumps(value).encode() + b"\n"
    try:
        events = Ollama(Backend()).feed(line)
    except msgspec.MsgspecError:
        return
    assert all(isinstance(event, Event) for event in events)


@pytest.mark.parametrize("base", ["/v1", "", "/ollama/v1", "/ollama"])
def test_its_paths_stand_beside_v1(base: str) -> None:
    provider = PROVIDERS["ollama"]
    root = base.removesuffix("/v1")
    hub = provider.exchange(Route.CHAT, base)
    assert hub is not None and hub.outbound is not None
    assert hub.target + hub.outbound(Backend()).path(ask()) == f"{root}/api/chat"
    assert hub.shape is Shape.OLLAMA
    for route, path in [
        (Route.OLLAMA_CHAT, "/api/chat"), (Route.OLLAMA_GENERATE, "/api/generate"),
        (Route.OLLAMA_EMBED, "/api/embed"),
    ]:  # fmt: skip
        exchange = provider.exchange(route, base)
        assert exchange is not None and exchange.outbound is None and exchange.translator is None
        assert exchange.target == root + path
    exchange = provider.exchange(Route.EMBEDDINGS, base)
    assert exchange is not None and exchange.target == base + "/embeddings"


@pytest.mark.parametrize(
    ("effort", "word"), [("minimal", "low"), ("medium", "medium"), ("xhigh", "max"), ("none", False)]
)
def test_a_model_that_takes_words_is_told_how_much(effort: str, word: object) -> None:
    assert sent(ask(effort=effort), thinking=True, thinking_words=True)["think"] == word


def test_a_full_queue_is_no_outage() -> None:
    text = b'{"error":"server busy, please try again.  maximum pending requests exceeded"}'
    busy = failure(503, (), text)
    assert (busy.outcome, busy.code) == (Outcome.THROTTLED, "overloaded")
    assert failure(503, (), b'{"error":"x"}').outcome == Outcome.SERVER_ERROR


def test_a_prompt_that_does_not_fit() -> None:
    error = failure(400, (), b'{"error":"the input length exceeds the context length"}')
    assert error.code == "context_length_exceeded"
