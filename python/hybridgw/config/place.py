"""Tier and boundary of an upstream, as far as its address tells.

The answer is a declaration, not a proof: a host name means nothing until somebody connects, so
transport compares the connected peer with the same networks on every send and the farther of the
two counts. Here the point is a sensible default and an honest warning. What must never happen is
that an address gets more trust than it has shown: only loopback, this host's own addresses and
listed networks are `device`; a private range alone never is.
"""

import functools
import ipaddress
import socket
from collections.abc import Callable

import msgspec

from hybridgw.config.schema import BoundaryName, BoundarySettings

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

RANK: dict[BoundaryName, int] = {"device": 0, "organization": 1, "external": 2}
_DEFAULT_TIER: dict[BoundaryName, str] = {"device": "local", "organization": "private", "external": "cloud"}
_INSIDE = (".local", ".internal", ".svc", ".lan", ".home", ".home.arpa", ".intranet", ".corp", ".localdomain")


class Networks(msgspec.Struct, frozen=True):
    """The configured networks, parsed."""

    device: tuple[Network, ...] = ()
    organization: tuple[Network, ...] = ()


class Place(msgspec.Struct, frozen=True):
    """What an address tells. `certain`: it is a literal address, so connecting tells no more."""

    tier: str
    boundary: BoundaryName
    certain: bool
    unlisted: bool = False
    """Organization by its look only: no listed network covers it (or may, for a name)."""


def parse_network(text: str) -> Network:
    """A network or a single address; ValueError if it is neither."""
    return ipaddress.ip_network(text.strip(), strict=False)


def networks_of(settings: BoundarySettings) -> Networks:
    """Both lists parsed; they were checked when they were loaded."""
    return Networks(
        tuple(parse_network(n) for n in settings.device.networks),
        tuple(parse_network(n) for n in settings.organization.networks),
    )


@functools.lru_cache(maxsize=1024)
def is_own_address(address: Address) -> bool:
    """Whether this host has the address: only then can a socket be bound to it. Sends nothing."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((str(address), 0))
    except OSError:
        return False
    return True


def _canonical(address: Address) -> Address:
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _inside(address: Address, networks: tuple[Network, ...]) -> bool:
    return any(address.version == n.version and address in n for n in networks)


def boundary_of(
    address: Address, networks: Networks, own: Callable[[Address], bool] = is_own_address
) -> BoundaryName:
    """How far data travels to this address: the rule that holds for a connected peer."""
    address = _canonical(address)
    if address.is_loopback or address.is_unspecified or _inside(address, networks.device) or own(address):
        return "device"
    return "organization" if _inside(address, networks.organization) else "external"


def place_of(host: str, networks: Networks, own: Callable[[Address], bool] = is_own_address) -> Place:
    """Tier and declared boundary for a host as it stands in a base URL."""
    name = host.lower().rstrip(".")
    try:
        address = _canonical(ipaddress.ip_address(name))
    except ValueError:
        if name == "localhost" or name.endswith(".localhost"):
            return Place("local", "device", True)
        if "." not in name or name.endswith(_INSIDE):
            if networks.device and not networks.organization:
                # Of the two only this device's networks are known: the name is meant to be there.
                return Place("local", "device", False)
            return Place("private", "organization", False, unlisted=not networks.organization)
        return Place("cloud", "external", False)
    boundary = boundary_of(address, networks, own)
    if boundary == "external" and not address.is_global:
        return Place("private", "organization", True, unlisted=True)
    return Place(_DEFAULT_TIER[boundary], boundary, True)
