"""How cases ended, as a file that is committed: no times, no paths, nothing of one machine.

A case that could not run for want of a client library keeps what is known of it.
"""

import importlib.metadata
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "docs" / "compatibility.json"
PAGE = ROOT / "docs" / "compatibility.md"

_PYTHON = {"openai-python": "openai", "anthropic-python": "anthropic", "ollama-python": "ollama"}
_PYTHON |= {"langchain-openai": "langchain-openai"}
_NODE = {"openai-node": "openai", "anthropic-js": "@anthropic-ai/sdk"}


class Ending(msgspec.Struct, frozen=True, omit_defaults=True):
    """How one case ended."""

    result: Literal["passed", "failed", "not applicable", "pending"]
    reason: str = ""


class Results(msgspec.Struct, frozen=True):
    """The whole file."""

    clients: dict[str, str]
    """Versions of the client libraries."""
    cases: dict[str, Ending]


def client_versions() -> dict[str, str]:
    """The client libraries of this checkout: what is installed of Python's, what is locked of Node's."""
    lock = json.loads((Path(__file__).parent / "node" / "package-lock.json").read_text())["packages"]
    versions = {name: importlib.metadata.version(package) for name, package in _PYTHON.items()}
    return versions | {name: lock[f"node_modules/{package}"]["version"] for name, package in _NODE.items()}


def committed() -> Results:
    """What the checkout holds."""
    if not RESULTS.exists():
        return Results(clients={}, cases={})
    return msgspec.json.decode(RESULTS.read_bytes(), type=Results)


def write(endings: Mapping[str, Ending]) -> bool:
    """Replace the committed results by these. True when that changes the file."""
    ordered = dict(sorted(endings.items()))
    encoded = msgspec.json.encode(Results(clients=client_versions(), cases=ordered))
    data = msgspec.json.format(encoded, indent=1) + b"\n"
    if RESULTS.exists() and RESULTS.read_bytes() == data:
        return False
    RESULTS.write_bytes(data)
    return True
