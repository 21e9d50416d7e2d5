"""D: Anthropic, as a dialect of clients and as a backend."""

import json
import time
from typing import Any

import anthropic

from tests.conformance import wire
from tests.conformance.registry import case
from tests.conformance.stage import MASTER_KEY, MESSAGES, UPSTREAM_KEY, USER, Stage
from tests.conformance.wire import END, STREAM_HEAD, chunk, delta, named, whole

VERSION = "2026-10-21"
SAID: dict[str, Any] = {"max_tokens": 64, "messages": USER}


def message(*content: dict[str, Any], stop: str = "end_turn", **usage: Any) -> dict[str, Any]:
    """A whole answer of Messages."""
    return {
        "id": "msg_01",
        "type": "message",
        "role": "assistant",
        "model": "played",
        "content": list(content),
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": {"input_tokens": 10, "output_tokens": 7, **usage},
    }


def text_block(text: str) -> dict[str, Any]:
    """A block of text."""
    return {"type": "text", "text": text}


def tool_block(name: str, given: Any, identity: str = "toolu_01") -> dict[str, Any]:
    """A call of a tool."""
    return {"type": "tool_use", "id": identity, "name": name, "input": given}


def start(**usage: Any) -> bytes:
    """The first event of a stream."""
    opened = {**message(), "stop_reason": None, "usage": {"input_tokens": 10, "output_tokens": 1, **usage}}
    return named({"type": "message_start", "message": opened})


def block(index: int, opened: dict[str, Any], *deltas: dict[str, Any]) -> bytes:
    """All events of one block."""
    events = [named({"type": "content_block_start", "index": index, "content_block": opened})]
    events += [named({"type": "content_block_delta", "index": index, "delta": one}) for one in deltas]
    return b"".join([*events, named({"type": "content_block_stop", "index": index})])


def text_delta(text: str) -> dict[str, Any]:
    return {"type": "text_delta", "text": text}


def json_delta(text: str) -> dict[str, Any]:
    return {"type": "input_json_delta", "partial_json": text}


def stop(reason: str = "end_turn", **usage: Any) -> bytes:
    """The last two events of a stream."""
    told = {"stop_reason": reason, "stop_sequence": None}
    ended = named({"type": "message_delta", "delta": told, "usage": {"output_tokens": 7, **usage}})
    return ended + named({"type": "message_stop"})


PLAIN = start() + block(0, text_block(""), text_delta("pla"), text_delta("yed")) + stop()
PLAYED = whole(wire.encoded(message(text_block("played"))))


def _error(answer: Any, status: int, kind: str) -> dict[str, Any]:
    """An error in Anthropic's shape."""
    assert (answer.status, answer.headers["content-type"]) == (status, "application/json"), answer.body
    body = answer.json
    assert body["type"] == "error"
    assert body["error"]["type"] == kind
    assert body["error"]["message"]
    found: dict[str, Any] = body["error"]
    return found


@case(
    "D01",
    "The gateway's key as Bearer and as x-api-key",
    client="HTTP anthropic-python anthropic-js",
    backend="anthropic",
    feature="messages",
)
def _(stage: Stage) -> None:
    ask = {"model": "anthropic", **SAID}
    for headers in ({"authorization": f"Bearer {MASTER_KEY}"}, {"x-api-key": MASTER_KEY}):
        stage.stub("anthropic").plays(PLAYED)
        assert stage.post(MESSAGES, ask, "keyed", headers).status == 200
    with stage.python("keyed").anthropic as sdk:
        stage.stub("anthropic").plays(PLAYED)
        answer = sdk.messages.create(**ask)
        assert answer.content[0].text == "played"
        assert answer._request_id
    stage.stub("anthropic").plays(PLAYED)
    told = stage.node().ask("messages", stage.gateway("keyed").url, ask, MASTER_KEY)
    assert told["content"][0]["text"] == "played"
    asked = len(stage.stub("anthropic").seen)
    for wrong in ({"authorization": "Bearer wrong"}, {"x-api-key": "wrong"}):
        _error(stage.post(MESSAGES, ask, "keyed", wrong), 401, "authentication_error")
    assert len(stage.stub("anthropic").seen) == asked


@case(
    "D02",
    "Version, beta flags and query reach Anthropic unchanged; the body too; the client's key does not",
    backend="anthropic",
    feature="messages",
)
def _(stage: Stage) -> None:
    upstream = stage.stub("anthropic")
    sent = (
        b'{"model":"anthropic", "max_tokens":64,"thinking":{"type":"adaptive","display":"omitted"},'
        b'"context_management":{"edits":[ ]},"x":1.0,"messages":[{"role":"user","content":"h\\u00e9"}]}'
    )
    headers = {
        "anthropic-version": VERSION,
        "anthropic-beta": "a,b",
        "authorization": f"Bearer {MASTER_KEY}",
        "cookie": "session=1",
    }
    upstream.plays(PLAYED)
    answer = stage.post(f"{MESSAGES}?beta=true", sent, "keyed", headers)
    assert answer.status == 200
    assert answer.body == wire.encoded(message(text_block("played")))
    assert answer.headers["request-id"] == answer.headers["x-request-id"] != ""
    seen = upstream.last
    assert seen.path == "/v1/messages?beta=true"
    assert seen.body == sent.replace(b'"anthropic"', b'"played"')
    assert (seen.headers["anthropic-version"], seen.headers["anthropic-beta"]) == (VERSION, "a,b")
    assert seen.headers["x-api-key"] == UPSTREAM_KEY
    assert MASTER_KEY.encode() not in seen.head
    assert not seen.headers.keys() & {"authorization", "cookie"}
    # A client that says nothing of a version.
    upstream.plays(STREAM_HEAD, PLAIN)
    answer = stage.post(MESSAGES, {"model": "anthropic", "stream": True, **SAID})
    assert answer.body == PLAIN
    assert upstream.last.headers["anthropic-version"] == "2023-06-01"
    assert "anthropic-beta" not in upstream.last.headers


def _chat(stage: Stage, *content: dict[str, Any], **body: Any) -> tuple[Any, Any]:
    """A Chat request to Anthropic: the answer and what Anthropic was asked."""
    stage.stub("anthropic").plays(whole(wire.encoded(message(*(content or (text_block("played"),))))))
    answer = stage.chat("anthropic", **body)
    assert answer.status == 200, answer.body
    return answer, stage.stub("anthropic").last.json


@case(
    "D03",
    "temperature is not sent with the version that refuses it",
    backend="anthropic",
    feature="parameters",
)
def _(stage: Stage) -> None:
    answer, sent = _chat(stage, temperature=0, top_p=1)
    assert not sent.keys() & {"temperature", "top_p", "top_k"}
    assert stage.stub("anthropic").last.headers["anthropic-version"] == VERSION
    assert set(answer.headers["x-hybridgw-dropped"].split(",")) == {"temperature", "top_p"}


@case(
    "D04",
    "Tool results go into one user message, in the order of their calls, before its text",
    backend="anthropic",
    feature="tools",
)
def _(stage: Stage) -> None:
    calls = [
        wire.tool_call("f", '{"q":1.0}', "call_1"),
        wire.tool_call("g", '{"big":12345678901234567890}', "call_2"),
    ]
    history = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": None, "tool_calls": calls},
        {"role": "tool", "tool_call_id": "call_2", "content": "two"},
        {"role": "tool", "tool_call_id": "call_1", "content": "one"},
        {"role": "user", "content": "and now?"},
    ]
    _, sent = _chat(stage, messages=history, tools=[wire.function("f"), wire.function("g")])
    system = sent["system"]
    assert (system if isinstance(system, str) else system[0]["text"]) == "Be brief."
    assert [one["role"] for one in sent["messages"]] == ["user", "assistant", "user"]
    made = sent["messages"][1]["content"]
    assert [(one["type"], one["name"]) for one in made] == [("tool_use", "f"), ("tool_use", "g")]
    results = sent["messages"][2]["content"]
    assert [one["type"] for one in results] == ["tool_result", "tool_result", "text"]
    assert [one["tool_use_id"] for one in results[:2]] == [one["id"] for one in made]
    assert "one" in json.dumps(results[0]["content"])
    assert results[2]["text"] == "and now?"
    # Numbers keep their text.
    assert b'"q":1.0' in stage.stub("anthropic").last.body
    assert b"12345678901234567890" in stage.stub("anthropic").last.body


@case(
    "D05",
    "A limit is sent even where the client set none",
    backend="anthropic",
    feature="parameters",
)
def _(stage: Stage) -> None:
    _, sent = _chat(stage)
    assert sent["max_tokens"] > 0


@case("D06", "tool_choice and parallel_tool_calls", backend="anthropic", feature="tools")
def _(stage: Stage) -> None:
    tools = [wire.function("f")]
    named_choice = {"type": "function", "function": {"name": "f"}}
    for asked, told in (
        (
            {"tool_choice": "required", "parallel_tool_calls": False},
            {"type": "any", "disable_parallel_tool_use": True},
        ),
        ({"parallel_tool_calls": False}, {"type": "auto", "disable_parallel_tool_use": True}),
        ({"tool_choice": "none"}, {"type": "none"}),
        ({"tool_choice": named_choice}, {"type": "tool", "name": "f"}),
        ({"tool_choice": "auto"}, {"type": "auto"}),
    ):
        _, sent = _chat(stage, tools=tools, **asked)
        assert sent["tool_choice"] == told, asked


@case(
    "D07",
    "Empty arguments become an empty object; broken ones are refused by name",
    backend="anthropic",
    feature="tools",
)
def _(stage: Stage) -> None:
    def history(arguments: str) -> list[dict[str, Any]]:
        return [
            *USER,
            {"role": "assistant", "content": None, "tool_calls": [wire.tool_call("f", arguments, "call_1")]},
            {"role": "tool", "tool_call_id": "call_1", "content": "x"},
        ]

    _, sent = _chat(stage, messages=history(""), tools=[wire.function("f")])
    assert sent["messages"][1]["content"][0]["input"] == {}
    stage.clear()
    answer = stage.chat("anthropic", messages=history('{"q":'), tools=[wire.function("f")])
    assert answer.status == 400
    assert answer.json["error"]["param"].startswith("messages[1].tool_calls[0]")
    assert not stage.asked()


@case(
    "D08",
    "Images of a data URL, with the media type that Anthropic knows",
    backend="anthropic",
    feature="images",
)
def _(stage: Stage) -> None:
    for kind, told in (("image/jpg", "image/jpeg"), ("IMAGE/PNG", "image/png"), ("image/webp", "image/webp")):
        part = {"type": "image_url", "image_url": {"url": f"data:{kind};base64,iVBORw0K"}}
        _, sent = _chat(
            stage, messages=[{"role": "user", "content": [{"type": "text", "text": "see"}, part]}]
        )
        image = sent["messages"][0]["content"][1]
        assert image["source"] == {"type": "base64", "media_type": told, "data": "iVBORw0K"}


@case(
    "D09",
    "A tool call after text is tool call 0 of a Chat stream",
    client="HTTP openai-python",
    backend="anthropic",
    feature="tools",
)
def _(stage: Stage) -> None:
    call = block(1, tool_block("f", {}), json_delta(""), json_delta('{"q":'), json_delta(" 1.0}"))
    events = start() + block(0, text_block(""), text_delta("well")) + call + stop("tool_use")
    tools = [wire.function("f", q={"type": "number"})]
    stage.stub("anthropic").plays(STREAM_HEAD, events)
    found = wire.payloads(stage.chat("anthropic", stream=True, tools=tools))
    assert wire.text(found) == "well"
    deltas = [one["choices"][0]["delta"] for one in found[:-1] if one["choices"]]
    assert [one["role"] for one in deltas if "role" in one] == ["assistant"]
    calls = [call for one in deltas for call in one.get("tool_calls") or ()]
    assert {call["index"] for call in calls} == {0}
    assert [call["id"] for call in calls if "id" in call] == ["toolu_01"]
    assert [call["function"]["name"] for call in calls if "name" in call["function"]] == ["f"]
    assert "".join(call["function"]["arguments"] for call in calls) == '{"q": 1.0}'
    finishes = [one["choices"][0]["finish_reason"] for one in found[:-1] if one["choices"]]
    assert [one for one in finishes if one] == ["tool_calls"]
    assert len({(one["id"], one["model"], one["created"]) for one in found[:-1]}) == 1
    assert found[-1] == "[DONE]"
    # A call without any delta still has arguments.
    stage.stub("anthropic").plays(STREAM_HEAD, start() + block(0, tool_block("f", {})) + stop("tool_use"))
    found = wire.payloads(stage.chat("anthropic", stream=True, tools=tools))
    calls = [call for one in found[:-1] for call in one["choices"][0]["delta"].get("tool_calls") or ()]
    assert "".join(call["function"]["arguments"] for call in calls) == "{}"
    with stage.python().openai as sdk:
        stage.stub("anthropic").plays(STREAM_HEAD, events)
        asked: Any = {"model": "anthropic", "messages": USER, "tools": tools}
        with sdk.chat.completions.stream(**asked) as helper:
            final = helper.get_final_completion()
    (made,) = final.choices[0].message.tool_calls or []
    assert (made.function.name, made.function.arguments) == ("f", '{"q": 1.0}')
    assert final.choices[0].message.content == "well"


@case(
    "D10",
    "Usage that is counted beside a cache becomes usage that includes it",
    backend="anthropic",
    feature="usage",
)
def _(stage: Stage) -> None:
    counts: Any = {"cache_read_input_tokens": 90, "cache_creation_input_tokens": 5}
    expected = {"prompt_tokens": 105, "completion_tokens": 7, "total_tokens": 112}

    def check(usage: dict[str, Any]) -> None:
        assert {name: usage[name] for name in expected} == expected
        details = usage["prompt_tokens_details"]
        assert (details["cached_tokens"], details["cache_write_tokens"]) == (90, 5)

    stage.stub("anthropic").plays(whole(wire.encoded(message(text_block("x"), **counts))))
    answer = stage.chat("anthropic")
    check(answer.json["usage"])
    stage.stub("anthropic").plays(
        STREAM_HEAD, start(**counts) + block(0, text_block(""), text_delta("x")) + stop()
    )
    found = wire.payloads(stage.chat("anthropic", stream=True, stream_options={"include_usage": True}))
    assert found[-2]["choices"] == []
    check(found[-2]["usage"])
    (entry,) = [one for one in stage.gateway().journal() if one["id"] == answer.headers["x-request-id"]]
    assert (entry["prompt_tokens"], entry["completion_tokens"]) == (105, 7)


REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
    "pause_turn": "stop",
}


@case("D11", "Each of the seven stop reasons", backend="anthropic", feature="chat")
def _(stage: Stage) -> None:
    for reason, told in REASONS.items():
        said = tool_block("f", {}) if reason == "tool_use" else text_block("x")
        stage.stub("anthropic").plays(whole(wire.encoded(message(said, stop=reason))))
        (choice,) = stage.chat("anthropic").json["choices"]
        assert choice["finish_reason"] == told, reason
        opened = (
            block(0, tool_block("f", {}))
            if reason == "tool_use"
            else block(0, text_block(""), text_delta("x"))
        )
        stage.stub("anthropic").plays(STREAM_HEAD, start() + opened + stop(reason))
        found = wire.payloads(stage.chat("anthropic", stream=True))
        reasons = [one["choices"][0]["finish_reason"] for one in found[:-1] if one["choices"]]
        assert [one for one in reasons if one] == [told], reason


def _fragment(index: int, name: str | None, arguments: str, identity: str | None = None) -> bytes:
    function = {"arguments": arguments} if name is None else {"name": name, "arguments": arguments}
    call: dict[str, Any] = {"index": index, "function": function}
    if identity:
        call = {"index": index, "id": identity, "type": "function", "function": function}
    return delta({"tool_calls": [call]})


@case(
    "D12",
    "Text and two tool calls of a Chat backend, as Anthropic's clients read a stream",
    client="HTTP anthropic-python anthropic-js",
    feature="messages",
)
def _(stage: Stage) -> None:
    events = (
        delta({"role": "assistant", "content": "well"})
        + _fragment(0, "f", "", "call_1")
        + _fragment(0, None, '{"q": 1}')
        + _fragment(1, "g", "", "call_2")
        + _fragment(1, None, "{}")
        + delta({}, "tool_calls")
        + wire.usage_chunk(prompt=70, completion=30)
        + wire.DONE
    )
    tools = [{"name": name, "input_schema": {"type": "object", "properties": {}}} for name in ("f", "g")]
    ask: dict[str, Any] = {"model": "openai_compatible", "tools": tools, **SAID}
    stage.stub().plays(STREAM_HEAD, events)
    found = wire.named_payloads(stage.post(MESSAGES, {**ask, "stream": True}))
    kinds = [one["type"] for one in found if one["type"] != "ping"]
    assert kinds[0] == "message_start"
    assert kinds[-2:] == ["message_delta", "message_stop"]
    starts = [one for one in found if one["type"] == "content_block_start"]
    assert [one["index"] for one in starts] == [0, 1, 2]
    assert [one["content_block"]["type"] for one in starts] == ["text", "tool_use", "tool_use"]
    assert [one["index"] for one in found if one["type"] == "content_block_stop"] == [0, 1, 2]
    (ended,) = [one for one in found if one["type"] == "message_delta"]
    assert ended["delta"]["stop_reason"] == "tool_use"
    assert ended["usage"]["output_tokens"] == 30
    # Both SDKs make the same of it.
    expected = [("text", "well"), ("f", {"q": 1}), ("g", {})]
    with stage.python().anthropic as sdk:
        stage.stub().plays(STREAM_HEAD, events)
        with sdk.messages.stream(**ask) as helper:
            final = helper.get_final_message().model_dump()
    assert _summary(final) == expected
    assert final["stop_reason"] == "tool_use"
    assert final["usage"]["output_tokens"] == 30
    stage.stub().plays(STREAM_HEAD, events)
    told = stage.node().ask("messagesHelper", stage.gateway().url, ask)
    assert _summary(told) == expected
    assert (told["stop_reason"], told["usage"]["output_tokens"]) == ("tool_use", 30)


def _summary(final: dict[str, Any]) -> list[tuple[str, Any]]:
    return [
        (one["name"], one["input"]) if one["type"] == "tool_use" else ("text", one["text"])
        for one in final["content"]
    ]


def _ollama(text: str = "played", **more: Any) -> bytes:
    said = {"role": "assistant", "content": text}
    counts = {"done": True, "done_reason": "stop", "prompt_eval_count": 9, "eval_count": 2}
    return whole(
        wire.encoded(
            {"model": "played", "created_at": "2026-11-20T08:00:00Z", "message": said, **counts, **more}
        )
    )


@case(
    "D13",
    "A body as Claude Code sends it, answered by a local model",
    backend="ollama",
    feature="messages",
)
def _(stage: Stage) -> None:
    ask = {
        "model": "ollama",
        "max_tokens": 64,
        "system": [{"type": "text", "text": "You are a shell.", "cache_control": {"type": "ephemeral"}}],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "one"}]},
            {"role": "system", "content": "Reminder: be brief."},
            {"role": "user", "content": "two"},
        ],
        "context_management": {"edits": []},
        "output_config": {"effort": "medium"},
        "metadata": {"user_id": "u"},
        "diagnostics": {"x": 1},
    }
    stage.stub("ollama").plays(_ollama())
    answer = stage.post(
        f"{MESSAGES}?beta=true", ask, headers={"anthropic-beta": "a,b", "anthropic-version": VERSION}
    )
    assert answer.status == 200, answer.body
    assert answer.json["type"] == "message"
    assert [one["text"] for one in answer.json["content"]] == ["played"]
    assert answer.json["stop_reason"] == "end_turn"
    assert answer.json["usage"]["output_tokens"] == 2
    sent = stage.stub("ollama").last.json["messages"]
    assert sent[0] == {"role": "system", "content": "You are a shell."}
    texts = [one["content"] for one in sent[1:]]
    # In place, or before the next words of the user; never at the top.
    assert texts[0] == "one"
    rest = "\n".join(texts[1:])
    assert rest.index("Reminder: be brief.") < rest.index("two")


@case("D14", "A model that cannot think is not told to", backend="ollama", feature="thinking")
def _(stage: Stage) -> None:
    stage.stub("plain").plays(_ollama())
    ask = {"model": "plain", "thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}, **SAID}
    answer = stage.post(MESSAGES, ask)
    assert answer.status == 200, answer.body
    assert not stage.stub("plain").last.json.get("think")


@case(
    "D15",
    "EOF in the middle of a block: an error event, and no message_stop",
    client="HTTP anthropic-python anthropic-js",
    backend="anthropic openai_compatible",
    feature="errors in streams",
)
def _(stage: Stage) -> None:
    opened = start() + block(0, text_block(""), text_delta("hi")).rpartition(b"event: ")[0]
    for model, events in (("anthropic", opened), ("openai_compatible", chunk("hi"))):
        ask: dict[str, Any] = {"model": model, **SAID}
        stage.stub(model).plays(STREAM_HEAD, events)
        found = wire.named_payloads(stage.post(MESSAGES, {**ask, "stream": True}))
        assert found[-1]["type"] == "error"
        assert found[-1]["error"]["type"] == "api_error"
        assert found[-1]["error"]["message"]
        assert not {"message_stop", "message_delta"} & {one["type"] for one in found}
        with stage.python().anthropic as sdk:
            stage.stub(model).plays(STREAM_HEAD, events)
            try:
                with sdk.messages.stream(**ask) as helper:
                    helper.get_final_message()
            except anthropic.APIError:
                pass
            else:
                raise AssertionError("anthropic-python took it for success")
        stage.stub(model).plays(STREAM_HEAD, events)
        assert "raised" in stage.node().ask("messagesHelper", stage.gateway().url, ask)


@case(
    "D16",
    "A model that loads for long: message_start and pings meanwhile",
    client="HTTP anthropic-python",
    feature="heartbeats",
)
def _(stage: Stage) -> None:
    ask: dict[str, Any] = {"model": "openai_compatible", **SAID}
    stage.stub().plays(0.5, STREAM_HEAD, chunk("hi") + END)
    began = time.monotonic()
    found = wire.named_payloads(stage.post(MESSAGES, {**ask, "stream": True}, "patient"))
    assert time.monotonic() - began > 0.5
    kinds = [one["type"] for one in found]
    assert kinds[0] == "message_start"
    assert kinds.count("message_start") == 1
    assert kinds[1 : kinds.index("content_block_start")].count("ping") >= 2
    assert kinds[-1] == "message_stop"
    with stage.python("patient").anthropic as sdk:
        stage.stub().plays(0.5, STREAM_HEAD, chunk("hi") + END)
        with sdk.messages.stream(**ask) as helper:
            assert helper.get_final_text() == "hi"


@case(
    "D17",
    "count_tokens without a tokenizer of the backend's",
    client="HTTP anthropic-python",
    feature="count_tokens",
)
def _(stage: Stage) -> None:
    ask: Any = {"model": "openai_compatible", "messages": [{"role": "user", "content": "one two three four"}]}
    answer = stage.post(f"{MESSAGES}/count_tokens?beta=true", ask)
    assert answer.status == 200, answer.body
    count = answer.json["input_tokens"]
    assert isinstance(count, int)
    assert 1 <= count <= 40
    assert answer.headers["x-hybridgw-estimated"] == "true"
    more = {**ask, "system": "x" * 400, "tools": [{"name": "f", "input_schema": {"type": "object"}}]}
    assert stage.post(f"{MESSAGES}/count_tokens", more).json["input_tokens"] > count
    with stage.python().anthropic as sdk:
        assert sdk.messages.count_tokens(**ask).input_tokens == count
    _error(stage.post(f"{MESSAGES}/count_tokens", {**ask, "model": "nope"}), 404, "not_found_error")
    assert not stage.asked()


@case(
    "D18",
    "A thinking block that we signed never reaches Anthropic; its own do",
    backend="openai_compatible anthropic",
    feature="thinking",
)
def _(stage: Stage) -> None:
    stage.stub().plays(wire.completion({"content": "hi", "reasoning_content": "hm"}))
    answer = stage.post(MESSAGES, {"model": "openai_compatible", "thinking": {"type": "adaptive"}, **SAID})
    assert answer.status == 200, answer.body
    ours = answer.json["content"]
    assert [one["type"] for one in ours] == ["thinking", "text"]
    assert ours[0]["thinking"] == "hm"
    assert ours[0]["signature"].startswith("hgw1:")
    theirs = {"type": "thinking", "thinking": "so", "signature": "EqQBsigned"}
    history = [*USER, {"role": "assistant", "content": [theirs, *ours]}, {"role": "user", "content": "go on"}]
    stage.stub("anthropic").plays(PLAYED)
    answer = stage.post(MESSAGES, {"model": "anthropic", "max_tokens": 64, "messages": history})
    assert answer.status == 200, answer.body
    sent = stage.stub("anthropic").last.json["messages"][1]["content"]
    assert sent == [theirs, {"type": "text", "text": "hi"}]
    assert b"hgw1:" not in stage.stub("anthropic").last.body
