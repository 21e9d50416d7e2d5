"""The backends we know, one row each.

Most of them speak the OpenAI dialect on their own compatibility layer; each row holds what was
found to differ. A backend that nobody listed is `openai_compatible`: nothing renamed, nothing
dropped.
"""

from typing import Any

from hybridgw.config.providers import is_hosted_ollama
from hybridgw.core import Route, Shape
from hybridgw.providers.anthropic import Anthropic, longest
from hybridgw.providers.anthropic_replay import without_own_thoughts
from hybridgw.providers.base import LoadPage, Provider
from hybridgw.providers.capabilities import old_functions, unknown_members
from hybridgw.providers.chat_wire import over_chat
from hybridgw.providers.embeddings import Embeddings
from hybridgw.providers.gemini import Gemini
from hybridgw.providers.gemini_request import HOSTED
from hybridgw.providers.litert_lm import LiteRT
from hybridgw.providers.ollama import Ollama
from hybridgw.providers.ollama_embed import OllamaEmbed
from hybridgw.providers.responses_wire import ResponsesOutbound
from hybridgw.providers.tgi import StopList
from hybridgw.providers.vllm import engine_load

_OPENAI = frozenset({Route.CHAT, Route.COMPLETIONS, Route.EMBEDDINGS})
_TEXT = frozenset({Route.CHAT, Route.COMPLETIONS})
_OLLAMA = frozenset({Route.OLLAMA_CHAT, Route.OLLAMA_GENERATE, Route.OLLAMA_EMBED})
_OLLAMA_EMBED = {Route.OLLAMA_EMBED: (Route.EMBEDDINGS, OllamaEmbed)}
_EMBEDDINGS = {Route.EMBEDDINGS: (Route.EMBEDDINGS, Embeddings), **_OLLAMA_EMBED}


# What Ollama's own embeddings say of its runner; a prompt that is too long is an error elsewhere.
_UNKNOWN_OF_EMBED = {Route.OLLAMA_EMBED: ("options", "keep_alive", "truncate")}


def _engine(name: str, **differs: Any) -> Provider:
    """An engine that people run themselves: chat and completions as they are."""
    row = {
        "routes": _TEXT,
        "translated": _EMBEDDINGS,
        "unknown": _UNKNOWN_OF_EMBED,
        "inline_images": True,
        "templated": True,
    }
    if "outbound" not in differs:
        row["outbound"] = over_chat(name)
        row["unknown"] = {
            Route.CHAT: unknown_members(name),
            Route.COMPLETIONS: _UNKNOWN_OF_TEXT.get(name, ()),
            **_UNKNOWN_OF_EMBED,
        }
        row["convert"] = {Route.CHAT: old_functions(name)}
    return Provider(name=name, **{**row, **differs})


# Of the oldest protocol. In public copies of their sources, llama-server throws for `best_of`, `suffix` and a
# true `echo`, and llama-cpp-python calls `n`, `best_of` and `user` ignored. The rest (`user` at llama-server,
# the rows of vLLM and TGI) is general knowledge that was not checked against any source.
_UNKNOWN_OF_TEXT = {
    "llama_server": ("best_of", "echo", "suffix", "user"),
    "llama_cpp_python": ("best_of", "n", "user"),
    "vllm": ("best_of",),
    "tgi": ("best_of", "echo", "logit_bias", "logprobs", "n", "presence_penalty", "user"),
}

# Newer name -> the only one that the backend reads.
_OLD_LIMIT = {"max_completion_tokens": "max_tokens"}

_ROWS = (
    Provider(
        name="openai",
        routes=_OPENAI | {Route.RESPONSES},
        max_inputs=2048,
        translated=_OLLAMA_EMBED,
        unknown=_UNKNOWN_OF_EMBED,
        outbound=over_chat("openai"),
        responses=ResponsesOutbound,
        templated="inside",
    ),
    # Addresses and versions: `config.azure`.
    Provider(
        name="azure_openai",
        routes=_OPENAI,
        max_inputs=2048,
        translated=_OLLAMA_EMBED,
        unknown=_UNKNOWN_OF_EMBED,
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
        limits={Route.MESSAGES: longest},
        user_metadata=True,
        outbound=Anthropic,
        shape=Shape.MESSAGES,
        key_header="x-api-key",
        forwards={b"anthropic-version": b"2023-06-01", b"anthropic-beta": None},
    ),
    _engine(
        "ollama",
        routes=_OLLAMA,
        outbound=Ollama,
        shape=Shape.OLLAMA,
        beside_v1=True,
        relays=is_hosted_ollama,
        window_setting="`num_ctx` of the deployment",
        inline_images=True,
        renames=_OLD_LIMIT,
        probe="/api/version",
    ),
    _engine("llama_server", probe="/health", window_setting="`--ctx-size` of llama-server"),
    _engine("llama_cpp_python", renames=_OLD_LIMIT, window_setting="`n_ctx` of the server"),
    _engine(
        "vllm",
        probe="/health",
        load=LoadPage("/metrics", engine_load),
        window_setting="`--max-model-len` of vLLM",
    ),
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
    _engine("openai_compatible", inline_images="inside", templated="inside"),
    Provider(
        name="demo",
        routes=_OPENAI,
        translated=_OLLAMA_EMBED,
        unknown=_UNKNOWN_OF_EMBED,
        outbound=over_chat("demo"),
    ),
)

PROVIDERS: dict[str, Provider] = {provider.name: provider for provider in _ROWS}


def provider_named(name: str) -> Provider | None:
    """The provider of this name, or None."""
    return PROVIDERS.get(name)
