"""The table of limits for people is the table that is in force."""

import re
from pathlib import Path

import msgspec
import pytest

from hybridgw.config.limits import FAR, NEAR, Written, limits
from hybridgw.config.schema import BoundaryName, ServerSettings, TimeoutSettings
from hybridgw.core import FOREVER

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "timeouts.md").read_text()
ROWS = {
    cells[0]: cells
    for line in PAGE.splitlines()
    if len(cells := [c.strip() for c in line.split("|")[1:-1]]) > 3
}


def shown(text: str) -> float:
    return {"none": 0.0}.get(text) or float(text.removesuffix(" s").replace("none", "0"))


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ("connect", "connect"),
        ("first token", "first_token"),
        ("load", "load"),
        ("idle", "idle"),
        ("total of a stream", "total"),
        ("whole answer", "answer"),
    ],
)
def test_the_page_shows_the_defaults(row: str, field: str) -> None:
    for usual, cell in ((NEAR, ROWS[row][2]), (FAR, ROWS[row][3])):
        value = getattr(usual, field)
        assert shown(cell) == (0.0 if value == FOREVER else value)


def test_every_key_of_the_schema_has_its_row() -> None:
    keys = set(re.findall(r"`timeouts\.(\w+)`", PAGE))
    assert keys == {field.name for field in msgspec.structs.fields(TimeoutSettings)}


def test_limits_on_clients_are_those_of_the_schema() -> None:
    server = ServerSettings()
    for cells in ROWS.values():
        if cells[1].startswith("`server."):
            assert shown(cells[2]) == getattr(server, cells[1].strip("`").removeprefix("server."))


@pytest.mark.parametrize("boundary", ["device", "organization", "external"])
def test_what_is_written_wins(boundary: BoundaryName) -> None:
    written = Written(connect=1.0, first_token=2.0, idle=3.0, total=5.0, load=7.0)
    stream, whole = limits(boundary, written)
    assert (stream.connect, stream.first_token, stream.idle, stream.total) == (1.0, 2.0, 3.0, 5.0)
    assert whole.total == 5.0
    assert stream.load == whole.load == (0.0 if boundary == "external" else 7.0)


def test_what_flows_has_no_total_limit() -> None:
    for boundary in ("device", "organization", "external"):
        assert limits(boundary, Written())[0].total == FOREVER
