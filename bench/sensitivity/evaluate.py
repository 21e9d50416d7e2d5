"""Comparing what the scanner says with what is known."""

import ast
import gzip
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from bench.sensitivity.generate import MAKERS, STRUCTURED, look_alikes, positives
from hybridgw.native import Scanner

WINDOW = 1024
"""Bytes of a document that are scanned as one text."""
RECALL = 0.99
PRECISION = 0.98
CLEAN_SHARE = 0.001
PUBLIC_KINDS = ("email", "phone", "ip", "test_number")
"""Kinds that are counted and public unless a configuration says otherwise."""

LABELS = {
    "CREDIT_CARD": "card",
    "US_SSN": "ssn",
    "IBAN_CODE": "iban",
    "EMAIL_ADDRESS": "email",
    "IP_ADDRESS": "ip",
    "PHONE_NUMBER": "phone",
    "US_PASSPORT": "passport",
}
"""Names of labels in files of labelled spans, and ours for the same thing."""


def generated(scanner: Scanner, each: int, lookalikes: int, seed: int) -> dict[str, Any]:
    """Recall and precision per kind on generated texts.

    A positive counts as found when its kind is among the findings. False alarms of a kind are those
    on look-alikes and on texts that hold another kind; precision is over all texts together.
    """
    found: Counter[str] = Counter()
    wanted: Counter[str] = Counter()
    alarms: Counter[str] = Counter()
    missed_forms: Counter[str] = Counter()
    alarm_forms: Counter[str] = Counter()
    forms: Counter[str] = Counter()
    for kind in MAKERS:
        for sample in positives(kind, each, seed):
            kinds = scanner.scan(sample.text.encode())["kinds"]
            wanted[kind] += 1
            forms[f"{kind} {sample.form}"] += 1
            if kind in kinds:
                found[kind] += 1
            else:
                missed_forms[f"{kind} {sample.form}"] += 1
            for other in kinds:
                if other != kind:
                    alarms[other] += 1
                    alarm_forms[f"{other} in a text with {kind} ({sample.form})"] += 1
    for sample in look_alikes(lookalikes, seed):
        for kind in scanner.scan(sample.text.encode())["kinds"]:
            alarms[kind] += 1
            alarm_forms[f"{kind} in {sample.form}"] += 1
    rows = []
    for kind in MAKERS:
        claimed = found[kind] + alarms[kind]
        recall = found[kind] / wanted[kind]
        precision = found[kind] / claimed if claimed else 1.0
        rows.append(
            {
                "kind": kind,
                "structured": kind in STRUCTURED,
                "positives": wanted[kind],
                "found": found[kind],
                "false_alarms": alarms[kind],
                "recall": round(recall, 4),
                "precision": round(precision, 4),
                "reached": recall >= RECALL and precision >= PRECISION,
            }
        )
    return {
        "seed": seed,
        "look_alikes": lookalikes,
        "rows": rows,
        "missed": dict(missed_forms.most_common(20)),
        "alarms": dict(alarm_forms.most_common(20)),
    }


class _Span(msgspec.Struct):
    type: str
    start: int
    end: int


class _Row(msgspec.Struct):
    text: str
    spans: list[_Span]


def labelled(scanner: Scanner, path: Path) -> dict[str, Any]:
    """Counts on a gzipped JSONL file of `{text, spans: [{type, start, end}]}`, offsets in characters.

    Found: a finding of the kind that overlaps the label. Beside: findings that overlap no label of
    their kind, which may be true (the file does not label everything).
    """
    wanted: Counter[str] = Counter()
    found: Counter[str] = Counter()
    beside: Counter[str] = Counter()
    texts = 0
    with gzip.open(path, "rb") as lines:
        for line in lines:
            row = msgspec.json.decode(line, type=_Row)
            texts += 1
            spans = scanner.scan(row.text.encode())["spans"]
            labels = [
                (LABELS[it.type], len(row.text[: it.start].encode()), len(row.text[: it.end].encode()))
                for it in row.spans
                if it.type in LABELS
            ]
            for kind, start, end in labels:
                wanted[kind] += 1
                found[kind] += any(it[2] == kind and it[0] < end and start < it[1] for it in spans)
            for from_, to, kind, _ in spans:
                if not any(kind == label and from_ < end and start < to for label, start, end in labels):
                    beside[kind] += 1
    kinds = sorted({*wanted, *beside})
    return {
        "file": path.name,
        "texts": texts,
        "rows": [
            {"kind": it, "labelled": wanted[it], "found": found[it], "beside": beside[it]} for it in kinds
        ],
    }


def documents(paths: list[Path]) -> Iterator[tuple[str, str]]:
    """Name and prose of each document below `paths`: docstrings of Python, doc comments of Rust, text."""
    for root in paths:
        files = sorted(root.rglob("*")) if root.is_dir() else [root]
        for file in files:
            # What is installed beside a library is not its documentation.
            if "site-packages" in file.relative_to(root).parts:
                continue
            if not file.is_file() or file.stat().st_size > 4 << 20:
                continue
            if file.suffix == ".py":
                yield file.name, "\n\n".join(_docstrings(file))
            elif file.suffix == ".rs":
                yield file.name, "\n".join(_doc_comments(file))
            elif file.suffix in (".md", ".rst", ".txt"):
                yield file.name, file.read_text(errors="replace")


def _docstrings(file: Path) -> Iterator[str]:
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node)
            if text:
                yield text


def _doc_comments(file: Path) -> Iterator[str]:
    for line in file.read_text(errors="replace").splitlines():
        bare = line.lstrip()
        if bare.startswith(("///", "//!")):
            yield bare[3:].removeprefix(" ")


def clean(scanner: Scanner, paths: list[Path]) -> dict[str, Any]:
    """Which share of windows of documents is internal, above, or unknown. Says which kinds, not what."""
    windows = 0
    flagged = 0
    kinds: Counter[str] = Counter()
    where: list[str] = []
    for name, text in documents(paths):
        data = text.encode()
        for at in range(0, len(data), WINDOW):
            if len(data) - at < WINDOW // 4 and at:
                continue
            windows += 1
            findings = scanner.scan(data[at : at + WINDOW])
            if findings["level"] != "public":
                flagged += 1
                kinds.update({it for _, _, it, _ in findings["spans"] if it not in PUBLIC_KINDS})
                where.append(f"{name} at {at}: {', '.join(findings['kinds'])}")
    return {
        "windows": windows,
        "flagged": flagged,
        "share": round(flagged / windows, 6) if windows else 0.0,
        "kinds": dict(kinds),
        "where": where[:40],
    }
