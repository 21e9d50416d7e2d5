"""Google's Gemini API, natively: what its layer for OpenAI's clients lacks are signatures of calls,
thoughts, and usage that adds up.

One exchange: the request knows names that Gemini cannot spell, and the answer needs them to give them
back. Reading and writing stand beside it (`gemini_request`, `gemini_answer`).
"""

from collections.abc import Callable
from urllib.parse import quote

from hybridgw import sse
from hybridgw.errors import RequestError
from hybridgw.providers.base import Backend, Header
from hybridgw.providers.gemini_answer import Reader, new_id
from hybridgw.providers.gemini_calls import renamed
from hybridgw.providers.gemini_request import body_of
from hybridgw.wire import Ask, Event, Failure


class Gemini:
    """One exchange with `…/v1beta`. An `Outbound`."""

    def __init__(self, backend: Backend, make_id: Callable[[], str] = new_id) -> None:
        self._backend = backend
        self._make_id = make_id
        self._reader = Reader({}, make_id)

    def path(self, ask: Ask) -> str:
        """The model and the method stand in the path."""
        if not {"", ".", ".."}.isdisjoint(ask.model.split("/")):
            # A client may have chosen it, and our key goes with it wherever it leads.
            raise RequestError("invalid_value", "this is no name of a model", field="model")
        model = quote(ask.model, safe="/-._~@")
        if not model.startswith(("models/", "tunedModels/")):
            model = f"models/{model}"
        query = self._backend.query
        if ask.stream:
            return f"/{model}:streamGenerateContent?alt=sse{'&' + query[1:] if query else ''}"
        return f"/{model}:generateContent{query}"

    def headers(self, ask: Ask) -> tuple[Header, ...]:
        """None of its own."""
        return ()

    def request(self, ask: Ask) -> bytes:
        """`GenerateContentRequest`."""
        if ask.tools:
            self._reader = Reader(renamed(tool.name for tool in ask.tools), self._make_id)
        return body_of(ask, self._backend)

    def whole(self, body: bytes) -> list[Event]:
        """A complete answer."""
        return self._reader.whole(body)

    def feed(self, events: bytes) -> list[Event]:
        """Complete events; an error may stand between them as bare JSON, without `data:`."""
        bare = _bare(events)
        if bare < 0:
            return self._feed(events)
        read = self._feed(events[:bare])
        return read if read and isinstance(read[-1], Failure) else read + self._reader.feed(events[bare:])

    def close(self) -> list[Event]:
        """Reasons to finish, and usage."""
        return self._reader.close()

    def _feed(self, events: bytes) -> list[Event]:
        read: list[Event] = []
        for payload in sse.split(events):
            read += self._reader.feed(payload)
            if read and isinstance(read[-1], Failure):
                break
        return read


def _bare(events: bytes) -> int:
    """Where a line begins that opens JSON outside any event; -1 where none does. All lines of an event
    begin with the name of a field."""
    if events[:1] in (b"{", b"["):
        return 0
    at = min((found for found in (events.find(b"\n{"), events.find(b"\n[")) if found >= 0), default=-2)
    return at + 1
