"""How wrong our counts are, by language and kind of text, with OpenAI's own counts as the truth.

Exact counts must not differ at all: on the corpus, on thousands of short texts that patterns treat
differently, and on every assigned character in four surroundings. Samples may: their error is the table.
"""

import subprocess
import sys
import tempfile
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

from bench.tokens import corpus
from bench.tokens.crate import build
from bench.tokens.oracle import Oracle, tricky

SIZES = (20_000, 50_000, 100_000, 300_000)
SEEDS = (1, 2, 3, 4)


@dataclass(frozen=True)
class Counted:
    """Our figures of one text."""

    exact: tuple[int, int]
    estimated: tuple[int, int]
    script: str


def ours(binary: Path, texts: Sequence[str]) -> list[Counted]:
    """The crate's counts. Raises CalledProcessError if it fails; texts must not hold NUL."""
    with tempfile.NamedTemporaryFile(suffix=".txt") as file:
        file.write("\0".join(texts).encode())
        file.flush()
        done = subprocess.run([str(binary), file.name], capture_output=True, text=True, check=True)
    rows = []
    for line in done.stdout.splitlines():
        o200k, o200k_guess, cl100k, cl100k_guess, script = line.split()
        rows.append(Counted((int(o200k), int(cl100k)), (int(o200k_guess), int(cl100k_guess)), script))
    return rows


def characters() -> list[str]:
    """Every assigned character between letters, spaces, digits and itself."""
    codes = (chr(code) for code in range(1, sys.maxunicode + 1) if not 0xE000 <= code < 0xF900)
    assigned = (it for it in codes if unicodedata.category(it) not in {"Cs", "Co", "Cn"})
    return [f"A{it}a {it}1{it}B" for it in assigned]


def mismatches(binary: Path, oracle: Oracle, texts: Sequence[str]) -> int:
    """How many texts we count otherwise than OpenAI."""
    texts = [text.replace("\0", "") for text in texts]
    pairs = zip(texts, ours(binary, texts), strict=True)
    return sum(oracle.counts(text) != counted.exact for text, counted in pairs)


def table(binary: Path, oracle: Oracle) -> list[dict[str, Any]]:
    """One row per kind of text: OpenAI's ratio, what we counted, the errors of samples in percent."""
    rows = []
    for kind in corpus.KINDS:
        texts = [corpus.text(kind, size, seed) for size in SIZES for seed in SEEDS]
        wrong = 0
        errors: list[float] = []
        guesses: list[float] = []
        tokens = length = 0
        found = ours(binary, texts)
        for text, counted in zip(texts, found, strict=True):
            truth = oracle.counts(text)
            wrong += truth != counted.exact
            tokens += truth[0]
            length += len(text.encode())
            errors += [100 * (guess / true - 1) for guess, true in zip(counted.estimated, truth, strict=True)]
            guesses.append(100 * (len(text.encode()) / 4 / truth[0] - 1))
        sizes = sorted(map(abs, errors))
        worst = max(errors, key=abs)
        rows.append(
            {
                "kind": kind,
                "script": found[0].script,
                "bytes_per_token": round(length / tokens, 2),
                "exact_wrong": wrong,
                "sample_mean": round(mean(sizes), 2),
                "sample_bias": round(mean(errors), 2),
                "sample_p90": round(sizes[len(sizes) * 9 // 10], 2),
                "sample_worst": round(worst, 2),
                "quarter_of_bytes": round(mean(guesses), 1),
            }
        )
    return rows


def measured() -> dict[str, Any]:
    """Everything. Raises ImportError without tiktoken, CalledProcessError without cargo."""
    binary, oracle = build("token_counts"), Oracle()
    probes = {
        "tricky texts": list(tricky(2, 30_000)),
        "characters": characters(),
    }
    checked = {
        name: {"texts": len(it), "wrong": mismatches(binary, oracle, it)} for name, it in probes.items()
    }
    return {"checked": checked, "table": table(binary, oracle)}


def page(document: dict[str, Any]) -> str:
    """The figures as a Markdown table."""
    lines = [
        "| text | class | bytes/token | exact wrong | sample: mean error | bias | p90 | worst | bytes/4 |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    lines.extend(
        f"| {row['kind']} | {row['script']} | {row['bytes_per_token']} | {row['exact_wrong']} "
        f"| {row['sample_mean']} % | {row['sample_bias']:+} % | {row['sample_p90']} % "
        f"| {row['sample_worst']:+} % | {row['quarter_of_bytes']:+} % |"
        for row in document["table"]
    )
    lines.append("")
    lines.extend(
        f"{name}: {found['texts']:,} counted, {found['wrong']} differ from OpenAI's count."
        for name, found in document["checked"].items()
    )
    return "\n".join(lines)
