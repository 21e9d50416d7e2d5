"""How each gateway is configured, started and asked: one small class each, all with the same face."""

import os
import shutil
import socket
import sys
import time
from http.client import HTTPException
from pathlib import Path
from typing import Protocol

import msgspec

from bench.compare import rivals
from bench.machine import ROOT
from bench.processes import Child, StartError
from bench.upstream import request

KEY = "sk-bench-0123456789abcdef"
"""The key that gateways with authentication check."""
MODEL = "bench"
"""What clients ask for."""


class Running:
    """A started gateway and how to talk to it."""

    def __init__(
        self, gateway: "Gateway", child: Child | None, port: int, stream_port: int | None = None
    ) -> None:
        self.gateway = gateway
        self.child = child
        self.port = port
        self.stream_port = stream_port or port
        self.streams = True
        """Whether streams came through; if not, only documents are measured."""

    @property
    def name(self) -> str:
        """Of the gateway."""
        return self.gateway.name

    @property
    def headers(self) -> dict[str, str]:
        """Request headers that this gateway needs."""
        return self.gateway.headers

    def stop(self) -> None:
        """End it."""
        if self.child is not None:
            self.child.stop()


class Gateway(Protocol):
    """One way from the client to the upstream."""

    name: str
    headers: dict[str, str]
    same_bytes: bool
    """Whether an answer must reach the client exactly as the upstream sent it."""
    translates: bool
    """Whether clients of Messages are measured too, in front of the same upstream."""

    def missing(self) -> str | None:
        """Why it cannot be measured here; None when it can."""

    def start(self, folder: Path, upstream: int) -> Running:
        """Start it in front of the upstream's port. Raises StartError."""


class Direct:
    """No gateway: the floor."""

    name = "direct"
    same_bytes = True
    translates = False

    def __init__(self) -> None:
        self.headers: dict[str, str] = {}

    def missing(self) -> str | None:
        return None

    def start(self, folder: Path, upstream: int) -> Running:
        return Running(self, None, upstream)


class Nginx:
    """`proxy_pass`: what a proxy in C costs that decides nothing."""

    name = "nginx"
    same_bytes = True
    translates = False

    def __init__(self) -> None:
        self.headers: dict[str, str] = {}

    def missing(self) -> str | None:
        return None if shutil.which("nginx") else "no nginx on this machine"

    def start(self, folder: Path, upstream: int) -> Running:
        port, stream_port = free_port(), free_port()
        template = (Path(__file__).parent / "nginx.conf.in").read_text()
        for name, value in {
            "FOLDER": folder,
            "UPSTREAM": upstream,
            "PORT": port,
            "STREAM_PORT": stream_port,
        }.items():
            template = template.replace(f"@{name}@", str(value))
        config = folder / "nginx.conf"
        config.write_text(template)
        child = Child(["nginx", "-c", str(config), "-p", str(folder)], folder / "nginx.log")
        return Running(self, child, port, stream_port)


class Hybridgw:
    """This gateway with key check, journal, breaker and metrics on. `workers` 0: the default number.
    `http`: the server in front, where it is not the usual one."""

    same_bytes = True
    translates = True

    def __init__(self, workers: int, http: str = "auto") -> None:
        self.workers = workers
        self.http = http
        self.name = f"hybridgw, {workers} worker" if workers == 1 else "hybridgw"
        if http != "auto":
            self.name += f", {http}"
        self.headers = {"authorization": f"Bearer {KEY}"}

    def missing(self) -> str | None:
        built = list((ROOT / "python" / "hybridgw").glob("_router_core*.so"))
        return None if built else "the extension is not built: run `make build`"

    def start(self, folder: Path, upstream: int) -> Running:
        port = free_port()
        home = folder / f"hybridgw-{self.workers}-{port}"
        home.mkdir()
        config = home / "hybridgw.yaml"
        deployment = {
            "name": "local/demo",
            "provider": "openai_compatible",
            "model": "demo-instant",
            "url": f"http://127.0.0.1:{upstream}/v1",
            "tier": "local",
        }
        settings = {
            "server": {"host": "127.0.0.1", "port": port, "workers": self.workers, "http": self.http},
            "auth": {"master_key": "${HYBRIDGW_MASTER_KEY}"},
            "state": {"dir": str(home / "state")},
            # 1,500 requests at a time on one worker are part of the programme.
            "transport": {"max_connections": 4096},
            "deployments": [deployment],
            "models": [{"name": MODEL, "deployments": ["local/demo"]}],
        }
        # JSON is YAML.
        config.write_bytes(msgspec.json.encode(settings))
        child = Child(
            [*hybridgw_command(), "serve", "--config", str(config)],
            home / "log",
            env={
                "HYBRIDGW_MASTER_KEY": KEY,
                "HYBRIDGW_STATE_DIR": str(home / "state"),
                "PYTHONPATH": os.pathsep.join((str(ROOT / "python"), os.environ.get("PYTHONPATH", ""))),
            },
        )
        return Running(self, child, port)


class LiteLLM:
    """LiteLLM's proxy, one worker, a master key and nothing else: no database, no callbacks."""

    name = "LiteLLM"
    same_bytes = False
    translates = False

    def __init__(self) -> None:
        self.headers = {"authorization": f"Bearer {KEY}"}

    def missing(self) -> str | None:
        return rivals.LITELLM.missing()

    def start(self, folder: Path, upstream: int) -> Running:
        port = free_port()
        config = folder / "litellm.yaml"
        parameters = {
            "model": "openai/demo-instant",
            "api_base": f"http://127.0.0.1:{upstream}/v1",
            "api_key": "none",
        }
        settings = {
            "model_list": [{"model_name": MODEL, "litellm_params": parameters}],
            "general_settings": {"master_key": KEY},
            "litellm_settings": {"set_verbose": False},
        }
        config.write_bytes(msgspec.json.encode(settings))
        command = [str(rivals.LITELLM.program()), "--config", str(config), "--host", "127.0.0.1"]
        child = Child(
            [*command, "--port", str(port), "--num_workers", "1", "--telemetry", "False"],
            folder / "litellm.log",
            # The price list in the package, not one fetched at start: nothing here leaves the machine.
            env={"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR"},
            cwd=folder,
        )
        return Running(self, child, port)


class Portkey:
    """Portkey's open-source gateway on Node. It has no key check of its own."""

    name = "Portkey"
    same_bytes = False
    translates = False

    def __init__(self) -> None:
        self.headers = {"authorization": f"Bearer {KEY}", "x-portkey-provider": "openai"}

    def missing(self) -> str | None:
        return rivals.PORTKEY.missing()

    def start(self, folder: Path, upstream: int) -> Running:
        port = free_port()
        self.headers["x-portkey-custom-host"] = f"http://127.0.0.1:{upstream}/v1"
        command = ["node", str(rivals.PORTKEY.program()), f"--port={port}", "--headless"]
        child = Child(
            command,
            folder / "portkey.log",
            env={"NODE_ENV": "production", "TRUSTED_CUSTOM_HOSTS": "127.0.0.1,localhost"},
            cwd=folder,
        )
        return Running(self, child, port)


def hybridgw_command() -> list[str]:
    """The installed command beside this interpreter, else the module."""
    installed = Path(sys.executable).parent / "hybridgw"
    return [str(installed)] if installed.exists() else [sys.executable, "-m", "hybridgw.cli"]


def free_port() -> int:
    """A port of loopback that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def chat_body(*, stream: bool = False, size: int = 1150) -> str:
    """A chat request of exactly `size` bytes."""

    def build(text: str) -> str:
        messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": text}]
        options = {"stream_options": {"include_usage": True}} if stream else {}
        body = {"model": MODEL, "messages": messages, "max_tokens": 64, "stream": stream} | options
        return msgspec.json.encode(body).decode()

    words = "The quick brown fox jumps over the lazy dog. "
    room = size - len(build(""))
    return build((words * (room // len(words) + 1))[:room])


def messages_body(size: int = 1150) -> str:
    """The same request in another dialect than the upstream's, and a stream."""
    chat = msgspec.json.decode(chat_body(size=size))
    system, user = chat["messages"]
    body = {"model": MODEL, "max_tokens": 64, "stream": True, "system": system["content"], "messages": [user]}
    return msgspec.json.encode(body).decode()


def wait_ready(running: Running, timeout: float) -> float:
    """Wait for the first 200 to a chat request; seconds since the program was started. Raises StartError."""
    child = running.child
    started = child.started if child is not None else time.monotonic()
    last = "nothing listens"
    while time.monotonic() - started < timeout:
        if child is not None and not child.alive():
            raise child.fail(f"{running.name} ended with status {child.process.returncode}")
        try:
            status, raw = request(
                running.port, "POST", "/v1/chat/completions", chat_body(), running.headers, timeout=timeout
            )
        except (OSError, HTTPException) as error:
            last = str(error)
        else:
            if status == 200:
                return time.monotonic() - started
            last = f"status {status}: {raw[:200]!r}"
        time.sleep(0.005)
    message = f"{running.name} did not answer in {timeout:g} s ({last})"
    raise child.fail(message) if child is not None else StartError(message)
