"""A PostgreSQL server of a test's own: in a temporary folder, on a free loopback port, gone afterwards.

    with PostgreSQL() as server:
        connect(server.url)

`MISSING` says why there can be none here; tests then skip with that text. The server refuses to run as root,
so as root it runs as `postgres` or `nobody`.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType

from tests.support.waiting import free_port

_PROGRAMS = ("initdb", "pg_ctl", "postgres")


def _missing() -> str | None:
    lacking = [name for name in _PROGRAMS if shutil.which(name) is None]
    if lacking:
        return f"no PostgreSQL on this machine ({', '.join(lacking)}): the ledger is NOT tested with it"
    return None


MISSING = _missing()


def _user() -> pwd.struct_passwd | None:
    """Whom the server runs as; None: as whoever runs the tests."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise AssertionError("there is no user postgres or nobody to run the server as")


class PostgreSQL:
    """See the module."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="hybridgw-pg-", ignore_cleanup_errors=True)
        self._data = Path(self._folder.name) / "data"
        self._user = _user()
        self.port = free_port()

    @property
    def url(self) -> str:
        """Where its database is."""
        return f"postgresql://ledger:a-password@127.0.0.1:{self.port}/postgres"

    def _run(self, *command: str) -> None:
        user = self._user
        done = subprocess.run(
            command,
            cwd=self._folder.name,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            user=None if user is None else user.pw_uid,
            group=None if user is None else user.pw_gid,
            extra_groups=None if user is None else [],
            env={"PATH": os.environ["PATH"], "LANG": "C"},
            timeout=50,
        )
        assert done.returncode == 0, done.stdout.decode(errors="replace")

    def __enter__(self) -> "PostgreSQL":
        if self._user is not None:
            os.chown(self._folder.name, self._user.pw_uid, self._user.pw_gid)
        password = Path(self._folder.name) / "password"
        password.write_text("a-password\n")
        password.chmod(0o644)
        self._run(
            "initdb", "-D", str(self._data), "-U", "ledger", "-A", "scram-sha-256", f"--pwfile={password}",
            "-E", "UTF8", "--no-sync",
        )  # fmt: skip
        self.start()
        return self

    def start(self) -> None:
        """Start the server; also after `stop`."""
        log = str(self._data / "log")
        options = f"-p {self.port} -h 127.0.0.1 -k '' -c fsync=off -c shared_buffers=16MB"
        # Its output goes to a file: a server that holds the pipe would keep this waiting for its end.
        self._run("pg_ctl", "-D", str(self._data), "-l", log, "-o", options, "-w", "start")

    def stop(self) -> None:
        """Stop it at once."""
        self._run("pg_ctl", "-D", str(self._data), "-m", "immediate", "-w", "stop")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if (self._data / "postmaster.pid").exists():
            self.stop()
        self._folder.cleanup()
