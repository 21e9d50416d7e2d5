"""A request for embeddings is divided where that is cheap, and left to the backend's refusal where not."""

import orjson

from hybridgw.pipeline.divided import pieces, question_of


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


def test_what_is_answered_is_left_out() -> None:
    texts = orjson.dumps({"model": "m", "input": list("abcde")})
    for most, told in ((2, ["cd", "e"]), (3, ["cde"]), (0, ["cde"])):
        assert ["".join(orjson.loads(part)["input"]) for part in pieces(texts, most, 2)] == told


def test_only_answers_to_the_same_question_are_kept() -> None:
    asked = question_of(("vllm", "m"), body(3))
    assert asked == question_of(("vllm", "m"), body(5)), "whatever the inputs"
    others = [
        question_of(("vllm", "n"), body(3)),
        question_of(("tei", "m"), body(3)),
        question_of(("vllm", "m"), body(3, dimensions=8)),
        question_of(("vllm", "m"), body(3, encoding_format="base64")),
    ]
    assert asked not in others
