"""The generator makes what it says, and the scanner finds it: a small run of the evaluation."""

import gzip
from pathlib import Path
from random import Random

import msgspec
import pytest

from bench.sensitivity import evaluate, files, generate, values
from hybridgw.native import Scanner


@pytest.fixture(scope="module")
def scanner() -> Scanner:
    return Scanner(b"{}")


def test_values_are_valid() -> None:
    random = Random(1)
    for _ in range(200):
        card = values.card(random)
        assert values.luhn_digit(card[:-1]) == card[-1]
        number = values.iban(random)
        moved = number[4:] + number[:4]
        assert int("".join(str(int(it, 36)) for it in moved)) % 97 == 1
        area, group, serial = values.ssn(random)
        assert area not in ("000", "666") and area < "900" and group != "00" and serial != "0000"


def test_the_same_seed_makes_the_same_texts() -> None:
    first = list(generate.positives("card", 40, 7))
    assert first == list(generate.positives("card", 40, 7))
    assert first != list(generate.positives("card", 40, 8))
    assert list(generate.look_alikes(50, 7)) == list(generate.look_alikes(50, 7))


def test_every_disguise_and_look_alike_occurs() -> None:
    forms = {it.form for it in generate.positives("card", 40, 1)}
    assert forms == {"plain", *generate.DISGUISES}
    count = len(generate.LOOK_ALIKES)
    assert {it.form for it in generate.look_alikes(count, 1)} == set(generate.LOOK_ALIKES)


def test_structured_kinds_reach_their_targets(scanner: Scanner) -> None:
    result = evaluate.generated(scanner, each=120, lookalikes=500, seed=3)
    short = [row for row in result["rows"] if row["structured"] and not row["reached"]]
    assert not short, (short, result["missed"], result["alarms"])


def test_labelled_spans_are_compared_in_bytes(scanner: Scanner, tmp_path: Path) -> None:
    text = "größe, card 4716293855017768 and ann@example.org"
    spans = [{"type": "CREDIT_CARD", "start": 12, "end": 28}, {"type": "PERSON", "start": 0, "end": 5}]
    path = tmp_path / "rows.jsonl.gz"
    path.write_bytes(gzip.compress(msgspec.json.encode({"text": text, "spans": spans})))
    rows = {row["kind"]: row for row in evaluate.labelled(scanner, path)["rows"]}
    assert rows["card"] == {"kind": "card", "labelled": 1, "found": 1, "beside": 0}
    assert rows["email"]["beside"] == 1


def test_clean_documents_are_cut_into_windows(scanner: Scanner, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text('"""Words.\n\nMore words."""\nsecret = "4716293855017768"\n')
    (tmp_path / "b.md").write_text("plain words " * 300 + "this memo is confidential")
    (tmp_path / "c.rs").write_text("//! A crate.\nfn main() {}\n/// Does it.\nfn it() {}\n")
    result = evaluate.clean(scanner, [tmp_path])
    assert result["windows"] == 6
    assert result["flagged"] == 1
    assert result["kinds"] == {"confidential": 1}


def test_values_are_found_in_files_of_every_format(scanner: Scanner) -> None:
    document = files.measured(scanner, 6, 5)
    short = [(it["kind"], it["format"]) for it in document["rows"] if it["recall"] < 0.8]
    assert not short
    assert not [it for it in document["rows"] if it["precision"] < 0.8]
    assert len(document["rows"]) == len(files.VALUES) * len(files.FORMATS)
    assert all(form in "\n".join(files.page(document)) for form in files.FORMATS)
