"""Which hosts and addresses a client may make the gateway call: every trick that is known."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridgw.transport.public import is_public, plain_host

INNER = [
    # this host, this network
    "127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "::1", "::",
    # private, shared (carriers), link-local with the clouds' metadata
    "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "100.100.100.200",
    "169.254.169.254", "168.63.129.16", "fd00:ec2::254", "fc00::1", "fe80::1", "fe80::1%lo", "fec0::1",
    # documentation, benchmarks, protocols, reserved, multicast, broadcast
    "192.0.2.1", "198.51.100.1", "203.0.113.1", "198.18.0.1", "192.0.0.192", "192.88.99.1", "240.0.0.1",
    "224.0.0.1", "239.1.1.1", "255.255.255.255", "ff02::1", "2001:db8::1", "3fff::1", "100::1",
    # one address inside another, public ones too
    "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "::ffff:0:127.0.0.1", "64:ff9b::7f00:1",
    "64:ff9b::808:808", "64:ff9b:1::a00:1", "2002:7f00:1::", "2002:808:808::1", "2001:0:808:808::1",
    # no addresses
    "", "localhost", "127.1", "2130706433", "0x7f000001", "127.0.0.1.", "127.0.0.01", " 8.8.8.8", "8.8.8.8\n",
]  # fmt: skip
OUTER = [
    "8.8.8.8",
    "1.1.1.1",
    "172.32.0.1",
    "192.167.255.255",
    "100.128.0.1",
    "2606:4700::1111",
    "2a00:1450::1",
]


@pytest.mark.parametrize("address", INNER)
def test_inner_addresses(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", OUTER)
def test_outer_addresses(address: str) -> None:
    assert is_public(address)
    assert plain_host(address)


@given(st.integers(0, 2**32 - 1))
def test_no_address_is_public_inside_another(number: int) -> None:
    low = f"{number >> 16:x}:{number & 0xFFFF:x}"
    for around in (f"::ffff:{low}", f"::{low}", f"64:ff9b::{low}", f"2002:{low}::", f"::ffff:0:{low}"):
        assert not is_public(around)


@pytest.mark.parametrize(
    "host",
    [
        "127.1", "127.0.1", "2130706433", "0x7f.0.0.1", "0x7f000001", "0177.0.0.1", "017700000001",
        "127.0.0.01", "127.0.0.1.", "example.com.", "example..com", ".example.com", "a.0x", "a.1",
        "1.2.3.4.5", "8.8.8.8.",
        "256.1.1.1", "h%2e.com", "127.0.0.1%00.example.com", "a b", "EXAMPLE.com", "exämple.com", "xn--",
        "-a.com", "a_.c-", "", ".", "fe80::1%lo", "::1%25lo", "[::1]", "a/b", "a:80", "x" * 64,
        "a." * 127 + "ab",
    ],
)  # fmt: skip
def test_hosts_that_read_in_two_ways(host: str) -> None:
    assert not plain_host(host)


@pytest.mark.parametrize(
    "host",
    ["example.com", "a", "my_bucket.s3.example", "xn--bcher-kva.example", "1.example", "8.8.8.8", "2a00::1"],
)
def test_hosts_as_everybody_reads_them(host: str) -> None:
    assert plain_host(host)
