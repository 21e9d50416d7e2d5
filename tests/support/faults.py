"""Faults between the steps of something that must survive a kill.

    for fault in every_fault():
        with fault.into(module, "function"), fault.into(os, "write"):
            act()
        if not fault.struck:
            break

Faults 2n-1 and 2n strike at the n-th call of all watched functions, one before and one after it did its
work, as a kill would fall on one side of it or the other.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock


class Killed(BaseException):
    """The process is gone at this instruction."""


class Fault:
    """Strikes at one call."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.struck = False
        self._calls = 0

    @contextlib.contextmanager
    def into(self, owner: Any, name: str) -> Iterator[None]:
        """Watch a function of a module or class."""
        original: Callable[..., Any] = getattr(owner, name)

        def watched(*arguments: Any, **named: Any) -> Any:
            before, after = 2 * self._calls + 1, 2 * self._calls + 2
            self._calls += 1
            if self.number == before:
                self.struck = True
                raise Killed
            try:
                return original(*arguments, **named)
            finally:
                if self.number == after:
                    self.struck = True
                    raise Killed

        with mock.patch.object(owner, name, watched):
            yield


def every_fault(most: int = 1000) -> Iterator[Fault]:
    """One after the other; the caller stops at the first that did not strike."""
    yield from map(Fault, range(1, most + 1))
