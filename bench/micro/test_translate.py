"""Translation through the hub: a request of 1 KB, and each event of a stream."""

import json

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.micro.setup import chat, timed
from hybridgw.core import Route
from hybridgw.dialects import DIALECTS
from hybridgw.providers import Backend, provider_named

_EVENTS = 64
_REQUEST_US = 60.0
_EVENT_US = 12.0


def _sse(name: str, payload: object) -> bytes:
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(payload)}\n\n".encode()


def _anthropic() -> list[bytes]:
    usage = {"input_tokens": 12, "output_tokens": 1}
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [],
        "usage": usage,
    }
    events = [
        _sse("message_start", {"type": "message_start", "message": message}),
        _sse(
            "content_block_start",
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        ),
    ]
    delta = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": " word"}}
    events += [_sse("content_block_delta", delta)] * (_EVENTS - 5)
    events += [
        _sse("content_block_stop", {"type": "content_block_stop", "index": 0}),
        _sse(
            "message_delta",
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 60}},
        ),
        _sse("message_stop", {"type": "message_stop"}),
    ]
    return events


def _gemini() -> list[bytes]:
    def chunk(text: str, **more: object) -> bytes:
        candidate = {"content": {"parts": [{"text": text}], "role": "model"}, "index": 0, **more}
        usage = {"promptTokenCount": 12, "candidatesTokenCount": 3, "totalTokenCount": 15}
        return _sse("", {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "m"})

    return [*(chunk(" word") for _ in range(_EVENTS - 1)), chunk("", finishReason="STOP")]


STREAMS = {"anthropic": _anthropic, "gemini": _gemini}


@pytest.mark.parametrize("provider", STREAMS)
def test_request(benchmark: BenchmarkFixture, provider: str) -> None:
    """A Chat body read into the hub and written for a backend of another wire."""
    row = provider_named(provider)
    assert row is not None and row.outbound is not None
    make, dialect, body = row.outbound, DIALECTS[Route.CHAT], chat(1_000)
    backend = Backend()

    def translate() -> bytes:
        return make(backend).request(dialect.read(body))

    written = timed(
        benchmark,
        translate,
        rounds=300,
        iterations=10,
        name=f"Chat to {provider}, 1 KB",
        target_us=_REQUEST_US,
    )
    assert b"messages" in written or b"contents" in written


@pytest.mark.parametrize("provider", STREAMS)
def test_event(benchmark: BenchmarkFixture, provider: str) -> None:
    """The stream of such a backend, event by event, as the events of a Chat client."""
    row = provider_named(provider)
    assert row is not None and row.outbound is not None
    make, dialect, body = row.outbound, DIALECTS[Route.CHAT], chat(1_000, stream=True)
    wire = STREAMS[provider]()

    def stream() -> bytes:
        ask = dialect.read(body)
        outbound, writer = make(Backend()), dialect.writer(ask)
        told = [writer.feed(outbound.feed(event)) for event in wire]
        told.append(writer.feed(outbound.close()) + writer.close())
        return b"".join(told)

    told = timed(
        benchmark,
        stream,
        rounds=200,
        iterations=1,
        name=f"{provider} to Chat, each event (a {_EVENTS}th of request and stream)",
        per=len(wire),
        target_us=_EVENT_US,
    )
    assert told.endswith(b"data: [DONE]\n\n") and told.count(b" word") >= _EVENTS - 5
