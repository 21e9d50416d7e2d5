"""The direction of knowledge, as a failing test: an import may only point down this list.

A rule that is only written down decays; ARCHITECTURE.md explains these, this file enforces them.
"""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.uses import circles, nearest, python_names, rust_module, rust_paths

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "python" / "hybridgw"
CRATES = ROOT / "crates"
CRATE = CRATES / "router_core" / "src"
LEARNER = CRATES / "complexity_train" / "src"

# Highest first. Rooms of one line may not import one another.
LAYERS = [
    {"cli"},
    {"commands"},
    {"server"},
    {"host"},
    {"pipeline"},
    {"routing", "ledger", "telemetry"},
    {"transport", "front"},
    {"providers", "dialects"},
    {"wire", "sse", "config"},
    {"core"},
    {"native", "errors", "__init__"},
]
RANK = {room: rank for rank, rooms in enumerate(LAYERS) for room in rooms}
# Stands alone: it imitates what is on the other side of the wire.
ALONE = {"demo"}
# Renders a compiled plan and the cells beside it.
SIDEWAYS = {("telemetry", "routing")}

# What protocol code may take from outside of the package: it turns bytes into values and back.
PURE = {
    "abc", "array", "base64", "binascii", "collections", "datetime", "email", "functools", "hashlib",
    "itertools", "math", "msgspec", "orjson", "re", "secrets", "sys", "time", "types", "typing",
}  # fmt: skip
PURE_MODULES = {"urllib.parse"}
REACHING_OUT = {f"builtins.{name}" for name in ("open", "exec", "eval", "compile", "input", "__import__")}

# The ground of the crate, and the rooms above it that do not know one another.
GROUND = {"types", "error", "shared", "json", "text", "plan"}
MIDDLE = {"body", "policy", "select", "breaker", "stream", "limits", "tokens", "sensitivity", "complexity"}
# What reads a clock, starts something or leaves the process.
OUTSIDE = ("std::time", "std::thread", "std::env", "std::process", "std::net", "std::os", "std::fs", "libc")
# Values that carry no effect, and the one room that maps files.
HARMLESS = ("std::time::Duration", "std::net::Ip", "std::env!")
MAPS_FILES = {"shared"}
MAY_MEASURE = {"py"}

SOURCES = sorted(path for path in PACKAGE.rglob("*.py"))
RUST = sorted(CRATE.rglob("*.rs"))
LEARNING = sorted(LEARNER.rglob("*.rs"))


def room_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[0]


def ids(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _may_know(room: str, other: str) -> bool:
    if room in ALONE:
        return other == room
    if other in (room, "__version__", "__file__") or other.startswith("_router_core"):
        return True
    if room == "cli" and other in ALONE:
        return True
    return other in RANK and (RANK[other] > RANK[room] or (room, other) in SIDEWAYS)


def _is_pure(name: str) -> bool:
    if name.startswith("builtins."):
        return name not in REACHING_OUT
    if name.partition(".")[0] in PURE or name == "hybridgw":
        return True
    return any(name == it or name.startswith(f"{it}.") or it.startswith(f"{name}.") for it in PURE_MODULES)


def python_breaches(room: str, text: str) -> list[str]:
    """What a file of this room reaches that it may not."""
    found = []
    if any(isinstance(node, ast.ImportFrom) and node.level for node in ast.walk(ast.parse(text))):
        found.append("a relative import hides the direction")
    for name in sorted(python_names(text)):
        if name.startswith("hybridgw."):
            if not _may_know(room, name.split(".")[1]):
                found.append(f"{room} must not know {name}")
            if "_router_core" in name and room != "native":
                found.append(f"only native.py knows {name}")
        elif room in ("providers", "dialects", "sse") and not _is_pure(name):
            found.append(f"protocol code must not use {name}")
        if name.startswith(("os.environ", "os.getenv", "os.putenv", "posix.environ")):
            found.append(f"only config.load reads the environment: {name}")
    return found


def rust_breaches(module: tuple[str, ...], text: str) -> list[str]:
    """What a file of this module reaches that it may not."""
    room = module[1] if len(module) > 1 else "lib"
    found = []
    for path in sorted(rust_paths(text, module)):
        parts = path.split("::")
        other = parts[1] if parts[0] == "crate" and len(parts) > 1 else ""
        if room in MIDDLE and other in (MIDDLE | {"router", "py"}) - {room}:
            found.append(f"{room} must not know {path}")
        if room in GROUND and other in MIDDLE | {"router", "py"}:
            found.append(f"{room} must not know {path}")
        if room == "router" and other == "py":
            found.append(f"{room} must not know {path}")
        if parts[0] == "pyo3" and room not in ("py", "lib"):
            found.append(f"{room} must not know Python: {path}")
        outside = path == "std" or any(path == it or path.startswith(f"{it}::") for it in OUTSIDE)
        measures = room in MAY_MEASURE and path.startswith("std::time")
        maps = room in MAPS_FILES and path.startswith(("std::fs", "std::os", "libc", "std::process::id"))
        if outside and not (path.startswith(HARMLESS) or maps or measures):
            found.append(f"{room} must not use {path}")
    return found


@pytest.mark.parametrize("path", SOURCES, ids=ids)
def test_python_knows_only_what_lies_below(path: Path) -> None:
    found = python_breaches(room_of(path), path.read_text())
    if path == PACKAGE / "config" / "load.py":
        found = [breach for breach in found if "environment" not in breach]
    assert not found


@pytest.mark.parametrize("name", ["seam", "head", "chunks", "render"])
def test_http_itself_is_read_and_written_without_io(name: str) -> None:
    path = PACKAGE / "front" / f"{name}.py"
    assert not {"socket", "asyncio", "uvloop", "os", "pathlib"} & python_names(path.read_text())


@pytest.mark.parametrize("path", SOURCES, ids=ids)
def test_every_module_opens_by_arguing_for_itself(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text())), f"{path} has no module docstring"


def is_test(path: Path) -> bool:
    return "tests" in path.parts or path.stem == "tests"


@pytest.mark.parametrize("path", RUST + LEARNING, ids=ids)
def test_every_rust_module_opens_with_a_header(path: Path) -> None:
    if not is_test(path):
        assert path.read_text().startswith("//!"), f"{path} has no //! header"


@pytest.mark.parametrize("path", RUST, ids=ids)
def test_rust_knows_only_what_lies_below(path: Path) -> None:
    if not is_test(path):
        assert not rust_breaches(rust_module(path, CRATE), path.read_text())


@pytest.mark.parametrize("path", LEARNING, ids=ids)
def test_the_learner_knows_rows_only(path: Path) -> None:
    paths = rust_paths(path.read_text(), rust_module(path, LEARNER))
    assert not [it for it in paths if it.startswith(("router_core", "pyo3", "std::io", *OUTSIDE))]


@pytest.mark.parametrize("path", RUST, ids=ids)
def test_only_one_rust_file_knows_the_learner(path: Path) -> None:
    if path != CRATE / "complexity" / "learn.rs" and not is_test(path):
        paths = rust_paths(path.read_text(), rust_module(path, CRATE))
        assert not [it for it in paths if it.startswith("complexity_train")]


BREACHES: dict[str, tuple[str | tuple[str, ...], str]] = {
    "an environment by its name": ("dialects", "from os import environ\nX = environ['A']"),
    "an environment by an alias": ("routing", "import os as o\nX = o.environ['A']"),
    "a file opened by a dialect": ("dialects", "def read(p):\n    return open(p).read()"),
    "a socket behind another name": ("providers", "import socket as s"),
    "a module that opens files": ("providers", "from io import FileIO"),
    "an import from above inside a function": ("wire", "def f():\n    from hybridgw.server import app"),
    "an import by a string": ("dialects", "X = __import__('socket')"),
    "grouped uses": (("crate", "policy"), "use crate::{types::Route, breaker::{self, Ticket}};"),
    "a clock under another name": (("crate", "select"), "use std::time::Instant as T; fn f() { T::now(); }"),
    "a clock by its module": (("crate", "router", "walk"), "use std::time; fn f() { time::Instant::now(); }"),
    "a neighbour by super": (("crate", "policy", "candidates"), "use super::super::stream::Relay;"),
    "a thread by its full path": (("crate", "tokens"), "fn f() { std::thread::spawn(|| ()); }"),
    "Python in the router": (("crate", "router"), "use pyo3::prelude::*;"),
    "a file in the middle": (("crate", "complexity"), 'fn f() { let _ = std::fs::read("x"); }'),
}


@pytest.mark.parametrize("name", BREACHES)
def test_breaches_are_seen(name: str) -> None:
    where, text = BREACHES[name]
    found = python_breaches(where, text) if isinstance(where, str) else rust_breaches(where, text)
    assert found


def test_names_in_texts_and_comments_are_no_breach() -> None:
    text = (
        '//! Unlike std::thread.\nfn f() { "std::time::Instant"; }\n#[cfg(test)]\nmod tests { use std::env; }'
    )
    assert not rust_breaches(("crate", "select"), text)


def test_linters_know_the_bans_too() -> None:
    """An editor shows the commonest breaches before a test does."""
    ruff = [
        sys.executable,
        "-m",
        "ruff",
        "check",
        "--quiet",
        "--stdin-filename",
        "python/hybridgw/routing/x.py",
        "-",
    ]
    run = subprocess.run(
        ruff, input="from os import environ\n\nX = environ\n", capture_output=True, text=True, cwd=ROOT
    )
    assert run.returncode == 1 and "TID251" in run.stdout


# Files that know one another, and why.
CIRCLES_IN_RUST = [
    # An outline reads its members by `fields` and offers `splice`; both are walks over an outline.
    {"crate::body::fields", "crate::body::outline", "crate::body::splice"},
    # A scorer keeps the record of its training, which the file holds.
    {"crate::complexity::file", "crate::complexity::scorer"},
    # A vocabulary finds its long pieces by a table that is made from the vocabulary.
    {"crate::tokens::long", "crate::tokens::vocabulary"},
    # A decision gives permits, and both are recorded and settled from what they hold.
    {"crate::router::decision", "crate::router::permit", "crate::router::record", "crate::router::settle"},
    # Each kind of record writes and reads itself, and one list knows all kinds.
    {
        f"crate::shared::journal::{kind}"
        for kind in ("bytes", "decision", "end", "record", "refusal", "start")
    },
    # Errors of a decision are made where the router is.
    {"crate::py::decision", "crate::py::router"},
    # What an event is seen to be depends on what the stream was before, which its writer knows.
    {"crate::stream::canon", "crate::stream::observe"},
]
CIRCLES_IN_PYTHON = [
    # The crowd holds connections, a connection makes its requests, and each calls back the one that holds it.
    {"hybridgw.front.client", "hybridgw.front.connection", "hybridgw.front.crowd"},
    # One protocol object, its response and the pool that it goes back to.
    {"hybridgw.transport.lean_connection", "hybridgw.transport.lean_response", "hybridgw.transport.pool"},
    # The queue holds calls, and a call waits in it. A call has a gate, the gate its attempts, and each
    # of them belongs to the call; the policy that judges attempts is the worker's.
    {f"hybridgw.pipeline.{name}" for name in ("attempt", "call", "gate", "line", "policy")},
]


def edges_of(modules: dict[str, set[str]], mark: str, top: str) -> dict[str, set[str]]:
    """Which module reaches which, from the paths that each names."""
    edges = {}
    for module, names in modules.items():
        # `from a import b` names a as well, which says nothing where b is a module of its own.
        last = [name for name in names if not any(it.startswith(f"{name}{mark}") for it in names)]
        ends = {nearest(name, modules, mark) for name in last}
        edges[module] = {end for end in ends if end not in (None, top, module)}
    return {module: {end for end in ends if end} for module, ends in edges.items()}


def test_rust_files_do_not_go_round_in_circles() -> None:
    sources = [path for path in RUST if not is_test(path)]
    modules = {}
    for path in sources:
        module = rust_module(path, CRATE)
        modules["::".join(module)] = rust_paths(path.read_text(), module)
    found = circles(edges_of(modules, "::", "crate"))
    assert not [group for group in found if not any(group <= known for known in CIRCLES_IN_RUST)]


def test_python_files_do_not_go_round_in_circles() -> None:
    modules = {}
    for path in SOURCES:
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        modules[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = python_names(path.read_text())
    found = circles(edges_of(modules, ".", "hybridgw"))
    assert not [group for group in found if not any(group <= known for known in CIRCLES_IN_PYTHON)]


def test_architecture_names_every_room() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    rooms = [path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"]
    rooms += [path.name for path in CRATE.iterdir() if path.is_dir()]
    missing = [room for room in rooms if room not in text]
    assert not missing
