"""Where a name turns out to be, and the line that says so in the configuration.

A container network looks like anybody's private network, so an engine behind `http://ollama:11434`
counts as external until its network is listed. What is to be listed, and where, can be told from the
address that the name resolves to and from the networks that this host is part of. It is advice: only
the operator knows who else is on that network, so nothing here is ever applied by itself.
"""

import ipaddress
import os
import socket
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from hybridgw.config.place import RANK
from hybridgw.config.schema import BoundaryName, DeploymentSettings, Settings
from hybridgw.core import Target

Resolver = Callable[[str, int], Iterable[str]]
"""host, port -> addresses as text; OSError when there are none."""
Classify = Callable[[str], BoundaryName]
"""The boundary of an address, as it is judged when a request is sent."""

_CONTAINERS = ipaddress.ip_network("172.16.0.0/12")
"""Where container engines make their networks unless they are told otherwise."""
_BRIDGES = ("docker", "br-", "podman", "cni")
_IN_CONTAINER = ("/.dockerenv", "/run/.containerenv")


class Link(msgspec.Struct, frozen=True):
    """A network that this host is part of."""

    interface: str
    network: ipaddress.IPv4Network


class Advice(msgspec.Struct, frozen=True):
    """What a host's address means, and what would change it."""

    host: str
    address: str
    effect: str
    line: str
    """YAML, one line, for the configuration in use."""

    def __str__(self) -> str:
        return (
            f"{self.host} is {self.address}: {self.effect}; if that is meant to be yours, write  {self.line}"
        )


def links(route: Path = Path("/proc/net/route")) -> tuple[Link, ...]:
    """The networks that this host is part of, from the kernel's table; none where there is no such table."""
    found = []
    try:
        rows = route.read_text("ascii", "replace").splitlines()[1:]
    except OSError:
        return ()
    for row in rows:
        columns = row.split()
        if len(columns) < 8 or int(columns[2], 16) or not int(columns[7], 16):
            continue
        # Both are words of the machine, so the first byte stands last.
        address, mask = (bytes.fromhex(columns[n])[::-1] for n in (1, 7))
        length = bin(int.from_bytes(mask)).count("1")
        found.append(Link(columns[0], ipaddress.IPv4Network((address, length))))
    return tuple(found)


def in_container() -> bool:
    """Whether this process runs in a container."""
    return any(os.path.exists(path) for path in _IN_CONTAINER)


def advise(
    settings: Settings,
    deployment: DeploymentSettings,
    addresses: tuple[str, ...],
    classify: Classify,
    known: tuple[Link, ...],
    inside: bool,
) -> Advice | None:
    """Advice for a deployment whose private address lies farther out than it is declared; else None.
    `inside` says that this gateway runs in a container, with the engines of the same machine beside it."""
    target = target_of(deployment.base_url)
    if target is None or deployment.unusable:
        return None
    for text in addresses:
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            continue
        if address.is_global or RANK[classify(text)] <= RANK[deployment.boundary]:
            continue
        link = next((one for one in known if address.version == 4 and address in one.network), None)
        own = address in _CONTAINERS if address.version == 4 else False
        bridged = link is not None and (inside or own or link.interface.startswith(_BRIDGES))
        boundary: BoundaryName = "device" if bridged else "organization"
        network = link.network if bridged and link is not None else ipaddress.ip_network(address)
        return Advice(
            target.host,
            text,
            f"in no listed network, so it counts as {classify(text)} and what is sensitive is not sent there",
            _line(settings, boundary, str(network)),
        )
    return None


def _line(settings: Settings, boundary: BoundaryName, network: str) -> str:
    listed = {
        name: list(getattr(settings.boundaries, name).networks) + ([network] if name == boundary else [])
        for name in ("device", "organization")
    }
    inner = ", ".join(
        f"{name}: {{networks: [{', '.join(networks)}]}}" for name, networks in listed.items() if networks
    )
    line = f"boundaries: {{{inner}}}"
    return line if settings.source.kind == "native" else f"hybridgw: {{{line}}}"


def target_of(url: str) -> Target | None:
    """Where a base URL leads; None where it cannot be told."""
    try:
        return Target.parse(url)
    except ValueError:
        return None


def resolve(target: Target, resolver: Resolver) -> tuple[str, ...]:
    """The addresses of a target; none when there are none."""
    try:
        return tuple(dict.fromkeys(resolver(target.host, target.port)))
    except (OSError, UnicodeError):
        return ()


def system_resolver(host: str, port: int) -> list[str]:
    """What this host's own resolver says."""
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
