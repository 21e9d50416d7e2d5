"""Requests to Anthropic: what each part of an `Ask` becomes, what is dropped, what is refused."""

import json
from typing import Any

import msgspec
import pytest

from hybridgw.core import Route, Shape
from hybridgw.errors import RequestError
from hybridgw.providers import Backend, provider_named
from hybridgw.providers.anthropic import Anthropic
from hybridgw.providers.anthropic_models import how_it_thinks, longest_answer
from hybridgw.providers.anthropic_turns import Words
from hybridgw.wire import (
    Ask,
    Audio,
    File,
    Format,
    Image,
    Message,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from tests.support.translating import configure

Raw = msgspec.Raw
NEW, OLD = "claude-new-9", "claude-opus-4-20250514"


def user(*parts: Any) -> Message:
    return Message("user", [Text(part) if isinstance(part, str) else part for part in parts])


def assistant(*parts: Any) -> Message:
    return Message("assistant", [Text(part) if isinstance(part, str) else part for part in parts])


def system(*texts: str) -> Message:
    return Message("system", [Text(text) for text in texts])


def results(*parts: Any) -> Message:
    return Message("tool", list(parts))


def sent(*messages: Message, backend: Backend | None = None, **more: Any) -> tuple[dict[str, Any], Ask]:
    ask = Ask(**{"model": NEW, "messages": list(messages) or [user("hi")], **more})
    body = json.loads(Anthropic(backend or Backend()).request(ask))
    return body, ask


def blocks(body: dict[str, Any]) -> list[tuple[str, list[Any]]]:
    return [(message["role"], message["content"]) for message in body["messages"]]


def text(words: str) -> dict[str, str]:
    return {"type": "text", "text": words}


def test_results_come_first_in_the_order_of_the_calls() -> None:
    """Cases D04 and D07."""
    body, _ = sent(
        system("Be brief."),
        user("q"),
        assistant("Let me see", ToolCall("c1", "f", '{"n": 12345678901234567890}'), ToolCall("c2", "f", "")),
        results(ToolResult("c2", [Text("two")])),
        results(ToolResult("c1", [Text("one")], error=True)),
        user("go on"),
        tools=[Tool("f")],
    )
    assert body["system"] == [text("Be brief.")]
    assert blocks(body) == [
        ("user", [text("q")]),
        (
            "assistant",
            [
                text("Let me see"),
                {"type": "tool_use", "id": "c1", "name": "f", "input": {"n": 12345678901234567890}},
                {"type": "tool_use", "id": "c2", "name": "f", "input": {}},
            ],
        ),
        (
            "user",
            [
                {"type": "tool_result", "tool_use_id": "c1", "content": "one", "is_error": True},
                {"type": "tool_result", "tool_use_id": "c2", "content": "two"},
                text("go on"),
            ],
        ),
    ]


@pytest.mark.parametrize("between", [system("Hurry"), user("Hurry")])
def test_results_come_first_whatever_was_said_between(between: Message) -> None:
    call = assistant(ToolCall("c", "f", "{}"))
    body, _ = sent(user("q"), call, between, results(ToolResult("c", [Text("1")])), tools=[Tool("f")])
    assert blocks(body)[2] == (
        "user",
        [{"type": "tool_result", "tool_use_id": "c", "content": "1"}, text("Hurry")],
    )


def test_calls_come_last_in_their_turn_unless_thoughts_stand_between() -> None:
    call = ToolCall("c", "f", "{}")
    body, _ = sent(user("q"), assistant(call, "and so"), results(ToolResult("c", [])))
    assert [block["type"] for block in body["messages"][1]["content"]] == ["text", "tool_use"]
    thoughts = assistant(call, Thinking("hm", "EqQB"), "and so")
    body, _ = sent(user("q"), thoughts, results(ToolResult("c", [])))
    assert [block["type"] for block in body["messages"][1]["content"]] == ["tool_use", "thinking", "text"]


def test_turns_alternate_and_later_instructions_stay_where_they_are() -> None:
    body, _ = sent(
        system("A"), system("B"), user("1"), user("2"), assistant("3"), assistant("4"), system("C"), user("5")
    )
    assert body["system"] == [text("A"), text("B")]
    assert blocks(body) == [
        ("user", [text("1"), text("2")]),
        ("assistant", [text("3"), text("4")]),
        ("user", [text("C"), text("5")]),
    ]


def test_blank_text_vanishes_and_messages_with_it() -> None:
    body, _ = sent(user("a", "", " \n"), assistant(""), user("b"))
    assert blocks(body) == [("user", [text("a"), text("b")])]
    body, _ = sent(user("a"), assistant("{ \n"))
    assert blocks(body)[1] == ("assistant", [text("{")])


def test_only_signatures_of_the_maker_go_back() -> None:
    """Case D18, translated."""
    history = assistant(
        Thinking("own", "hgw1:abc"), Thinking("none"), Thinking("hm", "EqQB"), Thinking(redacted="x"), "a"
    )
    body, _ = sent(user("q"), history, user("more"))
    assert body["messages"][1]["content"] == [
        {"type": "thinking", "thinking": "hm", "signature": "EqQB"},
        {"type": "redacted_thinking", "data": "x"},
        text("a"),
    ]


def test_cache_marks_survive() -> None:
    mark = Raw(b'{"type":"ephemeral","ttl":"1h"}')
    told = {"type": "ephemeral", "ttl": "1h"}
    body, _ = sent(
        Message("system", [Text("s", mark)]),
        user(Text("q", mark)),
        assistant(ToolCall("c", "f", "{}", cache=mark)),
        results(ToolResult("c", [Text("1")], cache=mark)),
        tools=[Tool("f", cache=mark)],
    )
    marked = [body["system"][0], body["tools"][0], *(message["content"][0] for message in body["messages"])]
    assert [block["cache_control"] for block in marked] == [told] * 5


@pytest.mark.parametrize(
    ("part", "block"),
    [
        (
            Image("image/JPG", "AAAA"),
            {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": "AAAA"}},
        ),
        (
            Image(url="https://x/y.png"),
            {"type": "image", "source": {"type": "url", "url": "https://x/y.png"}},
        ),
        (
            File("application/pdf", "a.pdf", data="JVBE"),
            {
                "type": "document",
                "title": "a.pdf",
                "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBE"},
            },
        ),
        (
            File(data="JVBERi0x"),
            {
                "type": "document",
                "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0x"},
            },
        ),
        (
            File("text/markdown; charset=utf-8", data="w6k="),
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "é"}},
        ),
        (
            File(text="words"),
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "words"}},
        ),
        (
            File("application/pdf", url="https://x/y"),
            {"type": "document", "source": {"type": "url", "url": "https://x/y"}},
        ),
        (
            File("image/png", data="AAAA"),
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
        ),
    ],
)
def test_content(part: Any, block: dict[str, Any]) -> None:
    """Case D08 among them. The same in results."""
    assert sent(user(part))[0]["messages"][0]["content"] == [block]
    body, _ = sent(user("q"), assistant(ToolCall("c", "f", "")), results(ToolResult("c", [part])))
    assert body["messages"][2]["content"][0]["content"] == [block]


@pytest.mark.parametrize(
    ("messages", "code", "field"),
    [
        ([user(Audio("UklG", "wav"))], "unsupported_content", "messages[0].content[0]"),
        ([user("a", Image("image/bmp", "AA"))], "unsupported_content", "messages[0].content[1]"),
        ([user(Image(url="file:///etc/passwd"))], "unsupported_content", "messages[0].content[0]"),
        ([user(Image(url="/etc/passwd"))], "unsupported_content", "messages[0].content[0]"),
        ([user(File(file_id="file-1"))], "unsupported_content", "messages[0].content[0]"),
        ([user(File("application/zip", data="UEsD"))], "unsupported_content", "messages[0].content[0]"),
        ([user(File("text/plain", data="/w=="))], "invalid_value", "messages[0].content[0]"),
        ([user("q"), assistant(File(text="x")), user("r")], "unsupported_content", "messages[1].content"),
        ([user("q"), assistant(ToolCall("c", "f", '{"a'))], "invalid_value", "messages[1].tool_calls[0]"),
        (
            [user("q"), assistant("x", ToolCall("c", "f", "[1]"))],
            "invalid_value",
            "messages[1].tool_calls[0]",
        ),
        ([user("q"), results(ToolResult("c", []))], "invalid_value", "messages[1]"),
        (
            [
                user("q"),
                assistant(ToolCall("c", "f", "")),
                user("r"),
                assistant("s"),
                results(ToolResult("c", [])),
            ],
            "invalid_value",
            "messages[4]",
        ),
        ([system("s")], "invalid_value", "messages"),
        ([user(" ")], "invalid_value", "messages"),
    ],
)
def test_what_cannot_be_sent_is_refused_by_name(messages: list[Message], code: str, field: str) -> None:
    with pytest.raises(RequestError) as caught:
        sent(*messages)
    assert (caught.value.code, caught.value.field) == (code, field)


def test_several_answers_are_refused() -> None:
    with pytest.raises(RequestError) as caught:
        sent(n=2)
    assert caught.value.field == "n"


def test_names_and_ids_have_a_small_alphabet_and_come_back() -> None:
    names = ["mcp.files/read", "mcp_files_read", "ok", "x" * 200]
    outbound = Anthropic(Backend())
    ask = Ask(
        model=NEW,
        messages=[
            user("q"),
            assistant(
                ToolCall("call_1__thought__a+/=", names[0], ""),
                ToolCall("call_1__thought__a___", names[1], ""),
            ),
            results(
                ToolResult("call_1__thought__a___", [Text("2")]),
                ToolResult("call_1__thought__a+/=", [Text("1")]),
            ),
        ],
        tools=[Tool(name) for name in names],
        tool_choice=ToolChoice("named", names[0]),
    )
    body = json.loads(outbound.request(ask))
    said = [tool["name"] for tool in body["tools"]]
    assert len(set(said)) == 4
    assert said[2] == "ok" and len(said[3]) <= 128
    calls = body["messages"][1]["content"]
    assert [call["name"] for call in calls] == said[:2]
    assert body["tool_choice"] == {"type": "tool", "name": said[0]}
    answers = body["messages"][2]["content"]
    assert [call["id"] for call in calls] == [answer["tool_use_id"] for answer in answers]
    assert len({call["id"] for call in calls}) == 2
    assert [answer["content"] for answer in answers] == ["1", "2"]
    answer = {
        "id": "m",
        "content": [{"type": "tool_use", "id": "t", "name": name, "input": {}} for name in said],
    }
    events = outbound.whole(json.dumps(answer).encode())
    assert [getattr(event, "name", None) for event in events if hasattr(event, "name")] == names


def test_words_stay_apart() -> None:
    words = Words(16)
    said = [words.say(word) for word in ("a.b", "a_b", "a/b", "", "é" * 40, "é" * 41)]
    assert len(set(said)) == 6
    assert all(0 < len(word) <= 16 for word in said)
    assert [words.meant(word) for word in said][:4] == ["a.b", "a_b", "a/b", ""]


SCHEMA = Raw(b'{"type":"object","properties":{"q":{"minimum":1.0}}}')


def test_tools() -> None:
    tools = [
        Tool("f", "Finds", SCHEMA, strict=True),
        Tool("g"),
        Tool("patch", "Patches", custom=True, format=Raw(b'{"type":"grammar"}')),
    ]
    ask = Ask(model=NEW, messages=[user("q")], tools=tools)
    raw = Anthropic(Backend()).request(ask)
    assert bytes(SCHEMA) in raw
    told = json.loads(raw)["tools"]
    assert told[0] == {
        "name": "f",
        "description": "Finds",
        "input_schema": json.loads(bytes(SCHEMA)),
        "strict": True,
    }
    assert told[1] == {"name": "g", "input_schema": {"type": "object", "properties": {}}}
    assert told[2]["input_schema"]["required"] == ["input"]
    assert told[2]["description"].startswith("Patches\n\n") and '{"type":"grammar"}' in told[2]["description"]
    body, _ = sent(
        user("q"), assistant(ToolCall("c", "patch", "*** Begin\n", custom=True)), results(ToolResult("c", []))
    )
    assert body["messages"][1]["content"][0]["input"] == {"input": "*** Begin\n"}


@pytest.mark.parametrize(
    ("choice", "parallel", "told"),
    [
        (None, None, None),
        (None, True, None),
        (None, False, {"type": "auto", "disable_parallel_tool_use": True}),
        (ToolChoice("auto"), None, {"type": "auto"}),
        # Case D06.
        (ToolChoice("required"), False, {"type": "any", "disable_parallel_tool_use": True}),
        (ToolChoice("named", "f"), None, {"type": "tool", "name": "f"}),
        (ToolChoice("none"), False, {"type": "none"}),
    ],
)
def test_tool_choice(choice: Any, parallel: bool | None, told: Any) -> None:
    body, _ = sent(tools=[Tool("f"), Tool("g")], tool_choice=choice, parallel=parallel)
    assert body.get("tool_choice") == told


def test_only_the_tools_that_are_allowed() -> None:
    body, _ = sent(tools=[Tool("f"), Tool("g")], tool_choice=ToolChoice("required", allowed=("g",)))
    assert [tool["name"] for tool in body["tools"]] == ["g"]
    assert body["tool_choice"] == {"type": "any"}


def test_calls_of_the_past_need_tools_and_get_closed_ones() -> None:
    body, _ = sent(user("q"), assistant(ToolCall("c", "f", "")), results(ToolResult("c", [])))
    assert [tool["name"] for tool in body["tools"]] == ["f"]
    assert body["tool_choice"] == {"type": "none"}
    assert "tool_choice" not in sent(tool_choice=ToolChoice("auto"))[0]


@pytest.mark.parametrize(
    ("model", "asked", "backend", "limit"),
    [
        (NEW, 5, Backend(max_output_tokens=100), 5),
        (NEW, None, Backend(max_output_tokens=100), 100),
        (NEW, None, Backend(), 64000),
        ("claude-3-haiku-20240307", None, Backend(), 4096),
        (OLD, None, Backend(), 32000),
        ("other", None, Backend(), 4096),
    ],
)
def test_there_is_always_a_limit(model: str, asked: int | None, backend: Backend, limit: int) -> None:
    """Case D05."""
    assert sent(model=model, max_tokens=asked, backend=backend)[0]["max_tokens"] == limit


def test_sampling_is_dropped_under_the_newest_version() -> None:
    """Case D03."""
    body, ask = sent(temperature=Raw(b"0"), top_p=Raw(b"1"), top_k=Raw(b"3"))
    assert not body.keys() & {"temperature", "top_p", "top_k"}
    assert ask.dropped == ["temperature", "top_p", "top_k"]
    assert Anthropic(Backend()).headers(ask) == ((b"anthropic-version", b"2026-10-21"),)


@pytest.mark.parametrize(
    ("model", "given", "told", "dropped"),
    [
        (OLD, {"temperature": Raw(b"0.10")}, b'"temperature":0.10', []),
        (OLD, {"temperature": Raw(b"1.7")}, b'"temperature":1.0', []),
        (OLD, {"temperature": Raw(b"1"), "top_p": Raw(b"0.9")}, b'"temperature":1}', ["top_p"]),
        ("claude-3-opus", {"temperature": Raw(b"1"), "top_p": Raw(b"0.9")}, b'"top_p":0.9', []),
        (OLD, {"temperature": Raw(b"0"), "effort": "low"}, b'"budget_tokens":2048', ["temperature"]),
    ],
)
def test_sampling_where_the_model_still_takes_it(
    model: str, given: dict[str, Any], told: bytes, dropped: list[str]
) -> None:
    outbound = Anthropic(Backend(sampling=True))
    ask = Ask(model=model, messages=[user("hi")], **given)
    assert told in outbound.request(ask)
    assert ask.dropped == dropped
    assert outbound.headers(ask) == ((b"anthropic-version", b"2023-06-01"),)


ADAPTIVE = {"type": "adaptive", "display": "summarized"}


@pytest.mark.parametrize(
    ("asked", "thinking", "effort"),
    [
        ({}, None, None),
        ({"effort": "none"}, {"type": "disabled"}, None),
        ({"effort": "minimal"}, ADAPTIVE, "low"),
        ({"effort": "low"}, ADAPTIVE, "low"),
        ({"effort": "xhigh"}, ADAPTIVE, "xhigh"),
        ({"thinking": "enabled"}, ADAPTIVE, None),
        ({"thinking": "adaptive", "show_thinking": False}, {"type": "adaptive", "display": "omitted"}, None),
        ({"thinking": "disabled"}, {"type": "disabled"}, None),
        ({"effort": "high", "tools": [Tool("f")], "tool_choice": ToolChoice("required")}, None, "high"),
        ({"effort": "high", "extra": {"thinking": Raw(b'{"type":"x"}')}}, {"type": "x"}, None),
    ],
)
def test_thinking_of_models_that_decide_themselves(asked: Any, thinking: Any, effort: Any) -> None:
    body, ask = sent(**asked)
    assert (body.get("thinking"), body.get("output_config", {}).get("effort")) == (thinking, effort)
    assert not ask.dropped


@pytest.mark.parametrize(
    ("asked", "limit", "budget"),
    [
        ({"effort": "low", "max_tokens": 100}, 2148, 2048),
        ({"effort": "medium", "max_tokens": 100}, 8292, 8192),
        ({"effort": "max", "max_tokens": 100}, 16484, 16384),
        ({"effort": "high"}, 32000, 16384),
        ({"effort": "high", "max_tokens": 30000}, 32000, 16384),
        ({"thinking": "enabled", "thinking_budget": 5000, "max_tokens": 10}, 5010, 5000),
        ({"thinking": "enabled", "thinking_budget": 50000}, 32000, 31999),
    ],
)
def test_thinking_of_models_with_a_budget(asked: Any, limit: int, budget: int) -> None:
    body, _ = sent(model=OLD, **asked)
    assert body["thinking"] == {"type": "enabled", "budget_tokens": budget}
    assert body["max_tokens"] == limit
    assert "output_config" not in body


CHAIN = [user("q"), assistant(ToolCall("c", "f", "")), results(ToolResult("c", []))]


@pytest.mark.parametrize(
    ("model", "backend", "messages", "more"),
    [
        ("claude-3-5-sonnet", Backend(), [user("q")], {}),
        (NEW, Backend(thinking=False), [user("q")], {}),
        (OLD, Backend(max_output_tokens=512), [user("q")], {}),
        (OLD, Backend(), [user("q")], {"tools": [Tool("f")], "tool_choice": ToolChoice("named", "f")}),
        # It would demand the thoughts that led to the call.
        (OLD, Backend(), CHAIN, {}),
    ],
)
def test_effort_is_dropped_where_it_would_be_refused(
    model: str, backend: Backend, messages: list[Message], more: Any
) -> None:
    body, ask = sent(*messages, model=model, backend=backend, effort="high", **more)
    assert "thinking" not in body
    assert ask.dropped == ["reasoning_effort"]


def test_a_chain_of_calls_goes_on_thinking_where_its_thoughts_are_known() -> None:
    thought = assistant(Thinking("hm", "EqQB"), ToolCall("c", "f", ""))
    body, ask = sent(CHAIN[0], thought, CHAIN[2], model=OLD, effort="low")
    assert body["thinking"]["type"] == "enabled"
    assert not ask.dropped


def test_formats() -> None:
    schema = Raw(b'{"type":"object","x":1.0}')
    ask = Ask(model=NEW, messages=[user("q")], format=Format("json_schema", schema=schema), effort="low")
    raw = Anthropic(Backend()).request(ask)
    assert bytes(schema) in raw
    assert json.loads(raw)["output_config"] == {
        "effort": "low",
        "format": {"type": "json_schema", "schema": {"type": "object", "x": 1.0}},
    }
    body, ask = sent(system("s"), user("q"), format=Format("json_object"))
    assert [block["text"] for block in body["system"]] == [
        "s",
        "Answer with one JSON object and nothing else.",
    ]
    assert ask.dropped == ["response_format"]


def test_the_rest() -> None:
    body, ask = sent(stop=["END", " "], user="jo@example.org", service_tier="default", stream=True)
    assert body["stop_sequences"] == ["END"]
    assert len(body["metadata"]["user_id"]) == 64 and "example" not in body["metadata"]["user_id"]
    assert (body["service_tier"], body["stream"]) == ("standard_only", True)
    assert ask.dropped == ["stop"]


def test_what_has_no_counterpart_is_named() -> None:
    one = Raw(b"1")
    _, ask = sent(
        seed=one,
        presence_penalty=one,
        frequency_penalty=one,
        logprobs=True,
        top_logprobs=2,
        verbosity="low",
        service_tier="flex",
        extra={"logit_bias": one, "speed": Raw(b'"fast"')},
    )
    assert set(ask.dropped) == {
        "seed",
        "presence_penalty",
        "frequency_penalty",
        "logprobs",
        "top_logprobs",
        "verbosity",
        "service_tier",
        "logit_bias",
    }


def test_the_configuration_has_its_say() -> None:
    backend = Backend(
        defaults={"temperature": 0.5, "stop": "END", "reasoning_effort": "low"},
        force={"speed": "fast", "seed": 1, "max_tokens": 9},
        drops=("metadata",),
        sampling=True,
        query="?x=1",
    )
    said: dict[str, Any] = {"user": "u", "effort": "none", "extra": {"seed": Raw(b"1")}}
    ask = Ask(model=NEW, messages=[user("q")], **said)
    configure(ask, backend, "user", "reasoning_effort", "seed")
    body = json.loads(Anthropic(backend).request(ask))
    assert body == {
        "model": NEW,
        "max_tokens": 9,
        "messages": [{"role": "user", "content": [text("q")]}],
        "thinking": {"type": "disabled"},
        "stop_sequences": ["END"],
        "temperature": 0.5,
        "speed": "fast",
    }
    assert ask.dropped == ["seed", "metadata"]
    assert Anthropic(backend).path(ask) == "/messages?x=1"


@pytest.mark.parametrize(
    ("model", "way", "limit"),
    [
        ("claude-3-5-haiku-latest", "never", 8192),
        ("claude-3-7-sonnet-20250219", "budget", 64000),
        ("claude-sonnet-4-20250514", "budget", 64000),
        ("anthropic/claude-opus-4-1", "budget", 32000),
        ("claude-sonnet-4-6", "adaptive", 64000),
        ("claude-opus-5", "adaptive", 64000),
    ],
)
def test_models(model: str, way: str, limit: int) -> None:
    assert (how_it_thinks(model), longest_answer(model)) == (way, limit)


def test_the_row() -> None:
    provider = provider_named("anthropic")
    assert provider is not None
    native = provider.exchange(Route.MESSAGES, "/v1")
    assert native is not None
    assert (native.target, native.shape, native.outbound) == ("/v1/messages", Shape.MESSAGES, None)
    assert native.edit is not None
    for route in (Route.CHAT, Route.RESPONSES, Route.OLLAMA_CHAT, Route.OLLAMA_GENERATE):
        exchange = provider.exchange(route, "/v1")
        assert exchange is not None
        assert (exchange.target, exchange.shape, exchange.outbound) == ("/v1", Shape.MESSAGES, Anthropic)
    assert provider.exchange(Route.EMBEDDINGS, "/v1") is None
    assert provider.forwards == {b"anthropic-version": b"2023-06-01", b"anthropic-beta": None}
