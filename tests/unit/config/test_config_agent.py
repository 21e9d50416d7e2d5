"""Declarative agent files."""

from pathlib import Path

import pytest

from hybridgw.config.load import load

from .conftest import Read, Refused

FIXTURES = Path(__file__).parents[2] / "fixtures" / "configs"


def test_an_agent_file() -> None:
    settings = load(FIXTURES / "agent_tiers.yaml", {"OPENAI_API_KEY": "sk-cloud"})
    assert settings.source.kind == "agent"
    assert [t.name for t in settings.tiers] == ["local", "cloud"]
    assert [d.name for d in settings.deployments] == [
        "local/quick",
        "local/general",
        "cloud/default",
        "cloud/frontier",
    ]
    models = {m.name: m for m in settings.models}
    assert set(models) == {"auto", "local", "cloud", *(d.name for d in settings.deployments)}
    assert models["auto"].groups[0] == (1,), "general is the tier's own model"
    assert models["auto"].fallbacks == ("cloud",)
    assert models["cloud"].fallbacks == ("local",)
    assert models["local/quick"].groups == ((0,),)
    assert settings.health.interval == 15.0
    assert not settings.problems
    assert {n.key for n in settings.notices} == {
        "tiers.cloud.rate_limit_buffer",
        "routing.escalation_threshold",
        "routing.rules[0]",
        "routing.rules[1]",
        "fallback.all_unavailable",
    }
    assert any("data_sensitivity: high" in n.message for n in settings.notices)


def test_without_a_fallback_there_is_none(read: Read) -> None:
    settings = read(
        "tiers:\n  cloud: {provider: openai, api_key: k, models: {x: gpt-4o}}\n"
        "  local: {provider: ollama, models: {y: qwen3}}\nrouting: {default_tier: local}\n"
    )
    assert all(not m.fallbacks for m in settings.models)
    assert [t.name for t in settings.tiers] == ["local", "cloud"]
    auto = next(m for m in settings.models if m.name == "auto")
    assert auto.groups == ((1,),)


def test_a_tiers_boundary_is_that_of_its_name_or_address(read: Read) -> None:
    settings = read(
        "tiers:\n  edge: {provider: ollama, endpoint: 'http://127.0.0.1:1', models: {a: m}}\n"
        "  rack: {provider: vllm, endpoint: 'http://rack:8000', models: {a: m}}\n"
        "  far: {provider: openai, api_key: k, models: {a: gpt-4o}}\nrouting: {}\n"
    )
    assert [(d.tier, d.boundary) for d in settings.deployments] == [
        ("edge", "device"), ("rack", "organization"), ("far", "external"),
    ]  # fmt: skip


def test_missing_variables_take_out_only_their_own(read: Read) -> None:
    settings = read(
        "tiers:\n  local: {provider: ollama, models: {a: '${M}', b: m}}\n"
        "  cloud: {provider: openai, api_key: '${K}', models: {a: gpt-4o}}\n"
    )
    assert [bool(d.unusable) for d in settings.deployments] == [True, False, True]


@pytest.mark.parametrize(
    ("text", "line", "key"),
    [
        ("tiers:\n  local: 7\n", 2, "tiers.local"),
        ("tiers:\n  local: {models: {a: b}}\n", 2, "tiers.local.provider"),
        ("tiers:\n  a/b: {provider: ollama}\n", 2, "tiers.a/b"),
        ("tiers:\n  local: {provider: ollama, models: [a]}\n", 2, "tiers.local.models"),
        ("tiers:\n  local: {provider: ollama, models: {a: [b]}}\n", 2, "tiers.local.models.a"),
        ("tiers:\n  local: {provider: '${P:?name one}'}\n", 2, "tiers.local.provider"),
    ],
)
def test_mistakes(refused: Refused, text: str, line: int, key: str) -> None:
    error = refused(text)
    assert (error.where.rpartition(":")[2], error.key) == (str(line), key)


def test_odd_values_are_notices(read: Read) -> None:
    settings = read(
        "tiers:\n  local: {provider: ollama, models: {a: m}, health_check_interval: often, colour: red}\n"
        "routing: {default_tier: nowhere, mood: good}\n"
        "fallback: {local_unavailable: moon, sun_unavailable: local}\nx: 1\n"
    )
    assert {n.key for n in settings.notices} == {
        "x", "tiers.local.health_check_interval", "tiers.local.colour", "routing.default_tier",
        "routing.mood", "fallback.local_unavailable", "fallback.sun_unavailable",
    }  # fmt: skip
    assert settings.models[0].name == "auto"
