"""A worker that writes to a journal, for tests of what reads it: real records by the real writer."""

import json
import os
import shutil
from pathlib import Path

from hybridgw.core import Boundary, Outcome, Shape
from hybridgw.native import Decision, Journal, Principal, Router, StateFile

SECOND = 1_000_000_000
DEPLOYMENT = "local/a"
PLAN = {
    "generation": 1,
    "owned_keys": [],
    "tiers": ["local"],
    "deployments": [
        {
            "id": f"{1:016x}",
            "name": DEPLOYMENT,
            "model": "a",
            "tier": "local",
            "boundary": int(Boundary.DEVICE),
        }
    ],
    "models": [{"name": "m", "groups": [[0]]}],
}


class JournalWriter:
    """Writes attempts, each a second after the one before. One per instance."""

    def __init__(
        self, folder: Path, instance: int = 1, *, start: int = 1_000_000, size: int = 1 << 16
    ) -> None:
        """`folder` is a state folder."""
        self.folder = folder
        self.instance = instance
        self.now = start
        self._size = size
        (folder / "journal").mkdir(exist_ok=True)
        self._state = StateFile.create(folder / f"state-{instance}", instance, 4, 4)
        self._open(folder / "journal")

    def _open(self, folder: Path) -> None:
        slot = self._state.claim(os.getpid(), 1, 0)
        self.journal = Journal(folder, self.instance, slot, self._state.epoch(slot), self._size)
        self._router = Router(json.dumps(PLAN).encode(), self._state, slot, self.journal)

    def begin(self, key: int = 7) -> Decision:
        """An attempt that is open as long as the decision lives, or until `end`."""
        self.now += 1
        mono = self.now * SECOND
        principal = Principal("test", key, int(Boundary.EXTERNAL))
        return self._router.decide(b'{"model":"m","messages":[]}', principal, 0, None, mono, mono, 1)

    def end(
        self,
        decision: Decision,
        outcome: Outcome = Outcome.SUCCESS,
        *,
        tokens: tuple[int, int] = (3, 2),
        cost: str = "null",
    ) -> str:
        """Settle an attempt; its request id."""
        relay = decision.permit.relay(Shape.CHAT, False)
        usage = b'{"prompt_tokens":%d,"completion_tokens":%d,"cost":%s}' % (*tokens, cost.encode())
        relay.observe(b'{"choices":[],"usage":%s}' % usage)
        mono = self.now * SECOND + SECOND // 2
        decision.permit.finish(int(outcome), 200, 10, True, mono, mono)
        return decision.id

    def attempts(self, count: int) -> list[str]:
        """Settled attempts; their request ids."""
        return [self.end(self.begin()) for _ in range(count)]

    def close(self) -> None:
        """An orderly end."""
        self.journal.close()


def killed_writer(folder: Path, instance: int, settled: int) -> tuple[list[str], str]:
    """The journal of a worker that was killed with one attempt open: ids of the settled ones, and that one.
    Its segment has its full length and no end mark."""
    elsewhere = folder / f"elsewhere-{instance}"
    elsewhere.mkdir()
    writer = JournalWriter(elsewhere, instance)
    ids = writer.attempts(settled)
    pending = writer.begin()
    (folder / "journal").mkdir(exist_ok=True)
    path = Path(writer.journal.path())
    shutil.copy(path, folder / "journal" / path.name)
    return ids, pending.id
