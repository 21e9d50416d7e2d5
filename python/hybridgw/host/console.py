"""One line on standard error per thing worth saying, from any process of the host, with its time.

Supervisor, server and housekeeper share one terminal (or one container log). Each line is written
with a single system call, so lines of different processes never mix, and nothing is buffered in a
process that may be killed. On the path of a request nothing here is called but for what fails, and
no line ever holds text of a request.
"""

import json
import logging
import os
import time
from typing import Literal

Level = Literal["debug", "info", "warning", "error"]

_WEIGHTS: dict[Level, int] = {"debug": 10, "info": 20, "warning": 30, "error": 40}
_least = _WEIGHTS["info"]
_as_json = False


def configure(level: Level, as_json: bool) -> None:
    """How this process writes from now on: which lines, and whether each is a JSON object."""
    global _least, _as_json
    _least, _as_json = _WEIGHTS[level], as_json


def take_loggers() -> None:
    """What Python's loggers are told goes the same way: ours from the configured level on, warnings of
    libraries. For a process of its own, after `configure`."""
    logging.getLogger("hybridgw").setLevel(_least)
    logging.getLogger().handlers = [LineHandler()]


def say(component: str, message: str, level: Level = "info") -> None:
    """Write `TIME hybridgw component: message`, or the same as an object with `time`, `level`, `component`
    and `message`; a closed standard error is no reason to fail.

    The time is local and says its distance from UTC, so that lines of several hosts can be sorted.
    """
    if _WEIGHTS[level] < _least:
        return
    when = time.strftime("%Y-%m-%dT%H:%M:%S%z")
    if _as_json:
        text = json.dumps({"time": when, "level": level, "component": component, "message": message})
    else:
        mark = "" if level == "info" else f"{level}: "
        text = f"{when} hybridgw {component}: {mark}{message}"
    try:
        os.write(2, f"{text}\n".encode(errors="replace"))
    except OSError:
        return


class LineHandler(logging.Handler):
    """Says what a logger is told, a traceback included."""

    def __init__(self) -> None:
        super().__init__()
        self._format = logging.Formatter("%(message)s").format

    def emit(self, record: logging.LogRecord) -> None:
        level: Level = "debug"
        for name, weight in _WEIGHTS.items():
            if record.levelno >= weight:
                level = name
        say(f"worker[{os.getpid()}]", self._format(record), level)
