"""Tier and boundary of an upstream, as far as its address tells.

The answer is a declaration, not a proof: a host name means nothing until somebody connects, so
transport compares the connected peer with the same networks on every send and the farther of the
two counts. Here the point is a sensible default and an honest warning. What must never happen is
that an address gets more trust than it has shown: only loopback, this host's own addresses and
listed networks are `device`; a private range alone never is.
"""

import msgspec

from hybridgw.config.addresses import BoundaryNetworks, parse_address
from hybridgw.config.schema import BoundaryName, BoundarySettings
from hybridgw.core import Boundary

RANK: dict[BoundaryName, int] = {"device": 0, "organization": 1, "external": 2}
_DEFAULT_TIER: dict[BoundaryName, str] = {"device": "local", "organization": "private", "external": "cloud"}
_NAMES: dict[Boundary, BoundaryName] = {
    Boundary.DEVICE: "device",
    Boundary.ORGANIZATION: "organization",
    Boundary.EXTERNAL: "external",
}
_INSIDE = (".local", ".internal", ".svc", ".lan", ".home", ".home.arpa", ".intranet", ".corp", ".localdomain")


class Place(msgspec.Struct, frozen=True):
    """What an address tells. `certain`: it is a literal address, so connecting tells no more."""

    tier: str
    boundary: BoundaryName
    certain: bool
    unlisted: bool = False
    """Organization by its look only: no listed network covers it (or may, for a name)."""


def networks_of(settings: BoundarySettings) -> BoundaryNetworks:
    """The listed networks; they were checked when they were loaded."""
    return BoundaryNetworks(settings.device.networks, settings.organization.networks)


def name_of(boundary: Boundary) -> BoundaryName:
    """What a configuration calls a boundary."""
    return _NAMES[boundary]


def place_of(host: str, networks: BoundaryNetworks) -> Place:
    """Tier and declared boundary for a host as it stands in a base URL."""
    name = host.lower().rstrip(".")
    address = parse_address(name)
    if address is None:
        if name == "localhost" or name.endswith(".localhost"):
            return Place("local", "device", True)
        if "." not in name or name.endswith(_INSIDE):
            listed = networks.lists(Boundary.ORGANIZATION)
            if networks.lists(Boundary.DEVICE) and not listed:
                # Of the two only this device's networks are known: the name is meant to be there.
                return Place("local", "device", False)
            return Place("private", "organization", False, unlisted=not listed)
        return Place("cloud", "external", False)
    boundary = name_of(networks.classify(name))
    if boundary == "external" and not address.is_global:
        return Place("private", "organization", True, unlisted=True)
    return Place(_DEFAULT_TIER[boundary], boundary, True)
