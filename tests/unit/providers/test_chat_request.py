"""What the hub's request becomes for each Chat backend: nothing lost, nothing invented."""

import json
from typing import Any

import msgspec
import pytest

from hybridgw.errors import RequestError
from hybridgw.providers import CONVERSATIONS, PROVIDERS, Backend
from hybridgw.providers.capabilities import CAPABILITIES
from hybridgw.providers.chat_wire import over_chat
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
MARK = Raw(b'{"type":"ephemeral"}')


def asked(*messages: Message, **members: Any) -> Ask:
    ask = Ask(model="m", messages=list(messages) or [Message("user", [Text("hi")])])
    for name, value in members.items():
        setattr(ask, name, value)
    return ask


def sent(provider: str, ask: Ask, **backend: Any) -> dict[str, Any]:
    outbound = over_chat(provider)(Backend(**backend))
    told: dict[str, Any] = json.loads(outbound.request(ask))
    return told


def messages(provider: str, *said: Message, **backend: Any) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = sent(provider, asked(*said), **backend)["messages"]
    return told


def refused(provider: str, *said: Message, **backend: Any) -> str | None:
    with pytest.raises(RequestError) as caught:
        messages(provider, *said, **backend)
    assert caught.value.code == "unsupported_content"
    return caught.value.field


def test_the_least() -> None:
    assert sent("vllm", asked()) == {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


@pytest.mark.parametrize(
    ("provider", "role"), [("openai", "developer"), ("azure_openai", "developer"), ("vllm", "system")]
)
def test_developer_only_where_it_is_known(provider: str, role: str) -> None:
    (told,) = messages(provider, Message("system", [Text("s")], developer=True))
    assert told == {"role": role, "content": "s"}
    (told,) = messages(provider, Message("system", [Text("s")]))
    assert told["role"] == "system"


def test_system_blocks_are_joined_and_empty_ones_left_out() -> None:
    told = messages(
        "vllm",
        Message("system", [Text("a"), Text(""), Text("b")]),
        Message("system", [Text("")]),
        Message("user", [Text("")], "ann"),
    )
    assert told == [
        {"role": "system", "content": "a\n\nb"},
        {"role": "user", "content": "", "name": "ann"},
    ]


def test_cache_marks_only_where_they_are_understood() -> None:
    said = Message("system", [Text("a", MARK), Text("b")])
    assert messages("vllm", said) == [{"role": "system", "content": "a\n\nb"}]
    assert messages("openrouter", said) == [
        {
            "role": "system",
            "content": [
                {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}},
                {"type": "text", "text": "b"},
            ],
        }
    ]


def test_parts() -> None:
    (told,) = messages(
        "openai",
        Message(
            "user",
            [
                Text("t"),
                Image("image/jpeg", "QUJD", detail="low"),
                Image(url="https://x.example/i.png"),
                Audio("UklG", "mp3"),
                File("application/pdf", "a.pdf", "JV"),
                File(filename="n.txt", text="notes"),
                File(file_id="file-1"),
            ],
        ),
    )
    assert told["content"] == [
        {"type": "text", "text": "t"},
        {"type": "image_url", "image_url": {"url": "data:image/jpeg;base64,QUJD", "detail": "low"}},
        {"type": "image_url", "image_url": {"url": "https://x.example/i.png"}},
        {"type": "input_audio", "input_audio": {"data": "UklG", "format": "mp3"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JV"}},
        {"type": "text", "text": "n.txt\n\nnotes"},
        {"type": "file", "file": {"file_id": "file-1"}},
    ]


@pytest.mark.parametrize(
    ("provider", "part", "backend"),
    [
        ("vllm", Image(url="https://x.example/i.png"), {}),
        ("vllm", Image("image/png", "QUJD"), {"vision": False}),
        ("litert_lm", Audio("UklG", "wav"), {}),
        ("llama_server", File("application/pdf", "a.pdf", "JV"), {}),
        ("vllm", File(file_id="file-1"), {}),
        ("openai", File(url="https://x.example/a.pdf"), {}),
    ],
)
def test_what_a_backend_cannot_take_is_refused_by_name(provider: str, part: Any, backend: Any) -> None:
    said = [Message("user", [Text("a")]), Message("user", [Text("b"), part])]
    assert refused(provider, *said, **backend) == "messages[1].content[1]"
    with pytest.raises(RequestError):
        call = Message("assistant", [ToolCall("c", "f", "{}")])
        messages(provider, call, Message("tool", [ToolResult("c", [part])]), **backend)


def test_tool_rounds() -> None:
    told = messages(
        "vllm",
        Message("assistant", [Text("a"), ToolCall("c1", "f", '{"x":1.0}'), ToolCall("c2", "g", "")]),
        Message("tool", [ToolResult("c1", [Text("one"), Image("image/png", "QUJD"), Text("two")])]),
        Message("tool", [ToolResult("c2", [Text("broken")], error=True)]),
        Message("user", [Text("go on")]),
    )
    assert told == [
        {
            "role": "assistant",
            "content": "a",
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"x":1.0}'}},
                {"id": "c2", "type": "function", "function": {"name": "g", "arguments": "{}"}},
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "one\ntwo"},
        {"role": "tool", "tool_call_id": "c2", "content": "[tool error] broken"},
        {
            "role": "user",
            "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}}],
        },
        {"role": "user", "content": "go on"},
    ]


def test_calls_without_text() -> None:
    (told,) = messages("vllm", Message("assistant", [ToolCall("c", "f", "{}")]))
    assert told["content"] is None
    (told,) = messages("llama_cpp_python", Message("assistant", [ToolCall("c", "f", "{}")]))
    assert told["content"] == ""


@pytest.mark.parametrize(
    ("provider", "kept"),
    [
        ("openai", {}),
        ("openai_compatible", {}),
        ("llama_server", {"reasoning_content": "r"}),
        ("vllm", {"reasoning": "r"}),
        (
            "openrouter",
            {
                "reasoning_details": [
                    {"type": "reasoning.text", "text": "r", "signature": "s", "index": 0},
                    {"type": "reasoning.encrypted", "data": "e", "index": 1},
                ]
            },
        ),
    ],
)
def test_thoughts_of_earlier_turns(provider: str, kept: dict[str, Any]) -> None:
    thoughts = [Thinking("r", "s"), Thinking(redacted="e")]
    (told,) = messages(provider, Message("assistant", [*thoughts, Text("a")]))
    assert told == {"role": "assistant", "content": "a", **kept}


SCHEMA = Raw(b'{"type":"object","properties":{"a":{"const":1.0}}}')
FLAT = Raw(b'{"type":"grammar","syntax":"lark","definition":"start: x"}')


def test_tools() -> None:
    outbound = over_chat("vllm")(Backend())
    data = outbound.request(asked(tools=[Tool("f", "d", SCHEMA, True), Tool("g")]))
    assert b'"parameters":' + bytes(SCHEMA) in data, "a schema keeps its text"
    first, second = json.loads(data)["tools"]
    assert first["function"].items() >= {"name": "f", "description": "d", "strict": True}.items()
    assert second["function"] == {"name": "g", "parameters": {"type": "object", "properties": {}}}


def test_custom_tools_are_functions_with_one_text_elsewhere() -> None:
    history = Message("assistant", [ToolCall("c", "g", 'a\n"b"', custom=True)])
    told = sent("vllm", asked(history, tools=[Tool("g", "patches", custom=True, format=FLAT)]))
    (tool,) = told["tools"]
    assert tool["function"]["parameters"]["required"] == ["input"]
    assert "patches" in tool["function"]["description"] and "start: x" in tool["function"]["description"]
    (call,) = told["messages"][0]["tool_calls"]
    assert json.loads(call["function"]["arguments"]) == {"input": 'a\n"b"'}


def test_custom_tools_stay_what_they_are_at_openai() -> None:
    history = Message("assistant", [ToolCall("c", "g", "x", custom=True)])
    choice = ToolChoice("named", "g")
    told = sent("openai", asked(history, tools=[Tool("g", custom=True, format=FLAT)], tool_choice=choice))
    grammar = {"syntax": "lark", "definition": "start: x"}
    assert told["tools"] == [
        {"type": "custom", "custom": {"name": "g", "format": {"type": "grammar", "grammar": grammar}}}
    ]
    assert told["messages"][0]["tool_calls"] == [
        {"id": "c", "type": "custom", "custom": {"name": "g", "input": "x"}}
    ]
    assert told["tool_choice"] == {"type": "custom", "custom": {"name": "g"}}


@pytest.mark.parametrize(
    ("choice", "told"),
    [
        (ToolChoice("required"), "required"),
        (ToolChoice("none"), "none"),
        (ToolChoice("auto"), None),
        (ToolChoice("named", "f"), {"type": "function", "function": {"name": "f"}}),
        (None, None),
    ],
)
def test_tool_choice(choice: ToolChoice | None, told: object) -> None:
    assert sent("vllm", asked(tools=[Tool("f")], tool_choice=choice)).get("tool_choice") == told


def test_allowed_tools() -> None:
    ask = asked(tools=[Tool("f"), Tool("g")], tool_choice=ToolChoice("required", allowed=("g",)))
    told = sent("vllm", ask)
    assert [tool["function"]["name"] for tool in told["tools"]] == ["g"]
    assert told["tool_choice"] == "required"
    told = sent("openai", ask)
    assert len(told["tools"]) == 2
    assert told["tool_choice"]["allowed_tools"] == {
        "mode": "required",
        "tools": [{"type": "function", "function": {"name": "g"}}],
    }


def test_what_cannot_be_demanded_is_dropped_and_what_cannot_be_forbidden_not_offered() -> None:
    ask = asked(tools=[Tool("f")], tool_choice=ToolChoice("required"), parallel=False)
    told = sent("litert_lm", ask)
    assert told.keys() == {"model", "messages", "tools"}
    assert ask.dropped == ["tool_choice", "parallel_tool_calls"]
    assert "tools" not in sent("litert_lm", asked(tools=[Tool("f")], tool_choice=ToolChoice("none")))


NUMBERS = Raw(b"0.10")


@pytest.mark.parametrize(
    ("provider", "dropped"),
    [
        ("openai", {"top_k", "min_p"}),
        ("openrouter", {"n"}),
        ("vllm", {"service_tier", "verbosity"}),
        ("llama_server", {"service_tier", "verbosity", "user"}),
        ("tgi", {"n", "top_k", "min_p", "service_tier", "verbosity", "user", "reasoning_effort"}),
        ("litert_lm", {"n", "logprobs", "top_logprobs", "presence_penalty", "frequency_penalty", "min_p",
                       "stop", "service_tier", "verbosity", "user", "logit_bias"}),
        ("openai_compatible", {"top_k", "min_p", "service_tier", "verbosity"}),
    ],
)  # fmt: skip
def test_parameters_are_sent_or_named(provider: str, dropped: set[str]) -> None:
    numbers = dict.fromkeys(
        ["temperature", "top_p", "top_k", "seed", "presence_penalty", "frequency_penalty"], NUMBERS
    )
    ask = asked(
        **numbers,
        n=2,
        logprobs=True,
        top_logprobs=3,
        stop=["x"],
        user="u",
        effort="high",
        verbosity="low",
        service_tier="flex",
        extra={"min_p": Raw(b"0.5"), "logit_bias": Raw(b'{"1":2}'), "conversation": Raw(b'"c"')},
    )
    told = sent(provider, ask)
    assert set(ask.dropped) == {*dropped, "conversation"}
    names = {"safety_identifier": "user"}
    kept = {names.get(name, name) for name in told} - {"model", "messages"}
    asked_for = {*numbers, "n", "logprobs", "top_logprobs", "stop", "user", "reasoning_effort",
                 "verbosity", "service_tier", "min_p", "logit_bias"}  # fmt: skip
    assert kept == asked_for - dropped, "whatever was not dropped was sent"


def test_numbers_keep_their_text() -> None:
    data = over_chat("vllm")(Backend()).request(asked(temperature=NUMBERS, seed=Raw(b"12345678901234567890")))
    assert b'"temperature":0.10' in data and b'"seed":12345678901234567890' in data


@pytest.mark.parametrize(
    ("provider", "name"),
    [("openai", "max_completion_tokens"), ("vllm", "max_tokens"), ("litert_lm", "max_completion_tokens")],
)
def test_the_limit_has_its_name(provider: str, name: str) -> None:
    told = sent(provider, asked(max_tokens=5))
    assert told[name] == 5 and len(told) == 3


def test_more_stops_than_a_cloud_takes() -> None:
    ask = asked(stop=list("abcdef"))
    assert sent("openai", ask)["stop"] == list("abcd")
    assert ask.dropped == ["stop"]
    assert sent("tgi", asked(stop=["x"]))["stop"] == ["x"]


def test_formats() -> None:
    wanted = Format("json_schema", "n", SCHEMA, True, "d")
    assert sent("vllm", asked(format=wanted))["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "n", "schema": json.loads(bytes(SCHEMA)), "strict": True, "description": "d"},
    }
    told = sent("vllm", asked(format=Format("json_object")))
    assert told["response_format"] == {"type": "json_object"}


@pytest.mark.parametrize(
    ("provider", "thinks", "members", "effort"),
    [
        ("openai", None, {"effort": "max"}, "max"),
        ("litert_lm", None, {"effort": "max"}, "xhigh"),
        ("vllm", False, {"effort": "low"}, None),
        ("vllm", None, {"thinking": "enabled", "thinking_budget": 4095}, "low"),
        ("vllm", None, {"thinking": "enabled", "thinking_budget": 4096}, "medium"),
        ("vllm", True, {"thinking": "enabled", "thinking_budget": 12288}, "high"),
        ("vllm", None, {"thinking": "disabled"}, "none"),
        ("vllm", None, {"thinking": "adaptive"}, None),
        ("vllm", False, {"thinking": "enabled", "thinking_budget": 1}, None),
        ("openai", None, {"thinking": "enabled", "thinking_budget": 1}, None),
        ("openai", True, {"thinking": "enabled", "thinking_budget": 1}, "low"),
        ("openai", None, {"thinking": "disabled"}, None),
    ],
)
def test_how_much_is_thought(
    provider: str, thinks: bool | None, members: dict[str, Any], effort: str | None
) -> None:
    assert sent(provider, asked(**members), thinking=thinks).get("reasoning_effort") == effort


def test_nobodys_address_is_passed_on() -> None:
    ask = asked(user="ann@example.org")
    assert "safety_identifier" not in sent("openai", ask)
    assert ask.dropped == ["user"]
    assert sent("openai", asked(user="u-1"))["safety_identifier"] == "u-1"


def test_streams_ask_for_usage_where_they_may() -> None:
    assert sent("vllm", asked(stream=True))["stream_options"] == {"include_usage": True}
    assert "stream_options" not in sent("vllm", asked(stream=True), ask_usage=False)
    assert "stream_options" not in sent("vllm", asked())


def test_what_a_deployment_sets() -> None:
    rules: dict[str, Any] = {
        "renames": {"max_tokens": "max_completion_tokens"},
        "drops": ("seed", "never_there"),
        "defaults": {"temperature": 0.2, "max_tokens": 9, "seed": 3},
        "force": {"provider": {"data_collection": "deny", "zdr": True}, "model": "forced"},
    }
    ask = configure(asked(max_tokens=5, seed=NUMBERS), Backend(**rules), "max_tokens", "seed")
    told = sent("openrouter", ask, **rules)
    assert told == {
        "model": "forced",
        "messages": [{"role": "user", "content": "hi"}],
        "max_completion_tokens": 5,
        "temperature": 0.2,
        "provider": {"data_collection": "deny", "zdr": True},
    }
    assert ask.dropped == ["seed"]


def test_the_data_policy_of_a_deployment_is_not_the_clients_to_change() -> None:
    ask = asked(extra={"provider": Raw(b'{"data_collection":"allow"}')})
    rules: dict[str, Any] = {"force": {"provider": {"data_collection": "deny"}}}
    told = sent("openrouter", configure(ask, Backend(**rules), "provider"), **rules)
    assert told["provider"] == {"data_collection": "deny"}


def test_the_path_carries_the_version() -> None:
    outbound = over_chat("azure_openai")(Backend(query="?api-version=2024-10-21"))
    assert outbound.path(asked()) == "/chat/completions?api-version=2024-10-21"
    assert outbound.headers(asked()) == ()


def test_every_provider_that_speaks_chat_has_its_row_and_all_conversations() -> None:
    assert set(CAPABILITIES) == set(PROVIDERS) - {"anthropic", "gemini", "ollama"}
    for name in CAPABILITIES:
        assert PROVIDERS[name].served() >= CONVERSATIONS, name
