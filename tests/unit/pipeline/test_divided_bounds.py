"""A request for embeddings is divided where that is cheap, and left to the backend's refusal where not."""

import orjson

from hybridgw.pipeline.divided import pieces


def body(inputs: int, **more: object) -> bytes:
    return orjson.dumps({"model": "m", "input": ["x"] * inputs, **more})


def test_many_inputs_are_several_requests() -> None:
    parts = [orjson.loads(part) for part in pieces(body(10), 4)]
    assert [len(part["input"]) for part in parts] == [4, 4, 2]


def test_what_stands_beside_the_inputs_is_not_multiplied() -> None:
    large = body(10, note="y" * 100_000)
    assert pieces(large, 4) == [large]


def test_one_request_does_not_become_thousands() -> None:
    long = body(10_000)
    assert pieces(long, 1) == [long]
