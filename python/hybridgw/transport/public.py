"""Which hosts a client may make us call: names and addresses of the public internet, and nothing else.

A client that names a URL borrows our place in the network. So an address counts as public only if no
registry says anything else about its network, and an address that carries another one inside (mapped,
translated, tunnelled) does not count at all, whatever it carries. A host must be written in the one form
that everybody reads alike: `0x7f.1`, `2130706433`, `127.0.0.1.` and their kin are refused by their
spelling, before anybody resolves them.

No I/O here: whoever connects checks what names resolve to, and the peer that answered.
"""

import re
from ipaddress import AddressValueError, IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

_NOT_PUBLIC_4 = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
        "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24",
        "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
        "224.0.0.0/4", "240.0.0.0/4",
        "168.63.129.16/32",  # looks public, and is what Azure's machines ask for their secrets
    )
)  # fmt: skip
_PUBLIC_6 = IPv6Network("2000::/3")
"""All that was ever handed out; beyond it lie loopback, mapped, NAT64, unique local, link local and
multicast."""
_NOT_PUBLIC_6 = tuple(
    IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments: Teredo, benchmarking, ORCHID
        "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20", "3ffe::/16",
    )
)  # fmt: skip

_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?").fullmatch
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*").fullmatch
_LONGEST_NAME = 253


def is_public(text: str) -> bool:
    """Whether a textual address is one of the public internet; whatever is no address is not."""
    try:
        address = ip_address(text)
    except ValueError:
        return False
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _NOT_PUBLIC_4) and address.is_global
    # A zone, or what the standard library knows and this table does not, speaks against it.
    return (
        address in _PUBLIC_6
        and not any(address in network for network in _NOT_PUBLIC_6)
        and address.scope_id is None
        and address.is_global
    )


def plain_host(host: str) -> bool:
    """Whether a host, as a URL's parser returns it, is written in the one form of a name or an address."""
    if ":" in host:
        try:
            return IPv6Address(host).scope_id is None
        except AddressValueError:
            return False
    labels = host.split(".")
    if len(host) > _LONGEST_NAME or not all(map(_LABEL, labels)):
        return False
    if _NUMBER(labels[-1]):
        # What ends in a number is an address to whoever resolves it.
        try:
            return str(IPv4Address(host)) == host
        except AddressValueError:
            return False
    return True
