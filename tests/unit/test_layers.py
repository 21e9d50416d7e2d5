"""The direction of knowledge, as a failing test: an import may only point down this list.

A rule that is only written down decays; ARCHITECTURE.md explains these, this file enforces them.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "python" / "hybridgw"
CRATE = ROOT / "crates" / "router_core" / "src"

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

SOURCES = sorted(path for path in PACKAGE.rglob("*.py"))
RUST = sorted(CRATE.rglob("*.rs"))


def room_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[0]


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide the direction"
            assert node.module
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def ids(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", SOURCES, ids=ids)
def test_imports_point_down(path: Path) -> None:
    room = room_of(path)
    for name in imports(path):
        if not name.startswith("hybridgw."):
            continue
        other = name.split(".")[1]
        if room in ALONE:
            assert other == room, f"{room} imports {name} and should stand alone"
            continue
        if other == room or other == "__version__" or other.startswith("_router_core"):
            continue
        if room == "cli" and other in ALONE:
            continue
        assert other in RANK, f"{other} has no place in the layers"
        assert RANK[other] > RANK[room] or (room, other) in SIDEWAYS, f"{room} must not know {name}"


@pytest.mark.parametrize("path", SOURCES, ids=ids)
def test_only_one_file_knows_the_extension(path: Path) -> None:
    if path != PACKAGE / "native.py":
        assert not any("_router_core" in name for name in imports(path))


@pytest.mark.parametrize("path", SOURCES, ids=ids)
def test_only_the_loader_reads_the_environment(path: Path) -> None:
    if path == PACKAGE / "config" / "load.py":
        return
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "os":
            assert node.attr not in ("environ", "getenv"), f"{path}:{node.lineno}"


@pytest.mark.parametrize("path", SOURCES, ids=ids)
def test_protocol_code_does_no_io(path: Path) -> None:
    if room_of(path) in ("providers", "dialects", "sse"):
        forbidden = {"socket", "asyncio", "aiohttp", "http", "http.client", "urllib.request", "os", "pathlib"}
        assert not forbidden & set(imports(path))


@pytest.mark.parametrize("name", ["seam", "head", "chunks", "render"])
def test_http_itself_is_read_and_written_without_io(name: str) -> None:
    path = PACKAGE / "front" / f"{name}.py"
    assert not {"socket", "asyncio", "uvloop", "os", "pathlib"} & set(imports(path))


@pytest.mark.parametrize("path", SOURCES, ids=ids)
def test_every_module_opens_by_arguing_for_itself(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text())), f"{path} has no module docstring"


@pytest.mark.parametrize("path", RUST, ids=ids)
def test_every_rust_module_opens_with_a_header(path: Path) -> None:
    if "tests" not in path.parts and path.stem != "tests":
        assert path.read_text().startswith("//!"), f"{path} has no //! header"


MIDDLE = {"body", "policy", "select", "breaker", "stream", "limits", "tokens", "sensitivity", "complexity"}


@pytest.mark.parametrize("path", RUST, ids=ids)
def test_rust_modules_of_the_middle_do_not_know_one_another(path: Path) -> None:
    room = path.relative_to(CRATE).with_suffix("").parts[0]
    if path.stem == "tests" or "tests" in path.parts:
        return
    text = path.read_text()
    if room in MIDDLE:
        for other in (MIDDLE | {"router", "py"}) - {room}:
            assert f"crate::{other}" not in text, f"{path} knows {other}"
    if room in {"types", "error", "shared"}:
        for other in MIDDLE | {"router", "py"}:
            assert f"crate::{other}" not in text, f"{path} knows {other}"
    if room != "py" and room != "lib":
        assert "pyo3" not in text, f"{path} knows Python"


@pytest.mark.parametrize("path", RUST, ids=ids)
def test_rust_reads_no_clock_and_starts_no_thread(path: Path) -> None:
    if "tests" in path.parts or path.stem == "tests" or path.relative_to(CRATE).parts[0] == "py":
        return
    production = path.read_text().split("#[cfg(test)]")[0]
    for forbidden in ("Instant::now", "SystemTime::now", "thread::spawn", "std::env::"):
        assert forbidden not in production, f"{path} uses {forbidden}"


def test_architecture_names_every_room() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    rooms = [path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"]
    rooms += [path.name for path in CRATE.iterdir() if path.is_dir()]
    missing = [room for room in rooms if room not in text]
    assert not missing
