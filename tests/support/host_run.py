"""A supervisor with its children, running the small application of `host_app`, for one test.

    with Host(tmp_path, workers=2) as host:
        pid = host.get("/pid")

Ends with SIGTERM if it still runs; every process that it started is gone afterwards, or the test fails.
"""

import contextlib
import http.client
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

from hybridgw.host.process import alive, start_ticks
from hybridgw.host.runtime import read_info, ready_workers
from tests.support.waiting import children, free_port, until

ROOT = Path(__file__).resolve().parents[2]


def command_line(pid: int) -> str:
    """What a process was started with."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


class Host:
    """One running gateway host; see the module."""

    def __init__(self, folder: Path, *, workers: int = 1, port: int | None = None, server: str = "") -> None:
        self.folder = folder
        self.state = folder / "state"
        self.config = folder / "hybridgw.yaml"
        self.log_file = folder / f"log-{time.monotonic_ns()}"
        self.port = port or free_port()
        self.workers = workers
        if not self.config.exists():
            self.config.write_text(f"server: {{drain: 5s{', ' if server else ''}{server}}}\n")
        self.process: subprocess.Popen[bytes] | None = None
        self._seen: dict[int, int] = {}

    def start(self, before: tuple[str, ...] = ()) -> "Host":
        """Start without waiting for it; `before` goes in front of the command."""
        command, environ = self._command()
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                [*before, *command],
                env=environ,
                cwd=self.folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return self

    def start_in_a_terminal(self) -> int:
        """Start as the leader of a terminal session; closing the returned descriptor hangs it up. OSError
        where there are no terminals to be had."""
        ours, theirs = os.openpty()
        # A leader without a terminal that opens one gets it as its own.
        self.start(("sh", "-c", 'exec "$@" < "$0"', os.ttyname(theirs)))
        until(lambda: "host_main" in command_line(self.supervisor.pid))
        os.close(theirs)
        return ours

    def _command(self) -> tuple[list[str], dict[str, str]]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        inherited = os.environ.get("PYTHONPATH", "")
        environ = kept | {
            "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT / "python"), str(ROOT), inherited))),
            "HYBRIDGW_STATE_DIR": str(self.state),
        }
        command = [sys.executable, "-m", "tests.support.host_main"]
        command += [str(self.config), str(self.port), str(self.workers)]
        return command, environ

    def __enter__(self) -> "Host":
        self.start()
        until(lambda: self.pid() and "ready on" in self.log())
        self.note()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.note()
        try:
            if self.running():
                self.signal(signal.SIGTERM)
                self.wait()
            if error is None:
                until(lambda: not self.left(), 10.0)
        finally:
            for pid in self.left():
                os.kill(pid, signal.SIGKILL)

    @property
    def supervisor(self) -> subprocess.Popen[bytes]:
        assert self.process is not None
        return self.process

    def running(self) -> bool:
        """Whether the supervisor runs."""
        return self.supervisor.poll() is None

    def signal(self, number: signal.Signals) -> None:
        """Send the supervisor a signal."""
        self.supervisor.send_signal(number)

    def wait(self, limit: float = 15.0) -> int:
        """The supervisor's exit status."""
        return self.supervisor.wait(limit)

    def log(self) -> str:
        """All that was written."""
        return self.log_file.read_text(errors="replace")

    def connect(self, timeout: float = 5.0) -> http.client.HTTPConnection:
        """A client connection."""
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def get(self, path: str) -> str:
        """The body of a 200 answer."""
        connection = self.connect()
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            body = response.read().decode()
            assert response.status == 200, f"{response.status} {body}"
            return body
        finally:
            connection.close()

    def pid(self) -> int:
        """The pid of some worker that answers."""
        return int(self.get("/pid"))

    def child(self, module: str) -> int:
        """The supervisor's child that runs a module of the host layer; 0 when there is none."""
        mine = [
            pid for pid in children(self.supervisor.pid) if f"hybridgw.host.{module}" in command_line(pid)
        ]
        return mine[0] if mine else 0

    def worker_pids(self) -> list[int]:
        """Pids of the worker processes."""
        server = self.child("serve_workers")
        mine = [pid for pid in children(server) if "resource_tracker" not in command_line(pid)]
        return mine if server else []

    def run_folders(self) -> list[Path]:
        """Run folders of gateways with this state folder."""
        found = [*Path("/dev/shm").glob("hybridgw-*/runtime.json"), *self.state.glob("run-*/runtime.json")]
        return [path.parent for path in found if f'"{self.state}"' in path.read_text()]

    def all_serve(self) -> bool:
        """Whether as many workers as were asked for have completed their start-up and live: a process
        that exists may still fail to start."""
        ready = {
            pid for folder in self.run_folders() for pid in ready_workers(read_info(folder / "runtime.json"))
        }
        pids = self.worker_pids()
        return len(pids) == self.workers and ready.issuperset(pids)

    def kill_a_worker(self) -> int:
        """Kill some worker with SIGKILL and see it gone; its pid."""
        victim = until(self.worker_pids)[0]
        born = start_ticks(victim)
        # It may have been replaced between the look and the blow: then it is gone as well.
        with contextlib.suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)
        until(lambda: not alive(victim, born))
        self.note()
        return victim

    def kill_everything(self) -> None:
        """SIGKILL for all processes at once, as a container runtime or an empty memory does it."""
        self.note()
        for pid in [self.supervisor.pid, *self.left()]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.wait()

    def note(self) -> None:
        """Remember all processes that exist now, so that none can be left behind unseen."""
        level = [self.supervisor.pid]
        while level:
            self._seen.update({pid: start_ticks(pid) for pid in level if pid not in self._seen})
            level = [child for pid in level for child in children(pid)]

    def left(self) -> list[int]:
        """Noted processes that still live."""
        return [pid for pid, ticks in self._seen.items() if alive(pid, ticks)]
