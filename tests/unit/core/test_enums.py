"""The numbers that both languages write on disk and over the seam are the same numbers."""

import pytest

from hybridgw.core import Boundary, Level, Outcome, Route, Shape, Verdict
from hybridgw.native import catalogue

MIRRORS = {
    "boundaries": Boundary,
    "levels": Level,
    "routes": Route,
    "outcomes": Outcome,
    "shapes": Shape,
    "verdicts": Verdict,
}


@pytest.mark.parametrize("name", MIRRORS)
def test_python_mirrors_the_native_catalogue(name: str) -> None:
    ours = {member.name.lower(): int(member) for member in MIRRORS[name]}
    theirs = {key.lower(): value for key, value in catalogue()[name].items()}
    assert ours == theirs
