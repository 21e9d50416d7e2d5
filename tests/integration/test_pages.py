"""Pages, keys, hosts and origins."""

import json
from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.integration.conftest import config
from tests.support.demo import Demo
from tests.support.gateway import Gateway
from tests.support.player import ANSWER, END, STREAM_HEAD, Player, chunk, whole

CHAT = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
KEY = "sk-test-master"


@pytest.fixture(scope="module")
def keyed(demo: Demo) -> Iterator[Gateway]:
    with Gateway(config(demo, auth={"master_key": KEY})) as running:
        yield running


@pytest.mark.parametrize("prefix", ["", "/v1"])
def test_every_path_exists_with_and_without_v1(gateway: Gateway, prefix: str) -> None:
    assert gateway.post(f"{prefix}/chat/completions", CHAT).status == 200
    assert gateway.post(f"{prefix}/completions", {"model": "m", "prompt": "x"}).status == 200
    assert gateway.post(f"{prefix}/embeddings", {"model": "m", "input": "x"}).status in (200, 404)
    for path in ("/models", "/models/m", "/health", "/health/liveliness", "/health/readiness", "/metrics"):
        assert gateway.get(prefix + path).status == 200, path


def test_the_model_list_suits_openai_and_anthropic(gateway: Gateway) -> None:
    listed = gateway.get("/v1/models").json
    names = [entry["id"] for entry in listed["data"]]
    assert "m" in names
    assert "auto" in names
    assert {"object", "data", "has_more", "first_id", "last_id"} <= set(listed)
    assert {"id", "object", "created", "owned_by", "type", "display_name"} <= set(listed["data"][0])


def test_model_ids_with_slashes_raw_and_encoded(gateway: Gateway) -> None:
    names = [entry["id"] for entry in gateway.get("/v1/models").json["data"]]
    name = next(name for name in names if "/" in name)
    assert gateway.get(f"/v1/models/{name}").json["id"] == name
    assert gateway.get(f"/v1/models/{name.replace('/', '%2F')}").json["id"] == name
    assert gateway.get("/v1/models/nope").status == 404


def test_liveliness_is_what_probes_of_other_proxies_expect(keyed: Gateway) -> None:
    assert keyed.get("/health/liveliness").body == b'"I\'m alive!"'
    assert keyed.get("/health/liveness").status == 200


def test_health_without_a_key_says_only_that_it_lives(keyed: Gateway) -> None:
    assert keyed.get("/health").json == {"status": "ok"}
    full = keyed.get("/health", authorization=f"Bearer {KEY}").json
    assert {entry["name"] for entry in full["deployments"]} >= {"local/m", "private/m"}
    assert KEY not in json.dumps(full)


def test_metrics_need_the_key(keyed: Gateway) -> None:
    assert keyed.get("/metrics").status == 401
    assert keyed.get("/metrics", authorization=f"Bearer {KEY}").status == 200


def test_metrics_are_valid_and_count(demo: Demo, gateway: Gateway) -> None:
    def value(name: str, **labels: str) -> float:
        page = gateway.get("/metrics").body.decode()
        return sum(
            sample.value
            for family in text_string_to_metric_families(page)
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    before = value("hybridgw_attempts_total", deployment="local/m", outcome="success")
    requests = value("hybridgw_requests_total", route="chat", status="2xx")
    tokens = value("hybridgw_tokens_total", deployment="local/m", kind="completion")
    usage = gateway.post("/v1/chat/completions", CHAT).json["usage"]
    assert value("hybridgw_attempts_total", deployment="local/m", outcome="success") == before + 1
    assert value("hybridgw_requests_total", route="chat", status="2xx") == requests + 1
    after = value("hybridgw_tokens_total", deployment="local/m", kind="completion")
    assert after == tokens + usage["completion_tokens"]
    assert value("hybridgw_attempts_active", deployment="local/m") == 0
    assert value("hybridgw_requests_active") == 0


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": f"Bearer {KEY}"},
        {"x-api-key": KEY},
        {"api-key": KEY},
        {"x-goog-api-key": KEY},
        {"x-litellm-api-key": f"Bearer {KEY}"},
    ],
)
def test_the_master_key_is_taken_wherever_clients_put_it(keyed: Gateway, headers: dict[str, str]) -> None:
    assert keyed.post("/v1/chat/completions", CHAT, headers).status == 200


@pytest.mark.parametrize(
    "value", [None, "Bearer ", "Bearer wrong", f"Basic {KEY}", KEY, "Bearer ' OR '1'='1", f"Bearer {KEY}x"]
)
def test_without_the_right_key_nothing_is_served(demo: Demo, keyed: Gateway, value: str | None) -> None:
    headers = {} if value is None else {"authorization": value}
    answer = keyed.post("/v1/chat/completions", CHAT, headers)
    assert (answer.status, answer.json["error"]["code"]) == (401, "invalid_api_key")
    assert keyed.request("GET", "/v1/models", headers=headers).status == 401
    assert not demo.requests("local")


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:4000", "10.0.0.7", ""])
def test_without_a_key_only_loopback_names_are_answered(gateway: Gateway, host: str) -> None:
    assert gateway.post("/v1/chat/completions", CHAT, {"host": host}).status == 403
    assert gateway.request("GET", "/v1/models", headers={"host": host}).status == 403


def test_without_a_key_foreign_pages_are_refused_and_local_ones_are_not(gateway: Gateway) -> None:
    foreign = gateway.post("/v1/chat/completions", CHAT, {"origin": "https://evil.example"})
    assert foreign.status == 403
    assert "access-control-allow-origin" not in foreign.headers
    local = gateway.post("/v1/chat/completions", CHAT, {"origin": "http://localhost:3000"})
    assert local.status == 200
    assert local.headers["access-control-allow-origin"] == "http://localhost:3000"


def test_without_a_key_a_form_cannot_call(gateway: Gateway) -> None:
    body = json.dumps(CHAT).encode()
    for kind in ("text/plain", "application/x-www-form-urlencoded"):
        answer = gateway.request("POST", "/v1/chat/completions", body, {"content-type": kind})
        assert answer.status == 415


def test_a_preflight_of_a_local_page(gateway: Gateway) -> None:
    headers = {"origin": "http://localhost:3000", "access-control-request-method": "POST"}
    answer = gateway.request("OPTIONS", "/v1/chat/completions", headers=headers)
    assert answer.status == 204
    allowed = set(answer.headers["access-control-allow-headers"].split(", "))
    # Everything that the four official SDKs send, the two that a header unlocks in a browser included.
    family = (
        "lang package-version os arch runtime runtime-version async helper helper-method stream-helper "
        "poll-helper custom-poll-interval custom-event-handler raw-response retry-count timeout read-timeout"
    )
    assert {f"x-stainless-{name}" for name in family.split()} <= allowed
    assert {"authorization", "content-type", "x-api-key", "anthropic-version", "anthropic-beta"} <= allowed
    assert {"openai-beta", "anthropic-dangerous-direct-browser-access"} <= allowed
    headers["origin"] = "https://evil.example"
    assert (
        "access-control-allow-origin"
        not in gateway.request("OPTIONS", "/v1/chat/completions", headers=headers).headers
    )


def test_what_a_client_says_of_itself_never_reaches_an_upstream(demo: Demo, player: Player) -> None:
    """Byte by byte: nothing of these headers, and no header beside those that we make ourselves."""
    private = {
        "authorization": f"Bearer {KEY}",
        "x-api-key": KEY,
        "cookie": "session=secret-cookie",
        "x-forwarded-for": "192.0.2.77",
        "forwarded": "for=192.0.2.78",
        "x-forwarded-host": "secret.example",
        "x-real-ip": "192.0.2.79",
        "via": "1.1 secret-proxy",
        "openai-organization": "secret-org",
        "openai-project": "secret-project",
        "anthropic-version": "2023-06-01",
        "referer": "https://secret.example/page",
        "user-agent": "secret-agent/1",
        "x-stainless-os": "secret-os",
        "x-hybridgw-conversation": "secret-conversation",
        "proxy-authorization": "Basic secret",
    }
    upstream = {"deployments": [player.deployment()], "auth": {"master_key": KEY}}
    models = [{"name": "m", "deployments": ["local/m"]}]
    with Gateway(config(demo, models=models, **upstream)) as gateway:
        player.plays(whole(ANSWER))
        player.plays(STREAM_HEAD + chunk("hi") + END)
        for stream in (False, True):
            body = {**CHAT, "stream": stream}
            path = "/v1/chat/completions?key=secret-query&beta=true"
            assert gateway.post(path, body, private).status == 200
    for head in player.heads[-2:]:
        line, *fields = head.decode().splitlines()
        assert line == "POST /v1/chat/completions HTTP/1.1"
        names = {field.partition(":")[0].lower() for field in fields}
        assert names <= {"host", "content-type", "content-length", "accept", "accept-encoding", "user-agent"}
        assert "secret" not in head.decode()
        assert KEY not in head.decode()
        assert "192.0.2" not in head.decode()
