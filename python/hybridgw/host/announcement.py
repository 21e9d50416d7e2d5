"""What is said when the gateway is up: what is loaded, what is wrong, where it listens.

First the screen of `start_screen`, then the warnings, the most important last, because that is where
the eye is. Everything else is answered by `hybridgw check`, except what was found where there is no
file to check: that is said here. What protects less than its name promises is said in red.
"""

import os
import threading
import time
from collections.abc import Sequence

from hybridgw.config.addresses import BoundaryNetworks
from hybridgw.config.networks import (
    Classify,
    advise,
    in_container,
    links,
    resolve,
    system_resolver,
    target_of,
)
from hybridgw.config.privacy import undecided
from hybridgw.config.schema import BoundaryName, DeploymentSettings, Settings
from hybridgw.core import Target
from hybridgw.host.configure import accepted
from hybridgw.host.console import Level, say
from hybridgw.host.runtime import RuntimeInfo
from hybridgw.host.start_screen import screen, show

_RED, _PLAIN = "\x1b[31m", "\x1b[0m"
_HOSTS = 32
"""Hosts that are looked up for their network at most."""
_PATIENCE = 1.0
"""Seconds for all of them together."""
_SHOWN = 8
"""Lines of one kind; a large configuration may have hundreds."""


def announce(settings: Settings, info: RuntimeInfo) -> None:
    """Say it on standard error."""
    if not info.log_json:
        # A table for people, who have pages for it as well.
        show(screen(settings, info))
    colour = os.isatty(2) and not info.log_json
    for text, level in lines(settings, info, colour=colour, advice=_advice(settings)):
        say("serve", text, level)


def _advice(settings: Settings) -> list[str]:
    """One line per host whose network nobody listed, as far as it resolves within a second."""
    classify = classifier(settings)
    known, inside = links(), in_container()
    hosts = {t.host: (t, d) for d in settings.deployments if (t := target_of(d.base_url)) is not None}
    found: dict[str, str] = {}

    def look(target: Target, deployment: DeploymentSettings) -> None:
        addresses = resolve(target, system_resolver)
        advice = advise(settings, deployment, addresses, classify, known, inside)
        if advice is not None:
            found[target.host] = str(advice)

    threads = [
        threading.Thread(target=look, args=pair, daemon=True)
        for pair in list(hosts.values())[:_HOSTS]
        if pair[1].boundary != "external"
    ]
    for thread in threads:
        thread.start()
    end = time.monotonic() + _PATIENCE
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    return [found[host] for host in hosts if host in found]


def classifier(settings: Settings) -> Classify:
    """How a worker will judge addresses."""
    listed = settings.boundaries
    networks = BoundaryNetworks(listed.device.networks, listed.organization.networks)
    names: tuple[BoundaryName, ...] = ("device", "organization", "external")
    return lambda address: names[networks.classify(address)]


def lines(
    settings: Settings, info: RuntimeInfo, colour: bool = False, advice: Sequence[str] = ()
) -> list[tuple[str, Level]]:
    """The lines, in order."""
    warnings = [one for one in settings.notices if one.level == "warning"]
    notices = [f"{one.where}: {one.key}: {one.message}" for one in warnings if one.about is None]
    grave = [
        f"{one.where}: {one.key}: {one.message} ({one.about})"
        for one in settings.notices
        if one.about is not None and not accepted(settings, one.key)
    ]
    problems = [f"{one.where}: {one.key}: {one.message}" for one in settings.problems]
    found: list[tuple[str, Level]] = []
    if settings.source.path is None:
        remarks = [
            f"{one.where}: {one.key}: {one.message}" for one in settings.notices if one.level == "info"
        ]
        found += [(text, "info") for text in _some(remarks)]
    found += [(text, "warning") for text in _some(notices) + _some(problems)]
    found += [(text, "warning") for text in advice]
    # All of them: what is missing here is a lock or a limit that somebody relies on.
    found += [(f"{_RED}{text}{_PLAIN}" if colour else text, "warning") for text in grave]
    if settings.auth_unavailable:
        found.append((f"every call that needs a key is refused: {settings.auth_unavailable}", "error"))
    if settings.privacy.mode == "observe":
        text = "privacy.mode is observe: sensitive content is reported and NOT kept back"
        found.append((f"{_RED}{text}{_PLAIN}" if colour else text, "warning"))
    if question := undecided(settings):
        found.append((f"{_RED}{question}{_PLAIN}" if colour else question, "warning"))
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
