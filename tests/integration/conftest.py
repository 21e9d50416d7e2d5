"""One gateway and one set of demo upstreams per module; faults and logs are reset per test."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.demo import Demo
from tests.support.gateway import Gateway
from tests.support.player import Player

FAST = {"first_token": "400ms", "idle": "300ms", "total": "5s", "connect": "1s"}


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    with Demo() as upstreams:
        yield upstreams


@pytest.fixture(scope="module")
def player() -> Iterator[Player]:
    with Player() as upstream:
        yield upstream


@pytest.fixture(scope="module", params=["lean", "granian"])
def front(request: pytest.FixtureRequest) -> str:
    """The server in front: for tests of what clients see of HTTP itself."""
    return str(request.param)


@pytest.fixture(autouse=True)
def _fresh(request: pytest.FixtureRequest) -> None:
    if "demo" in request.fixturenames:
        request.getfixturevalue("demo").reset()


def config(demo: Demo, **more: Any) -> dict[str, Any]:
    """Two tiers behind one model, quick limits, a breaker that does not get in the way, and no probes:
    a fault is planned for whoever asks next, and that must be the test."""
    return {
        "timeouts": FAST,
        "server": {"heartbeat": "5s", "commit_after": "5s", "drain": "5s"},
        "breaker": {"enabled": False, "throttle": "1ms", "credential": "1ms", "credit": "1ms"},
        "health": {"enabled": False},
        "deployments": [demo.deployment("local"), demo.deployment("private")],
        "models": [{"name": "m", "deployments": ["local/m", "private/m"], "retries": 0}],
        **more,
    }


@pytest.fixture(scope="module")
def gateway(demo: Demo) -> Iterator[Gateway]:
    with Gateway(config(demo)) as running:
        yield running
