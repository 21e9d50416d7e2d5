"""How a stream ended: every state of an answer with every way in which its bytes can stop."""

import pytest

from hybridgw.core import Outcome
from hybridgw.errors import UpstreamError
from hybridgw.native import Relay
from hybridgw.pipeline.ends import TABLE, Ending, Stop, ending, failed

LOST = UpstreamError(Outcome.TRUNCATED, "reset")
FAILURES: dict[Stop, UpstreamError | None] = {
    Stop.CLEAN: None,
    Stop.LOST: LOST,
    Stop.GARBLED: UpstreamError(Outcome.MALFORMED, "garbled"),
    Stop.SILENT: UpstreamError(Outcome.STALLED, "silent"),
    Stop.LATE: UpstreamError(Outcome.TOTAL_TIMEOUT, "late"),
}
# Each dialect: a beginning, what ends the answer, and the mark that may be missing.
BEGUN = b'"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{'
CHAT = (
    b"data: {" + BEGUN + b'"role":"assistant","content":"a"},"finish_reason":null}]}\n\n',
    b"data: {" + BEGUN + b'},"finish_reason":"stop"}]}\n\n',
    b"data: [DONE]\n\n",
)
MESSAGES = (
    b'event: message_start\ndata: {"type":"message_start","message":{"content":[],"usage":{}}}\n\n',
    b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":'
    b'{"output_tokens":1}}\n\n',
    b'event: message_stop\ndata: {"type":"message_stop"}\n\n',
)
RESPONSES = (
    b'event: response.created\ndata: {"type":"response.created","sequence_number":0,'
    b'"response":{"id":"r"}}\n\n',
    b"",
    b'event: response.completed\ndata: {"type":"response.completed","sequence_number":1,"response":{"id":"r",'
    b'"status":"completed"}}\n\n',
)
OLLAMA = (
    b'{"model":"m","created_at":"x","message":{"role":"assistant","content":"a"},"done":false}\n',
    b"",
    b'{"model":"m","created_at":"x","message":{"role":"assistant","content":""},"done":true}\n',
)
DIALECTS = [(0, CHAT), (4, MESSAGES), (3, RESPONSES), (5, OLLAMA)]


def test_every_state_of_an_answer_is_decided() -> None:
    assert all(set(row) == set(Stop) for row in TABLE.values())
    assert all(TABLE[end][stop] is Ending.COMPLETE for end in ("done", "finished") for stop in Stop)


@pytest.mark.parametrize("stop", Stop)
@pytest.mark.parametrize(("shape", "parts"), DIALECTS)
def test_what_matters_was_said(shape: int, parts: tuple[bytes, ...], stop: Stop) -> None:
    begun, end, mark = parts
    failure = FAILURES[stop]
    for said, complete in ((begun, False), (begun + end, bool(end)), (begun + end + mark, True)):
        relay = Relay(shape, False)
        relay.feed(said)
        rest = relay.finish() or b""
        found = ending(relay.end, failure)
        assert (found is Ending.COMPLETE) == complete, (said, relay.end)
        if complete:
            assert (relay.feed(said), said.endswith(mark) or rest.endswith(mark)) == (None, True)
        else:
            expected = Outcome.TRUNCATED if failure is None else failure.outcome
            assert failed(found, failure).outcome == expected


def test_the_end_of_the_gateway_is_nobody_elses() -> None:
    with pytest.raises(UpstreamError) as caught:
        ending("truncated", UpstreamError(Outcome.DRAINING, "stopping"))
    assert caught.value.outcome == Outcome.DRAINING
