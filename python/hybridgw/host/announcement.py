"""What is said when the gateway is up: what is loaded, what is wrong, where it listens.

First the screen of `start_screen`, then the warnings, the most important last, because that is where
the eye is. Everything else is answered by `hybridgw check`, except what was found where there is no
file to check: that is said here. What protects less than its name promises is said in red.
"""

import os

from hybridgw.config.schema import Settings
from hybridgw.host.console import Level, say
from hybridgw.host.runtime import RuntimeInfo
from hybridgw.host.start_screen import screen, show

_RED, _PLAIN = "\x1b[31m", "\x1b[0m"
_SHOWN = 8
"""Lines of one kind; a large configuration may have hundreds."""


def announce(settings: Settings, info: RuntimeInfo) -> None:
    """Say it on standard error."""
    show(screen(settings, info))
    for text, level in lines(settings, info, colour=os.isatty(2)):
        say("serve", text, level)


def lines(settings: Settings, info: RuntimeInfo, colour: bool = False) -> list[tuple[str, Level]]:
    """The lines, in order."""
    notices = [f"{one.where}: {one.key}: {one.message}" for one in settings.notices if one.level == "warning"]
    problems = [f"{one.where}: {one.key}: {one.message}" for one in settings.problems]
    found: list[tuple[str, Level]] = []
    if settings.source.path is None:
        remarks = [
            f"{one.where}: {one.key}: {one.message}" for one in settings.notices if one.level == "info"
        ]
        found += [(text, "info") for text in _some(remarks)]
    found += [(text, "warning") for text in _some(notices) + _some(problems)]
    if settings.auth_unavailable:
        found.append((f"every call that needs a key is refused: {settings.auth_unavailable}", "error"))
    if settings.privacy.mode == "observe":
        text = "privacy.mode is observe: sensitive content is reported and NOT kept back"
        found.append((f"{_RED}{text}{_PLAIN}" if colour else text, "warning"))
    host = f"[{info.host}]" if ":" in info.host else info.host
    found.append(
        (f"listening on http://{host}:{info.port}, {_workers(info.workers)}, {_behind(settings)}", "info")
    )
    return found


def _some(texts: list[str]) -> list[str]:
    if len(texts) <= _SHOWN:
        return texts
    return [*texts[:_SHOWN], f"... and {len(texts) - _SHOWN} more; hybridgw check lists all"]


def _workers(count: int) -> str:
    return "1 worker" if count == 1 else f"{count} workers"


def _behind(settings: Settings) -> str:
    if settings.source.kind == "demo":
        return "no engine found: DEMO upstreams answer, no model is running"
    usable = sum(one.unusable is None for one in settings.deployments)
    text = f"{usable} of {len(settings.deployments)} deployments usable"
    return f"{text}, found on this machine" if settings.source.kind == "discovery" else text
