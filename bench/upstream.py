"""The upstream of every bench: the demo program, in a process of its own, told over HTTP how to behave."""

import http.client
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from bench.machine import ROOT
from bench.processes import Child


class Upstream(Child):
    """A running demo program. `ports` by personality name."""

    def __init__(self, folder: Path, *names: str, speed: float = 1.0, label: str = "upstream") -> None:
        options = [part for name in names for part in (f"--{name}-port", "0")]
        super().__init__(
            [sys.executable, "-m", "hybridgw.demo", *options, "--speed", str(speed)],
            folder / f"{label}.log",
            env={"PYTHONPATH": os.pathsep.join((str(ROOT / "python"), os.environ.get("PYTHONPATH", "")))},
            stdout=subprocess.PIPE,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            self.stop()
            raise self.fail("the demo upstream did not start")
        self.ports: dict[str, int] = json.loads(line)["ports"]

    def url(self, name: str) -> str:
        """Base URL with `/v1`."""
        return f"http://127.0.0.1:{self.ports[name]}/v1"

    def control(self, name: str, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """A request to `/demo/...` of one personality; raises RuntimeError unless it answers 200."""
        status, raw = request(self.ports[name], method, path, None if body is None else json.dumps(body))
        if status != 200:
            raise RuntimeError(f"{method} {path}: {status} {raw[:300]!r}")
        answer: dict[str, Any] = json.loads(raw)
        return answer

    def behave(self, name: str = "instant", **faults: Any) -> None:
        """Set latency, first token, gap and events of the instant personality; none given: at once."""
        self.control(name, "POST", "/demo/faults", faults)


def request(
    port: int,
    method: str,
    path: str,
    body: str | None = None,
    headers: dict[str, str] | None = None,
    timeout: float = 10.0,
) -> tuple[int, bytes]:
    """One request on a connection of its own: status and body. Raises OSError or HTTPException."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request(method, path, body, {"content-type": "application/json"} | (headers or {}))
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()
