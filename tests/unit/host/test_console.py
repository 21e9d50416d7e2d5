"""How a process of the host writes its lines."""

import json
import logging
from collections.abc import Iterator

import pytest

from hybridgw.host import console


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    yield
    console.configure("info", False)


def test_a_line_for_people(capfd: pytest.CaptureFixture[str]) -> None:
    console.say("server", "worker 1 ended", "warning")
    when, name, rest = capfd.readouterr().err.rstrip("\n").split(" ", 2)
    assert (name, rest) == ("hybridgw", "server: warning: worker 1 ended") and "T" in when


def test_a_line_for_machines_is_one_object(capfd: pytest.CaptureFixture[str]) -> None:
    console.configure("info", True)
    console.say("server", 'two\nlines, a "quote" and é', "error")
    (line,) = capfd.readouterr().err.splitlines()
    said = json.loads(line)
    assert said.pop("time")[4] == "-"
    assert said == {"level": "error", "component": "server", "message": 'two\nlines, a "quote" and é'}


@pytest.mark.parametrize(("least", "shown"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)])
def test_lighter_lines_are_left_out(
    least: console.Level, shown: int, capfd: pytest.CaptureFixture[str]
) -> None:
    console.configure(least, False)
    levels: tuple[console.Level, ...] = ("debug", "info", "warning", "error")
    for level in levels:
        console.say("server", "x", level)
    assert len(capfd.readouterr().err.splitlines()) == shown


def test_what_a_logger_is_told_is_a_line_too(capfd: pytest.CaptureFixture[str]) -> None:
    console.configure("info", True)
    try:
        raise ValueError("broken")
    except ValueError as error:
        record = logging.LogRecord(
            "hybridgw.x",
            logging.ERROR,
            __file__,
            1,
            "unexpected %s",
            ("thing",),
            (ValueError, error, error.__traceback__),
        )
    console.LineHandler().emit(record)
    (line,) = capfd.readouterr().err.splitlines()
    said = json.loads(line)
    assert said["level"] == "error" and said["message"].startswith("unexpected thing\nTraceback")
