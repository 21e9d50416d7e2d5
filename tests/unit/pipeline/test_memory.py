"""What a request leans on is put in front of it, and what it leaves can be found again."""

import asyncio
import contextlib
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridgw.core import Boundary, Level
from hybridgw.dialects.responses_read import read
from hybridgw.errors import RequestError
from hybridgw.ledger.response_store import FILE, Bounds, ResponseStore, Stored
from hybridgw.native import Decision
from hybridgw.pipeline.memory import (
    SENSITIVITY,
    Memory,
    binding_level,
    expanded,
    items_of,
    response_in,
    tightened,
)

KEY = 5
SAID = b'{"id":"msg_1","type":"message","role":"assistant","content":[{"type":"output_text","text":"yes"}]}'
RESPONSE = b'{"id":"resp_1","status":"completed","model":"served","output":[%b]}' % SAID


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ResponseStore]:
    made = ResponseStore(tmp_path, Bounds(60.0, 10, 100_000))
    yield made
    made.close()


def decided(level: Level = Level.PUBLIC, ceiling: Boundary = Boundary.EXTERNAL) -> Decision:
    return cast(Decision, SimpleNamespace(id="req", level=int(level), ceiling=int(ceiling)))


def keep(memory: Memory, decision: Decision, answer: bytes) -> None:
    asyncio.run(memory.keep(decision, answer, observing=False))


def event(kind: str, response: bytes = RESPONSE, end: bytes = b"\n") -> bytes:
    data = b'{"type":"%b","sequence_number":1,"response":%b}' % (kind.encode(), response)
    return b"event: %b%bdata: %b%b%b" % (kind.encode(), end, data, end, end)


@pytest.mark.parametrize(
    ("given", "items"),
    [
        (b"null", b""),
        (b"[]", b""),
        (b" [ ] ", b""),
        (b'"h\\u00e9"',
         b'{"type":"message","role":"user","content":[{"type":"input_text","text":"h\\u00e9"}]}'),
        (b'[{"a":1.0}, {"b" : 1e400}\n]', b'{"a":1.0},{"b" : 1e400}'),
    ],
)  # fmt: skip
def test_items_keep_their_text(given: bytes, items: bytes) -> None:
    assert items_of(msgspec.Raw(given)) == items


@pytest.mark.parametrize("given", [b"7", b"{}", b"true"])
def test_an_input_that_is_none_is_the_clients_error(given: bytes) -> None:
    with pytest.raises(RequestError) as caught:
        items_of(msgspec.Raw(given))
    assert (caught.value.code, caught.value.field) == ("wrong_type", "input")


def test_history_stands_in_front_and_all_else_stays(store: ResponseStore) -> None:
    store.save(KEY, Stored("resp_1", 1, "m", b'[{"role":"user","content":"1"}]', RESPONSE))
    body = b'{"model":"m","previous_response_id":"resp_1","temperature":1.0,"x\\u0022":[1e400],"input":"2"}'
    whole, found = expanded(store, KEY, body, "resp_1")
    assert found.level == 1
    members = msgspec.json.decode(whole, type=dict[str, msgspec.Raw])
    assert list(members) == ["model", "temperature", 'x"', "input"]
    assert bytes(members["temperature"]) == b"1.0"
    assert bytes(members['x"']) == b"[1e400]"
    items = json.loads(bytes(members["input"]))
    assert [(item["role"], item["content"]) for item in items] == [
        ("user", "1"),
        ("assistant", [{"type": "output_text", "text": "yes"}]),
        ("user", [{"type": "input_text", "text": "2"}]),
    ]
    assert [message.role for message in read(whole).messages] == ["user", "assistant", "user"]


@pytest.mark.parametrize(("key", "name"), [(KEY, "resp_2"), (KEY + 1, "resp_1"), (KEY, ""), (KEY, "\n'--")])
def test_what_is_not_there_or_not_ones_own_is_not_found(store: ResponseStore, key: int, name: str) -> None:
    store.save(KEY, Stored("resp_1", 0, "m", b"[]", RESPONSE))
    with pytest.raises(RequestError) as caught:
        expanded(store, key, b'{"input":"hi"}', name)
    assert (caught.value.code, caught.value.field) == (
        "previous_response_not_found",
        "previous_response_id",
    )
    assert "\n" not in caught.value.message


def test_half_a_surrogate_cannot_be_joined(store: ResponseStore) -> None:
    with pytest.raises(RequestError) as caught:
        expanded(store, KEY, b'{"input":"\\ud800"}', "resp_1")
    assert caught.value.code == "invalid_value"


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (RESPONSE, RESPONSE),
        (event("response.created") + event("response.completed"), RESPONSE),
        (event("response.completed", end=b"\r\n"), RESPONSE),
        (event("response.incomplete") + b": ping\n\ndata: [DONE]\n\n", RESPONSE),
        (event("response.failed"), None),
        (b": only a comment\n\n", None),
        (b"", None),
    ],
)
def test_the_response_in_an_answer(answer: bytes, found: bytes | None) -> None:
    raw = response_in(answer)
    assert (None if raw is None else bytes(raw)) == found


@given(st.binary(max_size=200) | st.binary(max_size=99).map(lambda data: b"data: {" + data + b"}\n\n"))
def test_no_answer_makes_the_search_fail_in_another_way(answer: bytes) -> None:
    with contextlib.suppress(msgspec.MsgspecError):
        response_in(answer)


@pytest.mark.parametrize(
    ("hints", "level", "result"),
    [
        (None, Level.PUBLIC, None),
        (None, Level.REGULATED, "regulated"),
        ({SENSITIVITY: "public"}, Level.INTERNAL, "internal"),
        ({SENSITIVITY: "internal"}, Level.INTERNAL, "internal"),
        ({SENSITIVITY: "regulated"}, Level.INTERNAL, "regulated"),
        ({SENSITIVITY: "secret"}, Level.REGULATED, "secret"),
        ({SENSITIVITY: "internal, public"}, Level.REGULATED, "internal, public"),
        ({"x-hybridgw-tier": "local"}, Level.INTERNAL, "internal"),
    ],
)
def test_a_stored_level_tightens_and_hides_no_mistake(
    hints: dict[str, str] | None, level: Level, result: str | None
) -> None:
    before = None if hints is None else dict(hints)
    told = tightened(hints, level)
    assert (told or {}).get(SENSITIVITY) == result
    assert {**(told or {}), SENSITIVITY: 0} == {**(hints or {}), SENSITIVITY: 0}
    assert hints == before


def test_under_observe_only_the_clients_own_word_binds_what_follows() -> None:
    assert binding_level(decided(Level.REGULATED), observing=False) == Level.REGULATED
    assert binding_level(decided(Level.REGULATED), observing=True) == Level.PUBLIC
    assert binding_level(decided(Level.REGULATED, Boundary.DEVICE), observing=True) == Level.REGULATED
    assert binding_level(decided(Level.REGULATED, Boundary.ORGANIZATION), observing=True) == Level.INTERNAL


@pytest.mark.parametrize("answer", [RESPONSE, event("response.completed")])
def test_what_is_kept_can_be_leant_on(store: ResponseStore, answer: bytes) -> None:
    memory = Memory(store, KEY, b'{"model":"m","input":"1"}')
    keep(memory, decided(Level.INTERNAL), answer)
    body, found = expanded(store, KEY, b'{"model":"m","input":"2"}', "resp_1")
    assert (found.level, found.model, found.response) == (1, "served", RESPONSE)
    assert [message.role for message in read(body).messages] == ["user", "assistant", "user"]
    # And on it once more: a level is never lost on the way.
    second = Memory(store, KEY, body, found)
    assert second.level == Level.INTERNAL
    keep(second, decided(), answer.replace(b"resp_1", b"resp_2"))
    body, found = expanded(store, KEY, b'{"model":"m","input":"3"}', "resp_2")
    assert found.level == Level.INTERNAL
    roles = [message.role for message in read(body).messages]
    assert roles == ["user", "assistant", "user", "assistant", "user"]


@pytest.mark.parametrize("status", ["failed", "in_progress", "queued", "cancelled"])
def test_what_is_no_answer_is_not_kept(
    store: ResponseStore, status: str, caplog: pytest.LogCaptureFixture
) -> None:
    memory = Memory(store, KEY, b'{"input":"1"}')
    keep(memory, decided(), RESPONSE.replace(b"completed", status.encode()))
    assert store.find(KEY, "resp_1") is None
    assert not caplog.records


@pytest.mark.parametrize(
    ("body", "answer", "reason"),
    [
        (b'{"input":"SECRET \\ud800"}', RESPONSE, "it cannot be read"),
        (b'{"input":"SECRET"}', b'{"id":"resp_1","status":"completed","output":SECRET}', "cannot be read"),
        (b'{"input":"SECRET"}', b'{"status":"completed","output":["SECRET"]}', "cannot be read"),
        (b'{"input":"SECRET"}', RESPONSE.replace(b"resp_1", b""), "no id"),
        (b'{"input":"SECRET"}', RESPONSE.replace(b"resp_1", b"r" * 300), "no id"),
        (b'{"input":"%b"}' % (b"SECRET" * 20_000), RESPONSE, "max_bytes"),
        (b'{"input":7}', RESPONSE, "input"),
    ],
)
def test_what_cannot_be_kept_is_told_to_the_log_without_its_text(
    store: ResponseStore, caplog: pytest.LogCaptureFixture, body: bytes, answer: bytes, reason: str
) -> None:
    keep(Memory(store, KEY, body), decided(), answer)
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert reason in record.getMessage()
    assert "SECRET" not in caplog.text


def test_a_broken_store_breaks_no_answer(
    store: ResponseStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / FILE).write_bytes(b"nonsense" * 1000)
    keep(Memory(store, KEY, b'{"input":"1"}'), decided(), RESPONSE)
    assert "resp_1 was not stored" in caplog.text


def test_an_answer_tells_that_it_is_stored_and_after_which() -> None:
    forgotten = b'"previous_response_id":null,"store":false'
    schema: Any = {"properties": {"previous_response_id": None, "store": False}}
    body = {
        "model": "m",
        "input": "hi",
        "instructions": f"say {forgotten.decode()}",
        "tools": [{"type": "function", "name": "f", "parameters": schema}],
    }
    for previous, told in ((None, None), (Stored('r"1', 0, "m", b"[]", b"{}"), 'r"1')):
        ask = read(json.dumps(body).encode())
        Memory(cast(ResponseStore, None), KEY, b"", previous).announce(ask)
        echo = json.loads(b"{" + ask.echo + b"}")
        assert (echo["previous_response_id"], echo["store"]) == (told, True)
        assert (echo["instructions"], echo["tools"]) == (body["instructions"], body["tools"])
