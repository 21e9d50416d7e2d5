"""What becomes of members inside of messages and tools at each kind of backend: passed, cut, renamed, said in
other words, or refused; and that bodies without them pass as they are."""

import json
from typing import Any

import pytest

from hybridgw.core import Route
from hybridgw.errors import RequestError
from tests.support.sending import sent_to

USER = {"role": "user", "content": "hello"}
MARK = {"type": "ephemeral"}
ENGINES = ("llama_server", "llama_cpp_python", "vllm", "tgi", "openai_compatible")


def chat(provider: str, boundary: str = "device", **body: Any) -> tuple[dict[str, Any], set[str]]:
    sent, told = sent_to(provider, Route.CHAT, {"messages": [USER], **body}, boundary)
    return json.loads(sent), told


def function(name: str, **more: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "parameters": {"type": "object"}, **more}}


SHELL = {"type": "custom", "custom": {"name": "shell", "description": "Runs it."}}


@pytest.mark.parametrize("provider", [*ENGINES, "openai", "azure_openai", "openrouter", "demo"])
def test_bytes_without_any_pass_as_they_are(provider: str) -> None:
    turn = {"role": "assistant", "content": None, "refusal": None, "audio": None, "tool_calls": [
        {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{ }"}}]}  # fmt: skip
    answer = {"role": "tool", "tool_call_id": "c", "content": "1.0", "x_unknown": {"a": [1.50]}}
    messages = [{"role": "system", "content": "s"}, USER, turn, answer]
    said = json.dumps(messages, indent=3).encode()
    sent, told = sent_to(provider, Route.CHAT, {"messages": messages, "tools": [function("f")]})
    # `sent_to` writes a body without white space of its own: so it must be found again.
    assert json.dumps(messages).encode() in sent, said
    assert json.dumps([function("f")]).encode() in sent
    assert not told


def test_a_cache_mark_is_cut_where_it_is_refused_and_told_where_it_does_nothing() -> None:
    parts = [{"type": "text", "text": "x", "cache_control": MARK}]
    body: dict[str, Any] = {
        "messages": [{"role": "user", "content": parts, "cache_control": MARK}],
        "tools": [{**function("f"), "cache_control": MARK}],
    }
    for provider in ("openai", "azure_openai"):
        sent, told = chat(provider, **body)
        assert "cache_control" not in json.dumps(sent) and told == {"cache_control"}
        assert sent["messages"] == [{"role": "user", "content": [{"type": "text", "text": "x"}]}]
    for provider in ("llama_server", "llama_cpp_python", "vllm", "tgi"):
        assert chat(provider, **body)[1] == {"cache_control"}
    for provider in ("openrouter", "openai_compatible", "demo"):
        sent, told = chat(provider, **body)
        assert sent["messages"] == body["messages"] and sent["tools"] == body["tools"] and not told


def test_a_mark_at_a_message_or_in_openais_words_reaches_anthropic() -> None:
    for message in (
        {**USER, "cache_control": MARK},
        {
            "role": "user",
            "content": [{"type": "text", "text": "hello", "prompt_cache_breakpoint": {"mode": "explicit"}}],
        },
    ):
        sent, told = chat("anthropic", messages=[message], max_tokens=9)
        assert sent["messages"][0]["content"][-1]["cache_control"] == MARK and not told


@pytest.mark.parametrize("provider", ENGINES)
def test_a_developer_is_the_system_of_an_engine(provider: str) -> None:
    developer = {"role": "developer", "content": "be brief"}
    sent, told = chat(provider, messages=[developer, USER])
    assert sent["messages"] == [{"role": "system", "content": "be brief"}, USER] and not told


@pytest.mark.parametrize("provider", ["openai", "openai_compatible", "openrouter"])
def test_a_developer_stays_where_the_role_may_be_known(provider: str) -> None:
    messages = [{"role": "developer", "content": "be brief"}, USER]
    assert chat(provider, "external", messages=messages)[0]["messages"] == messages


@pytest.mark.parametrize(("provider", "name"), [("llama_server", "reasoning_content"), ("vllm", "reasoning")])
def test_thoughts_come_back_under_the_name_that_the_engine_reads(provider: str, name: str) -> None:
    for other in ("reasoning", "reasoning_content"):
        turn = {"role": "assistant", "content": "x", other: "thought"}
        sent, told = chat(provider, messages=[USER, turn, USER])
        assert sent["messages"][1] == {"role": "assistant", "content": "x", name: "thought"} and not told
    both = {"role": "assistant", "content": "x", "reasoning": "t", "reasoning_content": "t"}
    assert chat(provider, messages=[USER, both, USER])[0]["messages"][1] == both


@pytest.mark.parametrize("provider", ["openai", "azure_openai", "tgi", "llama_cpp_python"])
def test_thoughts_are_told_where_nobody_reads_them(provider: str) -> None:
    turn = {"role": "assistant", "content": "x", "reasoning_content": "thought"}
    sent, told = chat(provider, messages=[USER, turn, USER])
    assert told == {"reasoning_content"}
    assert ("thought" in json.dumps(sent)) == (provider not in ("openai", "azure_openai"))


@pytest.mark.parametrize("kind", ["thinking", "reasoning"])
def test_a_thought_as_a_part_is_a_thought(kind: str) -> None:
    part = {"type": "thinking", "thinking": "t"} if kind == "thinking" else {"type": "reasoning", "text": "t"}
    turn = {"role": "assistant", "content": [part, {"type": "text", "text": "x"}]}
    sent, told = chat("llama_server", messages=[USER, turn, USER])
    assert sent["messages"][1] == {"role": "assistant", "content": "x", "reasoning_content": "t"} and not told
    assert chat("vllm", messages=[USER, turn, USER])[0]["messages"][1] == turn
    sent, _ = chat("openai", messages=[USER, turn, USER])
    assert sent["messages"][1] == {"role": "assistant", "content": "x"}


@pytest.mark.parametrize("provider", [*ENGINES, "openrouter", "litert_lm", "ollama"])
def test_a_custom_tool_is_a_function(provider: str) -> None:
    call = {"id": "c", "type": "custom", "custom": {"name": "shell", "input": "ls"}}
    messages = [
        USER,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "done"},
    ]
    sent, _ = chat(provider, messages=messages, tools=[SHELL])
    (tool,) = sent["tools"]
    assert tool["type"] == "function" and tool["function"]["name"] == "shell"
    assert tool["function"]["description"].startswith("Runs it.\n\nPut the whole text")
    (made,) = sent["messages"][1]["tool_calls"]
    arguments = made["function"]["arguments"]
    assert (json.loads(arguments) if isinstance(arguments, str) else arguments) == {"input": "ls"}


def test_a_custom_tool_stays_one_where_it_is_known() -> None:
    for provider in ("openai", "azure_openai", "demo"):
        assert chat(provider, tools=[SHELL], tool_choice={"type": "custom", "custom": {"name": "shell"}})[0][
            "tools"
        ] == [SHELL]
    assert chat("openai_compatible", "external", tools=[SHELL])[0]["tools"] == [SHELL]


def test_a_custom_tool_that_is_demanded_is_demanded_as_a_function() -> None:
    choice = {"type": "custom", "custom": {"name": "shell"}}
    sent, _ = chat("vllm", tools=[function("f"), SHELL], tool_choice=choice)
    assert sent["tool_choice"] == {"type": "function", "function": {"name": "shell"}}


@pytest.mark.parametrize("provider", ["vllm", "llama_server", "tgi", "openrouter"])
def test_of_allowed_tools_only_those_are_offered(provider: str) -> None:
    allowed = {"mode": "required", "tools": [{"type": "function", "function": {"name": "b"}}]}
    choice = {"type": "allowed_tools", "allowed_tools": allowed}
    sent, told = chat(provider, tools=[function("a"), function("b")], tool_choice=choice)
    assert [tool["function"]["name"] for tool in sent["tools"]] == ["b"]
    assert sent["tool_choice"] == "required" and not told


def test_an_engine_that_reads_three_words_is_offered_the_one_tool() -> None:
    """llama-server takes an object for `auto`: a call that was demanded would be left to the model."""
    choice = {"type": "function", "function": {"name": "b"}}
    sent, told = chat("llama_server", tools=[function("a"), function("b")], tool_choice=choice)
    assert [tool["function"]["name"] for tool in sent["tools"]] == ["b"]
    assert sent["tool_choice"] == "required" and not told
    with pytest.raises(RequestError) as refused:
        chat("llama_server", tools=[function("a")], tool_choice=choice)
    assert refused.value.field == "tool_choice"
    assert chat("vllm", tools=[function("b")], tool_choice=choice)[0]["tool_choice"] == choice


@pytest.mark.parametrize("provider", ["llama_server", "vllm", "tgi"])
@pytest.mark.parametrize(
    "file",
    [{"file_id": "file-1"}, {"file_data": "data:application/pdf;base64,aGVsbG8=", "filename": "a.pdf"}],
)
def test_a_document_is_refused_by_name(provider: str, file: dict[str, str]) -> None:
    part = {"type": "file", "file": file}
    with pytest.raises(RequestError) as refused:
        chat(provider, messages=[{"role": "user", "content": [part]}])
    assert (refused.value.code, refused.value.field) == ("unsupported_content", "messages[0].content[0]")


def test_speech_is_heard_by_some_and_refused_for_others() -> None:
    part = {"type": "input_audio", "input_audio": {"data": "aGVsbG8=", "format": "wav"}}
    messages = [{"role": "user", "content": [part]}]
    for provider in ("vllm", "llama_server", "openai", "openai_compatible"):
        assert chat(provider, messages=messages)[0]["messages"] == messages
    for provider in ("tgi", "llama_cpp_python"):
        with pytest.raises(RequestError) as refused:
            chat(provider, messages=messages)
        assert refused.value.field == "messages[0].content[0]"


@pytest.mark.parametrize("provider", ["vllm", "llama_server", "tgi", "anthropic", "gemini", "ollama"])
def test_speech_of_the_assistant_is_known_to_its_maker_only(provider: str) -> None:
    spoken = {"role": "assistant", "content": None, "audio": {"id": "audio_1"}}
    with pytest.raises(RequestError) as refused:
        chat(provider, messages=[USER, spoken, USER])
    assert (refused.value.code, refused.value.field) == ("unsupported_content", "messages[1].audio")
    spoken["audio"] = {"id": "audio_1", "transcript": "said aloud"}
    sent, told = chat(provider, messages=[USER, spoken, USER])
    assert "said aloud" in json.dumps(sent) and "audio" in told


@pytest.mark.parametrize("provider", ["vllm", "llama_server", "tgi", "llama_cpp_python"])
def test_a_refusal_of_an_earlier_turn_is_its_text(provider: str) -> None:
    for turn in (
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]},
        {"role": "assistant", "content": None, "refusal": "No."},
    ):
        sent, told = chat(provider, messages=[USER, turn, USER])
        assert sent["messages"][1] == {"role": "assistant", "content": "No."} and not told


@pytest.mark.parametrize("provider", ["vllm", "llama_server", "tgi", "llama_cpp_python"])
def test_hints_that_an_engine_does_not_read_pass_and_are_told(provider: str) -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGVsbG8=", "detail": "low"}}
    form = {"name": "o", "description": "the answer", "schema": {"type": "object"}}
    body: dict[str, Any] = {
        "messages": [{"role": "user", "content": [image]}],
        "tools": [function("f", strict=True)],
        "response_format": {"type": "json_schema", "json_schema": form},
        "stream": True,
        "stream_options": {"include_obfuscation": True},
    }
    sent, told = chat(provider, **body)
    assert sent["messages"] == body["messages"] and sent["tools"] == body["tools"]
    assert told == {
        "detail", "tools.function.strict", "response_format.json_schema.description",
        "stream_options.include_obfuscation",
    }  # fmt: skip


def test_who_says_a_joined_instruction_is_told() -> None:
    messages = [
        {"role": "system", "name": "rules", "content": "a"},
        {"role": "system", "content": [{"type": "text", "text": "b", "cache_control": MARK}]},
        USER,
    ]
    sent, told = chat("openai_compatible", messages=messages)
    assert sent["messages"] == [{"role": "system", "content": "a\n\nb"}, USER]
    assert told == {"name", "cache_control"}
