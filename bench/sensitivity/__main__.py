"""`python -m bench.sensitivity`: recall, precision and false alarms of the scanner.

--labelled FILE   gzipped JSONL with labelled spans; repeatable
--clean PATH      documents that hold nothing sensitive; repeatable (default: this Python's library)
--corpus NAME=PATH  texts that should pass, as JSON lines (member `text`) or a folder; repeatable;
                  NAME=PATH?member=prompt&subject=anatomy takes another member, and rows of that subject
--each N          generated positives per kind
--write           keep the result among the results, with its page
"""

import argparse
import sys
import sysconfig
from pathlib import Path
from typing import Any

from bench import machine
from bench.sensitivity import alarms, evaluate, files
from hybridgw.native import Scanner


def page(document: dict[str, Any]) -> str:
    """The document as Markdown."""
    lines = [
        "| kind | positives | found | false alarms | recall | precision |",
        "| --- | --: | --: | --: | --: | --: |",
    ]
    generated = document["generated"]
    for row in generated["rows"]:
        name = row["kind"] if row["structured"] else f"{row['kind']} (no target)"
        lines.append(
            f"| {name} | {row['positives']} | {row['found']} | {row['false_alarms']} "
            f"| {row['recall']:.4f} | {row['precision']:.4f} |"
        )
    lines.append(f"\n{generated['look_alikes']} look-alikes, seed {generated['seed']}.")
    listed = {title: generated[title] for title in ("missed", "alarms") if generated[title]}
    lines += [
        f"\n{title}: " + "; ".join(f"{name} {count}" for name, count in forms.items())
        for title, forms in listed.items()
    ]
    lines += files.page(document["files"])
    lines += alarms.page(document["alarms"], generated, document["files"])
    for labelled in document["labelled"]:
        lines.append(f"\n{labelled['file']}, {labelled['texts']} texts:\n")
        lines += ["| kind | labelled | found | beside |", "| --- | --: | --: | --: |"]
        lines += [
            f"| {it['kind']} | {it['labelled']} | {it['found']} | {it['beside']} |" for it in labelled["rows"]
        ]
    for clean in document["clean"]:
        lines.append(
            f"\n{clean['path']}: {clean['flagged']} of {clean['windows']} windows of 1 KB are not public "
            f"({clean['share']:.4%}) {clean['kinds'] or ''}"
        )
    return "\n".join(lines)


def measured(
    each: int,
    look_alikes: int,
    seed: int,
    labelled: list[Path],
    clean: list[Path],
    brought: list[alarms.Corpus],
) -> dict[str, Any]:
    """Everything, as one document."""
    scanner = Scanner(b"{}")
    return {
        "generated": evaluate.generated(scanner, each, look_alikes, seed),
        "files": files.measured(scanner, max(1, each // 10), seed),
        "alarms": alarms.measured(scanner, max(1, each // 2), seed, brought),
        "labelled": [evaluate.labelled(scanner, it) for it in labelled],
        "clean": [{"path": it.name, **evaluate.clean(scanner, [it])} for it in clean],
    }


def main() -> int:
    """Exit status 1 when a structured kind misses its target or documents are flagged too often."""
    parser = argparse.ArgumentParser(
        prog="bench.sensitivity", description="Recall and precision of the scanner."
    )
    parser.add_argument("--each", type=int, default=1000)
    parser.add_argument("--look-alikes", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=20)
    parser.add_argument("--labelled", type=Path, action="append", default=[])
    parser.add_argument("--clean", type=Path, action="append", default=[])
    parser.add_argument("--corpus", action="append", default=[], metavar="NAME=PATH")
    parser.add_argument("--verbose", action="store_true", help="name the flagged windows")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    clean = options.clean or [Path(sysconfig.get_paths()["stdlib"])]
    try:
        brought = [alarms.Corpus.parsed(it) for it in options.corpus]
        document = measured(options.each, options.look_alikes, options.seed, options.labelled, clean, brought)
    except ValueError as error:
        parser.error(str(error))
    print(page(document))
    if options.verbose:
        for it in document["clean"]:
            print("\n".join(it["where"]))
    if options.write:
        path = machine.write("sensitivity", document)
        path.with_suffix(".md").write_text(page(document) + "\n", encoding="utf-8")
        print(f"written: {path.relative_to(machine.ROOT)} and its page")
    short = [it["kind"] for it in document["generated"]["rows"] if it["structured"] and not it["reached"]]
    noisy = [it["path"] for it in document["clean"] if it["share"] > evaluate.CLEAN_SHARE]
    for name in (*short, *noisy):
        print(f"below target: {name}", file=sys.stderr)
    return 1 if short or noisy else 0


if __name__ == "__main__":
    sys.exit(main())
