"""Worker slots whose process is gone: found by pid and start time, given back.

A killed worker cannot release what it held. Its in-flight counts stand in its own slot, so giving
the slot back corrects every sum at once. The housekeeper does it ten times a second; a worker does
it itself when it finds no free slot, so nothing depends on the housekeeper being up.
"""

from hybridgw.host.process import alive
from hybridgw.native import StateFile


def sweep(state: StateFile) -> int:
    """Give back the slots of dead processes; how many there were."""
    claimed = [(slot["slot"], slot["pid"], slot["start_ticks"]) for slot in state.slots()]
    return state.sweep([one for one in claimed if not alive(one[1], one[2])])
