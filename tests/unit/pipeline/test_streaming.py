"""A heartbeat that is on its way goes out before what is written after it."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from hybridgw.pipeline import streaming


class Stream:
    """An upstream, a relay and a translation in one, as far as the stream's loop looks at them."""

    error = None
    too_large = unreadable = not_sse = finished = False
    end = "finished"

    def __init__(self, call: Any, order: list[str]) -> None:
        self._call = call
        self._order = order
        self._chunks = [b"one", b"two", b""]
        self.content = self.terminal = False

    async def read(self) -> bytes:
        chunk = self._chunks.pop(0)
        if chunk:
            # The watchdog wakes up while the upstream is silent.
            self._call.beat = asyncio.ensure_future(self._beat())
        return chunk

    async def _beat(self) -> None:
        await asyncio.sleep(0)
        self._order.append("beat")
        self._call.beat = None

    def feed(self, events: bytes) -> bytes:
        """Of the relay as of the translation."""
        if self.content:
            self._order.append(events.decode())
        self.content = True
        return events

    def close(self) -> bytes:
        return b""

    def finish(self) -> bytes:
        self.finished = True
        return b""

    def arm(self, *_: object) -> None:
        pass

    def touch(self) -> None:
        pass


@pytest.mark.parametrize("begun", [False, True])
def test_a_writer_is_not_fed_while_a_heartbeat_of_its_own_waits(begun: bool) -> None:
    async def run() -> list[str]:
        order: list[str] = []
        permit = SimpleNamespace(
            deployment=0, first_token=lambda _: None, commit=lambda: None, finish=lambda *_: None
        )
        limits = SimpleNamespace(idle=1.0)
        call: Any = SimpleNamespace(
            beat=None,
            memory=None,
            back=lambda _: None,
            plan=SimpleNamespace(upstreams=[SimpleNamespace(stream_timeouts=limits)]),
        )
        stream: Any = Stream(call, order)
        if not begun:
            await streaming._until_content(call, permit, stream, stream, stream)  # type: ignore[arg-type]
            return order
        call.head_sent, call.bytes_sent, call.ended = True, 0, False
        call.leave = lambda _: None

        async def write(_: object) -> None:
            pass

        call.client = SimpleNamespace(write=write, end=write)
        stream.content = True
        await streaming._relay(call, permit, stream, stream, stream, b"")  # type: ignore[arg-type]
        return order

    order = asyncio.run(run())
    assert order[0] == "beat"
    assert order.count("beat") == (2 if begun else 1)
    if begun:
        assert order == ["beat", "one", "one", "beat", "two", "two"]
