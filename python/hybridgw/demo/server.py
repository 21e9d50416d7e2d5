"""Listening: from personalities and ports to running servers, in this process and its event loop."""

import asyncio
import os
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from hybridgw.demo.control import Control
from hybridgw.demo.http import Connection
from hybridgw.demo.instant import InstantSite, factory
from hybridgw.demo.personalities import PERSONALITIES, Engine, Personality
from hybridgw.demo.site import DemoSite


class Upstream:
    """One listening demo upstream."""

    def __init__(
        self, personality: Personality, site: DemoSite | InstantSite, server: asyncio.Server
    ) -> None:
        self.personality = personality
        self.site = site
        self._server = server
        address = server.sockets[0].getsockname()
        self.host: str = address[0]
        self.port: int = address[1]

    @property
    def url(self) -> str:
        """Base URL without `/v1`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    @property
    def control(self) -> Control:
        """Planned faults and the log (not of the instant upstream, which keeps none)."""
        if isinstance(self.site, InstantSite):
            raise TypeError("the instant upstream keeps no log and plans no faults")
        return self.site.control

    async def close(self) -> None:
        """Stop listening and drop every connection."""
        self._server.close()
        for player in list(self.site.players):
            player.abort()
        # Not wait_closed(): since Python 3.12 it waits for every open keep-alive connection.
        await asyncio.sleep(0)


class Fleet:
    """The upstreams that one `serve` started, by name."""

    def __init__(self, upstreams: dict[str, Upstream]) -> None:
        self.upstreams = upstreams

    def __getitem__(self, name: str) -> Upstream:
        return self.upstreams[name]

    @property
    def ports(self) -> dict[str, int]:
        """Port of each upstream."""
        return {name: one.port for name, one in self.upstreams.items()}

    def announcement(self) -> bytes:
        """One line of JSON: `{"pid": …, "ports": {name: port}, "urls": {…}, "models": {name: […]}}`."""
        line: dict[str, Any] = {
            "pid": os.getpid(),
            "ports": self.ports,
            "urls": {name: one.url for name, one in self.upstreams.items()},
            "models": {name: list(one.personality.models) for name, one in self.upstreams.items()},
        }
        return msgspec.json.encode(line) + b"\n"

    async def close(self) -> None:
        """Stop all."""
        for one in self.upstreams.values():
            await one.close()


async def serve(
    ports: Mapping[str, int] | None = None,
    *,
    host: str = "127.0.0.1",
    speed: float = 1.0,
    engine: Engine = Engine.NONE,
    personalities: Mapping[str, Personality] = PERSONALITIES,
    reuse_port: bool = False,
) -> Fleet:
    """Start upstreams in the running loop: `ports` maps a name of `personalities` to a port (0: any free).

    Default: local, private and cloud on free ports. `speed` multiplies their latencies (0 answers at
    once); `engine` gives all of them the fingerprint of an engine. Raises OSError for an occupied port
    and KeyError for an unknown name, with nothing left listening.
    """
    wanted = {"local": 0, "private": 0, "cloud": 0} if ports is None else dict(ports)
    loop = asyncio.get_running_loop()
    fleet = Fleet({})
    try:
        for name, port in wanted.items():
            chosen = personalities[name]
            chosen = msgspec.structs.replace(chosen, pace=chosen.pace.scaled(speed), engine=engine)
            site: DemoSite | InstantSite
            protocol: Callable[[], asyncio.Protocol]
            if chosen.prebuilt:
                site = InstantSite(chosen)
                protocol = factory(site)
            else:
                site = DemoSite(chosen)
                protocol = _connection_factory(site)
            server = await loop.create_server(
                protocol, host, port, backlog=2048, reuse_port=reuse_port or None
            )
            fleet.upstreams[name] = Upstream(chosen, site, server)
    except BaseException:
        await fleet.close()
        raise
    return fleet


def _connection_factory(site: DemoSite) -> Callable[[], Connection]:
    return lambda: Connection(site)
