"""`python -m bench.load.ledger [--rate 20000] [--seconds 10]`: what the ledger costs per attempt.

A writer makes synthetic attempts at a rate, with the native side's own records; the real ledger consumers
(rows and sums in SQLite, audit, access log in a file) read them meanwhile in a process of their own, which is
the one that is measured: user and system time, memory. At the end every attempt must be in the database, in
its sums and in the log, once.
"""

import argparse
import json
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from hybridgw.config.schema import Settings, Source
from hybridgw.core import Boundary, Outcome, Shape
from hybridgw.host.ledger_process import sinks
from hybridgw.ledger.batches import JournalReader
from hybridgw.ledger.consumer import Consumer, Waker
from hybridgw.native import Journal, Principal, Router, StateFile

_INSTANCE = 1
_DEPLOYMENTS = 8
_SEGMENT = 8 * 1024 * 1024
_PATIENCE = 120.0


def _plan() -> bytes:
    deployments = [
        {
            "id": f"{n + 1:016x}",
            "name": f"local/{n}",
            "model": "m",
            "tier": "local",
            "boundary": int(Boundary.DEVICE),
        }
        for n in range(_DEPLOYMENTS)
    ]
    models = [{"name": "m", "groups": [[n for n in range(_DEPLOYMENTS)]]}]
    plan = {
        "generation": 1,
        "owned_keys": [],
        "tiers": ["local"],
        "deployments": deployments,
        "models": models,
    }
    return json.dumps(plan).encode()


def write(folder: Path, rate: int, seconds: float) -> None:
    """Make attempts at a rate, as a worker does; runs in a process of its own."""
    state = StateFile.create(folder / "state", _INSTANCE, 2, 2 * _DEPLOYMENTS)
    slot = state.claim(os.getpid(), 1, 0)
    journal = Journal(folder / "journal", _INSTANCE, slot, state.epoch(slot), _SEGMENT)
    router = Router(_plan(), state, slot, journal)
    principals = [Principal("bench", key, int(Boundary.EXTERNAL)) for key in range(16)]
    answer = b'{"choices":[],"usage":{"prompt_tokens":30,"completion_tokens":20,"cost":0.0001}}'
    body = b'{"model":"m","messages":[]}'
    total, begun = int(rate * seconds), time.monotonic()
    for number in range(total):
        now, wall = time.monotonic_ns(), time.time_ns()
        decision = router.decide(body, principals[number % 16], 0, None, now, wall, number * 2654435761)
        decision.permit.relay(Shape.CHAT, False).observe(answer)
        decision.permit.finish(int(Outcome.SUCCESS), 200, 10, True, now, wall)
        if number % 200 == 0:
            journal.prepare()
            time.sleep(max(0.0, begun + number / rate - time.monotonic()))
    took = time.monotonic() - begun
    journal.close()
    print(json.dumps({"attempts": total, "seconds": took}))


def _wait_for_end(ended: threading.Event) -> None:
    sys.stdin.read()
    ended.set()


def consume(folder: Path) -> None:
    """Run the consumers until standard input ends and all is read; runs in a process of its own."""
    reader = JournalReader(folder / "journal", lambda: {_INSTANCE})
    settings = Settings(source=Source(kind="native"))
    consumers = [Consumer(sink, reader, lambda: {_INSTANCE}) for sink in sinks(settings, folder)]
    waker = Waker()
    before = resource.getrusage(resource.RUSAGE_SELF)
    threads = [threading.Thread(target=one.run, args=(waker,)) for one in consumers]
    for thread in threads:
        thread.start()
    ended = threading.Event()
    threading.Thread(target=_wait_for_end, args=(ended,), daemon=True).start()
    most = 0
    while not ended.wait(0.05):
        if reader.grown():
            waker.wake()
        most = max(most, *(one.progress().lag_records for one in consumers))
    waker.stop()
    for thread in threads:
        thread.join()
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(json.dumps({"cpu": cpu, "rss_mb": after.ru_maxrss / 1024, "most_behind": most}))


def _found(folder: Path) -> tuple[int, int, int]:
    """Rows, attempts in the sums, distinct lines."""
    connection = sqlite3.connect(folder / "ledger.sqlite")
    rows = connection.execute("SELECT COUNT(*) FROM attempt").fetchone()[0]
    sums = connection.execute("SELECT SUM(attempts) FROM usage WHERE period = 86400").fetchone()[0]
    connection.close()
    lines = 0
    for path in (folder / "log").glob("access.log*"):
        with path.open("rb") as file:
            lines += sum(1 for _ in file)
    return rows, sums or 0, lines


def measure(rate: int, seconds: float) -> dict[str, Any]:
    """One run; figures."""
    with tempfile.TemporaryDirectory(prefix="bench-ledger-") as name:
        folder = Path(name)
        (folder / "journal").mkdir()
        command = [sys.executable, "-m", "bench.load.ledger", "--folder", name]
        consumer = subprocess.Popen(
            [*command, "--part", "consume"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        part = [*command, "--part", "write", "--rate", str(rate), "--seconds", str(seconds)]
        written = json.loads(subprocess.run(part, stdout=subprocess.PIPE, check=True).stdout)
        begun = time.monotonic()
        output, _ = consumer.communicate(timeout=_PATIENCE + seconds)
        used = json.loads(output)
        rows, sums, lines = _found(folder)
        return {
            "attempts": written["attempts"],
            "rate": round(written["attempts"] / written["seconds"]),
            "cpu per attempt, us": round(1e6 * used["cpu"] / written["attempts"], 2),
            "seconds to catch up": round(time.monotonic() - begun, 2),
            "most records behind": used["most_behind"],
            "memory, MB": round(used["rss_mb"], 1),
            "rows": rows,
            "in the sums": sums,
            "lines": lines,
            "complete": rows == sums == lines == written["attempts"],
        }


def main() -> int:
    """Exit status 1 if an attempt is missing or double."""
    parser = argparse.ArgumentParser(prog="bench.load.ledger")
    parser.add_argument("--rate", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--part", choices=("write", "consume"))
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    if options.part == "write":
        write(options.folder, options.rate, options.seconds)
        return 0
    if options.part == "consume":
        consume(options.folder)
        return 0
    figures = measure(options.rate, options.seconds)
    print(json.dumps(figures, indent=2))
    return 0 if figures["complete"] else 1


if __name__ == "__main__":
    sys.exit(main())
