"""The one translator of this release: legacy completions over a chat backend."""

import json

import pytest

from hybridgw import sse
from hybridgw.errors import RequestError
from hybridgw.providers.completions_over_chat import CompletionsOverChat


def test_a_prompt_becomes_a_user_message_and_numbers_keep_their_text() -> None:
    body = (
        b'{"model":"m","prompt":"Hi \\u00e9","temperature":0.10,"max_tokens":5,"seed":12345678901234567890}'
    )
    chat = CompletionsOverChat().request(body)
    assert json.loads(chat)["messages"] == [{"role": "user", "content": "Hi é"}]
    assert b'"temperature":0.10' in chat
    assert b"12345678901234567890" in chat


@pytest.mark.parametrize("prompt", [["a", "b"], [1, 2], 7, None])
def test_prompts_that_chat_cannot_carry_are_refused_by_name(prompt: object) -> None:
    with pytest.raises(RequestError) as caught:
        CompletionsOverChat().request(json.dumps({"model": "m", "prompt": prompt}).encode())
    assert caught.value.field == "prompt"


@pytest.mark.parametrize("member", ["suffix", "echo", "best_of"])
def test_members_without_counterpart_are_refused_not_dropped(member: str) -> None:
    value = {"suffix": "x", "echo": True, "best_of": 3}[member]
    with pytest.raises(RequestError) as caught:
        CompletionsOverChat().request(json.dumps({"model": "m", "prompt": "p", member: value}).encode())
    assert caught.value.field == member


def test_one_prompt_in_a_list_is_one_prompt() -> None:
    chat = CompletionsOverChat().request(b'{"model":"m","prompt":["only"],"logprobs":2,"echo":false}')
    decoded = json.loads(chat)
    assert decoded["messages"][0]["content"] == "only"
    assert (decoded["logprobs"], decoded["top_logprobs"]) == (True, 2)


def test_a_whole_answer() -> None:
    chat = {
        "id": "c1", "object": "chat.completion", "created": 5, "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "ab"}, "finish_reason": "stop",
                     "logprobs": {"content": [
                         {"token": "a", "logprob": -0.5, "top_logprobs": [{"token": "a", "logprob": -0.5}]},
                         {"token": "b", "logprob": -1.5, "top_logprobs": []}]}}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
    }  # fmt: skip
    answer = json.loads(CompletionsOverChat().whole(json.dumps(chat).encode()))
    assert answer["object"] == "text_completion"
    assert answer["usage"] == chat["usage"]
    (choice,) = answer["choices"]
    assert (choice["text"], choice["finish_reason"]) == ("ab", "stop")
    assert choice["logprobs"]["text_offset"] == [0, 1]
    assert choice["logprobs"]["tokens"] == ["a", "b"]


def chunk(**delta: object) -> bytes:
    finish = delta.pop("finish_reason", None)
    choices = [{"index": 0, "delta": delta, "finish_reason": finish}]
    event = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": choices}
    return sse.event(json.dumps(event).encode())


STREAM = (
    b": comment\n\n" + chunk(role="assistant", content="") + chunk(content="a") + chunk(content="b")
    + chunk(finish_reason="length")
    + b'data: {"id":"c","choices":[],"usage":{"total_tokens":3}}\n\n' + sse.DONE
)  # fmt: skip


@pytest.mark.parametrize("pieces", ["whole", "by event"])
def test_a_stream_of_whole_events(pieces: str) -> None:
    translator = CompletionsOverChat()
    if pieces == "whole":
        out = translator.feed(STREAM)
    else:
        out = b"".join(translator.feed(event + b"\n\n") for event in STREAM.split(b"\n\n") if event)
    payloads = sse.split(out)
    assert payloads[-1] == b"[DONE]"
    chunks = [json.loads(payload) for payload in payloads[:-1]]
    assert "".join(c["choices"][0]["text"] for c in chunks if c["choices"]) == "ab"
    assert [c["choices"][0]["finish_reason"] for c in chunks if c["choices"]] == [None, None, "length"]
    assert chunks[-1]["usage"] == {"total_tokens": 3}


def test_an_error_event_goes_through() -> None:
    event = sse.event(b'{"error":{"message":"x"}}')
    assert CompletionsOverChat().feed(event) == event
