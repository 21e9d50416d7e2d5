"""The ledger beside a real gateway: each attempt once in database and log, whatever is killed."""

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from pathlib import Path

from hybridgw.host.process import alive, start_ticks
from tests.integration.conftest import config
from tests.support.demo import Demo
from tests.support.gateway import Gateway
from tests.support.host_run import Host, command_line
from tests.support.waiting import children, until

ASK = {"model": "m", "messages": [{"role": "user", "content": "Hello"}]}


def rows(state_dir: Path) -> Counter[str]:
    """Request ids in the ledger database, with the number of their rows."""
    file = state_dir / "ledger.sqlite"
    try:
        with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=5)) as connection:
            return Counter(id_ for (id_,) in connection.execute("SELECT request_id FROM attempt"))
    except sqlite3.OperationalError:
        return Counter()  # not made yet


def sums(state_dir: Path) -> int:
    """Attempts in the sums by hour."""
    with contextlib.closing(sqlite3.connect(state_dir / "ledger.sqlite", timeout=5)) as connection:
        return int(connection.execute("SELECT SUM(attempts) FROM usage WHERE period = 3600").fetchone()[0])


def logged(state_dir: Path) -> Counter[str]:
    """Request ids in the access log, with the number of their lines."""
    found: Counter[str] = Counter()
    for path in (state_dir / "log").glob("access.log*"):
        found.update(json.loads(line)["id"] for line in path.read_bytes().splitlines())
    return found


def child_of(supervisor: int, module: str) -> int:
    """A supervisor's child; 0 where there is none."""
    return next((pid for pid in children(supervisor) if f"hybridgw.host.{module}" in command_line(pid)), 0)


def ask(gateway: Gateway) -> str:
    answer = gateway.post("/v1/chat/completions", ASK)
    assert answer.status == 200, answer.body
    return answer.headers["x-request-id"]


def test_what_no_deployment_may_see_is_audited(demo: Demo) -> None:
    outside = [
        {"name": "cloud/x", "provider": "openai_compatible", "model": "x", "url": "http://192.0.2.1/v1"}
    ]
    models = [{"name": "m", "deployments": ["cloud/x"]}]
    secret = {"model": "m", "messages": [{"role": "user", "content": "my card is 4916 3385 0608 2832"}]}
    with Gateway({"deployments": outside, "models": models}) as gateway:
        assert gateway.post("/v1/chat/completions", secret).json["error"]["code"] == "policy_denied"
        file = gateway.state_dir / "ledger.sqlite"

        def audited() -> list[tuple[str, str, str]]:
            try:
                with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
                    return list(connection.execute("SELECT kind, level, detail FROM audit"))
            except sqlite3.OperationalError:
                return []  # not made yet

        until(audited)
        ((kind, level, detail),) = audited()
    assert (kind, level) == ("refusal", "regulated")
    assert json.loads(detail)["outcome"] == "policy_denied" and "4916" not in detail


def test_an_attempt_reaches_database_and_log(demo: Demo) -> None:
    with Gateway(config(demo)) as gateway:
        ids = Counter(ask(gateway) for _ in range(5))
        until(lambda: rows(gateway.state_dir) == ids)
        until(lambda: logged(gateway.state_dir) == ids)
        page = gateway.get("/metrics").body.decode()
        assert "hybridgw_ledger_up 1.0" in page
        until(
            lambda: (
                'hybridgw_ledger_lag_bytes{consumer="attempts"} 0.0' in gateway.get("/metrics").body.decode()
            )
        )
        last = ask(gateway)
        text = json.dumps(json.loads((gateway.state_dir / "log" / "access.log").read_bytes().splitlines()[0]))
        assert "Hello" not in text
        state = gateway.state_dir
        process = gateway.process
        assert process is not None
        process.send_signal(signal.SIGTERM)
        process.wait(15)
        # What was settled last is read before the end.
        assert rows(state)[last] == logged(state)[last] == 1


def test_each_attempt_once_although_everything_is_killed_in_turn(demo: Demo) -> None:
    with Gateway(config(demo), workers=2) as gateway:
        supervisor = gateway.process
        assert supervisor is not None
        ids: Counter[str] = Counter()
        for victim in (
            "ledger_process",
            "housekeeper",
            "worker",
            "ledger_process",
            "worker",
            "ledger_process",
        ):
            ids.update(ask(gateway) for _ in range(3))
            if victim == "worker":
                pid = until(gateway.pids)[0]
            else:
                pid = until(lambda victim=victim: child_of(supervisor.pid, victim))  # type: ignore[misc]
            born = start_ticks(pid)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            until(lambda pid=pid, born=born: not alive(pid, born))  # type: ignore[misc]
            for _ in range(3):
                # A worker that was just killed may take one connection with it.
                with contextlib.suppress(OSError):
                    ids.update([ask(gateway)])
        until(lambda: not ids - rows(gateway.state_dir))
        until(lambda: not ids - logged(gateway.state_dir))
        in_rows, in_log = rows(gateway.state_dir), logged(gateway.state_dir)
        assert set(in_rows.values()) == {1}
        assert set(in_log.values()) == {1}
        assert sums(gateway.state_dir) == len(in_rows)


def test_a_stdout_that_is_not_read_stalls_the_log_and_not_the_database(demo: Demo) -> None:
    reading, writing = os.pipe()
    # As good as full: what is written to it from now on waits.
    os.set_blocking(writing, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writing, b"x" * 4096)
    os.set_blocking(writing, True)
    try:
        with Gateway(config(demo, ledger={"log": {"to": "stdout"}}), stdout=writing) as gateway:
            ids = Counter(ask(gateway) for _ in range(5))
            until(lambda: rows(gateway.state_dir) == ids)
            lag = 'hybridgw_ledger_lag_bytes{consumer="log"} 0.0'
            until(lambda: lag not in gateway.get("/metrics").body.decode())
    finally:
        os.close(reading)
        os.close(writing)


def test_lines_on_stdout(demo: Demo) -> None:
    reading, writing = os.pipe()
    with Gateway(config(demo, ledger={"log": {"to": "stdout"}}), stdout=writing) as gateway:
        ids = [ask(gateway) for _ in range(3)]
        until(lambda: "hybridgw_ledger_up 1.0" in gateway.get("/metrics").body.decode())
    os.close(writing)
    with open(reading, "rb") as stream:
        lines = [line for line in stream if line.startswith(b"{")]
    assert [json.loads(line)["id"] for line in lines] == ids


def test_a_locked_database_stalls_the_rows_and_not_the_log(demo: Demo) -> None:
    with Gateway(config(demo)) as gateway:
        ids = Counter([ask(gateway)])
        until(lambda: rows(gateway.state_dir) == ids)
        with contextlib.closing(sqlite3.connect(gateway.state_dir / "ledger.sqlite")) as other:
            other.execute("BEGIN IMMEDIATE")
            ids.update([ask(gateway)])
            until(lambda: logged(gateway.state_dir) == ids)
            assert rows(gateway.state_dir) != ids
            other.execute("ROLLBACK")
        until(lambda: rows(gateway.state_dir) == ids)


def test_two_gateways_on_one_state_folder_have_one_ledger(tmp_path: Path) -> None:
    with Host(tmp_path) as first, Host(tmp_path) as second:
        ledgers = [until(lambda host=host: host.child("ledger_process")) for host in (first, second)]  # type: ignore[misc]
        until(lambda: (tmp_path / "state" / "ledger.sqlite").exists())

        def holder() -> int:
            """The one of the two that has the database's lock file open."""
            lock = tmp_path / "state" / "ledger" / "lock"
            for pid in (first.child("ledger_process"), second.child("ledger_process")):
                with contextlib.suppress(OSError):
                    if pid and any(
                        os.readlink(link) == str(lock) for link in Path(f"/proc/{pid}/fd").iterdir()
                    ):
                        return pid
            return 0

        before = until(holder)
        assert before in ledgers
        os.kill(before, signal.SIGKILL)
        until(lambda: holder() not in (0, before))
        first.note()
        second.note()


def test_workers_import_no_database(demo: Demo) -> None:
    with Gateway(config(demo)) as gateway:
        ask(gateway)
        for pid in gateway.pids():
            maps = Path(f"/proc/{pid}/maps").read_text()
            assert "_sqlite3" in maps or "sqlalchemy" not in maps
            assert "sqlalchemy" not in maps
            assert "psycopg" not in maps
    script = (
        "import sys, hybridgw.server.app, hybridgw.host.worker, hybridgw.host.serve_workers;"
        "import hybridgw.host.housekeeper;"
        "print([n for n in ('sqlalchemy', 'alembic', 'mako', 'psycopg') if n in sys.modules])"
    )
    environ = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PATH": os.environ["PATH"]}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=environ, check=True
    )
    assert done.stdout.strip() == "[]"
