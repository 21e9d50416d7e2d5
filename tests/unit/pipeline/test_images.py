"""When remote images are fetched, for whom, and what becomes of them."""

import asyncio
import json
from types import SimpleNamespace
from typing import Any, cast

import pytest

from hybridgw.config.schema import DeploymentSettings, Settings, Source, TranslationSettings
from hybridgw.core import Boundary, Route
from hybridgw.errors import RequestError
from hybridgw.pipeline.call import Call
from hybridgw.pipeline.images import MOST, inline_images, inlined_body
from hybridgw.routing.plan import Plan
from hybridgw.transport.seam import Fetched
from hybridgw.wire import Ask, Image, Message, Text, ToolResult
from tests.support.loops import run

OWN = ("https://kept.example/",)


class Fetcher:
    """Stands in for the transport."""

    def __init__(self, wrong: str = "") -> None:
        self.asked: list[tuple[str, str]] = []
        self.cancelled: list[str] = []
        self.at_once = 0
        self._wrong = wrong
        self._now = 0

    async def fetch_image(self, url: str, field: str) -> Fetched:
        self.asked.append((url, field))
        self._now += 1
        self.at_once = max(self.at_once, self._now)
        try:
            await asyncio.sleep(0.01 if url == self._wrong or not self._wrong else 30)
        except asyncio.CancelledError:
            self.cancelled.append(url)
            raise
        self._now -= 1
        if url == self._wrong:
            raise RequestError("invalid_value", "no", field=field)
        return Fetched("image/png", f"<{url}>")


class Going:
    """As much of a call as is looked at."""

    def __init__(
        self,
        images: Fetcher,
        *,
        ceiling: Boundary = Boundary.EXTERNAL,
        fetch: bool = True,
        route: Route = Route.CHAT,
    ) -> None:
        self.images: dict[str, Fetched] = {}
        self.route = route
        self.decision = SimpleNamespace(ceiling=int(ceiling))
        settings = SimpleNamespace(translation=TranslationSettings(fetch_images=fetch))
        self.plan = SimpleNamespace(settings=settings)
        self.worker = SimpleNamespace(images=images)
        self.clock: list[str] = []

    def leave(self, _: int) -> None:
        self.clock.append("left")

    def back(self, _: int) -> None:
        self.clock.append("back")


def call(images: Fetcher, **more: Any) -> Call:
    return cast("Call", Going(images, **more))


def url(number: int) -> str:
    return f"https://a.example/{number}.png"


def ask(*numbers: int) -> Ask:
    return Ask(model="m", messages=[Message("user", [Text("see"), *(Image(url=url(n)) for n in numbers)])])


def test_images_of_messages_and_of_results_take_their_places() -> None:
    async def main() -> None:
        fetcher = Fetcher()
        asked = ask(1, 2, 1)
        result = ToolResult("c", [Text("x"), Image(url=url(3))])
        kept = [Image(url=OWN[0] + "x"), Image(data="AA", media_type="image/gif"), Image(url="data:,x")]
        asked.messages += [Message("tool", [result]), Message("user", list(kept))]
        going = call(fetcher)
        await inline_images(going, asked, OWN)
        assert sorted(fetcher.asked) == [
            (url(1), "messages[0].content[1]"),
            (url(2), "messages[0].content[2]"),
            (url(3), "messages[1].content[1]"),
        ]  # fmt: skip
        assert fetcher.at_once == 3
        first = asked.messages[0].parts[1]
        assert first == Image("image/png", f"<{url(1)}>") == asked.messages[0].parts[3]
        assert result.parts[1] == Image("image/png", f"<{url(3)}>")
        assert asked.messages[2].parts == [
            Image(url=OWN[0] + "x"), Image(data="AA", media_type="image/gif"), Image(url="data:,x"),
        ]  # fmt: skip
        assert cast("Going", going).clock == ["left", "back"]
        # Another attempt at the same request has them already.
        await inline_images(going, ask(1, 2), OWN)
        assert len(fetcher.asked) == 3

    run(main())


@pytest.mark.parametrize(
    ("more", "numbers", "code", "field"),
    [
        ({"fetch": False}, (1,), "unsupported_content", "messages[0].content[1]"),
        ({"ceiling": Boundary.DEVICE}, (1,), "unsupported_content", "messages[0].content[1]"),
        ({}, tuple(range(MOST + 1)), "invalid_value", f"messages[0].content[{MOST + 1}]"),
    ],
)
def test_where_nothing_is_fetched(
    more: dict[str, Any], numbers: tuple[int, ...], code: str, field: str
) -> None:
    async def main() -> None:
        fetcher = Fetcher()
        with pytest.raises(RequestError) as caught:
            await inline_images(call(fetcher, **more), ask(*numbers), ())
        assert (caught.value.code, caught.value.field) == (code, field)
        with pytest.raises(RequestError) as caught:
            await inlined_body(call(fetcher, **more), chat(*numbers))
        assert caught.value.code == code
        assert fetcher.asked == []
        # Nothing to fetch, nothing to refuse.
        await inline_images(call(fetcher, **more), ask(), ())

    run(main())


def test_one_that_fails_ends_the_others() -> None:
    async def main() -> None:
        fetcher = Fetcher(wrong=url(2))
        going = call(fetcher)
        with pytest.raises(RequestError) as caught:
            await inline_images(going, ask(1, 2, 3), ())
        assert caught.value.field == "messages[0].content[2]"
        assert sorted(fetcher.cancelled) == [url(1), url(3)]
        assert going.images == {}

    run(main())


def chat(*numbers: int) -> bytes:
    parts = [{"type": "text", "text": "see"}]
    images = [{"type": "image_url", "image_url": {"url": url(n)}} for n in numbers]
    return json.dumps({"messages": [{"role": "user", "content": [*parts, *images]}]}).encode()


def test_a_body_that_passes_through() -> None:
    async def main() -> None:
        body = json.loads(await inlined_body(call(Fetcher()), chat(1, 1)))
        said = [part["image_url"]["url"] for part in body["messages"][0]["content"][1:]]
        assert said == [f"data:image/png;base64,<{url(1)}>"] * 2

    run(main())


@pytest.mark.parametrize(
    ("route", "body", "code"),
    [
        (Route.RESPONSES, b"{}", "unsupported_content"),
        (Route.CHAT, b'{"messages":[{"content":[{"image_url":"\\ud800"}]}]}', "invalid_value"),
    ],
)
def test_bodies_that_cannot_be_looked_through(route: Route, body: bytes, code: str) -> None:
    async def main() -> None:
        with pytest.raises(RequestError) as caught:
            await inlined_body(call(Fetcher(), route=route), body)
        assert caught.value.code == code

    run(main())


@pytest.mark.parametrize(
    ("provider", "boundary", "inlined"),
    [
        ("vllm", "device", True),
        ("vllm", "external", True),
        ("openai_compatible", "device", True),
        ("openai_compatible", "organization", True),
        ("openai_compatible", "external", False),
        ("openai", "external", False),
        ("gemini", "external", True),
        ("nobody", "device", False),
    ],
)
def test_for_whom(provider: str, boundary: Any, inlined: bool) -> None:
    entry = DeploymentSettings(
        name="a/b", model_name="b", provider=provider, model="b", base_url="http://h.example/v1", tier="a",
        boundary=boundary, identity="0123456789abcdef",
    )  # fmt: skip
    plan = Plan(Settings(source=Source(kind="discovery"), deployments=(entry,)), 1)
    assert plan.upstreams[0].inline_images is inlined
