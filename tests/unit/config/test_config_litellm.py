"""LiteLLM Proxy files: they load unchanged, mean the same, and what has no effect is named."""

from pathlib import Path

import pytest

from hybridgw.config import litellm_keys as keys
from hybridgw.config.load import load
from hybridgw.config.schema import LogSettings, Settings

from .conftest import Read, Refused

FIXTURES = Path(__file__).parents[2] / "fixtures" / "configs"
ENVIRON = {"OPENAI_API_KEY": "sk-cloud", "ANTHROPIC_API_KEY": "sk-ant"}
BASE = "model_list:\n- model_name: m\n  litellm_params: {model: ollama/qwen3, api_base: 'http://localhost:11434'}\n"


def notes(settings: Settings) -> dict[str, str]:
    return {n.key: n.message for n in settings.notices}


def entry(params: str, info: str = "") -> str:
    return f"model_list:\n- model_name: m\n  litellm_params: {{{params}}}\n" + (
        f"  model_info: {{{info}}}\n" if info else ""
    )


def test_too_many_retries_are_cut_and_said(read: Read) -> None:
    settings = read(BASE + "router_settings: {num_retries: 50}\n")
    assert settings.models[0].retries == 15
    assert notes(settings)["router_settings.num_retries"] == "is more than 15, which is used"
    settings = read(entry("model: ollama/qwen3, api_base: 'http://localhost:11434', num_retries: 99"))
    assert settings.models[0].retries == 15


def test_a_household_file() -> None:
    settings = load(FIXTURES / "litellm_household.yaml", ENVIRON)
    assert settings.error_catalogue == "litellm"
    assert settings.auth.master_key == "sk-household-proxy-key"
    assert settings.default_fallbacks == ("cloud-cheap",)
    deployments = {d.model_name: d for d in settings.deployments}
    small = deployments["chat-small"]
    assert (small.provider, small.model, small.base_url) == ("ollama", "qwen2.5:7b", "http://ollama:11434/v1")
    assert (small.tier, small.boundary) == ("private", "organization")
    assert small.defaults == {"max_tokens": 2048}, "stream is no default"
    assert (small.answer_timeouts.first_token, small.timeouts.first_token) == (8.0, 8.0)
    assert small.description == "Everyday questions"
    assert deployments["chat-large"].answer_timeouts.first_token == 45.0
    best = deployments["cloud-best"]
    assert (best.provider, best.tier, best.boundary, best.api_key) == (
        "openai",
        "cloud",
        "external",
        "sk-cloud",
    )
    assert (best.answer_timeouts.first_token, best.max_budget, best.budget_duration) == (90.0, 75.0, "30d")
    assert best.unusable is None
    writer = deployments["cloud-writer"]
    assert (writer.provider, writer.base_url) == ("anthropic", "https://api.anthropic.com/v1")
    assert writer.unusable is None
    models = {m.name: m for m in settings.models}
    assert models["chat-small"].strategy == "latency"
    assert (models["chat-small"].retries, models["chat-large"].retries, models["cloud-best"].retries) == (
        1,
        0,
        2,
    )
    assert models["chat-small"].fallbacks == ("cloud-cheap",)
    assert models["chat-small"].context_fallbacks == ("chat-large",)
    assert not settings.problems
    said = notes(settings)
    for key in (
        "general_settings.database_url",
        "general_settings.max_budget",
        "model_list[].model_info.max_budget",
        "model_list[].litellm_params.stream",
        "router_settings.enable_pre_call_checks",
    ):
        assert key in said
    assert any("boundaries.organization.networks" in message for message in said.values())


def test_levels_of_one_name() -> None:
    settings = load(FIXTURES / "litellm_levels.yaml", {})
    assert [d.tier for d in settings.deployments] == ["local", "private", "cloud"]
    assert [d.name for d in settings.deployments] == ["local/worker", "private/worker", "cloud/worker"]
    (model,) = settings.models
    assert model.groups == ((0,), (1,), (2,))
    assert (model.strategy, model.fallbacks) == ("usage", ("worker",))
    assert settings.deployments[2].unusable


def test_a_file_with_everything() -> None:
    settings = load(FIXTURES / "litellm_wide.yaml", {"PROXY_KEY": "sk-proxy-key-of-the-team"})
    assert settings.source.files[1].endswith("litellm_wide_part.yaml")
    assert settings.auth.master_key == "sk-proxy-key-of-the-team"
    assert (settings.server.port, settings.server.max_body) == (4242, 4 * 2**20), "both count"
    assert (settings.breaker.open, settings.breaker.consecutive) == (30.0, 3)
    assert settings.health.interval == 60.0
    assert settings.boundaries.organization.networks == ("10.0.0.0/8",)
    first, second, star, box, picture, included = settings.deployments
    assert (first.weight, second.weight, second.id, second.context_window) == (3.0, 1.0, "second", 128000)
    assert first.extra_headers == {"X-Team": "a", "OpenAI-Organization": "org-1"}
    assert first.input_price == pytest.approx(2.5e-6)
    assert (second.provider, second.base_url) == ("openai_compatible", "https://api.groq.com/openai/v1")
    assert second.api_key == "gsk-from-the-file"
    assert (star.model, star.api_key) == ("*", "sk-team-credential")
    assert (box.tier, box.boundary, box.weight) == ("local", "device", 100.0)
    assert "image_generation" in str(picture.unusable)
    assert (included.tier, included.boundary) == ("private", "organization")
    models = {m.name: m for m in settings.models}
    assert (models["mixed"].aliases, models["mixed"].hidden_aliases) == (("gpt-4",), ("hidden-name",))
    assert models["mixed"].fallbacks == ("trusted-box",)
    assert settings.default_fallbacks == ("included",)
    said = notes(settings)
    assert said["litellm_settings.strange_key"].startswith("unknown key")
    assert "left out" in said["model_group_alias.nowhere"]
    assert "list of one" in said["litellm_settings.fallbacks.mixed"]


@pytest.mark.parametrize(
    ("params", "provider", "model", "base_url"),
    [
        ("model: gpt-4o, api_key: k", "openai", "gpt-4o", "https://api.openai.com/v1"),
        ("model: o3-mini, api_key: k", "openai", "o3-mini", "https://api.openai.com/v1"),
        ("model: claude-x, api_key: k", "anthropic", "claude-x", "https://api.anthropic.com/v1"),
        ("model: gemini-2.5-flash, api_key: k", "gemini", "gemini-2.5-flash", "https://generativelanguage.googleapis.com/v1beta"),
        ("model: gemini/gemini-3-pro-preview, api_key: k", "gemini", "gemini-3-pro-preview", "https://generativelanguage.googleapis.com/v1beta"),
        ("model: gemini/m, api_key: k, api_base: 'https://h.example'", "gemini", "m", "https://h.example/v1beta"),
        ("model: gemini/m, api_key: k, api_base: 'https://h.example/v1/'", "gemini", "m", "https://h.example/v1"),
        ("model: openrouter/openai/gpt-4o, api_key: k", "openrouter", "openai/gpt-4o", "https://openrouter.ai/api/v1"),
        ("model: ollama_chat/llama3", "ollama", "llama3", "http://127.0.0.1:11434/v1"),
        ("model: hosted_vllm/org/m, api_base: 'http://h:8000'", "vllm", "org/m", "http://h:8000/v1"),
        ("model: openai/m, api_base: 'http://h:8000/v1/'", "openai", "m", "http://h:8000/v1"),
        ("model: m, custom_llm_provider: openai, base_url: 'http://h/x'", "openai", "m", "http://h/x"),
        ("model: org/m, api_base: 'http://h:1'", "openai_compatible", "org/m", "http://h:1/v1"),
        ("model: vllm/m, api_base: 'http://h:1/v1/chat/completions'", "vllm", "m", "http://h:1/v1"),
    ],
)  # fmt: skip
def test_vendors(read: Read, params: str, provider: str, model: str, base_url: str) -> None:
    (deployment,) = read(entry(params)).deployments
    shown = (
        "openai"
        if deployment.provider == "openai_compatible" and provider == "openai"
        else deployment.provider
    )
    assert (shown, deployment.model, deployment.base_url) == (provider, model, base_url)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ("model: gpt-4o", "OPENAI_API_KEY is not set"),
        ("model: gpt-4o, api_key: os.environ/NOPE", "variable NOPE is not set"),
        ("model: somebody", "cannot be told"),
        ("model: nobody/m", "not known"),
        ("model: vllm/m", "no address"),
        ("model: bedrock/m, api_key: k", "bedrock is not supported yet"),
        ("model: azure/m, api_key: k", "no address"),
        ("model: azure/m, api_base: 'https://x.openai.azure.com'", "AZURE_API_KEY is not set"),
        ("model: 'azure/*', api_base: 'https://x.openai.azure.com', api_key: k", "/openai/v1"),
        ("model: vllm/m, api_base: 'h:8000'", "http://"),
        ("model: vllm/m, api_base: 'http://h', api_key: \"a\\nb\"", "control character"),
    ],
)
def test_what_takes_a_deployment_out(read: Read, params: str, words: str) -> None:
    settings = read(entry(params))
    assert words in str(settings.deployments[0].unusable)
    assert settings.problems[0].deployment == settings.deployments[0].name
    assert settings.problems[0].where.endswith(":2")


@pytest.mark.parametrize(
    ("params", "model", "api"),
    [
        ("model: openai/gpt-5", "gpt-5", "auto"),
        ("model: openai/chat_completions/gpt-5", "gpt-5", "chat"),
        ("model: openai/responses/gpt-4o", "gpt-4o", "responses"),
        ("model: openai/org/name", "org/name", "auto"),
        ("model: openai/responses", "responses", "auto"),
        ("model: openai/gpt-5, use_chat_completions_api: true", "gpt-5", "chat"),
        ("model: openai/responses/gpt-5, use_chat_completions_api: true", "gpt-5", "chat"),
        ("model: openai/gpt-5, use_chat_completions_api: false", "gpt-5", "auto"),
        ("model: openrouter/responses/x", "responses/x", "auto"),
        ("model: custom_openai/responses/x, api_base: 'http://localhost:1'", "responses/x", "auto"),
    ],
)
def test_which_protocol_openai_is_asked_by(read: Read, params: str, model: str, api: str) -> None:
    settings = read(entry(f"{params}, api_key: sk-x"))
    (deployment,) = settings.deployments
    assert (deployment.model, deployment.api) == (model, api)
    assert not any("use_chat_completions_api" in key for key in notes(settings))


def test_a_vendors_key_never_goes_to_another_address(read: Read) -> None:
    (deployment,) = read(entry("model: openai/m, api_base: 'http://box:8000'"), ENVIRON).deployments
    assert deployment.api_key is None
    (deployment,) = read(
        entry("model: openai/m, api_base: 'https://eu.api.openai.com/v1'"), ENVIRON
    ).deployments
    assert deployment.api_key == "sk-cloud"


@pytest.mark.parametrize(
    ("tier", "boundary"), [("local", "device"), ("private", "organization"), ("cloud", "external")]
)
def test_model_info_tier(read: Read, tier: str, boundary: str) -> None:
    settings = read(entry("model: vllm/m, api_base: 'http://gpu.example.com'", f"tier: {tier}"))
    assert (settings.deployments[0].tier, settings.deployments[0].boundary) == (tier, boundary)


def test_a_tier_that_is_none_of_ours_is_ignored(read: Read) -> None:
    settings = read(entry("model: ollama/m", "tier: paid"))
    assert settings.deployments[0].tier == "local"
    assert "is not a tier" in notes(settings)["model_list[0].tier"]


@pytest.mark.parametrize(("name", "strategy"), sorted(keys.STRATEGIES.items()))
def test_strategies(read: Read, name: str, strategy: str) -> None:
    assert read(BASE + f"router_settings: {{routing_strategy: {name}}}\n").models[0].strategy == strategy


def test_an_unknown_strategy_is_weighted(read: Read) -> None:
    settings = read(BASE + "router_settings: {routing_strategy: newest}\n")
    assert settings.models[0].strategy == "weighted"
    assert "weighted is used" in notes(settings)["router_settings.routing_strategy"]


@pytest.mark.parametrize(
    ("members", "weights"),
    [
        (("weight: 2", "rpm: 9"), [2.0, 0.0]),
        (("rpm: 9", "tpm: 5"), [9.0, 0.0]),
        (("tpm: 5", "tpm: '7'"), [5.0, 7.0]),
        (("temperature: 1", "top_p: 1"), [1.0, 1.0]),
    ],
)
def test_weights_follow_the_group(read: Read, members: tuple[str, str], weights: list[float]) -> None:
    text = "model_list:\n" + "".join(
        f"- {{model_name: m, litellm_params: {{model: ollama/x{i}, {rest}}}}}\n"
        for i, rest in enumerate(members)
    )
    assert [d.weight for d in read(text).deployments] == weights


def test_order_beats_priority_and_the_unordered_come_last(read: Read) -> None:
    text = "model_list:\n" + "".join(
        f"- {{model_name: m, litellm_params: {{model: ollama/x{i}{rest}}}}}\n"
        for i, rest in enumerate(("", ", priority: 1, order: 5", ", priority: 2", ", order: 2"))
    )
    assert read(text).models[0].groups == ((2, 3), (1,), (0,))


@pytest.mark.parametrize(
    ("text", "fallbacks", "defaults"),
    [
        ("fallbacks: [{m: [n]}]", ("n",), ()),
        ("fallbacks: [{m: n}]", ("n",), ()),
        ("fallbacks: {m: [n, m]}", ("n", "m"), ()),
        ("fallbacks: [n]", (), ("n",)),
        ("fallbacks: [{'*': [n]}]", (), ("n",)),
        ("fallback_models: [n]", (), ("n",)),
        ("fallback_models: {m: [m]}", ("m",), ()),
        ("default_fallbacks: n", (), ("n",)),
        ("default_fallbacks: [n, gone]", (), ("n",)),
        ("fallbacks: 7", (), ()),
        ("fallbacks: [[m]]", (), ()),
    ],
)
def test_spellings_of_fallbacks(read: Read, text: str, fallbacks: object, defaults: object) -> None:
    base = BASE + "- {model_name: n, litellm_params: {model: ollama/y}}\n"
    for section in ("router_settings", "litellm_settings"):
        settings = read(base + f"{section}: {{{text}}}\n")
        assert (settings.models[0].fallbacks, settings.default_fallbacks) == (fallbacks, defaults)


def test_timeouts_chain(read: Read) -> None:
    rest = "router_settings: {timeout: 50, stream_timeout: 5}\n"
    assert read(BASE + rest).deployments[0].answer_timeouts.first_token == 50.0
    assert read(BASE + rest).deployments[0].timeouts.idle == 5.0
    settings = read(BASE + rest + "litellm_settings: {request_timeout: '40'}\n")
    assert settings.deployments[0].answer_timeouts.first_token == 40.0
    settings = read(entry("model: ollama/m, timeout: 7, stream_timeout: 3") + rest)
    limits = settings.deployments[0]
    assert (limits.answer_timeouts.first_token, limits.timeouts.first_token) == (7.0, 3.0)
    assert read(BASE).deployments[0].answer_timeouts.first_token == 3600.0, "an engine on this machine"


def test_a_missing_master_key_locks(read: Read) -> None:
    settings = read(BASE + "general_settings: {master_key: os.environ/KEY}\n")
    assert settings.auth.master_key is None
    assert "KEY" in str(settings.auth_unavailable)
    settings = read(BASE + "general_settings: {master_key: os.environ/KEY}\n", {"LITELLM_MASTER_KEY": "sk-x"})
    assert (settings.auth.master_key, settings.auth_unavailable) == ("sk-x", None)


def test_text_in_a_list_stays_literal(read: Read) -> None:
    (deployment,) = read(
        entry("model: ollama/m, stop: [os.environ/X, {a: os.environ/Y}]"), {"Y": "y"}
    ).deployments
    assert deployment.defaults == {"stop": ["os.environ/X", {"a": "y"}]}


def test_every_key_of_the_tables_is_reported_or_acted_on(read: Read) -> None:
    tables = {
        "litellm_settings": keys.LITELLM_SETTINGS,
        "router_settings": keys.ROUTER_SETTINGS,
        "general_settings": keys.GENERAL_SETTINGS,
    }
    for section, table in tables.items():
        text = (
            BASE
            + f"{section}:\n"
            + "".join(
                f"  {name}: {'null' if fate is keys.Fate.ACTED_ON else 1}\n" for name, fate in table.items()
            )
        )
        said = notes(read(text))
        for name, fate in table.items():
            assert (f"{section}.{name}" in said) == (fate is not keys.Fate.ACTED_ON), name


@pytest.mark.parametrize(
    ("text", "line", "key"),
    [
        ("model_list: 7\n", 1, "model_list"),
        ("model_list:\n- x\n", 2, "model_list[0]"),
        ("model_list:\n- {model_name: m}\n", 2, "model_list[0].litellm_params"),
        ("model_list:\n- {litellm_params: {}}\n", 2, "model_list[0].model_name"),
        ("model_list:\n- {model_name: m, litellm_params: 3}\n", 2, "model_list[0].litellm_params"),
        (BASE + "router_settings: [1]\n", 4, "router_settings"),
        (BASE + "include: [absent.yaml]\n", 4, "include"),
        (BASE + "hybridgw: {server: {prot: 1}}\n", 4, "hybridgw.server.prot"),
    ],
)
def test_what_still_stops(refused: Refused, text: str, line: int, key: str) -> None:
    error = refused(text)
    assert (error.where.rpartition(":")[2], error.key) == (str(line), key)


def test_includes_may_form_a_circle(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("include: [b.yaml]\n" + BASE)
    (tmp_path / "b.yaml").write_text(
        "include: [a.yaml]\nmodel_list:\n- {model_name: n, litellm_params: {model: ollama/y}}\n"
    )
    assert [m.name for m in load(tmp_path / "a.yaml", {}).models] == ["m", "n"]


def test_ignored_functions_about_security_or_money_are_told_apart(read: Read) -> None:
    settings = read(
        BASE
        + "guardrails: [{guardrail_name: pii}]\n"
        + "litellm_settings: {max_budget: 10, cache: true, callbacks: [presidio, otel], drop_params: true}\n"
        + "general_settings: {allowed_ips: [10.0.0.1], custom_auth: a.b, database_url: 'postgresql://x', "
        + "enable_jwt_auth: false}\n"
        + "router_settings: {strange: 1, fallbaks: []}\n"
    )
    about = {n.key: (n.level, n.about) for n in settings.notices}
    security, money = ("warning", "security"), ("warning", "money")
    assert about["guardrails"] == security
    assert about["litellm_settings.callbacks.presidio"] == security
    assert about["general_settings.allowed_ips"] == about["general_settings.custom_auth"] == security
    assert about["litellm_settings.max_budget"] == money
    assert about["litellm_settings.cache"] == ("warning", None), "a function that is not there"
    assert about["general_settings.database_url"] == ("info", None), "nothing is lost"
    assert about["router_settings.strange"] == ("info", None), "LiteLLM ignores it, too"
    assert about["router_settings.fallbaks"] == ("warning", None), "misspelt"
    assert "general_settings.enable_jwt_auth" not in about, "it is off"
    assert "litellm_settings.drop_params" not in about


def test_own_model_info_is_no_fault(read: Read) -> None:
    assert not read(entry("model: ollama/m", "team_colour: red, owner: me")).notices


def test_the_last_of_two_equal_keys_counts(read: Read, refused: Refused) -> None:
    text = BASE + "router_settings:\n  num_retries: 1\n  num_retries: 4\n"
    settings = read(text)
    assert settings.models[0].retries == 4
    assert "first in line 5; the last one counts" in notes(settings)["router_settings.num_retries"]
    again = "hybridgw:\n  server: {port: 4001}\n  server: {port: 4002}\n"
    assert "given twice" in refused(BASE + again).message, "our own section is strict"


def test_variables_in_foreign_words_are_said(read: Read) -> None:
    settings = read(entry("model: openai/m, api_key: '${KEY}', api_base: 'http://h:1/v1'"), {"KEY": "sk"})
    assert settings.deployments[0].api_key == "${KEY}"
    assert "os.environ/NAME" in notes(settings)["model_list[0].litellm_params.api_key"]


def test_drop_params_and_the_parameters_that_thinking_models_refuse(read: Read) -> None:
    text = "model_list:\n" + "".join(
        f"- {{model_name: {name}, litellm_params: {{model: {model}, api_key: k{more}}}}}\n"
        for name, model, more in (
            ("a", "o3-mini", ""),
            ("b", "azure/gpt-5-mini", ", api_base: 'https://x.openai.azure.com'"),
            ("c", "gpt-4o", ", additional_drop_params: [user]"),
            ("d", "gpt-5", ", drop_params: false"),
        )
    )
    settings = read(text + "litellm_settings: {drop_params: true}\n")
    drops = {d.model_name: d.drop_params for d in settings.deployments}
    assert "temperature" in drops["a"] and "temperature" in drops["b"]
    assert (drops["c"], drops["d"]) == (("user",), ())
    assert settings.translation.unsupported == "drop"
    # What nobody knows beforehand is left out once the backend has refused it, entry by entry.
    assert settings.translation.drop_refused
    assert [d.drop_refused for d in settings.deployments] == [None, None, None, False]
    refusing = read(text + "litellm_settings: {drop_params: false}\n").translation
    assert (refusing.unsupported, refusing.drop_refused) == ("error", False)


def test_what_an_entry_says_of_its_model_does_not_go_upstream(read: Read) -> None:
    params = "model: ollama/m, supports_vision: true, supports_function_calling: true"
    (deployment,) = read(entry(params, "supports_reasoning: false")).deployments
    assert (deployment.defaults, deployment.vision, deployment.thinking) == ({}, True, False)


def test_policies_count_by_kind_of_failure(read: Read) -> None:
    settings = read(
        BASE
        + "router_settings: {retry_after: 3, num_retries: 1, "
        + "retry_policy: {RateLimitErrorRetries: 4, InternalServerErrorRetries: 0, "
        + "BadRequestErrorRetries: 9}, "
        + "allowed_fails_policy: {InternalServerErrorAllowedFails: 6, TimeoutErrorAllowedFails: 0, "
        + "RateLimitErrorAllowedFails: 99}}\n"
    )
    model = settings.models[0]
    assert (model.retries, model.retries_throttled, model.retries_failed) == (1, 4, 0)
    assert settings.retry.max_attempts >= 5
    assert (settings.breaker.consecutive, settings.breaker.consecutive_timeouts) == (7, 1)
    assert settings.retry.backoff == settings.retry.backoff_max == 3.0
    said = {notice.key: notice.message for notice in settings.notices}
    assert "refused again" in said["router_settings.retry_policy.BadRequestErrorRetries"]
    assert "pause" in said["router_settings.allowed_fails_policy.RateLimitErrorAllowedFails"]


def test_a_policy_of_a_group_counts_for_it_alone(read: Read) -> None:
    policy = "model_group_retry_policy: {m: {RateLimitErrorRetries: 5, DefaultRetries: 2}}"
    settings = read(BASE + f"router_settings: {{retry_policy: {{RateLimitErrorRetries: 1}}, {policy}}}\n")
    (model,) = settings.models
    assert (model.retries, model.retries_throttled, model.retries_failed) == (2, 5, None)


def test_limits_of_all_requests(read: Read) -> None:
    both = "general_settings: {max_parallel_requests: 7, global_max_parallel_requests: 3}\n"
    assert read(BASE + both).server.max_parallel == 3
    assert read(BASE + "general_settings: {max_parallel_requests: 7}\n").server.max_parallel == 7
    assert read(BASE).server.max_parallel == 0


def test_how_lines_are_written(read: Read) -> None:
    assert read(BASE).log == LogSettings(level="info", json=False)
    asked = read(BASE + "litellm_settings: {json_logs: true, set_verbose: true}\n")
    assert asked.log == LogSettings(level="debug", json=True)
    assert not [notice for notice in asked.notices if "json_logs" in notice.key]
    by_file = read(BASE + "environment_variables: {LITELLM_LOG: DEBUG}\n")
    assert by_file.log.level == "debug"
    (notice,) = read(BASE + "litellm_settings: {turn_off_message_logging: true}\n").notices
    assert notice.level == "info" and "ever logged" in notice.message


def test_a_mock_needs_neither_key_nor_provider(read: Read) -> None:
    (deployment,) = read(entry("model: bedrock/m, api_key: os.environ/NONE, mock_response: hi")).deployments
    assert (deployment.mock, deployment.api_key, deployment.unusable) == ("hi", None, None)
    assert deployment.boundary == "device"
    (deployment,) = read(entry("model: gpt-4o, api_key: k, mock_response: [1]")).deployments
    assert "mock_response" in str(deployment.unusable)
