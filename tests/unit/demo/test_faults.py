"""Faults are written by hand in tests and requests: reading them must be exact and must not forgive."""

import pytest

from hybridgw.demo.faults import NONE, VOCABULARY, FaultError, Faults, parse


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("", NONE),
        (None, NONE),
        ("status=429;retry-after=2", Faults(status=429, retry_after="2")),
        ("status=429, retry-after=Wed, 21 Oct 2026 07:28:00 GMT", None),
        ("latency=200ms", Faults(latency=0.2)),
        ("latency=2", Faults(latency=2.0)),
        ("gap=1500us; first_token=1m", Faults(gap=0.0015, first_token=60.0)),
        ("huge-event=10MB", Faults(huge_event=10_000_000)),
        ("slice=1;split-utf8", Faults(slice=1, split_utf8=True)),
        ("wrong-length", Faults(wrong_length=10)),
        ("wrong-length=-5", Faults(wrong_length=-5)),
        ("content-type=", Faults(content_type="")),
        ({"status": 500, "no_done": True, "gap": "2ms"}, Faults(status=500, no_done=True, gap=0.002)),
        ({"no-done": False}, NONE),
    ],
)
def test_specifications_mean_what_they_say(
    spec: str | dict[str, object] | None, expected: Faults | None
) -> None:
    """Units, both spellings of names, dates with commas."""
    if expected is None:
        expected = Faults(status=429, retry_after="Wed, 21 Oct 2026 07:28:00 GMT")
    assert parse(spec) == expected


@pytest.mark.parametrize(
    "spec",
    ["bogus", "status=", "status", "status=abc", "latency=-1s", "latency=5parsec", "slice=2s", "hang=perhaps",
     "error-shape=round", {"status": None}],
)  # fmt: skip
def test_a_fault_that_is_not_understood_is_refused(spec: str | dict[str, object]) -> None:
    """A misspelt fault would let a test pass for nothing."""
    with pytest.raises(FaultError):
        parse(spec)


def test_every_name_is_described() -> None:
    """The vocabulary is what `/demo/faults` lists: each word in its written form, once."""
    assert len(set(VOCABULARY)) == len(VOCABULARY) == len(Faults.__struct_fields__)
    assert all(name == name.lower() and "_" not in name for name in VOCABULARY)
