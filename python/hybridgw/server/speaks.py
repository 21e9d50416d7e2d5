"""Who answers a path that no route stands behind, and in whose words.

A client that misspells a path, or is not let in, has an SDK that reads one error shape. Which one is
told by the family of the path: below `/v1/messages` they are Anthropic's, below `/api/` Ollama's,
everywhere else OpenAI's. The path is also brought into its plain form here, because base URLs are
typed by people: with `/v1` twice, with a slash too many. A redirect would lose the body of a POST.
"""

from hybridgw.core import Route
from hybridgw.dialects import DIALECTS, OPENAI, Dialect

_FAMILIES = (("/messages", Route.MESSAGES), ("/api/", Route.OLLAMA_CHAT))
"""By how a path begins, without `/v1`. Only where the dialect is spoken at all."""


def plain(path: str) -> str:
    """The path that was meant: no empty segments, `/v1` at most once."""
    segments = [segment for segment in path.split("/") if segment]
    if segments[:1] == ["anthropic"]:
        # A base URL of Anthropic's clients behind a LiteLLM Proxy.
        segments = segments[1:]
    first = 0
    while segments[first : first + 2] == ["v1", "v1"]:
        first += 1
    return "/" + "/".join(segments[first:])


def dialect_of(path: str) -> Dialect:
    """The dialect of whoever calls this plain path."""
    below = path.removeprefix("/v1")
    for start, route in _FAMILIES:
        if below.startswith(start):
            return DIALECTS.get(route, OPENAI)
    return OPENAI
