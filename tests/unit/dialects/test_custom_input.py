"""The input of a custom tool is decoded as it arrives, and never lost."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridgw.dialects.custom_input import CustomInput


def fed(*fragments: str) -> str:
    reader = CustomInput()
    return "".join([*(reader.feed(fragment) for fragment in fragments), reader.close()])


@given(text=st.text(), ascii_only=st.booleans(), cuts=st.lists(st.integers(0, 400), max_size=6))
def test_any_text_in_any_pieces(text: str, ascii_only: bool, cuts: list[int]) -> None:
    arguments = json.dumps({"input": text}, ensure_ascii=ascii_only)
    places = [0, *sorted(min(cut, len(arguments)) for cut in cuts), len(arguments)]
    pieces = [arguments[a:b] for a, b in pairwise(places)]
    assert fed(*pieces) == text
    assert fed(*arguments) == text


@pytest.mark.parametrize(
    "said",
    [
        "*** Begin Patch", '{"patch":"x"}', "{", '{"inp', '"quoted"', "", "  {", '{"input":5}', '["input"]',
    ],
)  # fmt: skip
def test_what_is_no_wrapped_input_is_the_input(said: str) -> None:
    assert fed(said) == said
    assert fed(*said) == said


def test_text_is_told_before_the_string_has_ended() -> None:
    reader = CustomInput()
    assert reader.feed('{ "input" : "one\\') == "one"
    assert reader.feed("n two\\ud83d") == "\n two"
    assert reader.feed("\\ude00") == "😀"
    complete: bool = reader.complete
    assert not complete
    assert reader.feed(' \\\\"} ') == " \\"
    assert reader.complete
    assert reader.feed("}") == ""


@pytest.mark.parametrize(
    "broken", [r"\x and more than enough text", r"\ud83d and more than enough", r"\uzzzz" * 9]
)
def test_an_escape_that_json_does_not_know_is_said_as_it_stands(broken: str) -> None:
    assert fed(*f'{{"input":"{broken}"}}') == broken
    assert fed(f'{{"input":"{broken}"}}') == broken


def test_a_cut_off_input_is_what_had_come() -> None:
    assert fed('{"input":"half of i') == "half of i"
    assert fed('{"input":"an escape \\u00') == "an escape \\u00"
