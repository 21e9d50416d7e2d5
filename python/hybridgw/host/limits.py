"""What this host has: descriptors, and how many connections they let a worker take; memory, and how much
of it request bodies may fill.

A request in flight holds two, its client's and its upstream's. A worker that accepts more than it
can answer fails requests that it could have left in the queue, so the limit on connections is
derived from the limit on descriptors and not chosen. Beyond it, connections wait in the kernel.
"""

import contextlib
import os
import resource
from pathlib import Path

_OWN = 64
"""Descriptors that are not connections: logs, journal, state, loop, database, a reload in progress."""
_MOST = 65_536


def raise_descriptor_limit() -> int:
    """Lift the soft limit to the hard one; the limit then in force. Inherited by all children."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        # Refused where the hard limit lies above what the kernel allows at all: keep what there is.
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def connection_limit() -> int:
    """Client connections that one worker may hold open at once."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return _MOST
    return max(16, min(_MOST, (soft - _OWN) // 2))


_BODY_SHARE = 8
"""All bodies of all workers together fill at most this part of the memory: each is held two to three times
while it is forwarded, and there is more than bodies."""
_LEAST_ROOM = 64 * 1024 * 1024
_CGROUP = Path("/sys/fs/cgroup/memory.max")


def body_room(workers: int) -> int:
    """Bytes of request bodies that one of `workers` may hold, from the memory of the machine or, where that
    is less, of its control group."""
    return max(_LEAST_ROOM, _memory() // _BODY_SHARE // max(1, workers))


def _memory() -> int:
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        return min(machine, int(_CGROUP.read_text()))
    except (OSError, ValueError):  # no control group, or "max"
        return machine
