"""The first minutes: the example on the start screen works as it stands, and a wheel serves without a
compiler, a checkout or anything else of ours on the machine."""

import json
import os
import re
import signal
import subprocess
import sys
import sysconfig
import urllib.request
import venv
from pathlib import Path

import pytest

from tests.support.gateway import ROOT, Gateway
from tests.support.waiting import free_port, until


def example(log: str) -> str:
    """The shell command of the start screen."""
    found = re.search(r"^  (curl .*?(?:\\\n.*?)*)$", log, re.MULTILINE)
    assert found, log
    return found.group(1)


def test_the_example_of_the_start_screen_works() -> None:
    with Gateway(None) as gateway:
        log = until(lambda: gateway.log() if "listening on" in gateway.log() else "")
        done = subprocess.run(["bash", "-c", example(log)], capture_output=True, check=True, timeout=20)
        assert json.loads(done.stdout)["choices"][0]["message"]["content"]
    assert re.search(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4} hybridgw serve: listening", log, re.MULTILINE)


def test_the_example_with_a_key() -> None:
    config = {
        "auth": {"master_key": "sk-start"},
        "deployments": [
            {
                "name": "local/gone",
                "provider": "openai_compatible",
                "model": "m",
                "url": "http://127.0.0.1:1/v1",
            }
        ],
    }
    with Gateway(config) as gateway:
        log = until(lambda: gateway.log() if "listening on" in gateway.log() else "")
        assert "sk-start" not in log
        environ = {"PATH": os.environ["PATH"], "HYBRIDGW_MASTER_KEY": "sk-start"}
        done = subprocess.run(
            ["bash", "-c", example(log)], capture_output=True, check=True, timeout=20, env=environ
        )
        error = json.loads(done.stdout)["error"]
        assert error["type"] != "authentication_error", "the key was taken; only the engine is not there"


@pytest.mark.timeout(600)
def test_a_wheel_serves_without_a_compiler(tmp_path: Path) -> None:
    built = tmp_path / "dist"
    command = ["maturin", "build", "--release", "--locked", "--quiet", "--interpreter", sys.executable]
    environ = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    subprocess.run([*command, "--out", str(built)], cwd=ROOT, env=environ, check=True, timeout=590)
    (wheel,) = built.glob("hybridgw-*.whl")
    clean = tmp_path / "clean"
    venv.create(clean, with_pip=False)
    python = str(clean / "bin" / "python")
    pip = [sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check", "--quiet"]
    subprocess.run([*pip, "install", "--no-index", "--no-deps", str(wheel)], check=True, timeout=60)
    # What it depends on comes from this environment, without asking a registry; hybridgw itself does not,
    # because a path in such a file is searched for packages and not for further files of this kind.
    (site,) = clean.glob("lib/python*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_paths()["purelib"])
    port = free_port()
    environ = {
        "PATH": str(clean / "bin"),
        "HOME": str(tmp_path),
        "HYBRIDGW_STATE_DIR": str(tmp_path / "state"),
    }
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [str(clean / "bin" / "hybridgw"), "serve", "--port", str(port), "--workers", "1"],
            env=environ,
            cwd=tmp_path,
            stdout=log,
            stderr=log,
        )
    try:
        said = until(lambda: _listening(tmp_path / "log"))
        body = json.dumps({"model": "auto", "messages": [{"role": "user", "content": "Hello"}]}).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/v1/chat/completions", body, {"content-type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            assert answer.status == 200
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0, (tmp_path / "log").read_text()
    docs = clean / "share" / "doc" / "hybridgw"
    assert f"docs     {docs}" in said
    assert {one.name for one in docs.iterdir()} == {one.name for one in (ROOT / "docs").glob("*.md")}


def _listening(log: Path) -> str:
    text = log.read_text()
    return text if "listening on" in text else ""
