"""What a scan costs and what a stricter profile finds, through the extension."""

import msgspec
import pytest

from hybridgw.config.privacy import scanner_of
from hybridgw.config.schema import PrivacySettings
from hybridgw.native import Scanner


def scanner(profile: str) -> Scanner:
    return scanner_of(msgspec.convert({"profile": profile}, PrivacySettings))


@pytest.mark.timeout(30)
def test_overrides_of_direction_cost_in_proportion() -> None:
    """A megabyte of them: with a look to the end for each, minutes."""
    assert scanner("standard").scan("\u202e1".encode() * 250_000)["level"] is not None


@pytest.mark.parametrize("profile", ["standard", "strict", "healthcare", "finance"])
@pytest.mark.parametrize(
    "text",
    [
        "My wife has a chronic infection, the doctor prescribed antibiotics for her fever and nausea.",
        "her card is 4716 2938 5501 7768",
    ],
)
def test_a_stricter_profile_is_never_the_weaker_one(profile: str, text: str) -> None:
    assert scanner(profile).scan(text.encode())["level"] == "regulated"
