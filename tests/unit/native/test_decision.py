"""Decide, next, finish: the seam as the pipeline drives it."""

import gc
import sys
from collections.abc import Callable

import pytest

from hybridgw.core import Boundary, Outcome, Shape
from hybridgw.native import DecideError, Principal, Relay, Router, StateFile, read_journal
from tests.unit.native.conftest import SECOND, Worker, deployment

BODY = b'{"model": "m", "messages": [{"role": "user", "content": "hello"}]}'
STREAM = b'{"model":"m","messages":[],"stream":true}'


def test_a_happy_request_takes_two_calls(worker: Callable[..., Worker]) -> None:
    w = worker()
    decision = w.decide(BODY)
    permit = decision.permit
    assert (decision.model, decision.stream, decision.attempts) == ("m", False, 1)
    assert (permit.deployment, permit.attempt, permit.delay_ms, permit.reason) == (0, 1, 0, "primary")
    assert (decision.ceiling, decision.level, permit.probe) == (Boundary.EXTERNAL, 0, False)
    assert permit.model == "up0"
    assert w.in_flight() == 1
    relay = permit.relay(0, False)
    relay.observe(b'{"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":2}}')
    permit.first_token(w.mono + 1)
    permit.finish(Outcome.SUCCESS, 200, 90, True, w.mono + SECOND, w.mono + SECOND)
    assert w.in_flight() == 0
    decided, start, settlement = read_journal(w.journal.path(), 0)[0]
    assert (decided["kind"], decided["id"], decided["config"]) == ("decision", decision.id, 3)
    assert decided["candidates"] == ((0, 0, "chosen", "", "primary", "", 0, 0),)
    assert decided["bounds"] == (("key", "external"), ("content", "external"))
    assert (start["kind"], start["id"], start["deployment_name"]) == ("start", decision.id, "local/d0")
    assert (start["tier"], start["reason"], start["config"]) == ("local", "primary", 3)
    assert (settlement["outcome"], settlement["prompt_tokens"]) == ("SUCCESS", 7)
    assert (settlement["bytes_sent"], settlement["duration_us"]) == (90, 1_000_000)


def test_a_failed_attempt_goes_on_elsewhere(worker: Callable[..., Worker]) -> None:
    w = worker(deployment(0), deployment(1, Boundary.EXTERNAL))
    decision = w.decide(BODY)
    following = decision.next(Outcome.RESET, 0, 0, 0, False, w.mono, w.mono, 2)
    assert following is not None
    assert (following.deployment, following.reason, following.attempt) == (1, "fallback", 2)
    assert b'"up1"' in following.body()
    assert decision.next(Outcome.RESET, 0, 0, 0, False, w.mono, w.mono, 2) is None
    assert (decision.exhausted, decision.attempts) == ("none_left", 2)
    assert w.in_flight() == 0


def test_the_ceiling_of_the_principal_bounds_all_attempts(worker: Callable[..., Worker]) -> None:
    w = worker(deployment(0), deployment(1, Boundary.EXTERNAL))
    near = Principal("near", 1, int(Boundary.DEVICE))
    decision = w.decide(BODY, principal=near)
    assert decision.next(Outcome.RESET, 0, 0, 0, False, w.mono, w.mono, 2) is None


def test_dropping_everything_releases(worker: Callable[..., Worker]) -> None:
    w = worker()
    decision = w.decide(BODY)
    permit = decision.permit
    del decision
    gc.collect()
    assert w.in_flight() == 1, "somebody still holds the permit"
    del permit
    gc.collect()
    assert w.in_flight() == 0
    assert read_journal(w.journal.path(), 0)[0][-1]["outcome"] == "CANCELLED"


def test_finishing_twice_changes_nothing(worker: Callable[..., Worker]) -> None:
    w = worker()
    permit = w.decide(BODY).permit
    for outcome in (Outcome.SUCCESS, Outcome.SERVER_ERROR):
        permit.finish(outcome, 200, 0, False, w.mono, w.mono)
    outcomes = w.state.snapshot(w.mono)["deployments"][1]["outcomes"]
    assert (outcomes[Outcome.SUCCESS], outcomes[Outcome.SERVER_ERROR]) == (1, 0)


@pytest.mark.parametrize(
    ("body", "hints", "code", "field"),
    [
        (b"{", None, "invalid_json", None),
        (b'{"model":"m"}', None, "missing_field", "messages"),
        (b'{"model":"other","messages":[]}', None, "model_not_found", "model"),
        (b'{"model":"m","messages":[],"stream":1}', None, "wrong_type", "stream"),
        (BODY, {"x-hybridgw-tier": "moon"}, "unknown_hint", "x-hybridgw-tier"),
        (BODY, {"x-hybridgw-tier": "cloud"}, "no_candidate", "model"),
    ],
)
def test_errors_carry_code_and_field(
    worker: Callable[..., Worker], body: bytes, hints: dict[str, str] | None, code: str, field: str | None
) -> None:
    w = worker()
    with pytest.raises(DecideError) as raised:
        w.decide(body, hints)
    error = raised.value
    assert (error.code, error.field, error.retry_after_ms) == (code, field, 0)
    assert str(error) == error.message
    assert w.in_flight() == 0


def test_references_to_media_are_told_and_files_refused(worker: Callable[..., Worker]) -> None:
    w = worker()
    body = b'{"model":"m","messages":[{"role":"user","content":[{"image_url":{"url":"%s"}}]}]}'
    assert w.decide(body % b"https://example.com/a.png").remote_media
    assert not w.decide(body % b"data:image/png;base64,iVBORw0KGgo=").remote_media
    with pytest.raises(DecideError) as raised:
        w.decide(body % b"file:///etc/passwd")
    assert (raised.value.code, raised.value.field) == ("invalid_value", "messages[0]")


def test_policy_and_outage_are_told_apart(worker: Callable[..., Worker]) -> None:
    w = worker(deployment(0, Boundary.EXTERNAL))
    with pytest.raises(DecideError) as denied:
        w.decide(BODY, principal=Principal("near", 1, int(Boundary.DEVICE)))
    assert denied.value.code == "policy_denied"
    # A single refusal asks for patience and closes nothing; a backend that cannot be reached is down.
    w.decide(BODY).next(Outcome.THROTTLED, 429, 7000, 0, False, w.mono, w.mono, 1)
    with pytest.raises(DecideError) as down:
        for _ in range(10):
            w.decide(BODY).next(Outcome.CONNECT_FAILED, 0, 0, 0, False, w.mono, w.mono, 1)
    assert down.value.code == "all_unavailable"
    assert down.value.retry_after_ms > 0


def test_large_bodies_are_decided_without_the_gil(worker: Callable[..., Worker]) -> None:
    w = worker()
    body = BODY.replace(b"hello", b"x" * 300_000)
    decision = w.decide(body)
    assert decision.permit.body() == body.replace(b'"m"', b'"up0"')


def test_the_body_is_kept_by_reference(worker: Callable[..., Worker]) -> None:
    w = worker(deployment(0, model="m", ask_usage=False))
    body = bytes(bytearray(BODY))
    before = sys.getrefcount(body)
    decision = w.decide(body)
    assert sys.getrefcount(body) > before
    assert decision.permit.body() is body, "nothing to edit: the same object"


def test_explain_tells_and_takes_nothing(worker: Callable[..., Worker]) -> None:
    w = worker(deployment(0), deployment(1, Boundary.EXTERNAL, unusable="no such host"))
    told = w.explain(STREAM)
    assert told["chosen"]["deployment"] == "local/d0"
    assert told["rejected"][0]["reason"] == "unusable"
    assert told["candidates"][0]["edits"]["added"] == ["stream_options"]
    assert (w.in_flight(), w.journal.records()) == (0, 0)


@pytest.mark.parametrize(
    ("shape", "stream", "usage"),
    [
        (
            Shape.MESSAGES,
            b'event: message_start\ndata: {"type":"message_start","message":{"id":"m","type":"message",'
            b'"role":"assistant","model":"m","content":[],"stop_reason":null,"stop_sequence":null,"usage":'
            b'{"input_tokens":1,"cache_read_input_tokens":2,"output_tokens":0}}}\n\n'
            b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"},'
            b'"usage":{"output_tokens":0}}\n\n'
            b'event: message_stop\ndata: {"type":"message_stop"}\n\n',
            (3, 0, 2, 0),
        ),
        (
            Shape.OLLAMA,
            b'{"model":"m","created_at":"x","response":"x","done":false}\n'
            b'{"model":"m","created_at":"x","done":true,"prompt_eval_count":3,"eval_count":4}\n',
            (3, 4, 0, 0),
        ),
    ],
)
def test_a_relay_frames_its_shape(shape: Shape, stream: bytes, usage: tuple[int, int, int, int]) -> None:
    relay = Relay(shape, True)
    fed = [relay.feed(stream[at : at + 1]) for at in range(len(stream))]
    assert b"".join(filter(None, fed)) == stream
    assert (relay.terminal, relay.finished, relay.end, relay.usage) == (True, True, "done", usage)


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        (b"{}", "missing field"),
        (b'{"generation":1,"deployments":[],"models":[{"name":"m","groups":[[0]]}]}', "no deployment 0"),
        (b'{"generation":1,"deployments":[],"models":[],"breaker":{"opn_ms":1}}', "opn_ms"),
        (b'{"generation":1,"deployments":[],"models":[],"retry":{"max_attempts":0}}', "max_attempts"),
    ],
)
def test_a_bad_plan_says_what_is_wrong(plan: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Router(plan, StateFile.anonymous(1, 1), 0, None)


def test_numbers_that_mean_nothing_are_refused(worker: Callable[..., Worker]) -> None:
    w = worker()
    with pytest.raises(ValueError, match="boundary"):
        Principal("p", 1, 3)
    with pytest.raises(ValueError, match="route"):
        w.router.decide(BODY, w.principal, 9, None, 0, 0, 0)
    with pytest.raises(ValueError, match="outcome"):
        w.decide(BODY).next(99, 0, 0, 0, False, 0, 0, 0)
    with pytest.raises(ValueError, match="outcome"):
        w.decide(BODY).permit.finish(99, 0, 0, False, 0, 0)


def test_a_full_journal_stops_requests_and_keeps_accounts(worker: Callable[..., Worker]) -> None:
    w = worker(deployment(0), deployment(1))
    open_decision = w.decide(BODY)
    w.journal.close()
    with pytest.raises(DecideError) as full:
        w.decide(BODY)
    assert full.value.code == "journal_full"
    assert open_decision.next(Outcome.RESET, 0, 0, 0, False, w.mono, w.mono, 1) is None
    assert open_decision.exhausted == "journal_full"
    assert w.in_flight() == 0


def test_a_provider_that_translates_gets_no_spliced_body(worker: Callable[..., Worker]) -> None:
    w = worker(deployment(0, splice=False))
    with pytest.raises(ValueError, match="translation"):
        w.decide(BODY).permit.body()
