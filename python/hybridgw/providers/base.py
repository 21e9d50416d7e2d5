"""What every provider offers: an exchange per route.

An `Exchange` says how one route of one backend is served: the path to post to, the shape of what
comes back, and how it is translated where the backend's wire is not the client's. Without any the
bytes are spliced by the native side and pass through. There are two kinds of translation: between
two particular wires (`translator`: legacy completions from a chat backend, embeddings), and through
the hub of `hybridgw.wire` (`outbound`), for which `routing` puts the client's dialect before it.

Both are sans-I/O and see whole bodies or whole events, never fragments; so they are tested without a
socket.
"""

from collections.abc import Callable, Mapping
from typing import Literal, Protocol

import msgspec

from hybridgw.core import Route, Shape
from hybridgw.wire import Ask, Event

Header = tuple[bytes, bytes]


class Translator(Protocol):
    """Turns one exchange from the client's wire to the backend's and back."""

    def request(self, body: bytes) -> bytes:
        """The body for the backend; a RequestError names a field that cannot be carried."""

    def whole(self, body: bytes) -> bytes:
        """A complete answer of the backend as a complete answer for the client."""

    def feed(self, events: bytes) -> bytes:
        """Complete events of the backend as complete events for the client; may be empty."""


class Backend(msgspec.Struct, frozen=True, kw_only=True):
    """What an `Outbound` has to know of its deployment."""

    max_output_tokens: int | None = None
    """Sent where the backend demands a limit and the client gave none."""
    num_ctx: int | None = None
    """Ollama: the one window that this model is always run with."""
    sampling: bool = False
    """Anthropic: the model still takes temperature and top_p."""
    thinking: bool | None = None
    """Whether the model thinks; None when nobody said."""
    thinking_words: bool = False
    """Ollama: whether it is told in words how much to think; others take yes and no."""
    vision: bool | None = None
    """Whether the model sees images; None when nobody said."""
    ask_usage: bool = True
    renames: Mapping[str, str] = {}
    drops: tuple[str, ...] = ()
    """Parameters of the client's that it is not told, by their Chat names, as the next two."""
    defaults: Mapping[str, object] = {}
    """Those that are told when the client says nothing."""
    force: Mapping[str, object] = {}
    """Those that replace what the client says. What these three mean is said in `configured`."""
    refuses: tuple[str, ...] = ()
    """Members of its own wire that it was found to refuse."""
    query: str = ""
    """Behind every path: `?api-version=…`."""
    templated: bool = False
    """Puts conversations through its model's template: one system message, at the front."""
    thoughts: Literal["reasoning_content", "reasoning"] | None = None
    """The member in which it wants thoughts of earlier turns back; None: what its kind takes."""


class Outbound(Protocol):
    """One exchange with a backend through the hub."""

    def path(self, ask: Ask) -> str:
        """Path below the base URL, query included."""

    def headers(self, ask: Ask) -> tuple[Header, ...]:
        """Headers of this request beside those of the deployment."""

    def request(self, ask: Ask) -> bytes:
        """The body. Adds to `ask.dropped` what the backend is not told; never drops user content: a
        RequestError (`unsupported_content`) names what the backend cannot take."""

    def whole(self, body: bytes) -> list[Event]:
        """A complete answer."""

    def feed(self, events: bytes) -> list[Event]:
        """Complete events of a stream, in the backend's framing, as the native relay cuts them."""

    def close(self) -> list[Event]:
        """What is due when the stream has ended properly."""


class Exchange(msgspec.Struct, frozen=True):
    """How one route of one backend is served."""

    target: str
    """Path to post to, base path included; with an `outbound` the base path alone."""
    shape: Shape
    """What the native relay has to expect in the answer: the backend's own shape."""
    translator: Callable[[], Translator] | None = None
    """Makes the translator of one exchange; None where the bytes pass through."""
    outbound: Callable[[Backend], Outbound] | None = None
    """Makes the far half of a translation through the hub."""
    edit: Callable[[bytes], bytes] | None = None
    """Takes out of a body that passes through what this backend alone must not see."""
    limit: Callable[[Backend, str], int] | None = None
    """The limit of an answer, in tokens, of a backend that demands one, by the name of the model. It is
    put into a body that passes through without any."""


class EngineLoad(msgspec.Struct, frozen=True):
    """What an engine says about itself."""

    waiting: int
    """Requests that wait inside it, whoever sent them."""
    cache: float | None = None
    """The share of its memory for contexts that is taken."""


class LoadPage(msgspec.Struct, frozen=True):
    """Where an engine tells its load, and how to read that."""

    path: str
    """Beside `/v1`."""
    read: Callable[[bytes], EngineLoad | None]


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of backend, as data.

    Differences between backends that speak the same dialect are rows, not code: what a member is
    called, what must not be sent.
    """

    name: str
    routes: frozenset[Route]
    """Routes that the backend serves itself, in the client's own bytes."""
    translated: Mapping[Route, tuple[Route, Callable[[], Translator]]] = {}
    """Routes served through another one of the backend's."""
    outbound: Callable[[Backend], Outbound] | None = None
    """Serves all other conversations through the hub."""
    responses: Callable[[Backend], Outbound] | None = None
    """The same by Responses, where the backend has that beside Chat."""
    shape: Shape = Shape.CHAT
    """Of what `outbound` reads."""
    edits: Mapping[Route, Callable[[bytes], bytes]] = {}
    """See `Exchange.edit`; by native route."""
    paths: Mapping[Route, str] = {}
    """Where `PATHS` does not hold."""
    renames: Mapping[str, str] = {}
    """Request members under another name, e.g. max_completion_tokens -> max_tokens."""
    drops: tuple[str, ...] = ()
    """Request members that the backend answers with an error."""
    unknown: Mapping[Route, tuple[str, ...]] = {}
    """Members of a native route's protocol that it takes no notice of: left out, and the client is told."""
    convert: Mapping[Route, tuple[str, ...]] = {}
    """Members of a native route's protocol that it does not know and `outbound` says in other words: a
    request that has one is translated instead of passed through."""
    user_metadata: bool = False
    """Of the `metadata` of Messages it takes `user_id` alone."""
    limits: Mapping[Route, Callable[[Backend, str], int]] = {}
    """See `Exchange.limit`; by native route."""
    ask_usage: bool = True
    """Whether `stream_options.include_usage` may be asked for."""
    max_inputs: int = 0
    """Inputs of one request for embeddings that it takes; 0: nobody knows."""
    max_parallel: int = 0
    """Requests at once that the backend can bear; 0 = many."""
    queue: bool = False
    """A request for which only this backend is left waits here for its turn: it would not be served
    sooner by trying again."""
    key_header: Literal["authorization", "x-api-key", "api-key", "x-goog-api-key"] = "authorization"
    """Where the key goes; with `Bearer` before it in the first."""
    headers: tuple[Header, ...] = ()
    """Sent with every request, unless the configuration has its own."""
    forwards: Mapping[bytes, bytes | None] = {}
    """Client headers that are passed on where bytes pass through, with the value used when the client
    sent none; the query goes with them."""
    beside_v1: bool = False
    """The paths of its own wire stand beside the `/v1` of a base URL, not below it."""
    relays: Callable[[str], bool] | None = None
    """Whether the backend would itself pass a model of this name on to computers further away."""
    inline_images: bool | Literal["inside"] = False
    """Whether the gateway fetches remote images for it: the backend cannot, or must not (it stands
    inside the network, and would fetch whatever a client names). `inside`: unless it is external."""
    templated: bool | Literal["inside"] = False
    """Whether it puts conversations through its model's template, which may take a system message only at
    the front. `inside`: unless it is external, because whoever speaks this dialect there is an engine."""
    window_setting: str = ""
    """What makes the window of its models larger, for people who run it."""
    own_media: tuple[str, ...] = ()
    """Beginnings of URLs of what the backend itself keeps; never fetched for it."""
    probe: str | None = "{base}/models"
    """Path that answers quickly while the backend is well, costs nothing and wakes nothing up;
    `{base}` is the path of the base URL. None: only a connection may be made."""
    load: LoadPage | None = None
    """Where the backend tells how much it has to do; asked regularly."""

    def served(self) -> frozenset[Route]:
        """All routes, native and translated."""
        hub = CONVERSATIONS if self.outbound is not None else frozenset()
        return self.routes | frozenset(self.translated) | hub

    def exchange(self, route: Route, base_path: str, query: str = "") -> Exchange | None:
        """How to serve `route` at a base URL with this path (`/v1` included), or None. `query` stands
        behind every path; an `outbound` has it from its `Backend`."""
        if route in self.routes:
            target = self._base(route, base_path) + self._path(route) + query
            edit, limit = self.edits.get(route), self.limits.get(route)
            return Exchange(target, SHAPES[route], edit=edit, limit=limit)
        if route in self.translated:
            through, translator = self.translated[route]
            return Exchange(base_path + self._path(through) + query, SHAPES[through], translator)
        if self.outbound is not None and route in CONVERSATIONS:
            base = base_path.removesuffix("/v1") if self.beside_v1 else base_path
            return Exchange(base, self.shape, outbound=self.outbound)
        return None

    def by_chat(self, base_path: str) -> Exchange:
        """A conversation through the hub, also where the client's own bytes could pass."""
        assert self.outbound is not None
        return Exchange(base_path, self.shape, outbound=self.outbound)

    def by_responses(self, base_path: str) -> Exchange | None:
        """The same by the backend's Responses."""
        if self.responses is None:
            return None
        return Exchange(base_path, Shape.RESPONSES, outbound=self.responses)

    def _base(self, route: Route, base_path: str) -> str:
        return base_path.removesuffix("/v1") if PATHS[route].startswith("/api/") else base_path

    def _path(self, route: Route) -> str:
        return self.paths.get(route) or PATHS[route]


CONVERSATIONS = frozenset(
    {
        Route.CHAT,
        Route.COMPLETIONS,
        Route.RESPONSES,
        Route.MESSAGES,
        Route.OLLAMA_CHAT,
        Route.OLLAMA_GENERATE,
    }
)
"""Routes whose dialects read and write the hub."""

PATHS = {
    Route.CHAT: "/chat/completions",
    Route.COMPLETIONS: "/completions",
    Route.EMBEDDINGS: "/embeddings",
    Route.RESPONSES: "/responses",
    Route.MESSAGES: "/messages",
    Route.OLLAMA_CHAT: "/api/chat",
    Route.OLLAMA_GENERATE: "/api/generate",
    Route.OLLAMA_EMBED: "/api/embed",
}
SHAPES = {
    Route.CHAT: Shape.CHAT,
    Route.COMPLETIONS: Shape.COMPLETIONS,
    Route.EMBEDDINGS: Shape.EMBEDDINGS,
    Route.RESPONSES: Shape.RESPONSES,
    Route.MESSAGES: Shape.MESSAGES,
    Route.OLLAMA_CHAT: Shape.OLLAMA,
    Route.OLLAMA_GENERATE: Shape.OLLAMA,
    Route.OLLAMA_EMBED: Shape.EMBEDDINGS,
}
