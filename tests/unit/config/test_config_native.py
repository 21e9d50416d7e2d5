"""hybridgw.yaml: every mistake is an error with file, line and fix; a missing variable degrades."""

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from hybridgw.config.json_schema import native_schema, render
from hybridgw.config.load import load

from .conftest import Read, Refused

ROOT = Path(__file__).parents[3]
FIXTURES = ROOT / "tests" / "fixtures" / "configs"
OLLAMA = "deployments:\n- {name: a, provider: ollama, model: m, "
VLLM = "deployments:\n- {name: a, provider: vllm, model: m, "
ONE = "deployments: [{name: local/a, provider: ollama, model: m}]\n"


def test_the_smallest_file(read: Read) -> None:
    settings = read(ONE)
    (deployment,) = settings.deployments
    assert deployment.base_url == "http://127.0.0.1:11434/v1"
    assert (deployment.tier, deployment.boundary, deployment.unusable) == ("local", "device", None)
    assert [m.name for m in settings.models] == ["auto", "local", "local/a"]
    assert settings.source.kind == "native"
    assert settings.error_catalogue == "native"
    assert not settings.problems


def test_every_section(read: Read) -> None:
    environ = {"HYBRIDGW_MASTER_KEY": "sk-test-master", "OPENAI_API_KEY": "sk-cloud", "GATEWAY_PORT": "4321"}
    settings = load(FIXTURES / "native_full.yaml", environ)
    assert settings.server.port == 4321
    assert settings.server.max_body == 8 * 2**20
    assert settings.server.commit_after == 0.5
    assert settings.auth.master_key == "sk-test-master"
    assert settings.auth_unavailable is None
    assert settings.boundaries.device.networks == ("172.28.0.0/16",)
    assert settings.breaker.open_max == 60.0
    by_name = {d.name: d for d in settings.deployments}
    assert by_name["private/llama-a"].boundary == "organization"
    assert by_name["private/llama-a"].timeouts.first_token == 10.0
    assert by_name["private/llama-a"].timeouts.connect == 1.0
    assert by_name["cloud/gpt-4o"].input_price == pytest.approx(2.5e-6)
    assert by_name["cloud/gpt-4o"].api_key == "sk-cloud"
    assert by_name["local/qwen3"].answer_timeouts.first_token == 300.0
    models = {m.name: m for m in settings.models}
    assert models["assistant"].groups == ((0,), (1,), (2,))
    assert models["assistant"].aliases == ("gpt-3.5-turbo",)
    assert models["auto"].groups == ((0,), (1,), (2,), (3,)), "embeddings are no part of auto"
    assert not settings.problems


def test_secrets_are_not_shown() -> None:
    environ = {"HYBRIDGW_MASTER_KEY": "sk-test-master", "OPENAI_API_KEY": "sk-cloud"}
    shown = repr(load(FIXTURES / "native_full.yaml", environ))
    assert "sk-test-master" not in shown
    assert "sk-cloud" not in shown


@pytest.mark.parametrize(
    ("text", "line", "key", "words"),
    [
        ("server: {prot: 4000}\n", 1, "server.prot", "did you mean port?"),
        ("serve:\n  port: 1\n", 1, "serve", "did you mean server?"),
        ("server:\n  port: 70000\n", 2, "server.port", "above 65535"),
        ("server:\n  port: many\n", 2, "server.port", "not a whole number"),
        ("server:\n  port: 4000.5\n", 2, "server.port", "not a whole number"),
        ("server:\n  port: yes\n", 2, "server.port", "not a whole number"),
        ("server:\n  port: [1]\n", 2, "server.port", "expected a whole number"),
        ("server:\n  drain: soon\n", 2, "server.drain", "no duration"),
        ("server:\n  header_timeout: 0\n", 2, "server.header_timeout", "below 0.001"),
        ("server:\n  max_body: 20 XB\n", 2, "server.max_body", "no size"),
        ("server:\n  start_method: thread\n", 2, "server.start_method", "fork or spawn"),
        ("server:\n  http: apache\n", 2, "server.http", "auto or granian or lean"),
        ("server:\n  http: 2\n", 2, "server.http", "auto or granian or lean"),
        ("server:\n  metrics_open: maybe\n", 2, "server.metrics_open", "true or false"),
        ("server: 7\n", 1, "server", "expected keys"),
        ("server:\n  allowed_origins: {a: b}\n", 2, "server.allowed_origins", "expected a list"),
        ("privacy:\n  mode: off\n", 2, "privacy.mode", "enforce or observe"),
        ("boundaries:\n  device:\n    networks:\n    - 10.0.0.0/99\n", 4, "boundaries.device.networks[0]",
         "no network"),
        ("deployments:\n- {provider: ollama, model: m}\n", 2, "deployments[0].name", "missing"),
        (OLLAMA + "teir: x}\n", 2, "deployments[0].teir", "tier"),
        (OLLAMA + "tier: clod}\n", 2, "deployments[0].tier", "cloud"),
        (VLLM + "url: box:8000}\n", 2, "deployments[0].url", "http://"),
        (VLLM + "url: 'http://u:p@h'}\n", 2, "deployments[0].url", "user"),
        (VLLM + "url: 'me:secret@h'}\n", 2, "deployments[0].url", "no user or password"),
        (VLLM + "proxy: 'socks5://h:1'}\n", 2, "deployments[0].proxy", "no HTTP proxy"),
        (VLLM + "url: 'http://h:99999'}\n", 2, "deployments[0].url", "ort"),
        (VLLM + "url: 'http://a b'}\n", 2, "deployments[0].url", "no URL"),
        ("deployments:\n- &a {name: a, provider: ollama, model: m}\n- *a\n", 2, "deployments[1].name", "two"),
        (OLLAMA + "weight: -1}\n", 2, "deployments[0].weight", "below 0"),
        (OLLAMA + "headers: {Host: x}}\n", 2, "deployments[0].headers.Host",
         "gateway itself"),
        (OLLAMA + "headers: {'X Y': z}}\n", 2, "deployments[0].headers.X Y",
         "no header name"),
        (ONE + "models:\n- {name: x, deployments: [local/b]}\n", 3, "models[0].deployments",
         "did you mean local/a"),
        (ONE + "models:\n- {name: x, fallbacks: [y]}\n", 3, "models.x.fallbacks", "not a model"),
        (ONE + "models:\n- {name: x}\n- {name: y, aliases: [x]}\n", 4, "models[1]", "used twice"),
        (ONE + "models:\n- {name: x, strategy: best}\n", 3, "models[0].strategy", "weighted"),
        (ONE + "default_fallbacks: [autoo]\n", 2, "default_fallbacks", "did you mean auto?"),
        ("tiers:\n- {name: auto, boundary: device}\n", 2, "tiers[0].name", "cannot be"),
        ("deployments:\n- {name: local/a, provider: vllm, url: 'http://h', model: m, api: responses}\n", 2,
         "deployments[0].api", "is not asked by Responses"),
        ("deployments:\n- {name: local/a, provider: openai, url: 'http://h', model: m, api: messages}\n", 2,
         "deployments[0].api", "auto or chat or responses"),
        ("tiers:\n- {name: a, boundary: galaxy}\n", 2, "tiers[0].boundary",
         "device or external or organization"),
        ("auth:\n  master_key: ${NOPE:?set it}\n", 2, "auth.master_key", "set it"),
        ("auth:\n  master_key: ${no pe}\n", 2, "auth.master_key", "malformed"),
        ("just text\n", 1, "", "expected keys"),
        ("- 1\n", 1, "", "expected keys"),
        ("", 0, "", "is empty"),
    ],
)  # fmt: skip
def test_mistakes(refused: Refused, text: str, line: int, key: str, words: str) -> None:
    error = refused(text)
    assert error.key == key
    assert words in str(error)
    if line:
        assert error.where.endswith(f":{line}"), error.where


def test_a_missing_variable_takes_its_deployment_out(read: Read) -> None:
    settings = read(
        "deployments:\n"
        "- {name: local/a, provider: ollama, model: '${MODEL}'}\n"
        "- {name: local/b, provider: ollama, model: m, headers: {X-A: '${HEADER}'}}\n"
        "- {name: local/c, provider: ollama, model: m}\n"
    )
    states = {d.name: d.unusable for d in settings.deployments}
    assert states["local/c"] is None
    assert "MODEL" in str(states["local/a"])
    assert "HEADER" in str(states["local/b"])
    assert {p.deployment for p in settings.problems} == {"local/a", "local/b"}
    assert [p.where.rpartition(":")[2] for p in settings.problems] == ["2", "3"]


def test_a_missing_variable_elsewhere_leaves_the_default(read: Read) -> None:
    settings = read("server: {port: '${PORT}', host: '${HOST}'}\n" + ONE)
    assert (settings.server.port, settings.server.host) == (4000, "127.0.0.1")
    assert {p.key for p in settings.problems} == {"server.port", "server.host"}


def test_a_missing_master_key_locks_instead_of_opening(read: Read) -> None:
    settings = read("auth: {master_key: '${KEY}'}\n" + ONE)
    assert settings.auth.master_key is None
    assert "KEY" in str(settings.auth_unavailable)
    assert read("auth: {master_key: '${KEY}'}\n" + ONE, {"KEY": "sk-1"}).auth_unavailable is None
    assert read(ONE).auth_unavailable is None


def test_the_environment_fills_what_the_file_leaves_open(read: Read) -> None:
    environ = {
        "HYBRIDGW_MASTER_KEY": "sk-env",
        "HYBRIDGW_STATE_DIR": "/state",
        "HYBRIDGW_ORGANIZATION_NETWORKS": "10.0.0.0/8, 192.168.0.0/16",
        "BROKEN": "\udcff",
    }
    settings = read(ONE, environ)
    assert settings.auth.master_key == "sk-env"
    assert settings.state.dir == "/state"
    assert settings.boundaries.organization.networks == ("10.0.0.0/8", "192.168.0.0/16")
    own = read("auth: {master_key: sk-file}\nstate: {dir: /own}\n" + ONE, environ)
    assert (own.auth.master_key, own.state.dir) == ("sk-file", "/own")


def test_text_stands_for_itself(read: Read) -> None:
    settings = read("deployments: [{name: 8, provider: ollama, model: 7, api_key: 123456}]\n")
    (deployment,) = settings.deployments
    assert (deployment.name, deployment.model, deployment.api_key) == ("8", "7", "123456")
    assert "local/8" in [m.name for m in settings.models]


def test_numbers_from_variables(read: Read) -> None:
    settings = read(
        "server: {port: '${P}', drain: '${D}', metrics_open: '${M}'}\n" + ONE,
        {"P": "1", "D": "2s", "M": "yes"},
    )
    assert (settings.server.port, settings.server.drain, settings.server.metrics_open) == (1, 2.0, True)


def test_tiers_of_ones_own(read: Read) -> None:
    settings = read(
        "tiers:\n- {name: edge, boundary: device}\n- {name: rack, boundary: organization}\n"
        "- {name: far, boundary: external}\n"
        "deployments:\n"
        "- {name: a, provider: ollama, model: m}\n"
        "- {name: b, provider: openai, model: gpt-4o, api_key: k}\n"
        "- {name: c, provider: vllm, model: m, url: 'http://vllm:8000', tier: rack}\n"
    )
    assert [(d.name, d.tier, d.boundary) for d in settings.deployments] == [
        ("a", "edge", "device"), ("b", "far", "external"), ("c", "rack", "organization"),
    ]  # fmt: skip
    models = {m.name: m.groups for m in settings.models}
    assert models["auto"] == ((0,), (2,), (1,))
    assert models["edge/a"] == models["a"] == ((0,),)


def test_priority_keeps_the_listed_order(read: Read) -> None:
    settings = read(
        "deployments:\n- {name: a, provider: ollama, model: x}\n- {name: b, provider: ollama, model: y}\n"
        "models: [{name: m, deployments: [b, a], strategy: priority}, {name: n, deployments: [b, a]}]\n"
    )
    models = {m.name: m for m in settings.models}
    assert models["m"].groups == ((1,), (0,))
    assert models["n"].groups == ((1, 0),)


def test_no_deployments_is_a_problem_not_an_error(read: Read) -> None:
    settings = read("server: {port: 4001}\n")
    assert "no request can be answered" in settings.problems[0].message


def test_published_schema_is_up_to_date() -> None:
    published = (ROOT / "docs" / "hybridgw.schema.json").read_text()
    assert published == render(), "python -m hybridgw.config.json_schema > docs/hybridgw.schema.json"


@pytest.mark.parametrize("name", ["native_full.yaml", "native_minimal.yaml"])
def test_fixtures_fit_the_schema(name: str) -> None:
    schema = native_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(yaml.safe_load((FIXTURES / name).read_text()), schema)


@pytest.mark.parametrize(
    "text",
    [
        "server: {prot: 1}",
        "server: {port: x}",
        "server: {drain: soon}",
        "privacy: {mode: off}",
        "deployments: [{}]",
    ],
)
def test_schema_refuses_what_the_loader_refuses(text: str, refused: Refused) -> None:
    refused(text)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(yaml.safe_load(text), native_schema())


@pytest.mark.parametrize(
    "text", ["server: {port: '${PORT}'}", "server: {drain: 5}", "server: {drain: '${D:-5s}'}"]
)
def test_schema_accepts_references(text: str) -> None:
    jsonschema.validate(yaml.safe_load(text), native_schema())
    assert json.loads(render()) == native_schema()
