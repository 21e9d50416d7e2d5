"""Nanoseconds per byte, memory and start of the candidates, on the same texts in one run.

Each candidate is its own program, so that memory belongs to it. A measurement goes through consecutive
pieces of a megabyte: hardly anything is seen twice, which a cache of whole pieces would turn into a better
figure than requests get. The median over pieces is reported, in processor time:
it leaves out what others run meanwhile, though not that they share the caches.
"""

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from bench.tokens import corpus
from bench.tokens.crate import CANDIDATES, build

SIZES = (100, 1_000, 10_000, 100_000, 1_000_000)


def measured() -> dict[str, Any]:
    """All candidates. Raises CalledProcessError if one does not build or run."""
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        for kind in corpus.KINDS:
            (Path(name) / f"{kind}.txt").write_text(corpus.text(kind, SIZES[-1]))
        for candidate in CANDIDATES:
            binary = build("token_speed", candidate)
            done = subprocess.run([str(binary), name], capture_output=True, text=True, check=True)
            rows = [json.loads(line) for line in done.stdout.splitlines()]
            found[candidate] = {
                "binary_kib": binary.stat().st_size // 1024,
                "start": [row for row in rows if "start_ms" in row],
                "speed": [row for row in rows if "kind" in row],
                "after": next(row for row in rows if "after" in row),
            }
    return found


def page(document: dict[str, Any]) -> str:
    """The figures as Markdown: o200k, ns per byte, one column per size, candidates side by side."""
    names = " / ".join(document)
    lines = [f"ns per byte, {names}", "", "| text | " + " | ".join(f"{size:,} B" for size in SIZES) + " |"]
    lines.append("| --- |" + " ---: |" * len(SIZES))
    cells = {
        (candidate, row["kind"], row["size"]): row["ns_per_byte"]
        for candidate, found in document.items()
        for row in found["speed"]
        if row["encoding"] == "o200k"
    }
    for kind in corpus.KINDS:
        columns = (" / ".join(f"{cells[name, kind, size]:.1f}" for name in document) for size in SIZES)
        lines.append(f"| {kind} | " + " | ".join(columns) + " |")
    lines += [
        "",
        "| candidate | start ms | resident MiB | peak MiB | program MiB |",
        "| --- |" + " ---: |" * 4,
    ]
    for name, found in document.items():
        start = sum(row["start_ms"] for row in found["start"])
        after = found["after"]
        lines.append(
            f"| {name} | {start:.0f} | {after['rss_kib'] / 1024:.0f} | {after['peak_kib'] / 1024:.0f} "
            f"| {found['binary_kib'] / 1024:.0f} |"
        )
    return "\n".join(lines)
