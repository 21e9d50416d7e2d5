"""What each backend that speaks Chat can do, as data: what its outbound refuses, emulates or drops.

Content that a backend cannot take is refused, a parameter is dropped and listed, and what can be told
in other words is told so: a custom tool as a function, a system message in place of a developer's.
A row holds for the kind; what a particular model can do (`vision`, `thinking`) stands in `Backend`. Wires of
their own (Anthropic, Gemini, Ollama) differ in more than flags can say, so what they can is in their code.
"""

from collections.abc import Callable
from typing import Literal

import msgspec

from hybridgw.providers.openai_models import thinks

_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")


class Capabilities(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of backend, seen from the hub. The defaults are what most Chat backends do."""

    # Content.
    remote_images: bool = True
    """It fetches images itself. Not where it stands inside the network: the gateway fetches for it."""
    audio: bool = False
    files: bool = False
    """Base64 and the provider's own ids."""
    file_urls: bool = False
    cache_marks: bool = False
    """Understands `cache_control` on parts and tools."""
    nested: frozenset[str] = frozenset()
    """Hints inside of parts, tools and formats of which it takes notice, by the names of `native.NESTED`."""
    reads_thoughts: bool = False
    """Takes a part of type `thinking`."""
    silence: Literal["", None] = None
    """The content of a message that only calls tools."""
    # Tools.
    tool_choice: bool = True
    """A certain call, or any, can be demanded."""
    names_tool: bool = True
    """A certain call can be demanded by the name of its tool."""
    custom_tools: bool = False
    parallel: bool = True
    """Takes `parallel_tool_calls`."""
    # The answer.
    logprobs: bool = True
    n: bool = True
    stops: int | None = None
    """How many stop sequences it takes; None: any number."""
    # Parameters.
    penalties: bool = True
    top_k: bool = False
    efforts: tuple[str, ...] = _EFFORTS
    assumes_thinking: bool = True
    """Takes an effort for a model that does not think, too: it need not be known whether this one does."""
    thinks: Callable[[str], bool | None] = lambda _: None
    """Whether a model thinks, by its name; None where that does not tell."""
    verbosity: bool = False
    service_tier: bool = False
    developer: bool = False
    """Wants `developer` where others want `system`."""
    user: Literal["", "user", "safety_identifier"] = ""
    limit: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    keeps: Literal["", "reasoning_content", "reasoning", "reasoning_details"] = ""
    """Where it takes thoughts of earlier turns."""
    old_functions: bool = False
    """Takes `functions`, as Chat had them first."""
    extras: frozenset[str] = frozenset()
    """Further members that it takes, by the names that clients have for them."""


_SAMPLERS = frozenset({"min_p", "logit_bias", "repetition_penalty", "repeat_penalty", "chat_template_kwargs"})
_HINTS = frozenset({"strict", "detail", "description"})
_OPENAI = Capabilities(
    nested=_HINTS,
    audio=True,
    files=True,
    old_functions=True,
    custom_tools=True,
    stops=4,
    assumes_thinking=False,
    thinks=thinks,
    verbosity=True,
    service_tier=True,
    developer=True,
    user="safety_identifier",
    limit="max_completion_tokens",
    extras=frozenset(
        {
            "logit_bias", "store", "metadata", "prediction", "modalities", "audio", "web_search_options",
            "prompt_cache_key", "prompt_cache_retention", "prompt_cache_options",
        }
    ),
)  # fmt: skip
# Reads of `tool_choice` the three words only, and takes anything else for `auto`.
_LLAMA = Capabilities(
    names_tool=False,
    remote_images=False,
    audio=True,
    top_k=True,
    limit="max_tokens",
    keeps="reasoning_content",
    extras=_SAMPLERS
    | {
        "typical_p", "top_n_sigma", "mirostat", "mirostat_tau", "mirostat_eta", "dry_multiplier", "grammar",
        "cache_prompt", "id_slot", "repeat_last_n", "xtc_probability", "xtc_threshold",
        "dynatemp_range", "dynatemp_exponent",
    },
)  # fmt: skip

CAPABILITIES: dict[str, Capabilities] = {
    "openai": _OPENAI,
    "azure_openai": _OPENAI,
    "openrouter": Capabilities(
        audio=True,
        files=True,
        file_urls=True,
        cache_marks=True,
        nested=_HINTS,
        n=False,
        top_k=True,
        verbosity=True,
        service_tier=True,
        user="user",
        keeps="reasoning_details",
        extras=frozenset(
            {
                "logit_bias", "min_p", "top_a", "repetition_penalty", "models", "provider", "plugins",
                "transforms", "session_id", "route", "web_search_options", "modalities",
            }
        ),
    ),
    "llama_server": _LLAMA,
    # It refuses null, and its templates look for a content.
    "llama_cpp_python": msgspec.structs.replace(
        _LLAMA,
        names_tool=True,
        audio=False,
        keeps="",
        efforts=(),
        parallel=False,
        silence="",
        old_functions=True,
    ),
    "vllm": Capabilities(
        reads_thoughts=True,
        remote_images=False,
        audio=True,
        top_k=True,
        user="user",
        keeps="reasoning",
        extras=_SAMPLERS
        | {
            "min_tokens", "stop_token_ids", "structured_outputs", "guided_json", "guided_regex",
            "guided_choice", "guided_grammar", "include_reasoning", "thinking_token_budget", "priority",
            "session_id", "length_penalty", "ignore_eos", "skip_special_tokens", "mm_processor_kwargs",
        },
    ),
    "tgi": Capabilities(
        remote_images=False,
        parallel=False,
        n=False,
        efforts=(),
        extras=frozenset({"logit_bias"}),
    ),
    "litert_lm": Capabilities(
        remote_images=False,
        tool_choice=False,
        parallel=False,
        logprobs=False,
        n=False,
        stops=0,
        penalties=False,
        top_k=True,
        efforts=_EFFORTS[:-1],
        limit="max_completion_tokens",
    ),
    "openai_compatible": Capabilities(nested=_HINTS, user="user", extras=frozenset({"logit_bias"})),
    "demo": Capabilities(nested=_HINTS, limit="max_completion_tokens", user="user"),
}  # fmt: skip
"""By provider."""

_OPENAI_ONLY = _OPENAI.extras | {"moderation"}
ANYBODYS = frozenset({"openai_compatible", "demo"})
"""Nobody knows what stands behind such an address: it is sent what the client wrote."""


def unknown_members(provider: str) -> tuple[str, ...]:
    """Members of OpenAI's Chat request that this kind of backend takes no notice of."""
    if provider in ANYBODYS:
        return ()
    can = CAPABILITIES[provider]
    names = set(_OPENAI_ONLY - can.extras) | {"user", "safety_identifier"} - {can.user}
    for known, members in (
        (can.verbosity, ("verbosity",)),
        (can.service_tier, ("service_tier",)),
        (can.n, ("n",)),
        (can.parallel, ("parallel_tool_calls",)),
        (can.logprobs, ("logprobs", "top_logprobs")),
        (can.penalties, ("presence_penalty", "frequency_penalty")),
        (can.tool_choice, ("tool_choice",)),
        (bool(can.efforts), ("reasoning_effort",)),
    ):
        if not known:
            names.update(members)
    return tuple(sorted(names))


def old_functions(provider: str) -> tuple[str, ...]:
    """Members by which the first functions of Chat are told, where only a translation understands them."""
    untranslated = provider in ANYBODYS or CAPABILITIES[provider].old_functions
    return () if untranslated else ("functions", "function_call")
