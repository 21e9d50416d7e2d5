"""One place to wait in: for signals, for descriptors, for time.

A signalfd and not a handler: nothing is interrupted, a signal that came before is still there, and it is
read like everything else that may wake this process. Linux only, like the rest of the host layer.
"""

import ctypes
import os
import select
import signal
import sys
from collections.abc import Collection

_SIGSET_BYTES = 128
_INFO_BYTES = 128
"""One `signalfd_siginfo`; the signal's number is its first word."""


def signal_descriptor(numbers: Collection[signal.Signals]) -> int:
    """A descriptor that becomes readable when one of these signals is pending. The caller has blocked
    them in every thread. OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    wanted = ctypes.create_string_buffer(_SIGSET_BYTES)
    libc.sigemptyset(wanted)
    for number in numbers:
        libc.sigaddset(wanted, int(number))
    # Its flags are those of open(2).
    descriptor = int(libc.signalfd(-1, wanted, os.O_NONBLOCK | os.O_CLOEXEC))
    if descriptor < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"signalfd: {os.strerror(error)}")
    return descriptor


class Wakeups:
    """Waits for `numbers` (blocked signals) and for descriptors that are added."""

    def __init__(self, numbers: Collection[signal.Signals]) -> None:
        self._signals = signal_descriptor(numbers)
        self._poll = select.epoll()
        self.add(self._signals)

    def add(self, descriptor: int) -> None:
        """Wake up when it is readable, and again until somebody has read it."""
        self._poll.register(descriptor, select.EPOLLIN)

    def wait(self, seconds: float) -> tuple[list[signal.Signals], set[int]]:
        """The signals that arrived, oldest first, and the descriptors that are readable."""
        ready = {descriptor for descriptor, _ in self._poll.poll(max(0.0, seconds))}
        arrived = self._arrived() if self._signals in ready else []
        return arrived, ready - {self._signals}

    def _arrived(self) -> list[signal.Signals]:
        found: list[signal.Signals] = []
        while True:
            try:
                info = os.read(self._signals, _INFO_BYTES)
            except BlockingIOError:
                return found
            found.append(signal.Signals(int.from_bytes(info[:4], sys.byteorder)))

    def close(self) -> None:
        """Wait no more."""
        self._poll.close()
        os.close(self._signals)
