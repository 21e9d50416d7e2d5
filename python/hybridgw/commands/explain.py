"""`hybridgw explain`: the decision for one request, from the same code that decides.

Uses a private, anonymous state: breakers are closed and nothing is in flight, so this shows what
the configuration means, not what a running gateway happens to think of its upstreams.
"""

import random
import sys
import time
from pathlib import Path

import orjson

from hybridgw.config.errors import ConfigError
from hybridgw.core import Boundary, Route
from hybridgw.host.configure import resolve
from hybridgw.native import DecideError, Principal, Router, StateFile
from hybridgw.routing.plan import Plan


def run(file: str, request_file: str, *, route: str, hints: tuple[str, ...]) -> int:
    """Print the decision as JSON; 2 when a file cannot be used or the request cannot be decided."""
    try:
        settings = resolve(file, allow_cloud=True)
        body = sys.stdin.buffer.read() if request_file == "-" else Path(request_file).read_bytes()
        headers = dict(_header(hint) for hint in hints)
    except OSError as error:
        print(f"{request_file}: {error.strerror}", file=sys.stderr)
        return 2
    except (ConfigError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    plan = Plan(settings, 1)
    state = StateFile.anonymous(2, max(1, len(plan.upstreams)))
    slot = state.claim(1, 1, time.monotonic_ns())
    state.reserve([int(upstream.deployment.id, 16) for upstream in plan.upstreams], 1)
    router = Router(plan.native, state, slot, None, settings.learned)
    try:
        text = router.explain(
            body,
            Principal("explain", 0, int(Boundary.EXTERNAL)),
            int(Route[route.upper()]),
            headers or None,
            time.monotonic_ns(),
            time.time_ns(),
            random.getrandbits(64),
        )
    except DecideError as error:
        failed = {"error": {"code": error.code, "field": error.field, "message": error.message}}
        print(orjson.dumps(failed, option=orjson.OPT_INDENT_2).decode())
        return 2
    print(orjson.dumps(orjson.loads(text), option=orjson.OPT_INDENT_2).decode())
    return 0


def _header(hint: str) -> tuple[str, str]:
    """`tier=local` as the header that carries it. One that says nothing is an error, as it is for clients."""
    name, equals, value = hint.partition("=")
    if not name or not equals:
        raise ValueError(f"{hint!r} is no hint; write NAME=VALUE, for example tier=local")
    name = name.lower()
    return (name if name.startswith("x-") else f"x-hybridgw-{name}"), value
