"""Tier and boundary from an address: trust is only ever what the address has shown."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridgw.config.addresses import BoundaryNetworks
from hybridgw.config.place import name_of, place_of

from .conftest import Read

OWN = frozenset({ipaddress.ip_address("192.168.7.7")})
NETWORKS = BoundaryNetworks(["172.28.0.0/16"], ["10.0.0.0/8", "fd00::/8"], lambda: OWN)


@pytest.mark.parametrize(
    ("host", "tier", "boundary"),
    [
        ("localhost", "local", "device"),
        ("api.localhost", "local", "device"),
        ("127.0.0.1", "local", "device"),
        ("127.9.9.9", "local", "device"),
        ("::1", "local", "device"),
        ("::ffff:127.0.0.1", "local", "device"),
        ("0.0.0.0", "local", "device"),
        ("192.168.7.7", "local", "device"),
        ("172.28.4.4", "local", "device"),
        ("10.1.2.3", "private", "organization"),
        ("fd00::5", "private", "organization"),
        ("192.168.1.1", "private", "organization"),
        ("100.64.0.1", "private", "organization"),
        ("169.254.1.1", "private", "organization"),
        ("ollama", "private", "organization"),
        ("gpu.cluster.local", "private", "organization"),
        ("vllm.models.svc", "private", "organization"),
        ("host.docker.internal", "private", "organization"),
        ("8.8.8.8", "cloud", "external"),
        ("2606:4700::1", "cloud", "external"),
        ("api.openai.com", "cloud", "external"),
        ("localhost.example.com", "cloud", "external"),
    ],
)
def test_place(host: str, tier: str, boundary: str) -> None:
    place = place_of(host, NETWORKS)
    assert (place.tier, place.boundary) == (tier, boundary)


@given(st.ip_addresses())
def test_only_loopback_own_and_listed_addresses_are_device(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    mapped = getattr(address, "ipv4_mapped", None) or address
    if name_of(NETWORKS.classify(str(address))) == "device":
        listed = mapped.version == 4 and mapped in ipaddress.ip_network("172.28.0.0/16")
        assert mapped.is_loopback or mapped.is_unspecified or mapped in OWN or listed


ODD = [
    # address, device networks, organization networks, what holds when it is connected
    ("127.0.0.1", [], ["127.0.0.0/8"], "organization"),
    ("127.0.0.2", ["127.0.0.2"], ["127.0.0.0/8"], "device"),
    ("10.1.2.3", ["10.1.0.0/16"], ["10.0.0.0/8"], "device"),
    ("10.1.2.3", ["10.0.0.0/8"], ["10.1.0.0/16"], "organization"),
    ("10.1.2.3", ["10.0.0.0/8"], ["10.0.0.0/8"], "organization"),
    ("0.0.0.0", [], [], "device"),
    ("0.0.0.0", [], ["127.0.0.0/8"], "organization"),
    ("::", [], [], "device"),
    ("::ffff:10.1.2.3", [], ["10.0.0.0/8"], "organization"),
    ("10.1.2.3", [], ["::ffff:10.0.0.0/104"], "organization"),
    ("192.168.7.7", [], ["192.168.0.0/16"], "organization"),
    ("fe80::1%eth0", [], ["fe80::/10"], "organization"),
]


@pytest.mark.parametrize(("address", "device", "organization", "boundary"), ODD)
def test_what_is_declared_is_what_holds_when_it_is_connected(
    address: str, device: list[str], organization: list[str], boundary: str
) -> None:
    """`check` and transport ask the same rule: the expected values are those of a connected peer."""
    networks = BoundaryNetworks(device, organization, lambda: OWN)
    assert name_of(networks.classify(address)) == boundary
    assert place_of(address, networks).boundary == boundary


def deployment(url: str, rest: str = "", networks: str = "") -> str:
    return f"{networks}deployments: [{{name: x, provider: vllm, model: m, url: '{url}'{rest}}}]\n"


def test_a_tier_cannot_bring_a_public_address_nearer(read: Read) -> None:
    settings = read(deployment("http://8.8.8.8", ", tier: local"))
    assert settings.deployments[0].boundary == "external"
    assert "treated as external" in settings.notices[0].message
    settings = read(deployment("http://192.168.250.250", ", boundary: device"))
    assert settings.deployments[0].boundary == "organization"


def test_a_declared_name_is_believed_with_a_warning(read: Read) -> None:
    settings = read(deployment("http://gpu.example.com", ", tier: private"))
    assert settings.deployments[0].boundary == "organization"
    assert "does not resolve into boundaries.organization.networks" in settings.notices[0].message


def test_listed_networks_count(read: Read) -> None:
    networks = "boundaries: {device: {networks: [192.168.250.0/24]}}\n"
    assert read(deployment("http://192.168.250.250", "", networks)).deployments[0].tier == "local"


def test_a_hosted_model_behind_loopback_is_external(read: Read) -> None:
    for model in ("gpt-oss:120b-cloud", "kimi:cloud"):
        settings = read(f"deployments: [{{name: x, provider: ollama, model: '{model}', tier: local}}]\n")
        assert settings.deployments[0].boundary == "external"
