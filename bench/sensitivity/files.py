"""A corpus of files: what programs write and people paste, with one sensitive value in some row.

The sentences of `generate` and the recognizers were written by the same hand, so a recall of one on
them says little about files, where a comma, a cell or a heading stands where a sentence has words.
Here each format is written as its own writers write it (`csv`, `json`, `html` of the standard library
where there is one), the value stands in a row far from the heading, and the other cells hold numbers that
are none: dates, amounts, identifiers with wrong check digits. Numbers come from `values`, whose tables
are written independently of the recognizers', and never from a list of published test numbers.

Every kind is asked in every format, with the same rows without the value as the other side: what is
found there is a false alarm of that format.
"""

import csv
import html
import io
import json
from collections import Counter
from collections.abc import Callable, Iterator
from random import Random
from string import ascii_letters, digits
from typing import Any, Literal

from bench.sensitivity import values
from bench.sensitivity.generate import Sample, grouped
from hybridgw.native import Scanner

Row = list[str]
Writer = Callable[[Random, Row, list[Row]], str]

HEADINGS = {
    "card": ("card", "card_number", "number", "account"),
    "ssn": ("ssn", "SSN", "social security number", "tax_id"),
    "iban": ("iban", "account", "konto"),
    "passport": ("passport", "passport_no", "Passport Number"),
    "credential": ("password", "passwd", "db_password"),
    "api_key": ("api_key", "token", "secret"),
    "email": ("email", "mail"),
}


def password(random: Random) -> str:
    """A password as people choose them: a word with digits and marks, or a row of characters."""
    word = "".join(random.choice(ascii_letters) for _ in range(random.randint(4, 9)))
    return random.choice(
        (
            f"{word.title()}{random.randint(10, 9999)}{random.choice('!?#*+')}",
            f"{word}-{values.pick(random, digits, 2)}-{values.pick(random, ascii_letters, 4)}",
            values.pick(random, ascii_letters + digits + "!#+", 13) + random.choice(digits),
        )
    )


def _card(random: Random) -> str:
    # Fifteen and sixteen digits: what stands in files without a word for it.
    while True:
        number = values.card(random)
        if len(number) in (15, 16):
            break
    return (
        random.choice((number, number, grouped(number, 4, " "), grouped(number, 4, "-")))
        if len(number) == 16
        else number
    )


VALUES: dict[str, Callable[[Random], str]] = {
    "card": _card,
    "ssn": lambda r: r.choice(("-", "-", "")).join(values.ssn(r)),
    "iban": lambda r: r.choice((lambda it: it, lambda it: grouped(it, 4, " ")))(values.iban(r)),
    "passport": values.passport,
    "credential": password,
    "api_key": values.api_key,
    "email": values.email,
}


def _wrong(random: Random) -> str:
    """A number of sixteen digits whose check digit is wrong."""
    number = values.pick(random, "123456789", 1) + values.pick(random, digits, 14)
    right = values.luhn_digit(number)
    return number + str((int(right) + random.randint(1, 9)) % 10)


def _row(random: Random) -> Row:
    return [
        f"{random.choice(values.NAMES).title()} {random.choice(values.NAMES).title()}",
        random.choice(
            (
                f"20{random.randint(10, 29)}-{random.randint(1, 12):02}-{random.randint(1, 28):02}",
                f"{random.randint(1, 28):02}/{random.randint(1, 12):02}/2026",
            )
        ),
        f"{random.randint(1, 9999)}.{random.randint(0, 99):02}",
        random.choice(
            (_wrong(random), str(random.randint(1000, 99999)), f"ORD-{random.randint(100, 99999)}")
        ),
        " ".join(values.word_noise(random) for _ in range(random.randint(2, 12))),
    ]


def _delimited(mark: str) -> Writer:
    def write(random: Random, head: Row, rows: list[Row]) -> str:
        out = io.StringIO()
        quoting: Literal[0, 1] = random.choice((csv.QUOTE_MINIMAL, csv.QUOTE_ALL))
        writer = csv.writer(
            out, delimiter=mark, lineterminator=random.choice(("\n", "\r\n")), quoting=quoting
        )
        writer.writerows([head, *rows])
        return out.getvalue()

    return write


def _sql(random: Random, head: Row, rows: list[Row]) -> str:
    names = ", ".join(it.replace(" ", "_") for it in head)
    quoted = [", ".join("'" + it.replace("'", "''") + "'" for it in row) for row in rows]
    if random.random() < 0.5:
        return f"INSERT INTO people ({names}) VALUES\n" + ",\n".join(f"({it})" for it in quoted) + ";\n"
    return "".join(f"INSERT INTO people ({names}) VALUES ({it});\n" for it in quoted)


def _json_lines(random: Random, head: Row, rows: list[Row]) -> str:
    return "\n".join(json.dumps(dict(zip(head, row, strict=True))) for row in rows)


def _json_split(random: Random, head: Row, rows: list[Row]) -> str:
    return json.dumps({"columns": head, "data": rows}, indent=random.choice((None, None, 1)))


def _html(random: Random, head: Row, rows: list[Row]) -> str:
    cell = random.choice(("<td>", '<td class="c">', "<td>\n  "))
    lines = ["<table>", "<tr>" + "".join(f"<th>{html.escape(it)}</th>" for it in head) + "</tr>"]
    lines += ["<tr>" + "".join(f"{cell}{html.escape(it)}</td>" for it in row) + "</tr>" for row in rows]
    return random.choice(("\n", "")).join([*lines, "</table>"])


def _markdown(random: Random, head: Row, rows: list[Row]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(it) + " |" for it in lines)


def _mail(random: Random, head: Row, rows: list[Row]) -> str:
    body = _delimited(",")(random, head, rows).splitlines()
    return "On Monday Ann wrote:\n" + "\n".join(f"> {it}" for it in body) + "\n\nThanks!"


def _log(random: Random, head: Row, rows: list[Row]) -> str:
    lines = [
        " ".join(f"{name.replace(' ', '_')}={it}" for name, it in zip(head, row, strict=True)) for row in rows
    ]
    return "\n".join(f"2026-02-01T10:{at:02}:07Z INFO job {it} done" for at, it in enumerate(lines))


def _code(random: Random, head: Row, rows: list[Row]) -> str:
    lines = [
        "    {" + ", ".join(f'"{name}": {json.dumps(it)}' for name, it in zip(head, row, strict=True)) + "},"
        for row in rows
    ]
    return "ROWS = [\n" + "\n".join(lines) + "\n]\n"


FORMATS: dict[str, Writer] = {
    "csv": _delimited(","),
    "csv (semicolons)": _delimited(";"),
    "tsv": _delimited("\t"),
    "sql": _sql,
    "json lines": _json_lines,
    "json (columns)": _json_split,
    "html": _html,
    "markdown": _markdown,
    "mail": _mail,
    "log": _log,
    "code": _code,
}


def files(kind: str, form: str, count: int, seed: int) -> Iterator[tuple[Sample, Sample]]:
    """`count` files of a format with a value of `kind`, and each without it."""
    random = Random(f"{seed}:{kind}:{form}")
    for _ in range(count):
        rows = [_row(random) for _ in range(random.randint(5, 12))]
        head = ["name", "date", "amount", "ref", "note"]
        place, at = random.randint(1, len(head)), random.randint(3, len(rows) - 1)
        value = VALUES[kind](random)
        state = random.getstate()
        heading = random.choice(HEADINGS[kind])

        def written(
            cell: str, name: str, state: Any = state, rows: list[Row] = rows, place: int = place, at: int = at
        ) -> str:
            own = Random()
            own.setstate(state)
            titles = ["name", "date", "amount", "ref", "note"]
            titles.insert(place, name)
            full = [
                [*row[:place], cell if index == at else "n/a", *row[place:]] for index, row in enumerate(rows)
            ]
            return FORMATS[form](own, titles, full)

        yield Sample(written(value, heading), kind, form), Sample(written("n/a", "extra"), "", form)


def measured(scanner: Scanner, each: int, seed: int) -> dict[str, Any]:
    """Recall and precision per kind and format."""
    rows = []
    for kind in VALUES:
        for form in FORMATS:
            found = beside = 0
            alarms: Counter[str] = Counter()
            for with_value, without in files(kind, form, each, seed):
                kinds = scanner.scan(with_value.text.encode())["kinds"]
                found += kind in kinds
                beside += sum(other != kind for other in kinds)
                alarms.update(scanner.scan(without.text.encode())["kinds"])
            wrong = sum(alarms.values()) + beside
            rows.append(
                {
                    "kind": kind,
                    "format": form,
                    "files": each,
                    "found": found,
                    "false_alarms": wrong,
                    "recall": round(found / each, 4),
                    "precision": round(found / (found + wrong), 4) if found + wrong else 1.0,
                }
            )
    return {"seed": seed, "each": each, "rows": rows}


def page(document: dict[str, Any]) -> list[str]:
    """A table of kinds over formats: recall, and precision where it is not one."""
    rows = document["rows"]
    forms = list(dict.fromkeys(it["format"] for it in rows))
    lines = [
        f"\nFiles, {document['each']} of each kind and format, seed {document['seed']}: "
        "recall / precision.\n",
        "| kind | " + " | ".join(forms) + " |",
        "| --- |" + " --: |" * len(forms),
    ]
    for kind in dict.fromkeys(it["kind"] for it in rows):
        cells = [f"{it['recall']:.3f} / {it['precision']:.3f}" for it in rows if it["kind"] == kind]
        lines.append(f"| {kind} | " + " | ".join(cells) + " |")
    return lines
