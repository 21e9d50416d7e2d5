"""The committed results and the page made of them are those of this checkout."""

import os

import pytest

from tests.conformance import report, results
from tests.conformance.areas import CASES
from tests.conformance.results import Ending

MEND = "run `python -m tests.conformance.report` and commit docs/compatibility.*"


def test_the_results_are_committed(endings: dict[str, Ending]) -> None:
    """Compared when all cases ran in this session, which is the case unless some were picked."""
    if set(endings) != set(CASES) or os.environ.get("HYBRIDGW_PENDING"):
        pytest.skip("only some of the cases were run")
    assert not results.note(endings), f"docs/compatibility.json has changed; {MEND}"


def test_the_page_is_made_of_them() -> None:
    kept = results.committed()
    assert set(kept.cases) == set(CASES), f"the cases have changed; run all of them, then {MEND}"
    assert kept.clients == results.client_versions(), f"a client has another version; run all, then {MEND}"
    pending = {name for name, ending in kept.cases.items() if ending.result == "pending"}
    assert {name for name, case in CASES.items() if case.pending} <= pending, MEND
    assert results.PAGE.read_text() == report.page(kept), MEND
