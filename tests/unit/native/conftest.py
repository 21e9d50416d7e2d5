"""A worker of one's own: anonymous state, a claimed slot, a journal in a temporary folder."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hybridgw.core import Boundary
from hybridgw.native import Decision, Journal, Principal, Router, StateFile

OWNED = ["hybridgw", "timeout", "num_retries"]
TIERS = ["local", "private", "cloud"]
SECOND = 1_000_000_000


def deployment(index: int, boundary: Boundary = Boundary.DEVICE, **more: Any) -> dict[str, Any]:
    """A deployment of the plan: `up<index>` in the tier that its boundary suggests."""
    return {
        "id": f"{index + 1:016x}",
        "name": f"{TIERS[boundary]}/d{index}",
        "model": f"up{index}",
        "tier": TIERS[boundary],
        "boundary": int(boundary),
        **more,
    }


class Worker:
    """Router and state of one process, and a clock that the test turns."""

    def __init__(self, folder: Path, deployments: list[dict[str, Any]], **model: Any) -> None:
        self.state = StateFile.anonymous(2, 16)
        self.slot = self.state.claim(10, 1, 0)
        self.journal = Journal(folder, 7, self.slot, self.state.epoch(self.slot), 1 << 16)
        groups = [[index] for index in range(len(deployments))]
        plan = {
            "generation": 3,
            "owned_keys": OWNED,
            "tiers": TIERS,
            "deployments": deployments,
            "models": [{"name": "m", "groups": groups, **model}],
        }
        self.router = Router(json.dumps(plan).encode(), self.state, self.slot, self.journal)
        self.principal = Principal("test", 5, int(Boundary.EXTERNAL))
        self.mono = 1000 * SECOND

    def decide(
        self, body: bytes, hints: dict[str, str] | None = None, principal: Principal | None = None
    ) -> Decision:
        return self.router.decide(body, principal or self.principal, 0, hints, self.mono, self.mono, 1)

    def explain(self, body: bytes) -> dict[str, Any]:
        text = self.router.explain(body, self.principal, 0, None, self.mono, self.mono, 1)
        told: dict[str, Any] = json.loads(text)
        return told

    def in_flight(self) -> int:
        return sum(entry["in_flight"] for entry in self.state.breakers(self.mono))


@pytest.fixture
def worker(tmp_path: Path) -> Callable[..., Worker]:
    """Makes a worker from deployments and more members of its model."""

    def make(*deployments: dict[str, Any], **model: Any) -> Worker:
        return Worker(tmp_path, list(deployments) or [deployment(0)], **model)

    return make
