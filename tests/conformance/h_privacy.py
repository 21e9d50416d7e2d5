"""H: Privacy and security."""

import base64
import socket
from typing import Any

from tests.conformance import wire
from tests.conformance.c_errors import failed
from tests.conformance.registry import case
from tests.conformance.stage import CHAT, MASTER_KEY, UPSTREAM_KEY, USER, Stage
from tests.conformance.wire import ANSWER, STREAM_HEAD, chunk, whole

CARD = "4716 2938 5501 7768"
PRIVATE = [{"role": "user", "content": f"please charge {CARD}"}]


@case(
    "H01", "A private request waits for its backend and does not travel", backend="openai", feature="privacy"
)
def _(stage: Stage) -> None:
    for stream in (False, True):
        stage.stub().plays(failed("503 Busy"))
        answer = stage.chat("guarded", messages=PRIVATE, stream=stream)
        wire.error(answer, 503, "overloaded")
        assert int(answer.headers["retry-after"]) >= 1
        # Nor a connection that nobody accepts.
        stage.stub().plays("reset")
        stage.stub().plays("reset")
        assert stage.chat("guarded", messages=PRIVATE, stream=stream).status == 503
    assert stage.asked() == ["openai_compatible"]
    # The same request without the number does.
    stage.stub().plays(failed("503 Busy"))
    stage.stub("abroad").plays(whole(ANSWER))
    assert stage.chat("guarded").status == 200
    assert stage.asked() == ["openai_compatible", "abroad"]


@case(
    "H02",
    "A local Ollama that would pass a request on to a cloud is no local model",
    backend="ollama",
    feature="privacy",
)
def _(stage: Stage) -> None:
    # By its name, and by the `remote_host` of its tag, whatever the configuration says of its boundary.
    for model in ("hosted", "copied"):
        for stream in (False, True):
            answer = stage.chat(model, messages=PRIVATE, stream=stream)
            wire.error(answer, 403, "policy_denied")
            assert answer.headers["x-should-retry"] == "false"
    assert not stage.asked()


@case(
    "H03",
    "Paths and addresses of the inside never reach a backend that would open them",
    backend="litert_lm llama_server vllm ollama",
    feature="images",
)
def _(stage: Stage) -> None:
    urls = [
        "file:///etc/passwd",
        "/etc/passwd",
        "etc/passwd",
        "http://169.254.169.254/latest",
        "http://127.0.0.1:1/x.png",
        "http://[::1]:1/x.png",
        "http://[::ffff:127.0.0.1]:1/x.png",
        "http://2130706433:1/x.png",
        "http://localhost:1/x.png",
        "ftp://example.org/x.png",
    ]
    for model in ("litert_lm", "llama_server", "vllm", "ollama"):
        for url in urls:
            parts = [{"type": "text", "text": "see"}, {"type": "image_url", "image_url": {"url": url}}]
            answer = stage.chat(model, messages=[{"role": "user", "content": parts}])
            assert (model, url, answer.status) == (model, url, 400), answer.body
            assert "messages[0]" in answer.json["error"]["param"]
    assert not stage.asked()


@case(
    "H04",
    "Prompts, keys and images are in no log, no metric and no journal",
    feature="privacy",
    backend="openai",
)
def _(stage: Stage) -> None:
    secret = "the-quick-secret-4711"
    image = base64.b64encode(b"pixels-of-the-secret" * 3).decode()
    parts = [
        {"type": "text", "text": f"{secret} {CARD}"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{image}"}},
    ]
    ask: Any = {"messages": [{"role": "user", "content": parts}], "user": secret}
    gateway = stage.gateway("keyed")
    for script in (
        (whole(ANSWER),),
        (failed("500 Oops", message=f"{secret} {UPSTREAM_KEY}"),),
        (failed("401 No", message=f"{secret} {UPSTREAM_KEY}"),),
        (b"HTTP/1.1 200 OK\r\n\r\n" + secret.encode(),),
        ("reset",),
    ):
        stage.stub("openai").plays(*script)
        stage.chat("openai", settings="keyed", **ask)
    stage.stub("openai").plays(STREAM_HEAD, chunk(secret), 0.02, "reset")
    stage.chat("openai", settings="keyed", stream=True, **ask)
    stage.post(CHAT, b'{"model":"openai","messages":"' + secret.encode(), "keyed")
    stage.chat(secret, settings="keyed", **ask)
    assert len(stage.stub("openai").seen) >= 6
    kept = [gateway.log().encode(), gateway.get("/metrics", authorization=f"Bearer {MASTER_KEY}").body]
    # The folder of the run holds the settings, keys included, and goes with the run; where there is no
    # memory file system it lies here.
    found = (path for path in gateway.state_dir.rglob("*") if path.is_file())
    kept += [path.read_bytes() for path in found if not path.parent.name.startswith("run-")]
    for text in (secret, CARD, image[:24], MASTER_KEY, UPSTREAM_KEY):
        assert not any(text.encode() in page for page in kept), text


@case("H05", "Credentials, cookies and addresses of a client stay here", backend="openai", feature="privacy")
def _(stage: Stage) -> None:
    said = {
        "cookie": "session=1",
        "x-forwarded-for": "203.0.113.7",
        "x-real-ip": "203.0.113.7",
        "forwarded": "for=203.0.113.7",
        "openai-organization": "org",
        "x-stainless-os": "Linux",
        "user-agent": "client/1.0",
    }
    for where in (
        {"authorization": f"Bearer {MASTER_KEY}"},
        {"x-api-key": MASTER_KEY},
        {"api-key": MASTER_KEY},
    ):
        stage.stub("abroad").plays(whole(ANSWER))
        answer = stage.post(CHAT, {"model": "abroad", "messages": USER}, "keyed", {**said, **where})
        assert answer.status == 200, answer.body
        seen = stage.stub("abroad").last
        assert seen.headers["authorization"] == f"Bearer {UPSTREAM_KEY}"
        assert seen.headers["host"] == f"127.0.0.1:{stage.stub('abroad').port}"
        assert seen.headers.keys() <= {
            "host",
            "content-type",
            "content-length",
            "accept",
            "accept-encoding",
            "authorization",
            "user-agent",
        }
        assert "client/1.0" not in seen.headers.get("user-agent", "")
        for value in (*said.values(), MASTER_KEY):
            assert value.encode() not in seen.head


@case("H06", "Unknown model names do not grow the metrics", feature="metrics")
def _(stage: Stage) -> None:
    stage.chat("nope")
    before = _labels(stage)
    with socket.create_connection(("127.0.0.1", stage.gateway().port), timeout=5) as raw:
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for number in range(10_000):
            raw.sendall(_request(f"made-up-{number}"))
            answer = raw.recv(65536)
            while not answer.endswith(b"}}"):
                answer += raw.recv(65536)
            assert answer.startswith(b"HTTP/1.1 404 "), answer
    assert _labels(stage) == before
    assert "made-up" not in stage.gateway().log()


def _request(model: str) -> bytes:
    body = b'{"model":"%b","messages":[{"role":"user","content":"x"}]}' % model.encode()
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    return head + b"content-length: %d\r\n\r\n" % len(body) + body


def _labels(stage: Stage) -> set[tuple[Any, ...]]:
    """All series of the metrics page."""
    return {(sample.name, *sorted(sample.labels.items())) for sample in stage.samples()}


@case("H07", "A hint cannot loosen the policy", backend="openai", feature="privacy")
def _(stage: Stage) -> None:
    stage.stub().plays(whole(ANSWER))
    headers = {"x-hybridgw-tier": "cloud", "x-hybridgw-sensitivity": "public"}
    answer = stage.chat("guarded", messages=PRIVATE, headers=headers)
    assert answer.headers.get("x-hybridgw-level", "regulated") == "regulated"
    # Answered at home, or refused: never carried out.
    assert answer.status in (200, 403, 503)
    answer = stage.chat("guarded", messages=PRIVATE, hybridgw={"tier": "cloud", "sensitivity": "public"})
    assert answer.status in (200, 403, 503)
    assert stage.asked() in ([], ["openai_compatible"])
    answer = stage.chat("abroad", messages=PRIVATE, headers=headers)
    wire.error(answer, 403, "policy_denied")
    assert "abroad" not in stage.asked()
