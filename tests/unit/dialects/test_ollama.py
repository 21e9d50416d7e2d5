"""Ollama's dialect: what its clients send, and the lines that they read.

`tests/golden/ollama` holds, for each kind of answer, what a backend sent (`x.ndjson`) and what a client of
either conversation gets of it (`x.chat.ndjson`, `x.generate.ndjson`).
"""

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridgw.core import Route
from hybridgw.dialects import DIALECTS
from hybridgw.dialects.base import Fault
from hybridgw.dialects.ollama import OLLAMA_CHAT, OLLAMA_GENERATE
from hybridgw.dialects.ollama_write import OllamaWriter
from hybridgw.errors import RequestError, UpstreamError
from hybridgw.providers import Backend
from hybridgw.providers.ollama import Ollama
from hybridgw.wire import (
    Ask,
    Audio,
    Event,
    Finish,
    Image,
    Message,
    Refusal,
    Text,
    TextDelta,
    ThinkingDelta,
    ToolDelta,
    ToolResult,
    ToolStart,
    Usage,
)

GOLDEN = Path(__file__).parents[2] / "golden" / "ollama"
KINDS = ("plain", "thinking", "tools", "logprobs")
BEGUN = 1_795_132_800_000_000_000
USER = [{"role": "user", "content": "x"}]
ODD_CALL = {"name": "f", "arguments": [1]}


def ticking() -> Callable[[], int]:
    """A clock that goes on by a millisecond at each look."""
    return itertools.count(BEGUN, 1_000_000).__next__


def counted() -> Callable[[], str]:
    numbers = itertools.count(1)
    return lambda: f"call_{next(numbers)}"


def spoken(sent: bytes) -> list[Event]:
    """The events of a backend's lines."""
    return Ollama(Backend(), counted()).feed(sent)


def writer(*, generate: bool = False, ask: Ask | None = None) -> OllamaWriter:
    return OllamaWriter(ask or Ask(model="m", messages=[]), generate=generate, clock=ticking())


def written(sent: bytes, *, generate: bool) -> bytes:
    """What a client gets of a backend's lines."""
    to = writer(generate=generate)
    return to.feed(spoken(sent)) + to.close()


def chat(**members: Any) -> bytes:
    return json.dumps({"model": "m", "messages": USER, **members}).encode()


def generate(**members: Any) -> bytes:
    return json.dumps({"model": "m", "prompt": "x", **members}).encode()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("way", ["chat", "generate"])
def test_streams(kind: str, way: str) -> None:
    sent = (GOLDEN / f"{kind}.ndjson").read_bytes()
    assert written(sent, generate=way == "generate") == (GOLDEN / f"{kind}.{way}.ndjson").read_bytes()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("way", ["chat", "generate"])
def test_a_stream_and_a_whole_answer_say_the_same(kind: str, way: str) -> None:
    events = spoken((GOLDEN / f"{kind}.ndjson").read_bytes())
    lines = [json.loads(line) for line in (GOLDEN / f"{kind}.{way}.ndjson").read_bytes().splitlines()]
    whole = json.loads(writer(generate=way == "generate").whole(events))
    parts = [line if way == "generate" else line["message"] for line in lines]
    told = whole if way == "generate" else whole["message"]
    text = "response" if way == "generate" else "content"
    assert told[text] == "".join(part[text] for part in parts)
    assert told.get("thinking", "") == "".join(part.get("thinking", "") for part in parts)
    assert told.get("tool_calls", []) == [call for part in parts for call in part.get("tool_calls", [])]
    last = lines[-1]
    assert [line["done"] for line in lines] == [False] * (len(lines) - 1) + [True]
    for name in ("done", "done_reason", "prompt_eval_count", "eval_count"):
        assert whole[name] == last[name]


def test_every_line_is_one_object_whose_durations_are_integers() -> None:
    to = writer()
    stream = to.heartbeat + to.feed([TextDelta("a\nb\u2028")]) + to.heartbeat
    stream += to.feed([Finish("stop"), Usage(1, 2)]) + to.close()
    lines = [json.loads(line) for line in stream.split(b"\n")[:-1]]
    assert stream.endswith(b"}\n")
    assert [line["done"] for line in lines] == [False, False, False, True]
    assert lines[1]["message"] == {"role": "assistant", "content": "a\nb\u2028"}
    assert lines[0]["message"] == lines[2]["message"] == {"role": "assistant", "content": ""}
    durations = {name: value for name, value in lines[-1].items() if name.endswith("_duration")}
    assert set(durations) == {
        "total_duration", "load_duration", "prompt_eval_duration", "eval_duration"
    }  # fmt: skip
    assert all(type(value) is int and value > 0 for value in durations.values())
    assert durations["total_duration"] >= durations["eval_duration"]


def test_a_clock_that_goes_back_gives_no_negative_duration() -> None:
    times = iter([BEGUN, BEGUN - 5, BEGUN - 10])
    to = OllamaWriter(Ask(model="m", messages=[]), generate=False, clock=lambda: next(times))
    line = json.loads((to.feed([TextDelta("x")]) + to.close()).split(b"\n")[1])
    assert min(value for name, value in line.items() if name.endswith("_duration")) > 0


def test_fragments_of_two_calls_become_two_whole_ones() -> None:
    to = writer()
    events: list[Event] = [
        ToolStart(0, "a", "f"),
        ToolDelta(0, '{"x":\n 1'),
        ToolStart(1, "b", "g"),
        ToolDelta(1, ""),
        ToolDelta(0, '.0, "y": "\\n"}'),
        Finish("tool_calls"),
    ]
    assert to.feed(events) == b""
    called, last = to.close().split(b"\n")[:2]
    assert b'"arguments":{"x":1.0,"y":"\\n"}' in called
    calls = json.loads(called)["message"]["tool_calls"]
    assert calls[1] == {"id": "b", "function": {"index": 1, "name": "g", "arguments": {}}}
    assert json.loads(last)["done_reason"] == "stop"


@pytest.mark.parametrize("reason", ["tool_calls", "stop", "length"])
def test_arguments_that_were_cut_off_end_by_the_limit(reason: str) -> None:
    to = writer()
    to.feed([ToolStart(0, "a", "f"), ToolDelta(0, '{"x":'), Finish(reason)])
    (line,) = to.close().splitlines()
    assert json.loads(line)["done_reason"] == "length"


def test_arguments_that_are_no_object_are_a_failure() -> None:
    to = writer()
    to.feed([ToolStart(0, "a", "f"), ToolDelta(0, "[1]"), Finish("tool_calls")])
    with pytest.raises(UpstreamError):
        to.close()


@pytest.mark.parametrize("way", [OLLAMA_CHAT, OLLAMA_GENERATE])
def test_heartbeats_before_anybody_answers_are_chunks(way: Any) -> None:
    line = json.loads(way.heartbeat)
    assert line["done"] is False
    assert line.get("response", line.get("message", {}).get("content")) == ""
    assert way.heartbeat.endswith(b"}\n")


def test_thinking_that_was_not_wanted_is_not_told() -> None:
    ask = OLLAMA_CHAT.read(chat(think=False))
    events: list[Event] = [ThinkingDelta("hm"), TextDelta("so"), Refusal("no"), Finish("stop")]
    assert b"hm" not in writer(ask=ask).feed(events)
    whole = json.loads(writer(ask=ask).whole(events))
    assert whole["message"] == {"role": "assistant", "content": "sono"}


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (
            Fault(404, "e", "model_not_found", "There is no model `a/b:c` here.", "model"),
            'model "a/b:c" not found, try pulling it first',
        ),
        (
            Fault(404, "e", "model_not_found", "No deployment serves this.", "model"),
            "No deployment serves this.",
        ),
        (
            Fault(503, "e", "overloaded", "all are down"),
            "server busy, please try again.  maximum pending requests exceeded (all are down)",
        ),
        (Fault(400, "e", "invalid_value", 'say "x"', "messages[0].role"), 'say "x"'),
    ],
)
def test_errors_are_one_text(fault: Fault, text: str) -> None:
    assert json.loads(OLLAMA_CHAT.error(fault)) == {"error": text}
    line = OLLAMA_CHAT.error_event(fault)
    assert json.loads(line) == {"error": text}
    assert line == writer().error_event(fault)
    assert line.endswith(b"}\n")
    assert OLLAMA_CHAT.status(fault) == fault.status


def test_numbers_and_schemas_keep_their_text() -> None:
    body = (
        b'{"model":"m","messages":[{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":'
        b'{"big":12345678901234567890,"x":1.50}}}]}],"options":{"temperature":0.10,"seed":18446744073709551616},'
        b'"format":{"maximum":1.00}}'
    )
    ask = OLLAMA_CHAT.read(body)
    assert ask.temperature is not None and bytes(ask.temperature) == b"0.10"
    assert ask.seed is not None and bytes(ask.seed) == b"18446744073709551616"
    assert ask.format is not None and ask.format.schema is not None
    assert bytes(ask.format.schema) == b'{"maximum":1.00}'
    (call,) = ask.messages[0].parts
    assert getattr(call, "arguments", "") == '{"big":12345678901234567890,"x":1.50}'


def test_a_client_that_says_nothing_wants_a_stream() -> None:
    assert OLLAMA_CHAT.read(chat()).stream
    assert not OLLAMA_CHAT.read(chat(stream=False)).stream
    assert OLLAMA_GENERATE.read(generate(stream=None)).stream


@pytest.mark.parametrize(
    ("think", "found"),
    [
        (None, (None, None)),
        (True, ("enabled", None)),
        (False, (None, "none")),
        ("low", (None, "low")),
        ("max", (None, "max")),
    ],
)
def test_think(think: object, found: tuple[str | None, str | None]) -> None:
    ask = OLLAMA_CHAT.read(chat(think=think))
    assert (ask.thinking, ask.effort) == found


def test_what_has_no_place_is_listed_and_keep_alive_is_no_loss() -> None:
    ask = OLLAMA_CHAT.read(
        chat(keep_alive=0, shift=True, odd={"a": 1}, options={"num_ctx": 1, "min_p": 0.5, "stop": None})
    )
    assert ask.dropped == ["options.num_ctx", "shift", "odd"]
    assert {name: bytes(raw) for name, raw in ask.extra.items()} == {"min_p": b"0.5"}


@pytest.mark.parametrize(("limit", "found"), [(7, 7), (-1, None), (-2, None)])
def test_limits(limit: int, found: int | None) -> None:
    assert OLLAMA_CHAT.read(chat(options={"num_predict": limit})).max_tokens == found


def test_results_find_their_calls() -> None:
    calls: list[dict[str, Any]] = [{"function": {"name": name, "arguments": {}}} for name in ("f", "g", "f")]
    turns = [
        {"role": "assistant", "tool_calls": calls},
        {"role": "tool", "tool_name": "g", "content": "1"},
        {"role": "tool", "content": "2"},
        {"role": "tool", "tool_name": "f", "content": "3"},
        {"role": "assistant", "tool_calls": [{"id": "own", "function": {"name": "h", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "own", "content": "4"},
    ]
    ask = OLLAMA_CHAT.read(chat(messages=turns))
    results = [part for turn in ask.messages for part in turn.parts if isinstance(part, ToolResult)]
    assert [(part.call_id, part.name) for part in results] == [
        ("call_0_1", "g"), ("call_0_0", "f"), ("call_0_2", "f"), ("own", "h"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("data", "part"),
    [
        ("iVBORw0KGgoAAAAN", Image("image/png", "iVBORw0KGgoAAAAN")),
        ("/9j/4AAQSkZJRgAB", Image("image/jpeg", "/9j/4AAQSkZJRgAB")),
        ("R0lGODlhAQABAAAA", Image("image/gif", "R0lGODlhAQABAAAA")),
        ("UklGRiQAAABXRUJQ", Image("image/webp", "UklGRiQAAABXRUJQ")),
        ("UklGRiQAAABXQVZF", Audio("UklGRiQAAABXQVZF", "wav")),
        ("data:image/png;base64,iVBORw0KGgoAAAAN", Image("image/png", "iVBORw0KGgoAAAAN")),
    ],
)
def test_images_are_known_by_their_beginning(data: str, part: object) -> None:
    ask = OLLAMA_CHAT.read(chat(messages=[{"role": "user", "content": "x", "images": [data]}]))
    assert ask.messages[0].parts == [Text("x"), part]


def test_generate_is_a_system_and_a_user_message() -> None:
    ask = OLLAMA_GENERATE.read(generate(system="s", context=[], raw=False, suffix="", template=""))
    assert ask.messages == [Message("system", [Text("s")]), Message("user", [Text("x")])]
    assert ask.dropped == []


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        (chat(messages=[]), "invalid_value", "messages"),
        (chat(messages=None), "missing_field", "messages"),
        (chat(messages={}), "wrong_type", "messages"),
        (chat(messages=[7]), "wrong_type", "messages[0]"),
        (chat(messages=[*USER, {"content": "x"}]), "missing_field", "messages[1].role"),
        (chat(messages=[*USER, {"role": "robot", "content": "x"}]), "invalid_value", "messages[1].role"),
        (chat(messages=[{"role": "user", "content": [{"text": "x"}]}]), "wrong_type", "messages[0].content"),
        (chat(messages=[{"role": "tool", "content": "x"}]), "invalid_value", "messages[0]"),
        (
            chat(messages=[{"role": "user", "images": ["/etc/passwd.png"]}]),
            "invalid_value",
            "messages[0].images[0]",
        ),
        (
            chat(messages=[{"role": "user", "images": ["http://169.254.169.254/"]}]),
            "invalid_value",
            "messages[0].images[0]",
        ),
        (
            chat(messages=[{"role": "user", "tool_calls": [{"function": {"name": "f"}}]}]),
            "invalid_value",
            "messages[0].tool_calls",
        ),
        (
            chat(messages=[{"role": "assistant", "tool_calls": [{"function": {}}]}]),
            "missing_field",
            "messages[0].tool_calls[0].function.name",
        ),
        (
            chat(
                messages=[
                    {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": [1]}}]}
                ]
            ),
            "wrong_type",
            "messages[0].tool_calls[0].function.arguments",
        ),
        (chat(tools=[{"function": {"name": "x" * 129}}]), "invalid_value", "tools[0].function.name"),
        (chat(tools=[{"type": "odd", "function": {"name": "x"}}]), "invalid_value", "tools[0].type"),
        (
            chat(tools=[{"function": {"name": "x", "parameters": 7}}]),
            "wrong_type",
            "tools[0].function.parameters",
        ),
        (chat(think="much"), "invalid_value", "think"),
        (chat(think=7), "wrong_type", "think"),
        (chat(format="xml"), "invalid_value", "format"),
        (chat(options=7), "wrong_type", "options"),
        (chat(options={"temperature": "hot"}), "wrong_type", "options.temperature"),
        (chat(options={"num_predict": "x"}), "wrong_type", "options.num_predict"),
        (chat(options={"stop": [7]}), "wrong_type", "options.stop[0]"),
        (generate(prompt=7), "wrong_type", "prompt"),
        (generate(suffix="y"), "unsupported_parameter", "suffix"),
        (generate(context=[1, 2]), "unsupported_parameter", "context"),
        (generate(raw=True), "unsupported_parameter", "raw"),
        (generate(template="{{ .Prompt }}"), "unsupported_parameter", "template"),
        (generate(images=["nope nope"]), "invalid_value", "images[0]"),
    ],
)
def test_wrong_requests_name_the_field(body: bytes, code: str, field: str) -> None:
    dialect = OLLAMA_GENERATE if b'"prompt"' in body else OLLAMA_CHAT
    with pytest.raises(RequestError) as caught:
        dialect.read(body)
    assert (caught.value.code, caught.value.field) == (code, field)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
names = st.sampled_from(
    ["role", "content", "images", "tool_calls", "function", "name", "arguments", "tool_name", "thinking"]
)
turns = st.dictionaries(names, json_values | st.sampled_from(["user", "assistant", "tool"]), max_size=5)
members = st.sampled_from(["messages", "tools", "options", "think", "format", "stream", "prompt", "images"])


@given(st.dictionaries(members, json_values | st.lists(turns, max_size=3), max_size=5))
def test_any_object_is_read_or_refused_by_name(body: dict[str, Any]) -> None:
    data = json.dumps({"model": "m", **body}).encode()
    for dialect in (OLLAMA_CHAT, OLLAMA_GENERATE):
        try:
            ask = dialect.read(data)
        except RequestError as error:
            assert error.field
        else:
            assert ask.messages
            msgspec.json.encode(ask)


def test_the_routes_speak_it() -> None:
    assert DIALECTS[Route.OLLAMA_CHAT] is OLLAMA_CHAT
    assert DIALECTS[Route.OLLAMA_GENERATE] is OLLAMA_GENERATE
