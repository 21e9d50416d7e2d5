"""Asks engines whose breaker is open whether they are back.

Real traffic tells at once that an engine failed; that it works again nobody would know before the
end of a backoff that grows to minutes. So while a breaker is open, and only then, its engine's
health page is asked every few seconds, and an answer lets the next request be the probe. Nothing
else follows from it: a page that answers does not close a breaker, and one that does not is no news.

A probe never generates (it would load models and block single-threaded engines), never carries
content, and goes only to engines on this device or inside the organization: clouds are judged by
real traffic, since asking them costs rate limit. The questions are asked in a thread of their own,
because a duty of the housekeeper must not wait for an engine.
"""

import asyncio
import math
import threading
import time
from collections.abc import Mapping

from hybridgw.config.probe import ask, connects
from hybridgw.config.schema import DeploymentSettings, Settings
from hybridgw.core import Target
from hybridgw.native import StateFile
from hybridgw.providers import provider_named

_SERVER_ERROR = 500


class Prober:
    """One host's probes. `look` is a duty: cheap when no breaker is open."""

    def __init__(self, state: StateFile) -> None:
        self._state = state
        self._due: dict[int, float] = {}
        self._thread: threading.Thread | None = None

    def look(self, settings: Settings) -> float:
        """Ask the engines whose turn it is; returns at once. Seconds until it is the next one's turn;
        infinity while no breaker is open, 0 while some are being asked."""
        if not settings.health.enabled:
            return math.inf
        if self._thread is not None and self._thread.is_alive():
            return 0.0
        mono = time.monotonic_ns()
        waiting = {
            breaker["identity"]
            for breaker in self._state.breakers(mono)
            if breaker["state"] == "open" and breaker["open_until_ms"] > mono // 1_000_000
        }
        self._due = {identity: due for identity, due in self._due.items() if identity in waiting}
        turn = [entry for entry in settings.deployments if self._is_due(entry, waiting, settings, mono / 1e9)]
        if turn:
            self._thread = threading.Thread(
                target=self._ask, args=(turn, settings.health.timeout), daemon=True
            )
            self._thread.start()
        return min(self._due.values(), default=math.inf) - mono / 1e9

    def _is_due(self, entry: DeploymentSettings, waiting: set[int], settings: Settings, now: float) -> bool:
        identity = int(entry.identity, 16)
        if identity not in waiting or entry.boundary == "external" or entry.unusable:
            return False
        if now < self._due.get(identity, 0.0):
            return False
        self._due[identity] = now + (entry.probe_interval or settings.health.interval)
        return True

    def _ask(self, entries: list[DeploymentSettings], timeout: float) -> None:
        for identity, alive in asyncio.run(_ask_all(entries, timeout)).items():
            if alive:
                self._state.hint_alive(identity, time.monotonic_ns())


async def _ask_all(entries: list[DeploymentSettings], seconds: float) -> Mapping[int, bool]:
    """Whether each engine answered within `seconds`, all asked at once."""

    async def one(entry: DeploymentSettings) -> bool:
        try:
            async with asyncio.timeout(seconds):
                return await _answers(entry)
        except TimeoutError:
            return False

    answers = await asyncio.gather(*(one(entry) for entry in entries))
    return {int(entry.identity, 16): alive for entry, alive in zip(entries, answers, strict=True)}


async def _answers(entry: DeploymentSettings) -> bool:
    try:
        target = Target.parse(entry.base_url)
    except ValueError:
        return False
    provider = provider_named(entry.provider)
    path = provider.probe if provider is not None else None
    if path is None or target.scheme != "http":
        return await connects(target.host, target.port)
    answer = await ask(target.host, target.port, path.format(base=target.path))
    # Any answer but a server error is life: a page that wants a key, or that is not there.
    return answer is not None and answer.status < _SERVER_ERROR
