"""The backends we know, one row each.

All of them speak the OpenAI dialect on their own compatibility layer; each row holds what was
found to differ. A backend that nobody listed is `openai_compatible`: nothing renamed, nothing
dropped, nothing repaired but the errors that no SDK can read.
"""

from typing import Any

from hybridgw.core import Route, Shape
from hybridgw.providers.anthropic import Anthropic
from hybridgw.providers.anthropic_replay import without_own_thoughts
from hybridgw.providers.base import Provider
from hybridgw.providers.completions_over_chat import CompletionsOverChat
from hybridgw.providers.embeddings import Embeddings

_ALL = frozenset({Route.CHAT, Route.COMPLETIONS, Route.EMBEDDINGS, Route.RESPONSES})
_TEXT = frozenset({Route.CHAT, Route.COMPLETIONS})
_EMBEDDINGS = {Route.EMBEDDINGS: (Route.EMBEDDINGS, Embeddings)}
_OVER_CHAT = {Route.COMPLETIONS: (Route.CHAT, CompletionsOverChat), **_EMBEDDINGS}

# Errors that are strings or flat objects, or carry an integer code, are unreadable to the SDKs:
# both drop the message. Every backend gets these two; they never touch an answer without error.
_ERRORS = ("flat_error", "integer_error_code")


def _engine(name: str, **differs: Any) -> Provider:
    """An engine that people run themselves: chat and completions as they are."""
    return Provider(name=name, **{"routes": _TEXT, "translated": _EMBEDDINGS, "repairs": _ERRORS, **differs})


# Newer name -> the only one that the backend reads, and the other way round.
_OLD_LIMIT = {"max_completion_tokens": "max_tokens"}
_NEW_LIMIT = {"max_tokens": "max_completion_tokens"}

_ROWS = (
    Provider(name="openai", routes=_ALL),
    # Answers 200 with an error inside.
    Provider(name="openrouter", routes=_TEXT, repairs=_ERRORS),
    Provider(
        name="anthropic",
        routes=frozenset({Route.MESSAGES}),
        edits={Route.MESSAGES: without_own_thoughts},
        outbound=Anthropic,
        shape=Shape.MESSAGES,
        key_header="x-api-key",
        forwards={b"anthropic-version": b"2023-06-01", b"anthropic-beta": None},
    ),
    _engine("ollama", renames=_OLD_LIMIT, probe="/api/version"),
    _engine("llama_server", probe="/health"),
    _engine("llama_cpp_python", renames=_OLD_LIMIT),
    _engine("vllm", probe="/health"),
    _engine("tgi", translated={}, renames=_OLD_LIMIT, probe="/health"),
    _engine(
        "litert_lm",
        routes=frozenset({Route.CHAT}),
        translated=_OVER_CHAT,
        renames=_NEW_LIMIT,
        repairs=(*_ERRORS, "missing_done"),
        # Single-threaded: a second request would block even its health answers.
        max_parallel=1,
        probe=None,
    ),
    _engine("openai_compatible"),
    Provider(name="demo", routes=_ALL),
)

PROVIDERS: dict[str, Provider] = {provider.name: provider for provider in _ROWS}


def provider_named(name: str) -> Provider | None:
    """The provider of this name, or None."""
    return PROVIDERS.get(name)
