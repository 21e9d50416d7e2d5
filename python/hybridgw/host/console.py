"""One line on standard error per thing worth saying, from any process of the host.

Supervisor, server and housekeeper share one terminal (or one container log). Each line is written
with a single system call, so lines of different processes never mix, and nothing is buffered in a
process that may be killed. Nothing here is called on the path of a request.
"""

import os
from typing import Literal

Level = Literal["info", "warning", "error"]


def say(component: str, message: str, level: Level = "info") -> None:
    """Write `hybridgw component: message`; a closed standard error is no reason to fail."""
    mark = "" if level == "info" else f"{level}: "
    text = f"hybridgw {component}: {mark}{message}\n"
    try:
        os.write(2, text.encode(errors="replace"))
    except OSError:
        return
