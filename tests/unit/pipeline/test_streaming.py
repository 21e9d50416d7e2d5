"""A heartbeat that is on its way goes out before what is written after it."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from hybridgw.core import Shape
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

    def write(self, held: bytes) -> bytes:
        self._order.append(held.decode())
        return held

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

        async def write(_: object) -> None:
            pass

        call: Any = SimpleNamespace(
            beat=None, memory=None, back=lambda _: None, leave=lambda _: None, end=lambda: None,
            head_sent=True, bytes_sent=0, writer=None, client=SimpleNamespace(write=write, end=write),
        )  # fmt: skip
        stream: Any = Stream(call, order)
        stream.content = True
        attempt: Any = SimpleNamespace(
            call=call, relay=stream, response=stream, translation=stream, pending=None, body=False,
            writer=object(), held=b"zero", complete=False, committed=False, settle=lambda *_: None,
            exchange=SimpleNamespace(shape=Shape.CHAT),
        )  # fmt: skip
        if not begun:
            call.beat = asyncio.ensure_future(stream._beat())
        gate: Any = SimpleNamespace(commit=lambda it: setattr(it, "committed", True))
        await streaming.send_stream(gate, attempt)
        return order

    order = asyncio.run(run())
    assert order == ["beat"] * (not begun) + ["zero", "beat", "one", "one", "beat", "two", "two"]
