"""One worker inside the test's own process: real plan, router, transport and watchdog; no server, no host.

    async with Inside(tmp_path, {"deployments": [...]}) as worker:
        status, body = await worker.post(Route.CHAT, {...})

For what only the same process can see: which objects a request leaves behind, what the state file says
the moment after. What clients see is tested through `Gateway`.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from hybridgw.config.addresses import BoundaryNetworks
from hybridgw.config.load import load
from hybridgw.core import Route
from hybridgw.front.seam import Headers
from hybridgw.native import Journal, Router, StateFile, read_journal
from hybridgw.pipeline import Worker
from hybridgw.pipeline.call import Call
from hybridgw.pipeline.room import Room
from hybridgw.pipeline.watchdog import Watchdog
from hybridgw.routing.plan import Plan
from hybridgw.server.inference import infer
from hybridgw.server.request import Facts
from hybridgw.transport.select import Transports

_HEADERS = [(b"host", b"localhost"), (b"content-type", b"application/json")]


class _Active(set[Call]):
    """The requests in flight; tells of each that begins."""

    def __init__(self, begins: Callable[[Call], None]) -> None:
        super().__init__()
        self._begins = begins

    def add(self, call: Call) -> None:
        super().add(call)
        self._begins(call)


class _Client:
    """A client whose request is here whole, and which keeps the answer."""

    method, path, query = "POST", "/", b""
    headers: Headers = _HEADERS
    more_headers: tuple[tuple[bytes, bytes], ...] = ()

    def __init__(self, body: bytes, leaves_after: float | None) -> None:
        self._body = body
        self._leaves_after = leaves_after
        self.status = 0
        self.head: Headers | None = None
        self.answer = b""

    async def body(self, limit: int, arrived: Callable[[int], None]) -> bytes:
        body, self._body = self._body, b""
        return body

    async def skip(self) -> int:
        return 0

    def start(self, status: int, headers: Headers) -> None:
        self.status = status
        self.head = headers

    async def write(self, data: bytes) -> None:
        self.answer += data

    async def end(self, data: bytes = b"") -> None:
        self.answer += data

    async def gone(self) -> None:
        await (asyncio.Event().wait() if self._leaves_after is None else asyncio.sleep(self._leaves_after))


class Inside:
    """A running worker; see the module."""

    def __init__(
        self,
        folder: Path,
        config: Mapping[str, Any],
        begins: Callable[[Call], None] | None = None,
        native: Callable[[dict[str, Any]], None] | None = None,
    ) -> None:
        """`native` may change what the native side reads of the plan."""
        file = folder / "inside.yaml"
        file.write_text(json.dumps(config))
        self._settings = load(file, {})
        self._begins = begins
        self._native = native
        self._journals = folder / "journal"
        self._journals.mkdir(exist_ok=True)
        self.heads: list[dict[str, str]] = []
        """Headers of the responses, the newest last."""

    async def __aenter__(self) -> "Inside":
        state = StateFile.anonymous(2, 16)
        slot = state.claim(10, 1, 0)
        plan = Plan(self._settings, 1)
        networks = BoundaryNetworks()
        boundaries = self._settings.boundaries
        networks.relist(boundaries.device.networks, boundaries.organization.networks)
        transport = Transports(networks)
        document = json.loads(plan.native)
        if self._native is not None:
            self._native(document)
        self._journal = Journal(self._journals, 7, slot, state.epoch(slot), 1 << 18)
        router = Router(json.dumps(document).encode(), state, slot, self._journal)
        self.worker = Worker(plan, router, state, slot, transport, transport, Room(1 << 30), self._journal)
        if self._begins is not None:
            self.worker.active = _Active(self._begins)
        self._watchdog = Watchdog(self.worker)
        self._watchdog.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._watchdog.stop()
        await self.worker.transport.aclose()

    def ends(self) -> list[dict[str, Any]]:
        """The settlements in the journal, in the order of their attempts."""
        records = read_journal(self._journal.path(), 0)[0]
        ends = [record for record in records if record["kind"] == "end"]
        return sorted(ends, key=lambda end: (end["id"], end["attempt"]))

    async def post(
        self, route: Route, body: Mapping[str, Any], *, leaves_after: float | None = None
    ) -> tuple[int, bytes]:
        """Status and body of the answer. `leaves_after`: the client is gone after so many seconds."""
        raw = json.dumps(body).encode()
        client = _Client(raw, leaves_after)
        # A task of its own, as the server gives each request one.
        await asyncio.create_task(infer(self.worker, route, Facts(_HEADERS, None), client))
        if client.head is not None:
            self.heads.append({name.decode(): value.decode() for name, value in client.head})
        return client.status, client.answer
