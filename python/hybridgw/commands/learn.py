"""`hybridgw learn`: a complexity scorer from outcomes, with the proof that it is worth using.

An outcome is a prompt and whether a weak and a strong model answered it well. What is learned is
where the strong model gains; what is recorded in the file is how that did on outcomes that were set
aside, beside the prompt's length and the heuristic. A gateway asks for that record.
"""

import gzip
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import orjson

from hybridgw.native import ComplexityScorer, complexity_train

_PROMPT = ("prompt", "question", "text")
_WEAK = ("weak_ok", "weak_correct", "weak")
_STRONG = ("strong_ok", "strong_correct", "strong")


class Unusable(Exception):
    """A file of outcomes that cannot be read; the message names the line."""


def run(outcomes: str, out: str, *, seed: int, group: str | None) -> int:
    """Learn, write the file, print its record; 1 when it does not beat the prompt's length."""
    try:
        rows = list(_rows(Path(outcomes)))
        samples = [(_text(row, n), _flag(row, _WEAK, n), _flag(row, _STRONG, n)) for n, row in rows]
        groups = [str(row.get(group, "")) for _, row in rows] if group else None
        content = complexity_train(samples, seed, "{}", groups)
    except (Unusable, OSError, ValueError, EOFError, zlib.error) as error:
        print(f"{outcomes}: {error}", file=sys.stderr)
        return 2
    try:
        Path(out).write_bytes(content)
    except OSError as error:
        print(f"{out}: {error.strerror}", file=sys.stderr)
        return 2
    training = ComplexityScorer(content, True).training
    print(msgspec.json.format(training or "{}", indent=2))
    try:
        ComplexityScorer(content)
    except ValueError as error:
        print(f"{out}: written, but a gateway will not load it: {error}", file=sys.stderr)
        return 1
    return 0


def _rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                row = orjson.loads(line)
            except orjson.JSONDecodeError as error:
                raise Unusable(f"line {number}: not JSON: {error}") from None
            if not isinstance(row, dict):
                raise Unusable(f"line {number}: expected an object")
            yield number, row


def _text(row: dict[str, Any], number: int) -> str:
    value = next((row[name] for name in _PROMPT if name in row), None)
    if not isinstance(value, str):
        raise Unusable(f"line {number}: expected a text under {' or '.join(_PROMPT)}")
    return value


def _flag(row: dict[str, Any], names: tuple[str, ...], number: int) -> bool:
    value = next((row[name] for name in names if name in row), None)
    if not isinstance(value, bool | int):
        raise Unusable(f"line {number}: expected true or false under {' or '.join(names)}")
    return bool(value)
