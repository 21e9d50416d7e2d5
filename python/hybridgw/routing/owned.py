"""Members of a request body that are the gateway's own: none of them ever travels upstream.

One table for all dialects, and for both sides of the house: the plan hands it to the native side, which
cuts these members from every body and reads those that it acts on. Backends refuse members that they do
not know, and a backend must never see what a client means for the gateway alone: an address, a key.

What a client asks for here is done, or it is named in `x-hybridgw-dropped`, or there is nothing to be done
(`QUIET`). Clients of a LiteLLM file have many more of them, some under names that elsewhere belong to a
backend (`ttl`, `priority`), so these are only taken where such a file was loaded.
"""

from hybridgw.config.schema import Settings

_HEEDED = frozenset(
    {
        "hybridgw", "fallbacks", "disable_fallbacks", "num_retries", "max_retries", "timeout",
        "stream_timeout", "tags", "drop_params", "additional_drop_params", "litellm_metadata",
    }
)  # fmt: skip
_QUIET = frozenset({"litellm_session_id", "litellm_trace_id", "litellm_call_id", "cache"})
"""Names for logs, and what may be kept in a cache that does not exist."""
_UNHEEDED = frozenset(
    {
        "context_window_fallbacks", "content_policy_fallbacks", "guardrails", "allowed_openai_params",
        "include_fallback_errors", "mock_response", "mock_tool_calls", "mock_delay", "mock_timeout",
        "mock_testing_fallbacks", "mock_testing_context_fallbacks", "mock_testing_context_window_fallbacks",
        "mock_testing_content_policy_fallbacks", "mock_testing_rate_limit_error", "api_base", "base_url",
        "api_key", "api_version", "custom_llm_provider", "extra_headers",
    }
)  # fmt: skip

_LITELLM_HEEDED = frozenset({"request_timeout"})
_LITELLM_QUIET = frozenset({"no-log", "litellm_disabled_callbacks", "no-cache", "litellm_logging_obj"})
"""No content is logged, and there are no callbacks."""
_LITELLM_UNHEEDED = frozenset(
    {
        "prompt_id", "prompt_variables", "prompt_label", "prompt_version", "enable_json_schema_validation",
        "caching", "caching_groups", "preset_cache_key", "cache_key", "ttl", "policies", "rpm", "tpm",
        "max_parallel_requests", "base_model", "model_info", "model_list", "priority", "region_name",
        "allowed_model_region", "cooldown_time", "max_budget", "budget_duration", "max_fallbacks",
        "fallback_depth", "weight", "order", "deployment_id", "specific_deployment", "retry_policy",
        "retry_strategy", "ensure_alternating_roles", "user_continue_message", "assistant_continue_message",
        "supports_system_message", "merge_reasoning_content_in_choices", "use_in_pass_through",
        "use_litellm_proxy", "litellm_credential_name", "litellm_request_debug", "ssl_verify", "verbose",
        "azure_ad_token", "tenant_id", "client_id", "client_secret", "azure_username", "azure_password",
        "organization", "headers", "input_cost_per_token", "output_cost_per_token", "hf_model_name",
        "custom_prompt_dict", "roles", "initial_prompt_value", "final_prompt_value", "bos_token", "eos_token",
        "disable_add_transform_inline_image_block", "modify_params", "search_tool_name",
    }
)  # fmt: skip


def owned_keys(settings: Settings) -> frozenset[str]:
    """All of them, for clients of this configuration."""
    return (
        _HEEDED | _QUIET | unheeded_keys(settings) | _of_litellm(settings, _LITELLM_HEEDED | _LITELLM_QUIET)
    )


def unheeded_keys(settings: Settings) -> frozenset[str]:
    """Those that nothing is done about, and whose client is told so."""
    return _UNHEEDED | _of_litellm(settings, _LITELLM_UNHEEDED)


def _of_litellm(settings: Settings, names: frozenset[str]) -> frozenset[str]:
    return names if settings.source.kind == "litellm" else frozenset()
