"""Loading as a whole: files of every kind, kinds told apart, and never anything but Settings or ConfigError.

HYBRIDGW_TEST_CONFIGS may name a folder with further files that must load.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hybridgw.config.digest import config_hash, deployment_identity
from hybridgw.config.errors import ConfigError
from hybridgw.config.load import kind_of, load
from hybridgw.config.schema import Settings
from hybridgw.config.tree import parse

from .conftest import Read

FIXTURES = Path(__file__).parents[2] / "fixtures" / "configs"
FILES = sorted(FIXTURES.glob("*.yaml"))
if folder := os.environ.get("HYBRIDGW_TEST_CONFIGS"):
    FILES += sorted(Path(folder).glob("*.yaml"))

ONE = "deployments: [{name: local/a, provider: ollama, model: m}]\n"


def consistent(result: Settings) -> None:
    """What every other part of the gateway takes for granted."""
    count = len(result.deployments)
    names = [d.name for d in result.deployments]
    tiers = {t.name for t in result.tiers}
    assert len(set(names)) == count
    for deployment in result.deployments:
        assert deployment.tier in tiers
        assert len(deployment.identity) == 16
        assert int(deployment.identity, 16) > 0
        assert deployment.unusable or deployment.base_url.startswith(("http://", "https://"))
        assert not deployment.base_url.endswith("/")
    answering = set()
    for model in result.models:
        assert model.groups
        assert all(group and all(0 <= i < count for i in group) for group in model.groups)
        answering |= {model.name, *model.aliases, *model.hidden_aliases}
    stars = [name[:-1] for name in answering if name.endswith("*")]
    for model in result.models:
        for name in (*model.fallbacks, *model.context_fallbacks):
            assert name in answering or any(name.startswith(star) for star in stars)
    unusable = {d.name for d in result.deployments if d.unusable}
    assert unusable == {p.deployment for p in result.problems if p.deployment}
    for notice in result.notices:
        assert notice.where and notice.key and notice.message
    msgspec.json.encode(result)
    assert config_hash(result) == config_hash(result)


@pytest.mark.parametrize(
    "environ", [{}, {"OPENAI_API_KEY": "k", "ANTHROPIC_API_KEY": "k"}], ids=["bare", "keys"]
)
@pytest.mark.parametrize("path", FILES, ids=lambda p: p.name)
def test_files_load(path: Path, environ: Mapping[str, str]) -> None:
    result = load(path, environ)
    consistent(result)
    assert result.source.path == str(path)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("model_list: []", "litellm"),
        ("general_settings: {}", "litellm"),
        ("include: [a.yaml]", "litellm"),
        ("tiers: {local: {provider: ollama}}", "agent"),
        ("tiers: [{name: local, boundary: device}]", "native"),
        ("deployments: []\ntiers: {a: b}", "native"),
        ("server: {}", "native"),
        ("text", "native"),
    ],
)
def test_kinds(text: str, kind: str) -> None:
    root = parse(text, "f")
    assert root is not None
    assert kind_of(root) == kind


def test_no_file_at_all() -> None:
    result = load(None, {"HYBRIDGW_MASTER_KEY": "sk-x", "HYBRIDGW_DEVICE_NETWORKS": "172.16.0.0/12"})
    assert result.source.kind == "discovery"
    assert not result.deployments
    assert result.auth.master_key == "sk-x"
    assert result.boundaries.device.networks == ("172.16.0.0/12",)
    with pytest.raises(ConfigError, match="HYBRIDGW_DEVICE_NETWORKS"):
        load(None, {"HYBRIDGW_DEVICE_NETWORKS": "here"})


def test_identity_depends_on_the_upstream_only(read: Read) -> None:
    base: dict[str, Any] = {"provider": "openai", "model": "m", "api_key": "k", "base_url": "http://h/v1"}
    identities = {deployment_identity(**base), deployment_identity(**base, occurrence=1)}
    for name in base:
        identities.add(deployment_identity(**{**base, name: "other"}))
    assert len(identities) == 6
    renamed = read(ONE.replace("local/a", "local/b")).deployments[0]
    assert renamed.identity == read(ONE).deployments[0].identity


def test_hash_changes_with_meaning_only(read: Read) -> None:
    plain = config_hash(read(ONE))
    assert 0 <= plain < 2**64
    assert config_hash(read("# a comment\n\n" + ONE)) == plain
    assert config_hash(read("server: {port: 4001}\n" + ONE)) != plain
    assert config_hash(read(ONE.replace("model: m", "model: n"))) != plain


KEYS = st.sampled_from(
    [
        "server",
        "auth",
        "state",
        "boundaries",
        "privacy",
        "tiers",
        "deployments",
        "models",
        "name",
        "provider",
        "model",
        "url",
        "api_key",
        "tier",
        "boundary",
        "device",
        "networks",
        "port",
        "drain",
        "timeouts",
        "connect",
        "defaults",
        "fallbacks",
        "aliases",
        "strategy",
        "model_list",
        "model_name",
        "litellm_params",
        "litellm_settings",
        "router_settings",
        "general_settings",
        "model_info",
        "api_base",
        "order",
        "priority",
        "weight",
        "rpm",
        "timeout",
        "model_group_retry_policy",
        "model_group_alias",
        "master_key",
        "routing",
        "fallback",
        "local",
        "cloud",
        "endpoint",
        "default_tier",
        "rules",
        "environment_variables",
        "credential_list",
        "include",
        "hybridgw",
        "request_timeout",
        "mode",
        "id",
        "tags",
        "extra_headers",
        "additional_drop_params",
        "supported_environments",
        "cooldown_time",
        "allowed_fails",
    ]
)
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**12), 10**12),
    st.floats(),
    st.sampled_from(
        ["ollama", "openai", "local", "cloud", "auto", "http://localhost:1", "http://[::1", "${A}",
         "${A:?b}", "${", "os.environ/A", "os.environ/", "30s", "20MiB", "sk-1234", "gpt-4o", "ollama/x",
         "*", "openai/*", "device", ""]
    ),
    st.text(max_size=12),
)  # fmt: skip
TREES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=25,
)
LITELLM = st.fixed_dictionaries(
    {
        "model_list": st.lists(
            st.fixed_dictionaries(
                {"model_name": LEAVES, "litellm_params": st.dictionaries(KEYS, TREES, max_size=6)},
                optional={"model_info": TREES},
            ),
            max_size=4,
        )
    },
    optional={k: st.dictionaries(KEYS, TREES, max_size=5) for k in ("litellm_settings", "router_settings")},
)
NATIVE = st.fixed_dictionaries(
    {
        "deployments": st.lists(
            st.fixed_dictionaries(
                {"name": LEAVES, "provider": LEAVES, "model": LEAVES},
                optional={
                    "url": LEAVES,
                    "tier": LEAVES,
                    "api_key": LEAVES,
                    "defaults": TREES,
                    "headers": TREES,
                },
            ),
            max_size=3,
        )
    },
    optional={"models": TREES, "server": TREES, "boundaries": TREES},
)
AGENT = st.fixed_dictionaries(
    {
        "tiers": st.dictionaries(
            KEYS,
            st.fixed_dictionaries({"provider": LEAVES, "models": TREES}, optional={"endpoint": LEAVES}),
            min_size=1,
            max_size=3,
        )
    },
    optional={"routing": TREES, "fallback": TREES},
)


@settings(
    max_examples=250,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=TREES | LITELLM | NATIVE | AGENT, environ=st.dictionaries(st.just("A"), st.text(max_size=8)))
def test_never_anything_but_settings_or_an_error(
    tmp_path: Path, data: object, environ: dict[str, str]
) -> None:
    path = tmp_path / "f.yaml"
    path.write_bytes(yaml.safe_dump(data, allow_unicode=True).encode("utf-8", "surrogatepass"))
    try:
        result = load(path, environ)
    except ConfigError as error:
        assert error.where.startswith(str(tmp_path))
        assert error.message and error.fix
    else:
        consistent(result)


def test_a_key_that_no_client_can_send_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"auth\.master_key: holds a character"):
        load(None, {"HYBRIDGW_MASTER_KEY": "sk-\nx"})
