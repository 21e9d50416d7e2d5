"""The backends we know, one row each.

Most of them speak the OpenAI dialect on their own compatibility layer; each row holds what was
found to differ. A backend that nobody listed is `openai_compatible`: nothing renamed, nothing
dropped.
"""

from typing import Any

from hybridgw.config.providers import is_hosted_ollama
from hybridgw.core import Route, Shape
from hybridgw.providers.anthropic import Anthropic
from hybridgw.providers.anthropic_replay import without_own_thoughts
from hybridgw.providers.base import LoadPage, Provider
from hybridgw.providers.chat_wire import over_chat
from hybridgw.providers.embeddings import Embeddings
from hybridgw.providers.gemini import Gemini
from hybridgw.providers.gemini_request import HOSTED
from hybridgw.providers.litert_lm import LiteRT
from hybridgw.providers.ollama import Ollama
from hybridgw.providers.ollama_embed import OllamaEmbed
from hybridgw.providers.tgi import StopList
from hybridgw.providers.vllm import engine_load

_OPENAI = frozenset({Route.CHAT, Route.COMPLETIONS, Route.EMBEDDINGS})
_TEXT = frozenset({Route.CHAT, Route.COMPLETIONS})
_OLLAMA = frozenset({Route.OLLAMA_CHAT, Route.OLLAMA_GENERATE, Route.OLLAMA_EMBED})
_OLLAMA_EMBED = {Route.OLLAMA_EMBED: (Route.EMBEDDINGS, OllamaEmbed)}
_EMBEDDINGS = {Route.EMBEDDINGS: (Route.EMBEDDINGS, Embeddings), **_OLLAMA_EMBED}


def _engine(name: str, **differs: Any) -> Provider:
    """An engine that people run themselves: chat and completions as they are."""
    row = {
        "routes": _TEXT,
        "translated": _EMBEDDINGS,
        "inline_images": True,
    }
    if "outbound" not in differs:
        row["outbound"] = over_chat(name)
    return Provider(name=name, **{**row, **differs})


# Newer name -> the only one that the backend reads.
_OLD_LIMIT = {"max_completion_tokens": "max_tokens"}

_ROWS = (
    Provider(
        name="openai",
        routes=_OPENAI | {Route.RESPONSES},
        translated=_OLLAMA_EMBED,
        outbound=over_chat("openai"),
    ),
    # Addresses and versions: `config.azure`.
    Provider(
        name="azure_openai",
        routes=_OPENAI,
        translated=_OLLAMA_EMBED,
        outbound=over_chat("azure_openai"),
        key_header="api-key",
        probe=None,
    ),
    # Answers 200 with an error inside, and passes on what its many hosts do.
    Provider(
        name="openrouter",
        routes=_TEXT,
        outbound=over_chat("openrouter"),
    ),
    Provider(
        name="anthropic",
        routes=frozenset({Route.MESSAGES}),
        edits={Route.MESSAGES: without_own_thoughts},
        outbound=Anthropic,
        shape=Shape.MESSAGES,
        key_header="x-api-key",
        forwards={b"anthropic-version": b"2023-06-01", b"anthropic-beta": None},
    ),
    _engine(
        "ollama",
        routes=_OLLAMA | {Route.COMPLETIONS},
        outbound=Ollama,
        shape=Shape.OLLAMA,
        beside_v1=True,
        relays=is_hosted_ollama,
        inline_images=True,
        renames=_OLD_LIMIT,
        probe="/api/version",
    ),
    _engine("llama_server", probe="/health"),
    _engine("llama_cpp_python", renames=_OLD_LIMIT),
    _engine("vllm", probe="/health", load=LoadPage("/metrics", engine_load)),
    _engine(
        "tgi",
        routes=frozenset(),
        translated={
            Route.CHAT: (Route.CHAT, StopList),
            Route.COMPLETIONS: (Route.COMPLETIONS, StopList),
        },
        renames=_OLD_LIMIT,
        probe="/health",
    ),
    _engine(
        "litert_lm",
        routes=frozenset(),
        outbound=LiteRT,
        # Single-threaded: a second request would block even its health answers.
        max_parallel=1,
        queue=True,
        probe=None,
        inline_images=True,
    ),
    # Asked by its own methods, of which the model is part of the path.
    Provider(
        name="gemini",
        routes=frozenset(),
        outbound=Gemini,
        shape=Shape.GEMINI,
        key_header="x-goog-api-key",
        inline_images=True,
        own_media=(HOSTED,),
    ),
    _engine("openai_compatible", inline_images="inside"),
    Provider(name="demo", routes=_OPENAI, translated=_OLLAMA_EMBED, outbound=over_chat("demo")),
)

PROVIDERS: dict[str, Provider] = {provider.name: provider for provider in _ROWS}


def provider_named(name: str) -> Provider | None:
    """The provider of this name, or None."""
    return PROVIDERS.get(name)
