"""TLS and proxies, through aiohttp, behind the same seam as our own client.

TLS, CONNECT tunnels and absolute-form proxying are where a hand-written client buys little and risks
much, and an upstream behind TLS is a remote one, whose latency dwarfs the client's cost. aiohttp is
the fastest general client for asyncio; it is used with everything switched off that would act on a
response by itself. It is imported by this module and `images` only, and these only when something needs
them, because the import costs a quarter of a cold start.

A proxy sees whom we talk to and, without TLS, what we say. It is used only for requests whose ceiling
is external; any other goes to the deployment directly.
"""

import ssl
from time import monotonic

import aiohttp
from yarl import URL

from hybridgw.config.addresses import BoundaryNetworks
from hybridgw.core import Boundary, Deployment, Outcome, Timeouts
from hybridgw.errors import UpstreamError
from hybridgw.transport.aiohttp_connector import (
    ATTEMPT,
    Attempt,
    BoundaryConnector,
    RequestBody,
    make_session,
)
from hybridgw.transport.failures import LOST, Phase, failed, refused, timed_out, translate
from hybridgw.transport.heads import authority, check_line, merge
from hybridgw.transport.resolver import Resolver
from hybridgw.transport.seam import Headers, Patience, TransportLimits, UpstreamRequest, UpstreamResponse
from hybridgw.transport.turns import Turns

_HEADS = 4096


class AiohttpTransport:
    """A `Transport` for `https://` upstreams and for proxies. Bound to the first loop that uses it.

    `tls` replaces the system's trust store, for organisations with their own authority.
    """

    def __init__(
        self,
        networks: BoundaryNetworks,
        limits: TransportLimits | None = None,
        resolver: Resolver | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._networks = networks
        self._limits = TransportLimits() if limits is None else limits
        self._resolver = Resolver(self._limits.dns_seconds) if resolver is None else resolver
        self._tls = tls
        self._sessions: dict[Boundary, tuple[aiohttp.ClientSession, BoundaryConnector]] = {}
        self._heads: dict[tuple[int, str, str, Headers], tuple[Deployment, URL, dict[str, str]]] = {}
        self._responses: set[AiohttpResponse] = set()
        self._in_use: dict[str, int] = {}
        self._turns: dict[str, Turns] = {}
        self._sent = 0
        self._retried = 0
        self._closed = False

    async def send(
        self,
        ceiling: Boundary,
        deployment: Deployment,
        request: UpstreamRequest,
        timeouts: Timeouts,
        patience: Patience | None = None,
    ) -> "AiohttpResponse":
        """See `Transport.send`. Given up, an exchange is not left to the upstream: what lies behind TLS or a
        proxy loads nothing for us alone."""
        if deployment.boundary > ceiling:
            raise refused(deployment.name)
        try:
            url, headers = self._head(deployment, request)
        except ValueError as error:
            raise failed(Outcome.LOCAL_FAULT, deployment.name, str(error)) from None
        place = deployment.target.authority
        await self._enter(place, deployment.name)
        try:
            return await self._try_twice(ceiling, deployment, request, timeouts, patience, url, headers)
        except BaseException:
            self._leave(place)
            raise

    async def aclose(self) -> None:
        """See `Transport.aclose`."""
        self._closed = True
        for response in tuple(self._responses):
            response.close()
        for session, _ in self._sessions.values():
            await session.close()
        self._sessions.clear()
        await self._resolver.aclose()

    def stats(self) -> dict[str, int]:
        """See `Transport.stats`."""
        counts = [connector.counts() for _, connector in self._sessions.values()]
        used, pooled = sum(count[0] for count in counts), sum(count[1] for count in counts)
        opened = sum(connector.opened for _, connector in self._sessions.values())
        return {
            "open": used + pooled,
            "pooled": pooled,
            "in_use": used,
            "opened": opened,
            "reused": max(0, self._sent - opened),
            "retried": self._retried,
        }

    def finished(self, response: "AiohttpResponse") -> bool:
        """A response no longer holds a connection; whether this is news."""
        if response not in self._responses:
            return False
        self._responses.remove(response)
        self._leave(response.place)
        return True

    async def _try_twice(
        self,
        ceiling: Boundary,
        deployment: Deployment,
        request: UpstreamRequest,
        timeouts: Timeouts,
        patience: Patience | None,
        url: URL,
        headers: dict[str, str],
    ) -> "AiohttpResponse":
        attempt = Attempt(ceiling, deployment, timeouts, patience, fresh=False)
        try:
            return await self._try(attempt, request, url, headers)
        except UpstreamError as error:
            # As in our own client: a kept connection that the server closed before it answered.
            if error.outcome != Outcome.RESET or not attempt.stale():
                raise
        self._retried += 1
        attempt = Attempt(ceiling, deployment, timeouts, patience, fresh=True)
        return await self._try(attempt, request, url, headers)

    async def _try(
        self, attempt: Attempt, request: UpstreamRequest, url: URL, headers: dict[str, str]
    ) -> "AiohttpResponse":
        deployment = attempt.deployment
        session = self._session(attempt.ceiling)
        token = ATTEMPT.set(attempt)
        try:
            answer = await session.request(
                request.method,
                url,
                headers=headers,
                data=RequestBody(request.body) if request.body else None,
                allow_redirects=False,
                proxy=deployment.proxy if attempt.ceiling == Boundary.EXTERNAL else None,
                ssl=(self._tls or True) if deployment.tls_verify else False,
                timeout=aiohttp.ClientTimeout(total=None, connect=attempt.timeouts.connect),
            )
        except Exception as error:
            attempt.abort()
            if attempt.expired is not None:
                raise _late(attempt.expired, attempt) from None
            raise translate(error, attempt.phase, deployment.name) from error
        except BaseException:
            attempt.abort()
            raise
        finally:
            ATTEMPT.reset(token)
        if answer.status < 200:
            attempt.abort()
            answer.close()
            raise failed(Outcome.MALFORMED, deployment.name, "an unexpected change of protocol")
        self._sent += 1
        response = AiohttpResponse(self, attempt, answer)
        self._responses.add(response)
        response.watch()
        return response

    def _head(self, deployment: Deployment, request: UpstreamRequest) -> tuple[URL, dict[str, str]]:
        key = (id(deployment), request.method, request.target, request.headers)
        known = self._heads.get(key)
        if known is None:
            check_line(request.method, request.target)
            fields: dict[str, str] = {}
            for name, value in merge(deployment, request.headers):
                # A repeated field is one list, by the rules of HTTP.
                text = value.decode("utf-8")
                before = fields.get(name.decode())
                fields[name.decode()] = text if before is None else f"{before}, {text}"
            origin = f"{deployment.target.scheme}://{authority(deployment).decode()}"
            if len(self._heads) >= _HEADS:
                self._heads.clear()
            known = self._heads[key] = (deployment, URL(origin + request.target, encoded=True), fields)
        return known[1], known[2]

    def _session(self, ceiling: Boundary) -> aiohttp.ClientSession:
        known = self._sessions.get(ceiling)
        if known is None:
            known = make_session(self._networks, self._resolver, self._limits, ceiling)
            self._sessions[ceiling] = known
        return known[0]

    async def _enter(self, place: str, name: str) -> None:
        """Count a connection to `place`, when its turn has come."""
        if self._closed:
            raise UpstreamError(Outcome.DRAINING, f"{name}: the gateway is stopping")
        most = self._limits.per_host
        turns = self._turns.get(place)
        if turns or self._in_use.get(place, 0) >= most:
            turns = self._turns.setdefault(place, Turns())
            await turns.turn(lambda: self._in_use.get(place, 0) < most, self._limits.wait_seconds, name, most)
        if sum(self._in_use.values()) >= self._limits.connections:
            if turns:
                turns.pass_on()  # ours cannot be used
            raise failed(Outcome.LOCAL_FAULT, name, "too many connections")
        self._in_use[place] = self._in_use.get(place, 0) + 1

    def _leave(self, place: str) -> None:
        left = self._in_use[place] - 1
        if left:
            self._in_use[place] = left
        else:
            del self._in_use[place]
        if turns := self._turns.get(place):
            turns.pass_on()


class AiohttpResponse(UpstreamResponse):
    """A response being received through aiohttp; see `UpstreamResponse`."""

    __slots__ = ("_answer", "_attempt", "_failure", "_framed", "_transport", "place")

    def __init__(self, transport: AiohttpTransport, attempt: Attempt, answer: aiohttp.ClientResponse) -> None:
        self.status = answer.status
        self.headers = [(name.lower(), value) for name, value in answer.raw_headers]
        self.peer = attempt.peer
        self.place = attempt.deployment.target.authority
        self._transport = transport
        self._attempt = attempt
        self._answer = answer
        self._failure: UpstreamError | None = None
        self._framed = (
            answer.content.is_eof()  # complete already, or a status without a body
            or "content-length" in answer.headers
            or "transfer-encoding" in answer.headers
        )
        attempt.phase = Phase.BODY
        attempt.waiting = False

    def watch(self) -> None:
        """Learn when the last byte has arrived, which may be now."""
        self._answer.content.on_eof(self._finish)

    async def read(self) -> bytes:
        if self._failure is not None:
            raise self._failure.anew()
        attempt = self._attempt
        if attempt.waiting:
            raise RuntimeError("two tasks read one response")
        attempt.waiting = True
        try:
            data = await self._answer.content.readany()
        except Exception as error:
            if attempt.expired is not None:
                raise self._fail(_late(attempt.expired, attempt)) from None
            raise self._fail(translate(error, Phase.BODY, attempt.deployment.name)) from error
        except BaseException:
            self.close()
            raise
        finally:
            attempt.waiting = False
        if not data:
            # The end of a body without a length may have been made by a timer or by a reset.
            if attempt.expired is not None:
                raise self._fail(_late(attempt.expired, attempt))
            if not self._framed and attempt.reset():
                raise self._fail(failed(LOST[Phase.BODY], attempt.deployment.name))
        return data

    def arm(self, seconds: float, outcome: Outcome) -> None:
        if self._failure is None and not self._answer.content.is_eof():
            self._attempt.deadline.arm(seconds, outcome)

    def touch(self) -> None:
        self._attempt.deadline.touch()

    def close(self) -> None:
        if not self._answer.content.is_eof():
            if self._failure is None:
                self._failure = failed(LOST[Phase.BODY], self._attempt.deployment.name)
            self._attempt.abort()
            self._answer.close()
        self._finish()

    def _finish(self) -> None:
        # Only the first time: the connection may be serving another request by now.
        if self._transport.finished(self):
            self._attempt.finished()

    def _fail(self, failure: UpstreamError) -> UpstreamError:
        self._failure = failure.anew()
        self._attempt.abort()
        self._answer.close()
        self._finish()
        return failure


def _late(outcome: Outcome, attempt: Attempt) -> UpstreamError:
    lasted = monotonic() - attempt.sent if attempt.sent else 0.0
    return timed_out(outcome, attempt.deployment.name, attempt.timeouts, lasted)
