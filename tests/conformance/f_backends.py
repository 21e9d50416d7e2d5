"""F: Local backends, Gemini, OpenRouter, and Ollama's own dialect."""

import json
import threading
import time
from typing import Any

from tests.conformance import wire
from tests.conformance.registry import case
from tests.conformance.stage import USER, Stage
from tests.conformance.wire import ANSWER, DONE, END, NDJSON_HEAD, STREAM_HEAD, chunk, delta, line, whole
from tests.support.waiting import until

COUNTS = {"done": True, "done_reason": "stop", "prompt_eval_count": 9, "eval_count": 2, "total_duration": 5}


def said(message: dict[str, Any], **more: Any) -> dict[str, Any]:
    """One object of Ollama's chat."""
    full = {"role": "assistant", "content": "", **message}
    return {"model": "played", "created_at": "2026-11-20T08:00:00.1Z", "message": full, "done": False, **more}


PLAYED = whole(wire.encoded(said({"content": "played"}, **COUNTS)))


def stream(*messages: dict[str, Any], **end: Any) -> bytes:
    """An NDJSON answer."""
    return b"".join(line(said(one)) for one in messages) + line(said({}, **COUNTS, **end))


@case(
    "F01",
    "Ollama's own API, with one window for all requests and no silent truncation",
    backend="ollama",
    feature="chat",
)
def _(stage: Stage) -> None:
    upstream = stage.stub("ollama")
    for body in ({}, {"max_tokens": 5}, {"temperature": 0.5, "seed": 7, "stop": "X"}, {"stream": True}):
        upstream.plays(NDJSON_HEAD, stream({"content": "hi"})) if "stream" in body else upstream.plays(PLAYED)
        assert stage.chat("ollama", **body).status == 200
        sent = upstream.last
        assert (sent.method, sent.path) == ("POST", "/api/chat")
        assert sent.json["options"]["num_ctx"] == 8192
        assert sent.json["truncate"] is False
        assert sent.json["stream"] is ("stream" in body)
        assert sent.json["model"] == "played"
    told = upstream.seen[2].json["options"]
    assert (told["temperature"], told["seed"], told["stop"]) == (0.5, 7, ["X"])


@case(
    "F02",
    "An error line in the middle of NDJSON",
    client="HTTP openai-python",
    backend="ollama",
    feature="errors in streams",
)
def _(stage: Stage) -> None:
    broken = (line(said({"content": "hi"})), 0.05, line({"error": "model runner has stopped"}))
    stage.stub("ollama").plays(NDJSON_HEAD, *broken)
    found = wire.payloads(stage.chat("ollama", stream=True))
    assert wire.error_event(found)["message"] == "model runner has stopped"
    assert wire.text(found[:-1]) == "hi"
    # And a stream that just ends.
    stage.stub("ollama").plays(NDJSON_HEAD, line(said({"content": "hi"})) + b'{"model":"pl')
    wire.error_event(wire.payloads(stage.chat("ollama", stream=True)), "upstream_truncated")
    with stage.python().openai as sdk:
        stage.stub("ollama").plays(NDJSON_HEAD, *broken)
        asked: Any = {"model": "ollama", "messages": USER}
        try:
            list(sdk.chat.completions.create(**asked, stream=True))
        except Exception as error:
            assert "model runner has stopped" in str(error)
        else:
            raise AssertionError("it was taken for success")


@case(
    "F03",
    "Thinking under both of its names, before the content",
    backend="ollama",
    feature="thinking",
)
def _(stage: Stage) -> None:
    answer = stream({"thinking": "hm "}, {"thinking": "so"}, {"content": "hi"})
    stage.stub("ollama").plays(NDJSON_HEAD, *[answer[at : at + 9] for at in range(0, len(answer), 9)])
    found = wire.payloads(stage.chat("ollama", stream=True))
    deltas = [one["choices"][0]["delta"] for one in found[:-1] if one["choices"]]
    for name in ("reasoning_content", "reasoning"):
        assert "".join(one.get(name) or "" for one in deltas) == "hm so"
    thought = [number for number, one in enumerate(deltas) if one.get("reasoning")]
    spoken = [number for number, one in enumerate(deltas) if one.get("content")]
    assert max(thought) < min(spoken)
    assert wire.text(found) == "hi"
    stage.stub("ollama").plays(whole(wire.encoded(said({"content": "hi", "thinking": "hm"}, **COUNTS))))
    message = stage.chat("ollama").json["choices"][0]["message"]
    assert (message["reasoning_content"], message["reasoning"], message["content"]) == ("hm", "hm", "hi")


@case(
    "F04",
    "Arguments that are an object become text, with an id of our own",
    client="HTTP openai-python",
    backend="ollama",
    feature="tools",
)
def _(stage: Stage) -> None:
    calls = [
        {"function": {"name": name, "arguments": {"q": 1.5}, "index": at}} for at, name in enumerate("fg")
    ]
    tools = [wire.function("f"), wire.function("g")]
    body = wire.encoded(said({"tool_calls": calls}, **COUNTS)).replace(b"1.5", b"1.0")
    identities = set()
    for _ in range(2):
        stage.stub("ollama").plays(whole(body))
        (choice,) = stage.chat("ollama", tools=tools).json["choices"]
        assert choice["finish_reason"] == "tool_calls"
        assert choice["message"]["content"] is None
        made = choice["message"]["tool_calls"]
        assert [(one["type"], one["function"]["name"]) for one in made] == [
            ("function", "f"),
            ("function", "g"),
        ]
        assert all(json.loads(one["function"]["arguments"]) == {"q": 1.0} for one in made)
        assert all("1.0" in one["function"]["arguments"] for one in made)
        identities |= {one["id"] for one in made}
    assert len(identities) == 4
    with stage.python().openai as sdk:
        stage.stub("ollama").plays(NDJSON_HEAD, stream({"tool_calls": calls}))
        asked: Any = {"model": "ollama", "messages": USER, "tools": tools}
        with sdk.chat.completions.stream(**asked) as helper:
            final = helper.get_final_completion().choices[0]
    assert final.finish_reason == "tool_calls"
    assert [one.function.arguments for one in final.message.tool_calls or []] == ['{"q":1.5}'] * 2


@case(
    "F05",
    "An image on the network is fetched by the gateway under guard, or refused",
    backend="ollama",
    feature="images",
)
def _(stage: Stage) -> None:
    inside = f"http://127.0.0.1:{stage.stub('second').port}/x.png"
    for url in (inside, "http://10.0.0.1/x.png", "http://0x7f000001/x.png"):
        parts = [{"type": "text", "text": "see"}, {"type": "image_url", "image_url": {"url": url}}]
        answer = stage.chat("ollama", messages=[{"role": "user", "content": parts}])
        assert answer.status == 400, answer.body
        assert "messages[0].content[1]" in answer.json["error"]["param"]
    assert not stage.asked()
    stage.stub("ollama").plays(PLAYED)
    parts = [{"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0K"}}]
    assert stage.chat("ollama", messages=[{"role": "user", "content": parts}]).status == 200
    assert stage.stub("ollama").last.json["messages"][0]["images"] == ["iVBORw0K"]


@case(
    "F06",
    "The backend's own Host, never the client's",
    backend="ollama llama_server",
    feature="chat",
)
def _(stage: Stage) -> None:
    for model, answer in (("ollama", PLAYED), ("llama_server", whole(ANSWER))):
        stage.stub(model).plays(answer)
        assert stage.chat(model, headers={"host": "localhost:1234"}).status == 200
        assert stage.stub(model).last.headers["host"] == f"127.0.0.1:{stage.stub(model).port}"
        assert "origin" not in stage.stub(model).last.headers


@case("F07", "A full queue is no failure of the backend", backend="ollama", feature="errors")
def _(stage: Stage) -> None:
    busy = wire.encoded({"error": "server busy, please try again.  maximum pending requests exceeded"})
    for streamed in (False, True):
        stage.stub("ollama").plays(whole(busy, "503 Service Unavailable"))
        answer = stage.chat("ollama", stream=streamed)
        wire.error(answer, 503, "overloaded")
        assert 1 <= int(answer.headers["retry-after"]) <= 60


@case(
    "F08",
    "A backend that can do one thing at a time gets one thing at a time",
    backend="litert_lm",
    feature="chat",
)
def _(stage: Stage) -> None:
    upstream = stage.stub("litert_lm")
    upstream.plays(0.4, whole(ANSWER))
    upstream.plays(whole(ANSWER))
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda: statuses.append(stage.chat("litert_lm").status)) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    time.sleep(0.2)
    assert len(upstream.seen) == 1
    began = time.monotonic()
    assert stage.gateway().get("/v1/models").status == 200
    assert time.monotonic() - began < 0.15
    for thread in threads:
        thread.join(5)
    assert statuses == [200, 200]
    assert len(upstream.seen) == 2


@case(
    "F09",
    "An answer as long as its limit ended for its length",
    backend="litert_lm",
    feature="chat",
)
def _(stage: Stage) -> None:
    for count, limit, told in ((50, 50, "length"), (49, 50, "stop")):
        body = ANSWER.replace(b'"completion_tokens":1', b'"completion_tokens":%d' % count)
        stage.stub("litert_lm").plays(whole(body))
        (choice,) = stage.chat("litert_lm", max_tokens=limit).json["choices"]
        assert choice["finish_reason"] == told
        events = chunk("hi") + chunk("", '"stop"') + wire.usage_chunk(completion=count)
        stage.stub("litert_lm").plays(STREAM_HEAD, events)
        found = wire.payloads(stage.chat("litert_lm", stream=True, max_tokens=limit))
        reasons = [one["choices"][0]["finish_reason"] for one in found[:-1] if one["choices"]]
        assert [one for one in reasons if one] == [told]


@case(
    "F10",
    "Tool calls that all say index 0 are two tool calls",
    client="HTTP openai-python",
    backend="litert_lm",
    feature="tools",
)
def _(stage: Stage) -> None:
    events = b"".join(
        delta(
            {
                "tool_calls": [
                    {
                        "index": 0,
                        "id": identity,
                        "type": "function",
                        "function": {"name": name, "arguments": "{}"},
                    }
                ]
            }
        )
        for identity, name in (("call_5_0", "f"), ("call_6_0", "g"))
    )
    events = delta({"role": "assistant", "content": None}) + events + delta({}, "tool_calls")
    tools: Any = [wire.function("f"), wire.function("g")]
    stage.stub("litert_lm").plays(STREAM_HEAD, events)
    found = wire.payloads(stage.chat("litert_lm", stream=True, tools=tools))
    calls = [call for one in found[:-1] for call in one["choices"][0]["delta"].get("tool_calls") or ()]
    assert [(call["index"], call["function"]["name"]) for call in calls if "id" in call] == [
        (0, "f"),
        (1, "g"),
    ]
    told = ["".join(call["function"]["arguments"] for call in calls if call["index"] == at) for at in (0, 1)]
    assert told == ["{}", "{}"]
    assert found[-1] == "[DONE]"
    with stage.python().openai as sdk:
        stage.stub("litert_lm").plays(STREAM_HEAD, events)
        with sdk.chat.completions.stream(model="litert_lm", messages=USER, tools=tools) as helper:  # type: ignore[arg-type]
            made = helper.get_final_completion().choices[0].message.tool_calls or []
    assert [one.function.name for one in made] == ["f", "g"]


@case(
    "F11",
    "A backend that loads is busy, not broken: somebody else is asked, or it is waited for",
    backend="llama_server",
    feature="health",
)
def _(stage: Stage) -> None:
    body = b'{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}'
    loading = whole(body, "503 Service Unavailable")
    for script in (loading, whole(ANSWER)):
        stage.stub("llama_server").plays(script)
    assert stage.chat("llama_server").status == 200, "there is nobody else, and it only takes time"
    # Where there is somebody else, they are asked; later the loaded one again.
    stage.stub("llama_server").plays(loading)
    stage.stub("second").plays(whole(ANSWER))
    assert stage.chat("loading").headers["x-hybridgw-deployment"] == "second"
    stage.stub("llama_server").plays(whole(ANSWER))
    assert stage.chat("loading").headers["x-hybridgw-deployment"] == "llama_server"


@case(
    "F12",
    "The load of a vLLM with several engines is their sum",
    backend="vllm",
    feature="health",
)
def _(stage: Stage) -> None:
    page = """\
# HELP vllm:num_requests_waiting Number of requests waiting to be processed.
# TYPE vllm:num_requests_waiting gauge
vllm:num_requests_waiting{engine="0",model_name="played"} 3.0
vllm:num_requests_waiting{engine="1",model_name="played"} 4.0
vllm:kv_cache_usage_perc{engine="0",model_name="played"} 0.25
vllm:kv_cache_usage_perc{engine="1",model_name="played"} 0.5
"""
    vllm = stage.stub("vllm")
    vllm.pages["/metrics"] = page.encode()
    stage.gateway("watchful")
    depth = "hybridgw_deployment_queue_depth"
    until(lambda: stage.metric(depth, "watchful", deployment="vllm") == 7, 5)
    assert stage.metric("hybridgw_deployment_cache_usage", "watchful", deployment="vllm") == 0.5
    assert stage.metric(depth, "watchful") == 7, "others say nothing"
    # Nobody is sent into a queue while another backend has none.
    for _ in range(6):
        stage.stub("second").plays(whole(ANSWER))
        assert stage.chat("balanced", settings="watchful").headers["x-hybridgw-deployment"] == "second"
    # Without a queue it is as good as the other.
    vllm.pages["/metrics"] = page.replace(" 3.0", " 0.0").replace(" 4.0", " 0.0").encode()
    until(lambda: stage.metric(depth, "watchful", deployment="vllm") == 0, 5)
    for _ in range(40):
        for name in ("vllm", "second"):
            stage.stub(name).plays(whole(ANSWER))
        stage.chat("balanced", settings="watchful")
    assert 5 <= len(vllm.seen) <= 35


# --- Gemini -----------------------------------------------------------------------------------------


def parts(*content: dict[str, Any], finish: str | None = "STOP", **counts: int) -> dict[str, Any]:
    """One answer, or one event, of Gemini."""
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": list(content)}, "index": 0}
    if finish:
        candidate["finishReason"] = finish
    usage = {"promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 15, **counts}
    return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "played"}


def gemini(*content: dict[str, Any], **more: Any) -> bytes:
    return whole(wire.encoded(parts(*content, **more)))


CALL = {"functionCall": {"name": "get", "args": {"c": "Oslo"}}, "thoughtSignature": "CpQBsigned+/=="}
GET: Any = [wire.function("get", c={"type": "string"})]


@case(
    "F13",
    "A tool's text becomes an object, under the name of its function",
    backend="gemini",
    feature="tools",
)
def _(stage: Stage) -> None:
    history = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "weather?"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [wire.tool_call("get", '{"c":"Oslo","n":1.0}', "call_1")],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": "4 C"},
    ]
    stage.stub("gemini").plays(gemini({"text": "cold"}))
    answer = stage.chat("gemini", messages=history, tools=GET, tool_choice="auto")
    assert answer.status == 200, answer.body
    assert answer.json["choices"][0]["message"]["content"] == "cold"
    seen = stage.stub("gemini").last
    assert seen.path == "/v1beta/models/played:generateContent"
    assert seen.headers["x-goog-api-key"]
    assert "authorization" not in seen.headers
    assert seen.json["systemInstruction"]["parts"] == [{"text": "Be brief."}]
    user, model, result = seen.json["contents"]
    assert (user["role"], model["role"], result["role"]) == ("user", "model", "user")
    assert model["parts"][0]["functionCall"]["name"] == "get"
    assert b'"n":1.0' in seen.body
    told = result["parts"][0]["functionResponse"]
    assert (told["name"], told["response"]) == ("get", {"output": "4 C"})
    assert seen.json["toolConfig"]["functionCallingConfig"]["mode"] == "AUTO"


@case(
    "F14",
    "The signature of a function call comes back to Gemini unchanged",
    client="HTTP openai-python",
    backend="gemini",
    feature="thinking",
)
def _(stage: Stage) -> None:
    def replay(call: dict[str, Any]) -> None:
        history = [
            *USER,
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": call["id"], "content": "4 C"},
        ]
        stage.stub("gemini").plays(gemini({"text": "cold"}))
        assert stage.chat("gemini", messages=history, tools=GET).status == 200
        (sent,) = stage.stub("gemini").last.json["contents"][1]["parts"]
        assert sent["thoughtSignature"] == CALL["thoughtSignature"]
        assert sent["functionCall"]["args"] == {"c": "Oslo"}
        result = stage.stub("gemini").last.json["contents"][2]["parts"][0]["functionResponse"]
        assert result["name"] == "get"

    stage.stub("gemini").plays(gemini(CALL))
    (call,) = stage.chat("gemini", tools=GET).json["choices"][0]["message"]["tool_calls"]
    replay(call)
    with stage.python().openai as sdk:
        stage.stub("gemini").plays(STREAM_HEAD, wire.event(parts(CALL)).replace(b"\n", b"\r\n"))
        with sdk.chat.completions.stream(model="gemini", messages=USER, tools=GET) as helper:  # type: ignore[arg-type]
            (made,) = helper.get_final_completion().choices[0].message.tool_calls or []
    replay(wire.tool_call(made.function.name, made.function.arguments, made.id))


@case(
    "F15",
    "Thoughts that are counted beside the answer become part of it",
    backend="gemini",
    feature="usage",
)
def _(stage: Stage) -> None:
    stage.stub("gemini").plays(gemini({"text": "hi"}, thoughtsTokenCount=7, totalTokenCount=22))
    usage = stage.chat("gemini").json["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]) == (10, 12, 22)
    assert usage["completion_tokens_details"]["reasoning_tokens"] == 7
    early = parts({"text": "h"}, finish=None, candidatesTokenCount=1, thoughtsTokenCount=7)
    last = parts({"text": "i"}, thoughtsTokenCount=7, totalTokenCount=22)
    stage.stub("gemini").plays(STREAM_HEAD, wire.event(early) + wire.event(last))
    found = wire.payloads(stage.chat("gemini", stream=True, stream_options={"include_usage": True}))
    assert stage.stub("gemini").last.path == "/v1beta/models/played:streamGenerateContent?alt=sse"
    assert found[-2]["usage"]["completion_tokens"] == 12
    assert found[-2]["usage"]["total_tokens"] == 22
    assert wire.text(found) == "hi"


@case("F16", "STOP with a function call is tool_calls", backend="gemini", feature="tools")
def _(stage: Stage) -> None:
    stage.stub("gemini").plays(gemini(CALL))
    (choice,) = stage.chat("gemini", tools=GET).json["choices"]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["content"] is None
    stage.stub("gemini").plays(STREAM_HEAD, wire.event(parts(CALL)))
    found = wire.payloads(stage.chat("gemini", stream=True, tools=GET))
    reasons = [one["choices"][0]["finish_reason"] for one in found[:-1] if one["choices"]]
    assert [one for one in reasons if one] == ["tool_calls"]


@case(
    "F17",
    "An error as bare JSON lines in the middle of a stream",
    backend="gemini",
    feature="errors in streams",
)
def _(stage: Stage) -> None:
    error = {"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}
    begun = wire.event(parts({"text": "hi"}, finish=None)).replace(b"\n", b"\r\n")
    stage.stub("gemini").plays(STREAM_HEAD, begun, 0.02, json.dumps(error, indent=2).encode() + b"\n")
    found = wire.payloads(stage.chat("gemini", stream=True))
    assert wire.error_event(found)["message"] == "The model is overloaded."
    assert wire.text(found[:-1]) == "hi"
    # An end without a finish reason is no end.
    stage.stub("gemini").plays(STREAM_HEAD, begun)
    wire.error_event(wire.payloads(stage.chat("gemini", stream=True)), "upstream_truncated")


@case(
    "F18",
    "A cost that OpenRouter reports is recorded, and told",
    backend="openrouter",
    feature="usage",
)
def _(stage: Stage) -> None:
    body = ANSWER.replace(b'"total_tokens":2', b'"total_tokens":2,"cost":0.0123')
    stage.stub("openrouter").plays(whole(body))
    answer = stage.chat("openrouter")
    assert answer.body == body
    (entry,) = [one for one in stage.gateway().journal() if one["id"] == answer.headers["x-request-id"]]
    assert entry["cost_nano_usd"] == 12_300_000


# --- Ollama inbound ---------------------------------------------------------------------------------


@case(
    "F19",
    "Ollama's chat over a Chat backend, streamed as it is by default",
    client="HTTP ollama-python",
    feature="ollama",
)
def _(stage: Stage) -> None:
    events = chunk("pla") + chunk("yed") + END.removesuffix(DONE) + wire.usage_chunk() + DONE
    ask: Any = {"model": "openai_compatible", "messages": USER}
    stage.stub().plays(STREAM_HEAD, events)
    found = wire.lines(stage.post("/api/chat", ask))
    assert "".join(one["message"]["content"] for one in found) == "played"
    assert [one["done"] for one in found] == [False] * (len(found) - 1) + [True]
    last = found[-1]
    assert (last["done_reason"], last["prompt_eval_count"], last["eval_count"]) == ("stop", 9, 2)
    for name in ("total_duration", "load_duration", "prompt_eval_duration", "eval_duration"):
        assert isinstance(last[name], int)
    assert last["total_duration"] > 100_000, "nanoseconds"
    stage.stub().plays(whole(ANSWER))
    answer = stage.post("/api/chat", {**ask, "stream": False})
    assert answer.headers["content-type"].startswith("application/json")
    assert (answer.json["message"]["content"], answer.json["done"]) == ("played", True)
    sdk = stage.python().ollama
    stage.stub().plays(whole(ANSWER))
    assert sdk.chat(**ask).message.content == "played"
    stage.stub().plays(STREAM_HEAD, events)
    assert "".join(part.message.content or "" for part in sdk.chat(**ask, stream=True)) == "played"
    # A failure in the middle is an error to the client.
    stage.stub().plays(STREAM_HEAD, chunk("pla"))
    try:
        list(sdk.chat(**ask, stream=True))
    except Exception as error:
        assert "early" in str(error)
    else:
        raise AssertionError("it was taken for success")


@case(
    "F20",
    "The models under Ollama's names for them",
    client="HTTP ollama-python",
    feature="ollama",
)
def _(stage: Stage) -> None:
    answer = stage.gateway().get("/api/tags")
    names = {one["name"] for one in answer.json["models"]}
    assert {"openai_compatible", "pair"} <= names
    sdk = stage.python().ollama
    assert {one.model for one in sdk.list().models} == names
    shown = sdk.show("openai_compatible")
    assert "completion" in (shown.capabilities or [])
    assert isinstance(stage.gateway().get("/api/version").json["version"], str)
    assert {one.model for one in sdk.ps().models} <= names
    missing = stage.post("/api/chat", {"model": "nope", "messages": USER})
    assert (missing.status, set(missing.json)) == (404, {"error"})
    assert 'model "nope" not found' in missing.json["error"]
    # Whoever has no key sees none.
    assert stage.gateway("keyed").get("/api/tags").status == 401
    assert not stage.asked()
