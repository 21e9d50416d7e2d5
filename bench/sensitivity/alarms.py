"""How often the scanner speaks up where nothing is sensitive, beside how much of the rest it finds.

Corpora are generated (`corpora`) or brought along: JSON lines or a folder of texts that somebody else
wrote. A text is flagged when its level is not public, so that it could not go to just any deployment. The
page puts both sides into one table, by kind: a rule that is made stricter until nothing is missed, or laxer
until nothing is flagged, shows on the other side. Of a corpus only counts are kept, never a text.
"""

import gzip
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import msgspec

from bench.sensitivity import corpora
from bench.sensitivity.evaluate import PUBLIC_KINDS
from hybridgw.native import Scanner

LARGEST = 4 << 20
"""Bytes of a file above which a folder's file is passed over."""


class Corpus(msgspec.Struct, frozen=True):
    """Texts of other people: a file of JSON lines, gzipped or not, or a folder of text files.

    `member` is the member of each row that holds the text; rows count only if each member in `where` has
    one of the values given for it.
    """

    name: str
    path: Path
    member: str = "text"
    where: dict[str, list[str]] = {}

    @classmethod
    def parsed(cls, text: str) -> "Corpus":
        """From `NAME=PATH`, or `NAME=PATH?member=prompt&subject=anatomy` for some rows of JSON lines.

        ValueError says what is wrong.
        """
        name, _, rest = text.partition("=")
        path, _, query = rest.partition("?")
        if not name or not path:
            raise ValueError(f"{text!r} is not NAME=PATH")
        if not Path(path).exists():
            raise ValueError(f"{path} does not exist")
        where = parse_qs(query, strict_parsing=True) if query else {}
        member = where.pop("member", ["text"])[-1]
        return cls(name, Path(path), member, where)

    def texts(self) -> Iterator[str]:
        """The texts; ValueError names the line that is not as it should be, or says that there are none."""
        empty = True
        for text in self._rows() if self.path.is_file() else self._files():
            empty = False
            yield text
        if empty:
            # No text would read as no false alarm.
            raise ValueError(f"{self.path} holds no text for {self.name}")

    def _files(self) -> Iterator[str]:
        for file in sorted(self.path.rglob("*")):
            inside = file.relative_to(self.path).parts
            if any(it.startswith(".") for it in inside) or not file.is_file():
                continue
            if file.stat().st_size <= LARGEST:
                data = file.read_bytes()
                try:
                    text = data.decode()
                except UnicodeDecodeError:
                    continue
                if text.strip() and "\0" not in text:
                    yield text

    def _rows(self) -> Iterator[str]:
        data = self.path.read_bytes()
        if data.startswith(b"\x1f\x8b"):
            data = gzip.decompress(data)
        for number, line in enumerate(data.splitlines(), 1):
            try:
                row = msgspec.json.decode(line, type=dict[str, Any])
                if all(str(row[key]) in accepted for key, accepted in self.where.items()):
                    yield msgspec.convert(row[self.member], str)
            except KeyError as error:
                raise ValueError(f"{self.path}, line {number}: no member {error}") from error
            except msgspec.MsgspecError as error:
                raise ValueError(f"{self.path}, line {number}: {error}") from error


def counted(scanner: Scanner, name: str, texts: Iterable[str], *, holds: str = "") -> dict[str, Any]:
    """How many of the texts are flagged, and how many hold each kind that does not pass as public.

    `holds` is the kind that is in each of them, empty where nothing sensitive is.
    """
    count = flagged = 0
    kinds: Counter[str] = Counter()
    for text in texts:
        count += 1
        seen = scanner.scan(text.encode())
        if seen["level"] != "public":
            flagged += 1
            kinds.update(set(seen["kinds"]) - set(PUBLIC_KINDS) or {"not said"})
    return {
        "corpus": name,
        "holds": holds,
        "texts": count,
        "flagged": flagged,
        "share": round(flagged / count, 6),
        "kinds": dict(sorted(kinds.items())),
    }


def measured(scanner: Scanner, each: int, seed: int, brought: list[Corpus]) -> dict[str, Any]:
    """Counts on `each` generated texts of every corpus, and on what was brought along."""
    rows = [counted(scanner, it, corpora.texts(it, each, seed)) for it in corpora.CLEAN]
    rows += [counted(scanner, it.name, it.texts()) for it in brought]
    for name, (kind, _) in corpora.HELD.items():
        rows.append(counted(scanner, name, corpora.texts(name, each, seed), holds=kind))
    return {"seed": seed, "each": each, "rows": rows}


def page(document: dict[str, Any], generated: dict[str, Any], found: dict[str, Any]) -> list[str]:
    """Two tables: flagged texts by corpus, and by kind what is found beside what is flagged for nothing.

    `generated` is the document of `evaluate.generated`, `found` that of `files`.
    """
    lines = [
        f"\nTexts, {document['each']} of each generated corpus, seed {document['seed']}. Flagged: its level "
        "is not public. That is a false alarm, except where the corpus holds something to be found.\n",
        "| corpus | holds | texts | flagged | share | texts by kind |",
        "| --- | --- | --: | --: | --: | --- |",
    ]
    for it in document["rows"]:
        kinds = ", ".join(f"{kind} {count}" for kind, count in it["kinds"].items())
        lines.append(
            f"| {it['corpus']} | {it['holds'] or 'nothing'} | {it['texts']} | {it['flagged']} "
            f"| {it['share']:.2%} | {kinds} |"
        )
    clean = [it for it in document["rows"] if not it["holds"]]
    total = sum(it["texts"] for it in clean)
    sides = _sides(document, generated, found)
    lines += [
        "\nBoth sides, by kind: what is found in sentences, files and the corpora that hold it, and how many "
        f"of the {total} texts that hold nothing are flagged for it.\n",
        "| kind | recall | lowest recall | in | flagged for nothing | share | most in |",
        "| --- | --: | --: | --- | --: | --: | --- |",
    ]
    alarmed = {kind for it in clean for kind in it["kinds"]}
    for kind in (*sides, *sorted(alarmed - set(sides))):
        if kind in PUBLIC_KINDS:
            continue
        counts = Counter({it["corpus"]: it["kinds"][kind] for it in clean if kind in it["kinds"]})
        alarms = sum(counts.values())
        most = counts.most_common(1)[0][0] if counts else ""
        lines.append(
            f"| {kind} | {_recall(sides.get(kind, []))} | {alarms} | {alarms / total:.3%} | {most} |"
        )
    return lines


def _sides(
    document: dict[str, Any], generated: dict[str, Any], found: dict[str, Any]
) -> dict[str, list[tuple[int, int, str]]]:
    """Whatever was looked for, by kind: how often it was found, of how many, and in what."""
    sides: dict[str, list[tuple[int, int, str]]] = {}
    for it in generated["rows"]:
        sides.setdefault(it["kind"], []).append((it["found"], it["positives"], "sentences"))
    for it in found["rows"]:
        sides.setdefault(it["kind"], []).append((it["found"], it["files"], it["format"]))
    for it in document["rows"]:
        if it["holds"]:
            hits = it["kinds"].get(it["holds"], 0)
            sides.setdefault(it["holds"], []).append((hits, it["texts"], it["corpus"]))
    return sides


def _recall(sides: list[tuple[int, int, str]]) -> str:
    """Cells: recall over all sides, the lowest of them and where; dashes where nothing was asked."""
    if not sides:
        return "- | - | "
    found, asked = sum(it[0] for it in sides), sum(it[1] for it in sides)
    low, where = min((hit / of, name) for hit, of, name in sides)
    return f"{found / asked:.4f} | {low:.3f} | {where if low < 1 else ''}"
