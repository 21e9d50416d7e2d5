"""The one transport object of a worker: picks the client for each request.

Plain HTTP goes to our own client, TLS and proxies to aiohttp, which is imported when the first such
request comes or when `warm` is called. The choice looks at the ceiling as well, because a deployment
with a proxy is reached directly by a request that must not pass one.
"""

import asyncio
import importlib
import ssl
from collections.abc import Coroutine, Iterable
from typing import TYPE_CHECKING, Any

from hybridgw.config.addresses import BoundaryNetworks
from hybridgw.core import Boundary, Deployment, Timeouts
from hybridgw.transport.lean import LeanTransport
from hybridgw.transport.mocked import MockedResponse
from hybridgw.transport.resolver import Resolver
from hybridgw.transport.seam import Fetched, Patience, TransportLimits, UpstreamRequest, UpstreamResponse

if TYPE_CHECKING:
    from hybridgw.transport.aiohttp_transport import AiohttpTransport
    from hybridgw.transport.images import ImageFetcher


class Transports:
    """A `Transport` for every kind of deployment. Bound to the first loop that uses it."""

    def __init__(
        self,
        networks: BoundaryNetworks,
        limits: TransportLimits | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._networks = networks
        self._limits = TransportLimits() if limits is None else limits
        self._tls = tls
        self._resolver = Resolver(self._limits.dns_seconds)
        self._lean = LeanTransport(networks, self._limits, self._resolver)
        self._general: AiohttpTransport | None = None
        self._images: ImageFetcher | None = None

    def send(
        self,
        ceiling: Boundary,
        deployment: Deployment,
        request: UpstreamRequest,
        timeouts: Timeouts,
        patience: Patience | None = None,
    ) -> Coroutine[Any, Any, UpstreamResponse]:
        """See `Transport.send`. Not itself a coroutine, which saves one on the hot path."""
        if deployment.mock is not None:
            return _mocked(deployment.mock, deployment, request)
        if deployment.target.scheme == "http" and (deployment.proxy is None or ceiling < Boundary.EXTERNAL):
            return self._lean.send(ceiling, deployment, request, timeouts, patience)
        return self._aiohttp().send(ceiling, deployment, request, timeouts, patience)

    async def fetch_image(self, url: str, field: str) -> Fetched:
        """See `Images.fetch_image`."""
        if self._images is None:
            # aiohttp again: not on the loop where other requests wait.
            await asyncio.to_thread(importlib.import_module, "hybridgw.transport.images")
        return await self._fetcher().fetch(url, field)

    async def aclose(self) -> None:
        """See `Transport.aclose`."""
        if self._images is not None:
            await self._images.aclose()
        await self._lean.aclose()
        if self._general is not None:
            await self._general.aclose()

    def stats(self) -> dict[str, int]:
        """See `Transport.stats`; both clients together."""
        stats = self._lean.stats()
        if self._general is not None:
            for name, value in self._general.stats().items():
                stats[name] += value
        return stats

    def _fetcher(self) -> "ImageFetcher":
        if self._images is None:
            from hybridgw.transport.images import ImageFetcher

            self._images = ImageFetcher(self._networks, tls=self._tls)
        return self._images

    def _aiohttp(self) -> "AiohttpTransport":
        if self._general is None:
            from hybridgw.transport.aiohttp_transport import AiohttpTransport

            self._general = AiohttpTransport(self._networks, self._limits, self._resolver, self._tls)
        return self._general


async def _mocked(text: str, deployment: Deployment, request: UpstreamRequest) -> UpstreamResponse:
    return MockedResponse(text, deployment.model, request)


def warm(deployments: Iterable[Deployment]) -> bool:
    """Import aiohttp if one of `deployments` will need it; whether it did.

    Takes 50-200 ms and may run in any thread, so that the first TLS request does not pay for it.
    """
    if any(each.target.scheme == "https" or each.proxy is not None for each in deployments):
        import hybridgw.transport.aiohttp_transport  # noqa: F401

        return True
    return False
