"""The learned scorer of the built extension against a second implementation of it in Python.

The Rust tests run without the optimizations of a release build; this one judges what is shipped. It
also pins the hash and the layout of the file: both are promises to files that exist.
"""

import json
import math
import re
import struct
from itertools import pairwise
from typing import Any

import pytest

from hybridgw.native import ComplexityScorer, complexity_train

MASK = 0xFFFFFFFF
HEADER = struct.Struct("<8sIIII")
TEXTS = (
    "",
    "prove",
    "Prove the lemma, then prove the lemma again.",
    "Name 3 capitals: x == 1?\n\n`code`",
    "the the the the the",
)


def outcomes(count: int) -> list[tuple[str, bool, bool]]:
    """Prompts whose words, not whose lengths, tell what the weak model fails."""
    kinds = ("Name the capital city of country {} please", "Prove the lemma about the group of order {}")
    return [
        (kinds[at % 2].format(at) + " and so on" * (at * 7 % 11), at % 2 == 0 or at % 10 == 3, True)
        for at in range(count)
    ]


@pytest.fixture(scope="module")
def file() -> bytes:
    return complexity_train(outcomes(300), 1)


def fnv(token: str) -> int:
    value = 0x811C9DC5
    for byte in token.encode():
        value = (value ^ byte) * 0x01000193 & MASK
    return value


def bucket(value: int) -> int:
    return (value * 0x9E3779B1 & MASK) >> 16


def buckets(text: str) -> set[int]:
    """Words, numbers and symbols of an ASCII text, and pairs of neighbours."""
    hashes = [fnv(token.lower()) for token in re.findall(r"[A-Za-z]+|[0-9]+|[^\sA-Za-z0-9]", text)]
    found = {bucket(value) for value in hashes}
    for before, value in pairwise(hashes):
        turned = (before << 9 | before >> 23) & MASK
        pair = (turned ^ value) * 0x85EBCA6B & MASK
        found.add(bucket(pair ^ pair >> 15))
    return found


@pytest.mark.parametrize("text", TEXTS)
def test_words_add_what_the_file_says(file: bytes, text: str) -> None:
    magic, version, record, _, _ = HEADER.unpack_from(file)
    assert (magic, version) == (b"HGWLEARN", 1)
    features = json.loads(file[HEADER.size : HEADER.size + record])["features"]
    scale, bias = struct.unpack_from("<2f", file, HEADER.size + record)
    weights = struct.unpack_from("<65536h", file, HEADER.size + record + 8 + 12 * len(features))
    found = buckets(text)
    expected = sum(weights[it] for it in found) * scale / math.sqrt(max(len(found), 1))
    answer: dict[str, Any] = ComplexityScorer(file, force=True).score(text.encode())
    assert answer["adds"]["words"] == pytest.approx(expected, abs=1e-5)
    assert answer["adds"]["bias"] == pytest.approx(bias)
    logit = sum(answer["adds"].values())
    assert answer["score"] == pytest.approx(1 / (1 + math.exp(-logit)), abs=1e-5)


def test_the_same_samples_give_the_same_file(file: bytes) -> None:
    assert complexity_train(outcomes(300), 1) == file


def test_refusals_name_the_code_and_the_fix(file: bytes) -> None:
    other = bytearray(file)
    other[8] = 9
    for damaged, code in ((b"x", "not_a_scorer"), (bytes(other), "other_version"), (file[:-1], "corrupt")):
        with pytest.raises(ValueError, match=f"^{code}: .*; "):
            ComplexityScorer(damaged, force=True)
    with pytest.raises(ValueError, match=r"^too_few: "):
        complexity_train(outcomes(20))
    with pytest.raises(ValueError, match=r"^bad_options: "):
        complexity_train(outcomes(200), options='{"unknown": 1}')
    with pytest.raises(ValueError, match="3 groups for 200 samples"):
        complexity_train(outcomes(200), groups=["a", "b", "c"])


def test_the_heuristic_explains_its_score() -> None:
    answer = ComplexityScorer().score(b"Compare both and prove it.", tools=True)
    assert answer["learned"] is False
    assert sum(answer["adds"].values()) == pytest.approx(answer["score"], abs=1e-6)
    assert ComplexityScorer().training is None
    assert 0 <= ComplexityScorer().value(b"\xff\xfe broken") <= 1
