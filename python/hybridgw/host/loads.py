"""Asks engines that tell it how many requests wait inside them.

Requests in flight count what this gateway sent. An engine that others use as well may have a long
queue of which we know nothing, so those with a page for it are asked for it, each at its interval, and
what they say stands in the state file, where `least_busy` and the metrics page find it. It is believed
for a few intervals and no longer: a housekeeper that dies and an engine that stops answering leave no
old news behind. Nothing else follows from an answer or from none.

Like a probe it carries no content, generates nothing, never goes beyond the organization, and is asked
in a thread of its own, because a duty of the housekeeper must not wait for an engine.
"""

import asyncio
import math
import random
import threading
import time
from collections.abc import Mapping

from hybridgw.config.probe import ask
from hybridgw.config.schema import DeploymentSettings, Settings
from hybridgw.core import Target
from hybridgw.native import StateFile
from hybridgw.providers import EngineLoad, provider_named

_PAGE = 4 * 1024 * 1024
"""Most bytes of a page. With a dozen engines and all their histograms it has about one million."""
_BELIEVED = 3
"""Intervals for which an answer holds: two may get lost."""
_BUSY = 0.25
"""Seconds until the next look while engines are being asked."""
_OK = 200

_Page = tuple[str, int, str]
"""Host, port and path: several deployments may be models of one server."""


class LoadWatch:
    """One host's questions. `look` is a duty: cheap when nothing is due."""

    def __init__(self, state: StateFile) -> None:
        self._state = state
        self._due: dict[int, float] = {}
        self.thread: threading.Thread | None = None
        """Asks, once there was something to ask."""

    def look(self, settings: Settings) -> float:
        """Ask the engines whose turn it is; returns at once. Seconds until it is the next one's turn;
        infinity where no engine tells its load."""
        if not settings.health.enabled:
            return math.inf
        if self.thread is not None and self.thread.is_alive():
            return _BUSY
        now = time.monotonic()
        nearest = math.inf
        turn: dict[_Page, list[tuple[DeploymentSettings, float]]] = {}
        for entry in settings.deployments:
            page = _page(entry)
            if page is None:
                continue
            due = self._due.get(int(entry.identity, 16), 0.0)
            if now < due:
                nearest = min(nearest, due)
                continue
            interval = entry.probe_interval or settings.health.interval
            # Not in step with the gateways of other hosts.
            due = self._due[int(entry.identity, 16)] = now + interval * random.uniform(0.9, 1.1)
            nearest = min(nearest, due)
            turn.setdefault(page, []).append((entry, interval))
        if turn:
            self.thread = threading.Thread(
                target=self._ask, args=(turn, settings.health.timeout), daemon=True
            )
            self.thread.start()
        return nearest - now

    def _ask(self, turn: Mapping[_Page, list[tuple[DeploymentSettings, float]]], timeout: float) -> None:
        loads = asyncio.run(_ask_all({page: entries[0][0] for page, entries in turn.items()}, timeout))
        mono = time.monotonic_ns()
        for page, load in loads.items():
            if load is None:
                continue
            for entry, interval in turn[page]:
                holds = int(_BELIEVED * (interval + timeout) * 1000)
                self._state.report_load(int(entry.identity, 16), load.waiting, load.cache, holds, mono)


def _page(entry: DeploymentSettings) -> _Page | None:
    """Where this engine tells its load; None where it does not, or may not be asked."""
    provider = provider_named(entry.provider)
    if provider is None or provider.load is None or entry.boundary == "external" or entry.unusable:
        return None
    try:
        target = Target.parse(entry.base_url)
    except ValueError:
        return None
    if target.scheme != "http":
        return None
    return target.host, target.port, target.path.removesuffix("/v1") + provider.load.path


async def _ask_all(
    pages: Mapping[_Page, DeploymentSettings], seconds: float
) -> Mapping[_Page, EngineLoad | None]:
    """What each page says, all asked at once."""

    async def one(page: _Page, entry: DeploymentSettings) -> EngineLoad | None:
        provider = provider_named(entry.provider)
        assert provider is not None and provider.load is not None
        try:
            async with asyncio.timeout(seconds):
                answer = await ask(*page, most=_PAGE)
        except TimeoutError:
            return None
        return provider.load.read(answer.text) if answer is not None and answer.status == _OK else None

    answers = await asyncio.gather(*(one(page, entry) for page, entry in pages.items()))
    return dict(zip(pages, answers, strict=True))
