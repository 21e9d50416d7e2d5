"""What all cases share: one scripted upstream per kind of backend, and gateways by their settings.

Deployments are named after their provider, and a model after its deployment, so a case asks for the
model `anthropic` and scripts `stage.stub("anthropic")`. Gateways start when first asked for; most cases
need the one called `main`.
"""

import contextlib
from collections.abc import Mapping
from types import TracebackType
from typing import Any

import prometheus_client.parser

from tests.conformance.clients import Node, Python
from tests.conformance.stub import Stub
from tests.support.gateway import Answer, Gateway

MASTER_KEY = "sk-gateway-0123456789abcdef"
UPSTREAM_KEY = "sk-upstream-0123456789abcdef"

CHAT = "/v1/chat/completions"
MESSAGES = "/v1/messages"
RESPONSES = "/v1/responses"
USER: list[dict[str, Any]] = [{"role": "user", "content": "hello"}]

Deployments = Mapping[str, Mapping[str, Any]]

BACKENDS: Deployments = {
    "openai": {"api_key": UPSTREAM_KEY},
    "openai_compatible": {},
    "second": {"provider": "openai_compatible"},
    "vllm": {},
    "tgi": {},
    "llama_server": {},
    "litert_lm": {},
    "ollama": {"num_ctx": 8192},
    "anthropic": {"api_key": UPSTREAM_KEY},
    "gemini": {"api_key": UPSTREAM_KEY, "url_path": "/v1beta"},
    "openrouter": {"api_key": UPSTREAM_KEY, "url_path": "/api/v1"},
    "impatient": {"provider": "openai_compatible", "timeouts": {"total": "300ms", "first_token": "300ms"}},
    "plain": {"provider": "ollama", "num_ctx": 8192, "thinking": False},
    "embedder": {"provider": "ollama", "mode": "embedding"},
    "abroad": {"provider": "openai", "api_key": UPSTREAM_KEY, "boundary": "external", "tier": "cloud"},
    "relayed": {"provider": "ollama", "upstream_model": "gpt-oss:120b-cloud"},
    "copied": {"provider": "ollama"},
}
"""Each has a stub of its own. What is not said here is `Stage._deployment`."""

MODELS = [
    {"name": "loading", "deployments": ["llama_server", "second"], "retries": 0, "strategy": "priority"},
    {"name": "pair", "deployments": ["openai_compatible", "second"], "retries": 0, "strategy": "priority"},
    {"name": "balanced", "deployments": ["vllm", "second"], "retries": 0, "strategy": "least_busy"},
    {"name": "guarded", "deployments": ["openai_compatible", "abroad"], "retries": 0, "strategy": "priority"},
    {"name": "openrouter/a/b:free", "deployments": ["openrouter"], "retries": 0},
    {"name": "hosted", "deployments": ["relayed"], "retries": 0},
]

_COMMON: dict[str, Any] = {
    "timeouts": {"first_token": "4s", "idle": "2s", "total": "8s", "connect": "1s"},
    "server": {"heartbeat": "5s", "commit_after": "5s", "drain": "5s"},
    # A case must not feel what another one did to the same backend.
    "breaker": {"enabled": False, "throttle": "1ms", "credential": "1ms", "credit": "1ms"},
    "health": {"enabled": False},
}
SETTINGS: dict[str, dict[str, Any]] = {
    "main": {},
    "strict": {"translation": {"unsupported": "error"}},
    # Hours of waiting in a few hundred milliseconds.
    "patient": {"server": {"heartbeat": "60ms", "commit_after": "60ms", "drain": "5s"}},
    # Engines are asked for their load all the time.
    "watchful": {"health": {"interval": "50ms"}},
    "keyed": {"auth": {"master_key": MASTER_KEY}},
}


class Stage:
    """See the module."""

    def __init__(self) -> None:
        self._stubs: dict[str, Stub] = {}
        self._gateways: dict[str, Gateway] = {}
        self._node: Node | None = None
        self._clients: list[Python] = []
        self._open = contextlib.ExitStack()

    def __enter__(self) -> "Stage":
        for name in BACKENDS:
            self._stubs[name] = Stub()
            self._open.enter_context(self._stubs[name])
        self._stubs["copied"].tags = [{"name": "played:latest", "remote_host": "https://ollama.com"}]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.clear()
        # Each is ended, whatever the others say of their own end.
        self._open.__exit__(kind, error, trace)

    def clear(self) -> None:
        """No upstream has a script or a memory."""
        for stub in self._stubs.values():
            stub.clear()
        for clients in self._clients:
            clients.close()
        self._clients.clear()

    def stub(self, name: str = "openai_compatible") -> Stub:
        """The upstream behind the deployment `name`."""
        return self._stubs[name]

    def asked(self) -> list[str]:
        """Upstreams that were asked for inference, by name."""
        return [name for name, stub in self._stubs.items() if stub.seen]

    def gateway(self, settings: str = "main") -> Gateway:
        """The gateway with these settings."""
        if settings not in self._gateways:
            gateway = Gateway(self._config(SETTINGS[settings]))
            self._gateways[settings] = self._open.enter_context(gateway)
        return self._gateways[settings]

    def python(self, settings: str = "main", key: str = MASTER_KEY) -> Python:
        """The Python clients, pointed at a gateway."""
        clients = Python(self.gateway(settings).url, key)
        self._clients.append(clients)
        return clients

    def node(self) -> Node:
        """The JavaScript clients. MissingClient where there are none."""
        if self._node is None:
            self._node = Node()
            self._open.callback(self._node.close)
        return self._node

    def chat(
        self,
        model: str = "openai_compatible",
        *,
        settings: str = "main",
        headers: Mapping[str, str] | None = None,
        **body: Any,
    ) -> Answer:
        """POST a chat request."""
        return self.post(CHAT, {"model": model, "messages": USER, **body}, settings, headers)

    def post(
        self, path: str, body: Any, settings: str = "main", headers: Mapping[str, str] | None = None
    ) -> Answer:
        """POST to a gateway; the one with a key gets it."""
        said = dict(headers or {})
        if settings == "keyed" and not said.keys() & {"authorization", "x-api-key"}:
            said["authorization"] = f"Bearer {MASTER_KEY}"
        return self.gateway(settings).post(path, body, said)

    def metric(self, name: str, settings: str = "main", **labels: str) -> float:
        """The sum of the samples with this name and these labels."""
        return sum(
            float(sample.value)
            for sample in self.samples(settings)
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    def samples(self, settings: str = "main") -> list[Any]:
        """All samples of the metrics page."""
        page = self.gateway(settings).get("/metrics", **self._key(settings)).body.decode()
        families = prometheus_client.parser.text_string_to_metric_families(page)
        return [sample for family in families for sample in family.samples]

    @staticmethod
    def _key(settings: str) -> dict[str, str]:
        return {"authorization": f"Bearer {MASTER_KEY}"} if settings == "keyed" else {}

    def _config(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        deployments = [self._deployment(name, told) for name, told in BACKENDS.items()]
        own = [{"name": name, "deployments": [name], "retries": 0} for name in BACKENDS]
        return {**_COMMON, "deployments": deployments, "models": [*own, *MODELS], **settings}

    def _deployment(self, name: str, told: Mapping[str, Any]) -> dict[str, Any]:
        rest = {key: value for key, value in told.items() if key not in ("url_path", "upstream_model")}
        return {
            "name": name,
            "provider": name,
            "url": f"http://127.0.0.1:{self._stubs[name].port}{told.get('url_path', '')}",
            "model": told.get("upstream_model", "played"),
            "tier": "local",
            "boundary": "device",
            **rest,
        }
