"""What a decoder complains about, as a client is told."""

from typing import Literal

import msgspec
import pytest

from hybridgw.dialects.reading import Raw, decoded, given, member, needed, number
from hybridgw.errors import RequestError


class Part(msgspec.Struct):
    type: str
    size: int = 0
    kind: Literal["a", "b"] = "a"


class Body(msgspec.Struct):
    parts: list[Part]


body = msgspec.json.Decoder(Body)
count = msgspec.json.Decoder(int)


@pytest.mark.parametrize(
    ("said", "place", "code", "field"),
    [
        (b"{}", "", "missing_field", "parts"),
        (b"{}", "input[3]", "missing_field", "input[3].parts"),
        (b'{"parts":[{}]}', "", "missing_field", "parts[0].type"),
        (b'{"parts":[{"type":5}]}', "", "wrong_type", "parts[0].type"),
        (b'{"parts":[{"type":"x","kind":"c"}]}', "", "invalid_value", "parts[0].kind"),
        (b'{"parts":[{"type":"x","size":1.5}]}', "input[3]", "wrong_type", "input[3].parts[0].size"),
        (b"[]", "", "wrong_type", None),
        (b"[]", "input[3]", "wrong_type", "input[3]"),
    ],
)
def test_a_complaint_names_the_member(said: bytes, place: str, code: str, field: str | None) -> None:
    with pytest.raises(RequestError) as caught:
        decoded(body, said, place)
    assert (caught.value.code, caught.value.field) == (code, field)
    assert "$" not in caught.value.message
    assert field is None or f"`{field}`" in caught.value.message or code == "missing_field"


@pytest.mark.parametrize("nothing", [None, Raw(), Raw(b"null")])
def test_null_and_absent_are_the_same(nothing: Raw | None) -> None:
    assert given(nothing) is None
    assert number(nothing, "n") is None
    assert member(count, nothing, "n") is None


def test_a_value_keeps_its_text() -> None:
    value = Raw(b"1.50e3")
    assert number(value, "n") is given(value) is value
    assert member(count, Raw(b"7"), "n") == 7


@pytest.mark.parametrize("said", [b'"1"', b"true", b"[1]", b"{}"])
def test_what_is_no_number_is_refused(said: bytes) -> None:
    with pytest.raises(RequestError, match=r"`options\.top_p`") as caught:
        number(Raw(said), "options.top_p")
    assert (caught.value.code, caught.value.field) == ("wrong_type", "options.top_p")


def test_what_must_be_there() -> None:
    assert needed("x", "f") == "x"
    assert needed("", "f", empty=True) == ""
    for text, empty in ((None, False), ("", False), (None, True)):
        with pytest.raises(RequestError) as caught:
            needed(text, "f", empty=empty)
        assert (caught.value.code, caught.value.field) == ("missing_field", "f")
