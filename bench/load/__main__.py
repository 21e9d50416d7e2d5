"""`python -m bench.load --url http://127.0.0.1:4000/v1 --model demo-local --rate 50 --seconds 10`.

Prints a table; `--json FILE` writes the summary, `--dump` the mergeable counts to standard output.
Works against any OpenAI-compatible server on plain HTTP, for example Ollama at
http://127.0.0.1:11434/v1. Exit status 1 if nothing was answered.
"""

import argparse
import asyncio
import signal
import sys
from pathlib import Path
from typing import Any

import msgspec
import uvloop

from bench.load.run import LoadResult, LoadSpec, run_processes


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="bench.load", description="Open-loop load on an OpenAI endpoint.")
    parser.add_argument("--url", default="http://127.0.0.1:4000/v1")
    parser.add_argument("--model", default="demo-local")
    parser.add_argument("--key", help="sent as a bearer token")
    parser.add_argument("--rate", type=float, default=0.0, help="requests per second; 0: closed loop")
    parser.add_argument("--arrivals", choices=("constant", "poisson"), default="constant")
    parser.add_argument("--concurrency", type=int, default=1, help="of the closed loop")
    parser.add_argument("--connections", type=int, default=2048)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--requests", type=int, default=0)
    parser.add_argument("--timeout", type=float, default=60.0)
    parser.add_argument("--prompt-bytes", type=int, default=1000)
    parser.add_argument("--max-tokens", type=int, default=64)
    parser.add_argument("--no-stream", dest="stream", action="store_false")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--dump", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--spec", help=argparse.SUPPRESS)
    return parser


def table(result: LoadResult) -> str:
    """The result for a terminal."""
    summary = result.summary()
    lines = [
        f"{summary['ok']} answered, {summary['shed']} shed, {summary['errors']} errors in "
        f"{summary['seconds']} s ({summary['per_second']} per second)",
        f"{'milliseconds':<14}{'count':>9}{'p50':>10}{'p90':>10}{'p99':>10}{'p99.9':>10}{'max':>10}",
    ]
    names = {
        "total": "total",
        "ttft": "first token",
        "gap": "gap",
        "shed": "shed",
        "failed": "failed",
        "late": "sent late",
    }
    for name, label in names.items():
        row: dict[str, Any] = summary[f"{name}_ms"]
        if row["count"]:
            cells = "".join(f"{row[k]:>10.2f}" for k in ("p50", "p90", "p99", "p999", "max"))
            lines.append(f"{label:<14}{row['count']:>9}{cells}")
    for cause, count in sorted(result.causes.items()):
        if cause != "ok":
            lines.append(f"  {cause}: {count}")
    return "\n".join(lines)


def main() -> int:
    """Run; returns the exit status."""
    options = vars(arguments().parse_args())
    processes, json_file, dump = options.pop("processes"), options.pop("json"), options.pop("dump")
    given = options.pop("spec")
    spec = msgspec.json.decode(sys.stdin.buffer.read(), type=LoadSpec) if given else LoadSpec(**options)
    result = uvloop.run(_measure(spec, processes))
    if dump:
        sys.stdout.buffer.write(msgspec.json.encode(result.dump()))
        return 0
    print(table(result))
    if json_file is not None:
        document = {"spec": msgspec.to_builtins(spec) | {"key": None}, "result": result.summary()}
        json_file.write_bytes(msgspec.json.format(msgspec.json.encode(document)) + b"\n")
    return 0 if result.ok else 1


async def _measure(spec: LoadSpec, processes: int) -> LoadResult:
    # An interrupt ends the run early with what was counted so far.
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, stop.set)
    async with asyncio.timeout(spec.seconds + spec.timeout + 30):
        return await run_processes(spec, processes, stop)


if __name__ == "__main__":
    sys.exit(main())
