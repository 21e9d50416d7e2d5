"""Fetching what clients name: hostile URLs never reach a socket, hostile servers cost little."""

import asyncio
import base64
import ssl
from collections.abc import Callable, Sequence

import pytest
import trustme

from hybridgw.config.addresses import BoundaryNetworks
from hybridgw.errors import RequestError
from hybridgw.transport.images import ImageFetcher, ImageLimits, kind_of
from hybridgw.transport.select import Transports
from tests.support.loops import LoopFactory, run
from tests.support.names import Names
from tests.support.scripted import Close, Expect, Flood, Repeat, Scripted, Send, Stall, Step

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
FIELD = "messages[0].content[1]"


def answer(body: bytes = PNG, kind: str = "image/png", *, status: str = "200 OK", **headers: str) -> bytes:
    fields = {"content_type": kind, "content_length": str(len(body)), **headers}
    head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items() if value)
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + body


def serve(*steps: Step) -> Sequence[Step]:
    return [Expect(), *steps, Close()]


def loopback(address: str) -> bool:
    return address == "127.0.0.1"


async def fetched(
    url: str,
    *,
    allowed: Callable[[str], bool] | None = loopback,
    names: Names | None = None,
    limits: ImageLimits | None = None,
    tls: ssl.SSLContext | None = None,
) -> tuple[str, str]:
    """Media type and data, or code and message of the error."""
    networks = BoundaryNetworks(own=frozenset)
    fetcher = ImageFetcher(networks, limits=limits, resolver=names, tls=tls, allowed=allowed)
    try:
        image = await fetcher.fetch(url, FIELD)
        return image.media_type, image.data
    except RequestError as error:
        assert error.field == FIELD
        assert "127." not in error.message and "Errno" not in error.message
        return error.code, error.message
    finally:
        await fetcher.aclose()
        await asyncio.sleep(0)


def test_an_image(loop: LoopFactory) -> None:
    async def main() -> None:
        async with Scripted(serve(Send(answer(), slices=50))) as server:
            url = f"http://127.0.0.1:{server.port}/a%20b/c.png?x=%2F&y=1#part"
            assert await fetched(url) == ("image/png", base64.b64encode(PNG).decode())
        (request,) = server.requests
        assert request.line == "GET /a%20b/c.png?x=%2F&y=1 HTTP/1.1"
        names = {line.split(b":")[0].lower() for line in request.head.split(b"\r\n")[1:] if line}
        assert names == {b"host", b"accept", b"user-agent", b"connection"}

    run(main(), loop)


def test_what_it_is_counts_and_not_what_it_is_called() -> None:
    async def main() -> None:
        for kind in ("image/jpeg", "application/octet-stream", "image/PNG; charset=binary", ""):
            async with Scripted(serve(Send(answer(kind=kind)))) as server:
                assert (await fetched(f"http://127.0.0.1:{server.port}/"))[0] == "image/png"

    run(main())


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
        (b"RIFF\0\0\0\0WAVE", None),
        (b"<svg xmlns=", None),
        (b"", None),
    ],
)
def test_kinds(data: bytes, kind: str | None) -> None:
    assert kind_of(data) == kind


REFUSED = [
    "http://127.0.0.1:{port}/", "http://localhost:{port}/", "http://LOCALHOST:{port}/", "http://127.1:{port}/",
    "http://2130706433:{port}/", "http://0x7f000001:{port}/", "http://0x7f.1:{port}/", "http://0177.0.0.1:{port}/",
    "http://0:{port}/", "http://0.0.0.0:{port}/", "http://127.0.0.1.:{port}/", "http://localhost.:{port}/",
    "http://[::1]:{port}/", "http://[::]:{port}/", "http://[::ffff:127.0.0.1]:{port}/",
    "http://[::ffff:7f00:1]:{port}/", "http://[64:ff9b::7f00:1]:{port}/", "http://[2002:7f00:1::]:{port}/",
    "http://[fe80::1%25lo]:{port}/", "http://①②⑦.⓪.⓪.①:{port}/", "http://127。0。0。1:{port}/",
    "http://\uff11\uff12\uff17.0.0.1:{port}/", "http://user:secret@127.0.0.1:{port}/", "http://a@127.0.0.1:{port}/",
    "http://example.com@127.0.0.1:{port}/", "http://127.0.0.1%00.example.com:{port}/",
    "http://127.0.0.1:{port}\\@example.com/", "http://127.0.0.1\t:{port}/", " http://127.0.0.1:{port}/",
    "http:/127.0.0.1:{port}/", "http:127.0.0.1:{port}/", "//127.0.0.1:{port}/", "http:///127.0.0.1:{port}/",
    "file:///etc/passwd", "/etc/passwd", "gopher://127.0.0.1:{port}/", "ftp://127.0.0.1:{port}/", "",
    "http://", "http://127.0.0.1:0/", "http://127.0.0.1:99999/", "http://[::1/", "http://169.254.169.254/latest/",
]  # fmt: skip


@pytest.mark.parametrize("url", REFUSED)
def test_hostile_urls_reach_nobody(url: str) -> None:
    async def main() -> None:
        async with Scripted(serve(Send(answer()))) as server:
            code, _ = await fetched(url.replace("{port}", str(server.port)), allowed=None)
        assert code == "invalid_value"
        assert server.connections == 0

    run(main())


def test_a_listed_network_is_ours_however_public_it_looks() -> None:
    async def main() -> None:
        networks = BoundaryNetworks(organization=["8.8.8.0/24"], own=frozenset)
        fetcher = ImageFetcher(networks, resolver=Names("8.8.8.8"))
        with pytest.raises(RequestError):
            await fetcher.fetch("http://files.example/a.png", FIELD)
        await fetcher.aclose()

    run(main())


UNREACHABLE = ("invalid_value", "the image could not be fetched: its address cannot be reached")


def test_one_inner_address_among_the_answers_is_enough() -> None:
    async def main() -> None:
        async with Scripted(serve(Send(answer()))) as server:
            url = f"http://files.example:{server.port}/"
            assert await fetched(url, names=Names("127.0.0.1", "127.0.0.2")) == UNREACHABLE
            assert server.connections == 0
            assert (await fetched(url, names=Names("127.0.0.1")))[0] == "image/png"

    run(main())


def test_the_connected_peer_is_judged_again() -> None:
    """A name that changed its mind between look-up and connection."""

    async def main() -> None:
        answers = iter([True, False])
        async with Scripted([Stall()]) as server:
            url = f"http://files.example:{server.port}/"
            assert (
                await fetched(url, names=Names("127.0.0.1"), allowed=lambda _: next(answers)) == UNREACHABLE
            )
            await server.client_left.wait()
        assert server.requests == []

    run(main())


def test_nobody_learns_what_is_inside() -> None:
    """A name that is unknown, resolves to an inner address, or refuses: the client reads the same."""

    async def main() -> None:
        async with Scripted([Close()]) as server:
            port = server.port
        told = {
            await fetched("http://inner.example/", names=Names("10.0.0.1"), allowed=None),
            await fetched("http://unknown.example/", names=Names()),
            await fetched(f"http://127.0.0.1:{port}/"),
            await fetched("http://127.0.0.1:9/", allowed=None),
        }
        assert told == {UNREACHABLE}

    run(main())


def redirect(to: str, status: str = "302 Found") -> bytes:
    return answer(b"", "", status=status, location=to)


@pytest.mark.parametrize("status", ["301 X", "302 X", "303 X", "307 X", "308 X"])
def test_redirects_are_followed(status: str) -> None:
    async def main() -> None:
        hops = [serve(Send(redirect("/b", status))), serve(Send(answer()))]
        async with Scripted(serve(Send(redirect("a?b", status))), hops) as server:
            assert (await fetched(f"http://127.0.0.1:{server.port}/x/y"))[0] == "image/png"
        assert [request.line.split()[1] for request in server.requests] == ["/x/y", "/x/a?b", "/b"]

    run(main())


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.2:{port}/", "http://[::1]:{port}/", "//127.0.0.2:{port}/", "http://127.2:{port}/",
        "file:///etc/passwd", "http://u@127.0.0.1:{port}/", "http://127.0.0.1:0/", "http://[", "",
        "http://inner.example:{port}/",
    ],
)  # fmt: skip
def test_each_redirect_is_judged(location: str) -> None:
    async def main() -> None:
        async with Scripted(serve(Send(redirect("/"))), [serve(Send(answer()))]) as server:
            server.script = serve(Send(redirect(location.replace("{port}", str(server.port)))))
            names = Names("127.0.0.3")
            assert (await fetched(f"http://127.0.0.1:{server.port}/", names=names))[0] == "invalid_value"
        assert server.connections == 1

    run(main())


def test_a_circle_of_redirects_ends() -> None:
    async def main() -> None:
        async with Scripted(serve(Send(redirect("/again")))) as server:
            _, message = await fetched(f"http://127.0.0.1:{server.port}/")
        assert "too many redirects" in message
        assert server.connections == 4

    run(main())


@pytest.mark.parametrize(
    ("sent", "code", "words"),
    [
        (answer(b"<html>", "text/html"), "unsupported_content", "JPEG"),
        (answer(PNG, "text/html"), "unsupported_content", "JPEG"),
        (answer(b"<svg></svg>" + b" " * 99, "image/png"), "unsupported_content", "JPEG"),
        (answer(b"<svg></svg>", "image/svg+xml"), "unsupported_content", "JPEG"),
        (answer(b"", "image/png"), "unsupported_content", "JPEG"),
        (answer(b"\x1f\x8b\x08" + b"x" * 99, content_encoding="gzip"), "unsupported_content", "JPEG"),
        (answer(b"x", status="404 Not Found"), "invalid_value", "404"),
        (answer(b"", status="304 Not Modified"), "invalid_value", "304"),
        (answer(PNG + b"x" * 5000), "unsupported_content", "larger"),
        (answer(PNG + b"x" * 5000, content_length=""), "unsupported_content", "larger"),
        (answer(PNG, content_length="9999999999"), "unsupported_content", "larger"),
        (answer(PNG, content_length="999"), "invalid_value", "reached"),
        (b"SSH-2.0-OpenSSH\r\n", "invalid_value", "reached"),
        (b"", "invalid_value", "reached"),
    ],
)
def test_answers_that_are_no_image(sent: bytes, code: str, words: str) -> None:
    async def main() -> None:
        async with Scripted(serve(Send(sent))) as server:
            limits = ImageLimits(bytes=4096)
            told = await fetched(f"http://127.0.0.1:{server.port}/", limits=limits)
        assert told[0] == code
        assert words in told[1]

    run(main())


def test_an_endless_image_is_left_early() -> None:
    async def main() -> None:
        head = b"HTTP/1.1 200 OK\r\ncontent-type: image/png\r\n\r\n" + PNG
        async with Scripted([Expect(), Send(head), Flood(bytes(65536), 1 << 30)]) as server:
            code, _ = await fetched(f"http://127.0.0.1:{server.port}/")
            await server.client_left.wait()
        assert code == "unsupported_content"
        assert server.flooded < 64 << 20

    run(main())


@pytest.mark.parametrize(
    "steps",
    [
        [Stall()],
        [Expect(), Stall()],
        [Expect(), Send(answer()[:-9]), Stall()],
        [Expect(), Repeat([Send(b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 50, slices=1, pause=0.01)])],
    ],
)
def test_slow_servers_get_no_more_than_their_time(steps: Sequence[Step]) -> None:
    async def main() -> None:
        async with Scripted(steps) as server:
            told = await fetched(f"http://127.0.0.1:{server.port}/", limits=ImageLimits(seconds=0.2))
            await server.client_left.wait()
        assert told == ("invalid_value", "the image could not be fetched within 0.2 seconds")

    run(main())


def test_slow_names_count(loop: LoopFactory) -> None:
    class Slow(Names):
        async def resolve(self, host: str) -> tuple[str, ...]:
            await asyncio.sleep(30)
            raise AssertionError

    async def main() -> None:
        code, message = await fetched("http://files.example/", names=Slow(), limits=ImageLimits(seconds=0.1))
        assert (code, "within 0.1" in message) == ("invalid_value", True)

    run(main(), loop)


def test_tls_names_are_checked() -> None:
    authority = trustme.CA()
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("files.example").configure_cert(serving)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)

    async def main() -> None:
        async with Scripted(serve(Send(answer())), tls=serving) as server:
            names = Names("127.0.0.1")
            good = f"https://files.example:{server.port}/"
            assert (await fetched(good, names=names, tls=trusting))[0] == "image/png"
            assert await fetched(good, names=names) == UNREACHABLE
            other = f"https://other.example:{server.port}/"
            assert await fetched(other, names=names, tls=trusting) == UNREACHABLE

    run(main(), forgive="Error on transport creation")


def test_the_environment_names_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with Scripted(serve(Send(answer()))) as server, Scripted([Stall()]) as proxy:
            for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
                monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
            assert (await fetched(f"http://127.0.0.1:{server.port}/"))[0] == "image/png"
        assert proxy.connections == 0

    run(main())


def test_the_transports_of_a_worker_have_it() -> None:
    async def main() -> None:
        transports = Transports(BoundaryNetworks(own=frozenset))
        with pytest.raises(RequestError) as caught:
            await transports.fetch_image("http://127.0.0.1:9/", FIELD)
        assert caught.value.message == UNREACHABLE[1]
        await transports.aclose()

    run(main())
