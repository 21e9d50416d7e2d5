"""OpenAI's own tokenizer, fed with the vocabulary inside the crate: the truth that ours is held against.

It wants to download its files; it finds them in its cache instead, rebuilt from ours, and checks their hash
itself. `vectors()` writes texts with its counts for the crate's tests, which then need neither it nor Python.
"""

import json
import os
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.tokens import corpus, vocabulary

VECTORS = vocabulary.FOLDER.parent / "tests/openai_counts.jsonl"
# One of each class and each special case that the splitting patterns tell apart.
TRICKY = (
    "aAbZ '  \n\r\t1239/!.,sStTrRvVlLmMdDeE\u017f\u0301漢À\u00e9ªʰƐ\u01c5\u200d❤\ufe0f\u3000\u00a0\u0085"
    "かЖж²½नि👍🏽\u1e9e\u212a\x1f\x00"
)


class Oracle:
    """Counts by OpenAI's tiktoken. Raises ImportError where it is not installed."""

    def __init__(self) -> None:
        import tiktoken  # an optional tool of the bench, not of the gateway

        with tempfile.TemporaryDirectory() as folder:
            vocabulary.fill_cache(Path(folder))
            os.environ["TIKTOKEN_CACHE_DIR"] = folder
            self._encodings = [tiktoken.get_encoding(name) for name in vocabulary.HASHES]

    def counts(self, text: str) -> tuple[int, int]:
        """Tokens in o200k and in cl100k."""
        o200k, cl100k = (len(encoding.encode_ordinary(text)) for encoding in self._encodings)
        return o200k, cl100k


def tricky(seed: int, number: int) -> Iterator[str]:
    """Short texts of characters that patterns treat differently, alone and in runs."""
    draw = random.Random(seed)
    for _ in range(number):
        if draw.random() < 0.5:
            yield "".join(draw.choices(TRICKY, k=draw.randint(1, 40)))
        else:
            runs = (
                draw.choice(TRICKY) * draw.choice([1, 1, 2, 3, 7, 40]) for _ in range(draw.randint(1, 10))
            )
            yield "".join(runs)
        if draw.random() < 0.1:
            yield "".join(draw.choices("etaoinshr", k=draw.randint(30, 300)))


def vectors() -> int:
    """Write the texts that the crate is tested with; returns how many."""
    oracle = Oracle()
    texts = ["", "hello world", "tiktoken is great!", "<|endoftext|>", "a\n  ", "  \n  a", "don't DON'T"]
    for kind in sorted(corpus.KINDS.keys() - {"python"}):  # not ours to copy
        texts += [corpus.text(kind, size, seed) for size, seed in ((40, 1), (160, 2), (700, 3))]
    texts += tricky(1, 900)
    VECTORS.parent.mkdir(exist_ok=True)
    with VECTORS.open("w") as file:
        for text in texts:
            file.write(json.dumps([text, *oracle.counts(text)], ensure_ascii=True) + "\n")
    return len(texts)
