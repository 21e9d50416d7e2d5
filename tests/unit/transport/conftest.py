"""Every test here that takes `kind` and `loop` runs on both clients and both event loops."""

import pytest

from tests.support.loops import LOOPS, LoopFactory
from tests.support.transports import KINDS


@pytest.fixture(params=LOOPS)
def loop(request: pytest.FixtureRequest) -> LoopFactory:
    return LOOPS[request.param]


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)
