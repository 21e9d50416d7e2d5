"""The same dialect on both sides: the same bytes, outside the enumerated edits."""

import hashlib
import json
import random
from typing import Any

from tests.integration.conftest import config
from tests.support.demo import Demo
from tests.support.gateway import Gateway
from tests.support.player import ANSWER, STREAM_HEAD, Player, chunk, first, whole


def random_value(source: random.Random, depth: int = 0) -> str:
    """JSON text that a careless serialiser would change."""
    kind = source.randrange(9 if depth < 4 else 6)
    if kind == 0:
        return source.choice(["1.0", "1", "-0", "0.10", "1E5", "1e400", "12345678901234567890123", "-1.5e-7"])
    if kind == 1:
        return source.choice(
            ['"\\u00e9"', '"é"', '"\\/"', '"\\ud800"', '"\\uD83D\\uDE00"', '"x\\u2028y"', '""']
        )
    if kind == 2:
        return source.choice(["null", "true", "false"])
    if kind in (3, 4, 5):
        return json.dumps("".join(chr(source.randrange(32, 0x2FF)) for _ in range(source.randrange(20))))
    gap = source.choice(["", " ", "\n\t", "  "])
    if kind == 6:
        return (
            "["
            + gap
            + f"{gap},".join(random_value(source, depth + 1) for _ in range(source.randrange(4)))
            + "]"
        )
    members = [
        f'"k{source.randrange(3)}"{gap}:{gap}{random_value(source, depth + 1)}'
        for _ in range(source.randrange(4))
    ]
    return "{" + f"{gap},{gap}".join(members) + gap + "}"


def random_body(source: random.Random) -> tuple[bytes, bytes]:
    """A chat body as sent, and as the upstream must receive it: only the model differs."""
    members = [f'"x{i}": {random_value(source)}' for i in range(source.randrange(5))]
    members.append('"messages":[{"role":"user","content":"hello"}]')
    members.append('"model" :  %s')
    source.shuffle(members)
    text = (
        source.choice(["{", "{ ", "\n{"])
        + source.choice([",", " , "]).join(members)
        + source.choice(["}", " }\n"])
    )
    return text.replace("%s", '"m"').encode(), text.replace("%s", '"demo-local"').encode()


def test_request_bodies_arrive_unchanged_but_for_the_model(demo: Demo, gateway: Gateway) -> None:
    source = random.Random(20261120)
    for _ in range(1000):
        sent, expected = random_body(source)
        answer = gateway.post("/v1/chat/completions", sent)
        # The demo's own parser refuses lone surrogates; what counts is that they arrive as sent.
        assert answer.status in (200, 400), (sent, answer.body)
        seen = demo.requests("local")[-1]
        assert seen["body_sha256"] == hashlib.sha256(expected).hexdigest(), (sent, seen)


def random_event(source: random.Random) -> bytes:
    """What an upstream may put into a stream and be canonical: chunks in any spelling, with members of
    its own."""
    kind = source.randrange(8)
    gap = source.choice(["", " ", "  "])
    members = [
        f'"x{i}"{gap}:{gap}{random_value(source)}'.replace("\n\t", " ") for i in range(source.randrange(4))
    ]
    members += ['"id":"c"', '"object":"chat.completion.chunk"', '"created":1', '"model":"played"']
    members.append('"choices":[{"index":0,"delta":{"content":"%s"},"finish_reason":null}]' % ("w" * kind))
    source.shuffle(members)
    return ("data: {" + f"{gap},".join(members) + "}\n\n").encode()


def test_answers_and_streams_leave_as_they_came(demo: Demo) -> None:
    """1,000 of each; in pieces that end anywhere."""
    source = random.Random(20261121)
    asked = {"model": "m", "messages": [{"role": "user", "content": "x"}]}
    streamed = {**asked, "stream": True, "stream_options": {"include_usage": True}}
    with Player() as upstream:
        setup = config(
            demo,
            deployments=[upstream.deployment(max_parallel=0)],
            models=[{"name": "m", "deployments": ["local/m"], "retries": 0}],
        )
        with Gateway(setup) as gateway:
            for _ in range(1000):
                extra = f'{{"x":{random_value(source)},'.encode()
                body = extra + ANSWER[1:]
                upstream.plays(whole(body))
                assert gateway.post("/v1/chat/completions", asked).body == body
                events = [random_event(source) for _ in range(source.randrange(1, 9))]
                stream = b"".join([first("first"), *events, chunk("", '"stop"'), b"data: [DONE]\n\n"])
                cut = source.randrange(len(stream))
                upstream.plays(STREAM_HEAD + stream[:cut], stream[cut:])
                answer = gateway.post("/v1/chat/completions", streamed)
                assert answer.body == stream, (answer.body, stream)


def test_our_own_members_are_cut_and_nothing_else(demo: Demo, gateway: Gateway) -> None:
    sent = (
        b'{"hybridgw": {"latency":"interactive"}, "model":"m","metadata":{"a":"b"},'
        b'"messages":[{"role":"user","content":"x"}], "num_retries":1 , "tags":["t"]}'
    )
    assert gateway.post("/v1/chat/completions", sent).status == 200
    received = json.loads(demo.requests("local")[-1]["body"])
    assert received == {
        "model": "demo-local",
        "metadata": {"a": "b"},
        "messages": [{"role": "user", "content": "x"}],
    }


def test_usage_is_asked_for_and_kept_from_a_client_that_did_not(demo: Demo, gateway: Gateway) -> None:
    stream: dict[str, Any] = {
        "model": "m",
        "stream": True,
        "messages": [{"role": "user", "content": "x"}],
    }
    without = gateway.post("/v1/chat/completions", stream).body
    assert json.loads(demo.requests("local")[-1]["body"])["stream_options"] == {"include_usage": True}
    assert b'"choices":[]' not in without.replace(b" ", b"")
    stream["stream_options"] = {"include_usage": True}
    with_usage = gateway.post("/v1/chat/completions", stream).body
    assert b'"choices":[]' in with_usage.replace(b" ", b"")


def test_completions_and_embeddings_pass_through(demo: Demo, gateway: Gateway) -> None:
    sent = b'{"model":"m", "prompt":"once", "seed": 1.0}'
    assert gateway.post("/v1/completions", sent).json["object"] == "text_completion"
    assert demo.requests("local")[-1]["body"].encode() == sent.replace(b'"m"', b'"demo-local"')
