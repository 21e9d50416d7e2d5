"""Whether the workers live: each shows it in its slot of the state file, ten times a second while it has
requests and once a second while it has none.

A process can exist and do nothing, for ever: stopped by a signal, caught in an uninterruptible read, in a
loop that does not end. The kernel goes on giving it connections, and whoever holds one waits. Such a worker
is told of after some seconds and ended after half a minute; the server puts another in its place.

What counts is how often this process has looked and seen no change, not the distance of two times: where
the whole machine slept, the one who looks slept as well, and nobody is to be blamed for it.
"""

import contextlib
import os
import signal
from typing import Any, Protocol

from hybridgw.host.console import say
from hybridgw.host.process import alive

LOOK = 1.0
"""Seconds between two looks."""
SUSPECT = 5
"""Looks without a sign of life after which a worker is told of."""
HOPELESS = 30
"""The same, after which it is ended: as long as a client waits before it goes elsewhere."""
FRESH_NS = SUSPECT * 1_000_000_000
"""A sign of life that is older, by a worker that looks at its siblings, is none."""


class Slots(Protocol):
    """What is asked of the state file."""

    def slots(self) -> list[dict[str, Any]]: ...


class LifeWatch:
    """Looks at all slots; called every `LOOK` seconds."""

    def __init__(self, state: Slots) -> None:
        self._state = state
        self._seen: dict[tuple[int, int], tuple[int, int]] = {}
        """By pid and start: the sign of life seen last, and how often it was."""

    def look(self) -> None:
        """Tell of those that show no life, and end those that are beyond hope."""
        seen = {}
        for slot in self._state.slots():
            who = (slot["pid"], slot["start_ticks"])
            sign, times = self._seen.get(who, (-1, 0))
            times = times + 1 if sign == slot["heartbeat"] else 0
            seen[who] = (slot["heartbeat"], times)
            if times == SUSPECT:
                say("housekeeper", f"worker (pid {who[0]}) has shown no life for {SUSPECT} s", "warning")
            elif times >= HOPELESS and alive(*who):
                say("housekeeper", f"worker (pid {who[0]}) hangs for {HOPELESS} s and is ended", "error")
                with contextlib.suppress(ProcessLookupError):
                    os.kill(who[0], signal.SIGKILL)
        self._seen = seen


def missing_workers(state: Slots, wanted: int, mono_ns: int) -> int:
    """How many of the `wanted` workers are not there or show no life."""
    fresh = sum(mono_ns - int(slot["heartbeat"]) < FRESH_NS for slot in state.slots())
    return max(0, wanted - fresh)
