"""A request without content: Ollama's clients ask so that a model be loaded, or let go.

Which of several backends will answer, and whether it holds models in memory at all, is decided for each
request and with its content. So nobody is called: the model is there when it is asked.
"""

import msgspec

from hybridgw.config.schema import ModelSettings
from hybridgw.core import Route
from hybridgw.pipeline import Call, answer
from hybridgw.server.ollama_pages import no_model
from hybridgw.server.respond import send_bytes
from hybridgw.wire import Ask, Finish

_LONGEST = 4096
"""Bytes; a body with content in it is looked at only once, by the decision."""
_EMPTY = frozenset({b"null", b"[]", b'""'})
_AT_ONCE = frozenset({b"0", b'"0"', b'"0s"', b'"0m"'})
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
    except (msgspec.MsgspecError, RecursionError):
        return False  # The decision says what is wrong with it.
    content = asked.messages if call.route is Route.OLLAMA_CHAT else asked.prompt
    if not asked.model or bytes(content) not in _EMPTY:
        return False
    if not any(_answers(model, asked.model) for model in call.plan.settings.models):
        raise no_model(asked.model)
    reason = "unload" if bytes(asked.keep_alive) in _AT_ONCE else "load"
    writer = call.dialect.writer(Ask(model=asked.model, messages=[]))
    call.status = 200
    call.head_sent = call.ended = True
    await send_bytes(call.send, 200, writer.whole([Finish(reason)]))
    return True


def _answers(model: ModelSettings, name: str) -> bool:
    if name in (model.name, *model.aliases, *model.hidden_aliases):
        return True
    return model.name.endswith("*") and name.startswith(model.name[:-1])
