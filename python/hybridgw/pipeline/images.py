"""Remote images on their way to a backend that cannot fetch them, or must not.

The gateway fetches them itself (`transport.images` guards how) and sends them on as data, so that no
engine inside the network can be made to call an address that a client names. A fetch tells an outside
host something, so nothing is fetched for a request that may not leave this device.
"""

import asyncio
import time
from collections.abc import Iterable

import msgspec

from hybridgw.core import Boundary, Route
from hybridgw.errors import RequestError
from hybridgw.pipeline.call import Call
from hybridgw.providers.inline_images import RemoteImages
from hybridgw.transport.seam import Fetched
from hybridgw.wire import Ask, Image, ToolResult

MOST = 8
"""Images per request."""

_Wanted = tuple[str, str]
"""A URL, and the field in which it stands."""


async def inline_images(call: Call, ask: Ask, own_media: tuple[str, ...]) -> None:
    """Fetch what `ask` names and put it in its place; URLs that begin like `own_media` stay."""
    images = [
        (image, field)
        for image, field in _images(ask)
        if image.url is not None and image.data is None and not image.url.startswith((*own_media, "data:"))
    ]
    if not images:
        return
    fetched = await _fetched(call, [(image.url or "", field) for image, field in images])
    for image, _ in images:
        found = fetched[image.url or ""]
        image.media_type, image.data, image.url = found.media_type, found.data, None


async def inlined_body(call: Call, body: bytes) -> bytes:
    """A body that passes through, with its remote images as data."""
    if call.route is not Route.CHAT:
        raise RequestError("unsupported_content", "the backend of this model is sent no remote media")
    try:
        images = RemoteImages(body)
    except (msgspec.MsgspecError, RecursionError):
        raise RequestError(
            "invalid_value", "the body holds text that cannot be read to look for remote images"
        ) from None
    fetched = await _fetched(call, images.wanted) if images.wanted else {}
    return images.body({url: f"data:{it.media_type};base64,{it.data}" for url, it in fetched.items()})


def _images(ask: Ask) -> Iterable[tuple[Image, str]]:
    for number, message in enumerate(ask.messages):
        for at, part in enumerate(message.parts):
            if isinstance(part, Image):
                yield part, f"messages[{number}].content[{at}]"
            elif isinstance(part, ToolResult):
                for inner, each in enumerate(part.parts):
                    if isinstance(each, Image):
                        yield each, f"messages[{number}].content[{inner}]"


async def _fetched(call: Call, wanted: list[_Wanted]) -> dict[str, Fetched]:
    """Each image once, all at the same time; the first that fails ends the others."""
    decision = call.decision
    assert decision is not None
    if not call.plan.settings.translation.fetch_images:
        raise RequestError(
            "unsupported_content", "remote images are not fetched here; send the image as data",
            field=wanted[0][1],
        )  # fmt: skip
    if decision.ceiling == Boundary.DEVICE:
        raise RequestError(
            "unsupported_content",
            "nothing is fetched for a request that may not leave this device; send the image as data",
            field=wanted[0][1],
        )
    fields: dict[str, str] = {}
    for url, field in wanted:
        fields.setdefault(url, field)
    if len(fields) > MOST:
        raise RequestError(
            "invalid_value", f"more than {MOST} remote images", field=list(fields.values())[MOST]
        )
    call.leave(time.monotonic_ns())
    tasks = {
        url: asyncio.ensure_future(call.worker.images.fetch_image(url, field))
        for url, field in fields.items()
        if url not in call.images
    }
    try:
        await asyncio.gather(*tasks.values())
    except BaseException:
        for task in tasks.values():
            task.cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)
        raise
    finally:
        call.back(time.monotonic_ns())
    call.images = {**call.images, **{url: task.result() for url, task in tasks.items()}}
    return {url: call.images[url] for url in fields}
