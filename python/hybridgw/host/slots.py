"""Worker slots: taken by a worker at its start, and given back for one that died.

A killed worker cannot release what it held. Its in-flight counts stand in its own slot, so giving
the slot back corrects every sum at once. The server does it for each worker that it sees die; the housekeeper
once a second, for workers of a server that is gone as well; a worker itself when it finds no free slot, so
nothing depends on the housekeeper being up.
"""

import os
import time

from hybridgw.host.process import alive, start_ticks
from hybridgw.native import StateFile


def sweep(state: StateFile) -> int:
    """Give back the slots of dead processes; how many there were."""
    claimed = [(slot["slot"], slot["pid"], slot["start_ticks"]) for slot in state.slots()]
    return state.sweep([one for one in claimed if not alive(one[1], one[2])])


def claim(state: StateFile) -> int:
    """A slot for this process. RuntimeError when living processes hold all of them."""
    pid = os.getpid()
    ticks = start_ticks(pid)
    try:
        return state.claim(pid, ticks, time.monotonic_ns())
    except RuntimeError:
        sweep(state)
        return state.claim(pid, ticks, time.monotonic_ns())
