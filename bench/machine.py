"""What a figure was measured on: without this a number means nothing, so no result is written without it."""

import os
import platform
import re
import shutil
import subprocess
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results"


def describe() -> dict[str, Any]:
    """Processor, cores, kernel, interpreter, versions of what takes part, commit."""
    return {
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "versions": versions(),
        "commit": commit(),
        "load_average": round(os.getloadavg()[0], 2),
    }


def versions() -> dict[str, str]:
    """Installed versions of our server and of the tools used."""
    found: dict[str, str] = {}
    for name in ("hybridgw", "granian", "uvloop", "httptools", "aiohttp", "msgspec"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    for tool, option, pattern in (
        ("nginx", "-v", r"nginx/(\S+)"),
        ("wrk", "-v", r"wrk (\S+)"),
        ("node", "--version", r"v(\S+)"),
    ):
        text = _output([tool, option]) if shutil.which(tool) else ""
        match = re.search(pattern, text)
        if match:
            found[tool] = match[1]
    return found


def commit() -> str:
    """Short commit, with `+` for changes on top of it; `unknown` outside a checkout."""
    head = _output(["git", "-C", str(ROOT), "rev-parse", "--short=12", "HEAD"]).strip()
    if not re.fullmatch(r"[0-9a-f]{12}", head):
        return "unknown"
    dirty = _output(["git", "-C", str(ROOT), "status", "--porcelain", "--", "python", "crates", "bench"])
    return head + ("+" if dirty.strip() else "")


def write(what: str, body: dict[str, Any]) -> Path:
    """Write `results/<machine>-<date>-<what>.json`; an older one of the same day and kind is replaced."""
    machine = describe()
    now = datetime.now(UTC)
    slug = re.sub(r"[^a-z0-9]+", "-", f"{machine['cpu']}-{machine['cores']}cores".lower()).strip("-")
    document = {"schema": 1, "what": what, "at": now.isoformat(timespec="seconds"), "machine": machine} | body
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{slug}-{now:%Y-%m-%d}-{what}.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(document), indent=1) + b"\n")
    return path


def _cpu() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        text = ""
    match = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    name = match[1] if match else platform.processor() or platform.machine()
    return re.sub(r"\s+", " ", re.sub(r"\((R|TM)\)|CPU|Processor", "", name, flags=re.IGNORECASE)).strip()


def _output(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout + done.stderr
