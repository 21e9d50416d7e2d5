"""That no request is written to an address beyond its ceiling."""

import asyncio
from ipaddress import ip_address

import pytest

from hybridgw.config.addresses import Address
from hybridgw.core import Boundary, Outcome
from hybridgw.errors import BoundaryRefused
from hybridgw.transport import BoundaryNetworks
from tests.support.loops import LoopFactory, run
from tests.support.names import Names
from tests.support.scripted import Expect, Repeat, Scripted, Send
from tests.support.transports import FAST, OK, deployment, open_transport, post

D, G, E = Boundary.DEVICE, Boundary.ORGANIZATION, Boundary.EXTERNAL


def nobody() -> frozenset[Address]:
    return frozenset()


AWAY = BoundaryNetworks(organization=["127.0.0.0/8"])
OUTSIDE = BoundaryNetworks(organization=["127.0.0.2"], own=nobody)


def test_deployment_beyond_the_ceiling(kind: str, loop: LoopFactory) -> None:
    async def main() -> None:
        async with Scripted([Repeat([Expect(), Send(OK)])]) as server, open_transport(kind) as transport:
            target = deployment(server.port, boundary=G)
            with pytest.raises(BoundaryRefused) as caught:
                await transport.send(D, target, post(), FAST)
            assert caught.value.outcome == Outcome.BOUNDARY_REFUSED
            await (await transport.send(G, target, post(), FAST)).read_all(10)
            assert server.connections == 1

    run(main(), loop)


def test_address_beyond_the_ceiling_is_never_connected(kind: str, loop: LoopFactory) -> None:
    """The deployment claims to be on this device, its address says otherwise."""

    async def main() -> None:
        async with (
            Scripted([Repeat([Expect(), Send(OK)])]) as server,
            open_transport(kind, networks=AWAY) as transport,
        ):
            target = deployment(server.port)
            with pytest.raises(BoundaryRefused):
                await transport.send(D, target, post(), FAST)
            await asyncio.sleep(0.02)
            assert server.connections == 0
            await (await transport.send(G, target, post(), FAST)).read_all(10)

    run(main(), loop)


def test_kept_connection_is_checked_for_each_request(kind: str, loop: LoopFactory) -> None:
    async def main() -> None:
        async with (
            Scripted([Repeat([Expect(), Send(OK)])]) as server,
            open_transport(kind, networks=AWAY) as transport,
        ):
            target = deployment(server.port)
            await (await transport.send(E, target, post(), FAST)).read_all(10)
            assert transport.stats()["pooled"] == 1
            with pytest.raises(BoundaryRefused):
                await transport.send(D, target, post(), FAST)
            assert len(server.requests) == 1
            await (await transport.send(E, target, post(), FAST)).read_all(10)
            assert server.connections == 1

    run(main(), loop)


def test_networks_may_change_under_a_kept_connection(kind: str, loop: LoopFactory) -> None:
    async def main() -> None:
        own = {ip_address("127.0.0.1")}
        # Loopback counts as ours only through `own` here, so that it can be taken away.
        networks = BoundaryNetworks(own=lambda: frozenset(own))
        async with (
            Scripted([Repeat([Expect(), Send(OK)])]) as server,
            open_transport(kind, networks=networks) as transport,
        ):
            target = deployment(server.port)
            await (await transport.send(D, target, post(), FAST)).read_all(10)
            networks._listed = AWAY._listed
            networks.refresh()
            with pytest.raises(BoundaryRefused):
                await transport.send(D, target, post(), FAST)
            assert len(server.requests) == 1

    run(main(), loop)


def test_farther_addresses_of_a_name_are_left_out(kind: str, loop: LoopFactory) -> None:
    async def main() -> None:
        names = Names("127.0.0.2", "127.0.0.1")
        async with (
            Scripted([Repeat([Expect(), Send(OK)])], host="0.0.0.0") as server,
            open_transport(kind, networks=OUTSIDE, resolver=names) as transport,
        ):
            target = deployment(server.port, host="engine.test")
            response = await transport.send(D, target, post(), FAST)
            assert response.peer == "127.0.0.1"
            await response.read_all(10)
            names.answers = ("127.0.0.2",)
            far = await transport.send(G, deployment(server.port, host="other.test"), post(), FAST)
            assert far.peer == "127.0.0.2"
            await far.read_all(10)
            with pytest.raises(BoundaryRefused):
                await transport.send(D, deployment(server.port, host="other.test"), post(), FAST)

    run(main(), loop)


def test_connected_peer_counts_not_the_resolved_address(
    kind: str, loop: LoopFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever lies between (a rewrite in the kernel, a wildcard address), the peer is what counts."""

    class Mistaken(BoundaryNetworks):
        """Right about the connected peer, wrong about the address that was asked for."""

        def classify(self, address: str) -> Boundary:
            known = super().classify(address)
            return D if address == "0.0.0.0" else known

    async def main() -> None:
        async with (
            Scripted([Repeat([Expect(), Send(OK)])]) as server,
            open_transport(kind, networks=Mistaken(organization=["127.0.0.0/8"])) as transport,
        ):
            with pytest.raises(BoundaryRefused):
                await transport.send(D, deployment(server.port, host="0.0.0.0"), post(), FAST)
            assert server.requests == []
            assert transport.stats()["open"] == 0

    run(main(), loop)
