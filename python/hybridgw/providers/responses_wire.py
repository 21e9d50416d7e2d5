"""The outbound of OpenAI's Responses, for clients that speak something else.

Models that think want their tools there (`openai_models`); which requests go this way is decided where a
deployment's exchanges are chosen, not here.
"""

from hybridgw.providers.base import Backend, Header
from hybridgw.providers.responses_answer import ResponsesAnswer
from hybridgw.providers.responses_request import body
from hybridgw.wire import Ask, Event


class ResponsesOutbound:
    """One exchange."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._answer = ResponsesAnswer()

    def path(self, ask: Ask) -> str:
        """Below the base URL."""
        return "/responses" + self._backend.query

    def headers(self, ask: Ask) -> tuple[Header, ...]:
        """None beside those of the deployment."""
        return ()

    def request(self, ask: Ask) -> bytes:
        """The body."""
        return body(ask, self._backend)

    def whole(self, body: bytes) -> list[Event]:
        """A complete answer."""
        return self._answer.whole(body)

    def feed(self, events: bytes) -> list[Event]:
        """Complete events of a stream."""
        return self._answer.feed(events)

    def close(self) -> list[Event]:
        """Nothing: the end is told by an event."""
        return []
