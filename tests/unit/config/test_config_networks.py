"""Advice about networks: the line that is proposed does what it promises, and nothing else is proposed."""

import ipaddress
from pathlib import Path

import pytest

from hybridgw.config.check import check
from hybridgw.config.networks import Link, advise, links
from hybridgw.config.schema import BoundaryName, Settings

from .conftest import Read

COMPOSE = (
    "model_list:\n"
    "- model_name: near\n  litellm_params: {model: ollama/qwen3, api_base: 'http://ollama:11434'}\n"
    "- model_name: far\n  litellm_params: {model: gpt-4o, api_key: k}\n"
)
NATIVE = "deployments: [{name: private/a, provider: ollama, model: m, url: 'http://ollama:11434'}]\n"
BRIDGE = Link("eth0", ipaddress.IPv4Network("172.18.0.0/16"))


def nobody(address: str) -> BoundaryName:
    return "external"


def line(settings: Settings, address: str, inside: bool = True, known: tuple[Link, ...] = (BRIDGE,)) -> str:
    found = advise(settings, settings.deployments[0], (address,), nobody, known, inside)
    return found.line if found else ""


def test_a_container_network_becomes_the_device_by_one_line(read: Read) -> None:
    proposed = line(read(COMPOSE), "172.18.0.3")
    assert proposed == "hybridgw: {boundaries: {device: {networks: [172.18.0.0/16]}}}"
    after = read(COMPOSE + proposed + "\n")
    (row, cloud) = check(after, lambda host, port: ["172.18.0.3"] if host == "ollama" else []).rows
    assert (row.tier, row.boundary, row.reached, row.advice) == ("local", "device", "device", "")
    assert "regulated" in row.sees
    assert cloud.boundary == "external"


def test_a_file_of_ours_takes_it_at_top_level(read: Read) -> None:
    proposed = line(read(NATIVE), "172.18.0.3")
    assert proposed == "boundaries: {device: {networks: [172.18.0.0/16]}}"
    assert read(NATIVE + proposed + "\n").deployments[0].boundary == "device"


def test_networks_that_are_listed_already_stay(read: Read) -> None:
    settings = read(NATIVE + "boundaries: {organization: {networks: [10.0.0.0/8]}}\n")
    assert line(settings, "172.18.0.3") == (
        "boundaries: {device: {networks: [172.18.0.0/16]}, organization: {networks: [10.0.0.0/8]}}"
    )


@pytest.mark.parametrize(
    ("address", "inside", "known"),
    [
        ("192.168.1.20", False, (Link("eth0", ipaddress.IPv4Network("192.168.1.0/24")),)),
        ("10.9.9.9", True, (BRIDGE,)),
        ("172.18.0.3", True, ()),
    ],
)
def test_what_may_be_another_machine_is_the_organizations(
    read: Read, address: str, inside: bool, known: tuple[Link, ...]
) -> None:
    assert line(read(COMPOSE), address, inside, known) == (
        f"hybridgw: {{boundaries: {{organization: {{networks: [{address}/32]}}}}}}"
    )


def test_nothing_is_advised_where_nothing_would_change(read: Read) -> None:
    settings = read(COMPOSE)
    assert not line(settings, "93.184.216.34"), "a public address is nobody's own"
    deployment = settings.deployments[1]
    assert advise(settings, deployment, ("10.0.0.1",), nobody, (), True) is None, "declared external"
    near = settings.deployments[0]
    assert advise(settings, near, ("172.18.0.3",), lambda address: "device", (), True) is None


def test_the_kernels_table(tmp_path: Path) -> None:
    table = tmp_path / "route"
    table.write_text(
        "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"
        "eth0\t00000000\t010012AC\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
        "eth0\t000012AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n"
    )
    assert links(table) == (BRIDGE,)
    assert links(tmp_path / "none") == ()


def test_names_without_a_listed_network_stay_the_organizations(read: Read) -> None:
    assert read(COMPOSE).deployments[0].boundary == "organization"
    both = (
        "hybridgw: {boundaries: {device: {networks: [10.1.0.0/16]}, organization: {networks: [10.0.0.0/8]}}}"
    )
    assert read(COMPOSE + both + "\n").deployments[0].boundary == "organization", "which one is not known"
