"""The load in vLLM's page of metrics, and in whatever else may answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridgw.providers import EngineLoad
from hybridgw.providers.vllm import engine_load

WAITING = "vllm:num_requests_waiting"
CACHE = "vllm:kv_cache_usage_perc"


@pytest.mark.parametrize(
    ("lines", "load"),
    [
        ([WAITING + '{engine="0",model_name="m"} 3.0'], EngineLoad(3)),
        ([WAITING + " 3"], EngineLoad(3)),
        ([WAITING + '{engine="0"} 3.0', WAITING + '{engine="1"} 4.0 1795132800000\r'], EngineLoad(7)),
        ([WAITING + '{engine="0"} 0.0', CACHE + '{engine="0"} 0.25', CACHE + '{engine="1"} 0.5'], (0, 0.5)),
        ([WAITING + " 1", 'vllm:gpu_cache_usage_perc{engine="0"} 0.125'], (1, 0.125)),
        ([WAITING + " 1", CACHE + " 1.5"], (1, 1.0)),
        # A label may hold anything.
        ([WAITING + '{model_name="a} 9 {b",engine="0"} 2.0'], EngineLoad(2)),
        # What only looks like it.
        (
            [WAITING + "_by_reason 5", "# " + WAITING + " 5", " " + WAITING + " 5", WAITING + "{} 1"],
            (1, None),
        ),
        # No count.
        ([WAITING + " NaN", WAITING + " -3", WAITING + " +Inf", WAITING + ' {engine="0"} 2'], (2, None)),
        ([WAITING, WAITING + "{", WAITING + "{} many"], None),
        ([CACHE + " 0.5"], None),
        (["<html>", ""], None),
    ],
)
def test_the_table(lines: list[str], load: EngineLoad | tuple[int, float | None] | None) -> None:
    expected = EngineLoad(*load) if isinstance(load, tuple) else load
    assert engine_load("\n".join(["# HELP x y", *lines, ""]).encode()) == expected


@given(st.binary(max_size=60))
def test_any_page_is_read(page: bytes) -> None:
    for text in (page, b"%s%s\n" % (WAITING.encode(), page), b"%s{%s 1" % (WAITING.encode(), page)):
        load = engine_load(text)
        assert load is None or load.waiting >= 0
