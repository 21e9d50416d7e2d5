"""LiteRT-LM's server: Chat Completions, of which it knows half and tells less.

Everything goes through the hub here, Chat clients included: the end of an answer by its limit is
called `stop`, calls are numbered anew in every chunk, and what the server does not know it ignores
instead of refusing. A comma in the name of a model would be read as settings of the engine, and tear
it down for everybody.
"""

import msgspec

from hybridgw.errors import RequestError
from hybridgw.providers.base import Backend
from hybridgw.providers.capabilities import CAPABILITIES
from hybridgw.providers.chat_request import members
from hybridgw.providers.chat_wire import ChatOutbound
from hybridgw.wire import Ask, Event, Finish, Usage

_CAPABILITIES = CAPABILITIES["litert_lm"]


class LiteRT(ChatOutbound):
    """One exchange. Holds the end back until the usage tells why the answer ended."""

    def __init__(self, backend: Backend) -> None:
        super().__init__(backend, _CAPABILITIES)
        self._limit: int | None = None
        self._held: list[Finish] = []
        self._written = 0

    def request(self, ask: Ask) -> bytes:
        """The body."""
        if "," in ask.model:
            raise RequestError("invalid_value", "the name of this model must not hold a comma", field="model")
        out = members(ask, self._backend, _CAPABILITIES)
        limit = out.get("max_completion_tokens")
        self._limit = limit if isinstance(limit, int) else None
        return msgspec.json.encode(out)

    def whole(self, body: bytes) -> list[Event]:
        """A complete answer."""
        return self._hold(super().whole(body)) + self.close()

    def feed(self, events: bytes) -> list[Event]:
        """Complete events of a stream, but for its end."""
        return self._hold(super().feed(events))

    def close(self) -> list[Event]:
        """How each choice ended."""
        told = self._hold(super().close())
        cut = self._limit is not None and self._written >= self._limit
        for finish in self._held:
            if cut and finish.reason == "stop":
                finish.reason = "length"
            told.append(finish)
        self._held = []
        return told

    def _hold(self, events: list[Event]) -> list[Event]:
        kept: list[Event] = []
        for event in events:
            if isinstance(event, Finish):
                self._held.append(event)
                continue
            if isinstance(event, Usage):
                self._written = event.completion
            kept.append(event)
        return kept
