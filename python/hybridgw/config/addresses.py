"""How far away an address is: on this device, inside the organisation, or anywhere else.

One rule for both who ask: a configuration that is read, for what it declares and what `check` shows, and
the transport, for the address that is really connected.

The answer comes from addresses alone, never from names: a name is only somebody's claim and can change
between two look-ups, while the address of a connected socket is where the bytes go. An address is `device`
only if it is loopback, bound to an interface of this host, or listed; a private range means nothing by
itself (a container bridge, a VPN and a coffee-shop network all use them). Everything that nobody listed is
external, so that forgetting something is safe.

A listed network beats the defaults and the longest prefix wins; at equal length the farther boundary wins.
Listing a loopback address as `organization` is therefore possible, and right for a tunnel that
ends on loopback. The unspecified address counts as loopback, where the kernel connects it.
"""

import socket
import threading
from collections.abc import Callable, Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from pathlib import Path

from hybridgw.core import Boundary

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_LOOPBACK: dict[int, Address] = {4: IPv4Address("127.0.0.1"), 6: IPv6Address("::1")}
_CACHE_SIZE = 4096
_FIB_TRIE = Path("/proc/net/fib_trie")
_IF_INET6 = Path("/proc/net/if_inet6")


class BoundaryNetworks:
    """The networks of a configuration, and the addresses of this host.

    `device` and `organization` are CIDR networks or single addresses; a malformed one is a ValueError
    that quotes it. `own` reads this host's addresses; it is a parameter for tests and for hosts where
    they are found another way.
    """

    def __init__(
        self,
        device: Iterable[str] = (),
        organization: Iterable[str] = (),
        own: "Callable[[], frozenset[Address]] | None" = None,
    ) -> None:
        self._read_own = own_addresses if own is None else own
        self._own = self._read_own()
        self._cache: dict[str, Boundary] = {}
        self._listed: list[tuple[Network, Boundary]] = []
        self.relist(device, organization)

    def lists(self, boundary: Boundary) -> bool:
        """Whether any network is listed for this boundary."""
        return any(one == boundary for _, one in self._listed)

    def relist(self, device: Iterable[str], organization: Iterable[str]) -> None:
        """Take another configuration's networks. Kept connections are classified anew at each use,
        so the change holds for them too."""
        listed = [(parse_network(text), Boundary.DEVICE) for text in device]
        listed += [(parse_network(text), Boundary.ORGANIZATION) for text in organization]
        self._listed = sorted(listed, key=lambda entry: (entry[0].prefixlen, entry[1]), reverse=True)
        self._cache = {}

    def classify(self, address: str) -> Boundary:
        """The boundary of a textual address; whatever is not an address is external."""
        known = self._cache.get(address)
        if known is not None:
            return known
        boundary = self._classify(address)
        if len(self._cache) >= _CACHE_SIZE:
            self._cache.clear()
        self._cache[address] = boundary
        return boundary

    def refresh(self) -> None:
        """Read this host's addresses again: interfaces come and go (containers, VPN, DHCP)."""
        self._own = self._read_own()
        self._cache = {}

    def _classify(self, text: str) -> Boundary:
        address = parse_address(text)
        if address is None:
            return Boundary.EXTERNAL
        if address.is_unspecified:
            address = _LOOPBACK[address.version]
        for network, boundary in self._listed:
            if address.version == network.version and address in network:
                return boundary
        if address.is_loopback or address in self._own:
            return Boundary.DEVICE
        return Boundary.EXTERNAL


def parse_address(text: str) -> Address | None:
    """An address without zone, IPv4-mapped IPv6 unwrapped; None if `text` is not one."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def parse_network(text: str) -> Network:
    """A network or address as people write it (host bits allowed); ValueError names the text."""
    try:
        network = ip_network(text.strip(), strict=False)
    except ValueError as error:
        raise ValueError(f"{text!r} is not a network, for example 10.1.0.0/16: {error}") from None
    if isinstance(network, IPv6Network):
        mapped = network.network_address.ipv4_mapped
        if mapped is not None and network.prefixlen >= 96:
            return IPv4Network((mapped, network.prefixlen - 96))
    return network


def own_addresses() -> frozenset[Address]:
    """The addresses bound to interfaces of this host.

    Link-local IPv6 addresses are left out: the same one may belong to another host on another link.
    """
    found: set[Address] = set()
    try:
        found.update(_ipv4_of_fib_trie(_FIB_TRIE.read_text("ascii", "replace")))
        found.update(_ipv6_of_if_inet6(_IF_INET6.read_text("ascii", "replace")))
    except OSError:
        found.update(_bindable(_addresses_of_hostname()))
    return frozenset(address for address in found if not address.is_link_local)


def _ipv4_of_fib_trie(text: str) -> set[Address]:
    """Leaves of the kernel's routing trie that are single local addresses.

    A leaf (`|-- 192.0.2.2`) is followed by its routes; `/32 host LOCAL` is an address of ours, while
    a wider LOCAL route only says that the host would accept packets for it.
    """
    found: set[Address] = set()
    leaf = ""
    for line in text.splitlines():
        stripped = line.strip()
        if stripped.startswith("|-- "):
            leaf = stripped[4:]
        elif stripped == "/32 host LOCAL":
            address = parse_address(leaf)
            if address is not None:
                found.add(address)
    return found


def _ipv6_of_if_inet6(text: str) -> set[Address]:
    """First column: 32 hex digits without colons."""
    return {IPv6Address(bytes.fromhex(line.split()[0])) for line in text.splitlines() if line.strip()}


def _addresses_of_hostname() -> set[Address]:
    """What the resolver says about our own name: candidates only, a resolver may be wrong.

    Asked in a thread with a deadline, because a resolver may also be slow.
    """
    answers: list[str] = []

    def ask() -> None:
        try:
            rows = socket.getaddrinfo(socket.gethostname(), None, type=socket.SOCK_DGRAM)
        except OSError:
            return
        answers.extend(str(row[4][0]) for row in rows)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(1.0)
    return {address for text in tuple(answers) if (address := parse_address(text)) is not None}


def _bindable(candidates: Iterable[Address]) -> set[Address]:
    """Those that this host can bind, which is the kernel's own word that they are ours."""
    found: set[Address] = set()
    for address in candidates:
        family = socket.AF_INET if address.version == 4 else socket.AF_INET6
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind((str(address), 0))
            except OSError:
                continue
        found.add(address)
    return found
