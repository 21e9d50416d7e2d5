"""Hostile, careless and unlucky clients before each server: slowness, resets, pipelining, half-close.

What only our own server promises (room for those who ask, balance over workers, answers to those who close
their side) is tested at the end, and only there.
"""

import contextlib
import json
import socket
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.integration.conftest import config
from tests.integration.test_bad_input import CHAT, LINE, PAYLOAD
from tests.support.demo import Demo
from tests.support.gateway import Gateway
from tests.support.waiting import until

COUNTED = LINE + b"content-length: %d\r\n\r\n" % len(PAYLOAD) + PAYLOAD
CHUNKED = LINE + b"transfer-encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(PAYLOAD), PAYLOAD)
MODELS = b"GET /v1/models HTTP/1.1\r\nhost: localhost\r\n\r\n"


@pytest.fixture(scope="module")
def gateway(demo: Demo, front: str) -> Iterator[Gateway]:
    server = {"drain": "5s", "http": front, "body_timeout": "1s", "header_timeout": "1s"}
    with Gateway(config(demo, server=server)) as running:
        yield running


def connected(gateway: Gateway) -> socket.socket:
    return socket.create_connection(("127.0.0.1", gateway.port), timeout=10)


def read_answer(raw: socket.socket, before: bytes = b"") -> tuple[int, bytes, bytes]:
    """Status and body of the next answer with a stated length, and what follows it."""
    data = before
    while b"\r\n\r\n" not in data:
        piece = raw.recv(65536)
        assert piece, data
        data += piece
    head, _, rest = data.partition(b"\r\n\r\n")
    (length,) = (
        int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
    )
    while len(rest) < length:
        rest += raw.recv(65536)
    return int(head.split()[1]), rest[:length], rest[length:]


def test_pipelined_requests_are_answered_in_order(gateway: Gateway) -> None:
    with connected(gateway) as raw:
        raw.sendall((COUNTED + MODELS + CHUNKED) * 5)
        rest = b""
        for _ in range(5):
            for key in ("choices", "data", "choices"):
                status, body, rest = read_answer(raw, rest)
                assert status == 200
                assert key in json.loads(body)


def test_a_request_that_trickles_in(gateway: Gateway) -> None:
    for request in (COUNTED, CHUNKED):
        with connected(gateway) as raw:
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for i in range(len(request)):
                raw.sendall(request[i : i + 1])
            assert read_answer(raw)[0] == 200


def test_resets_at_every_byte(demo: Demo, gateway: Gateway) -> None:
    """A client may go at any moment: nothing that was cut short is forwarded, and nothing is left behind."""
    for request in (COUNTED, CHUNKED):
        for end in range(0, len(request), 3):
            with connected(gateway) as raw:
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
                raw.sendall(request[:end])
    until(lambda: gateway.get("/health").json["active"] == 0, 3)
    assert not demo.requests("local")
    assert gateway.post("/v1/chat/completions", CHAT).status == 200


@pytest.mark.parametrize(
    "request_",
    [
        LINE[:40],
        LINE,
        LINE + b"content-length: 10\r\n\r\n{",
        LINE + b"transfer-encoding: chunked\r\n\r\n5\r\n{",
    ],
    ids=["line", "head", "body", "chunk"],
)
def test_what_does_not_come_is_given_up(demo: Demo, gateway: Gateway, request_: bytes) -> None:
    with connected(gateway) as raw:
        raw.sendall(request_)
        answer = raw.recv(65536)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 408 "), answer
    assert not demo.requests("local")


def test_a_slow_reader_gets_all_of_it(demo: Demo, gateway: Gateway) -> None:
    demo.fault("local", "huge-event=3000000", count=1)
    body = json.dumps({**CHAT, "stream": True}).encode()
    with socket.socket() as raw:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.settimeout(10)
        raw.connect(("127.0.0.1", gateway.port))
        raw.sendall(LINE + b"content-length: %d\r\n\r\n" % len(body) + body)
        answer = b""
        while not answer.endswith(b"0\r\n\r\n"):
            piece = raw.recv(30_000)
            assert piece, answer[-200:]
            answer += piece
            if len(answer) < 200_000:
                time.sleep(0.01)
    assert b"[DONE]" in answer
    assert len(answer) > 3_000_000


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_leaves_ends_the_work(demo: Demo, gateway: Gateway, stream: bool) -> None:
    demo.fault("local", "gap=100ms;events=100" if stream else "latency=10s", count=1)
    body = json.dumps({**CHAT, "stream": stream}).encode()
    with connected(gateway) as raw:
        raw.sendall(LINE + b"content-length: %d\r\n\r\n" % len(body) + body)
        until(lambda: demo.requests("local"))
        time.sleep(0.15)
    until(lambda: demo.requests("local")[0]["ended"] != "open", 3)
    assert demo.requests("local")[0]["ended"] == "aborted"
    until(lambda: gateway.get("/health").json["active"] == 0, 3)


def test_http_1_0_clients(gateway: Gateway) -> None:
    with connected(gateway) as raw:
        raw.sendall(b"GET /v1/models HTTP/1.0\r\nhost: localhost\r\n\r\n")
        answer = b""
        while piece := raw.recv(65536):
            answer += piece
    assert answer.split(b" ")[1] == b"200"
    assert b"transfer-encoding" not in answer.lower()


def test_head_requests_have_no_body(gateway: Gateway) -> None:
    with connected(gateway) as raw:
        raw.sendall(MODELS.replace(b"GET", b"HEAD") + MODELS)
        data = b""
        while data.count(b"\r\n\r\n") < 2:
            data += raw.recv(65536)
    first, _, rest = data.partition(b"\r\n\r\n")
    assert first.split(b" ")[1] == b"200"
    assert rest.startswith(b"HTTP/1.1 200 OK\r\n")


def test_an_early_refusal_reaches_the_client(gateway: Gateway) -> None:
    """Without waiting for a body that may never come, and without a reset on the way."""
    with connected(gateway) as raw:
        raw.sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: elsewhere.example\r\ncontent-length: 300000\r\n\r\n"
        )
        raw.sendall(b"x" * 300_000)
        assert read_answer(raw)[0] == 403


# What our own server adds.


@pytest.fixture(scope="module")
def lean(demo: Demo) -> Iterator[Gateway]:
    server = {"drain": "5s", "http": "lean", "header_timeout": "20s"}
    with Gateway(config(demo, server=server), workers=2, prefix=("prlimit", "--nofile=128:128")) as running:
        yield running


@pytest.mark.parametrize(("path", "shape"), [("/v1/messages", "error"), ("/api/chat", None), ("/v1/x", None)])
def test_what_is_no_request_is_answered_in_the_words_of_its_api(
    lean: Gateway, path: str, shape: str | None
) -> None:
    with connected(lean) as raw:
        raw.sendall(b"GET %b HTTP/1.1\r\nx y: z\r\n\r\n" % path.encode())
        status, body, _ = read_answer(raw)
        assert raw.recv(10) == b""
    told = json.loads(body)
    assert (status, told.get("type")) == (400, shape)
    assert "Invalid header token" in str(told["error"])


def test_a_client_that_closes_its_side_gets_its_answer(demo: Demo, lean: Gateway) -> None:
    demo.fault("local", "latency=300ms", count=1)
    with connected(lean) as raw:
        raw.sendall(COUNTED)
        raw.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := raw.recv(65536):
            answer += piece
    # Asked whether it is still there, by a response that every client skips.
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")
    assert demo.requests("local")[0]["ended"] == "complete"


def test_idle_connections_make_room(lean: Gateway) -> None:
    """Each of two workers has 32 places, and all of them are held by clients that say nothing."""
    with ExitStack() as stack:
        for _ in range(100):
            stack.enter_context(connected(lean))
        for _ in range(20):
            assert lean.post("/v1/chat/completions", CHAT).status == 200


def test_kept_connections_spread_over_the_workers(lean: Gateway) -> None:
    def held() -> Counter[int]:
        """Connections of clients by the worker that has them."""
        found: Counter[int] = Counter()
        listing = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        ours = {f[9] for f in listing if int(f[1].rsplit(":", 1)[1], 16) == lean.port and f[3] == "01"}
        for pid in lean.pids():
            found[pid] = sum(inode in ours for inode in inodes(pid))
        return found

    until(lambda: not sum(held().values()), 5)
    with ExitStack() as stack:
        for _ in range(60):
            raw = stack.enter_context(connected(lean))
            raw.sendall(MODELS)
            assert read_answer(raw)[0] == 200
        counts = held()
        assert sum(counts.values()) == 60
        assert max(counts.values()) <= 1.3 * 30, counts


def inodes(pid: int) -> list[str]:
    """Of the sockets that a process has open."""
    found = []
    for path in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            found.append(str(path.readlink()))
    return [target[8:-1] for target in found if target.startswith("socket:[")]
