"""A: Chat basics."""

from typing import Any

from tests.conformance import wire
from tests.conformance.registry import case
from tests.conformance.stage import CHAT, UPSTREAM_KEY, USER, Stage
from tests.conformance.wire import ANSWER, whole

OLLAMA_DONE = {"done": True, "done_reason": "stop", "prompt_eval_count": 9, "eval_count": 2}
OLLAMA_ANSWER = whole(
    wire.encoded(
        {
            "model": "played",
            "created_at": "2026-11-20T08:00:00Z",
            "message": {"role": "assistant", "content": "played"},
            **OLLAMA_DONE,
        }
    )
)
MESSAGE_ANSWER = whole(
    wire.encoded(
        {
            "id": "msg_01",
            "type": "message",
            "role": "assistant",
            "model": "played",
            "content": [{"type": "text", "text": "played"}],
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "usage": {"input_tokens": 9, "output_tokens": 2},
        }
    )
)


@case("A01", "A minimal request and its answer pass through as they are", backend="openai")
def _(stage: Stage) -> None:
    upstream = stage.stub("openai")
    sent = b'{ "messages":[{"role":"user","content":"h\\u00e9llo \xc3\xa9"}],"model" : "openai"}\n'
    body = b'{"x":1.0, "big":12345678901234567890,' + ANSWER[1:].replace(b"played", b"pl\\u0061yed")
    upstream.plays(whole(body))
    answer = stage.post(CHAT, sent)
    assert answer.status == 200
    assert answer.body == body
    assert answer.headers["x-request-id"] == answer.headers["request-id"] != ""
    assert upstream.last.body == sent.replace(b'"openai"', b'"played"')
    assert (upstream.last.method, upstream.last.path) == ("POST", "/v1/chat/completions")
    assert upstream.last.headers["authorization"] == f"Bearer {UPSTREAM_KEY}"


@case("A02", "A member that nobody knows reaches the backend unchanged", backend="openai")
def _(stage: Stage) -> None:
    upstream = stage.stub("openai")
    upstream.plays(whole(ANSWER))
    sent = b'{"model":"openai","foo": {"a" :1, "a":2},"messages":[{"role":"user","content":"x"}]}'
    assert stage.post(CHAT, sent).status == 200
    assert b'"foo": {"a" :1, "a":2},' in upstream.last.body


@case(
    "A03",
    "Parameters that a backend does not know are left out and named in x-hybridgw-dropped",
    backend="anthropic",
    feature="parameters",
)
def _(stage: Stage) -> None:
    upstream = stage.stub("anthropic")
    upstream.plays(MESSAGE_ANSWER)
    answer = stage.chat("anthropic", temperature=0.5, seed=1, logit_bias={"5": 1})
    assert answer.status == 200, answer.body
    dropped = answer.headers["x-hybridgw-dropped"].replace(" ", "").split(",")
    assert sorted(dropped) == ["logit_bias", "seed", "temperature"]
    assert not upstream.last.json.keys() & {"temperature", "seed", "logit_bias"}


@case(
    "A04",
    "With `unsupported: error` such a parameter is refused by name, before any backend is asked",
    backend="anthropic",
    feature="parameters",
)
def _(stage: Stage) -> None:
    answer = stage.chat("anthropic", settings="strict", seed=1)
    assert wire.error(answer, 400, "unsupported_parameter")["param"] == "seed"
    assert not stage.asked()


@case(
    "A05",
    "max_completion_tokens becomes options.num_predict",
    backend="ollama",
    feature="parameters",
)
def _(stage: Stage) -> None:
    upstream = stage.stub("ollama")
    upstream.plays(OLLAMA_ANSWER)
    assert stage.chat("ollama", max_completion_tokens=5).status == 200
    assert upstream.last.path == "/api/chat"
    assert upstream.last.json["options"]["num_predict"] == 5
    assert not upstream.last.json.keys() & {"max_tokens", "max_completion_tokens"}


@case("A06", "max_tokens becomes max_completion_tokens", backend="litert_lm", feature="parameters")
def _(stage: Stage) -> None:
    upstream = stage.stub("litert_lm")
    upstream.plays(whole(ANSWER))
    assert stage.chat("litert_lm", max_tokens=5).status == 200
    assert upstream.last.json["max_completion_tokens"] == 5
    assert "max_tokens" not in upstream.last.json


@case(
    "A07",
    "Of two limits max_completion_tokens wins, at every backend that reads one",
    backend="litert_lm tgi ollama anthropic gemini",
    feature="parameters",
)
def _(stage: Stage) -> None:
    limits: Any = {"max_completion_tokens": 5, "max_tokens": 9}
    for model, member in (("litert_lm", "max_completion_tokens"), ("tgi", "max_tokens")):
        stage.stub(model).plays(whole(ANSWER))
        assert stage.chat(model, **limits).status == 200
        told = stage.stub(model).last.json
        assert {name: told.get(name) for name in limits} == {**dict.fromkeys(limits), member: 5}
    stage.stub("ollama").plays(OLLAMA_ANSWER)
    assert stage.chat("ollama", **limits).status == 200
    assert stage.stub("ollama").last.json["options"]["num_predict"] == 5
    stage.stub("anthropic").plays(MESSAGE_ANSWER)
    assert stage.chat("anthropic", **limits).status == 200
    assert stage.stub("anthropic").last.json["max_tokens"] == 5
    stage.stub("gemini").plays(GEMINI_ANSWER)
    assert stage.chat("gemini", **limits).status == 200
    assert stage.stub("gemini").last.json["generationConfig"]["maxOutputTokens"] == 5


GEMINI_ANSWER = whole(
    wire.encoded(
        {
            "candidates": [
                {"content": {"role": "model", "parts": [{"text": "played"}]}, "finishReason": "STOP"}
            ],
            "usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 2, "totalTokenCount": 11},
        }
    )
)


@case(
    "A08",
    "What the client did not set is not set for it",
    backend="ollama",
    feature="parameters",
)
def _(stage: Stage) -> None:
    upstream = stage.stub("ollama")
    upstream.plays(OLLAMA_ANSWER)
    assert stage.chat("ollama").status == 200
    assert upstream.last.path == "/api/chat"
    assert set(upstream.last.json.get("options", {})) <= {"num_ctx"}
    assert not upstream.last.json.keys() & {"temperature", "top_p"}


@case(
    "A09",
    "A Responses body on the Chat path (Cursor) is answered in Chat's shape",
    feature="chat",
)
def _(stage: Stage) -> None:
    upstream = stage.stub()
    upstream.plays(whole(ANSWER))
    answer = stage.post(CHAT, {"model": "openai_compatible", "input": "hi", "instructions": "Be brief."})
    assert answer.json["object"] == "chat.completion"
    assert answer.json["choices"][0]["message"]["content"] == "played"
    roles = [message["role"] for message in upstream.last.json["messages"]]
    assert roles[0] in ("system", "developer")
    assert roles[1:] == ["user"]
    assert "input" not in upstream.last.json
    upstream.plays(wire.STREAM_HEAD + wire.chunk("hi") + wire.END)
    chunks = wire.payloads(stage.post(CHAT, {"model": "openai_compatible", "input": USER, "stream": True}))
    assert wire.text(chunks) == "hi"
    assert chunks[-1] == "[DONE]"


@case("A10", "A body that is no JSON is a 400 with all four members of an error", feature="errors")
def _(stage: Stage) -> None:
    for body in (b"{nope}", b"", b"[]", b'{"model":"openai_compatible"', b'{"a":NaN}'):
        error = wire.error(stage.post(CHAT, body), 400, "invalid_json")
        assert error["type"] == "invalid_request_error", body
    assert not stage.asked()


@case("A11", "An unknown model is a 404 that names the field", feature="errors")
def _(stage: Stage) -> None:
    error = wire.error(stage.chat("nope"), 404, "model_not_found")
    assert (error["param"], error["type"]) == ("model", "invalid_request_error")
    assert not stage.asked()


@case(
    "A12",
    "functions and function_call are answered in their own, old shape",
    backend="openai_compatible anthropic",
    feature="tools",
)
def _(stage: Stage) -> None:
    asked: Any = {
        "functions": [{"name": "f", "parameters": {"type": "object", "properties": {}}}],
        "function_call": "auto",
    }
    call = {"type": "tool_use", "id": "toolu_01", "name": "f", "input": {"q": 1}}
    message = {
        "id": "msg_01",
        "type": "message",
        "role": "assistant",
        "model": "played",
        "content": [call],
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "usage": {"input_tokens": 9, "output_tokens": 2},
    }
    stage.stub("anthropic").plays(whole(wire.encoded(message)))
    answer = stage.chat("anthropic", **asked)
    assert answer.status == 200, answer.body
    (choice,) = answer.json["choices"]
    assert choice["message"]["function_call"] == {"name": "f", "arguments": '{"q":1}'}
    assert choice["message"]["content"] is None
    assert "tool_calls" not in choice["message"]
    assert choice["finish_reason"] == "function_call"
    assert [tool["name"] for tool in stage.stub("anthropic").last.json["tools"]] == ["f"]
    # A backend of the same dialect knows them itself.
    old = {"content": None, "function_call": {"name": "f", "arguments": "{}"}}
    stage.stub().plays(wire.completion(old, "function_call"))
    assert stage.chat(**asked).json["choices"][0]["message"]["function_call"]["name"] == "f"
    assert "functions" in stage.stub().last.json


@case("A13", "stop as text becomes a list", backend="tgi", feature="parameters")
def _(stage: Stage) -> None:
    upstream = stage.stub("tgi")
    for stop, expected in (("X", ["X"]), (["X", "Y"], ["X", "Y"])):
        upstream.plays(whole(ANSWER))
        assert stage.chat("tgi", stop=stop).status == 200
        assert upstream.last.json["stop"] == expected


@case("A14", "Paths without /v1, with it twice, and with doubled slashes, never a redirect")
def _(stage: Stage) -> None:
    body = {"model": "openai_compatible", "messages": USER}
    for path in (
        "/chat/completions",
        "/v1//chat/completions",
        "//v1/chat/completions",
        "/v1/v1/chat/completions",
        "/v1/chat//completions",
    ):
        stage.stub().plays(whole(ANSWER))
        answer = stage.post(path, body)
        assert (path, answer.status, answer.body) == (path, 200, ANSWER)
    missing = stage.post("/v1/nope", body)
    wire.error(missing, 404, "unknown_url")


@case("A15", "Whether to stream is decided by the body, never by Accept", feature="streams")
def _(stage: Stage) -> None:
    stage.stub().plays(wire.STREAM_HEAD + wire.chunk("hi") + wire.END)
    answer = stage.chat(stream=True, headers={"accept": "application/json"})
    assert wire.text(wire.payloads(answer)) == "hi"
    empty: dict[str, Any] = {}
    for more in (empty, {"stream": False}):
        stage.stub().plays(whole(ANSWER))
        answer = stage.chat(headers={"accept": "text/event-stream"}, **more)
        assert (answer.headers["content-type"], answer.body) == ("application/json", ANSWER)
