"""The corpora of false alarms: the same for a seed, counted by text and kind, shown beside recall."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from bench.sensitivity import alarms, corpora, evaluate, files
from hybridgw.native import Scanner

CARD = "charge it to 4716293855017768, please"
"""With a number that an issuer may have given out."""
CLEAN = "three boats lay in the harbour"


@pytest.fixture(scope="module")
def scanner() -> Scanner:
    return Scanner(b"{}")


@pytest.mark.parametrize("name", [*corpora.CLEAN, *corpora.HELD])
def test_a_corpus_is_the_same_for_the_same_seed(name: str) -> None:
    first = corpora.texts(name, 30, 7)
    assert first == corpora.texts(name, 30, 7)
    assert first != corpora.texts(name, 30, 8)
    assert len(set(first)) > 20
    assert not [it for it in first if "«" in it or not it.strip()]


def test_a_text_with_a_card_is_counted_and_a_clean_one_is_not(scanner: Scanner) -> None:
    row = alarms.counted(scanner, "some", [CLEAN, CARD, CLEAN, "write to ann@example.org"])
    assert row["texts"] == 4
    assert row["flagged"] == 1
    assert row["share"] == 0.25
    assert row["kinds"] == {"card": 1}


def test_a_text_counts_once_for_each_of_its_kinds(scanner: Scanner) -> None:
    row = alarms.counted(scanner, "some", [f"{CARD}\n{CARD}\nIBAN: DE62370400440532013001", CARD])
    assert row["flagged"] == 2
    assert row["kinds"]["card"] == 2


def test_a_flaw_in_a_generated_corpus_shows(scanner: Scanner, monkeypatch: pytest.MonkeyPatch) -> None:
    def flagged() -> int:
        rows = alarms.measured(scanner, 5, 3, [])["rows"]
        return next(int(it["flagged"]) for it in rows if it["corpus"] == "code: C")

    assert flagged() == 0
    monkeypatch.setitem(corpora.CLEAN, "code: C", lambda _: CARD)
    assert flagged() == 5


def test_people_are_found_where_knowledge_passes(scanner: Scanner) -> None:
    rows = {it["corpus"]: it for it in alarms.measured(scanner, 60, 3, [])["rows"]}
    for name, (kind, _) in corpora.HELD.items():
        assert rows[name]["holds"] == kind
    assert rows["clinical notes"]["share"] > 0.8
    assert rows["medical prose, nobody in it"]["share"] < 0.2


def test_rows_are_read_by_member_and_chosen_by_value(scanner: Scanner, tmp_path: Path) -> None:
    rows = [
        {"subject": "boats", "prompt": CLEAN},
        {"subject": "money", "prompt": CARD},
        {"subject": "other", "prompt": CARD},
    ]
    data = "\n".join(json.dumps(it) for it in rows).encode()
    plain, packed = tmp_path / "rows.jsonl", tmp_path / "rows.jsonl.gz"
    plain.write_bytes(data)
    packed.write_bytes(gzip.compress(data))
    for path in (plain, packed):
        corpus = alarms.Corpus.parsed(f"mine={path}?member=prompt&subject=boats&subject=money")
        assert list(corpus.texts()) == [CLEAN, CARD]
        rows_of = {it["corpus"]: it for it in alarms.measured(scanner, 1, 1, [corpus])["rows"]}
        mine = rows_of["mine"]
        assert (mine["holds"], mine["texts"], mine["flagged"]) == ("", 2, 1)


def test_a_folder_gives_its_text_files(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / ".git").mkdir()
    (tmp_path / "a.go").write_text("package a\n")
    (tmp_path / "sub" / "b.log").write_text("line\n")
    (tmp_path / ".git" / "c.txt").write_text("hidden\n")
    (tmp_path / "d.png").write_bytes(b"\x89PNG\xff\x00")
    (tmp_path / "e.txt").write_text("\n")
    assert list(alarms.Corpus.parsed(f"code={tmp_path}").texts()) == ["package a\n", "line\n"]


@pytest.mark.parametrize("argument", ["", "name", "name=", "=path", "name=/no/such/place"])
def test_an_argument_that_names_nothing_is_refused(argument: str) -> None:
    with pytest.raises(ValueError, match=r"is not NAME=PATH|does not exist"):
        alarms.Corpus.parsed(argument)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ('{"text": "a"}\n{"other": "b"}', "line 2: no member 'text'"),
        ('{"text": "a"}\n{"text": 5}', "line 2: "),
        ("no JSON", "line 1: "),
        ("", "holds no text"),
    ],
)
def test_rows_that_cannot_be_read_are_named(tmp_path: Path, data: str, said: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(data)
    with pytest.raises(ValueError, match=said):
        list(alarms.Corpus.parsed(f"mine={path}").texts())


def test_the_page_shows_both_sides_by_kind(scanner: Scanner) -> None:
    generated: dict[str, Any] = {"rows": [{"kind": "private_key", "positives": 4, "found": 4}]}
    found: dict[str, Any] = {
        "rows": [
            {"kind": "card", "format": "csv", "files": 10, "found": 10},
            {"kind": "card", "format": "html", "files": 10, "found": 5},
            {"kind": "email", "format": "csv", "files": 10, "found": 10},
        ]
    }
    document: dict[str, Any] = {
        "seed": 1,
        "each": 4,
        "rows": [
            alarms.counted(scanner, "mine", [CARD, CLEAN, CLEAN, "IBAN: DE62370400440532013001"]),
            alarms.counted(scanner, "notes", ["My mother has asthma.", CLEAN], holds="medical"),
        ],
    }
    lines = alarms.page(document, generated, found)
    assert [it for it in lines if it.startswith("| ") and it.count("|") == 7 and "---" not in it][1:] == [
        "| mine | nothing | 4 | 2 | 50.00% | card 1, iban 1 |",
        "| notes | medical | 2 | 1 | 50.00% | medical 1 |",
    ]
    assert [it for it in lines if it.startswith("| ") and it.count("|") == 8 and "---" not in it][1:] == [
        "| private_key | 1.0000 | 1.000 |  | 0 | 0.000% |  |",
        "| card | 0.7500 | 0.500 | html | 1 | 25.000% | mine |",
        "| medical | 0.5000 | 0.500 | notes | 0 | 0.000% |  |",
        "| iban | - | - |  | 1 | 25.000% | mine |",
    ]


def test_the_page_takes_what_is_measured(scanner: Scanner) -> None:
    document = alarms.measured(scanner, 2, 5, [])
    generated = evaluate.generated(scanner, each=1, lookalikes=0, seed=5)
    lines = "\n".join(alarms.page(document, generated, files.measured(scanner, 1, 5)))
    assert all(f"| {it} " in lines for it in (*corpora.CLEAN, *corpora.HELD))
    assert all(f"| {it} " in lines for it in files.VALUES if it != "email")
