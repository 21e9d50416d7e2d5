"""File descriptors: how many this host may open, and how many connections that lets a worker take.

A request in flight holds two, its client's and its upstream's. A worker that accepts more than it
can answer fails requests that it could have left in the queue, so the limit on connections is
derived from the limit on descriptors and not chosen. Beyond it, connections wait in the kernel.
"""

import contextlib
import resource

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
