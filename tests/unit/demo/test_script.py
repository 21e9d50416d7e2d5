"""Scripts are answers in time without a socket: what is sent, in which packets, and how it ends."""

import json
from typing import Any

import pytest

from hybridgw.demo.ask import AskError, read
from hybridgw.demo.faults import Faults, parse
from hybridgw.demo.model import Answer, embeddings
from hybridgw.demo.personalities import Pace
from hybridgw.demo.script import Act, Step, document, stream

PACE = Pace(first_token=0.1, gap=0.01)


def ask(**more: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": "hello"}]} | more


def streamed(spec: str = "", *, http11: bool = True, **more: Any) -> list[Step]:
    faults = parse(spec)
    answer = Answer(read(ask(stream=True, **more), chat=True), "local", 1, 0, faults)
    return list(stream(answer.events(), faults, PACE, http11=http11, keep_alive=True))


def payload(steps: list[Step]) -> bytes:
    """Body of a stream, head and chunk coding removed."""
    raw = b"".join(step.data for step in steps)
    head, _, rest = raw.partition(b"\r\n\r\n")
    if b"chunked" not in head:
        return rest
    body = b""
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        n = int(size, 16)
        body, rest = body + rest[:n], rest[n + 2 :]
    return body


def events(steps: list[Step]) -> list[Any]:
    lines = payload(steps).replace(b"\r\n", b"\n").decode("utf-8-sig").split("\n")
    values = [line[6:] for line in lines if line.startswith("data: ")]
    return [value if value == "[DONE]" else json.loads(value) for value in values]


def test_a_stream_is_complete_and_paced() -> None:
    """Role once, content at the pace, finish, usage because it was asked for, terminal."""
    steps = streamed("events=3", stream_options={"include_usage": True})
    seen = events(steps)
    assert seen[0]["choices"][0]["delta"]["role"] == "assistant"
    assert [e["choices"][0]["delta"].get("content") for e in seen[1:4]] == ["This ", "is ", "a "]
    assert seen[4]["choices"][0]["finish_reason"] == "stop"
    assert seen[5]["choices"] == [] and seen[5]["usage"]["completion_tokens"] == 3
    assert seen[6:] == ["[DONE]"]
    assert [step.after for step in steps if step.after] == [0.1, 0.01, 0.01]
    assert steps[-1].act is Act.END
    assert len({(e["id"], e["created"], e["model"]) for e in seen[:6]}) == 1


@pytest.mark.parametrize(
    ("spec", "act", "content"),
    [
        ("reset-after=2", Act.RESET, 2),
        ("stall-after=0", Act.STALL, 0),
        ("close-after=1", Act.CLOSE, 1),
        ("truncate-after=2", Act.END, 2),
        ("reset-before-head", Act.RESET, 0),
        ("close-before-head", Act.CLOSE, 0),
        ("hang", Act.STALL, 0),
        ("close", Act.CLOSE, 4),
        ("stale-close", Act.CLOSE, 4),
    ],
)
def test_a_cut_falls_where_it_was_asked_for(spec: str, act: Act, content: int) -> None:
    """How the answer ends and how much was said before."""
    steps = streamed(f"events=4;{spec}")
    assert steps[-1].act is act
    said = b"".join(step.data for step in steps).count(b'"content":"') - 1
    assert max(said, 0) == content


def test_errors_inside_a_stream() -> None:
    """An error event after some tokens, or instead of any, ends the stream without the terminal."""
    after = events(streamed("events=4;error-event-after=2"))
    assert "error" in after[-1] and len(after) == 4
    assert [list(e) for e in events(streamed("error-in-200"))] == [["error"]]
    assert events(streamed("error-in-200;done-after-error"))[-1] == "[DONE]"
    flat = events(streamed("error-event-after=0;error-shape=flat"))[-1]
    assert flat["object"] == "error" and flat["code"] == 500


def test_small_faults_change_only_what_they_name() -> None:
    """Each leaves the text of the answer as it was."""

    def text(steps: list[Step]) -> str:
        parts = [
            e["choices"][0].get("delta") or {}
            for e in events(steps)
            if isinstance(e, dict) and e.get("choices")
        ]
        return "".join(part.get("content") or "" for part in parts)

    plain = text(streamed())
    for spec in ("crlf", "bom", "comments=2", "keepalive-objects", "repeat-role", "null-delta", "no-done",
                 "slice=3", "http10", "finish-reason=eos_token", "usage-missing", "no-finish"):  # fmt: skip
        assert text(streamed(spec)) == plain, spec
    assert "[DONE]" not in events(streamed("no-done"))
    assert payload(streamed("bom")).startswith(b"\xef\xbb\xbfdata: ")


def test_packets_split_characters_and_sizes() -> None:
    """`slice` bounds each packet; `split-utf8` ends packets inside characters; the bytes stay the same."""
    assert max(len(step.data) for step in streamed("slice=7")) == 7
    split = streamed("split-utf8")
    broken = 0
    for step in split:
        try:
            step.data.decode()
        except UnicodeDecodeError:
            broken += 1
    assert broken >= 10
    assert "你好" in payload(split).decode()


def test_documents_lie_about_their_length() -> None:
    """A longer promise ends in a close, a shorter one is simply sent."""
    longer = list(document(200, b'{"a":1}', Faults(wrong_length=10)))
    assert b"content-length: 17" in longer[0].data and longer[-1].act is Act.CLOSE
    shorter = list(document(200, b'{"a":1}', Faults(wrong_length=-3)))
    assert b"content-length: 4" in shorter[0].data
    bomb = b"".join(s.data for s in document(200, b"{}", Faults(gzip_bomb=10_000_000)))
    assert b"content-encoding: gzip" in bomb and len(bomb) < 20_000
    limited = list(document(200, b"{}" * 100, Faults(limit_data=50)))
    assert sum(len(s.data) for s in limited) == 50 and limited[-1].act is Act.CLOSE


def test_answers_say_that_they_are_a_demo_and_honour_the_request() -> None:
    """Text, n, max_tokens, stop, logprobs, JSON mode, tools, usage."""

    def answer(**more: Any) -> Any:
        return json.loads(Answer(read(ask(**more), chat=True), "cloud", 1, 0).document())

    plain = answer(n=2)
    assert plain["system_fingerprint"] == "hybridgw-demo"
    assert len(plain["choices"]) == 2
    text = plain["choices"][1]["message"]["content"]
    assert text.startswith("This is a demo answer from the cloud demo model; no real model is running.")
    assert plain["usage"]["completion_tokens"] == 2 * len(text.split())
    short = answer(max_completion_tokens=3, max_tokens=9)["choices"][0]
    assert short["message"]["content"] == "This is a " and short["finish_reason"] == "length"
    stopped = answer(stop=["no real", "zzz"])["choices"][0]
    assert stopped["message"]["content"].endswith("demo model; ") and stopped["finish_reason"] == "stop"
    scored = answer(logprobs=True, top_logprobs=2, max_tokens=2)["choices"][0]["logprobs"]["content"]
    assert [len(t["top_logprobs"]) for t in scored] == [2, 2]
    assert bytes(scored[0]["bytes"]).decode() == scored[0]["token"]
    assert json.loads(answer(response_format={"type": "json_object"})["choices"][0]["message"]["content"])[
        "demo"
    ]
    tools = [
        {
            "type": "function",
            "function": {"name": "look", "parameters": {"properties": {"n": {"type": "integer"}}}},
        }
    ]
    messages = [{"role": "user", "content": [{"type": "text", "text": "Please use a tool."}]}]
    call = answer(tools=tools, messages=messages)["choices"][0]
    assert call["finish_reason"] == "tool_calls" and call["message"]["content"] is None
    assert call["message"]["tool_calls"][0]["function"] == {"name": "look", "arguments": '{"n":1}'}
    assert answer(tools=tools)["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize(
    ("body", "param"),
    [({}, "model"), ({"model": "m"}, "messages"), (ask(n=0.5), "n"), (ask(max_tokens=0), "max_tokens"),
     ({"model": "m", "messages": [{}]}, "messages[0].role")],
)  # fmt: skip
def test_what_no_engine_would_take_is_refused(body: dict[str, Any], param: str) -> None:
    """The demo must not make a client look right that is wrong."""
    with pytest.raises(AskError) as caught:
        read(body, chat=True)
    assert caught.value.param == param


def test_embeddings_are_repeatable_unit_vectors() -> None:
    """Floats and base64 are the same numbers; token ids are taken as well."""
    import base64
    import struct

    floats = json.loads(embeddings({"model": "m", "input": ["a", "b"], "dimensions": 8}))
    coded = json.loads(embeddings({"model": "m", "input": "b", "dimensions": 8, "encoding_format": "base64"}))
    vector = floats["data"][1]["embedding"]
    assert sum(v * v for v in vector) == pytest.approx(1)
    unpacked = struct.unpack("<8f", base64.b64decode(coded["data"][0]["embedding"]))
    assert unpacked == pytest.approx(vector, rel=1e-6)
    assert len(json.loads(embeddings({"model": "m", "input": [[1, 2], [3]]}))["data"]) == 2
    with pytest.raises(AskError):
        embeddings({"model": "m", "input": []})
