"""What an attempt used is in the journal, whatever ended the attempt.

An upstream that has reported 3,000 prompt tokens has read a prompt that somebody pays for, and goes on being
owed it when its answer breaks, is given up or is refused. Each case here ends an attempt in another way.
"""

import json
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from hybridgw.native import read_journal
from tests.integration.conftest import config
from tests.integration.test_endings import arrived
from tests.support.demo import Demo
from tests.support.gateway import Gateway
from tests.support.player import DONE, STREAM_HEAD, Player, chunk, first, whole
from tests.support.waiting import until

MESSAGE: dict[str, Any] = {
    "id": "msg_1", "type": "message", "role": "assistant", "model": "played", "content": [],
    "stop_reason": None, "stop_sequence": None,
    "usage": {"input_tokens": 1000, "cache_read_input_tokens": 2000, "output_tokens": 1},
}  # fmt: skip
PROMPT = 3000


def event(kind: str, **data: Any) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), json.dumps({"type": kind, **data}).encode())


START = event("message_start", message=MESSAGE)
BLOCK = event("content_block_start", index=0, content_block={"type": "text", "text": ""})
TEXT = event("content_block_delta", index=0, delta={"type": "text_delta", "text": "hello"})
ERROR = event("error", error={"type": "overloaded_error", "message": "Overloaded"})
REST = (
    event("content_block_stop", index=0)
    + event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 5})
    + event("message_stop")
)

CLAUDE = "/v1/messages"
CHAT = "/v1/chat/completions"


@pytest.fixture(scope="module")
def gateway(demo: Demo, player: Player) -> Iterator[Gateway]:
    """One upstream under several names: whoever asks `m` falls back from the first to the second."""
    kinds = {
        "one": "anthropic", "two": "anthropic", "chat": "openai_compatible",
        "gemini": "gemini", "openai": "openai",
    }  # fmt: skip
    deployments = [
        player.deployment(f"local/{name}", provider=kind, api_key="sk-ours") for name, kind in kinds.items()
    ]
    deployments.append(
        player.deployment("local/pieces", provider="vllm", mode="embedding", max_inputs=2),
    )
    models = [
        {"name": "m", "deployments": ["local/one", "local/two"], "strategy": "priority", "retries": 0},
        *(
            {"name": name, "deployments": [f"local/{name}"], "retries": 0}
            for name in ("one", "chat", "gemini", "openai", "pieces")
        ),
    ]
    with Gateway(config(demo, deployments=deployments, models=models)) as running:
        yield running


@pytest.fixture(autouse=True)
def _quiet(player: Player) -> None:
    player.forget()
    player.requests.clear()


def ask(model: str, path: str, stream: bool = True, **more: Any) -> dict[str, Any]:
    asked: dict[str, Any] = {"model": model, "stream": stream, **more}
    if path == "/v1/responses":
        return {**asked, "input": "hi", "store": False}
    if path == CLAUDE:
        asked["max_tokens"] = 9
    return {**asked, "messages": [{"role": "user", "content": "hi"}]}


def attempts(gateway: Gateway, count: int) -> list[dict[str, Any]]:
    """The newest settlements in the journal, in the order of their attempts, once all requests are over."""
    until(lambda: gateway.get("/health").json["active"] == 0)
    paths = sorted((gateway.state_dir / "journal").glob("*.journal"))
    records = [record for path in paths for record in read_journal(str(path), 0)[0]]
    ends = [record for record in records if record["kind"] == "end"]
    return sorted(ends, key=lambda end: (end["wall_ns"], end["attempt"]))[-count:]


def used(entry: dict[str, Any]) -> tuple[str, int, bool]:
    return entry["outcome"].lower(), entry["prompt_tokens"], bool(entry["usage_reported"])


PATHS = pytest.mark.parametrize("path", [CLAUDE, CHAT, "/v1/responses"])


@PATHS
@pytest.mark.parametrize(
    ("end", "outcome"), [((), "truncated"), (("reset",), "truncated"), ((ERROR,), "stream_error")]
)
def test_broken_before_content_and_served_by_another(
    gateway: Gateway, player: Player, path: str, end: tuple[Any, ...], outcome: str
) -> None:
    player.plays(STREAM_HEAD + START, 0.05, *end)
    player.plays(STREAM_HEAD + START + BLOCK + TEXT + REST)
    assert b"hello" in gateway.post(path, ask("m", path)).body
    broken, served = attempts(gateway, 2)
    assert used(broken) == (outcome, PROMPT, True)
    assert (broken["cached_tokens"], broken["content_sent"], broken["bytes_sent"]) == (2000, False, 0)
    assert broken["status"] == 200
    assert used(served) == ("success", PROMPT, True)
    assert (served["completion_tokens"], served["fallback"]) == (5, True)


@PATHS
@pytest.mark.parametrize(
    ("end", "outcome"), [((), "truncated"), (("reset",), "truncated"), ((ERROR,), "stream_error")]
)
def test_broken_after_content(
    gateway: Gateway, player: Player, path: str, end: tuple[Any, ...], outcome: str
) -> None:
    player.plays(STREAM_HEAD + START + BLOCK + TEXT, 0.05, *end)
    answer = gateway.post(path, ask("m", path)).body
    assert b"hello" in answer
    (broken,) = attempts(gateway, 1)
    assert used(broken) == (outcome, PROMPT, True)
    assert (broken["status"], broken["content_sent"]) == (200, True)
    assert 0 < broken["bytes_sent"] < len(answer)
    if path == CLAUDE:
        assert broken["bytes_sent"] == len(START + BLOCK + TEXT)


@pytest.mark.parametrize("begun", [False, True])
@PATHS
def test_the_client_leaves(gateway: Gateway, player: Player, path: str, begun: bool) -> None:
    player.plays(STREAM_HEAD + START + (BLOCK + TEXT if begun else b""), "hold")
    left = player.left
    body = json.dumps(ask("m", path)).encode()
    with socket.create_connection(("127.0.0.1", gateway.port)) as raw:
        raw.sendall(
            b"POST %b HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
            b"content-length: %d\r\n\r\n%b" % (path.encode(), len(body), body)
        )
        arrived(player, 1)
        if begun:
            raw.settimeout(5)
            told = b""
            while b"hello" not in told:
                told += raw.recv(4096)
        else:
            # The upstream has answered once its head is read here: give that a moment.
            time.sleep(0.2)
    until(lambda: player.left > left)
    (ended,) = attempts(gateway, 1)
    assert used(ended) == ("cancelled", PROMPT, True)
    assert (ended["content_sent"], ended["status"]) == (begun, 200)


def gemini(text: str) -> bytes:
    candidate = {"index": 0, "content": {"role": "model", "parts": [{"text": text}]}}
    usage = {"promptTokenCount": PROMPT, "candidatesTokenCount": 1, "totalTokenCount": PROMPT + 1}
    said = json.dumps({"candidates": [candidate], "usageMetadata": usage})
    return b"data: %b\r\n\r\n" % said.encode()


USAGE = b'"usage":{"prompt_tokens":3000,"completion_tokens":1,"total_tokens":3001}}\n\n'
RESPONSE = {"id": "resp_1", "object": "response", "created_at": 1, "model": "played", "output": []}
FAILED = {
    **RESPONSE, "status": "failed", "error": {"code": "server_error", "message": "broken"},
    "usage": {"input_tokens": PROMPT, "output_tokens": 1, "total_tokens": PROMPT + 1},
}  # fmt: skip


@pytest.mark.parametrize(
    ("model", "path", "said", "outcome"),
    [
        # vLLM and others with `continuous_usage_stats`: every chunk has the figures so far.
        ("chat", CHAT, first("hello").replace(b'}\n\n', b"," + USAGE), "truncated"),
        ("chat", CLAUDE, first("hello").replace(b'}\n\n', b"," + USAGE), "truncated"),
        ("chat", CHAT, first("").replace(b'}\n\n', b"," + USAGE), "truncated"),
        ("gemini", CHAT, gemini("hello"), "truncated"),
        ("gemini", CLAUDE, gemini("hello"), "truncated"),
        ("gemini", CHAT, gemini("").replace(b'{"text": ""}', b""), "truncated"),
        ("openai", "/v1/responses", event("response.failed", response=FAILED), "stream_error"),
    ],
)  # fmt: skip
def test_every_wire_reports_early(
    gateway: Gateway, player: Player, model: str, path: str, said: bytes, outcome: str
) -> None:
    player.plays(STREAM_HEAD + said)
    gateway.post(path, ask(model, path))
    (broken,) = attempts(gateway, 1)
    assert used(broken) == (outcome, PROMPT, True)


def test_an_answer_in_one_piece_that_is_no_answer(gateway: Gateway, player: Player) -> None:
    """Read, and then found to be of another kind: an object of Chat where a response was due."""
    usage = {"input_tokens": PROMPT, "output_tokens": 1}
    player.plays(whole(json.dumps({"id": "x", "object": "response", "usage": usage}).encode()))
    assert gateway.post("/v1/responses", ask("openai", "/v1/responses", stream=False)).status == 502
    (broken,) = attempts(gateway, 1)
    assert used(broken) == ("malformed", PROMPT, True)


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_in_one_piece_that_cannot_be_translated(
    gateway: Gateway, player: Player, stream: bool
) -> None:
    body = {**MESSAGE, "stop_reason": "end_turn", "content": [{"type": "text", "text": 7}]}
    player.plays(whole(json.dumps(body).encode()))
    gateway.post(CHAT, ask("one", CHAT, stream))
    (broken,) = attempts(gateway, 1)
    assert used(broken) == ("malformed", PROMPT, True)


def test_an_error_inside_a_200(gateway: Gateway, player: Player) -> None:
    body = b'{"error":{"message":"broken","code":500},"choices":[],"usage":{"prompt_tokens":3000}}'
    player.plays(whole(body))
    assert gateway.post(CHAT, ask("chat", CHAT, stream=False)).status >= 500
    (broken,) = attempts(gateway, 1)
    assert used(broken) == ("stream_error", PROMPT, True)


def vectors(*values: float) -> bytes:
    data = [{"object": "embedding", "index": at, "embedding": [value]} for at, value in enumerate(values)]
    usage = {"prompt_tokens": 1000 * len(values), "total_tokens": 1000 * len(values)}
    return whole(json.dumps({"object": "list", "data": data, "model": "e", "usage": usage}).encode())


def test_a_divided_request_that_fails_late(gateway: Gateway, player: Player) -> None:
    """Two pieces were embedded, the third was not: the first two are paid for."""
    player.plays(vectors(0.0, 1.0))
    player.plays(vectors(2.0, 3.0))
    player.plays(whole(b'{"error":{"message":"broken"}}', "500 Broken"))
    assert gateway.post("/v1/embeddings", {"model": "pieces", "input": list("abcde")}).status == 502
    (broken,) = attempts(gateway, 1)
    assert used(broken) == ("server_error", 4000, True)


def test_a_divided_request_is_counted_once(gateway: Gateway, player: Player) -> None:
    for values in ((0.0, 1.0), (2.0,)):
        player.plays(vectors(*values))
    assert gateway.post("/v1/embeddings", {"model": "pieces", "input": list("abc")}).status == 200
    (served,) = attempts(gateway, 1)
    assert used(served) == ("success", PROMPT, True)


def test_kinds_of_tokens_and_cost_keep_their_places(gateway: Gateway, player: Player) -> None:
    """Cached and reasoning tokens are neighbours of one type: swapped, nothing else would notice."""
    usage = (
        b'"usage":{"prompt_tokens":3000,"completion_tokens":70,"total_tokens":3070,"cost":0.0123,'
        b'"prompt_tokens_details":{"cached_tokens":11},"completion_tokens_details":{"reasoning_tokens":22}}}'
        b"\n\n"
    )
    player.plays(STREAM_HEAD + first("hello").replace(b"}\n\n", b"," + usage), 0.05, "reset")
    gateway.post(CHAT, ask("chat", CHAT))
    player.plays(STREAM_HEAD + first("hello") + chunk("", '"stop"').replace(b"}\n\n", b"," + usage) + DONE)
    gateway.post(CHAT, ask("chat", CHAT))
    for entry, outcome in zip(attempts(gateway, 2), ("truncated", "success"), strict=True):
        assert used(entry) == (outcome, PROMPT, True)
        assert (entry["completion_tokens"], entry["cached_tokens"], entry["reasoning_tokens"]) == (70, 11, 22)
        assert entry["cost_nanos"] == 12_300_000
