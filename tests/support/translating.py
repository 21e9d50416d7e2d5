"""A request and its translations, without a gateway around them: what `pipeline.translation` sees.

    talk = Talk(Route.MESSAGES, {"messages": [...]})
    answer = talk.through("openai").whole(b"...")

Every `through` is one more attempt of the same call.
"""

import asyncio
import json
from types import SimpleNamespace
from typing import Any, cast

from hybridgw.core import Route
from hybridgw.dialects import DIALECTS
from hybridgw.pipeline.attempt import Attempt
from hybridgw.pipeline.translation import translation_of
from hybridgw.pipeline.translation_seam import Translation
from hybridgw.providers import configured
from hybridgw.providers.base import Backend, Exchange
from hybridgw.providers.nested import nested
from hybridgw.providers.registry import PROVIDERS
from hybridgw.wire import Ask
from hybridgw.wire.parameters import Said


def configure(ask: Ask, backend: Backend, *said: str) -> Ask:
    """A request that a test made by hand, with the rules of `backend` in it. `said`: which parameters its
    client said, by Chat's names."""
    configured.apply(ask, backend, Said(Route.CHAT, json.dumps(dict.fromkeys(said, 1)).encode()))
    return ask


class Talk:
    """One call. A `body` that is not bytes lacks the model; it asks for a stream unless it says otherwise.
    `nested` is what the native side saw in it."""

    def __init__(self, route: Route, body: dict[str, Any] | bytes, nested: int = 0) -> None:
        said = (
            body if isinstance(body, bytes) else json.dumps({"model": "m", "stream": True, **body}).encode()
        )
        self._body = said
        self._nested = nested
        settings = SimpleNamespace(translation=SimpleNamespace(unsupported="drop"))
        self.call: Any = SimpleNamespace(
            route=route,
            permit=None,
            dialect=DIALECTS[route],
            plan=SimpleNamespace(settings=settings),
            writer=None,
            memory=None,
        )
        self.attempt: Any = None
        """The last one."""
        self.sent = b""
        """The last body for a backend."""

    def through(self, provider: str, **backend: Any) -> Translation:
        """An attempt at a backend, asked and not yet answered."""
        upstream: Any = SimpleNamespace(
            backend=Backend(**backend),
            inline_images=False,
            secrets=("sk-secret-key",),
            nested=nested(provider, bool(backend.get("templated"))),
        )
        exchange: Any = SimpleNamespace(
            target="", outbound=PROVIDERS[provider].outbound, shape=PROVIDERS[provider].shape
        )
        decision = SimpleNamespace(include_usage=True, prompt_tokens=7, nested=self._nested)
        self.attempt = SimpleNamespace(
            call=self.call,
            upstream=upstream,
            decision=decision,
            writer=None,
            dropped=(),
            permit=SimpleNamespace(leaves=()),
        )
        made = translation_of(cast(Attempt, self.attempt), cast(Exchange, exchange))
        assert made is not None
        _, _, self.sent = asyncio.run(cast(Any, made.request(self._body)))
        return made


def whole(translation: Translation, body: bytes) -> bytes:
    """A complete answer of the backend as one for the client."""
    return translation.write_whole(translation.read_whole(body))
