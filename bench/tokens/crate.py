"""Builds the Rust side of these benches, one candidate at a time."""

import json
import subprocess
from pathlib import Path

FOLDER = Path(__file__).parent / "speed"
CANDIDATES = ("ours", "tiktoken", "bpe")


def build(binary: str, candidate: str = "ours") -> Path:
    """The path of the built program. Raises CalledProcessError if cargo fails."""
    command = [
        "cargo",
        "build",
        "--release",
        "--quiet",
        "--manifest-path",
        str(FOLDER / "Cargo.toml"),
    ]
    command += ["--bin", binary, "--message-format", "json"]
    command += [] if candidate == "ours" else ["--features", candidate]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    for line in done.stdout.splitlines():
        message = json.loads(line)
        if message.get("executable") and message["target"]["name"] == binary:
            return Path(message["executable"])
    raise FileNotFoundError(binary)
