"""Installing the gateways that we compare with: pinned, each in a folder of its own, never a failure.

They go into `bench/.cache`, which git ignores, and stay there for the next run. When one cannot be
installed the reason is recorded beside the figures and everything else goes on.
"""

import shutil
import subprocess
import sys
from pathlib import Path

CACHE = Path(__file__).parents[1] / ".cache"


class Rival:
    """One installable gateway: `steps` are the commands that install it into `folder`."""

    def __init__(self, name: str, version: str, folder: str, program: str, tool: str) -> None:
        self.name = name
        self.version = version
        self.folder = CACHE / folder
        self._program = program
        self._tool = tool
        self.failure = ""

    def program(self) -> Path:
        """What is started."""
        return self.folder / self._program

    def missing(self) -> str | None:
        """Why it is not there; None when it is."""
        if self.program().exists():
            return None
        return f"not installed: {self.failure or 'installing was not asked for'}"

    def install(self, seconds: float) -> None:
        """Install if it is not there yet, within a time limit; a failure is remembered, not raised."""
        if self.program().exists():
            return
        if shutil.which(self._tool) is None:
            self.failure = f"no {self._tool} on this machine"
            return
        CACHE.mkdir(exist_ok=True)
        for command in self._commands():
            try:
                done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
            except (OSError, subprocess.TimeoutExpired) as error:
                self.failure = f"{command[0]}: {type(error).__name__} after {seconds:g} s"
                return
            if done.returncode:
                lines = (done.stderr or done.stdout).strip().splitlines()
                self.failure = lines[-1][:300] if lines else f"{command[0]} failed"
                return

    def _commands(self) -> list[list[str]]:
        if self._tool == "npm":
            package = f"@portkey-ai/gateway@{self.version}"
            return [["npm", "install", "--prefix", str(self.folder), "--no-fund", "--no-audit", package]]
        pip = [str(self.folder / "bin" / "python"), "-m", "pip", "install", "--quiet"]
        return [
            [sys.executable, "-m", "venv", str(self.folder)],
            [*pip, "--disable-pip-version-check", f"litellm[proxy]=={self.version}"],
        ]


LITELLM = Rival("LiteLLM", "1.100.5", "litellm", "bin/litellm", Path(sys.executable).name)
PORTKEY = Rival(
    "Portkey", "1.15.2", "portkey", "node_modules/@portkey-ai/gateway/build/start-server.js", "npm"
)
RIVALS = (LITELLM, PORTKEY)
