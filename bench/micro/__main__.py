"""`python -m bench.micro`: run the micro-benches and write their figures."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import quantiles
from typing import Any

from bench import machine, report


def measured() -> dict[str, Any]:
    """Run pytest on this folder and reduce its JSON. Raises RuntimeError if a bench failed."""
    with tempfile.TemporaryDirectory(prefix="bench-micro-") as name:
        output = Path(name) / "micro.json"
        command = [sys.executable, "-m", "pytest", "bench/micro", "-q", "-p", "no:cacheprovider"]
        command += ["--benchmark-enable", "--benchmark-save-data", f"--benchmark-json={output}"]
        done = subprocess.run(
            command, cwd=machine.ROOT, capture_output=True, text=True, timeout=240, check=False
        )
        if done.returncode:
            raise RuntimeError(f"micro-benches failed:\n{done.stdout[-3000:]}")
        raw = json.loads(output.read_text())
    calls = []
    for bench in raw["benchmarks"]:
        extra = bench["extra_info"]
        per = extra.get("per", 1)
        data = [value / per * 1e6 for value in bench["stats"]["data"]]
        calls.append(
            {
                "name": extra["name"],
                "median_us": round(bench["stats"]["median"] / per * 1e6, 3),
                "p99_us": round(quantiles(data, n=100)[98], 3),
                "min_us": round(min(data), 3),
                "rounds": bench["stats"]["rounds"],
                "target_us": extra.get("target_us"),
                "visited": extra.get("visited"),
            }
        )
    return {"calls": calls}


def main() -> int:
    """Write and print."""
    document = measured()
    path = machine.write("micro", document)
    print(f"written: {path.relative_to(machine.ROOT)}")
    print(report.micro_page(document))
    return 0


if __name__ == "__main__":
    sys.exit(main())
