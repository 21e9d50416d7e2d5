"""One test per case, against one stage; see the package.

HYBRIDGW_PENDING=run runs also the cases of `pending.py`.
"""

import os

import pytest

from tests.conformance.areas import AREAS, CASES
from tests.conformance.registry import MissingClient, NotApplicable
from tests.conformance.results import Ending, committed
from tests.conformance.stage import Stage

PENDING_TOO = os.environ.get("HYBRIDGW_PENDING") == "run"


@pytest.mark.parametrize("name", sorted(CASES))
def test_case(name: str, stage: Stage, endings: dict[str, Ending]) -> None:
    case = CASES[name]
    if case.pending and not PENDING_TOO:
        endings[name] = Ending("pending", case.pending)
        pytest.skip(f"{name} {case.pending}")
    # Until it has come to an end of its own.
    endings[name] = Ending("failed")
    try:
        case.run(stage)
    except NotApplicable as why:
        endings[name] = Ending("not applicable", str(why))
    except MissingClient as why:
        endings[name] = committed().cases.get(name, Ending("pending", "has never been run"))
        pytest.skip(f"{name} NOT CHECKED: {why}")
    else:
        endings[name] = Ending("passed")
        if case.pending:
            pytest.skip(f"{name} PASSES BY NOW: remove it from pending.py")


@pytest.mark.parametrize("area", AREAS)
def test_the_table_is_complete(area: str) -> None:
    expected = {f"{area}{number:02}" for number in range(1, AREAS[area][1] + 1)}
    assert {name for name in CASES if name[0] == area} == expected
