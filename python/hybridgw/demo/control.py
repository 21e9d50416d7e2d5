"""What a test tells the demo, and what the demo tells a test.

A gateway forwards neither unknown headers nor, sometimes, unknown body members, so faults also come
from the side: `POST /demo/faults` queues them for the next requests, whoever sends those. The log of
requests answers the questions that only the upstream can answer: what bytes arrived, how often, and
was the request cancelled. Both are bounded; neither survives the process.
"""

import base64
import hashlib
import time
from collections import deque
from typing import Any

import msgspec

from hybridgw.demo.faults import NONE, VOCABULARY, FaultError, Faults, parse

BODY_KEPT = 64 * 1024
"""Bytes of each body that the log keeps."""
REQUESTS_KEPT = 512
"""Requests that the log keeps; the oldest go first."""


class Entry:
    """One request in the log, and how its answer ended."""

    __slots__ = (
        "at",
        "body",
        "digest",
        "ended",
        "fault",
        "headers",
        "method",
        "number",
        "path",
        "size",
        "took",
    )

    def __init__(
        self, number: int, method: str, path: str, headers: list[tuple[bytes, bytes]], body: bytes
    ) -> None:
        self.number = number
        self.at = time.monotonic()
        self.method = method
        self.path = path
        self.headers = headers
        self.size = len(body)
        self.digest = hashlib.sha256(body).hexdigest()
        self.body = body[:BODY_KEPT]
        self.fault = NONE
        self.ended = "open"
        """`open`, `complete` (all was sent), `aborted` (the client left first), `reset` (on purpose)."""
        self.took = 0.0

    def end(self, how: str) -> None:
        """Note the end of the answer; only the first counts."""
        if self.ended == "open":
            self.ended = how
            self.took = time.monotonic() - self.at

    def view(self) -> dict[str, Any]:
        """For `GET /demo/requests`. A body that is not UTF-8 is given in base64."""
        try:
            body = {"body": self.body.decode()}
        except UnicodeDecodeError:
            body = {"body_base64": base64.b64encode(self.body).decode()}
        return {
            "number": self.number,
            "method": self.method,
            "path": self.path,
            "headers": [[k.decode("latin-1"), v.decode("latin-1")] for k, v in self.headers],
            "body_bytes": self.size,
            "body_sha256": self.digest,
            "fault": {k: v for k, v in msgspec.to_builtins(self.fault).items() if v != _DEFAULTS[k]},
            "ended": self.ended,
            "ended_after_ms": round(self.took * 1000, 3),
        } | body


_DEFAULTS = msgspec.to_builtins(NONE)


class Planned(msgspec.Struct):
    """Faults waiting for requests."""

    faults: Faults
    left: int | None
    """Requests still to be hit; None until cleared."""
    path: str | None
    """Only requests whose path starts with this; None means any model request."""
    model: str | None
    """Only requests whose body names this model."""


class Control:
    """Planned faults, the log, and counters of one upstream."""

    def __init__(self) -> None:
        self.planned: list[Planned] = []
        self.log: deque[Entry] = deque(maxlen=REQUESTS_KEPT)
        self.arrived = 0
        self.answering = 0
        self.connections = 0
        self.connections_total = 0
        self.aborted = 0

    def plan(self, spec: dict[str, Any] | str, count: int | None = None) -> Planned:
        """Queue faults: `spec` is text or an object of faults, in which `count`, `path`, `model` and
        `fault` (text) have their own meaning. Raises FaultError."""
        fields: dict[str, Any] = dict(spec) if isinstance(spec, dict) else {"fault": spec}
        count = fields.pop("count", count)
        if count is not None and (not isinstance(count, int) or count < 1):
            raise FaultError("count is a positive integer; without it the fault stays until cleared")
        path, model = fields.pop("path", None), fields.pop("model", None)
        if "fault" in fields and len(fields) > 1:
            raise FaultError("give either `fault` or the faults themselves")
        faults = fields.get("fault", fields)
        if not isinstance(faults, str | dict):
            raise FaultError("`fault` is text such as status=429;retry-after=2, or an object")
        planned = Planned(parse(faults), count, path, model)
        self.planned.append(planned)
        return planned

    def take(self, path: str, model: str | None) -> Faults:
        """Faults for the request that just arrived, the oldest plan that fits first."""
        for planned in self.planned:
            if planned.path is not None and not path.startswith(planned.path):
                continue
            if planned.model is not None and planned.model != model:
                continue
            if planned.left is not None:
                planned.left -= 1
                if planned.left == 0:
                    self.planned.remove(planned)
            return planned.faults
        return NONE

    def clear(self) -> None:
        """Forget planned faults."""
        self.planned.clear()

    def reset(self) -> None:
        """Empty the log and the counters of what is over."""
        self.log.clear()
        self.arrived = self.aborted = 0

    def handle(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        """Answer a request under `/demo/`: status and a value for JSON."""
        what = path.partition("?")[0]
        if what == "/demo/faults":
            if method == "POST":
                try:
                    spec = msgspec.json.decode(body)
                    if not isinstance(spec, dict | str):
                        raise FaultError("faults are text or an object")
                    self.plan(spec)
                except (msgspec.DecodeError, FaultError) as error:
                    return 400, {"error": str(error)}
            elif method == "DELETE":
                self.clear()
            return 200, {"planned": [_describe(p) for p in self.planned], "vocabulary": VOCABULARY}
        if what == "/demo/requests":
            if method == "DELETE":
                self.reset()
            return 200, {"requests": [entry.view() for entry in self.log]} | self.counters()
        if what == "/demo/status":
            return 200, self.counters()
        return 404, {"error": "known: /demo/faults, /demo/requests, /demo/status"}

    def counters(self) -> dict[str, int]:
        """Totals; `arrived` and `aborted` since the last reset."""
        return {
            "arrived": self.arrived,
            "aborted": self.aborted,
            "answering": self.answering,
            "connections": self.connections,
            "connections_total": self.connections_total,
        }


def _describe(planned: Planned) -> dict[str, Any]:
    faults = {k: v for k, v in msgspec.to_builtins(planned.faults).items() if v != _DEFAULTS[k]}
    return {"faults": faults, "left": planned.left, "path": planned.path, "model": planned.model}
