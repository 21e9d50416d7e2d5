"""What the scan does with a request that waits, by its clock and without any."""

import asyncio
from typing import Any, cast

import pytest

from hybridgw.config.schema import ServerSettings
from hybridgw.pipeline.call import Call
from hybridgw.pipeline.watchdog import Watchdog

SECOND = 1_000_000_000


class Waiting:
    """As much of a call as the scan looks at."""

    begun_ns = 0
    last_sent_ns = 0
    reading = False
    refused = False
    received = 0
    ended = False
    head_sent = True
    sending_since_ns = 0
    watch = beat = decision = None

    def __init__(self, **differs: Any) -> None:
        self.__dict__.update(differs)
        self.causes: list[str] = []

    def abort(self, cause: str) -> None:
        self.causes.append(cause)


def causes(seconds: float, server: ServerSettings, **differs: Any) -> list[str]:
    """Why a call like this is ended after so many seconds."""

    async def look() -> list[str]:
        call = Waiting(watch=object(), **differs)
        Watchdog(cast(Any, None))._look(cast(Call, call), int(seconds * SECOND), server)
        assert call.beat is None
        return call.causes

    return asyncio.run(look())


@pytest.mark.parametrize(
    ("seconds", "received", "given_up"),
    [(4.9, 0, False), (6.0, 99, True), (6.0, 100, False), (15.0, 999, True)],
)
def test_a_body_slower_than_the_least_rate_is_given_up(seconds: float, received: int, given_up: bool) -> None:
    server = ServerSettings(body_min_rate=100)
    assert causes(seconds, server, reading=True, received=received) == ["body_timeout"] * given_up


def test_a_refused_body_has_limits_of_its_own() -> None:
    server = ServerSettings(body_timeout=1.0)
    assert causes(2, server, reading=True) == ["body_timeout"]
    assert causes(2, server, reading=True, refused=True) == []


def test_the_last_bytes_may_stall_and_get_no_heartbeat() -> None:
    class Streaming:
        stream = True

    server = ServerSettings(write_stall=1.0, heartbeat=1.0)
    assert causes(3, server, ended=True, decision=Streaming()) == []
    assert causes(3, server, ended=True, sending_since_ns=SECOND, decision=Streaming()) == ["client_stalled"]
