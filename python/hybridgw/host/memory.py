"""Giving freed memory back to the system.

The allocator of the C library keeps what was freed for the next request. After a burst of large bodies that
is hundreds of megabytes which no request will need for hours, and which somebody else on the host could use.
Walking its lists takes milliseconds, so it is done in a thread and only when a burst is over.
"""

import contextlib
import ctypes


def give_back_memory() -> None:
    """Return unused pages of the heap to the system, where the C library can (glibc; musl cannot)."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
