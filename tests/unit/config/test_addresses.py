"""Where an address lies."""

import socket
from ipaddress import ip_address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridgw.config import addresses as module
from hybridgw.config.addresses import own_addresses, parse_network
from hybridgw.core import Boundary
from hybridgw.transport import BoundaryNetworks

D, G, E = Boundary.DEVICE, Boundary.ORGANIZATION, Boundary.EXTERNAL


def nobody() -> frozenset[module.Address]:
    return frozenset()


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("127.0.0.1", D),
        ("127.255.0.9", D),
        ("::1", D),
        ("::ffff:127.0.0.1", D),
        ("192.0.2.7", D),  # ours
        ("2001:db8::7", D),  # ours
        ("::ffff:192.0.2.7", D),
        ("10.0.0.1", E),  # private ranges mean nothing by themselves
        ("192.168.1.1", E),
        ("172.17.0.1", E),
        ("fd00::1", E),
        ("fe80::1%eth0", E),
        ("169.254.169.254", E),
        ("8.8.8.8", E),
        ("0.0.0.0", D),  # where the kernel connects to loopback
        ("::", D),
        ("::ffff:0.0.0.0", D),
        ("64:ff9b::7f00:1", E),
        ("255.255.255.255", E),
        ("", E),
        ("localhost", E),
        ("127.1", E),
        ("2130706433", E),
        ("0x7f.0.0.1", E),
        ("127.0.0.1.", E),
        ("/run/engine.sock", E),
    ],
)
def test_defaults(address: str, expected: Boundary) -> None:
    own = frozenset({ip_address("192.0.2.7"), ip_address("2001:db8::7")})
    assert BoundaryNetworks(own=lambda: own).classify(address) == expected


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("10.1.2.3", G),
        ("10.1.9.9", D),  # the longer prefix
        ("10.1.9.1", G),  # longer still
        ("10.2.0.1", E),
        ("127.0.0.2", G),  # a listed network beats the default
        ("127.0.0.1", D),
        ("fd12::5", G),
        ("172.20.0.3", D),
        ("192.0.2.1", G),  # listed twice alike: the farther one
        ("0.0.0.0", D),  # judged as the loopback that it reaches, which is not listed
        ("::ffff:10.1.2.3", G),
    ],
)
def test_listed(address: str, expected: Boundary) -> None:
    networks = BoundaryNetworks(
        device=["10.1.9.0/24", "::ffff:172.20.0.0/112", "192.0.2.1"],
        organization=["10.1.0.0/16", "10.1.9.1", "127.0.0.2/32", "fd12::/16", "192.0.2.1", "0.0.0.0/32"],
        own=nobody,
    )
    assert networks.classify(address) == expected


def test_bad_network_is_quoted() -> None:
    with pytest.raises(ValueError, match=r"'10\.1/16' is not a network"):
        BoundaryNetworks(device=["10.1/16"])
    assert str(parse_network(" 10.1.2.3/16 ")) == "10.1.0.0/16"


@given(st.ip_addresses())
def test_nothing_is_near_unless_it_was_said(address: module.Address) -> None:
    networks = BoundaryNetworks(own=nobody)
    mapped = address.ipv4_mapped if address.version == 6 else None
    near = (mapped or address).is_loopback or (mapped or address).is_unspecified
    assert networks.classify(str(address)) == (D if near else E)


def test_cache_is_bounded() -> None:
    networks = BoundaryNetworks(own=nobody)
    for number in range(10_000):
        networks.classify(f"10.0.{number // 256}.{number % 256}")
    assert len(networks._cache) <= module._CACHE_SIZE


def test_refresh_sees_new_addresses() -> None:
    own = {ip_address("192.0.2.7")}
    networks = BoundaryNetworks(own=lambda: frozenset(own))
    assert (networks.classify("192.0.2.7"), networks.classify("192.0.2.8")) == (D, E)
    own.clear()
    own.add(ip_address("192.0.2.8"))
    networks.refresh()
    assert (networks.classify("192.0.2.7"), networks.classify("192.0.2.8")) == (E, D)


TRIE = """Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     |-- 192.0.2.0
        /24 link UNICAST
     |-- 192.0.2.2
        /32 host LOCAL
     |-- 10.9.0.0
        /16 host LOCAL
     |-- 192.0.2.255
        /32 link BROADCAST
"""
INET6 = """00000000000000000000000000000001 01 80 10 80       lo
fe8000000000000000fc00fffe000001 04 40 20 80     eth0
fd000000000000000000000000000002 04 40 00 82     eth0
"""


def test_own_addresses_from_the_kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "trie").write_text(TRIE)
    (tmp_path / "inet6").write_text(INET6)
    monkeypatch.setattr(module, "_FIB_TRIE", tmp_path / "trie")
    monkeypatch.setattr(module, "_IF_INET6", tmp_path / "inet6")
    # Neither a range that is merely accepted, nor a link-local address.
    assert {str(each) for each in own_addresses()} == {"192.0.2.2", "::1", "fd00::2"}


def test_own_addresses_without_proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_FIB_TRIE", tmp_path / "missing")
    rows = [(2, 2, 17, "", ("127.0.0.1", 0)), (2, 2, 17, "", ("198.51.100.77", 0))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: rows)
    # The resolver's word alone is not believed: the second address cannot be bound here.
    assert {str(each) for each in own_addresses()} == {"127.0.0.1"}


def test_own_addresses_of_this_host_are_device() -> None:
    networks = BoundaryNetworks()
    assert all(networks.classify(str(address)) == D for address in own_addresses())
