"""A source distribution holds what a wheel is built from: every crate of the workspace, and every page.

maturin decides what it packs; what it leaves out shows first in a build from it, which is too late.
"""

import os
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Paths of the files, relative to the root of the distribution."""
    out = tmp_path_factory.mktemp("sdist")
    environ = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    command = ["maturin", "sdist", "--out", str(out)]
    subprocess.run(command, cwd=ROOT, env=environ, check=True, timeout=50, capture_output=True)
    (archive,) = out.glob("hybridgw-*.tar.gz")
    with tarfile.open(archive) as opened:
        return {name.partition("/")[2] for name in opened.getnames()}


def test_it_holds_every_crate(packed: set[str]) -> None:
    members = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["members"]
    assert sorted(members) == sorted(f"crates/{path.name}" for path in (ROOT / "crates").iterdir())
    for member in members:
        sources = (ROOT / member / "src").rglob("*.rs")
        wanted = {f"{member}/Cargo.toml", *(str(path.relative_to(ROOT)) for path in sources)}
        assert wanted <= packed
    assert {"Cargo.toml", "Cargo.lock", "pyproject.toml"} <= packed


def test_it_holds_every_page_of_the_wheel(packed: set[str]) -> None:
    pages = [path.name for path in (ROOT / "docs").glob("*.md")]
    assert pages
    assert {f"docs/wheel/data/share/doc/hybridgw/{name}" for name in pages} <= packed
