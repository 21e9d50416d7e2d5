"""The commands and snippets of a documentation page, run as a reader would run them.

A page says with the words behind the language of a fenced block what becomes of it; renderers show
only the language. One folder per page, blocks in their order:

    ```yaml file=hybridgw.yaml      written; a file of YAML must also load as a configuration,
                                    unless `plain` says that it is another program's
    ```yaml part                    a part of a configuration: must load below one deployment
    ```sh run                       run by bash in the folder; must exit with 0
    ```sh run exit=1                … with 1
    ```text output                  what the block before printed holds these lines, in this order;
                                    a line `...` stands for anything between
    ```sh serve                     a gateway, started and waited for; it ends with the page
    ```sh shown                     for the eye only: it needs what a test may not have

    with Snippets(page, tmp_path) as snippets:
        snippets.play()

`unmarked(page)` lists the blocks that say nothing; a test demands that there are none. Inside
commands, port 4000 of this machine becomes a free one, `hybridgw` is the one under test, and the
state folder is inside the page's folder. A block must never reach beyond loopback.
"""

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from sqlalchemy.exc import OperationalError

from hybridgw.config.load import load
from hybridgw.ledger import standing
from hybridgw.ledger.database import copies
from hybridgw.ledger.database.engine import url_of
from tests.support.waiting import free_port

ROOT = Path(__file__).resolve().parents[2]
EXECUTABLE = frozenset({"sh", "bash", "console", "yaml", "toml", "json", "python"})
"""Languages in which a reader would use what a block says."""
_FENCE = re.compile(r"^```(\S+)?(?: +(.*?))? *\n(.*?)^``` *$", re.MULTILINE | re.DOTALL)
_GATEWAY = re.compile(r"\b(127\.0\.0\.1|localhost):4000\b")
_START_LIMIT = 40.0
_ONE = "deployments:\n- {name: local/model, provider: ollama, model: m, url: 'http://127.0.0.1:11434/v1'}\n"


class Block(NamedTuple):
    """One fenced block."""

    language: str
    marks: dict[str, str]
    """`run exit=1` is {"run": "", "exit": "1"}."""
    text: str
    line: int
    """Of the fence, from 1."""


def blocks(page: Path) -> list[Block]:
    """All fenced blocks of a page, in order."""
    text = page.read_text()
    return [
        Block(
            found[1] or "",
            dict(mark.partition("=")[::2] for mark in (found[2] or "").split()),
            found[3],
            text.count("\n", 0, found.start()) + 1,
        )
        for found in _FENCE.finditer(text)
    ]


def unmarked(page: Path) -> list[Block]:
    """Blocks that a reader would use and no test does."""
    return [block for block in blocks(page) if block.language in EXECUTABLE and not block.marks]


class Snippets:
    """The blocks of one page in one folder; see the module."""

    def __init__(self, page: Path, folder: Path, *, environ: Mapping[str, str] | None = None) -> None:
        self.page = page
        self.folder = folder
        self.port = free_port()
        self.printed = ""
        """What the last `run` block printed, on both streams."""
        self._gateway: subprocess.Popen[bytes] | None = None
        shim = folder / ".bin" / "hybridgw"
        shim.parent.mkdir()
        shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m hybridgw.cli "$@"\n')
        shim.chmod(0o755)
        self.environ = {
            "PATH": f"{shim.parent}:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(folder),
            "PYTHONPATH": str(ROOT / "python"),
            "HYBRIDGW_STATE_DIR": str(folder / ".state"),
            "NO_COLOR": "1",
            **(environ or {}),
        }

    def __enter__(self) -> "Snippets":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        gateway = self._gateway
        if gateway is not None:
            gateway.send_signal(signal.SIGTERM)
            try:
                gateway.wait(15)
            except subprocess.TimeoutExpired:
                gateway.kill()
                raise

    def play(self) -> None:
        """All blocks; AssertionError names the line of the page that is not true."""
        for block in blocks(self.page):
            self.block(block)

    def block(self, block: Block) -> None:
        """One block."""
        where = f"{self.page.name}:{block.line}"
        marks = block.marks
        if "file" in marks:
            path = self.folder / marks["file"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(_GATEWAY.sub(f"127.0.0.1:{self.port}", block.text))
            if block.language == "yaml" and "plain" not in marks:
                self._load(path, where)
        elif "part" in marks:
            path = self.folder / f".part-{block.line}.yaml"
            given = "" if re.search(r"^deployments:", block.text, re.MULTILINE) else _ONE
            path.write_text(given + block.text)
            self._load(path, where)
        elif "run" in marks:
            self._run(block, where)
        elif "serve" in marks:
            self._serve(block, where)
        elif "output" in marks:
            self._compare(block, where)

    def _load(self, path: Path, where: str) -> None:
        try:
            load(str(path), environ=self.environ)
        except Exception as error:
            raise AssertionError(f"{where}: {error}") from error

    def _run(self, block: Block, where: str) -> None:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", _GATEWAY.sub(f"127.0.0.1:{self.port}", block.text)],
            cwd=self.folder,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=60,
        )
        self.printed = done.stdout.decode(errors="replace")
        wanted = int(block.marks.get("exit", "0"))
        assert done.returncode == wanted, f"{where}: exit status {done.returncode}:\n{self.printed}"

    def _serve(self, block: Block, where: str) -> None:
        assert self._gateway is None, f"{where}: one gateway per page"
        log = self.folder / ".log"
        with log.open("wb") as out:
            self._gateway = subprocess.Popen(
                ["bash", "-c", f"exec {block.text.strip()} --port {self.port} --workers 1"],
                cwd=self.folder,
                env=self.environ,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )
        end = time.monotonic() + _START_LIMIT
        while time.monotonic() < end and self._gateway.poll() is None:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health/liveliness", timeout=2).close()
                if self._has_ledger():
                    return
            except OSError:
                pass
            time.sleep(0.02)
        raise AssertionError(f"{where}: the gateway did not come up:\n{log.read_text()}")

    def _has_ledger(self) -> bool:
        """Whether the ledger, which begins a little after the workers, has made its tables: a reader of the
        page does not type faster than that."""
        state_dir = Path(self.environ["HYBRIDGW_STATE_DIR"])
        try:
            return standing.running(state_dir) and "attempt" in copies.status(url_of(None, state_dir))
        except OperationalError:
            return False  # the ledger is making the file just now

    def _compare(self, block: Block, where: str) -> None:
        printed = [" ".join(line.split()) for line in self.printed.splitlines()]
        at, anywhere = 0, True
        for line in block.text.splitlines():
            wanted = " ".join(line.split())
            if wanted == "...":
                anywhere = True
                continue
            rest = printed[at:] if anywhere else printed[at : at + 1]
            assert wanted in rest, f"{where}: not printed: {line}\n{self.printed}"
            at += rest.index(wanted) + 1
            anywhere = False
