"""What every provider offers: an exchange per route.

An `Exchange` says how one route of one backend is served: the path to post to, the shape of the
events that come back, and a translator where the backend's wire is not the client's. Without a
translator the bytes are spliced by the native side and pass through; with one, the translator
sees whole bodies or whole events, never fragments. Translators are sans-I/O, so they are tested
without a socket.
"""

from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec

from hybridgw.core import Route


class Translator(Protocol):
    """Turns one exchange from the client's wire to the backend's and back."""

    def request(self, body: bytes) -> bytes:
        """The body for the backend; a RequestError names a field that cannot be carried."""

    def whole(self, body: bytes) -> bytes:
        """A complete answer of the backend as a complete answer for the client."""

    def feed(self, events: bytes) -> bytes:
        """Complete events of the backend as complete events for the client; may be empty."""


class Exchange(msgspec.Struct, frozen=True):
    """How one route of one backend is served."""

    target: str
    """Path to post to, base path included."""
    shape: Route
    """What the native relay has to expect in the answer: the backend's own shape."""
    translator: Callable[[], Translator] | None = None
    """Makes the translator of one exchange; None where the bytes pass through."""


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of backend, as data.

    Differences between backends that speak the same dialect are rows, not code: what a member is
    called, what must not be sent, what has to be repaired in the answer.
    """

    name: str
    routes: frozenset[Route]
    """Routes that the backend serves itself."""
    translated: Mapping[Route, tuple[Route, Callable[[], Translator]]] = {}
    """Routes served through another one."""
    renames: Mapping[str, str] = {}
    """Request members under another name, e.g. max_completion_tokens -> max_tokens."""
    drops: tuple[str, ...] = ()
    """Request members that the backend answers with an error."""
    ask_usage: bool = True
    """Whether `stream_options.include_usage` may be asked for."""
    repairs: tuple[str, ...] = ()
    """Names of the native relay's repairs for the answers of this backend."""
    max_parallel: int = 0
    """Requests at once that the backend can bear; 0 = many."""
    probe: str | None = "{base}/models"
    """Path that answers quickly while the backend is well, costs nothing and wakes nothing up;
    `{base}` is the path of the base URL. None: only a connection may be made."""

    def served(self) -> frozenset[Route]:
        """All routes, native and translated."""
        return self.routes | frozenset(self.translated)

    def exchange(self, route: Route, base_path: str) -> Exchange | None:
        """How to serve `route` at a base URL with this path (`/v1` included), or None."""
        if route in self.routes:
            return Exchange(base_path + PATHS[route], route)
        if route in self.translated:
            through, translator = self.translated[route]
            return Exchange(base_path + PATHS[through], through, translator)
        return None


PATHS = {
    Route.CHAT: "/chat/completions",
    Route.COMPLETIONS: "/completions",
    Route.EMBEDDINGS: "/embeddings",
}
