"""What engines say of their models, in the shapes that they say it in, and what a file says beside it."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from hybridgw.config.engines import full_name, learn, shown
from hybridgw.config.informed import DEFAULT_WINDOW, informed, ollama_window
from hybridgw.config.load import load
from hybridgw.config.schema import DeploymentSettings, EngineFacts

Pages = Mapping[str, Any]
Start = Callable[[Pages], int]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a server of fixed JSON pages; gives its port."""
    with ExitStack() as stack:

        def serve(pages: Pages) -> int:
            class Handler(BaseHTTPRequestHandler):
                def log_message(self, *_: Any) -> None:
                    pass

                def do_POST(self) -> None:
                    self.rfile.read(int(self.headers["content-length"]))
                    self.do_GET()

                def do_GET(self) -> None:
                    found = self.path in pages
                    data = json.dumps(pages.get(self.path, {})).encode()
                    self.send_response(200 if found else 404)
                    self.send_header("content-length", str(len(data)))
                    self.end_headers()
                    self.wfile.write(data)

            server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
            thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
            thread.start()
            stack.callback(server.server_close)
            stack.callback(thread.join)
            stack.callback(server.shutdown)
            return int(server.server_address[1])

        yield serve


def learnt(folder: Path, port: int, provider: str, **more: Any) -> DeploymentSettings:
    entry = {
        "name": "local/m", "provider": provider, "model": "m", "url": f"http://127.0.0.1:{port}", **more,
    }  # fmt: skip
    file = folder / "hybridgw.yaml"
    file.write_text(json.dumps({"deployments": [entry]}))
    settings = learn(load(str(file), {}), {}, 5.0)
    return informed(settings).deployments[0]


VLLM = {"/v1/models": {"data": [{"id": "other", "max_model_len": 1}, {"id": "m", "max_model_len": 32768}]}}
LLAMA = {
    "/v1/models": {"data": [{"id": "whatever.gguf"}]},
    "/props": {
        "default_generation_settings": {"n_ctx": 12288},
        "modalities": {"vision": True},
    },
}
STUDIO = {
    "/v1/models": {"data": [{"id": "m"}, {"id": "n"}]},
    "/api/v0/models": {
        "data": [
            {"id": "m", "type": "vlm", "max_context_length": 131072, "loaded_context_length": 6000},
            {"id": "n", "type": "embeddings", "state": "not-loaded", "max_context_length": 512},
        ]
    },
}  # fmt: skip


@pytest.mark.parametrize(
    ("provider", "pages", "window", "vision"),
    [
        ("vllm", VLLM, 32768, None),
        ("llama_server", LLAMA, 12288, True),
        ("openai_compatible", STUDIO, 6000, True),
        ("openai_compatible", {"/v1/models": {"data": [{"id": "m"}]}}, None, None),
        ("openai_compatible", {"/v1/models": {"data": "x"}, "/props": []}, None, None),
        ("vllm", {}, None, None),
    ],
)
def test_engines(
    tmp_path: Path, start: Start, provider: str, pages: Pages, window: int | None, vision: bool | None
) -> None:
    entry = learnt(tmp_path, start(pages), provider)
    assert (entry.context_window, entry.vision) == (window, vision)


OLLAMA = {
    "/api/tags": {"models": [{"name": "m:latest", "digest": "d"}]},
    "/api/show": {"capabilities": ["completion"]},
}  # fmt: skip


@pytest.mark.parametrize(
    ("provider", "pages", "written", "limit"),
    [
        ("ollama", {**OLLAMA, "/api/ps": {"models": []}}, {}, 1800.0),
        ("ollama", {**OLLAMA, "/api/ps": {"models": [{"name": "m:latest"}]}}, {}, 600.0),
        ("ollama", OLLAMA, {}, 600.0),
        ("ollama", {**OLLAMA, "/api/ps": {"models": []}}, {"load": "5s"}, 5.0),
        ("ollama", {**OLLAMA, "/api/ps": {"models": []}}, {"first_token": "6s"}, 6.0),
        ("openai_compatible", STUDIO, {}, 600.0),
        (
            "openai_compatible",
            {**STUDIO, "/api/v0/models": {"data": [{"id": "m", "state": "not-loaded"}]}},
            {},
            1800.0,
        ),
    ],
)
def test_a_model_that_is_not_resident_has_the_limit_of_loads(
    tmp_path: Path, start: Start, provider: str, pages: Pages, written: Pages, limit: float
) -> None:
    entry = learnt(tmp_path, start(pages), provider, timeouts=written)
    assert entry.timeouts.first_token == limit
    assert entry.answer_timeouts.first_token >= 3600.0 or "first_token" in written


def test_what_a_file_says_counts_more(tmp_path: Path, start: Start) -> None:
    entry = learnt(tmp_path, start(LLAMA), "llama_server", context_window=5, vision=False)
    assert (entry.context_window, entry.vision) == (5, False)


def test_nobody_is_asked_where_that_is_switched_off(tmp_path: Path, start: Start) -> None:
    file = tmp_path / "hybridgw.yaml"
    deployment = {
        "name": "a/b", "provider": "vllm", "model": "m", "url": f"http://127.0.0.1:{start(VLLM)}",
        "tier": "local",
    }  # fmt: skip
    file.write_text(json.dumps({"health": {"enabled": False}, "deployments": [deployment]}))
    assert learn(load(str(file), {}), {}, 5.0).engines == {}


def test_a_page_of_ollama() -> None:
    page = {
        "parameters": 'stop    "<|im_end|>"\nnum_ctx    16384\ntemperature 0.6',
        "capabilities": ["completion", "thinking", "vision"],
        "model_info": {"general.architecture": "gptoss", "gptoss.context_length": 131072},
    }
    facts = shown(page, "d")
    assert facts == EngineFacts(
        trained=131072,
        chosen=16384,
        thinking=True,
        thinking_words=True,
        vision=True,
        embeds=False,
        digest="d",
    )
    old = shown({"model_info": {"general.architecture": "llama", "llama.context_length": True}})
    assert old == EngineFacts()
    assert shown([]) is None
    embedder = shown({"capabilities": ["embedding"]})
    assert embedder is not None and embedder.embeds


@pytest.mark.parametrize(
    ("facts", "window"),
    [
        (EngineFacts(), DEFAULT_WINDOW),
        (EngineFacts(trained=2048), 2048),
        (EngineFacts(trained=131072), DEFAULT_WINDOW),
        (EngineFacts(trained=131072, window=4096), DEFAULT_WINDOW),
        (EngineFacts(trained=131072, window=32768), 32768),
        (EngineFacts(trained=131072, window=32768, chosen=6000), 6000),
    ],
)
def test_the_window_of_an_ollama_model(facts: EngineFacts, window: int) -> None:
    assert ollama_window(facts) == window


@pytest.mark.parametrize(
    ("name", "full"),
    [
        ("Qwen3", "qwen3:latest"),
        ("qwen3:8b", "qwen3:8b"),
        ("h.io:5/a/b", "h.io:5/a/b:latest"),
        (7, ":latest"),
    ],
)
def test_names_are_compared_with_their_tag(name: object, full: str) -> None:
    assert full_name(name) == full
