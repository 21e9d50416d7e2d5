"""Every key of a LiteLLM Proxy file that we know, and what becomes of it. Data only.

Four fates: ACTED_ON has its effect; LATER is a function that this gateway is to have and does not
have yet; SKIPPED is one that it leaves out on purpose; NEEDLESS tunes something that is not here (a
database, a cache), so nothing is lost. A key in no table is unknown. All but the first are listed by
`hybridgw check`; a function that is ignored is a warning at start, and where it is about security or
money (`TOPICS`) it is said in red, because a key that silently does nothing is how a budget is overrun
and how a lock stands open.
"""

import re
from enum import Enum
from typing import Literal


class Fate(Enum):
    """What the gateway does with a key."""

    ACTED_ON = "acted on"
    LATER = "accepted, not acted on yet"
    SKIPPED = "not supported, ignored"
    NEEDLESS = "not needed here"


Table = dict[str, Fate]


def _table(acted_on: str, later: str = "", skipped: str = "", needless: str = "") -> Table:
    return {
        **dict.fromkeys(acted_on.split(), Fate.ACTED_ON),
        **dict.fromkeys(needless.split(), Fate.NEEDLESS),
        **dict.fromkeys(later.split(), Fate.LATER),
        **dict.fromkeys(skipped.split(), Fate.SKIPPED),
    }


TOP_LEVEL = _table(
    "model_list litellm_settings router_settings general_settings environment_variables include "
    "credential_list hybridgw",
    "callback_settings guardrails",
    "prompts mcp_servers mcp_tools mcp_aliases search_tools sandbox_tools assistant_settings "
    "finetune_settings files_settings default_vertex_config vector_store_registry policies",
)

ENTRY = _table("model_name litellm_params model_info rpm tpm")

PARAMS = _table(
    "drop_params mock_response model custom_llm_provider api_key api_base base_url organization "
    "timeout stream_timeout "
    "max_retries num_retries rpm tpm weight order priority input_cost_per_token output_cost_per_token "
    "max_parallel_requests additional_drop_params extra_headers headers extra_body "
    "litellm_credential_name ssl_verify api_version use_chat_completions_api",
    "cooldown_time max_budget budget_duration tags tag_regex modify_params "
    "mock_timeout merge_reasoning_content_in_choices configurable_clientside_auth_params "
    "region_name azure_ad_token tenant_id client_id client_secret itpm otpm tpd rpd daily_reset_time "
    "keepalive_seconds allowed_openai_params",
    "stream timeout_by_service_tier default_api_key_tpm_limit default_api_key_rpm_limit "
    "use_in_pass_through rust use_litellm_proxy model_info litellm_trace_id auto_router_config "
    "auto_router_default_model",
)
"""What is in none of them is a default request parameter, as LiteLLM has it."""

UNTHINKING = [
    "temperature",
    "top_p",
    "presence_penalty",
    "frequency_penalty",
    "logprobs",
    "top_logprobs",
    "logit_bias",
]
"""OpenAI's parameters that its thinking models refuse: what `drop_params` is written for."""
THINKS = re.compile(r"(o\d|gpt-5(?!.*chat))")
"""How the names of those models begin."""
PARAM_PREFIXES = ("aws_", "vertex_", "watsonx_", "azure_", "oci_", "s3_", "gcs_")
"""Cloud credentials: never a request parameter."""

MODEL_INFO = _table(
    "id mode description tier max_tokens max_input_tokens input_cost_per_token output_cost_per_token "
    "rpm tpm order blocked supported_environments",
    "cooldown_time max_budget budget_duration base_model max_output_tokens access_groups team_id "
    "team_public_model_name health_check_model health_check_timeout health_check_max_tokens "
    "disable_background_health_check allowed_fails allowed_fails_policy health_check_voice tags",
    "enable_tag_filtering allow_fail_open ",
    needless="created_at updated_at created_by updated_by db_model",
)

LITELLM_SETTINGS = _table(
    "drop_params json_logs set_verbose redact_user_api_key_info request_timeout num_retries "
    "fallbacks default_fallbacks context_window_fallbacks allowed_fails "
    "model_alias_map ssl_verify require_auth_for_metrics_endpoint",
    "content_policy_fallbacks modify_params max_budget budget_duration "
    "budget_exceeded_status_code budget_reset_time timezone block_requests_for_models_without_pricing "
    "cache cache_params callbacks success_callback failure_callback service_callback "
    "default_team_settings default_internal_user_params default_team_params "
    "upperbound_key_generate_params default_key_generate_params cost_discount_config "
    "cost_margin_config force_ipv4 ssl_certificate "
    "include_cost_in_streaming_usage sse_keepalive_ping_interval_seconds tag_budget_config",
    "max_internal_user_budget "
    "store_audit_logs custom_provider_map guardrails priority_reservation "
    "network_mock",
    needless=(
        "turn_off_message_logging telemetry max_ui_session_budget internal_user_budget_duration "
        "enable_preview_features"
    ),
)

ROUTER_SETTINGS = _table(
    "retry_after retry_policy allowed_fails_policy routing_strategy num_retries timeout "
    "stream_timeout model_group_retry_policy allowed_fails "
    "cooldown_time disable_cooldowns fallbacks default_fallbacks context_window_fallbacks "
    "model_group_alias fallback_models default_max_parallel_requests",
    "routing_strategy_args content_policy_fallbacks "
    "max_fallbacks enable_pre_call_checks optional_pre_call_checks enable_tag_filtering "
    "tag_filtering_match_any provider_budget_config "
    "default_litellm_params default_priority routing_groups "
    "enable_health_check_routing health_check_staleness_threshold enable_weighted_failover "
    "enable_mid_stream_fallback_continuation deployment_affinity_ttl_seconds",
    "alerting_config plugins search_tools assistants_config debug_level",
    needless=(
        "redis_url redis_host redis_port redis_password cache_responses client_ttl caching_groups "
        "polling_interval"
    ),
)

GENERAL_SETTINGS = _table(
    "master_key litellm_key_header_name max_request_size_mb background_health_checks "
    "health_check_interval cancel_on_disconnect max_parallel_requests "
    "global_max_parallel_requests dangerously_permit_weak_or_unset_master_key",
    "disable_reset_budget "
    "disable_budget_reservation fail_closed_budget_enforcement fail_closed_rate_limit_enforcement "
    "allow_requests_on_db_unavailable health_check_concurrency health_check_details "
    "enable_health_check_routing max_in_flight_requests_per_worker max_queued_requests_per_worker "
    "admission_queue_timeout_seconds max_response_size_mb "
    "completion_model alerting alert_types alerting_threshold custom_auth enable_oauth2_auth "
    "custom_ui_sso_sign_in_handler use_x_forwarded_for "
    "trusted_proxy_ranges enforced_params role_permissions "
    "enable_jwt_auth litellm_jwtauth allowed_routes admin_only_routes public_routes allowed_ips "
    "pass_through_endpoints forward_client_headers_to_llm_api forward_openai_org_id user_header_name "
    "user_header_mappings always_include_stream_usage reject_clientside_metadata_tags "
    "enforce_user_param infer_model_from_keys include_call_id_in_error_body "
    "expose_fallback_errors_to_caller enforce_fallback_model_access "
    "disable_fallbacks_on_per_model_rate_limits store_prompts_in_spend_logs "
    "maximum_spend_logs_retention_period max_budget "
    "budget_duration",
    "key_management_system key_management_settings",
    needless=(
        "database_url database_connection_pool_limit database_connection_timeout store_model_in_db "
        "proxy_batch_write_at proxy_budget_rescheduler_min_time proxy_budget_rescheduler_max_time "
        "disable_spend_logs disable_spend_updates disable_error_logs user_api_key_cache_ttl "
        "user_api_key_cache_max_size use_redis_transaction_buffer coordination_redis "
        "use_shared_health_check"
    ),
)

RETRIED = ("InternalServerErrorRetries", "ServiceUnavailableErrorRetries")
"""Counts of a retry policy for what is one kind here: the upstream failed."""
NEVER_RETRIED = {
    "TimeoutErrorRetries": "an engine that had no answer in time still works on it; others are asked instead",
    "BadRequestErrorRetries": "what was refused as it stands would be refused again",
    "AuthenticationErrorRetries": "a key that was refused would be refused again; others are asked instead",
    "ContentPolicyViolationErrorRetries": "what a filter refused would be refused again",
    "NotFoundErrorRetries": "what is not there would not be there again; others are asked instead",
}
"""Counts for failures that are not repeated at the same deployment, and why."""
ALLOWED_FAILS = (
    "InternalServerErrorAllowedFails",
    "ServiceUnavailableErrorAllowedFails",
    "BadGatewayErrorAllowedFails",
)
"""Counts of failures that are one kind here: the upstream failed."""
NEVER_COUNTED = {
    "RateLimitErrorAllowedFails": "a deployment that asks for a pause gets it at once, and is not broken",
    "BadRequestErrorAllowedFails": "a refused request says nothing about a deployment",
    "AuthenticationErrorAllowedFails": "a key rests after two requests were refused, whatever else works",
    "ContentPolicyViolationErrorAllowedFails": "a refused request says nothing about a deployment",
    "NotFoundErrorAllowedFails": "a deployment without its model is passed over and shown as degraded",
}
"""Counts that never close a deployment here, and what is done instead."""

RETRY_POLICY = _table(
    " ".join(
        (
            "timeout_seconds num_retries fallbacks DefaultRetries RateLimitErrorRetries",
            *RETRIED,
            *NEVER_RETRIED,
        )
    )
)

Topic = Literal["security", "money"]
TOPICS: dict[str, Topic] = {
    **dict.fromkeys(
        [
            "guardrails",
            "policies",
            "allowed_ips",
            "custom_auth",
            "enable_jwt_auth",
            "litellm_jwtauth",
            "enable_oauth2_auth",
            "allowed_routes",
            "admin_only_routes",
            "custom_ui_sso_sign_in_handler",
            "enforce_user_param",
            "reject_clientside_metadata_tags",
            "access_groups",
            "team_id",
            "user_api_key_auth",
            "use_x_forwarded_for",
            "trusted_proxy_ranges",
            "enforced_params",
            "role_permissions",
            "default_internal_user_params",
            "default_team_params",
        ],
        "security",
    ),
    **dict.fromkeys(
        [
            "max_budget",
            "budget_duration",
            "budget_exceeded_status_code",
            "budget_reset_time",
            "provider_budget_config",
            "tag_budget_config",
            "block_requests_for_models_without_pricing",
            "max_internal_user_budget",
            "fail_closed_budget_enforcement",
            "upperbound_key_generate_params",
            "default_key_generate_params",
            "cost_margin_config",
            "cost_discount_config",
        ],
        "money",
    ),
}
"""What a key is about that must not be ignored quietly."""
GUARDS = frozenset(
    [
        "presidio",
        "lakera_prompt_injection",
        "llamaguard_moderations",
        "llmguard_moderations",
        "hide_secrets",
        "google_text_moderation",
        "openai_moderations",
        "detect_prompt_injection",
        "aporia_prompt_injection",
        "banned_keywords",
        "blocked_user_check",
    ]
)
"""Callbacks that guard rather than observe."""

REMARKS = {
    "turn_off_message_logging": "needs no switch here: no text of a request or an answer is ever logged",
    "stream": "ignored: the client alone decides whether its answer is a stream",
    "enable_pre_call_checks": "accepted, not acted on yet; context fallbacks act on the upstream's refusal",
    "database_url": "not needed here; nothing is kept in a database",
}
"""Words for a key where its fate alone would mislead."""

STRATEGIES = {
    "simple-shuffle": "weighted",
    "least-busy": "least_busy",
    "latency-based-routing": "latency",
    "usage-based-routing": "usage",
    "usage-based-routing-v2": "usage",
    "cost-based-routing": "cost",
    "priority": "priority",
}

MODES = {
    "chat": "chat",
    "completion": "completion",
    "text_completion": "completion",
    "embedding": "embedding",
    "embeddings": "embedding",
    "responses": "chat",
}
"""`model_info.mode`. Without one, what is asked for decides, as there."""
