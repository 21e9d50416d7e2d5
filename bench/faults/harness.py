"""A gateway under test with its upstreams: started in a temporary folder, read from outside only.

What is asserted comes from where an operator would look: answers, `/metrics`, `/health`, the journal
command, /proc. Nothing reaches into the gateway.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, Self

import msgspec

from bench import machine, processes, report
from bench.compare.gateways import KEY, MODEL, chat_body, free_port, hybridgw_command
from bench.load import LoadSpec
from bench.machine import ROOT
from bench.processes import Child
from bench.upstream import Upstream, request

_SAMPLE = re.compile(r"^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? ([-+\d.eEinfNa]+)$")


def worker_of(request_id: str) -> str:
    """The worker's slot: the second part of a request id."""
    return request_id.split("-")[1]


class Promises:
    """What a run promised and whether it was kept, with the figures beside."""

    def __init__(self) -> None:
        self.figures: dict[str, Any] = {}
        self.kept: list[dict[str, Any]] = []

    def figure(self, name: str, value: Any) -> None:
        """Record a figure."""
        self.figures[name] = value

    def promise(self, text: str, kept: bool) -> None:
        """Record a promise."""
        self.kept.append({"promise": text, "kept": bool(kept)})

    def finish(self, what: str, *, write: bool) -> int:
        """Print, write JSON if asked; the exit status."""
        document = {"figures": self.figures, "promises": self.kept}
        if write:
            print(f"written: {machine.write(what, document).relative_to(ROOT)}")
        print(json.dumps(document))
        print(report.faults_page(document))
        return 0 if all(row["kept"] for row in self.kept) else 1


class Gateway:
    """hybridgw in front of demo upstreams `a` and `b` (one model, both equal), or in front of the caller's
    own, by name and URL. Use as a context manager."""

    def __init__(
        self,
        *,
        workers: int = 2,
        speed: float = 0.0,
        settings: Mapping[str, dict[str, Any]] | None = None,
        urls: Mapping[str, str] | None = None,
        retries: int = 1,
    ) -> None:
        processes.raise_file_limit()
        self._folder = tempfile.TemporaryDirectory(prefix="bench-faults-")
        self.folder = Path(self._folder.name)
        self.port = free_port()
        self.speed = speed
        names = () if urls else ("a", "b")
        self.upstreams = {name: Upstream(self.folder, "local", speed=speed, label=name) for name in names}
        self.ports = {name: one.ports["local"] for name, one in self.upstreams.items()}
        urls = urls or {name: one.url("local") for name, one in self.upstreams.items()}
        self.state = self.folder / "state"
        config: dict[str, Any] = {
            "server": {"host": "127.0.0.1", "port": self.port, "workers": workers},
            "auth": {"master_key": KEY},
            "state": {"dir": str(self.state)},
            "deployments": [
                {
                    "name": f"local/{name}",
                    "provider": "openai_compatible",
                    "model": "demo-local",
                    "url": url,
                    "tier": "local",
                }
                for name, url in urls.items()
            ],
            "models": [
                {"name": MODEL, "deployments": [f"local/{name}" for name in urls], "retries": retries}
            ],
        }
        file = self.folder / "hybridgw.yaml"
        for section, values in (settings or {}).items():
            config[section] = config.get(section, {}) | values
        file.write_bytes(msgspec.json.encode(config))
        self.child = Child(
            [*hybridgw_command(), "serve", "--config", str(file)],
            self.folder / "gateway.log",
            env={"PYTHONPATH": os.pathsep.join((str(ROOT / "python"), os.environ.get("PYTHONPATH", "")))},
        )

    def __enter__(self) -> Self:
        try:
            self.wait(lambda: self.chat()[0] == 200, 20, "the gateway to answer")
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End everything that was started."""
        self.child.stop()
        for one in self.upstreams.values():
            one.stop()
        self._folder.cleanup()

    def chat(self, **faults: Any) -> tuple[int, bytes]:
        """One request that is not a stream; (0, b"") if the connection failed."""
        fields = json.loads(chat_body())
        body = json.dumps(fields | ({"demo_fault": faults} if faults else {}))
        try:
            return request(self.port, "POST", "/v1/chat/completions", body, self.headers)
        except (OSError, HTTPException):
            return 0, b""

    @property
    def headers(self) -> dict[str, str]:
        """Request headers with the key."""
        return {"authorization": f"Bearer {KEY}"}

    def spec(self, **more: Any) -> LoadSpec:
        """A load on this gateway."""
        return LoadSpec(url=f"http://127.0.0.1:{self.port}/v1", model=MODEL, key=KEY, **more)

    def load(self, **more: Any) -> subprocess.Popen[bytes]:
        """The same in a process of its own, dumping its result to its standard output."""
        client = subprocess.Popen(
            [sys.executable, "-m", "bench.load", "--spec", "-", "--dump"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
        )
        assert client.stdin is not None
        client.stdin.write(msgspec.json.encode(self.spec(**more)))
        client.stdin.close()
        client.stdin = None
        return client

    def workers(self) -> list[int]:
        """Pids of the worker processes: children of the process server that run the same program."""
        serving = [pid for pid in self.child.tree() if "serve_workers" in processes.command_line(pid)]
        return [pid for pid in serving if processes.parent(pid) in serving]

    def metrics(self) -> dict[str, float]:
        """`/metrics` as `name{labels}` to value; empty if it could not be read."""
        try:
            status, raw = request(self.port, "GET", "/metrics", headers=self.headers)
        except (OSError, HTTPException):
            return {}
        found = {}
        for line in raw.decode().splitlines() if status == 200 else ():
            match = _SAMPLE.match(line)
            if match:
                found[f"{match[1]}{{{match[2] or ''}}}"] = float(match[3])
        return found

    def total(self, name: str, *labels: str) -> float:
        """Sum of the samples of a metric whose labels contain all of `labels`."""
        rows = self.metrics().items()
        return sum(v for k, v in rows if k.startswith(name + "{") and all(text in k for text in labels))

    def breaker(self, deployment: str) -> str:
        """State of a deployment's breaker, as any worker tells it; empty if unknown."""
        label = f'deployment="{deployment}"'
        for key, value in self.metrics().items():
            if key.startswith("hybridgw_breaker_state{") and label in key and value == 1:
                match = re.search(r'state="(\w+)"', key)
                return match[1] if match else ""
        return ""

    def breakers(self, deployment: str, workers: int) -> dict[str, str]:
        """State of a deployment's breaker as each worker tells it, by worker.

        A worker cannot be addressed: connections are opened until all have answered on one. The
        request id names the worker, and `/health` on the same connection is its own view.
        """
        found: dict[str, str] = {}
        for _ in range(50 * workers):
            connection = HTTPConnection("127.0.0.1", self.port, timeout=10.0)
            try:
                headers = self.headers | {"content-type": "application/json"}
                connection.request("POST", "/v1/chat/completions", chat_body(), headers)
                answer = connection.getresponse()
                answer.read()
                worker = worker_of(answer.headers["x-request-id"])
                connection.request("GET", "/health", headers=self.headers)
                deployments = json.loads(connection.getresponse().read())["deployments"]
            finally:
                connection.close()
            found[worker] = next(one["breaker"] for one in deployments if one["name"] == deployment)
            if len(found) == workers:
                break
        return found

    def journal(self) -> list[dict[str, Any]]:
        """Every attempt in the journal, as the command prints it."""
        done = subprocess.run(
            [*hybridgw_command(), "journal", "--state-dir", str(self.state), "--json"],
            capture_output=True,
            timeout=60,
            check=True,
            env=dict(os.environ) | {"PYTHONPATH": str(ROOT / "python")},
        )
        return [json.loads(line) for line in done.stdout.splitlines() if line.strip()]

    def restart(self, name: str) -> None:
        """Start an upstream again on the port that it had."""
        env = {"PYTHONPATH": os.pathsep.join((str(ROOT / "python"), os.environ.get("PYTHONPATH", "")))}
        command = [sys.executable, "-m", "hybridgw.demo", "--local-port", str(self.ports[name])]
        again = Child([*command, "--speed", str(self.speed)], self.folder / f"{name}-again.log", env=env)
        old = self.upstreams[name]
        old.process, old.log, old.started = again.process, again.log, again.started

    @staticmethod
    def wait(condition: Callable[[], bool], seconds: float, what: str) -> float:
        """Wait for a condition; how long it took. Raises TimeoutError."""
        started = time.monotonic()
        while not condition():
            if time.monotonic() - started > seconds:
                raise TimeoutError(f"waited {seconds:g} s for {what}")
            time.sleep(0.02)
        return time.monotonic() - started
