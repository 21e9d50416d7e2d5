"""A strict Ollama behind every route: one window, configured options, abilities by what it says."""

import json
from collections.abc import Iterator
from typing import Any

import ollama
import pytest

from tests.support.gateway import Answer, Gateway
from tests.support.ollama_engine import Model, OllamaEngine
from tests.support.player import Player

USER = [{"role": "user", "content": "hello"}]
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": f"tool_{number}",
            "description": "word " * 100,
            "parameters": {
                "type": "object",
                "properties": {"a": {"type": "string", "description": "x" * 100}},
            },
        },
    }
    for number in range(36)
]


@pytest.fixture(scope="module")
def engine() -> Iterator[OllamaEngine]:
    models = {
        "plain:latest": Model(),
        "broad:latest": Model(),
        "small:latest": Model(trained=2048),
        "own:latest": Model(parameters='stop "x"\nnum_ctx                        12288'),
        "thinker:latest": Model(can=("completion", "thinking")),
        "words:latest": Model(can=("completion", "thinking"), family="gptoss"),
        "vectors:latest": Model(can=("embedding",)),
    }
    with OllamaEngine(models) as running:
        yield running


@pytest.fixture(scope="module")
def gateway(engine: OllamaEngine) -> Iterator[Gateway]:
    names = ("plain", "small", "own", "thinker", "words")
    url = f"http://127.0.0.1:{engine.port}"
    deployments: list[dict[str, Any]] = [
        {"name": f"local/{name}", "provider": "ollama", "model": name, "url": url} for name in names
    ]
    deployments.append({**deployments[0], "name": "local/wide", "num_ctx": 32768, "model": "broad:latest"})
    deployments[-1]["defaults"] = {"temperature": 0.25, "max_tokens": 77, "min_p": 0.1, "keep_alive": "30m"}
    deployments[-1]["extra_body"] = {"options": {"num_gpu": 7}}
    deployments.append({**deployments[0], "name": "local/vectors", "model": "vectors", "mode": "embedding"})
    models = [
        {"name": entry["name"].partition("/")[2], "deployments": [entry["name"]], "retries": 0}
        for entry in deployments
    ]
    with Gateway({"deployments": deployments, "models": models}) as running:
        yield running


@pytest.fixture(autouse=True)
def _fresh(engine: OllamaEngine) -> None:
    engine.loads.clear()
    engine.loaded.clear()
    engine.asked.clear()


def asked(gateway: Gateway, route: str, model: str, **more: Any) -> Answer:
    bodies: dict[str, dict[str, Any]] = {
        "/api/generate": {"prompt": "hello", "stream": False},
        "/v1/completions": {"prompt": "hello"},
        "/v1/responses": {"input": "hello"},
        "/v1/messages": {"messages": USER, "max_tokens": 50},
        "/v1/chat/completions": {"messages": USER},
        "/api/chat": {"messages": USER, "stream": False},
    }
    return gateway.post(route, {"model": model, **bodies[route], **more})


ROUTES = [
    "/api/chat", "/v1/chat/completions", "/api/generate", "/v1/messages", "/v1/responses", "/v1/completions",
]  # fmt: skip


@pytest.mark.parametrize(
    ("model", "window"), [("wide", 32768), ("plain", 8192), ("small", 2048), ("own", 12288)]
)
def test_one_window_on_every_route(gateway: Gateway, engine: OllamaEngine, model: str, window: int) -> None:
    for route in (*ROUTES, *ROUTES):
        answer = asked(gateway, route, model)
        assert answer.status == 200, (route, answer.body)
    name = "broad:latest" if model == "wide" else f"{model}:latest"
    assert engine.loads == [(name, window)]
    assert {it.path for it in engine.asked if it.method == "POST"} <= {
        "/api/chat",
        "/api/generate",
        "/api/show",
    }


@pytest.mark.parametrize("route", ROUTES)
def test_what_the_configuration_sets_reaches_every_route(
    gateway: Gateway, engine: OllamaEngine, route: str
) -> None:
    assert asked(gateway, route, "wide").status == 200
    sent = engine.last
    limit = 50 if route == "/v1/messages" else 77
    assert sent["options"] == {
        "temperature": 0.25, "num_predict": limit, "min_p": 0.1, "num_gpu": 7, "num_ctx": 32768,
    }  # fmt: skip
    assert sent["keep_alive"] == "30m"
    assert sent["truncate"] is False


def test_a_client_says_its_parameters_but_not_the_window(gateway: Gateway, engine: OllamaEngine) -> None:
    told = asked(gateway, "/api/chat", "wide", options={"num_ctx": 2048, "temperature": 1, "num_predict": 3})
    assert told.status == 200
    assert told.headers["x-hybridgw-dropped"] == "options.num_ctx"
    sent = engine.last["options"]
    assert (sent["num_ctx"], sent["temperature"], sent["num_predict"]) == (32768, 1, 3)


@pytest.mark.parametrize("route", ["/v1/chat/completions", "/api/chat"])
def test_a_request_of_36_tools(gateway: Gateway, engine: OllamaEngine, route: str) -> None:
    told = asked(gateway, route, "plain", tools=TOOLS)
    assert told.status == 200, told.body
    assert len(json.dumps(TOOLS)) // 4 > 4096
    refused = asked(gateway, route, "small", tools=TOOLS)
    assert refused.status == 400
    text = refused.json["error"]
    text = text if isinstance(text, str) else text["message"]
    assert "local/small runs with a window of 2048 tokens" in text and "`num_ctx`" in text
    assert "the prompt has about" in text


def test_a_prompt_that_was_cut_is_told(gateway: Gateway) -> None:
    told = asked(gateway, "/api/chat", "small", tools=TOOLS, truncate=True)
    assert (told.status, told.headers["x-hybridgw-warning"]) == (200, "context-truncated")
    told = asked(gateway, "/api/chat", "small", tools=TOOLS, truncate=True, stream=True)
    assert (told.status, told.headers["x-hybridgw-warning"]) == (200, "context-truncated")
    assert "x-hybridgw-warning" not in asked(gateway, "/api/chat", "small").headers


@pytest.mark.parametrize(("model", "think"), [("plain", None), ("thinker", True), ("words", "high")])
def test_thinking_is_said_as_the_model_takes_it(
    gateway: Gateway, engine: OllamaEngine, model: str, think: Any
) -> None:
    told = asked(gateway, "/v1/chat/completions", model, reasoning_effort="high")
    assert told.status == 200, told.body
    assert engine.last.get("think") == think
    thinking = {"type": "adaptive"}
    told = asked(gateway, "/v1/messages", model, thinking=thinking, output_config={"effort": "high"})
    assert told.status == 200, told.body
    assert engine.last.get("think") == think


@pytest.mark.parametrize("route", ["/v1/chat/completions", "/api/chat", "/v1/messages"])
def test_one_system_message(gateway: Gateway, engine: OllamaEngine, route: str) -> None:
    late = {"role": "system", "content": "scouts are ready"}
    messages = [late, *USER, late, {"role": "assistant", "content": "hi"}, late]
    told = asked(gateway, route, "plain", messages=messages)
    assert told.status == 200, told.body
    assert json.dumps(engine.last).count("scouts are ready") == 3


def test_an_entry_of_a_litellm_file(engine: OllamaEngine) -> None:
    entry = {
        "model": "ollama_chat/thinker", "api_base": f"http://127.0.0.1:{engine.port}", "num_ctx": 16000,
        "num_predict": 55, "format": "json", "think": True, "keep_alive": "1h", "num_gpu": 9, "num_thread": 3,
        "repeat_penalty": 1.25, "temperature": 0.5, "system": "be kind",
    }  # fmt: skip
    with Gateway(json.dumps({"model_list": [{"model_name": "m", "litellm_params": entry}]})) as gateway:
        for route in ROUTES:
            answer = asked(gateway, route, "m")
            assert answer.status == 200, (route, answer.body)
            sent = engine.last
            limit = 50 if route == "/v1/messages" else 55
            assert sent["options"] == {
                "num_ctx": 16000, "num_predict": limit, "num_gpu": 9, "num_thread": 3, "repeat_penalty": 1.25,
                "temperature": 0.5,
            }  # fmt: skip
            assert (sent["format"], sent["think"], sent["keep_alive"]) == ("json", True, "1h")
        assert engine.loads == [("thinker:latest", 16000)]
        sent_by_client = asked(gateway, "/api/chat", "m", think=False, format={"type": "object"})
        assert sent_by_client.status == 200
        sent = engine.last
        assert (sent["format"], sent["think"]) == ({"type": "object"}, False)


@pytest.mark.parametrize("keep_alive", [0, 0.0, "0", "0s"])
def test_loading_and_letting_go(gateway: Gateway, engine: OllamaEngine, keep_alive: Any) -> None:
    assert gateway.post("/api/generate", {"model": "wide"}).json["done_reason"] == "load"
    assert engine.loads == [("broad:latest", 32768)]
    assert asked(gateway, "/v1/chat/completions", "wide").status == 200
    assert len(engine.loads) == 1
    running = gateway.get("/api/ps").json["models"]
    assert {entry["name"]: entry["context_length"] for entry in running} == {
        "local/wide": 32768, "wide": 32768,
    }  # fmt: skip
    told = gateway.post("/api/generate", {"model": "wide", "keep_alive": keep_alive})
    assert told.json["done_reason"] == "unload"
    assert gateway.get("/api/ps").json["models"] == []


def test_model_files_are_for_the_master_key(engine: OllamaEngine) -> None:
    entry = {
        "name": "local/plain", "provider": "ollama", "model": "plain",
        "url": f"http://127.0.0.1:{engine.port}",
    }  # fmt: skip
    config = {"deployments": [entry], "auth": {"master_key": "sk-1"}}
    with Gateway(config) as gateway:
        assert gateway.post("/api/pull", {"model": "new"}).status == 401
        key = {"authorization": "Bearer sk-1"}
        told = gateway.post("/api/pull", {"model": "new"}, headers=key)
        assert [json.loads(line)["status"] for line in told.body.splitlines()] == [
            "pulling manifest",
            "success",
        ]
        assert "new:latest" in engine.models
        copied = gateway.post("/api/copy", {"source": "local/plain", "destination": "twin"}, headers=key)
        assert (copied.status, "twin:latest" in engine.models) == (200, True)
        for name in ("twin", "new"):
            body = json.dumps({"model": name}).encode()
            assert gateway.request("DELETE", "/api/delete", body, key).status == 200
        assert not {"twin:latest", "new:latest"} & set(engine.models)
        gone = gateway.request("DELETE", "/api/delete", b'{"model":"gone"}', key)
        assert (gone.status, gone.json) == (404, {"error": "model 'gone' not found"})


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/api/copy", {"source": "gpt-oss:120b-cloud", "destination": "mine"}, "source"),
        ("/api/copy", {"source": "far", "destination": "mine"}, "source"),
        ("/api/copy", {"source": "local/far:latest", "destination": "mine"}, "source"),
        ("/api/copy", {"source": "registry.ollama.ai/library/far", "destination": "mine"}, "source"),
        ("/api/copy", {"Source": "gpt-oss:120b-cloud", "destination": "mine"}, "Source"),
        ("/api/create", {"from": "far", "model": "mine"}, "from"),
        (
            "/api/create",
            {"from": "plain", "model": "mine", "remote_host": "https://x.invalid"},
            "remote_host",
        ),
        (
            "/api/create",
            {"from": "plain", "model": "mine", "Remote_Host": "https://x.invalid"},
            "Remote_Host",
        ),
    ],
)
@pytest.mark.parametrize("model", ["far", "*"])
def test_no_name_of_this_device_is_made_for_a_cloud(path: str, body: Any, field: str, model: str) -> None:
    models = {"plain:latest": Model(), "far:latest": Model(remote="https://ollama.com")}
    with OllamaEngine(models) as engine:
        entry = {"name": f"local/{model}", "provider": "ollama", "model": model,
                 "url": f"http://127.0.0.1:{engine.port}"}  # fmt: skip
        plain = {**entry, "name": "plain", "model": "plain"}
        with Gateway({"deployments": [entry, plain]}) as gateway:
            told = gateway.post(path, body)
            assert told.status == 400
            assert field in told.json["error"]
            assert set(engine.models) == {"plain:latest", "far:latest"}
            assert path not in {it.path for it in engine.asked}


def test_where_no_ollama_is_on_this_device(player: Player) -> None:
    with Gateway({"deployments": [player.deployment("local/m")]}) as gateway:
        told = gateway.post("/api/pull", {"model": "x"})
        assert told.status == 400
        assert "no Ollama on this device" in told.json["error"]
        assert gateway.get("/api/delete").headers["allow"] == "DELETE"


def test_without_a_configuration() -> None:
    models = {
        "vectors:latest": Model(can=("embedding",)),
        "llama3.2:8b": Model(),
        "qwen:latest": Model(can=("completion", "vision"), trained=4096),
    }
    with (
        OllamaEngine(models, loaded={"qwen:latest": 4096}) as engine,
        Gateway(None, environ={"OLLAMA_HOST": f"127.0.0.1:{engine.port}"}) as gateway,
    ):
        client = ollama.Client(host=f"http://127.0.0.1:{gateway.port}")
        try:
            _zero(client, gateway, engine)
        finally:
            client._client.close()


def _zero(client: ollama.Client, gateway: Gateway, engine: OllamaEngine) -> None:
    assert client.chat("auto", USER).message.content == "ok"
    assert engine.last["model"] == "qwen:latest"
    for name in ("llama3.2:8b", "local/llama3.2:8b", "qwen", "qwen:latest", "local/qwen"):
        assert client.chat(name, USER).message.content == "ok", name
        assert asked(gateway, "/v1/chat/completions", name).status == 200
    listed = {model.model for model in client.list().models}
    assert {"vectors:latest", "llama3.2:8b", "qwen:latest"} <= listed
    assert client.embed("vectors", "x").embeddings == [[0.5, 1.0]]
    assert gateway.post("/v1/embeddings", {"model": "vectors", "input": "x"}).status == 200
    assert client.pull("fresh:1b").status == "success"
    assert "completion" in (client.show("fresh:1b").capabilities or [])
    assert client.chat("fresh:1b", USER).message.content == "ok"
    assert "fresh:1b" in {model.name for model in client.ps().models}
    client.generate("fresh:1b", keep_alive=0)
    assert "fresh:1b" not in {model.name for model in client.ps().models}
    client.delete("fresh:1b")
    assert "fresh:1b" not in engine.models


def test_the_client_of_ollama(gateway: Gateway, engine: OllamaEngine) -> None:
    client = ollama.Client(host=f"http://127.0.0.1:{gateway.port}")
    try:
        for name in ("plain", "plain:latest"):
            assert client.chat(name, USER).message.content == "ok"
            assert client.show(name).capabilities
        assert client.generate("plain", "x").response == "ok"
        assert client.embed("vectors", "x").embeddings == [[0.5, 1.0]]
    finally:
        client._client.close()
