"""A scripted upstream that keeps the requests it got, head and body, and can cut anywhere.

A `Player` with a memory for heads. Scripts are bytes, pauses in seconds and endings (`hold`, `reset`,
`keep`); `slices` cuts bytes into packets of their own.
"""

import json
import socket
import threading
from collections.abc import Mapping
from typing import Any

import msgspec

from tests.support.player import Player, Script, whole


class Request(msgspec.Struct, frozen=True):
    """One request as it came in."""

    head: bytes
    body: bytes

    @property
    def method(self) -> str:
        return self.head.split(b" ", 1)[0].decode()

    @property
    def path(self) -> str:
        """Path and query."""
        return self.head.split(b" ", 2)[1].decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def headers(self) -> Mapping[str, str]:
        """By name in lower case."""
        lines = (line.partition(b":") for line in self.head.split(b"\r\n")[1:] if line)
        return {name.decode().lower(): value.strip().decode() for name, _, value in lines}


class Stub(Player):
    """See the module."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Request] = []
        """Requests for inference, oldest first."""
        self.tags: list[dict[str, Any]] = []
        """What `GET /api/tags` lists. Whoever starts a gateway asks for it, and no script is for that."""
        self.pages: dict[str, bytes] = {}
        """What `GET` of other paths answers, as whole bodies; forgotten with the scripts."""
        self._here = threading.local()

    @property
    def last(self) -> Request:
        """The newest request."""
        assert self.seen, "the upstream was not asked"
        return self.seen[-1]

    def clear(self) -> None:
        """Forget requests and scripts."""
        self._scripts.clear()
        self.requests.clear()
        self.seen.clear()
        self.pages.clear()
        self.left = 0

    def _serve(self, connection: socket.socket) -> None:
        # Every piece a packet of its own.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super()._serve(connection)

    def _take(self, reader: Any) -> bool:
        lines = []
        while (line := reader.readline()) not in (b"\r\n", b""):
            lines.append(line)
        if not line:
            return False
        length = next((int(line[15:]) for line in lines if line.lower().startswith(b"content-length:")), 0)
        body = reader.read(length)
        request = self._here.request = Request(b"".join(lines).removesuffix(b"\r\n"), body)
        if request.method == "POST":
            self.requests.append(body)
            self.seen.append(request)
        return True

    def _play(self, connection: socket.socket) -> bool:
        if self._here.request.method == "POST":
            return super()._play(connection)
        page = self.pages.get(self._here.request.path)
        connection.sendall(whole(json.dumps({"models": self.tags}).encode() if page is None else page))
        return False


def slices(data: bytes, size: int = 1, pause: float = 0.0002) -> Script:
    """`data` in pieces of `size` bytes, each sent by itself."""
    script: list[bytes | float | str] = []
    for start in range(0, len(data), size):
        script += [data[start : start + size], pause]
    return tuple(script)
