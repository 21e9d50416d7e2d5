"""The backends we know, one row each.

All of them speak the OpenAI dialect on their own compatibility layer; each row holds what was
found to differ. A backend that nobody listed is `openai_compatible`: nothing renamed, nothing
dropped, nothing repaired but the errors that no SDK can read.
"""

from hybridgw.core import Route
from hybridgw.providers.base import Provider
from hybridgw.providers.completions_over_chat import CompletionsOverChat

_ALL = frozenset(Route)
_OVER_CHAT = {Route.COMPLETIONS: (Route.CHAT, CompletionsOverChat)}

# Errors that are strings or flat objects, or carry an integer code, are unreadable to the SDKs:
# both drop the message. Every backend gets these two; they never touch an answer without error.
_ERRORS = ("flat_error", "integer_error_code")

_ROWS = (
    Provider(name="openai", routes=_ALL),
    Provider(
        name="openrouter",
        routes=frozenset({Route.CHAT, Route.COMPLETIONS}),
        # Answers 200 with an error inside; finish_reason "error" is not OpenAI's.
        repairs=_ERRORS,
    ),
    Provider(
        name="ollama",
        routes=_ALL,
        # Its compatibility layer reads max_tokens only and ignores max_completion_tokens.
        renames={"max_completion_tokens": "max_tokens"},
        repairs=_ERRORS,
    ),
    Provider(name="llama_server", routes=_ALL, repairs=_ERRORS),
    Provider(
        name="llama_cpp_python",
        routes=_ALL,
        renames={"max_completion_tokens": "max_tokens"},
        repairs=_ERRORS,
    ),
    Provider(name="vllm", routes=_ALL, repairs=_ERRORS),
    Provider(
        name="tgi",
        routes=frozenset({Route.CHAT, Route.COMPLETIONS}),
        renames={"max_completion_tokens": "max_tokens"},
        repairs=_ERRORS,
    ),
    Provider(
        name="litert_lm",
        routes=frozenset({Route.CHAT, Route.EMBEDDINGS}),
        translated=_OVER_CHAT,
        renames={"max_tokens": "max_completion_tokens"},
        repairs=(*_ERRORS, "missing_done"),
        # Single-threaded: a second request would block even its health answers.
        max_parallel=1,
    ),
    Provider(name="lm_studio", routes=_ALL, repairs=_ERRORS),
    Provider(name="openai_compatible", routes=_ALL, repairs=_ERRORS),
    # For backends without /v1/completions: the same as above, with that route served over chat.
    Provider(
        name="openai_chat_only",
        routes=frozenset({Route.CHAT, Route.EMBEDDINGS}),
        translated=_OVER_CHAT,
        repairs=_ERRORS,
    ),
    Provider(name="demo", routes=_ALL),
)

PROVIDERS: dict[str, Provider] = {provider.name: provider for provider in _ROWS}


def provider_named(name: str) -> Provider | None:
    """The provider of this name, or None."""
    return PROVIDERS.get(name)
