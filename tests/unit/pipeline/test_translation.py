"""What a translator cannot read is somebody's fault, and not a bug; what failed leaves nothing behind."""

import json
from typing import Any, cast

import pytest

from hybridgw.core import Route
from hybridgw.dialects.completions import COMPLETIONS
from hybridgw.errors import RequestError, UpstreamError
from hybridgw.pipeline.translation import asked, translation_of
from hybridgw.providers.base import Exchange
from tests.support.translating import Talk, whole

ASKED = {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 9}


@pytest.mark.parametrize(
    "prompt", [b'"\\ud800"', b"[" * 5000 + b"]" * 5000, b'{"a":' * 5000 + b"1" + b"}" * 5000]
)
def test_a_body_that_cannot_be_translated_is_refused(prompt: bytes) -> None:
    with pytest.raises(RequestError) as caught:
        asked(COMPLETIONS.read, b'{"model":"m","prompt":%b}' % prompt)
    assert caught.value.code == "invalid_value"


def answer(message: dict[str, Any], reason: str = "stop", **more: Any) -> bytes:
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": None, **message},
        "finish_reason": reason,
    }
    usage = {"prompt_tokens": 1, "completion_tokens": 1}
    return json.dumps({"id": "x", "choices": [choice], "usage": usage, **more}).encode()


def event(delta: dict[str, Any], reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    usage = None if reason is None else {"prompt_tokens": 1, "completion_tokens": 1}
    return b"data: " + json.dumps({"id": "x", "choices": [choice], "usage": usage}).encode() + b"\n\n"


BROKEN = {"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": "[1]"}}]}
FINE = {"content": "fine"}


@pytest.mark.parametrize("route", [Route.MESSAGES, Route.OLLAMA_CHAT])
def test_of_an_answer_that_failed_nothing_is_in_the_next(route: Route) -> None:
    talk = Talk(route, ASKED)
    with pytest.raises(UpstreamError):
        whole(talk.through("openai"), answer(BROKEN, "tool_calls"))
    told = json.loads(whole(talk.through("openai"), answer(FINE)))
    assert told.get("stop_reason", "end_turn") == "end_turn"
    assert "tool" not in json.dumps(told)


def test_of_a_stream_that_failed_nothing_is_in_the_next() -> None:
    talk = Talk(Route.OLLAMA_CHAT, ASKED)
    first = talk.through("openai")
    first.feed(event(BROKEN) + event({}, "tool_calls"))
    with pytest.raises(UpstreamError):
        first.close()
    second = talk.through("openai")
    told = second.feed(event(FINE) + event({}, "stop")) + second.close()
    assert b"tool_calls" not in told
    assert b'"done":true' in told


def test_a_heartbeat_s_writer_goes_on_and_is_given_one_answer_only() -> None:
    talk = Talk(Route.RESPONSES, {"input": "hi"})
    talk.through("openai")
    begun = talk.call.writer = talk.attempt.writer
    assert b"response.created" in begun.heartbeat
    second = talk.through("openai")
    assert talk.attempt.writer is begun
    with pytest.raises(UpstreamError):
        second.read(b'data: {"choices": 1}\n\n')
    held = second.read(event(FINE))
    assert begun.heartbeat.count(b"event:") == 1, "what is held is not written"
    told = second.write(held)
    assert b"response.created" not in told
    assert b"fine" in told


@pytest.mark.parametrize("route", [Route.MESSAGES, Route.OLLAMA_CHAT])
def test_an_answer_that_ends_with_an_error_is_no_answer(route: Route) -> None:
    with pytest.raises(UpstreamError):
        whole(Talk(route, ASKED).through("openrouter"), answer({"content": "part"}, "error"))
    with pytest.raises(UpstreamError):
        Talk(route, ASKED).through("openrouter").feed(event({"content": "part"}, "error"))


def test_what_an_upstream_says_of_its_failure_holds_no_key_of_ours() -> None:
    with pytest.raises(UpstreamError) as caught:
        whole(
            Talk(Route.MESSAGES, ASKED).through("gemini"),
            b'{"candidates":[{"finishReason":"OTHER","finishMessage":"key sk-secret-key is bad"}]}',
        )
    assert caught.value.message == "key *** is bad"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (b'"a\xff"', "a\ufffd"),
        (rb'"\ud83d"', "\ufffd"),
        (rb'"\ude00\ud83d"', "\ufffd\ufffd"),
        (rb'"\ud83d\ude00"', "\U0001f600"),
        (rb'"\\ud83d"', "\\ud83d"),
        (rb'"\\\uD83D"', "\\\ufffd"),
    ],
)
def test_half_a_character_does_not_end_an_answer(said: bytes, told: str) -> None:
    body = b'{"choices":[{"message":{"content":%b},"finish_reason":"stop"}]}' % said
    read = json.loads(whole(Talk(Route.MESSAGES, ASKED).through("vllm"), body))
    assert read["content"] == [{"type": "text", "text": told}]


@pytest.mark.parametrize("route", [Route.COMPLETIONS, Route.OLLAMA_CHAT])
def test_logprobs_that_are_none_are_the_upstream_s_fault(route: Route) -> None:
    body = {"prompt": "hi"} if route is Route.COMPLETIONS else ASKED
    line = b'{"choices":[{"delta":{"content":"a"},"logprobs":{"content":{"no":"list"}}}]}'
    if route is Route.OLLAMA_CHAT:
        line = line.replace(b'{"content":{"no":"list"}}', b"1")
    with pytest.raises(UpstreamError):
        Talk(route, body).through("vllm").feed(b"data: " + line + b"\n\n")


def test_what_one_backend_was_not_told_is_not_said_of_the_next() -> None:
    talk = Talk(Route.CHAT, {**ASKED, "seed": 1})
    talk.through("anthropic")
    assert talk.attempt.dropped == ("seed",)
    direct = Exchange("/v1/chat/completions", cast(Any, 0))
    assert translation_of(talk.attempt, direct) is None
    assert talk.attempt.dropped == ()


@pytest.mark.parametrize("provider", ["anthropic", "gemini", "ollama", "openai", "litert_lm"])
@pytest.mark.parametrize(
    "body", [b"{}", b'{"status":"ok"}', b'{"detail":"Not Found"}', b'{"model":"m","id":"x"}']
)
def test_an_object_that_is_no_answer_is_no_empty_answer(provider: str, body: bytes) -> None:
    with pytest.raises(UpstreamError):
        Talk(Route.CHAT, ASKED).through(provider).read_whole(body)
