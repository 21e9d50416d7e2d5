"""The relay: what an event costs when it passes, arrives in pieces, or the whole answer is one document."""

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.micro.setup import timed
from hybridgw.core import Route
from hybridgw.demo.ask import read
from hybridgw.demo.faults import Faults
from hybridgw.demo.model import Answer
from hybridgw.native import Relay

_EVENTS = 64


def _answer() -> Answer:
    request = {"model": "m", "messages": [{"role": "user", "content": "hello"}], "stream": True}
    ask = read(request | {"stream_options": {"include_usage": True}}, chat=True)
    return Answer(ask, "local", 1, 0, Faults(events=_EVENTS))


def _wire() -> list[bytes]:
    """The events of a stream as they come from a socket, one each."""
    return [b"data: " + event.data + b"\n\n" for event in _answer().events()]


def test_one_event_per_read(benchmark: BenchmarkFixture) -> None:
    """A paced stream: each read holds one event, and the very object comes back. Only the usage waits for
    the end mark, with which it leaves: another choice could still follow."""
    wire = _wire()
    end = b"".join(wire[-2:])

    def stream() -> Relay:
        relay = Relay(int(Route.CHAT), False)
        for chunk in wire[:-2]:
            if relay.feed(chunk) is not chunk:
                raise AssertionError("the chunk was copied")
        if b"".join(filter(None, map(relay.feed, wire[-2:]))) != end:
            raise AssertionError("the end is another one")
        return relay

    relay = timed(
        benchmark,
        stream,
        rounds=300,
        iterations=5,
        name="relay, one event per read (each event)",
        per=len(wire),
    )
    assert relay.terminal and relay.finished and relay.content
    assert relay.events == len(wire)
    assert relay.usage is not None and relay.usage[1] == _EVENTS


def test_all_events_in_one_read(benchmark: BenchmarkFixture) -> None:
    """A burst: one read holds the whole stream."""
    wire = b"".join(_wire())

    def stream() -> Relay:
        relay = Relay(int(Route.CHAT), False)
        if relay.feed(wire) is not wire:
            raise AssertionError("the burst was copied")
        return relay

    events = _EVENTS + 4
    relay = timed(benchmark, stream, rounds=300, iterations=5, name="relay, burst (each event)", per=events)
    assert relay.terminal and relay.usage is not None


@pytest.mark.parametrize("size", [7, 100])
def test_reads_that_cut_events(benchmark: BenchmarkFixture, size: int) -> None:
    """Tiny packets: events are put together again, and the output is the same bytes."""
    wire = b"".join(_wire())
    pieces = [wire[i : i + size] for i in range(0, len(wire), size)]

    def stream() -> bytes:
        relay = Relay(int(Route.CHAT), False)
        out = [relay.feed(piece) for piece in pieces]
        out.append(relay.finish())
        return b"".join(part for part in out if part)

    assert (
        timed(
            benchmark,
            stream,
            rounds=100,
            iterations=1,
            name=f"relay, reads of {size} bytes (each read)",
            per=len(pieces),
        )
        == wire
    )


def test_stripping_usage(benchmark: BenchmarkFixture) -> None:
    """The usage event that the client did not ask for is dropped; the rest passes."""
    wire = _wire()

    def stream() -> list[bytes | None]:
        relay = Relay(int(Route.CHAT), True)
        return [relay.feed(chunk) for chunk in wire]

    out = timed(
        benchmark, stream, rounds=300, iterations=5, name="relay, usage stripped (each event)", per=len(wire)
    )
    passed = b"".join(part for part in out if part)
    assert b'"prompt_tokens"' not in passed and passed.endswith(b"data: [DONE]\n\n")


def test_document(benchmark: BenchmarkFixture) -> None:
    """A whole answer: observed, and the same object returned."""
    body = _answer().document()

    def observe() -> Relay:
        relay = Relay(int(Route.CHAT), False)
        if relay.observe(body) is not body:
            raise AssertionError("the document was copied")
        return relay

    relay = timed(benchmark, observe, rounds=300, iterations=50, name="observe a document")
    assert relay.usage is not None and relay.usage[1] == _EVENTS
