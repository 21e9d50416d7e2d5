"""How requests end that nobody waits for any more: stalled readers, early refusals, the drain."""

import contextlib
import json
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.conftest import config
from tests.integration.test_faults import CHAT, STREAM, events
from tests.support.demo import Demo
from tests.support.gateway import Gateway
from tests.support.player import END, STREAM_HEAD, Player, chunk, whole
from tests.support.waiting import until

PATH = "/v1/chat/completions"


@pytest.fixture(scope="module")
def played(demo: Demo, player: Player) -> Iterator[Gateway]:
    """One deployment, and readers that may stall for 200 ms."""
    server = {"write_stall": "200ms", "max_body": "1MiB", "drain": "5s"}
    models = [{"name": "m", "deployments": ["local/m"], "retries": 0}]
    with Gateway(config(demo, server=server, deployments=[player.deployment()], models=models)) as running:
        yield running


def ask(port: int, body: object, buffer: int = 0) -> socket.socket:
    """A connection on which a request was sent and nothing is read."""
    data = json.dumps(body).encode()
    raw = socket.socket()
    raw.settimeout(5)
    if buffer:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    raw.connect(("127.0.0.1", port))
    raw.sendall(
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n"
        b"content-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(data) + data
    )
    return raw


def arrived(player: Player, count: int) -> None:
    """Wait until the upstream has `count` requests."""
    until(lambda: len(player.requests) >= count)


def read_all(raw: socket.socket) -> bytes:
    answer = b""
    with raw:
        while data := raw.recv(65536):
            answer += data
    return answer


ERROR = b'data: {"error":{"message":"broken"}}\n\n'


@pytest.mark.parametrize("end", [b"", ERROR, END], ids=["closed", "error", "done"])
def test_a_reader_that_stalls_at_the_very_end_is_dropped(played: Gateway, player: Player, end: bytes) -> None:
    """The last words wait for the reader like all others; how much the system takes before they do
    varies, so several lengths are tried at once."""
    readers = []
    for count in range(14, 30):
        player.plays(STREAM_HEAD, *[chunk("x" * 250_000)] * count, 0.1, end)
        readers.append(ask(played.port, STREAM, buffer=4096))
        arrived(player, len(readers))
    try:
        time.sleep(0.3)
        until(lambda: played.get("/health").json["active"] == 0, 2)
    finally:
        for raw in readers:
            raw.close()
        player.requests.clear()


def test_a_reader_that_takes_nothing_of_a_whole_answer_is_dropped(played: Gateway, player: Player) -> None:
    """Handed to the server in one piece, it is out of the application's sight."""
    (worker,) = played.pids()
    before = sockets(worker)
    readers = []
    for _ in range(3):
        player.plays(whole(b'{"choices":[],"pad":"%b"}' % (b"x" * 12_000_000)))
        readers.append(ask(played.port, CHAT, buffer=4096))
    try:
        until(lambda: sockets(worker) >= before + 3, 2)
        until(lambda: sockets(worker) <= before, 4)
    finally:
        for raw in readers:
            raw.close()
        player.requests.clear()


def sockets(pid: int) -> int:
    """Connections that a process has open."""
    found = 0
    for path in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            found += str(path.readlink()).startswith("socket:")
    return found


def test_a_client_that_leaves_after_the_end_has_not_aborted(played: Gateway, player: Player) -> None:
    """The upstream may take its time to end a body whose terminal event is long through."""
    before = aborts(played)
    player.plays(STREAM_HEAD + chunk("hello") + END, "hold")
    assert read_all(ask(played.port, STREAM)).endswith(b"0\r\n\r\n")
    time.sleep(0.15)
    until(lambda: played.get("/health").json["active"] == 0, 2)
    assert aborts(played) == before


def aborts(gateway: Gateway) -> str:
    page = gateway.get("/metrics").body.decode()
    return next(line for line in page.splitlines() if line.startswith("hybridgw_client_aborts_total"))


def test_a_refusal_reaches_a_client_that_writes_before_it_reads(played: Gateway) -> None:
    """Closing on unread bytes would reset the connection, and the answer with it."""
    large = json.dumps({**CHAT, "pad": "x" * 5_000_000}).encode()
    for path, status in ((PATH, 413), ("/v1/models", 405), ("/v1/nope", 404)):
        assert played.post(path, large).status == status
    form = {"content-type": "application/x-www-form-urlencoded"}
    assert played.request("POST", PATH, large, form).status == 415
    assert played.post(PATH, large, {"host": "evil.example"}).status == 403


def test_a_refusal_does_not_wait_for_a_body_that_does_not_come(played: Gateway) -> None:
    with socket.create_connection(("127.0.0.1", played.port), timeout=3) as raw:
        began = time.monotonic()
        raw.sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: evil.example\r\ncontent-length: 500000\r\n\r\n{"
        )
        assert raw.recv(65536).startswith(b"HTTP/1.1 403 ")
        assert time.monotonic() - began < 1.5


def test_what_outlives_the_drain_is_told_so(demo: Demo, player: Player) -> None:
    """No cut connection, no page of the server's own: an error in the shape that clients know."""
    models = [{"name": "m", "deployments": ["local/m"], "retries": 0}]
    limits = {"first_token": "20s", "idle": "20s", "total": "30s", "connect": "1s"}
    settings = config(
        demo,
        server={"drain": "300ms"},
        timeouts=limits,
        deployments=[player.deployment()],
        models=models,
    )
    answers: dict[str, bytes] = {}
    with Gateway(settings) as gateway:
        threads = []
        for name, body, script in (
            ("begun", STREAM, (STREAM_HEAD + chunk("hello"), "hold")),
            ("silent", STREAM, (STREAM_HEAD, "hold")),
            ("whole", CHAT, ("hold",)),
        ):
            count = len(player.requests)
            player.plays(*script)
            raw = ask(gateway.port, body)
            thread = threading.Thread(target=lambda n=name, r=raw: answers.update({n: read_all(r)}))
            thread.start()
            threads.append(thread)
            arrived(player, count + 1)
        until(lambda: gateway.get("/health").json["active"] == 3)
        assert gateway.process is not None
        gateway.process.send_signal(signal.SIGTERM)
        for thread in threads:
            thread.join(8)
        gateway.process.wait(8)
        journal = gateway.journal()
    assert b"hello" in answers["begun"]
    told = b"".join(answers["begun"].partition(b"\r\n\r\n")[2].split(b"\r\n")[1::2])
    assert events(told)[-1]["error"]["message"] == "the gateway is stopping"
    for name in ("silent", "whole"):
        assert answers[name].startswith(b"HTTP/1.1 503 "), answers[name]
        assert b"the gateway is stopping" in answers[name]
    assert [entry["outcome"] for entry in journal] == ["draining"] * 3


def test_a_clean_end_is_the_end_of_an_answer(played: Gateway, player: Player) -> None:
    """Readers that take a little all the time, of answers from what any buffer holds to what none does.
    Whoever gives one up, kernel or watchdog, its body must not end as if it were whole."""
    player.plays(STREAM_HEAD, *[chunk("x" * 250_000)] * 4, 0.05, END)
    assert read_all(ask(played.port, STREAM)).endswith(b"\r\n0\r\n\r\n")
    readers: list[socket.socket] = []
    stop = threading.Event()

    def sip() -> None:
        while not stop.wait(0.005):
            for raw in tuple(readers):
                # Nothing there yet must not keep the others waiting.
                with contextlib.suppress(BlockingIOError, ConnectionError):
                    raw.recv(2048, socket.MSG_DONTWAIT)

    sips = threading.Thread(target=sip)
    sips.start()
    try:
        for asked, count in enumerate((4, *range(14, 30), 60), 2):
            player.plays(STREAM_HEAD, *[chunk("x" * 250_000)] * count, 0.05, END)
            readers.append(ask(played.port, STREAM, buffer=4096))
            arrived(player, asked)
        time.sleep(0.8)
    finally:
        stop.set()
        sips.join()
    clean = []
    for raw in readers:
        answer = b""
        with raw, contextlib.suppress(ConnectionError):
            while data := raw.recv(1 << 20):
                answer = answer[-100:] + data
        clean.append(answer.endswith(b"\r\n0\r\n\r\n"))
        if clean[-1]:
            assert b"[DONE]" in answer[-100:], answer[-100:]
    assert not clean[-1]
    player.requests.clear()
