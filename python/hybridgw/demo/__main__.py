"""`python -m hybridgw.demo`: run demo upstreams until told to stop.

Ports are announced as one line of JSON on `--announce-fd` (standard output by default) once all of
them listen. SIGTERM, SIGINT, or the end of `--lifeline-fd` (a pipe held by the parent, so that a
killed parent leaves nothing behind) stop it. Exit status: 0 stopped, 2 could not listen.
"""

import argparse
import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Sequence

from hybridgw.demo.personalities import PERSONALITIES, Engine
from hybridgw.demo.server import serve


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="hybridgw demo", description="Demo upstreams; no model is running.")
    for name in PERSONALITIES:
        parser.add_argument(
            f"--{name}-port",
            type=int,
            metavar="PORT",
            help=f"listen as the {name} upstream (0: any port)",
        )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--speed", type=float, default=1.0, help="multiply latencies (0: answer at once)")
    parser.add_argument(
        "--engine", type=Engine, choices=list(Engine), default=Engine.NONE, help="answer as this engine does"
    )
    # For a parent process, not for people.
    parser.add_argument("--announce-fd", type=int, default=1, help=argparse.SUPPRESS)
    parser.add_argument("--lifeline-fd", type=int, help=argparse.SUPPRESS)
    return parser


async def run(options: argparse.Namespace) -> int:
    """Serve until a signal or the end of the lifeline."""
    given = {name: getattr(options, f"{name}_port") for name in PERSONALITIES}
    ports = {name: port for name, port in given.items() if port is not None}
    try:
        fleet = await serve(ports or None, host=options.host, speed=options.speed, engine=options.engine)
    except OSError as error:
        sys.stderr.write(f"hybridgw demo: cannot listen: {error}\n")
        return 2
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    if options.lifeline_fd is not None:
        os.set_blocking(options.lifeline_fd, False)

        def lifeline() -> None:
            try:
                alive = os.read(options.lifeline_fd, 4096)
            except BlockingIOError:
                return
            if not alive:
                loop.remove_reader(options.lifeline_fd)
                stopped.set()

        loop.add_reader(options.lifeline_fd, lifeline)
    with contextlib.suppress(OSError):
        # A restarted program may find that nobody waits for its ports any more; it serves all the same.
        os.write(options.announce_fd, fleet.announcement())
    await stopped.wait()
    await fleet.close()
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    import uvloop  # here: `serve` itself runs in whatever loop the caller has

    options = arguments().parse_args(argv)
    return uvloop.run(run(options))


if __name__ == "__main__":
    sys.exit(main())
