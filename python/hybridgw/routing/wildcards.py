"""Names of models that clients choose are text of theirs, and judged like the rest.

A deployment whose model holds a `*` is sent what a client wrote in its place. The native side leaves the
name out of what it scans, because everywhere else another one is forwarded; so it is scanned here, before
it is sent, and only for such deployments. Names come again and again: what was found is kept.
"""

from hybridgw.config.privacy import scanner_of
from hybridgw.config.schema import PrivacySettings
from hybridgw.core import Boundary

_KEPT = 1024
_LEVELS = ("public", "internal", "regulated")
_FARTHEST = (Boundary.EXTERNAL, Boundary.ORGANIZATION, Boundary.DEVICE)


class ChosenNames:
    """The judgement of one generation of the configuration."""

    def __init__(self, privacy: PrivacySettings) -> None:
        self._scan = scanner_of(privacy).scan
        # A name is text: where it is not known, too much was found in it.
        self._unknown = "regulated" if privacy.unknown == "regulated" else "internal"
        self._judged: dict[str, Boundary] = {}

    def farthest(self, name: str) -> Boundary:
        """How far a name may travel."""
        known = self._judged.get(name)
        if known is not None:
            return known
        found = self._scan(name.encode("utf-8", "replace"))
        level = found["level"] or max(self._unknown, found["found"], key=_LEVELS.index)
        if len(self._judged) >= _KEPT:
            self._judged.clear()
        judged = self._judged[name] = _FARTHEST[_LEVELS.index(level)]
        return judged
