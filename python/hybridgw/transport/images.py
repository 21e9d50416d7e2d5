"""Fetches remote images for backends that cannot, or must not.

The URL comes from a client, and the request goes out from our place in the network. So this is no
general client: only `http` and `https`, only hosts that `public` lets pass and that lie beyond
everything the configuration calls ours, each redirect judged like the first URL, and the address that is
connected judged once more when it is (a name may change its mind between two look-ups). It carries
nothing of the client or of us: no credentials, cookies, proxies of the environment, kept connections.
What comes back must be an image of a kind that backends take, within a size and a time.

Names are resolved in threads of its own, because whoever serves a name decides how long that takes, and
the upstreams' names must not wait behind them. What a client reads does not tell whether a name exists,
resolves to an inner address, or refuses connections: it would be a map of the network.
"""

import asyncio
import socket
import ssl
from base64 import b64encode
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import aiohttp
import msgspec
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_reqrep import ClientRequest
from aiohttp.connector import Connection
from aiohttp.tracing import Trace
from yarl import URL

from hybridgw.config.addresses import BoundaryNetworks, parse_address
from hybridgw.core import Boundary
from hybridgw.errors import RequestError
from hybridgw.transport.aiohttp_connector import numeric, peer_of
from hybridgw.transport.public import is_public, plain_host
from hybridgw.transport.resolver import Resolver
from hybridgw.transport.seam import Fetched

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_TYPES = frozenset({"image/jpeg", "image/jpg", "image/pjpeg", "image/png", "image/gif", "image/webp"})
_UNSAID = frozenset({"", "application/octet-stream", "binary/octet-stream"})
_LONGEST_URL = 8192
_HEADERS = {"accept": "image/webp,image/png,image/jpeg,image/gif", "user-agent": "hybridgw"}


class ImageLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How much is fetched, and how."""

    bytes: int = 10 * 1024 * 1024
    seconds: float = 10.0
    """For all of it: names, redirects, waiting for others."""
    redirects: int = 3
    at_once: int = 16
    """Per worker."""


class _Refused(Exception):
    """Not fetched; `args` are code and public message."""


def _unreachable() -> _Refused:
    return _Refused("invalid_value", "the image could not be fetched: its address cannot be reached")


class ImageFetcher:
    """Bound to the first loop that uses it. `allowed` replaces the judgement of addresses, in tests."""

    def __init__(
        self,
        networks: BoundaryNetworks,
        *,
        limits: ImageLimits | None = None,
        resolver: Resolver | None = None,
        tls: ssl.SSLContext | None = None,
        allowed: Callable[[str], bool] | None = None,
    ) -> None:
        self._networks = networks
        self._limits = limits or ImageLimits()
        self._resolver = resolver or _OwnThreads()
        self._tls = tls
        self._allowed = allowed or self._is_foreign
        self._session: aiohttp.ClientSession | None = None
        self._places = asyncio.Semaphore(self._limits.at_once)

    async def fetch(self, url: str, field: str) -> Fetched:
        """The image at `url`. A RequestError that names `field` says why there is none."""
        try:
            async with asyncio.timeout(self._limits.seconds), self._places:
                return await self._fetch(_parsed(url))
        except _Refused as refused:
            code, message = refused.args
        except TimeoutError:
            code = "invalid_value"
            message = f"the image could not be fetched within {self._limits.seconds:g} seconds"
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # A judgement of ours may come back inside one of aiohttp's errors.
            code, message = (_inner(error) or _unreachable()).args
        raise RequestError(code, message, field=field)

    async def aclose(self) -> None:
        """Close every connection and give up what is asked."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()
        await self._resolver.aclose()

    async def _fetch(self, url: URL) -> Fetched:
        for _ in range(self._limits.redirects + 1):
            self._check(url)
            async with self._open().get(url, allow_redirects=False, ssl=self._tls or True) as answer:
                if answer.status in _REDIRECTS:
                    url = _following(url, answer.headers.get("location"))
                    continue
                if answer.status != 200:
                    raise _Refused(
                        "invalid_value",
                        f"the image could not be fetched: its server answered {answer.status}",
                    )
                return await self._read(answer)
        raise _Refused("invalid_value", "the image could not be fetched: too many redirects")

    async def _read(self, answer: aiohttp.ClientResponse) -> Fetched:
        declared = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
        if declared not in _TYPES and declared not in _UNSAID:
            raise _no_image()
        limit = self._limits.bytes
        if (answer.content_length or 0) > limit:
            raise _too_large(limit)
        parts: list[bytes] = []
        size = 0
        while part := await answer.content.readany():
            size += len(part)
            if size > limit:
                raise _too_large(limit)
            if not parts and size >= 16 and kind_of(part) is None:
                # No need to wait for the rest of something else.
                raise _no_image()
            parts.append(part)
        data = b"".join(parts)
        kind = kind_of(data)
        if kind is None:
            raise _no_image()
        # What it is counts, not what its server calls it: backends look themselves.
        return Fetched(kind, b64encode(data).decode())

    def _check(self, url: URL) -> None:
        host = url.raw_host or ""
        if not plain_host(host):
            raise _unreachable()
        # aiohttp resolves no addresses, so they are judged here.
        if parse_address(host) is not None and not self._allowed(host):
            raise _unreachable()

    def _is_foreign(self, address: str) -> bool:
        """Public, and neither this host nor any network that the configuration calls ours."""
        return is_public(address) and self._networks.classify(address) == Boundary.EXTERNAL

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=_Connector(self._resolver, self._allowed),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
                timeout=aiohttp.ClientTimeout(total=None),
                headers=_HEADERS,
                skip_auto_headers=("accept-encoding",),
            )
        return self._session


class _Addresses(AbstractResolver):
    """Names to their addresses, if all of these are allowed: one inner address among them is no
    accident."""

    def __init__(self, resolver: Resolver, allowed: Callable[[str], bool]) -> None:
        self._resolver = resolver
        self._allowed = allowed

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await self._resolver.resolve(host)
        if not found or not all(map(self._allowed, found)):
            raise _unreachable()
        return numeric(host, port, found)

    async def close(self) -> None:
        """The fetcher closes what it was given."""


class _Connector(aiohttp.TCPConnector):
    """A connection per request, to an allowed peer, checked before a byte of HTTP is written."""

    def __init__(self, resolver: Resolver, allowed: Callable[[str], bool]) -> None:
        super().__init__(
            resolver=_Addresses(resolver, allowed), use_dns_cache=False, limit=0, force_close=True
        )
        self._peer_allowed = allowed

    async def connect(
        self,
        req: ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's signature
    ) -> Connection:
        connection = await super().connect(req, traces, timeout)
        peer = peer_of(connection)
        if not peer or not self._peer_allowed(peer):
            connection.close()
            raise _unreachable()
        return connection


class _OwnThreads(Resolver):
    """A resolver whose questions wait for nobody else's, and nobody else's for them."""

    def __init__(self) -> None:
        super().__init__(30.0)
        self._pool = ThreadPoolExecutor(8, "image-names")

    async def aclose(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
        await super().aclose()

    async def _rows(self, host: str) -> Sequence[tuple[Any, ...]]:
        def ask() -> Sequence[tuple[Any, ...]]:
            return socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)

        return await asyncio.get_running_loop().run_in_executor(self._pool, ask)


def kind_of(data: bytes) -> str | None:
    """The media type that the first bytes of an image tell."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "image/webp"
    return None


def _parsed(text: str) -> URL:
    """The URL as aiohttp will read it, so that nothing is read in two ways."""
    url = None
    # Parsers differ in what they make of these, and no URL that works holds them.
    if len(text) <= _LONGEST_URL and not any(c <= " " or c in "\\\x7f" for c in text):
        try:
            url = URL(text)
            if text.isascii():
                # As it is written: a signature in a query is a matter of its letters.
                exact = URL(text, encoded=True)
                url = exact if exact.raw_host == url.raw_host else url
        except ValueError:
            url = None
    if url is None or url.scheme not in ("http", "https") or not url.raw_host or "@" in url.raw_authority:
        raise _Refused("invalid_value", "is no http or https URL of an image")
    try:
        port = url.port
    except ValueError:
        port = 0
    if not port:
        raise _Refused("invalid_value", "is no http or https URL of an image")
    return url.with_fragment(None)


def _following(url: URL, location: str | None) -> URL:
    if not location or len(location) > _LONGEST_URL:
        raise _Refused("invalid_value", "the image could not be fetched: its server redirects nowhere")
    try:
        return _parsed(str(url.join(URL(location, encoded=location.isascii()))))
    except ValueError:
        raise _unreachable() from None


def _inner(error: BaseException | None) -> _Refused | None:
    while error is not None:
        if isinstance(error, _Refused):
            return error
        error = error.__cause__ or error.__context__
    return None


def _no_image() -> _Refused:
    return _Refused("unsupported_content", "is no JPEG, PNG, GIF or WebP image")


def _too_large(limit: int) -> _Refused:
    return _Refused("unsupported_content", f"the image is larger than {limit // 1048576} MiB")
