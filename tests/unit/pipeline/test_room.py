"""The bytes of bodies that one worker holds: bounded, and given back whatever becomes of a request."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridgw.errors import Refused
from hybridgw.pipeline.room import BURST, Room


def test_what_does_not_fit_is_refused_by_the_name_of_its_setting() -> None:
    room = Room(10 << 20)
    room.resize(0, 6 << 20)
    with pytest.raises(Refused, match=r"server\.max_bodies") as refused:
        room.resize(0, 5 << 20)
    assert refused.value.code == "overloaded"
    assert refused.value.retry_after == 1.0
    assert room.taken == 6 << 20
    room.resize(6 << 20, 0)
    room.resize(0, 5 << 20)


def test_a_burst_is_over_once() -> None:
    room = Room(1 << 40)
    room.resize(0, BURST)
    assert not room.burst_is_over(), "it goes on"
    room.resize(BURST, 10)
    assert room.burst_is_over()
    assert not room.burst_is_over(), "it was told"
    room.resize(10, BURST - 1)
    room.resize(BURST - 1, 0)
    assert not room.burst_is_over(), "that was not much"


def test_a_body_that_is_alone_always_fits() -> None:
    room = Room(1)
    room.resize(0, 100)
    room.resize(100, 200)
    assert room.taken == 200


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 40)), max_size=60))
def test_never_more_than_the_limit_and_nothing_lost(steps: list[tuple[int, int]]) -> None:
    room, held = Room(64), dict.fromkeys(range(6), 0)
    for who, size in steps:
        try:
            room.resize(held[who], size)
        except Refused:
            pass
        else:
            held[who] = size
        assert room.taken == sum(held.values())
        assert room.taken <= 64 or sum(1 for one in held.values() if one) == 1
