"""Waiting for something to become true, and what tests of several processes ask the system."""

import http.client
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

LIMIT = 20.0
Found = TypeVar("Found")


def until(question: Callable[[], Found], limit: float = LIMIT) -> Found:
    """The first true answer; asks every few milliseconds. An answer that raises OSError is no answer."""
    end = time.monotonic() + limit
    while True:
        try:
            answer = question()
        except (OSError, http.client.HTTPException) as error:
            if time.monotonic() >= end:
                raise AssertionError(f"nothing within {limit} s") from error
        else:
            if answer:
                return answer
            assert time.monotonic() < end, f"nothing within {limit} s"
        time.sleep(0.005)


def free_port() -> int:
    """A port that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def children(pid: int) -> list[int]:
    """Direct children of a process."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []
