"""Networks that are this machine although their addresses do not look like it: its containers, and
the Windows or macOS host in front of a virtual machine.

Found from what the kernel and the resolver say, without sending anything. They are proposals for a
person who writes a configuration: nothing is trusted because it was found here.
"""

import ipaddress
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

_BRIDGES = ("docker", "br-", "podman", "cni", "lxcbr", "virbr")
"""How the interfaces of containers and virtual machines on this host begin."""
_HOST_NAMES = ("host.docker.internal", "host.containers.internal")
"""Names under which Docker and Podman tell a container of the machine in front of it."""


class Neighbour(msgspec.Struct, frozen=True):
    """One network and what it is."""

    network: str
    what: str


def neighbours(
    routes: str | None = None,
    version: str | None = None,
    resolve: Callable[[str], str] = socket.gethostbyname,
) -> list[Neighbour]:
    """What was found, bridges first. `routes` and `version` are the kernel's tables, read if absent."""
    routes = _read("/proc/net/route") if routes is None else routes
    version = _read("/proc/version") if version is None else version
    found = [
        Neighbour(str(network), f"containers on this machine ({interface})")
        for interface, network, _ in _routes(routes)
        if interface.startswith(_BRIDGES) and network.prefixlen
    ]
    if "microsoft" in version.lower():
        found += [
            Neighbour(f"{gateway}/32", "the Windows host in front of this Linux")
            for _, network, gateway in _routes(routes)
            if not network.prefixlen
        ]
    for name in _HOST_NAMES:
        try:
            address = ipaddress.ip_address(resolve(name))
        except (OSError, ValueError):
            continue
        if not address.is_loopback:
            found.append(Neighbour(f"{address}/32", f"the machine in front of this container ({name})"))
    return list({one.network: one for one in reversed(found)}.values())[::-1]


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""


def _routes(table: str) -> Iterator[tuple[str, ipaddress.IPv4Network, ipaddress.IPv4Address]]:
    """Interface, network and gateway of each line; the kernel writes addresses in hexadecimal, in the
    byte order of the machine."""
    for line in table.splitlines()[1:]:
        fields = line.split()
        if len(fields) < 8:
            continue
        try:
            target, gateway, mask = (_address(fields[column]) for column in (1, 2, 7))
            yield fields[0], ipaddress.IPv4Network(f"{target}/{mask}"), gateway
        except ValueError:
            continue


def _address(text: str) -> ipaddress.IPv4Address:
    return ipaddress.IPv4Address(socket.ntohl(int(text, 16)))
