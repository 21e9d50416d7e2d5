"""Watching the configuration, and changing it while requests run.

A change is a file whose bytes differ and have settled: it is read only when two looks in a row see
the same, because an editor's half-written file may be valid and mean something else. It is then
loaded and validated whole, compiled as a worker would compile it, its deployments get their slots
in the state file, and only then it is published. Whatever goes wrong on the way, the configuration
in use stays, the reason is logged and counted, and the file is not looked at again until it changes.

When to look is said by the kernel (`folder_events`). What it cannot see is found by looks that are seconds
apart, and these are all there is where it cannot watch.
"""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import msgspec

from hybridgw.config.errors import ConfigError
from hybridgw.config.schema import Settings
from hybridgw.host import publication
from hybridgw.host.admission import admit
from hybridgw.host.console import say
from hybridgw.host.folder_events import FolderEvents, places
from hybridgw.host.runtime import RuntimeInfo
from hybridgw.native import StateFile

_SETTLE = 0.25
"""Seconds between two looks at files that may still be changing."""
_WATCHED, _UNWATCHED = 5.0, 2.0
"""The same at files that rest: with the kernel's help, and without."""
_PIECE = 1024 * 1024

Resolve = Callable[[RuntimeInfo, Settings], Settings]
"""From the run and the configuration in use to the next one."""


class Watched:
    """Files and what they hold, as one value to compare. Missing files count as a content."""

    def __init__(self, files: tuple[str, ...]) -> None:
        self.files = files

    def look(self) -> bytes:
        """A digest of the names and bytes of all files. Configurations are small: reading them is
        cheaper than reasoning about modification times on every file system."""
        digest = hashlib.sha256()
        for name in self.files:
            try:
                content = _bytes(name)
            except OSError as error:
                content = f"unreadable {error.errno}".encode()
            digest.update(f"{len(name)} {name} {len(content)} ".encode() + content)
        return digest.digest()


def _bytes(name: str) -> bytes:
    """A file's bytes, with as few system calls as it takes: this is done for as long as the gateway runs."""
    descriptor = os.open(name, os.O_RDONLY | os.O_CLOEXEC)
    try:
        pieces = []
        while piece := os.read(descriptor, _PIECE):
            pieces.append(piece)
        return b"".join(pieces)
    finally:
        os.close(descriptor)


class Reloader:
    """Publishes a configuration when its files change or when it is told to."""

    def __init__(
        self, info: RuntimeInfo, state: StateFile, resolve: Resolve, events: FolderEvents | None = None
    ) -> None:
        self._info = info
        self._events = events
        self._watching = False
        """All files are watched, by their names of now."""
        self._moving = True
        """Something may have changed since the names were resolved."""
        self._state = state
        self._resolve = resolve
        # What is in use, not what is on disk: this process may have been restarted, and whatever
        # changed while it was away has still to be seen.
        self.settings = publication.read_published(info, state).settings
        """The configuration in use."""
        self._watched = Watched(_files(info, self.settings))
        self._loaded: bytes | None = None
        self._seen: bytes | None = None

    def stir(self) -> None:
        """The kernel says that something changed: the next look also follows the links again."""
        self._moving = True

    def look(self) -> float:
        """Reload if the files differ from what was loaded and did not change since the last look; seconds
        until it is time to look again, if no event comes before."""
        if self._moving and self._events is not None:
            # First watch, then look: what changes in between is seen by either.
            names = set[tuple[str, str]]().union(*map(places, self._watched.files))
            self._watching = self._events.watch(names)
        seen = self._watched.look()
        settled = seen == self._seen
        self._seen = seen
        if settled and seen != self._loaded:
            self.reload()
        self._moving = not settled or self._seen != self._loaded
        if self._moving:
            return _SETTLE
        return _WATCHED if self._watching else _UNWATCHED

    def reload(self) -> bool:
        """Load, validate and publish; whether a configuration (new or the same) is in use now."""
        self._loaded = self._watched.look()
        try:
            current = publication.read_published(self._info, self._state).settings
            settings = self._resolve(self._info, current)
            later = publication.needs_restart(self._info, settings)
            settings = publication.effective(self._info, settings)
            self._admit(settings)
            generation = publication.publish(self._info, self._state, settings)
        except ConfigError as error:
            self._refuse(str(error))
            return False
        except Exception as error:
            # Whatever it is, it came from a file that somebody edits while requests run.
            self._refuse(f"{type(error).__name__}: {error}")
            return False
        files = _files(self._info, settings)
        if files != self._watched.files:
            self._watched = Watched(files)
            self._loaded = self._seen = self._watched.look()
        if generation is None:
            self._forget_error()
            return True
        self.settings = settings
        publication.note_reload(self._info, None)
        say("housekeeper", f"configuration {generation} is in use")
        if later:
            say("housekeeper", f"only a restart applies: {', '.join(later)}", "warning")
        return True

    def adopt(self, settings: Settings) -> None:
        """Publish settings that no file changed: what engines say is new."""
        settings = publication.effective(self._info, settings)
        self._admit(settings)
        generation = publication.publish(self._info, self._state, settings)
        before, self.settings = self.settings, settings
        if generation is not None and _told(settings) != _told(before):
            say("housekeeper", f"configuration {generation} is in use: engines say something new")

    def _admit(self, settings: Settings) -> None:
        """Everything that a worker will do with it, tried on a state of its own; then its slots."""
        generation = self._state.generation() + 1
        plan = admit(settings, generation)
        identities = [int(upstream.deployment.id, 16) for upstream in plan.upstreams]
        self._state.reserve(identities, generation)

    def _refuse(self, why: str) -> None:
        publication.note_reload(self._info, why)
        say("housekeeper", f"the configuration is not used, the one before stays: {why}", "error")

    def _forget_error(self) -> None:
        if publication.reload_status(self._info).last_error is not None:
            publication.note_reload(self._info, None)


def _told(settings: Settings) -> object:
    """What people are told of when it changes: models come into memory and leave it all day."""
    facts = {key: msgspec.structs.replace(one, resident=None) for key, one in settings.engines.items()}
    return settings.deployments, facts


def _files(info: RuntimeInfo, settings: Settings) -> tuple[str, ...]:
    named = settings.source.files or (() if info.config_path is None else (info.config_path,))
    return tuple(str(Path(name).absolute()) for name in named)
