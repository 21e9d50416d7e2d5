"""TLS and proxies. Only the aiohttp transport has them; both loops."""

import asyncio
import datetime
import ssl
from contextlib import suppress
from dataclasses import dataclass

import pytest
import trustme

from hybridgw.core import Boundary, Outcome, Timeouts
from hybridgw.errors import UpstreamError
from hybridgw.transport import BoundaryNetworks
from tests.support.loops import LoopFactory, run
from tests.support.names import Names
from tests.support.scripted import (
    Close,
    Connection,
    Expect,
    Repeat,
    Reset,
    Scripted,
    Send,
    Stall,
    Step,
)
from tests.support.transports import FAST, OK, deployment, open_transport, post

STREAM = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"

REJECTED = "Error on transport creation for incoming connection"
"""What the server's loop says when we refuse its certificate."""


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def serving(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def test_tls(authority: trustme.CA, loop: LoopFactory) -> None:
    async def main() -> None:
        own = serving(authority.issue_cert("127.0.0.1"))
        async with (
            Scripted([Repeat([Expect(), Send(STREAM, slices=3)])], tls=own) as server,
            open_transport("aiohttp", tls=trusting(authority)) as transport,
        ):
            target = deployment(server.port, scheme="https")
            for _ in range(3):
                response = await transport.send(Boundary.DEVICE, target, post(), FAST)
                assert (response.peer, await response.read_all(100)) == ("127.0.0.1", b"hello")
            assert server.connections == 1

    run(main(), loop)


def test_tls_name_is_the_configured_one(authority: trustme.CA, loop: LoopFactory) -> None:
    async def main() -> None:
        own = serving(authority.issue_cert("engine.test"))
        async with (
            Scripted([Repeat([Expect(), Send(OK)])], tls=own) as server,
            open_transport("aiohttp", tls=trusting(authority), resolver=Names("127.0.0.1")) as transport,
        ):
            good = deployment(server.port, scheme="https", host="engine.test")
            assert await (await transport.send(Boundary.DEVICE, good, post(), FAST)).read_all(10) == b"{}"
            other = deployment(server.port, scheme="https", host="other.test")
            with pytest.raises(UpstreamError) as caught:
                await transport.send(Boundary.DEVICE, other, post(), FAST)
            assert caught.value.outcome == Outcome.CONNECT_FAILED
            assert "its certificate is for another host name; see tls_verify" in caught.value.message
            assert len(server.requests) == 1

    run(main(), loop, forgive=REJECTED)


CERTIFICATE_WORDS = {
    "expired": "its certificate has expired",
    "unknown authority": "its certificate is signed by an authority that this host does not know",
    "no TLS at all": "could not connect",
}


@pytest.mark.parametrize("fault", CERTIFICATE_WORDS)
def test_bad_certificates_are_refused(fault: str, authority: trustme.CA, loop: LoopFactory) -> None:
    async def main() -> None:
        past = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
        issuer = trustme.CA() if fault == "unknown authority" else authority
        leaf = issuer.issue_cert("127.0.0.1", not_after=past if fault == "expired" else None)
        tls = None if fault == "no TLS at all" else serving(leaf)
        async with (
            Scripted(
                [Send(b"220 hello\r\n"), Stall()] if tls is None else [Expect(), Send(OK)], tls=tls
            ) as server,
            open_transport("aiohttp", tls=trusting(authority)) as transport,
        ):
            with pytest.raises(UpstreamError) as caught:
                await transport.send(Boundary.DEVICE, deployment(server.port, scheme="https"), post(), FAST)
            assert caught.value.outcome == Outcome.CONNECT_FAILED
            assert CERTIFICATE_WORDS[fault] in caught.value.message
            assert "Operation not permitted" not in caught.value.message
            assert server.requests == []

    run(main(), loop, forgive=REJECTED)


def test_verification_can_be_switched_off_for_one_deployment(
    authority: trustme.CA, loop: LoopFactory
) -> None:
    async def main() -> None:
        own = serving(trustme.CA().issue_cert("elsewhere.test"))
        async with (
            Scripted([Repeat([Expect(), Send(OK)])], tls=own) as server,
            open_transport("aiohttp") as transport,
        ):
            loose = deployment(server.port, scheme="https", tls_verify=False)
            assert await (await transport.send(Boundary.DEVICE, loose, post(), FAST)).read_all(10) == b"{}"
            # Its connection is kept, but not for a deployment that verifies.
            with pytest.raises(UpstreamError):
                strict = deployment(server.port, scheme="https")
                await transport.send(Boundary.DEVICE, strict, post(), FAST)

    run(main(), loop, forgive=REJECTED)


@pytest.mark.parametrize("end", [Close(), Reset()], ids=["fin", "rst"])
def test_tls_connection_lost(end: Step, authority: trustme.CA, loop: LoopFactory) -> None:
    async def main() -> None:
        own = serving(authority.issue_cert("127.0.0.1"))
        async with (
            Scripted([Expect(), Send(STREAM[:-5]), end], tls=own) as server,
            open_transport("aiohttp", tls=trusting(authority)) as transport,
        ):
            target = deployment(server.port, scheme="https")
            with pytest.raises(UpstreamError) as caught:
                await (await transport.send(Boundary.DEVICE, target, post(), FAST)).read_all(100)
            assert caught.value.outcome in (Outcome.TRUNCATED, Outcome.RESET)

    run(main(), loop)


def test_handshake_takes_too_long(authority: trustme.CA, loop: LoopFactory) -> None:
    async def main() -> None:
        async with Scripted([Stall()]) as server, open_transport("aiohttp") as transport:
            limits = Timeouts(connect=0.2, first_token=5.0, idle=5.0, total=5.0)
            with pytest.raises(UpstreamError) as caught:
                await transport.send(Boundary.DEVICE, deployment(server.port, scheme="https"), post(), limits)
            assert caught.value.outcome == Outcome.CONNECT_FAILED
            await asyncio.wait_for(server.client_left.wait(), 1.0)

    run(main(), loop)


def test_cancelled_over_tls(authority: trustme.CA, loop: LoopFactory) -> None:
    async def main() -> None:
        own = serving(authority.issue_cert("127.0.0.1"))
        async with (
            Scripted([Expect(), Send(STREAM[:-5]), Stall()], tls=own) as server,
            open_transport("aiohttp", tls=trusting(authority)) as transport,
        ):
            target = deployment(server.port, scheme="https")
            response = await transport.send(Boundary.DEVICE, target, post(), FAST)
            assert await response.read() == b"hello"
            task = asyncio.create_task(response.read())
            await asyncio.sleep(0.02)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.wait_for(server.client_left.wait(), 1.0)

    run(main(), loop)


@dataclass
class Tunnel(Step):
    """Answer CONNECT and become a pipe to a port of this machine."""

    port: int

    async def play(self, on: Connection) -> bool:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        on.writer.write(b"HTTP/1.1 200 Established\r\n\r\n")

        async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            while data := await source.read(65536):
                sink.write(data)
                await sink.drain()

        pumps = [asyncio.create_task(pump(on.reader, writer)), asyncio.create_task(pump(reader, on.writer))]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            writer.transport.abort()
            for each in pumps:
                each.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            with suppress(ConnectionError):
                await writer.wait_closed()
        return False


def test_proxy_with_plain_http(loop: LoopFactory) -> None:
    async def main() -> None:
        async with (
            Scripted([Repeat([Expect(), Send(OK)])]) as proxy,
            Scripted([Repeat([Expect(), Send(OK)])]) as server,
            open_transport("aiohttp") as transport,
        ):
            target = deployment(server.port, proxy=f"http://user:pw@127.0.0.1:{proxy.port}")
            response = await transport.send(Boundary.EXTERNAL, target, post(), FAST)
            assert await response.read_all(10) == b"{}"
            (seen,) = proxy.requests
            assert seen.line == f"POST http://127.0.0.1:{server.port}/v1/chat/completions HTTP/1.1"
            assert seen.header("proxy-authorization") == ["Basic dXNlcjpwdw=="]
            assert server.connections == 0
            # A lower ceiling goes there directly, whatever the configuration says.
            for ceiling in (Boundary.ORGANIZATION, Boundary.DEVICE):
                response = await transport.send(ceiling, target, post(), FAST)
                assert await response.read_all(10) == b"{}"
            assert (len(proxy.requests), len(server.requests)) == (1, 2)
            assert server.requests[0].header("proxy-authorization") == []

    run(main(), loop)


def test_proxy_with_tls(authority: trustme.CA, loop: LoopFactory) -> None:
    async def main() -> None:
        own = serving(authority.issue_cert("engine.test"))
        async with (
            Scripted([Repeat([Expect(), Send(OK)])], tls=own) as server,
            Scripted([Expect(), Tunnel(server.port)]) as proxy,
            open_transport("aiohttp", tls=trusting(authority)) as transport,
        ):
            target = deployment(
                server.port,
                scheme="https",
                host="engine.test",
                boundary=Boundary.EXTERNAL,
                proxy=f"http://127.0.0.1:{proxy.port}",
            )
            for _ in range(2):
                response = await transport.send(Boundary.EXTERNAL, target, post(), FAST)
                assert await response.read_all(10) == b"{}"
            (seen,) = proxy.requests
            assert seen.line == f"CONNECT engine.test:{server.port} HTTP/1.1"
            assert b"secret-key" not in seen.head  # the proxy sees where, not what
            assert len(server.requests) == 2

    run(main(), loop)


@pytest.mark.parametrize("answer", [b"HTTP/1.1 407 Auth\r\ncontent-length: 0\r\n\r\n", b"nonsense\r\n\r\n"])
def test_proxy_refuses_a_tunnel(answer: bytes, loop: LoopFactory) -> None:
    async def main() -> None:
        async with (
            Scripted([Expect(), Send(answer), Stall()]) as proxy,
            open_transport("aiohttp") as transport,
        ):
            target = deployment(
                443,
                scheme="https",
                host="engine.test",
                boundary=Boundary.EXTERNAL,
                proxy=f"http://127.0.0.1:{proxy.port}",
            )
            with pytest.raises(UpstreamError) as caught:
                await transport.send(Boundary.EXTERNAL, target, post(), FAST)
            assert caught.value.outcome in (Outcome.CONNECT_FAILED, Outcome.MALFORMED)
            assert b"secret-key" not in proxy.requests[0].head

    run(main(), loop)


def test_environment_proxies_are_ignored(loop: LoopFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    async def main() -> None:
        async with Scripted([Expect(), Send(OK)]) as server, open_transport("aiohttp") as transport:
            response = await transport.send(Boundary.EXTERNAL, deployment(server.port), post(), FAST)
            assert await response.read_all(10) == b"{}"

    run(main(), loop)


def test_nothing_of_a_response_is_acted_upon(loop: LoopFactory) -> None:
    """No redirect is followed, no cookie kept, nothing decompressed."""

    async def main() -> None:
        async with Scripted([]) as elsewhere:
            raw = (
                b"HTTP/1.1 307 Elsewhere\r\nlocation: http://127.0.0.1:%d/\r\nset-cookie: a=b; path=/\r\n"
                b"content-encoding: gzip\r\ncontent-length: 3\r\n\r\nabc" % elsewhere.port
            )
            async with (
                Scripted([Repeat([Expect(), Send(raw)])]) as server,
                open_transport("aiohttp", networks=BoundaryNetworks()) as transport,
            ):
                for _ in range(2):
                    response = await transport.send(Boundary.DEVICE, deployment(server.port), post(), FAST)
                    assert (response.status, await response.read_all(10)) == (307, b"abc")
                assert server.requests[1].header("cookie") == []
            assert elsewhere.connections == 0

    run(main(), loop)
