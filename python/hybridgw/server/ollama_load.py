"""A request without content: Ollama's clients ask so that a model be loaded, or let go.

An Ollama near enough is asked to do it, with the window that every route of the deployment uses. Of other
backends nobody is called: which of them will answer is decided for each request and with its content, and
the model is there when it is asked.
"""

import re
import time

import msgspec

from hybridgw.core import Route, Timeouts
from hybridgw.pipeline import Call, answer
from hybridgw.routing.plan import Upstream
from hybridgw.server.ollama_engines import model_named, ollama_behind, send_to
from hybridgw.server.ollama_pages import no_model
from hybridgw.server.respond import send_bytes
from hybridgw.wire import Ask, Finish

_LONGEST = 4096
"""Bytes; a body with content in it is looked at only once, by the decision."""
_EMPTY = frozenset({b"null", b"[]", b'""'})
_DURATION = re.compile(
    rb'"?[-+]?\d{0,12}(\.\d{0,6})?([eE][-+]?\d{1,3})?((ns|us|\xc2\xb5s|ms|s|m|h)[\d.]{0,9}){0,4}"?'
).fullmatch
_AT_ONCE = re.compile(rb'"?[-+]?(0+(\.0*)?|\.0+)([eE][-+]?\d+)?(ns|us|\xc2\xb5s|ms|s|m|h)?"?').fullmatch
"""Nothing, as a number or a duration."""
_LOADING = Timeouts(connect=3.0, first_token=600.0, idle=600.0, total=600.0)
_ANSWER_LIMIT = 1024 * 1024
_NULL = msgspec.Raw(b"null")


class _Asked(msgspec.Struct):
    model: str = ""
    messages: msgspec.Raw = _NULL
    prompt: msgspec.Raw = _NULL
    keep_alive: msgspec.Raw = _NULL


_asked = msgspec.json.Decoder(_Asked)


async def load_or_answer(call: Call, body: bytes, hints: dict[str, str] | None) -> None:
    """Serve a request of Ollama's conversations, with content or without. RequestError for a request to
    load a model that nobody has."""
    if await _loaded(call, body):
        return
    answering = answer(call, body, hints)
    del body  # The native side holds the one retained copy.
    await answering


async def _loaded(call: Call, body: bytes) -> bool:
    if len(body) > _LONGEST:
        return False
    try:
        asked = _asked.decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return False  # The decision says what is wrong with it.
    content = asked.messages if call.route is Route.OLLAMA_CHAT else asked.prompt
    if not asked.model or bytes(content) not in _EMPTY:
        return False
    model = model_named(call.plan.settings, asked.model)
    if model is None:
        raise no_model(asked.model)
    reason = "unload" if _AT_ONCE(bytes(asked.keep_alive)) else "load"
    engine = ollama_behind(call.plan, model)
    if engine is not None:
        call.leave(time.monotonic_ns())
        await _told(call, engine, asked, unload=reason == "unload")
        call.back(time.monotonic_ns())
    writer = call.dialect.writer(Ask(model=asked.model, messages=[]))
    call.begin_head(200)
    call.end()
    await send_bytes(call.client, 200, writer.whole([Finish(reason)]))
    return True


async def _told(call: Call, engine: Upstream, asked: _Asked, *, unload: bool) -> None:
    """Have the engine load its model, or let go of it. UpstreamError when it does not."""
    request: dict[str, object] = {"model": engine.deployment.model, "stream": False}
    if unload:
        request["keep_alive"] = 0
    else:
        # A number or a duration, and no text that nobody has scanned.
        if _DURATION(bytes(asked.keep_alive)):
            request["keep_alive"] = asked.keep_alive
        if engine.backend.num_ctx is not None:
            request["options"] = {"num_ctx": engine.backend.num_ctx}
    body = msgspec.json.encode(request)
    response = await send_to(call.worker, engine, "POST", "/api/generate", body, _LOADING)
    await response.read_all(_ANSWER_LIMIT)
