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
FOUND = ROOT / "target" / "compatibility.json"
"""How the cases ended in the last run in which all of them ran. Outside what is committed: a test run
leaves the checkout as it was."""

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


def encoded(endings: Mapping[str, Ending]) -> bytes:
    """The file that these endings make."""
    ordered = dict(sorted(endings.items()))
    data = msgspec.json.encode(Results(clients=client_versions(), cases=ordered))
    return msgspec.json.format(data, indent=1) + b"\n"


def note(endings: Mapping[str, Ending]) -> bool:
    """Keep these as what was found, for `tests.conformance.report`. True when they differ from what is
    committed."""
    data = encoded(endings)
    FOUND.parent.mkdir(parents=True, exist_ok=True)
    FOUND.write_bytes(data)
    return not RESULTS.exists() or RESULTS.read_bytes() != data


def take_over() -> None:
    """Make what was found last the committed results."""
    if FOUND.exists():
        RESULTS.write_bytes(FOUND.read_bytes())
