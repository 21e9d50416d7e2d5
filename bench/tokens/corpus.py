"""Text to count: generated from word lists with a seed, so that it is ours, repeatable and of any length.

Real prose would be better and cannot be shipped; sentences that repeat would be worse, because a counter
with a cache then looks faster than it is. So every natural language is sampled from a list of words into
sentences that hardly ever repeat, German builds compounds, Chinese and Japanese build clauses, and the
code is the Python standard library of whoever runs this. The hostile alphabets are those that have hurt
tokenizers before: one letter, one space, random letters, rare scripts, joined emoji.
"""

import base64
import json
import random
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path

# A language a line, its words behind the colon.
WORDS = dict(line.split(": ") for line in (Path(__file__).parent / "words.txt").read_text().splitlines())

RARE = [
    (0x1200, 0x1240),
    (0x2D30, 0x2D66),
    (0xA000, 0xA0F0),
    (0x1C50, 0x1C7D),
    (0x0530, 0x0587),
    (0x10A0, 0x10F0),
]
FACES = [*range(0x1F600, 0x1F64F), *range(0x1F300, 0x1F360), *range(0x1F680, 0x1F6C0)]
FAMILY = ["👨‍👩‍👧‍👦", "👩🏽‍💻", "🏳️‍🌈", "🇩🇪", "👍🏿", "❤️", "1️⃣"]

Maker = Callable[[random.Random], Iterator[str]]


def _spaced(language: str) -> Maker:
    words = WORDS[language].split()

    def pieces(draw: random.Random) -> Iterator[str]:
        while True:
            chosen = [draw.choice(words) for _ in range(draw.randint(5, 18))]
            if language == "german":
                chosen += [(draw.choice(words) + draw.choice(words).lower()).capitalize() for _ in range(2)]
                draw.shuffle(chosen)
            if draw.random() < 0.2:
                chosen.insert(draw.randrange(len(chosen)), str(draw.randint(1, 30000)))
            if draw.random() < 0.4:
                chosen[draw.randrange(len(chosen))] += ","
            text = " ".join(chosen)
            yield text[0].upper() + text[1:] + draw.choice([". ", ". ", "? ", ".\n\n"])

    return pieces


def _dense(language: str) -> Maker:
    words = WORDS[language].split()

    def pieces(draw: random.Random) -> Iterator[str]:
        while True:
            clauses = ["".join(draw.choice(words) for _ in range(draw.randint(3, 12))) for _ in range(3)]
            yield ("\uff0c" if language == "chinese" else "\u3001").join(clauses)
            yield draw.choice(["\u3002", "\u3002", "\uff1f", "\u3002\n\n"])

    return pieces


def _python(draw: random.Random) -> Iterator[str]:
    files = sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))
    draw.shuffle(files)
    while True:
        for file in files:
            yield file.read_text(encoding="utf-8", errors="ignore")


def _json(draw: random.Random) -> Iterator[str]:
    names = WORDS["english"].split()
    while True:
        row = {
            "id": draw.getrandbits(40),
            "uuid": f"{draw.getrandbits(128):032x}",
            "name": " ".join(draw.sample(names, 3)),
            "score": round(draw.random() * 100, 4),
            "tags": draw.sample(names, 4),
            "nested": {
                "ok": draw.random() < 0.5,
                "none": None,
                draw.choice(names): [draw.randint(0, 9999)] * 2,
            },
        }
        yield json.dumps(row, indent=2 if draw.random() < 0.5 else None) + ",\n"


def _markdown(draw: random.Random) -> Iterator[str]:
    prose = _spaced("english")(draw)
    names = WORDS["english"].split()
    while True:
        yield f"## {draw.choice(names).title()} {draw.choice(names)}\n\n{next(prose)}\n"
        yield f"- **{draw.choice(names)}**: {next(prose)}\n"
        yield f"- `{draw.choice(names)}_{draw.choice(names)}()`\n\n"
        yield f"| {draw.choice(names)} | {draw.randint(0, 999)} |\n| --- | ---: |\n"


def _characters(alphabet: list[str]) -> Maker:
    def pieces(draw: random.Random) -> Iterator[str]:
        while True:
            yield "".join(draw.choices(alphabet, k=256))

    return pieces


def _one(text: str) -> Maker:
    def pieces(_: random.Random) -> Iterator[str]:
        while True:
            yield text * 256

    return pieces


def _base64(draw: random.Random) -> Iterator[str]:
    while True:
        yield base64.b64encode(draw.randbytes(300)).decode()


def _hex(draw: random.Random) -> Iterator[str]:
    while True:
        yield draw.randbytes(64).hex() + "\n"


LETTERS = "abcdefghijklmnopqrstuvwxyz"

NATURAL: dict[str, Maker] = {
    name: _dense(name) if name in {"chinese", "japanese", "thai"} else _spaced(name) for name in WORDS
}
STRUCTURED: dict[str, Maker] = {"python": _python, "json": _json, "markdown": _markdown}
HOSTILE: dict[str, Maker] = {
    "emoji": _characters([chr(code) for code in FACES]),
    "joined emoji": _characters(FAMILY),
    "aaaa": _one("a"),
    "spaces": _one(" "),
    "newlines": _one("\n"),
    "spaces and newline": _one(" " * 31 + "\n"),
    "random letters": _characters(list(LETTERS)),
    "random capitals": _characters(list(LETTERS + LETTERS.upper())),
    "random CJK": _characters([chr(code) for code in range(0x4E00, 0x9FA0)]),
    "rare CJK": _characters([chr(code) for code in range(0x20000, 0x2A000)]),
    "rare scripts": _characters([chr(code) for low, high in RARE for code in range(low, high)]),
    "capitals": _one("A"),
    "capital and CJK": _one("漢A"),
    "combining marks": _one("e\u0301"),
    "base64": _base64,
    "hex": _hex,
    "digits": _characters(list("0123456789")),
    "punctuation": _characters(list("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")),
    "apostrophes": _one("'s"),
}
KINDS: dict[str, Maker] = NATURAL | STRUCTURED | HOSTILE


def text(kind: str, size: int, seed: int = 1) -> str:
    """`size` bytes of UTF-8 (fewer by at most one character) of this kind. KeyError for an unknown kind."""
    draw = random.Random(f"{kind}/{seed}")
    parts, length = [], 0
    for part in KINDS[kind](draw):
        parts.append(part)
        length += len(part.encode())
        if length >= size:
            break
    return "".join(parts).encode()[:size].decode(errors="ignore")
