"""The vocabularies inside the crate, and OpenAI's own file format: pack one, unpack the other.

A packed file holds a count (u32, little endian), one length byte per token and the bytes of all tokens,
both in the order of their ranks. OpenAI's file holds base64 and the rank, a token a line. Nothing is lost
either way, so the hash that OpenAI pins for its file also vouches for ours.
"""

import base64
import hashlib
from itertools import accumulate, pairwise
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "crates/router_core/src/tokens/vocabulary"
HASHES = {  # of tiktoken_ext/openai_public.py
    "o200k_base": "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
    "cl100k_base": "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
}
ADDRESS = "https://openaipublic.blob.core.windows.net/encodings/{}.tiktoken"


def packed(original: bytes) -> bytes:
    """Our format of OpenAI's file. Raises ValueError if ranks are missing or a token is too long."""
    tokens = []
    for rank, line in enumerate(original.splitlines()):
        token, number = line.split()
        if int(number) != rank:
            raise ValueError(f"rank {rank} is missing")
        tokens.append(base64.b64decode(token))
    return len(tokens).to_bytes(4, "little") + bytes(map(len, tokens)) + b"".join(tokens)


def original(data: bytes) -> bytes:
    """OpenAI's file of our format."""
    count = int.from_bytes(data[:4], "little")
    ends = accumulate(data[4 : 4 + count], initial=4 + count)
    lines = [b"%s %d\n" % (base64.b64encode(data[a:b]), rank) for rank, (a, b) in enumerate(pairwise(ends))]
    return b"".join(lines)


def verified(name: str) -> bytes:
    """OpenAI's file out of the crate's. Raises ValueError if its hash is not the one that OpenAI pins."""
    content = original((FOLDER / f"{name}.tokens").read_bytes())
    if hashlib.sha256(content).hexdigest() != HASHES[name]:
        raise ValueError(f"{name}: not OpenAI's vocabulary")
    return content


def fill_cache(folder: Path) -> None:
    """Place the files where OpenAI's tiktoken looks before it downloads (TIKTOKEN_CACHE_DIR)."""
    for name in HASHES:
        key = hashlib.sha1(ADDRESS.format(name).encode(), usedforsecurity=False).hexdigest()
        (folder / key).write_bytes(verified(name))
