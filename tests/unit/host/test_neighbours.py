"""The kernel's own tables, as they look on a host with Docker, in WSL and in a container."""

import socket

from hybridgw.host.neighbours import Neighbour, neighbours

HEAD = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
DOCKER = (
    HEAD
    + "eth0\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n"
    + "docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n"
    + "br-1f2e3d\t000012AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n"
    + "eth0\t0001A8C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0\n"
)
WSL = HEAD + "eth0\t00000000\t01501CAC\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"


def nobody(name: str) -> str:
    raise socket.gaierror(name)


def test_the_bridges_of_containers_and_not_the_local_network() -> None:
    found = neighbours(DOCKER, "Linux version 6.1.0 (debian)", nobody)
    assert [one.network for one in found] == ["172.17.0.0/16", "172.18.0.0/16"]
    assert "docker0" in found[0].what


def test_the_windows_host_in_front_of_wsl() -> None:
    found = neighbours(WSL, "Linux version 5.15.1-microsoft-standard-WSL2", nobody)
    assert found == [Neighbour("172.28.80.1/32", "the Windows host in front of this Linux")]
    assert neighbours(WSL, "Linux version 6.1.0", nobody) == []


def test_the_machine_in_front_of_a_container() -> None:
    names = {"host.docker.internal": "192.168.65.254", "host.containers.internal": "127.0.0.1"}
    found = neighbours(HEAD, "Linux", names.__getitem__)
    assert [one.network for one in found] == ["192.168.65.254/32"]


def test_tables_that_are_none() -> None:
    garbage = HEAD + "eth0\nx y z\ndocker0\tZZ\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n"
    assert neighbours(garbage, "", nobody) == []
    assert neighbours("", "", nobody) == []
