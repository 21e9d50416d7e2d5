"""One line on standard error per thing worth saying, from any process of the host, with its time.

Supervisor, server and housekeeper share one terminal (or one container log). Each line is written
with a single system call, so lines of different processes never mix, and nothing is buffered in a
process that may be killed. Nothing here is called on the path of a request.
"""

import os
import time
from typing import Literal

Level = Literal["info", "warning", "error"]


def say(component: str, message: str, level: Level = "info") -> None:
    """Write `TIME hybridgw component: message`; a closed standard error is no reason to fail.

    The time is local and says its distance from UTC, so that lines of several hosts can be sorted.
    """
    mark = "" if level == "info" else f"{level}: "
    when = time.strftime("%Y-%m-%dT%H:%M:%S%z")
    text = f"{when} hybridgw {component}: {mark}{message}\n"
    try:
        os.write(2, text.encode(errors="replace"))
    except OSError:
        return
