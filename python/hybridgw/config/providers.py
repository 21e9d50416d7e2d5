"""The providers that a file may name: address, key variable, and which code serves them.

Data, not behaviour. Many vendors speak the same dialect and differ in an address and a variable
name, so a file's word for a vendor is one thing and the provider that serves it another: `groq` is
`openai_compatible` at Groq's address. A vendor without a serving provider still loads; its
deployments are listed as out of use with the reason.
"""

import msgspec

from hybridgw.config.schema import ThoughtsName


class Vendor(msgspec.Struct, frozen=True, kw_only=True):
    """One word of a file."""

    provider: str | None
    """The gateway's own provider that serves it; None: not supported yet."""
    base_url: str | None = None
    key_env: tuple[str, ...] = ()
    base_env: tuple[str, ...] = ()
    engine: bool = False
    """A self-hosted engine whose OpenAI-compatible paths always lie below /v1."""
    needs_key: bool = False
    azure: bool = False
    """Its addresses are Azure's."""
    thoughts: ThoughtsName | None = None
    """Where its models want their thoughts of earlier turns back, if elsewhere than `provider`'s do."""
    version: str = "/v1"
    """Path of an address that is given without any."""


def _cloud(
    provider: str | None,
    base_url: str | None,
    *key_env: str,
    base_env: str = "",
    thoughts: ThoughtsName | None = None,
) -> Vendor:
    return Vendor(
        provider=provider,
        base_url=base_url,
        key_env=key_env,
        base_env=(base_env,) if base_env else (),
        needs_key=bool(key_env),
        thoughts=thoughts,
    )


def _engine(provider: str, base_url: str | None, base_env: str = "", *key_env: str) -> Vendor:
    return Vendor(
        provider=provider,
        base_url=base_url,
        key_env=key_env,
        base_env=(base_env,) if base_env else (),
        engine=True,
    )


_COMPATIBLE = "openai_compatible"
_OPENAI = Vendor(
    provider="openai",
    base_url="https://api.openai.com/v1",
    key_env=("OPENAI_API_KEY",),
    base_env=("OPENAI_BASE_URL", "OPENAI_API_BASE"),
    needs_key=True,
)
_OLLAMA = _engine("ollama", "http://127.0.0.1:11434/v1", "OLLAMA_API_BASE", "OLLAMA_API_KEY")
_VLLM = _engine("vllm", None, "HOSTED_VLLM_API_BASE", "HOSTED_VLLM_API_KEY")
_LLAMA_SERVER = _engine("llama_server", None)
_AZURE = Vendor(
    provider="azure_openai",
    key_env=("AZURE_API_KEY", "AZURE_OPENAI_API_KEY"),
    base_env=("AZURE_API_BASE", "AZURE_OPENAI_ENDPOINT"),
    needs_key=True,
    azure=True,
)

VENDORS: dict[str, Vendor] = {
    # Self-hosted engines.
    "ollama": _OLLAMA,
    "ollama_chat": _OLLAMA,
    "llama_server": _LLAMA_SERVER,
    "llama-server": _LLAMA_SERVER,
    "llama_cpp": _LLAMA_SERVER,
    "llamafile": _engine("llama_server", "http://127.0.0.1:8080/v1", "LLAMAFILE_API_BASE"),
    "llama_cpp_python": _engine("llama_cpp_python", None),
    "vllm": _VLLM,
    "hosted_vllm": _VLLM,
    "tgi": _engine("tgi", None),
    "huggingface": _engine("tgi", None, "HUGGINGFACE_API_BASE", "HF_TOKEN", "HUGGINGFACE_API_KEY"),
    "litert_lm": _engine("litert_lm", "http://127.0.0.1:9379/v1"),
    "lm_studio": _engine(_COMPATIBLE, None, "LM_STUDIO_API_BASE", "LM_STUDIO_API_KEY"),
    "xinference": _engine(_COMPATIBLE, None, "XINFERENCE_API_BASE", "XINFERENCE_API_KEY"),
    "docker_model_runner": Vendor(provider=_COMPATIBLE),
    # Anything that speaks the dialect.
    "openai_compatible": Vendor(provider=_COMPATIBLE),
    "openai-compatible": Vendor(provider=_COMPATIBLE),
    "openai_like": Vendor(provider=_COMPATIBLE, base_env=("OPENAI_LIKE_API_BASE",)),
    "custom_openai": Vendor(provider=_COMPATIBLE),
    "custom": Vendor(provider=_COMPATIBLE),
    "litellm_proxy": Vendor(
        provider=_COMPATIBLE, key_env=("LITELLM_PROXY_API_KEY",), base_env=("LITELLM_PROXY_API_BASE",)
    ),
    # Clouds that speak it.
    "azure": _AZURE,
    "azure_openai": _AZURE,
    "azure_text": _AZURE,
    "openai": _OPENAI,
    "text-completion-openai": _OPENAI,
    "openrouter": _cloud("openrouter", "https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"),
    "groq": _cloud(_COMPATIBLE, "https://api.groq.com/openai/v1", "GROQ_API_KEY"),
    "mistral": _cloud(_COMPATIBLE, "https://api.mistral.ai/v1", "MISTRAL_API_KEY"),
    "codestral": _cloud(_COMPATIBLE, "https://codestral.mistral.ai/v1", "CODESTRAL_API_KEY"),
    "deepseek": _cloud(
        _COMPATIBLE, "https://api.deepseek.com/v1", "DEEPSEEK_API_KEY", thoughts="reasoning_content"
    ),
    "together_ai": _cloud(
        _COMPATIBLE, "https://api.together.xyz/v1", "TOGETHERAI_API_KEY", "TOGETHER_API_KEY"
    ),
    "xai": _cloud(_COMPATIBLE, "https://api.x.ai/v1", "XAI_API_KEY"),
    "fireworks_ai": _cloud(_COMPATIBLE, "https://api.fireworks.ai/inference/v1", "FIREWORKS_AI_API_KEY"),
    "perplexity": _cloud(
        _COMPATIBLE, "https://api.perplexity.ai", "PERPLEXITYAI_API_KEY", "PERPLEXITY_API_KEY"
    ),
    "deepinfra": _cloud(_COMPATIBLE, "https://api.deepinfra.com/v1/openai", "DEEPINFRA_API_KEY"),
    "cerebras": _cloud(_COMPATIBLE, "https://api.cerebras.ai/v1", "CEREBRAS_API_KEY"),
    "nvidia_nim": _cloud(_COMPATIBLE, "https://integrate.api.nvidia.com/v1", "NVIDIA_NIM_API_KEY"),
    "sambanova": _cloud(_COMPATIBLE, "https://api.sambanova.ai/v1", "SAMBANOVA_API_KEY"),
    "moonshot": _cloud(
        _COMPATIBLE, "https://api.moonshot.ai/v1", "MOONSHOT_API_KEY", thoughts="reasoning_content"
    ),
    "dashscope": _cloud(
        _COMPATIBLE,
        "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
        "DASHSCOPE_API_KEY",
        thoughts="reasoning_content",
    ),
    "hyperbolic": _cloud(_COMPATIBLE, "https://api.hyperbolic.xyz/v1", "HYPERBOLIC_API_KEY"),
    "novita": _cloud(_COMPATIBLE, "https://api.novita.ai/v3/openai", "NOVITA_API_KEY"),
    "nebius": _cloud(_COMPATIBLE, "https://api.studio.nebius.ai/v1", "NEBIUS_API_KEY"),
    # Clouds with a dialect of their own.
    "anthropic": _cloud(
        "anthropic", "https://api.anthropic.com/v1", "ANTHROPIC_API_KEY", base_env="ANTHROPIC_API_BASE"
    ),
    "gemini": Vendor(
        provider="gemini",
        base_url="https://generativelanguage.googleapis.com/v1beta",
        key_env=("GEMINI_API_KEY", "GOOGLE_API_KEY"),
        base_env=("GEMINI_API_BASE",),
        version="/v1beta",
        needs_key=True,
    ),
    "vertex_ai": _cloud(None, None),
    "vertex_ai_beta": _cloud(None, None),
    "azure_ai": _cloud(None, None, "AZURE_AI_API_KEY", base_env="AZURE_AI_API_BASE"),
    "bedrock": _cloud(None, None),
    "bedrock_converse": _cloud(None, None),
    "sagemaker": _cloud(None, None),
    "sagemaker_chat": _cloud(None, None),
    "cohere": _cloud(None, "https://api.cohere.com", "COHERE_API_KEY"),
    "cohere_chat": _cloud(None, "https://api.cohere.com", "COHERE_API_KEY"),
    "databricks": _cloud(None, None, "DATABRICKS_API_KEY"),
    "watsonx": _cloud(None, None, "WATSONX_API_KEY"),
    "replicate": _cloud(None, "https://api.replicate.com", "REPLICATE_API_KEY"),
    "github": _cloud(None, "https://models.github.ai", "GITHUB_API_KEY"),
    "github_copilot": _cloud(None, "https://api.githubcopilot.com"),
    "voyage": _cloud(None, "https://api.voyageai.com", "VOYAGE_API_KEY"),
    "jina_ai": _cloud(None, "https://api.jina.ai", "JINA_AI_API_KEY"),
    "ai21": _cloud(None, "https://api.ai21.com", "AI21_API_KEY"),
    "cloudflare": _cloud(None, "https://api.cloudflare.com", "CLOUDFLARE_API_KEY"),
    "snowflake": _cloud(None, None),
    "triton": _cloud(None, None),
    "predibase": _cloud(None, None),
    "oci": _cloud(None, None),
}

BARE_NAMES: tuple[tuple[str, str], ...] = (
    ("gpt-", "openai"),
    ("ft:gpt-", "openai"),
    ("chatgpt-", "openai"),
    ("o1", "openai"),
    ("o3", "openai"),
    ("o4", "openai"),
    ("text-embedding-", "openai"),
    ("davinci-", "openai"),
    ("babbage-", "openai"),
    ("codex-", "openai"),
    ("claude-", "anthropic"),
    ("gemini-", "gemini"),
    ("command-", "cohere"),
    ("deepseek-chat", "deepseek"),
    ("deepseek-reasoner", "deepseek"),
    ("mistral-", "mistral"),
    ("codestral-", "mistral"),
    ("grok-", "xai"),
)
"""Beginnings of model names that people write without a vendor."""

CLOUD_KEYS: tuple[tuple[str, str], ...] = (
    ("OPENAI_API_KEY", "openai"),
    ("ANTHROPIC_API_KEY", "anthropic"),
    ("GEMINI_API_KEY", "gemini"),
    ("OPENROUTER_API_KEY", "openrouter"),
)
"""Variables that discovery looks for."""


def vendor_of_name(model: str) -> str | None:
    """The vendor of a bare model name, or None if its beginning tells nothing."""
    name = model.lower()
    return next((vendor for prefix, vendor in BARE_NAMES if name.startswith(prefix)), None)


def is_hosted_ollama(model: str) -> bool:
    """Whether a local Ollama would pass this model's requests on to its maker's cloud."""
    tag = model.lower().rpartition("/")[2]
    return tag.endswith((":cloud", "-cloud"))
