"""What the gateway itself refused, on its way to the journal.

A request that was attempted is in the journal with its attempts. One that never came that far leaves a
refusal instead: why, with which status, and who asked as far as that was known; never what was said. Errors
that anybody can cause (a bad key, a bad body, a wrong path) are capped by the native side.
"""

import time

from hybridgw.core import Route
from hybridgw.errors import GatewayError
from hybridgw.pipeline import Worker


def record(worker: Worker, error: BaseException, status: int, route: Route | None, key: int = 0) -> None:
    """Record that a request without any attempt is answered with `status` for this reason. `key`: the number
    of the principal, 0 where it is not known."""
    code, refused = "internal_error", None
    if isinstance(error, GatewayError):
        code, refused = error.code, error.refused
    worker.journal.refuse(code, status, route, key, refused, time.monotonic_ns(), time.time_ns())
