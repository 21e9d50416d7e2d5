"""Keeps what is known of engines up to date: their models' windows and abilities, new models, and names of
models that an Ollama passes on to a cloud.

A model is pulled, replaced or run with another window while the gateway serves. So engines on this device
and inside the organization are asked again and again, each round in a thread of its own, because a duty of
the housekeeper must not wait for an engine; what came of a round is published at the duty's next turn, and
only if it differs. Without a file the search for engines is repeated: an engine that starts later is found,
and takes the place of the demo. One that does not answer keeps its models: silence is no news.

Never reads a file: that is the reloader's, and a file that is being edited must not be taken by accident.
"""

import math
import threading
import time
from collections.abc import Callable

from hybridgw.config.engines import learn
from hybridgw.config.errors import ConfigError
from hybridgw.config.relays import without_relays
from hybridgw.config.schema import Settings
from hybridgw.host import bell
from hybridgw.host.configure import discovered
from hybridgw.host.console import say
from hybridgw.host.reload import Reloader
from hybridgw.host.runtime import RuntimeInfo, was_asked

_PATIENCE = 2.0
"""Seconds for each of the two questions of a round."""
_ASKING = 1.0
"""Seconds until the next look while a round goes on."""

Round = Callable[[RuntimeInfo, Settings], Settings]
"""From the run and the settings in use to those after a round of questions. Runs in a thread."""


def asked_again(info: RuntimeInfo, settings: Settings) -> Settings:
    """The settings after a round of questions; the same object where nothing is known anew."""
    if settings.source.kind not in ("discovery", "demo"):
        return learn(without_relays(settings, settings, _PATIENCE), settings.engines, _PATIENCE)
    found = discovered(info.allow_cloud, settings, keep_silent=True)
    return found if found.deployments else settings


class Learner:
    """One host's rounds. `look` is a duty: cheap when nothing is due."""

    def __init__(self, info: RuntimeInfo, reloader: Reloader, ask: Round = asked_again) -> None:
        self._info = info
        self._reloader = reloader
        self._ask = ask
        self._due = 0.0
        self._found: tuple[Settings, Settings] | None = None
        """The settings that a round began with, and those it ended with."""
        self._asking = False
        self.thread: threading.Thread | None = None
        """Asks, once there was something to ask."""

    def look(self) -> float:
        """Publish what the last round found, and begin the next one when it is due; returns at once.
        Seconds until it is time to look again; the end of a round, and `ask_again`, ring before."""
        settings = self._reloader.settings
        if self._asking:
            return _ASKING
        found, self._found = self._found, None
        if found is not None and found[0] is settings and found[1] is not settings:
            self._reloader.adopt(found[1])
            settings = self._reloader.settings
        now = time.monotonic()
        if was_asked(self._info):
            self._due = now
        if settings.health.enabled and now >= self._due:
            self._due = now + settings.health.interval
            self._asking = True
            self.thread = threading.Thread(target=self._round, args=(settings,), daemon=True)
            self.thread.start()
        return self._due - now if settings.health.enabled else math.inf

    def _round(self, settings: Settings) -> None:
        try:
            self._found = settings, self._ask(self._info, settings)
        except ConfigError as error:
            say("housekeeper", f"engines were not asked: {error}", "error")
        finally:
            self._asking = False
            bell.ring(self._info.run_dir)
