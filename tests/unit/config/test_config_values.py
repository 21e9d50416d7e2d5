"""Durations, sizes and variable references."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridgw.config.errors import ConfigError
from hybridgw.config.expand import MissingVariable, expand
from hybridgw.config.units import seconds, size


@pytest.mark.parametrize(
    ("text", "value"),
    [(30, 30.0), (0.5, 0.5), ("30", 30.0), ("30s", 30.0), ("500ms", 0.5), ("1m", 60.0), ("1m30s", 90.0),
     ("1ms", 0.001), ("2h", 7200.0), ("7d", 604800.0), (" 5s ", 5.0), ("250us", 0.00025)],
)  # fmt: skip
def test_durations(text: object, value: float) -> None:
    assert seconds(text) == pytest.approx(value)


@pytest.mark.parametrize(
    "text",
    ["", "soon", "5 s", "-5s", "s", "1e3", True, None, [], -1, 1e300, "9999999d", "\u0661s", "1" * 400],
)
def test_no_durations(text: object) -> None:
    with pytest.raises(ValueError, match="duration"):
        seconds(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (7, 7),
        ("7", 7),
        ("7B", 7),
        ("20MiB", 20 * 2**20),
        ("8MB", 8_000_000),
        ("1.5KiB", 1536),
        ("1 GiB", 2**30),
    ],
)
def test_sizes(text: object, value: int) -> None:
    assert size(text) == value


@pytest.mark.parametrize("text", ["", "big", "-1", "1TiB", "1e6", True, None, -1, "9" * 300, 2**60])
def test_no_sizes(text: object) -> None:
    with pytest.raises(ValueError, match="size"):
        size(text)


@given(st.text(max_size=30) | st.floats() | st.integers() | st.booleans() | st.none())
def test_units_never_fail_otherwise(value: object) -> None:
    for function in (seconds, size):
        with contextlib.suppress(ValueError):
            assert function(value) >= 0


ENVIRON = {"A": "alpha", "EMPTY": "", "TRICKY": "${A}"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${A}", "alpha"),
        ("x${A}y${A}", "xalphayalpha"),
        ("${NONE:-fallback}", "fallback"),
        ("${EMPTY:-fallback}", "fallback"),
        ("${A:-fallback}", "alpha"),
        ("${NONE:-}", ""),
        ("${A:?is needed}", "alpha"),
        ("$${A}", "${A}"),
        ("${TRICKY}", "${A}"),
        ("$A costs 5$", "$A costs 5$"),
    ],
)
def test_references(text: str, value: str) -> None:
    assert expand(text, ENVIRON, "f:1", "k") == value


def test_a_plain_reference_may_be_missing() -> None:
    for text in ("${NONE}", "a${EMPTY}"):
        with pytest.raises(MissingVariable):
            expand(text, ENVIRON, "f:1", "k")


def test_a_required_reference_stops() -> None:
    with pytest.raises(ConfigError, match="NONE is not set; ask the team") as caught:
        expand("${NONE:?ask the team}", ENVIRON, "f:3", "auth.master_key")
    assert (caught.value.where, caught.value.key) == ("f:3", "auth.master_key")


@pytest.mark.parametrize("text", ["${", "${}", "${a b}", "${A", "${1A}", "${A:+x}", "${A:-${B}}"])
def test_malformed_references(text: str) -> None:
    with pytest.raises(ConfigError, match="malformed"):
        expand(text, ENVIRON, "f:1", "k")
