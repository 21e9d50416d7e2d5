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
        (b'[{"type":"message","role":"user","id":"x","content":null}]', False),
        (b'[{"type":"image_generation_call","id":"ig_1","result":"iVBO"}]', False),
        (b'[{"type":"item_reference","id":"x","more":"\\ud800"}]', True),
        (b'[{"role":"user","content":"\\ud800"},{"type":"item_reference","id":"x"}]', True),
        (b'[{"type":"item_reference","id":"x","role":5}]', True),
        (b'[{"type":"item_reference","id":5}]', True),
        (b'[{"type":"item_reference","Id":"x"}]', True),
        (b'[{"Id":"x"}]', True),
        ('[{"\u0131d":"x"}]'.encode(), True),
        (b'[{"\\u0131d":"x"}]', True),
        (b'[{"\\u0049D":"x"}]', True),
        (b'[{"Type":"item_reference","id":"x","role":"user"}]', True),
        (b'[{"Type":"message","id":"x"}]', True),
        (b'[{"type":"Item_Reference","id":"x"}]', True),
        (b'[{"type":"item_reference","type":"message","id":"x"}]', True),
        (b'[{"type":null,"type":"message","id":"x"}]', True),
        (b'{"type":"item_reference","id":"x"}', True),
        (b'[{"type":"image_generation_call","id":"ig_1"}]', True),
        (b'[{"type":"image_generation_call","id":"ig_1","result":null}]', True),
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


@pytest.mark.parametrize(
    "item",
    [
        b'{"type":"item_reference","id":"msg_1","more":"\\ud800"}',
        b'{"type":"item_reference","Id":"msg_1"}',
        b'{"type":"item_reference","id":["msg_1"]}',
        b'{"type":"item_reference","id":"msg_1","id":"msg_9"}',
        b'{"type":"message","type":"item_reference","id":"msg_1"}',
        b'{"Type":"item_reference","id":"msg_1"}',
        b'{"type":"ITEM_REFERENCE","id":"msg_1"}',
        '{"\u0131d":"msg_1"}'.encode(),
    ],
)
@pytest.mark.parametrize("beside", [USER, b'{"type":"message","role":5,"id":"msg_1"}'])
def test_what_is_not_written_clearly_is_refused(store: ResponseStore, item: bytes, beside: bytes) -> None:
    for given in (body(item, beside), body(USER, item)):
        assert refers(msgspec.Raw(given[given.index(b"[") : given.rindex(b"]") + 1]))
        for kept in (store, None):
            with pytest.raises(RequestError) as caught:
                resolved(kept, KEY, given)
            assert caught.value.code == "invalid_value"
            assert (caught.value.field or "").startswith("input")


def test_clear_references_are_replaced_beside_what_others_refuse(store: ResponseStore) -> None:
    odd = b'{"type":"message","role":5,"content":"x"}'
    told, _ = resolved(store, KEY, body(odd, b'{"type":"item_reference","id":"msg_1","role":5}'))
    assert told == body(odd, ITEM)


def test_a_picture_that_another_side_keeps_comes_from_the_store(store: ResponseStore) -> None:
    picture = b'{"type":"image_generation_call","id":"ig_1","result":"iVBO"}'
    with pytest.raises(RequestError):
        resolved(store, KEY, body(b'{"type":"image_generation_call","id":"ig_1"}'))
    store.save(KEY, row("resp_5", picture, level=Level.REGULATED))
    told, level = resolved(store, KEY, body(b'{"type":"image_generation_call","id":"ig_1"}'))
    assert (told, level) == (body(picture), Level.REGULATED)


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
