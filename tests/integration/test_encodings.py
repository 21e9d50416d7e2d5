"""Compressed request bodies through a real gateway: scanned, capped, and never forwarded as they came."""

import gzip
import json
import random
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import brotli
import pytest

from tests.integration.conftest import config
from tests.support.demo import Demo
from tests.support.gateway import Gateway
from tests.support.player import ANSWER, Player, whole

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

PATH = "/v1/chat/completions"
CHAT = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
MIB = 1024 * 1024
PACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstd.compress,
}


@pytest.fixture(scope="module")
def capped(demo: Demo, player: Player) -> Iterator[Gateway]:
    deployments = [demo.deployment("local"), player.deployment("private/p")]
    models = [{"name": "m", "deployments": ["local/m"]}, {"name": "p", "deployments": ["private/p"]}]
    server = {"max_body": "1MiB", "drain": "5s"}
    with Gateway(config(demo, server=server, deployments=deployments, models=models)) as running:
        yield running


@pytest.mark.parametrize("coding", PACK)
@pytest.mark.parametrize("text", ["é" * 10, "é" * 200_000, random.Random(1).randbytes(100_000).hex()])
def test_a_packed_body_is_the_same_request(player: Player, capped: Gateway, coding: str, text: str) -> None:
    """Small ones are decoded on the loop, large ones in the executor; one that only turns out to be
    large begins here and ends there."""
    body = json.dumps({**CHAT, "model": "p", "user": text}, ensure_ascii=False).encode()
    player.plays(whole(ANSWER))
    answer = capped.post(PATH, PACK[coding](body), {"content-encoding": coding})
    assert answer.status == 200, answer.body
    assert player.requests[-1] == body.replace(b'"p"', b'"played"')
    assert b"content-encoding" not in player.heads[-1].lower()


def test_every_way_in_unpacks(capped: Gateway) -> None:
    packed = {"content-encoding": "gzip"}
    counted = capped.post("/utils/token_counter", gzip.compress(json.dumps(CHAT).encode()), packed)
    assert counted.json["total_tokens"] > 0


def test_what_is_packed_is_scanned(demo: Demo) -> None:
    out = demo.deployment("cloud", boundary="external")
    settings = config(demo, deployments=[out], models=[{"name": "m", "deployments": ["cloud/m"]}])
    with Gateway(settings) as gateway:
        secret = {"model": "m", "messages": [{"role": "user", "content": "card 4716 2938 5501 7768"}]}
        packed = zstd.compress(json.dumps(secret).encode())
        answer = gateway.post(PATH, packed, {"content-encoding": "zstd"})
        assert (answer.status, answer.json["error"]["code"]) == (403, "policy_denied")
        assert not demo.requests("cloud")


@pytest.mark.parametrize(
    ("header", "body", "status", "code"),
    [
        ("compress", b"x", 415, "unsupported_media_type"),
        ("gzip, br", b"x", 415, "unsupported_media_type"),
        ("gzip", b"x", 400, "invalid_encoding"),
        ("zstd", gzip.compress(b"{}"), 400, "invalid_encoding"),
        ("br", brotli.compress(b"{}")[:-1], 400, "invalid_encoding"),
        ("gzip", gzip.compress(b"nonsense"), 400, "invalid_json"),
        ("identity", b"nonsense", 400, "invalid_json"),
    ],
)
def test_a_bad_packing_is_told(
    demo: Demo, capped: Gateway, header: str, body: bytes, status: int, code: str
) -> None:
    answer = capped.post(PATH, body, {"content-encoding": header})
    assert (answer.status, answer.json["error"]["code"]) == (status, code)
    if status == 415:
        assert answer.headers["accept-encoding"] == "gzip, deflate, br, zstd"
    if code != "invalid_json":
        assert answer.json["error"]["param"] == "content-encoding"
    assert not demo.requests("local")


def test_the_limit_is_on_what_comes_out(demo: Demo, capped: Gateway) -> None:
    for coding, pack in PACK.items():
        for size in (MIB + 1, 8 * MIB):
            answer = capped.post(PATH, pack(b" " * size), {"content-encoding": coding})
            assert (answer.status, answer.json["error"]["code"]) == (413, "request_too_large"), coding
    assert not demo.requests("local")


def peak_memory(pid: int) -> int:
    (line,) = [
        line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM")
    ]
    return int(line.split()[1]) * 1024


def test_a_bomb_of_a_gigabyte_costs_no_more_than_the_limit(demo: Demo, capped: Gateway) -> None:
    machine = zstd.ZstdCompressor()
    piece = bytes(MIB)
    bomb = b"".join(machine.compress(piece) for _ in range(1024)) + machine.flush()
    assert len(bomb) < MIB
    (worker,) = capped.pids()
    before = peak_memory(worker)
    for _ in range(3):
        answer = capped.post(PATH, bomb, {"content-encoding": "zstd"})
        assert (answer.status, answer.json["error"]["code"]) == (413, "request_too_large")
    # The limit, twice while it is put together, and the 8 MiB of a window at most.
    assert peak_memory(worker) - before < 16 * MIB
    assert capped.post(PATH, CHAT).status == 200
