"""Legacy completions through the hub: what a prompt becomes, and what its answer looks like."""

import json

import msgspec
import pytest

from hybridgw import sse
from hybridgw.dialects.completions import COMPLETIONS, CompletionsWriter
from hybridgw.errors import RequestError
from hybridgw.wire import (
    Ask,
    Event,
    Finish,
    Refusal,
    Start,
    Text,
    TextDelta,
    ThinkingDelta,
    ToolStart,
    Usage,
)


def read(**members: object) -> Ask:
    return COMPLETIONS.read(json.dumps({"model": "m", "prompt": "p", **members}).encode())


def test_a_prompt_becomes_a_user_message_and_numbers_keep_their_text() -> None:
    ask = COMPLETIONS.read(
        b'{"model":"m","prompt":"Hi \\u00e9","temperature":0.10,"max_tokens":5,"seed":12345678901234567890}'
    )
    (message,) = ask.messages
    assert (message.role, message.parts) == ("user", [Text("Hi é")])
    assert ask.max_tokens == 5
    assert ask.temperature is not None and bytes(ask.temperature) == b"0.10"
    assert ask.seed is not None and bytes(ask.seed) == b"12345678901234567890"


@pytest.mark.parametrize("prompt", [["a", "b"], [1, 2], 7, None, []])
def test_prompts_that_chat_cannot_carry_are_refused_by_name(prompt: object) -> None:
    with pytest.raises(RequestError) as caught:
        read(prompt=prompt)
    assert (caught.value.code, caught.value.field) == ("unsupported_parameter", "prompt")


@pytest.mark.parametrize(("member", "value"), [("suffix", "x"), ("echo", True), ("best_of", 3)])
def test_members_without_counterpart_are_refused_not_dropped(member: str, value: object) -> None:
    with pytest.raises(RequestError) as caught:
        read(**{member: value})
    assert (caught.value.code, caught.value.field) == ("unsupported_parameter", member)


@pytest.mark.parametrize(("member", "value"), [("suffix", None), ("echo", False), ("best_of", 1)])
def test_members_that_ask_for_nothing_are_no_fault(member: str, value: object) -> None:
    assert read(**{member: value}).extra == {}


def test_one_prompt_in_a_list_is_one_prompt() -> None:
    ask = read(prompt=["only"], logprobs=2, stop="x", stream=True, stream_options={"include_usage": True})
    assert ask.messages[0].parts == [Text("only")]
    assert (ask.logprobs, ask.top_logprobs) == (True, 2)
    assert (ask.stop, ask.stream, ask.include_usage) == (["x"], True, True)


def test_both_names_of_the_limit_and_unknown_members() -> None:
    ask = read(max_tokens=9, max_completion_tokens=5, logit_bias={"1": 2}, min_p=0.5, mystery=None)
    assert ask.max_tokens == 5
    assert {name: bytes(value) for name, value in ask.extra.items()} == {
        "logit_bias": b'{"1": 2}',
        "min_p": b"0.5",
    }


@pytest.mark.parametrize(
    ("member", "value", "code"),
    [
        ("n", 0, "invalid_value"),
        ("max_tokens", "many", "wrong_type"),
        ("temperature", "hot", "wrong_type"),
        ("stream", "yes", "wrong_type"),
    ],
)
def test_wrong_values_are_named(member: str, value: object, code: str) -> None:
    with pytest.raises(RequestError) as caught:
        read(**{member: value})
    assert (caught.value.code, caught.value.field) == (code, member)


def logs(*tokens: tuple[str, str]) -> msgspec.Raw:
    content = []
    for token, logprob in tokens:
        top = f'"token":"{token}","logprob":{logprob}'
        content.append(f'{{{top},"bytes":null,"top_logprobs":[{{{top}}}]}}')
    return msgspec.Raw(f'{{"content":[{",".join(content)}]}}'.encode())


def writer(**members: object) -> CompletionsWriter:
    return CompletionsWriter(read(**members), unique="1", now=5)


def test_a_whole_answer() -> None:
    events: list[Event] = [
        Start("c", "upstream"),
        ThinkingDelta("hidden"),
        TextDelta("ab", 0, logs(("a", "-0.50"), ("b", "-1.5"))),
        TextDelta("c", 0, logs(("c", "-2e-3"))),
        Finish("stop"),
        Usage(1, 2),
    ]
    told = writer().whole(events)
    assert b"-0.50" in told and b"-2e-3" in told, "numbers keep their text"
    answer = json.loads(told)
    assert (answer["id"], answer["object"], answer["created"], answer["model"]) == (
        "cmpl-1",
        "text_completion",
        5,
        "upstream",
    )
    (choice,) = answer["choices"]
    assert (choice["text"], choice["finish_reason"]) == ("abc", "stop")
    assert choice["logprobs"]["text_offset"] == [0, 1, 2]
    assert choice["logprobs"]["tokens"] == ["a", "b", "c"]
    assert choice["logprobs"]["top_logprobs"][1] == {"b": -1.5}
    assert answer["usage"]["total_tokens"] == 3


def test_a_stream_counts_offsets_over_its_chunks() -> None:
    into = writer(stream=True, stream_options={"include_usage": True})
    out = into.feed([Start("c", "up"), TextDelta("ab", 0, logs(("a", "-1"), ("b", "-1")))])
    out += into.feed([TextDelta("c", 0, logs(("c", "-1"))), Usage(1, 3)]) + into.feed([Finish("length")])
    *payloads, done = sse.split(out + into.close())
    assert done == b"[DONE]"
    chunks = [json.loads(payload) for payload in payloads]
    assert len({(c["id"], c["created"], c["model"], c["object"]) for c in chunks}) == 1
    assert [c["choices"][0]["text"] for c in chunks[:-1]] == ["ab", "c", ""]
    assert [c["choices"][0]["finish_reason"] for c in chunks[:-1]] == [None, None, "length"]
    assert chunks[1]["choices"][0]["logprobs"]["text_offset"] == [2]
    assert chunks[-1]["choices"] == [] and chunks[-1]["usage"]["prompt_tokens"] == 1


@pytest.mark.parametrize(
    "events",
    [[], [Usage(1, 1)], [TextDelta("a")], [TextDelta("a"), Finish("tool_calls")], [ToolStart(0, "c", "f")]],
)
def test_whatever_is_missing_it_ends_properly(events: list[Event]) -> None:
    into = writer(stream=True)
    *payloads, done = sse.split(into.feed(events) + into.close())
    assert done == b"[DONE]"
    chunks = [json.loads(payload) for payload in payloads]
    assert [c["choices"][0]["finish_reason"] for c in chunks if c["choices"][0]["finish_reason"]] == ["stop"]
    assert not any("usage" in c for c in chunks), "nobody asked"
    assert json.loads(writer().whole(events))["choices"][0]["finish_reason"] == "stop"


def test_a_refusal_is_text_here() -> None:
    assert json.loads(writer().whole([Refusal("no"), Finish("stop")]))["choices"][0]["text"] == "no"
