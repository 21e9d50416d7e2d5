"""The stage is set once for all cases; how they ended is written down when all of them ran."""

from collections.abc import Iterator

import pytest

from tests.conformance.results import Ending
from tests.conformance.stage import Stage


@pytest.fixture(scope="session")
def theatre() -> Iterator[Stage]:
    with Stage() as stage:
        yield stage


@pytest.fixture
def stage(theatre: Stage) -> Stage:
    """The stage as it was before any case."""
    theatre.clear()
    return theatre


@pytest.fixture(scope="session")
def endings() -> dict[str, Ending]:
    """How the cases ended that ran in this session."""
    return {}
