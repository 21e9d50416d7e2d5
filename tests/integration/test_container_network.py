"""A LiteLLM file of a Compose stack: its own Ollama may see what is sensitive after one line."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.gateway import ROOT

UNSHARE = ("unshare", "--user", "--map-root-user", "--net", "--mount")
FILE = """
model_list:
- model_name: near
  litellm_params: {model: ollama/llama3, api_base: "http://ollama:11434", stream: true}
- model_name: far
  litellm_params: {model: gpt-4o, api_key: sk-none}
litellm_settings: {default_fallbacks: [far]}
general_settings: {master_key: sk-your-proxy-master-key}
"""


def _possible() -> bool:
    try:
        command = [*UNSHARE, "ip", "tuntap", "add", "br-x", "mode", "tap"]
        return subprocess.run(command, capture_output=True, timeout=10).returncode == 0
    except OSError:
        return False


@pytest.mark.skipif(not _possible(), reason="this host allows no network namespace")
def test_the_line_that_the_start_names_is_enough(tmp_path: Path) -> None:
    file = tmp_path / "litellm.yaml"
    file.write_text(FILE)
    command = [*UNSHARE, sys.executable, "-m", "tests.support.container_network", str(file), "near"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["line"] == "hybridgw: {boundaries: {device: {networks: [172.30.77.0/24]}}}"
    assert seen["refused"][0] == 403
    status, answer = seen["answered"]
    assert (status, answer["choices"][0]["message"]["content"]) == (200, "from the own engine")
