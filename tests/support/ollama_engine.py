"""An engine that answers as Ollama 0.12 does, and is as strict; no model behind it.

    with OllamaEngine({"qwen3:8b": Model()}) as engine:
        ...  # talk to engine.port
    assert engine.loads == [("qwen3:8b", 8192)]

It keeps what its real counterpart keeps: which models are there, which are loaded and with which window.
Loading again because of another window is what `loads` counts. It shares no code with the package.
"""

import contextlib
import json
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

DEFAULT_WINDOW = 4096


@dataclass
class Model:
    """One model's file."""

    can: tuple[str, ...] = ("completion", "tools")
    trained: int = 40960
    family: str = "qwen3"
    parameters: str = ""
    digest: str = "d1"
    remote: str = ""
    """The host that runs it, where that is another one."""


@dataclass
class Asked:
    """One request."""

    method: str
    path: str
    body: dict[str, Any]


class _Fault(Exception):
    def __init__(self, status: int, text: str) -> None:
        self.status, self.text = status, text


@dataclass
class OllamaEngine:
    """The server; a context manager that listens on a free port of loopback."""

    models: dict[str, Model]
    loads: list[tuple[str, int]] = field(default_factory=list)
    loaded: dict[str, int] = field(default_factory=dict)
    """Window by model."""
    asked: list[Asked] = field(default_factory=list)
    loading: float = 0.0
    """Seconds that a model takes to load."""

    def __enter__(self) -> "OllamaEngine":
        engine = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: Any) -> None:
                pass

            def _serve(self) -> None:
                length = int(self.headers.get("content-length", 0))
                body = json.loads(self.rfile.read(length) or b"{}")
                if self.path == "/api/chat" and _full(body["model"]) not in engine.loaded:
                    time.sleep(engine.loading)
                with engine._lock:
                    engine.asked.append(Asked(self.command, self.path, body))
                    try:
                        status, lines = 200, engine._answer(self.command, self.path, body)
                    except _Fault as fault:
                        status, lines = fault.status, [{"error": fault.text}]
                data = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
                self.send_response(status)
                kind = "application/x-ndjson" if len(lines) > 1 else "application/json"
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                if self.command != "HEAD":
                    with contextlib.suppress(ConnectionError):  # who waited for a load may have left
                        self.wfile.write(data)

            do_GET = do_POST = do_DELETE = do_HEAD = _serve

        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def last(self) -> dict[str, Any]:
        """The body of the last request to a model; others come from a gateway by itself."""
        return [it.body for it in self.asked if it.path in ("/api/chat", "/api/generate")][-1]

    def _answer(self, method: str, path: str, body: dict[str, Any]) -> list[dict[str, Any]]:
        if path == "/api/version":
            return [{"version": "0.12.6"}]
        if path == "/api/tags":
            return [{"models": [self._file(name) for name in self.models]}]
        if path == "/api/ps":
            entry = [
                {**self._file(name), "context_length": window, "expires_at": f"2026-12-01T00:00:{at:02}Z"}
                for at, (name, window) in enumerate(self.loaded.items())
            ]
            return [{"models": entry}]
        if path == "/api/show":
            model = self._model(body)
            return [
                {
                    "parameters": model.parameters,
                    "capabilities": list(model.can),
                    "model_info": {
                        "general.architecture": model.family,
                        f"{model.family}.context_length": model.trained,
                    },
                    "details": {"family": model.family},
                }
            ]
        if path == "/api/pull" and method == "POST":
            self.models[_full(str(body["model"]))] = Model()
            done = [{"status": "pulling manifest"}, {"status": "success"}]
            return done[1:] if body.get("stream") is False else done
        if path == "/api/copy" and method == "POST":
            self.models[_full(str(body["destination"]))] = self.models[_full(str(body["source"]))]
            return [{}]
        if path == "/api/delete" and method == "DELETE":
            self._model(body)
            del self.models[_full(str(body["model"]))]
            return [{}]
        if path in ("/api/chat", "/api/generate"):
            return self._infer(path, body)
        if path == "/api/embed":
            self._can(body, "embedding", "embedding")
            return [{"model": body["model"], "embeddings": [[0.5, 1.0]], "prompt_eval_count": 2}]
        if path == "/v1/embeddings":
            self._can(body, "embedding", "embedding")
            item = {"object": "embedding", "index": 0, "embedding": [0.5, 1.0]}
            return [{"object": "list", "data": [item], "model": body["model"], "usage": {"prompt_tokens": 2}}]
        raise _Fault(404, "404 page not found")

    def _file(self, name: str) -> dict[str, Any]:
        model = self.models[name]
        told = {"name": name, "model": name, "digest": model.digest, "size": 1}
        return {**told, "remote_host": model.remote, "remote_model": "far"} if model.remote else told

    def _model(self, body: dict[str, Any]) -> Model:
        name = body.get("model") or body.get("name") or ""
        model = self.models.get(_full(name))
        if model is None:
            raise _Fault(404, f"model '{name}' not found")
        return model

    def _can(self, body: dict[str, Any], ability: str, word: str) -> Model:
        model = self._model(body)
        if ability not in model.can:
            raise _Fault(400, f'"{body["model"]}" does not support {word}')
        return model

    def _infer(self, path: str, body: dict[str, Any]) -> list[dict[str, Any]]:
        chat = path == "/api/chat"
        model = self._can(body, "completion", "chat" if chat else "generate")
        name, options, think = _full(body["model"]), body.get("options") or {}, body.get("think")
        if think and "thinking" not in model.can:
            raise _Fault(400, f'"{body["model"]}" does not support thinking')
        if isinstance(think, str) and model.family != "gptoss":
            raise _Fault(400, f'think value "{think}" is not supported for this model')
        if body.get("tools") and "tools" not in model.can:
            raise _Fault(400, f'"{body["model"]}" does not support tools')
        content = body.get("messages") if chat else body.get("prompt")
        if not content and body.get("keep_alive") in (0, "0", "0s"):
            self.loaded.pop(name, None)
            return [self._said(body, chat, "", "unload")]
        window = min(int(options.get("num_ctx", DEFAULT_WINDOW)), model.trained)
        for line in model.parameters.splitlines():
            if "num_ctx" not in options and line.startswith("num_ctx"):
                window = int(line.split()[1])
        if self.loaded.get(name) != window:
            self.loads.append((name, window))
        self.loaded.pop(name, None)
        self.loaded[name] = window
        if not content:
            return [self._said(body, chat, "", "load")]
        if chat and [turn["role"] for turn in body["messages"]].count("system") > 1:
            raise _Fault(500, "System message must be at the beginning.")
        tokens = len(json.dumps([content, body.get("tools")])) // 4
        if tokens > window and body.get("truncate") is False:
            raise _Fault(400, "the input length exceeds the context length")
        told = self._said(body, chat, "ok", "stop", min(tokens, window))
        if body.get("stream") is False:
            return [told]
        first = {**self._said(body, chat, "ok", ""), "done": False}
        return [first, self._said(body, chat, "", "stop", min(tokens, window))]

    @staticmethod
    def _said(body: dict[str, Any], chat: bool, text: str, reason: str, tokens: int = 0) -> dict[str, Any]:
        content = {"message": {"role": "assistant", "content": text}} if chat else {"response": text}
        head = {"model": body["model"], "created_at": "2026-12-01T00:00:00Z"}
        end = {"done": True, "done_reason": reason, "prompt_eval_count": tokens, "eval_count": 1}
        return {**head, **content, **end}


def _full(name: str) -> str:
    return name if ":" in name else name + ":latest"
