"""The comparison's arithmetic and reporting: a miss must read as a miss, an absence as an absence."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from bench import processes, report
from bench.compare import fronts, rivals, targets
from bench.compare.gateways import chat_body, wait_ready
from bench.compare.wrk import _lua
from bench.processes import Child

FIGURES: dict[str, dict[str, Any]] = {
    "direct": {"p99_us": 80.0, "cpu_request_us": None},
    "nginx": {"cpu_request_us": 20.0, "cpu_stream_us": 750.0, "p99_us": 90.0},
    "hybridgw, 1 worker": {
        "cpu_request_us": 100.0,
        "cpu_stream_us": 1500.0,
        "added_p99_us": 160.0,
        "idle_largest_mb": 60.0,
    },
}


def _document() -> dict[str, Any]:
    parameters = {
        "connections": 32,
        "streams": 64,
        "events": 64,
        "gap_ms": 2.0,
        "latency_rounds": 5,
        "hammer": "wrk",
    }
    return {
        "parameters": parameters,
        "figures": FIGURES,
        "targets": targets.verdicts(FIGURES),
        "missing": [{"gateway": "LiteLLM", "reason": "not installed: no network"}],
    }


def test_verdicts_divide_the_right_way_round() -> None:
    """At most and at least, and nothing is met that was not measured."""
    rows = {row["name"]: row for row in targets.verdicts(FIGURES)}
    assert rows["CPU per request, times nginx"]["value"] == 5.0
    assert rows["CPU per request, times nginx"]["met"] is False
    assert rows["CPU per paced stream, times nginx"]["met"] is True
    assert rows["added p99 at one connection, times direct p99"]["value"] == 2.0
    noisy = FIGURES | {"direct": {"p50_us": 20.0, "p99_us": 3000.0}}
    assert {row["name"]: row["met"] for row in targets.verdicts(noisy)}[
        "added p99 at one connection, times direct p99"
    ] is None
    assert rows["memory of an idle worker (PSS)"]["met"] is True
    assert rows["CPU per request, LiteLLM over ours"]["met"] is None
    with_rival = FIGURES | {"LiteLLM": {"cpu_request_us": 3900.0, "cpu_stream_us": 30_000.0}}
    rows = {row["name"]: row for row in targets.verdicts(with_rival)}
    assert rows["CPU per request, LiteLLM over ours"]["value"] == 39.0
    assert rows["CPU per request, LiteLLM over ours"]["met"] is False
    assert rows["CPU per paced stream, LiteLLM over ours"]["met"] is True


def test_the_page_shows_misses_and_absences() -> None:
    """Nobody has to read JSON to see what was not reached and what was not there."""
    page = report.compare_page(_document())
    assert "| CPU per request, times nginx | at most 4.3 x | 5 x | **no** |" in page
    assert "not measured" in page
    assert "LiteLLM: not installed: no network" in page
    assert page.count("\n| direct |") == 1


def test_servers_that_do_nothing_have_a_table_of_their_own() -> None:
    assert "does nothing" not in report.compare_page(_document())
    seen = {"cpu_request_us": 9.04, "per_second": 20_000.0, "p50_us": 30.0, "p99_us": 90.0}
    page = report.compare_page(_document() | {"fronts": {"lean": seen}})
    assert "| lean | 9.0 | 20,000 | 30 | 90 |" in page


def test_every_server_that_does_nothing_answers(tmp_path: Path) -> None:
    for name in fronts.NAMES:
        front = fronts._Front(name)
        if front.missing():
            continue
        running = front.start(tmp_path, 0)
        try:
            wait_ready(running, 20)
        finally:
            running.stop()


def test_pages_are_made_from_files(tmp_path: Path) -> None:
    """The newest result of a kind wins; each names its source."""
    machine = {"cpu": "Test", "cores": 2, "versions": {"nginx": "1"}, "commit": "unknown", "kernel": "6",
               "python": "3.11", "load_average": 0.1}  # fmt: skip
    for day, median in (("2026-01-01", 1.5), ("2026-01-02", 2.5)):
        row = {"name": "decide", "median_us": median, "p99_us": 3.0, "rounds": 9, "target_us": 10}
        document = {"what": "micro", "at": f"{day}T00:00:00+00:00", "machine": machine, "calls": [row]}
        (tmp_path / f"test-{day}-micro.json").write_text(json.dumps(document))
    own = {"what": "tokens_speed", "at": "2026-01-02T00:00:00+00:00", "machine": machine, "rows": []}
    (tmp_path / "test-2026-01-02-tokens_speed.json").write_text(json.dumps(own))
    text = report.render(tmp_path).read_text()
    assert "| decide | 2.50 | 3.00 | 9 | 10 | - |" in text and "1.50" not in text
    assert "[test-2026-01-02-micro.json]" in text
    assert "[test-2026-01-02-tokens_speed.json]" in text


def test_processes_are_charged_with_their_children(tmp_path: Path) -> None:
    """Processor time and memory of the whole tree, ended children included; all of it ends with stop()."""
    inner = "import time\nend = time.process_time() + 0.2\nwhile time.process_time() < end: pass\n"
    code = (
        "import subprocess, sys, time\n"
        f"subprocess.run([sys.executable, '-c', {inner!r}])\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print('ready', flush=True)\n"
        "time.sleep(60)\n"
    )
    with Child([sys.executable, "-c", code], tmp_path / "log", stdout=subprocess.PIPE) as child:
        assert child.process.stdout is not None
        assert child.process.stdout.readline() == b"ready\n"
        pids = child.tree()
        assert len(pids) == 2 and pids[0] == child.pid and processes.parent(pids[1]) == child.pid
        assert child.cpu() >= 0.2
        assert child.memory() > 2_000_000
    deadline = time.monotonic() + 2
    while processes.tree(pids[1]) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert processes.tree(pids[1]) == []


def test_requests_have_the_size_that_is_claimed() -> None:
    """1,150 bytes, streamed or not."""
    for stream in (False, True):
        body = chat_body(stream=stream)
        assert len(body) == 1150
        assert json.loads(body)["stream"] is stream
    assert _lua('a"b\\c') == '"a\\"b\\\\c"'


def test_a_rival_that_cannot_be_installed_is_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Recorded, never raised."""
    monkeypatch.setattr(rivals, "CACHE", tmp_path)
    rival = rivals.Rival("Nothing", "1", "nothing", "bin/nothing", "no-such-tool-anywhere")
    assert rival.missing() == "not installed: installing was not asked for"
    rival.install(5)
    assert rival.missing() == "not installed: no no-such-tool-anywhere on this machine"
