"""The outbound of every backend that speaks Chat Completions, for clients that speak something else.

Which backend it is matters by its row in the table of capabilities only. What one of them needs beyond
that (LiteRT-LM) is a class of its own beside this one.
"""

from collections.abc import Callable

from hybridgw.providers.base import Backend, Header, Outbound
from hybridgw.providers.capabilities import CAPABILITIES, Capabilities
from hybridgw.providers.chat_answer import ChatAnswer
from hybridgw.providers.chat_request import body
from hybridgw.wire import Ask, Event


class ChatOutbound:
    """One exchange."""

    def __init__(self, backend: Backend, capabilities: Capabilities) -> None:
        self._backend = backend
        self._capabilities = capabilities
        self._answer = ChatAnswer()

    def path(self, ask: Ask) -> str:
        """Below the base URL."""
        return "/chat/completions" + self._backend.query

    def headers(self, ask: Ask) -> tuple[Header, ...]:
        """None beside those of the deployment."""
        return ()

    def request(self, ask: Ask) -> bytes:
        """The body."""
        return body(ask, self._backend, self._capabilities)

    def whole(self, body: bytes) -> list[Event]:
        """A complete answer."""
        return self._answer.whole(body)

    def feed(self, events: bytes) -> list[Event]:
        """Complete events of a stream."""
        return self._answer.feed(events)

    def close(self) -> list[Event]:
        """How each choice ended."""
        return self._answer.close()


def over_chat(provider: str) -> Callable[[Backend], Outbound]:
    """Makes the outbounds of a provider."""
    capabilities = CAPABILITIES[provider]
    return lambda backend: ChatOutbound(backend, capabilities)
