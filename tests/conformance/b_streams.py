"""B: Streaming.

Silence is scaled: the gateway called `patient` sends a heartbeat every 60 ms instead of every 15 s.
"""

import json
import socket
import time
from pathlib import Path
from typing import Any

import openai

from tests.conformance import wire
from tests.conformance.registry import case
from tests.conformance.stage import CHAT, USER, Stage
from tests.conformance.stub import slices
from tests.conformance.wire import DONE, END, STREAM_HEAD, chunk, delta, first
from tests.support.waiting import until

ASK: Any = {"model": "openai_compatible", "messages": USER}
TEXT = "Grüße, 世界 🎉 done"
PLAIN = b"".join(
    [
        delta({"role": "assistant", "content": ""}),
        *[delta({"content": word}) for word in ("Grüße, ", "世界 ", "🎉 ", "done")],
        delta({}, "stop"),
        DONE,
    ]
)


@case(
    "B01",
    "A stream that arrives byte by byte is the same stream",
    client="HTTP openai-python openai-node",
    feature="streams",
)
def _(stage: Stage) -> None:
    upstream = stage.stub()
    upstream.plays(STREAM_HEAD, *slices(PLAIN))
    assert stage.chat(stream=True).body == PLAIN
    with stage.python().openai as sdk:
        upstream.plays(STREAM_HEAD, *slices(PLAIN))
        parts = [c.choices[0].delta.content or "" for c in sdk.chat.completions.create(**ASK, stream=True)]
        assert "".join(parts) == TEXT
        upstream.plays(STREAM_HEAD, *slices(PLAIN))
        with sdk.chat.completions.stream(**ASK) as helper:
            final = helper.get_final_completion()
        assert (final.choices[0].message.content, final.choices[0].finish_reason) == (TEXT, "stop")
    upstream.plays(STREAM_HEAD, *slices(PLAIN))
    told = stage.node().ask("chatStream", stage.gateway().url, ASK)
    assert "".join(c["choices"][0]["delta"].get("content") or "" for c in told["chunks"]) == TEXT
    upstream.plays(STREAM_HEAD, *slices(PLAIN))
    whole = stage.node().ask("chatHelper", stage.gateway().url, ASK)
    assert whole["choices"][0]["message"]["content"] == TEXT


@case(
    "B02",
    "A character that is cut between two reads arrives whole",
    client="HTTP openai-python",
    feature="streams",
)
def _(stage: Stage) -> None:
    upstream = stage.stub()
    events = delta({"role": "assistant", "content": "a🎉b"}) + END
    at = events.index("🎉".encode())
    for cut in (1, 2, 3):
        upstream.plays(STREAM_HEAD, events[: at + cut], 0.02, events[at + cut :])
        answer = stage.chat(stream=True)
        assert answer.body == events
        assert wire.text(wire.payloads(answer)) == "a🎉b"
    with stage.python().openai as sdk:
        upstream.plays(STREAM_HEAD, events[: at + 2], 0.02, events[at + 2 :])
        chunks = list(sdk.chat.completions.create(**ASK, stream=True))
        assert chunks[0].choices[0].delta.content == "a🎉b"


@case(
    "B03",
    "Line ends of a backend (CRLF, CR, mixed) do not matter to clients",
    client="HTTP openai-python openai-node",
    feature="streams",
)
def _(stage: Stage) -> None:
    upstream = stage.stub()
    crlf = PLAIN.replace(b"\n", b"\r\n")
    # A read ends between CR and LF.
    cut = crlf.index(b"\r\n\r\n") + 1
    upstream.plays(STREAM_HEAD, crlf[:cut], 0.02, crlf[cut:])
    answer = stage.chat(stream=True)
    with stage.python().openai as sdk:
        upstream.plays(STREAM_HEAD, *slices(crlf, 7))
        parts = [c.choices[0].delta.content or "" for c in sdk.chat.completions.create(**ASK, stream=True)]
        assert "".join(parts) == TEXT
    upstream.plays(STREAM_HEAD, *slices(crlf, 7))
    told = stage.node().ask("chatHelper", stage.gateway().url, ASK)
    assert told["choices"][0]["message"]["content"] == TEXT
    assert answer.body == PLAIN


@case(
    "B04",
    "Comments of a backend are no first token, and reach the client as comments",
    backend="openrouter",
    feature="streams",
)
def _(stage: Stage) -> None:
    upstream = stage.stub("openrouter")
    before = stage.metric("hybridgw_first_token_seconds_sum", deployment="openrouter")
    comments = b": OPENROUTER PROCESSING\n\n" * 20
    upstream.plays(STREAM_HEAD, comments, 0.25, PLAIN)
    answer = stage.chat("openrouter", stream=True)
    assert wire.text(wire.payloads(answer)) == TEXT
    assert answer.body.replace(b": OPENROUTER PROCESSING\n\n", b"") == PLAIN
    until(
        lambda: stage.metric("hybridgw_first_token_seconds_sum", deployment="openrouter") - before >= 0.25, 3
    )


@case("B05", "Usage that the client did not ask for is counted and kept from it", feature="usage")
def _(stage: Stage) -> None:
    labels = {"deployment": "openai_compatible"}
    counts = [stage.metric("hybridgw_tokens_total", kind=kind, **labels) for kind in ("prompt", "completion")]
    reported = wire.usage_chunk(prompt=70, completion=30)
    stage.stub().plays(STREAM_HEAD, first("hi") + chunk("", '"stop"') + reported + DONE)
    answer = stage.chat(stream=True)
    assert stage.stub().last.json["stream_options"] == {"include_usage": True}
    assert answer.body == first("hi") + chunk("", '"stop"') + DONE
    assert b"usage" not in answer.body
    prompt, completion = (
        stage.metric("hybridgw_tokens_total", kind=kind, **labels) for kind in ("prompt", "completion")
    )
    assert (prompt - counts[0], completion - counts[1]) == (70, 30)


@case(
    "B06",
    "Usage that was asked for comes last, in a chunk without choices",
    client="HTTP openai-python",
    feature="usage",
)
def _(stage: Stage) -> None:
    asked: Any = {"stream": True, "stream_options": {"include_usage": True}}
    reported = wire.usage_chunk(prompt=70, completion=30)
    stage.stub().plays(STREAM_HEAD, chunk("hi") + END.removesuffix(DONE) + reported + DONE)
    found = wire.payloads(stage.chat(**asked))
    assert found[-1] == "[DONE]"
    assert found[-2]["choices"] == []
    assert found[-2]["usage"]["total_tokens"] == 100
    # Too early: the SDK's helper keeps the last value that it sees.
    early = delta({"role": "assistant", "content": ""}) + reported + chunk("hi") + END
    stage.stub().plays(STREAM_HEAD, early)
    with stage.python().openai as sdk:
        stage.stub().plays(STREAM_HEAD, early)
        with sdk.chat.completions.stream(**ASK, stream_options={"include_usage": True}) as helper:
            final = helper.get_final_completion()
        assert final.usage is not None
        assert final.usage.total_tokens == 100
    stage.stub().plays(STREAM_HEAD, early)
    found = wire.payloads(stage.chat(**asked))
    assert wire.text(found) == "hi"
    assert found[-1] == "[DONE]"
    assert [one for one in found[:-1] if one.get("usage")] == found[-2:-1]
    assert found[-2]["choices"] == []


@case(
    "B07",
    "A role that is repeated in every delta appears once",
    client="HTTP openai-python",
    backend="vllm",
    feature="streams",
)
def _(stage: Stage) -> None:
    upstream = stage.stub("vllm")
    events = b"".join(delta({"role": "assistant", "content": word}) for word in ("a", "b", "c")) + END
    upstream.plays(STREAM_HEAD, events)
    found = wire.payloads(stage.chat("vllm", stream=True))
    roles = [one["choices"][0]["delta"].get("role") for one in found[:-1]]
    assert roles == ["assistant", None, None, None]
    assert wire.text(found) == "abc"
    with stage.python().openai as sdk:
        upstream.plays(STREAM_HEAD, events)
        with sdk.chat.completions.stream(**{**ASK, "model": "vllm"}) as helper:
            message = helper.get_final_completion().choices[0].message
        assert (message.role, message.content) == ("assistant", "abc")


def _fragments(*deltas: list[dict[str, Any]]) -> bytes:
    calls = b"".join(delta({"tool_calls": fragment}) for fragment in deltas)
    return delta({"role": "assistant", "content": None}) + calls + delta({}, "tool_calls") + DONE


TOOLS: Any = [wire.function("f", q={"type": "string"}), wire.function("g")]


@case(
    "B08",
    "A tool call's id and name that are repeated in every fragment appear once",
    client="HTTP openai-python",
    feature="tools",
)
def _(stage: Stage) -> None:
    events = _fragments(
        *(
            [{"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": part}}]
            for part in ("", '{"q":', '"x"}')
        )
    )
    stage.stub().plays(STREAM_HEAD, events)
    found = wire.payloads(stage.chat(stream=True, tools=TOOLS))
    calls = [call for one in found[1:-2] for call in one["choices"][0]["delta"]["tool_calls"]]
    assert [call.get("id") for call in calls] == ["call_1", None, None]
    assert [call["function"].get("name") for call in calls] == ["f", None, None]
    assert "".join(call["function"]["arguments"] for call in calls) == '{"q":"x"}'
    with stage.python().openai as sdk:
        stage.stub().plays(STREAM_HEAD, events)
        with sdk.chat.completions.stream(**ASK, tools=TOOLS) as helper:
            (made,) = helper.get_final_completion().choices[0].message.tool_calls or []
        assert (made.id, made.function.name, made.function.arguments) == ("call_1", "f", '{"q":"x"}')


@case(
    "B09",
    "Tool call fragments without an index get theirs, by id",
    client="HTTP openai-python",
    feature="tools",
)
def _(stage: Stage) -> None:
    events = _fragments(
        [{"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"q":'}}],
        [{"id": "call_1", "function": {"arguments": '"x"}'}}],
        [{"id": "call_2", "type": "function", "function": {"name": "g", "arguments": "{}"}}],
    )
    stage.stub().plays(STREAM_HEAD, events)
    found = wire.payloads(stage.chat(stream=True, tools=TOOLS))
    calls = [call for one in found[1:-2] for call in one["choices"][0]["delta"]["tool_calls"]]
    assert [call["index"] for call in calls] == [0, 0, 1]
    with stage.python().openai as sdk:
        stage.stub().plays(STREAM_HEAD, events)
        with sdk.chat.completions.stream(**ASK, tools=TOOLS) as helper:
            made = helper.get_final_completion().choices[0].message.tool_calls or []
        assert [(one.function.name, one.function.arguments) for one in made] == [
            ("f", '{"q":"x"}'),
            ("g", "{}"),
        ]


def _raises(stage: Stage, events: bytes, words: str) -> None:
    """Both SDKs raise on this stream, and say these words."""
    with stage.python().openai as sdk:
        stage.stub().plays(STREAM_HEAD, events)
        try:
            list(sdk.chat.completions.create(**ASK, stream=True))
        except openai.APIError as error:
            assert words in error.message
        else:
            raise AssertionError("openai-python took it for success")
    stage.stub().plays(STREAM_HEAD, events)
    told = stage.node().ask("chatStream", stage.gateway().url, ASK)
    assert words in told["raised"]["message"], told


@case(
    "B10",
    "EOF without [DONE]: an error, and nothing that looks like success",
    client="HTTP openai-python openai-node",
    feature="errors in streams",
)
def _(stage: Stage) -> None:
    # After a whole event, inside one, inside a character.
    whole = first("hi") + chunk("there")
    inside = delta({"content": "🎉"})
    for end in (whole, whole + inside[:40], whole + inside[: inside.index("🎉".encode()) + 2]):
        stage.stub().plays(STREAM_HEAD, first("hi"), 0.02, end.removeprefix(first("hi")))
        answer = stage.chat(stream=True)
        found = wire.payloads(answer)
        wire.error_event(found, "upstream_truncated")
        assert answer.body.startswith(whole)
        assert wire.text(found) == "hithere"
    _raises(stage, whole, "closed the stream early")


@case(
    "B11",
    "EOF without [DONE] after a finish reason: a complete answer",
    client="HTTP openai-python",
    backend="litert_lm openai_compatible",
    feature="streams",
)
def _(stage: Stage) -> None:
    events = first("hi") + chunk("", '"stop"')
    for model in ("litert_lm", "openai_compatible"):
        stage.stub(model).plays(STREAM_HEAD, events)
        found = wire.payloads(stage.chat(model, stream=True))
        assert (model, found[-1]) == (model, "[DONE]")
        assert wire.text(found) == "hi"
        assert found[-2]["choices"][0]["finish_reason"] == "stop"
    stage.stub().plays(STREAM_HEAD, events)
    assert stage.chat(stream=True).body == events + DONE
    # The last event is only completed by the end of the body.
    stage.stub("litert_lm").plays(STREAM_HEAD, events.removesuffix(b"\n\n"))
    found = wire.payloads(stage.chat("litert_lm", stream=True))
    assert found[-1] == "[DONE]"
    assert found[-2]["choices"][0]["finish_reason"] == "stop"


@case(
    "B12",
    "An error inside a stream ends it, whatever the backend sends after it",
    client="HTTP openai-python openai-node",
    feature="errors in streams",
)
def _(stage: Stage) -> None:
    failed = wire.event(
        {"error": {"message": "out of memory", "type": "server_error", "param": None, "code": "oom"}}
    )
    for gap in (0.0, 0.05):
        stage.stub().plays(STREAM_HEAD, chunk("hi"), 0.05, failed, gap, DONE)
        found = wire.payloads(stage.chat(stream=True))
        assert wire.error_event(found, "oom")["message"] == "out of memory"
        assert wire.text(found[:-1]) == "hi"
    _raises(stage, chunk("hi") + failed + DONE, "out of memory")


@case(
    "B13",
    "A flat error object becomes one that SDKs raise on",
    client="HTTP openai-python openai-node",
    backend="openai_compatible vllm",
    feature="errors in streams",
)
def _(stage: Stage) -> None:
    flat = b'data: {"object":"error","message":"x went wrong","type":"BadRequestError","code":400}\n\n'
    for model in ("openai_compatible", "vllm"):
        stage.stub(model).plays(STREAM_HEAD, chunk("hi"), 0.05, flat + DONE)
        found = wire.payloads(stage.chat(model, stream=True))
        assert wire.error_event(found, "400")["message"] == "x went wrong"
    _raises(stage, chunk("hi") + flat + DONE, "x went wrong")


@case(
    "B14",
    "A silent stream is kept open by comments",
    client="HTTP openai-python openai-node",
    feature="heartbeats",
)
def _(stage: Stage) -> None:
    script = (STREAM_HEAD, 0.5, PLAIN)
    stage.stub().plays(*script)
    answer = stage.chat(settings="patient", stream=True)
    assert answer.body.endswith(PLAIN)
    beats = answer.body.removesuffix(PLAIN)
    assert beats == b": hybridgw\n\n" * beats.count(b"\n\n")
    assert beats.count(b"\n\n") >= 2
    # Also between two events.
    stage.stub().plays(STREAM_HEAD, chunk("a"), 0.3, chunk("b") + END)
    answer = stage.chat(settings="patient", stream=True)
    assert wire.text(wire.payloads(answer)) == "ab"
    assert answer.body.count(b": hybridgw\n\n") >= 2
    with stage.python("patient").openai as sdk:
        stage.stub().plays(*script)
        with sdk.chat.completions.stream(**ASK) as helper:
            assert helper.get_final_completion().choices[0].message.content == TEXT
    stage.stub().plays(*script)
    told = stage.node().ask("chatHelper", stage.gateway("patient").url, ASK)
    assert told["choices"][0]["message"]["content"] == TEXT


def _open(stage: Stage, **more: Any) -> tuple[socket.socket, bytes]:
    """A connection on which a stream was asked for, and what came up to its first event."""
    data = json.dumps({**ASK, "stream": True, **more}).encode()
    raw = socket.create_connection(("127.0.0.1", stage.gateway().port), timeout=5)
    raw.sendall(
        b"POST %s HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
        % (CHAT.encode(), len(data))
        + data
    )
    got = b""
    while b"data: " not in got:
        part = raw.recv(65536)
        assert part, got
        got += part
    return raw, got


@case("B15", "A client that leaves takes its upstream request along", feature="cancellation")
def _(stage: Stage) -> None:
    before = stage.metric("hybridgw_client_aborts_total")
    stage.stub().plays(STREAM_HEAD, chunk("a") + chunk("b") + chunk("c"), "hold")
    raw, _ = _open(stage)
    raw.close()
    until(lambda: stage.stub().left == 1, 1)
    until(lambda: stage.metric("hybridgw_client_aborts_total") == before + 1, 2)


@case(
    "B16",
    "A client that closes right after [DONE] was served",
    client="HTTP openai-python",
    feature="cancellation",
)
def _(stage: Stage) -> None:
    labels = {"deployment": "openai_compatible", "outcome": "success"}
    aborts = stage.metric("hybridgw_client_aborts_total")
    before = stage.metric("hybridgw_attempts_total", **labels)
    # The body would end half a second later.
    stage.stub().plays(STREAM_HEAD, PLAIN, 0.5)
    raw, got = _open(stage)
    while DONE not in got:
        got += raw.recv(65536)
    raw.close()
    with stage.python().openai as sdk:
        stage.stub().plays(STREAM_HEAD, PLAIN, 0.5)
        for _ in sdk.chat.completions.create(**ASK, stream=True):
            pass
    until(lambda: stage.metric("hybridgw_attempts_total", **labels) == before + 2, 2)
    assert stage.metric("hybridgw_client_aborts_total") == aborts


@case(
    "B17",
    "The body ends at most 50 ms after [DONE], however long the backend keeps it open",
    client="HTTP openai-node",
    feature="streams",
)
def _(stage: Stage) -> None:
    script = (STREAM_HEAD, PLAIN, 0.8)
    stage.stub().plays(*script)
    began = time.monotonic()
    assert stage.chat(stream=True).body == PLAIN
    assert time.monotonic() - began < 0.5
    times = []
    for _ in range(3):
        stage.stub().plays(*script)
        told = stage.node().ask("chatStream", stage.gateway().url, ASK)
        assert len(told["chunks"]) == 6
        times.append(told["after"])
    # The best of three: the machine may be busy, the gateway may not wait.
    assert min(times) < 50, times


@case("B18", "One event of 8 MiB passes, without being held many times", feature="streams")
def _(stage: Stage) -> None:
    large = chunk("x" * (8 * 1024 * 1024))
    (worker,) = stage.gateway().pids()
    before = _memory(worker)
    stage.stub().plays(STREAM_HEAD, first("first"), 0.05, *_pieces(large), END)
    answer = stage.chat(stream=True)
    assert answer.body == first("first") + large + END
    assert _memory(worker) - before < 64 * 1024 * 1024
    # Above 16 MiB it is refused, not collected.
    stage.stub().plays(STREAM_HEAD, chunk("first"), 0.05, *_pieces(chunk("x" * (17 * 1024 * 1024))), END)
    wire.error_event(wire.payloads(stage.chat(stream=True)))


def _pieces(data: bytes) -> list[bytes]:
    return [data[start : start + 262_144] for start in range(0, len(data), 262_144)]


def _memory(pid: int) -> int:
    """The most memory that a process ever had, in bytes."""
    (line,) = [
        line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM:")
    ]
    return int(line.split()[1]) * 1024


@case(
    "B19",
    "A whole JSON answer to a request for a stream becomes a stream",
    client="HTTP openai-python",
    feature="streams",
)
def _(stage: Stage) -> None:
    said = {"content": "hi", "tool_calls": [wire.tool_call("f", '{"q": 1.0}', "call_1")]}
    answer = wire.completion(said, "tool_calls")
    stage.stub().plays(answer)
    found = wire.payloads(stage.chat(stream=True, tools=TOOLS))
    assert found[-1] == "[DONE]"
    first = found[0]["choices"][0]["delta"]
    assert (first["role"], first["content"]) == ("assistant", "hi")
    assert first["tool_calls"] == [{"index": 0, **said["tool_calls"][0]}]  # type: ignore[dict-item]
    assert found[-2]["choices"][0]["finish_reason"] == "tool_calls"
    assert not any("usage" in one for one in found[:-1])
    with stage.python().openai as sdk:
        stage.stub().plays(answer)
        with sdk.chat.completions.stream(
            **ASK, tools=TOOLS, stream_options={"include_usage": True}
        ) as helper:
            final = helper.get_final_completion()
    assert final.choices[0].message.content == "hi"
    (made,) = final.choices[0].message.tool_calls or []
    assert made.function.arguments == '{"q": 1.0}'
    assert final.usage is not None
    assert final.usage.total_tokens == 11


@case(
    "B20", "Clients that hardly read cost a bounded memory each and hold nobody up", feature="back-pressure"
)
def _(stage: Stage) -> None:
    (worker,) = stage.gateway().pids()
    stage.stub().plays(wire.whole(wire.ANSWER))
    assert stage.chat().status == 200
    before = _memory(worker)
    readers = []
    flood = chunk("x" * 100_000)
    try:
        for number in range(_READERS):
            stage.stub().plays(STREAM_HEAD, *[flood] * 200, END)
            readers.append(_slow(stage))
            until(lambda count=number + 1: len(stage.stub().seen) > count, 5)  # type: ignore[misc]
        for _ in range(5):
            for raw in readers:
                raw.recv(1024)
            began = time.monotonic()
            stage.stub("second").plays(STREAM_HEAD, PLAIN)
            assert stage.chat("second", stream=True).body == PLAIN
            assert time.monotonic() - began < 0.5
        # 20 MB each are offered; the rest waits in the kernel and at the backend.
        assert _memory(worker) - before < _READERS * 6 * 1024 * 1024
    finally:
        for raw in readers:
            raw.close()
    until(lambda: stage.gateway().get("/health").json["active"] == 0, 5)


_READERS = 25


def _slow(stage: Stage) -> socket.socket:
    """A connection with little room, on which a stream was asked for and nothing is read."""
    data = json.dumps({**ASK, "stream": True}).encode()
    raw = socket.socket()
    raw.settimeout(5)
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.connect(("127.0.0.1", stage.gateway().port))
    raw.sendall(
        b"POST %s HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
        % (CHAT.encode(), len(data))
        + data
    )
    return raw


@case(
    "B21", "Headers that keep proxies from collecting, on the wire before the first token", feature="streams"
)
def _(stage: Stage) -> None:
    stage.stub().plays(STREAM_HEAD, PLAIN)
    answer = stage.chat(stream=True, headers={"accept-encoding": "gzip, br"})
    assert answer.body == PLAIN
    headers = answer.headers
    assert headers["content-type"] == "text/event-stream; charset=utf-8"
    assert headers["cache-control"] == "no-cache, no-transform"
    assert headers["x-accel-buffering"] == "no"
    assert headers["transfer-encoding"] == "chunked"
    assert not headers.keys() & {"content-encoding", "content-length"}
    assert headers["x-request-id"] == headers["request-id"]
    assert stage.stub().last.headers.get("accept-encoding", "identity") == "identity"
    # Nobody has said a word yet.
    stage.stub().plays(STREAM_HEAD, 1.0, PLAIN)
    connection = stage.gateway("patient").connect()
    began = time.monotonic()
    connection.request(
        "POST", CHAT, json.dumps({**ASK, "stream": True}), {"content-type": "application/json"}
    )
    response = connection.getresponse()
    assert time.monotonic() - began < 0.7
    assert response.getheader("x-accel-buffering") == "no"
    response.read()
    connection.close()
