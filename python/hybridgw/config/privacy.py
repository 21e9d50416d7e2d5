"""Settings of privacy as the scanner reads them; the only place that builds what it is told."""

from typing import TYPE_CHECKING, Any

import msgspec

from hybridgw.config.schema import LevelName, PrivacySettings, Settings

if TYPE_CHECKING:
    from hybridgw.native import Scanner


def scan_config(privacy: PrivacySettings) -> dict[str, Any]:
    """What the native scanner looks for, and how sensitive each kind counts."""
    patterns = [{"name": it.name, "pattern": it.pattern, "level": it.level} for it in privacy.patterns]
    return {"profile": privacy.profile, "levels": privacy.levels, "patterns": patterns}


LOWERED = {
    2: "words of medicine count only with a person near them, and neither they nor words of "
    "confidentiality in names of programs, files and licences; published numbers of test cards are "
    "public; privacy.profile healthcare or finance takes all of them literally",
    3: "a promise to strangers (`we keep your data confidential`) is no mark of the text in which it stands",
}
"""By version of the scanner's rules, what has counted as less since then."""


def unseen(settings: Settings) -> tuple[LevelName, ...]:
    """The levels that no deployment may see, the most sensitive first."""
    boundaries = {deployment.boundary for deployment in settings.deployments}
    if "device" in boundaries or not boundaries:
        return ()
    return ("regulated",) if "organization" in boundaries else ("regulated", "internal")


def unknown_level(settings: Settings) -> LevelName:
    """What counts for media and token ids. Where nobody is near there is nobody to lock to: then whatever
    cannot be read would never be answered, though nothing says that it is sensitive."""
    if settings.privacy.unknown or settings.source.kind in ("discovery", "demo"):
        # What a search found is no statement about what there is: an engine may start a minute later.
        return settings.privacy.unknown or "internal"
    return "public" if "internal" in unseen(settings) else "internal"


def undecided(settings: Settings) -> str:
    """The one line for a configuration of which nobody said what it shall do with sensitive text, and that
    has nobody to send it to; "" where that is no question."""
    if settings.privacy.mode is not None or "internal" not in unseen(settings):
        return ""
    media = "media are not looked at and pass; " if unknown_level(settings) == "public" else ""
    return (
        "everything here leaves this machine, so a request with a card number, a key or a patient in it is "
        f"REFUSED; {media}"
        "decide it: write `privacy: {mode: enforce}` to keep it so, `privacy: {mode: observe}` to let "
        "everything pass, or add a deployment of your own"
    )


def rules() -> int:
    """The version of the scanner's rules."""
    from hybridgw.native import SCAN_RULES

    return SCAN_RULES


def scanner_of(privacy: PrivacySettings) -> "Scanner":
    """The scanner itself. ValueError with one line per fault, each "path: what; how to mend it"."""
    # Imported here: a file without patterns is checked without the extension.
    from hybridgw.native import Scanner

    return Scanner(msgspec.json.encode(scan_config(privacy)))
