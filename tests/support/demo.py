"""The demo upstreams as a process of their own, with faults on demand; see `hybridgw.demo`."""

import http.client
import json
import os
import subprocess
import sys
from types import TracebackType
from typing import Any

from tests.support.gateway import ROOT

TIERS = ("local", "private", "cloud")


class Demo:
    """Three upstreams on loopback, answering at once. They die with the test that started them."""

    def __enter__(self) -> "Demo":
        announce, told = os.pipe()
        lifeline, self._held = os.pipe()
        command = [sys.executable, "-m", "hybridgw.demo", "--speed", "0"]
        command += ["--announce-fd", str(told), "--lifeline-fd", str(lifeline)]
        for tier in TIERS:
            command += [f"--{tier}-port", "0"]
        environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "python")}
        self._process = subprocess.Popen(command, env=environ, pass_fds=(told, lifeline))
        os.close(told)
        os.close(lifeline)
        with os.fdopen(announce, "rb") as line:
            announced = json.loads(line.readline())
        self.ports: dict[str, int] = announced["ports"]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._held)
        self._process.wait(10)

    def deployment(self, tier: str, **more: Any) -> dict[str, Any]:
        """A deployment of the native configuration for one of the upstreams."""
        return {
            "name": f"{tier}/m",
            "provider": "openai_compatible",
            "url": f"http://127.0.0.1:{self.ports[tier]}/v1",
            "model": f"demo-{tier}",
            "tier": tier,
            "boundary": "device",
            **more,
        }

    def fault(self, tier: str, spec: str, count: int | None = None, path: str | None = None) -> None:
        """Plan faults for the next requests of one upstream, or for all until `reset`. `path`: only for
        those; a gateway asks engines questions of its own, which would use them up."""
        body: dict[str, Any] = {"fault": spec} if path is None else {"fault": spec, "path": path}
        if count is not None:
            body["count"] = count
        status, answer = self._ask(tier, "POST", "/demo/faults", body)
        assert status < 300, answer

    def requests(self, tier: str, method: str = "POST") -> list[dict[str, Any]]:
        """Requests that arrived since the last reset, oldest first; the default method is that of model
        requests."""
        status, answer = self._ask(tier, "GET", "/demo/requests")
        assert status == 200
        return [entry for entry in answer["requests"] if entry["method"] == method]

    def reset(self) -> None:
        """No planned faults, an empty log."""
        for tier in TIERS:
            self._ask(tier, "DELETE", "/demo/faults")
            self._ask(tier, "DELETE", "/demo/requests")

    def _ask(self, tier: str, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.ports[tier], timeout=5)
        try:
            data = None if body is None else json.dumps(body)
            connection.request(method, path, data, {"content-type": "application/json"})
            response = connection.getresponse()
            raw = response.read()
            return response.status, json.loads(raw) if raw else None
        finally:
            connection.close()
