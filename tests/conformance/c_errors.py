"""C: Errors, retries, fallback."""

import time

import anthropic

from tests.conformance import wire
from tests.conformance.registry import case
from tests.conformance.stage import MESSAGES, UPSTREAM_KEY, USER, Stage
from tests.conformance.wire import ANSWER, END, STREAM_HEAD, chunk, first, whole


def failed(status: str, *headers: str, **members: object) -> bytes:
    """An error in OpenAI's shape."""
    said = {"message": "not today", "type": "server_error", "param": None, "code": None, **members}
    return whole(wire.encoded({"error": said}), status, *headers)


@case("C01", "A client is never told to wait for an hour", feature="errors")
def _(stage: Stage) -> None:
    # By retry-after, retry-after-ms, and as a date.
    for header in (
        "retry-after: 3600",
        "retry-after-ms: 3600000",
        "retry-after: Fri, 20 Nov 2099 08:00:00 GMT",
    ):
        stage.stub().plays(failed("429 Too Many Requests", header, code="rate_limit_exceeded"))
        answer = stage.chat()
        wire.error(answer, 429, "rate_limit_exceeded")
        assert answer.headers.get("x-should-retry") == "false" or int(answer.headers["retry-after"]) <= 60
        assert not answer.headers.keys() & {"retry-after-ms"}
        time.sleep(0.005)


@case("C02", "A backend that fails is replaced by the next, and that is counted", feature="fallback")
def _(stage: Stage) -> None:
    names = ("server_error", "success")
    labels = [
        {"deployment": "openai_compatible", "outcome": names[0]},
        {"deployment": "second", "outcome": names[1]},
    ]
    before = [stage.metric("hybridgw_attempts_total", **label) for label in labels]
    for stream in (False, True):
        stage.stub().plays(failed("500 Oops"))
        stage.stub("second").plays(STREAM_HEAD + first("hi") + END if stream else whole(ANSWER))
        answer = stage.chat("pair", stream=stream)
        assert answer.status == 200
        assert answer.headers["x-hybridgw-attempts"] == "2"
        assert answer.body == (first("hi") + END if stream else ANSWER)
    after = [stage.metric("hybridgw_attempts_total", **label) for label in labels]
    assert [a - b for a, b in zip(after, before, strict=True)] == [2, 2]


@case("C03", "After the first content nobody else is asked", client="HTTP openai-node", feature="fallback")
def _(stage: Stage) -> None:
    for end in ("reset", 0.0):
        stage.stub().plays(STREAM_HEAD, chunk("a"), 0.02, chunk("b"), 0.02, end)
        found = wire.payloads(stage.chat("pair", stream=True))
        wire.error_event(found)
        assert wire.text(found[:-1]) == "ab"
    assert not stage.stub("second").seen
    stage.stub().plays(STREAM_HEAD, chunk("a") + chunk("b"))
    told = stage.node().ask("chatStream", stage.gateway().url, {"model": "pair", "messages": USER})
    assert told["raised"]["name"] == "APIError"
    assert not stage.stub("second").seen


@case(
    "C04",
    "When all backends are busy the client is told once, and when to come back",
    feature="errors",
)
def _(stage: Stage) -> None:
    for name in ("openai_compatible", "second"):
        stage.stub(name).plays(failed("503 Busy"))
    answer = stage.chat("pair")
    assert wire.error(answer, 503, "overloaded")["type"] == "server_error"
    assert [len(stage.stub(name).seen) for name in ("openai_compatible", "second")] == [1, 1]
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert answer.headers.get("x-should-retry") != "true", "the gateway has tried everybody"


@case(
    "C05", "Our own key that an upstream rejects is no 401 for the client", backend="openai", feature="errors"
)
def _(stage: Stage) -> None:
    for status in ("401 Unauthorized", "403 Forbidden"):
        stage.stub("openai").plays(failed(status, message=f"Incorrect API key provided: {UPSTREAM_KEY}"))
        answer = stage.chat("openai")
        wire.error(answer, 502, "upstream_auth")
        assert answer.headers["x-should-retry"] == "false"
        assert UPSTREAM_KEY[:14].encode() not in answer.body
        time.sleep(0.005)


@case("C06", "An HTML error page becomes an error object without the HTML", feature="errors")
def _(stage: Stage) -> None:
    page = b"<html><body><h1>502 Bad Gateway</h1><hr>nginx</body></html>"
    for status in (b"502 Bad Gateway", b"200 OK"):
        for stream in (False, True):
            head = b"HTTP/1.1 %b\r\ncontent-type: text/html\r\ncontent-length: %d\r\n\r\n" % (
                status,
                len(page),
            )
            stage.stub().plays(head + page)
            error = wire.error(stage.chat(stream=stream), 502, "upstream_error")
            assert "<" not in error["message"]
            assert error["type"] == "server_error"


@case("C07", "An error inside a 200 is an error", backend="openrouter", feature="errors")
def _(stage: Stage) -> None:
    stage.stub("openrouter").plays(
        whole(wire.encoded({"error": {"code": 502, "message": "provider is down", "metadata": {}}}))
    )
    answer = stage.chat("openrouter")
    assert answer.status >= 500
    error = wire.error(answer, answer.status, answer.json["error"]["code"])
    assert error["message"] == "provider is down"


@case("C08", "A numeric error code becomes text", backend="llama_server vllm openrouter", feature="errors")
def _(stage: Stage) -> None:
    body = wire.encoded({"error": {"code": 400, "message": "bad grammar", "type": "invalid_request_error"}})
    for model in ("llama_server", "vllm", "openrouter"):
        stage.stub(model).plays(whole(body, "400 Bad Request"))
        answer = stage.chat(model)
        assert answer.status == 400
        error = wire.error(answer, 400, answer.json["error"]["code"])
        assert isinstance(error["code"], str)
        assert error["message"] == "bad grammar"


@case(
    "C09",
    "No capacity: 529 overloaded_error for Anthropic's clients",
    client="HTTP anthropic-python",
    feature="messages",
)
def _(stage: Stage) -> None:
    ask = {"model": "openai_compatible", "max_tokens": 16, "messages": USER}
    stage.stub().plays(failed("503 Busy"))
    answer = stage.post(MESSAGES, ask)
    assert answer.status == 529
    assert answer.json["type"] == "error"
    assert answer.json["error"]["type"] == "overloaded_error"
    stage.stub().plays(failed("503 Busy"))
    with stage.python().anthropic as sdk:
        try:
            sdk.messages.create(
                model="openai_compatible", max_tokens=16, messages=[{"role": "user", "content": "x"}]
            )
        except anthropic.InternalServerError as error:
            assert error.status_code == 529
            assert type(error).__name__ == "OverloadedError"
        else:
            raise AssertionError("it was taken for success")


@case(
    "C10",
    "A prompt that is too long is told in the word that agents look for",
    backend="llama_server vllm openai",
    feature="errors",
)
def _(stage: Stage) -> None:
    said = {
        "llama_server": {"code": 400, "type": "exceed_context_size_error", "message": "too many tokens"},
        "vllm": {
            "code": 400,
            "type": "BadRequestError",
            "message": "This model's maximum context length is 4096",
        },
        "openai": {"code": "context_length_exceeded", "type": "invalid_request_error", "message": "too long"},
    }
    for model, error in said.items():
        stage.stub(model).plays(whole(wire.encoded({"error": error}), "400 Bad Request"))
        wire.error(stage.chat(model), 400, "context_length_exceeded")


@case(
    "C11",
    "Text instead of an error object, by its status",
    backend="tgi",
    feature="errors",
)
def _(stage: Stage) -> None:
    def told(status: str, kind: str) -> tuple[int, str]:
        body = wire.encoded({"error": "text of the error", "error_type": kind})
        stage.stub("tgi").plays(whole(body, status))
        answer = stage.chat("tgi")
        error = wire.error(answer, answer.status, answer.json["error"]["code"])
        assert error["message"] == "text of the error"
        time.sleep(0.005)
        return answer.status, error["type"]

    assert told("422 Unprocessable", "validation")[0] in (400, 422)
    assert told("429 Too Many Requests", "overloaded")[0] in (429, 503)
    assert told("424 Failed Dependency", "generation") == (502, "server_error")


@case("C12", "A backend that accepts and never answers: 504 at the configured time", feature="errors")
def _(stage: Stage) -> None:
    for stream in (False, True):
        stage.stub("impatient").plays("hold")
        began = time.monotonic()
        wire.error(stage.chat("impatient", stream=stream), 504, "upstream_timeout")
        assert 0.25 < time.monotonic() - began < 1.5
    # The head alone is no answer.
    stage.stub("impatient").plays(STREAM_HEAD, "hold")
    wire.error(stage.chat("impatient", stream=True), 504, "upstream_timeout")
