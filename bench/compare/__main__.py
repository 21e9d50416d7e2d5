"""`python -m bench.compare`: measure, write JSON into bench/results, print the page made from it."""

import argparse
import sys
from typing import Any

import msgspec
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from bench import machine, report
from bench.compare.run import QUICK, Plan, compare


def main() -> int:
    """Exit status 1 if a target was missed, so that a script can tell; measuring itself never fails."""
    parser = argparse.ArgumentParser(prog="bench.compare", description="Gateways side by side.")
    parser.add_argument("--quick", action="store_true", help="a short look; nothing is written")
    parser.add_argument("--only", default="", metavar="NAMES", help="such as nginx;hybridgw, 1 worker;fronts")
    parser.add_argument("--no-install", action="store_true", help="use only rivals that are installed")
    parser.add_argument("--limit", type=float, default=360.0, help="seconds in all")
    options = parser.parse_args()
    plan = QUICK if options.quick else Plan(limit=options.limit)
    only = tuple(part.strip() for part in options.only.split(";") if part.strip())
    plan = msgspec.structs.replace(plan, only=only)
    if options.no_install:
        plan = msgspec.structs.replace(plan, install_seconds=0.0)
    document = measured(plan)
    if not options.quick:
        path = machine.write("compare", document)
        print(f"written: {path.relative_to(machine.ROOT)}")
    print(report.compare_page(document))
    return 1 if any(row["met"] is False for row in document["targets"]) else 0


def measured(plan: Plan) -> dict[str, Any]:
    """`compare` with a progress line on the terminal (standard error)."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        line = progress.add_task("starting", total=None)
        return compare(plan, lambda text: progress.update(line, description=text))


if __name__ == "__main__":
    sys.exit(main())
