"""An item that is sent by reference is found, in the request or in what this key stored, or named."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import orjson
import pytest

from hybridgw.core import Level
from hybridgw.errors import RequestError
from hybridgw.ledger.response_store import FILE, Bounds, ResponseStore, Stored
from hybridgw.pipeline.references import refers, resolved

KEY, OTHER = 5, 6
ITEM = b'{"id":"msg_1", "type":"message","role":"assistant","content":[]}'
CALL = b'{"id":"fc_1","type":"function_call","call_id":"c","name":"f","arguments":"1.0"}'
USER = b'{"role":"user","content":"q"}'


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ResponseStore]:
    made = ResponseStore(tmp_path, Bounds(60.0, 2, 100_000))
    made.save(KEY, row("resp_1", ITEM, CALL))
    yield made
    made.close()


def row(name: str, *items: bytes, level: Level = Level.INTERNAL) -> Stored:
    response = b'{"id":"%b","output":[%b]}' % (name.encode(), b",".join(items))
    return Stored(name, int(level), "m", b"[]", response)


def body(*items: bytes) -> bytes:
    return b'{"model":"m","temperature":0.10,"input":[%b],"store":true}' % b",".join(items)


def reference(name: str) -> bytes:
    return b'{"type":"item_reference","id":"%b"}' % name.encode()


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (b'"text with item_reference"', False),
        (b"null", False),
        (b"7", False),
        (b"[7]", False),
        (b"[" + USER + b"]", False),
        (b"[" + ITEM + b"]", False),
        (b'[{"role":"user","content":"item_reference","id":"u"}]', False),
        (b"[" + reference("x") + b"]", True),
        (b'[{"id":"x"}]', True),
        (b'[{"type":"item\\u005freference","id":"x"}]', True),
        (b'[{"\\u0069d":"x"}]', True),
        (b'[{"type":"item_reference","i\\u0064":"x"}]', True),
        (b'[7, {"type":{}}, {"type":null,"id":"x"}]', True),
    ],
)
def test_what_refers(given: bytes, found: bool) -> None:
    assert refers(msgspec.Raw(given)) is found


def test_stored_items_take_the_place_of_references(store: ResponseStore) -> None:
    told, level = resolved(store, KEY, body(USER, reference("msg_1"), b'{"id":"fc_1"}', USER))
    assert told == body(USER, ITEM, CALL, USER)
    assert level is Level.INTERNAL


@pytest.mark.parametrize("order", [(ITEM, reference("msg_1")), (reference("msg_1"), ITEM)])
def test_what_stands_in_the_request_needs_no_copy(order: tuple[bytes, bytes]) -> None:
    told, level = resolved(None, 0, body(USER, *order))
    assert told == body(USER, ITEM)
    assert level is Level.PUBLIC


def test_what_nobody_has_is_named(store: ResponseStore) -> None:
    for key, name in ((KEY, "msg_2"), (OTHER, "msg_1"), (KEY, "")):
        with pytest.raises(RequestError) as caught:
            resolved(store, key, body(USER, reference(name)))
        assert (caught.value.code, caught.value.field) == ("invalid_value", "input[1]")
    with pytest.raises(RequestError) as caught:
        resolved(None, 0, body(reference("msg_1")))
    assert caught.value.code == "unsupported_parameter"
    assert "providerOptions: { openai: { store: false } }" in caught.value.message
    assert "responses.store" in caught.value.message


def test_items_go_with_their_response(store: ResponseStore, tmp_path: Path) -> None:
    assert store.find_item(KEY, "msg_1") is not None
    assert store.find_item(KEY, "msg_1", now=1e12) is None
    store.save(KEY, row("resp_2", b'{"id":"msg_2"}'))
    store.save(KEY, row("resp_3", b'{"id":"msg_3"}'))
    assert store.find_item(KEY, "msg_1") is None, "pushed out"
    store.delete(KEY, "resp_2")
    assert store.find_item(KEY, "msg_2") is None
    assert store.find_item(KEY, "msg_3") == (Level.INTERNAL, b'{"id":"msg_3"}')
    assert (tmp_path / FILE).exists()


def test_the_rest_of_the_body_is_not_touched(store: ResponseStore) -> None:
    told, _ = resolved(store, KEY, body(reference("msg_1")))
    assert b'"temperature":0.10' in told and orjson.loads(told)["store"] is True
