"""`python -m bench` (`make bench`): micro, load, compare, then the pages. Bounded to ten minutes.

--quick      a short look at everything that is not worth keeping
--skip NAME  leave out micro, load or compare
"""

import argparse
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import uvloop
from rich.console import Console

from bench import machine, report
from bench.compare.__main__ import measured as compared
from bench.compare.gateways import Hybridgw, wait_ready
from bench.compare.run import QUICK, Plan
from bench.load import LoadSpec, run
from bench.micro.__main__ import measured as micro
from bench.processes import raise_file_limit
from bench.upstream import Upstream

LIMIT = 570.0
"""Seconds for everything."""


def loads(seconds: float) -> dict[str, Any]:
    """Open-loop runs through one gateway at rates that it can hold, stream and document."""
    raise_file_limit()
    runs = []
    with TemporaryDirectory(prefix="bench-load-") as name, Upstream(Path(name), "instant") as upstream:
        upstream.behave(gap="2ms", events=64)
        running = Hybridgw(0).start(Path(name), upstream.ports["instant"])
        try:
            wait_ready(running, 30)
            targets: tuple[tuple[str, int, dict[str, str]], ...] = (
                ("through hybridgw", running.port, running.headers),
                ("direct", upstream.ports["instant"], {}),
            )
            for label, port, headers in targets:
                for stream, rate in ((True, 40.0), (False, 400.0)):
                    spec = LoadSpec(
                        url=f"http://127.0.0.1:{port}/v1",
                        model="bench",
                        headers=headers,
                        stream=stream,
                        rate=rate,
                        arrivals="poisson",
                        seconds=seconds,
                        timeout=20.0,
                    )
                    result = uvloop.run(run(spec))
                    kind = "streams of 64 events 2 ms apart" if stream else "documents"
                    row_name = f"{label}: {rate:g} {kind} per second, Poisson"
                    runs.append(
                        {"name": row_name, "rate": rate, "stream": stream, "result": result.summary()}
                    )
        finally:
            running.stop()
    return {"runs": runs}


def main() -> int:
    """Exit status 1 if something could not be measured at all; missed targets are findings, not errors."""
    parser = argparse.ArgumentParser(prog="bench", description="Measure, write JSON, render pages.")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--skip", action="append", default=[], choices=("micro", "load", "compare"))
    parser.add_argument(
        "--no-install", action="store_true", help="compare only with rivals that are installed"
    )
    options = parser.parse_args()
    console = Console(stderr=True)
    started = time.monotonic()
    failures = 0

    def left() -> float:
        return LIMIT - (time.monotonic() - started)

    def plan() -> Plan:
        if options.quick:
            return QUICK
        chosen = Plan(limit=max(60.0, min(360.0, left() - 60)))
        return msgspec.structs.replace(chosen, install_seconds=0.0) if options.no_install else chosen

    steps: dict[str, Any] = {
        "micro": micro,
        "load": lambda: loads(2.0 if options.quick else 6.0),
        "compare": lambda: compared(plan()),
    }
    for name, step in steps.items():
        if name in options.skip:
            continue
        console.print(f"[bold]{name}[/bold] ({left():.0f} s left)")
        try:
            document = step()
        except (RuntimeError, OSError, TimeoutError) as error:
            console.print(f"{name} was not measured: {error}", style="red", markup=False)
            failures += 1
            continue
        page = {"micro": report.micro_page, "load": report.load_page, "compare": report.compare_page}[name]
        if not options.quick:
            console.print(f"written: {machine.write(name, document).relative_to(machine.ROOT)}")
        print(f"\n## {name}\n\n{page(document)}")
    if not options.quick:
        console.print(f"rendered: {report.render().relative_to(machine.ROOT)}")
    console.print(f"{time.monotonic() - started:.0f} s in all")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
