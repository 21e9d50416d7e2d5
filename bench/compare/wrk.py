"""wrk, the hammer: a closed loop in C that costs the machine little, so that the gateway gets the rest.

Where it is not installed, our own generator takes its place: same loop, more processor time of its
own, which lowers throughput but hardly the processor time that the gateway needs per request.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec

from bench.machine import ROOT

_SCRIPT = """\
wrk.method = "POST"
wrk.body = @BODY@
@HEADERS@
function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format(
    '\\n{"requests":%d,"micros":%d,"connect":%d,"read":%d,"write":%d,"status":%d,"timeout":%d,' ..
    '"p50":%d,"p90":%d,"p99":%d,"max":%d}\\n',
    summary.requests, summary.duration, e.connect, e.read, e.write, e.status, e.timeout,
    latency:percentile(50), latency:percentile(90), latency:percentile(99), latency.max))
end
"""


class Hammered(msgspec.Struct, frozen=True):
    """What a run of the hammer saw. Latencies in microseconds."""

    requests: int
    seconds: float
    p50: float
    p90: float
    p99: float
    errors: int


def available() -> bool:
    """wrk is installed."""
    return shutil.which("wrk") is not None


CHAT = "/v1/chat/completions"


def hammer(
    folder: Path,
    port: int,
    body: str,
    headers: dict[str, str],
    *,
    connections: int,
    seconds: float,
    path: str = CHAT,
) -> Hammered:
    """Closed loop on `connections` connections. Raises RuntimeError when the tool fails, or when it is not
    installed and the path is one that our own generator does not speak."""
    if not available():
        if path != CHAT:
            raise RuntimeError(f"only wrk can measure {path}, and it is not installed")
        return _ours(port, body, headers, connections, seconds)
    lines = [f"wrk.headers[{_lua(k)}] = {_lua(v)}" for k, v in headers.items()]
    lines.append('wrk.headers["content-type"] = "application/json"')
    script = folder / "wrk.lua"
    script.write_text(_SCRIPT.replace("@BODY@", _lua(body)).replace("@HEADERS@", "\n".join(lines)))
    url = f"http://127.0.0.1:{port}{path}"
    # wrk takes whole seconds only; a fraction is rounded to at least one.
    command = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--timeout", "20s", "-s"]
    done = subprocess.run(
        [*command, str(script), url], capture_output=True, text=True, timeout=seconds + 40, check=False
    )
    found = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not found:
        raise RuntimeError(f"wrk: {(done.stderr or done.stdout).strip()[-300:]}")
    raw: dict[str, Any] = json.loads(found[-1])
    errors = sum(raw[k] for k in ("connect", "read", "write", "status", "timeout"))
    return Hammered(raw["requests"], raw["micros"] / 1e6, raw["p50"], raw["p90"], raw["p99"], errors)


def _ours(port: int, body: str, headers: dict[str, str], connections: int, seconds: float) -> Hammered:
    fields = json.loads(body)
    spec = {
        "url": f"http://127.0.0.1:{port}/v1",
        "model": fields["model"],
        "key": headers.get("authorization", "").removeprefix("Bearer ") or None,
        "stream": fields["stream"],
        "concurrency": connections,
        "seconds": seconds,
        "timeout": 20.0,
        "extra": fields,
        "headers": {k: v for k, v in headers.items() if k != "authorization"},
    }
    done = subprocess.run(
        [sys.executable, "-m", "bench.load", "--spec", "-", "--dump"],
        input=json.dumps(spec).encode(), capture_output=True, timeout=seconds + 40, check=False, cwd=ROOT,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"bench.load: {done.stderr.decode()[-300:]}")
    from bench.load import LoadResult

    result = LoadResult.load(json.loads(done.stdout))
    p50, p90, p99 = (result.total.percentile(p) * 1e6 for p in (50, 90, 99))
    return Hammered(result.ok, result.seconds, p50, p90, p99, result.errors)


def _lua(text: str) -> str:
    """A Lua string literal of printable ASCII text."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
