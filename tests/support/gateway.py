"""A real gateway for integration tests: the command line, its processes, on loopback.

    with Gateway({"deployments": [...]}) as gateway:
        answer = gateway.post("/v1/chat/completions", {...})

Every gateway has its own state folder and port, ends with SIGTERM and must then exit with 0: a
test that leaves the gateway broken fails even if nobody looks.
"""

import http.client
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from tests.support.waiting import children, free_port

ROOT = Path(__file__).resolve().parents[2]
START_LIMIT = 20.0


class Answer(NamedTuple):
    """A complete HTTP answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Gateway:
    """A running gateway; see the module."""

    def __init__(
        self,
        config: Mapping[str, Any] | str | None,
        *,
        workers: int = 1,
        arguments: tuple[str, ...] = (),
        environ: Mapping[str, str] | None = None,
        exit_status: int = 0,
        prefix: tuple[str, ...] = (),
        stdout: int | None = None,
    ) -> None:
        """`stdout`: a descriptor in place of the log, which then holds standard error alone."""
        self._stdout = stdout
        self._folder = tempfile.TemporaryDirectory(prefix="hybridgw-test-")
        self.folder = Path(self._folder.name)
        self.state_dir = self.folder / "state"
        self.config_file = self.folder / "hybridgw.yaml"
        self.port = free_port()
        self.exit_status = exit_status
        command = [*prefix, sys.executable, "-m", "hybridgw.cli", "serve", "--port", str(self.port)]
        command += ["--workers", str(workers), *arguments]
        if config is not None:
            text = config if isinstance(config, str) else json.dumps(config)
            self.config_file.write_text(text)
            command += ["--config", str(self.config_file)]
        kept = {"PATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV"}
        self._environ = {name: value for name, value in os.environ.items() if name in kept}
        self._environ |= {"PYTHONPATH": str(ROOT / "python"), "HYBRIDGW_STATE_DIR": str(self.state_dir)}
        self._environ |= environ or {}
        self._command = command
        self.log_file = self.folder / "log"
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Gateway":
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                self._command,
                env=self._environ,
                cwd=self.folder,
                stdout=log if self._stdout is None else self._stdout,
                stderr=log,
            )
        end = time.monotonic() + START_LIMIT
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise AssertionError(f"the gateway ended with {self.process.returncode}:\n{self.log()}")
            try:
                if self.get("/health/liveliness").status == 200:
                    return self
            except OSError:
                time.sleep(0.01)
        self.process.kill()
        raise AssertionError(f"the gateway did not come up:\n{self.log()}")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        process = self.process
        assert process is not None
        try:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            status = process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            raise AssertionError(f"the gateway did not stop:\n{self.log()}") from None
        finally:
            log = self.log()
            self._folder.cleanup()
        if error is None:
            assert status == self.exit_status, f"exit status {status}:\n{log}"
            assert "Traceback" not in log, log

    def log(self) -> str:
        """What the gateway has written so far."""
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def connect(self, timeout: float = 10.0) -> http.client.HTTPConnection:
        """A client connection to this gateway."""
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """One request on a connection of its own."""
        connection = self.connect()
        try:
            connection.request(method, path, body, dict(headers or {}))
            response = connection.getresponse()
            data = response.read()
            return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, data)
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Answer:
        """GET."""
        return self.request("GET", path, headers={k.replace("_", "-"): v for k, v in headers.items()})

    def post(self, path: str, body: Any, headers: Mapping[str, str] | None = None) -> Answer:
        """POST JSON; bytes go out as they are."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.request("POST", path, data, {"content-type": "application/json", **(headers or {})})

    def pids(self) -> list[int]:
        """Process ids of the workers: grandchildren of the supervisor that serve."""
        assert self.process is not None
        return [pid for child in children(self.process.pid) for pid in children(child)]

    def journal(self) -> list[dict[str, Any]]:
        """All attempts, as `hybridgw journal --json` prints them."""
        command = [
            sys.executable,
            "-m",
            "hybridgw.cli",
            "journal",
            "--json",
            "--state-dir",
            str(self.state_dir),
        ]
        done = subprocess.run(command, env=self._environ, capture_output=True, check=True, timeout=30)
        return [json.loads(line) for line in done.stdout.splitlines()]
