"""Many bodies at a time: what a worker has no room for is refused, and the others are answered."""

import gzip
import json
from concurrent.futures import ThreadPoolExecutor

from tests.support.gateway import Answer, Gateway
from tests.support.player import Player, whole

MIB = 1 << 20
ANSWER = b'{"choices":[{"index":0,"message":{"role":"assistant","content":"ok"},"finish_reason":"stop"}]}'


def config(upstream: Player, bodies: str) -> dict[str, object]:
    return {
        "server": {"max_bodies": bodies, "max_body": "2MiB"},
        "deployments": [upstream.deployment()],
        "models": [{"name": "m", "deployments": ["local/m"]}],
    }


def test_packed_bodies_beyond_the_room_are_refused_and_tried_again() -> None:
    """Each is 2 KB on the wire and 1.5 MiB in memory; there is room for a few."""
    text = "word " * (3 * MIB // 10)
    body = gzip.compress(json.dumps({"model": "m", "messages": [{"role": "user", "content": text}]}).encode())
    headers = {"content-encoding": "gzip"}
    with Player() as upstream:
        for _ in range(25):
            upstream.plays(0.5, whole(ANSWER))
        with Gateway(config(upstream, "6MiB")) as gateway:

            def ask(_: int) -> Answer:
                return gateway.post("/v1/chat/completions", body, headers)

            with ThreadPoolExecutor(24) as pool:
                answers = list(pool.map(ask, range(24)))
            refused = [one for one in answers if one.status == 503]
            assert 0 < len(refused) < 24
            assert len(refused) + sum(one.status == 200 for one in answers) == 24
            assert all("server.max_bodies" in one.json["error"]["message"] for one in refused)
            assert all(one.headers["retry-after"] == "1" for one in refused)
            # Everything was given back: as many fit as before.
            assert ask(0).status == 200


def test_a_single_body_is_answered_whatever_the_room() -> None:
    with Player() as upstream:
        for _ in range(5):
            upstream.plays(whole(ANSWER))
        with Gateway(config(upstream, "1KiB")) as gateway:
            ask = {"model": "m", "messages": [{"role": "user", "content": "x" * MIB}]}
            assert [gateway.post("/v1/chat/completions", ask).status for _ in range(5)] == [200] * 5
