"""Settings of privacy as the scanner reads them; the only place that builds what it is told."""

from typing import TYPE_CHECKING, Any

import msgspec

from hybridgw.config.schema import PrivacySettings

if TYPE_CHECKING:
    from hybridgw.native import Scanner


def scan_config(privacy: PrivacySettings) -> dict[str, Any]:
    """What the native scanner looks for, and how sensitive each kind counts."""
    patterns = [{"name": it.name, "pattern": it.pattern, "level": it.level} for it in privacy.patterns]
    return {"profile": privacy.profile, "levels": privacy.levels, "patterns": patterns}


def scanner_of(privacy: PrivacySettings) -> "Scanner":
    """The scanner itself. ValueError with one line per fault, each "path: what; how to mend it"."""
    # Imported here: a file without patterns is checked without the extension.
    from hybridgw.native import Scanner

    return Scanner(msgspec.json.encode(scan_config(privacy)))
