"""`python -m bench.complexity OUTCOMES.jsonl.gz [--folds 5] [--rounds 300] [--seed 1]`."""

import argparse
import gzip
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from bench import machine
from bench.complexity.figures import Floats, Integers, Slice, picture, table
from bench.complexity.page import draw, page
from hybridgw.native import ComplexityScorer, complexity_train

Sample = tuple[str, bool, bool]


def outcomes(path: Path) -> tuple[list[Sample], list[str]]:
    """Prompts with their outcomes, and their subjects; the first of repeated prompts counts."""
    samples, subjects, seen = [], [], set()
    raw = path.read_bytes()
    text = gzip.decompress(raw) if path.suffix == ".gz" else raw
    for line in text.splitlines():
        row = json.loads(line)
        if row["prompt"].strip() not in seen:
            seen.add(row["prompt"].strip())
            samples.append((row["prompt"], bool(row["weak_ok"]), bool(row["strong_ok"])))
            subjects.append(str(row.get("subject", "")))
    return samples, subjects


def by_subject(subjects: list[str], folds: int, rng: np.random.Generator) -> Integers:
    """A fold for each sample; a subject is in one fold, folds are of about equal size."""
    names, of, sizes = np.unique(subjects, return_inverse=True, return_counts=True)
    filled = np.zeros(folds)
    fold_of = np.zeros(len(names), dtype=np.int64)
    for name in rng.permutation(len(names)):
        fold_of[name] = int(np.argmin(filled))
        filled[fold_of[name]] += sizes[name]
    return np.asarray(fold_of[of], dtype=np.int64)


def learned(
    samples: list[Sample], subjects: list[str], fold: Integers, options: dict[str, Any], seed: int
) -> tuple[Floats, float]:
    """Scores of each fold by a file learned from the others, and the seconds of one training."""
    scores = np.zeros(len(samples))
    began = time.monotonic()
    for number in range(int(fold.max()) + 1):
        train = [at for at in range(len(samples)) if fold[at] != number]
        file = complexity_train(
            [samples[at] for at in train], seed, json.dumps(options), [subjects[at] for at in train]
        )
        # What is measured here is the scorer, so its admission is not asked.
        scorer = ComplexityScorer(file, force=True)
        for at in np.flatnonzero(fold == number):
            scores[at] = scorer.value(samples[at][0].encode())
    return scores, (time.monotonic() - began) / (int(fold.max()) + 1)


def slices_of(samples: list[Sample], fold: Integers, cluster: Integers) -> list[Slice]:
    """The folds as slices."""
    weak = np.array([weak for _, weak, _ in samples])
    strong = np.array([strong for _, _, strong in samples])
    rows = [np.flatnonzero(fold == number) for number in range(int(fold.max()) + 1)]
    return [Slice(it, weak[it], strong[it], cluster[it]) for it in rows]


def times(samples: list[Sample], file: bytes) -> list[dict[str, Any]]:
    """Microseconds per score, from Python, of different prompts in turn; best of five passes."""
    rows = []
    whole = "\n".join(prompt for prompt, _, _ in samples).encode()
    for name, scorer in (
        ("learned", ComplexityScorer(file, force=True)),
        ("heuristic", ComplexityScorer()),
    ):
        for size in (100, 1_000, 10_000, 100_000, 1_000_000):
            count = max(20, min(2_000, 2_000_000 // size))
            texts = [whole[at * 977 % (len(whole) - size) :][:size] for at in range(count)]
            best = float("inf")
            for _ in range(5):
                began = time.perf_counter()
                for text in texts:
                    scorer.value(text)
                best = min(best, (time.perf_counter() - began) / count)
            rows.append({"scorer": name, "bytes": size, "us": round(best * 1e6, 2)})
    return rows


def measured(path: Path, folds: int, rounds: int, seed: int) -> dict[str, Any]:
    """Everything."""
    samples, subjects = outcomes(path)
    rng = np.random.default_rng(seed)
    gap = np.array([float(strong) - float(weak) for _, weak, strong in samples])
    cold = ComplexityScorer()
    plain = {
        "heuristic": np.array([cold.value(prompt.encode()) for prompt, _, _ in samples]),
        "length only": np.array([float(len(prompt.encode())) for prompt, _, _ in samples]),
        "random": rng.random(len(samples)),
        "best single (strong for all)": np.zeros(len(samples)),
        "oracle": gap,
    }
    index = np.arange(len(samples))
    splits: dict[str, tuple[Integers, Integers]] = {
        "random split": (rng.permutation(len(samples)) % folds, index)
    }
    names, subject = np.unique(subjects, return_inverse=True)
    if len(names) >= folds:
        splits["unseen subjects"] = (by_subject(subjects, folds, rng), subject)
    document: dict[str, Any] = {
        "data": {
            "file": path.name,
            "samples": len(samples),
            "subjects": len(names),
            "weak": round(float(np.mean([weak for _, weak, _ in samples])), 4),
            "strong": round(float(np.mean([strong for _, _, strong in samples])), 4),
            "oracle": round(float(np.mean([weak or strong for _, weak, strong in samples])), 4),
            "only_strong": round(float(np.mean(gap > 0)), 4),
            "only_weak": round(float(np.mean(gap < 0)), 4),
        },
        "parameters": {"folds": folds, "rounds": rounds, "seed": seed},
        "splits": {},
    }
    for name, (fold, cluster) in splits.items():
        routers = {}
        for label, options in (("learned", {}), ("learned, plain gain label", {"label": "gain"})):
            routers[label], seconds = learned(samples, subjects, fold, options, seed)
            document.setdefault("training_seconds", round(seconds, 1))
        routers |= plain
        slices = slices_of(samples, fold, cluster)
        document["splits"][name] = {
            "figures": table(routers, slices, rounds, seed),
            "curves": {label: picture(scores, slices) for label, scores in routers.items()},
        }
    file = complexity_train(samples, seed, "{}", subjects)
    document["file"] = {
        "bytes": len(file),
        "training": json.loads(ComplexityScorer(file, force=True).training or ""),
    }
    document["times"] = times(samples, file)
    return document


def main() -> int:
    """Measure, write, draw, print."""
    parser = argparse.ArgumentParser(prog="python -m bench.complexity", description=__doc__)
    parser.add_argument("outcomes", type=Path, help="JSON lines with prompt, weak_ok, strong_ok, subject")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=300, help="resamples of the bootstrap")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    document = measured(asked.outcomes, asked.folds, asked.rounds, asked.seed)
    path = machine.write("complexity", document)
    written = [path, path.with_suffix(".md"), path.with_suffix(".png")]
    written[1].write_text(page(document, written[2].name), encoding="utf-8")
    draw(document, written[2])
    for one in written:
        print(f"written: {one.relative_to(machine.ROOT)}")
    print(page(document, written[2].name))
    return 0


if __name__ == "__main__":
    sys.exit(main())
