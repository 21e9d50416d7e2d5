"""What the host has no more of: descriptors, and room for the journal. Shed, and recover by itself."""

import contextlib
import json
import resource
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.conftest import config
from tests.integration.test_faults import CHAT
from tests.support.demo import TIERS, Demo
from tests.support.gateway import Gateway
from tests.support.waiting import until

PATH = "/v1/chat/completions"
DESCRIPTORS = 128


def counter(gateway: Gateway, name: str) -> float:
    page = gateway.get("/metrics").body.decode()
    (line,) = [line for line in page.splitlines() if line.startswith(name + " ")]
    return float(line.split()[1])


@pytest.fixture(scope="module")
def narrow(demo: Demo) -> Iterator[Gateway]:
    """A gateway with few descriptors and an upstream for each tier."""
    settings = config(
        demo,
        deployments=[demo.deployment(tier) for tier in TIERS],
        models=[{"name": "m", "deployments": ["local/m"]}],
        timeouts={"first_token": "5s", "idle": "5s", "total": "10s", "connect": "1s"},
    )
    with Gateway(settings, prefix=("prlimit", f"--nofile={DESCRIPTORS}:{DESCRIPTORS}")) as running:
        yield running


def ask_at_once(gateway: Gateway, count: int, model: str) -> list[bytes]:
    """Status lines of as many requests at once, each on a connection of its own."""
    data = json.dumps({**CHAT, "model": model}).encode()
    request = (
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n"
        b"content-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(data) + data
    )
    clients = []
    for _ in range(count):
        client = socket.create_connection(("127.0.0.1", gateway.port), timeout=8)
        client.sendall(request)
        clients.append(client)
    answers = []
    for client in clients:
        with client:
            answers.append(client.recv(65536).partition(b"\r\n")[0])
    return answers


def test_more_clients_than_descriptors_wait_and_are_served(demo: Demo, narrow: Gateway) -> None:
    demo.fault("local", "latency=50ms")
    answers = ask_at_once(narrow, 2 * DESCRIPTORS, "local")
    assert answers == [b"HTTP/1.1 200 OK"] * len(answers)
    demo.reset()
    assert narrow.post(PATH, CHAT).status == 200


def test_kept_connections_make_room_for_those_that_are_needed(demo: Demo, narrow: Gateway) -> None:
    """Each tier in turn leaves as many idle connections behind as the descriptors allow for one."""
    for tier in TIERS:
        demo.fault(tier, "latency=100ms")
        answers = ask_at_once(narrow, 40, tier)
        assert answers == [b"HTTP/1.1 200 OK"] * len(answers), tier


def test_without_a_descriptor_a_request_is_shed_and_the_next_one_is_served(demo: Demo) -> None:
    """The worker's limit is lowered under what it has open, and lifted again."""
    with Gateway(config(demo)) as gateway:
        (worker,) = gateway.pids()
        # A connection that the worker has accepted already: another would wait in the kernel.
        client = gateway.connect()
        client.request("GET", "/health")
        client.getresponse().read()
        soft, hard = resource.prlimit(worker, resource.RLIMIT_NOFILE)
        resource.prlimit(worker, resource.RLIMIT_NOFILE, (4, hard))
        try:
            client.request("POST", PATH, json.dumps(CHAT), {"content-type": "application/json"})
            answer = client.getresponse()
            error = json.loads(answer.read())["error"]
        finally:
            resource.prlimit(worker, resource.RLIMIT_NOFILE, (soft, hard))
        assert (answer.status, error["code"]) == (503, "overloaded")
        assert answer.getheader("retry-after") == "1"
        assert answer.getheader("x-should-retry") is None
        client.request("POST", PATH, json.dumps(CHAT), {"content-type": "application/json"})
        assert client.getresponse().status == 200
        client.close()
        assert gateway.post(PATH, CHAT).status == 200
        assert counter(gateway, "hybridgw_shed_total") == 1
        assert not demo.requests("private"), "nobody else could have been asked either"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "hybridgw-test", str(folder)]
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip("mounting a file system is not allowed here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """A file that takes what is left of a file system."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    return filler


def test_without_room_for_the_journal_nothing_is_served_until_there_is(demo: Demo, small_disk: Path) -> None:
    settings = config(demo, state={"journal_segment": "64KiB"})
    with Gateway(settings, environ={"HYBRIDGW_STATE_DIR": str(small_disk)}) as gateway:
        gateway.state_dir = small_disk
        served = [gateway.post(PATH, CHAT).headers["x-request-id"]]
        filler = fill(small_disk)
        # What was set aside before still takes some hundreds of records.
        client = gateway.connect()
        for _ in range(2000):
            client.request("POST", PATH, json.dumps(CHAT), {"content-type": "application/json"})
            answer = client.getresponse()
            body = json.loads(answer.read())
            if answer.status != 200:
                break
            served.append(str(answer.getheader("x-request-id")))
        assert (answer.status, body["error"]["code"]) == (503, "overloaded")
        assert answer.getheader("retry-after") == "1"
        asked = len(demo.requests("local"))
        assert asked == len(served), "what cannot be recorded is not sent"
        assert gateway.get("/health/liveliness").status == 200
        time.sleep(0.35)
        assert gateway.log().count("cannot be extended") == 1, "a full disk is no place for a log"
        filler.unlink()
        until(lambda: gateway.post(PATH, CHAT).status == 200, 2)
        journal = {entry["id"]: entry["outcome"] for entry in gateway.journal()}
        client.close()
    assert {journal.get(one) for one in served} == {"success"}
