"""Fixtures of Anthropic's wire, through the hub and back: a change in any byte is seen.

A folder of `tests/golden/anthropic` is one exchange: the client's request (`client.json`, in Messages,
the only dialect that can say all of it), what Anthropic is sent (`sent.json`), its answer whole and as
a stream (`answer.json`, `answer.sse`), and what a Messages client reads (`told.json`, `told.sse`). After
a change that is meant, `python -m tests.unit.providers.test_anthropic_golden` writes the results anew.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from hybridgw.core import Shape
from hybridgw.dialects import MESSAGES, Fault
from hybridgw.dialects.messages_write import MessagesWriter
from hybridgw.native import Relay
from hybridgw.providers import Backend
from hybridgw.providers.anthropic import Anthropic
from hybridgw.wire import Event, Failure

FOLDER = Path(__file__).resolve().parents[2] / "golden" / "anthropic"
CASES = sorted(folder.name for folder in FOLDER.iterdir())


def results(case: str, one_by_one: bool = False) -> Iterator[tuple[str, bytes]]:
    """Name and content of what is compared."""
    folder = FOLDER / case
    ask = MESSAGES.read((folder / "client.json").read_bytes())
    outbound = Anthropic(Backend())
    yield "sent.json", outbound.request(ask) + b"\n"

    def writer() -> MessagesWriter:
        return MessagesWriter(ask, MESSAGES.error_event, "msg_told", lambda size: "0" * size)

    def failed(events: list[Event]) -> Fault | None:
        for event in events:
            if isinstance(event, Failure):
                return Fault(502, "server_error", "upstream_error", event.message)
        return None

    events = outbound.whole((folder / "answer.json").read_bytes())
    fault = failed(events)
    yield "told.json", (MESSAGES.error(fault) if fault else writer().whole(events)) + b"\n"
    stream = (folder / "answer.sse").read_bytes()
    pieces = [event + b"\n\n" for event in stream.split(b"\n\n")[:-1]] if one_by_one else [stream]
    outbound, written, out = Anthropic(Backend()), writer(), b""
    outbound.request(ask)
    for piece in pieces:
        events = outbound.feed(piece)
        fault = failed(events)
        out += written.feed([event for event in events if not isinstance(event, Failure)])
        if fault:
            yield "told.sse", out + written.error_event(fault)
            return
    yield "told.sse", out + written.feed(outbound.close()) + written.close()


@pytest.mark.parametrize("one_by_one", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_golden(case: str, one_by_one: bool) -> None:
    for name, content in results(case, one_by_one):
        # In a batch of events the usage is known when the message begins.
        if name != "told.sse" or one_by_one:
            assert content.decode() == (FOLDER / case / name).read_text(), name


@pytest.mark.parametrize("size", [1, 7])
@pytest.mark.parametrize("case", CASES)
def test_cuts_anywhere_change_nothing(case: str, size: int) -> None:
    """Through the relay, which hands on whole events whatever the network made of them."""
    stream = (FOLDER / case / "answer.sse").read_bytes()
    relay, outbound = Relay(Shape.MESSAGES, False), Anthropic(Backend())
    events: list[Event] = []
    for start in range(0, len(stream), size):
        whole = relay.feed(stream[start : start + size])
        events += outbound.feed(whole) if whole else []
    assert events == Anthropic(Backend()).feed(stream)


def test_the_cases() -> None:
    assert CASES == ["error", "plain", "thinking", "tools"]


if __name__ == "__main__":
    for one in CASES:
        for name, content in results(one, one_by_one=True):
            (FOLDER / one / name).write_bytes(content)
