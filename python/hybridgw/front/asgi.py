"""The seam over ASGI, and ASGI over the seam.

`AsgiClient` is a request that some ASGI server took (granian, uvicorn): its body is joined from messages,
its answer becomes messages. `over_asgi` is the other way round: it serves the clients of `lean` with an
application that knows nothing but ASGI.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from hybridgw.front.seam import Client, CutShort, Headers, Serve, TooLarge

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]


class AsgiClient:
    """See `seam.Client`."""

    __slots__ = ("_head", "_over", "_receive", "_send", "headers", "method", "more_headers", "path", "query")

    def __init__(self, scope: Message, receive: Receive, send: Send) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.query: bytes = scope["query_string"]
        self.headers: Headers = scope["headers"]
        self.more_headers: tuple[tuple[bytes, bytes], ...] = ()
        self._receive = receive
        self._send = send
        self._head: Message | None = None
        self._over = False
        """No message with a part of the body will come any more."""

    async def body(self, limit: int, arrived: Callable[[int], None]) -> bytes:
        if self._over:
            raise CutShort
        first, over = await self._next()
        if over:
            if len(first) > limit:
                raise TooLarge
            return first
        # One growing buffer: a list of one-byte pieces would cost forty times their length.
        whole = bytearray(first)
        while True:
            if len(whole) > limit:
                raise TooLarge
            arrived(len(whole))
            piece, over = await self._next()
            whole += piece
            if over:
                if len(whole) > limit:
                    raise TooLarge
                return bytes(whole)

    async def _next(self) -> tuple[bytes, bool]:
        """What came, and whether it is the end."""
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self._over = True
            raise CutShort
        self._over = over = not message.get("more_body", False)
        return message.get("body", b""), over

    async def skip(self) -> int:
        try:
            while not self._over:
                piece, _ = await self._next()
                if piece:
                    return len(piece)
        except CutShort:
            pass
        return 0

    def start(self, status: int, headers: Headers) -> None:
        headers = [*headers, *self.more_headers] if self.more_headers else headers
        self._head = {"type": "http.response.start", "status": status, "headers": headers}

    async def write(self, data: bytes) -> None:
        await self._say(data, True)

    async def end(self, data: bytes = b"") -> None:
        await self._say(data, False)

    async def _say(self, data: bytes, more: bool) -> None:
        head, self._head = self._head, None
        if head is not None:
            await self._send(head)
        await self._send({"type": "http.response.body", "body": data, "more_body": more})

    async def gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass


def over_asgi(application: Application) -> Serve:
    """How clients of ours are served by an application that speaks ASGI only."""

    async def serve(client: Client) -> None:
        asked = ended = False

        async def receive() -> Message:
            nonlocal asked
            if not asked:
                asked = True
                try:
                    body = await client.body(1 << 62, lambda _: None)
                except CutShort:
                    return {"type": "http.disconnect"}
                return {"type": "http.request", "body": body, "more_body": False}
            if not ended:
                await client.gone()
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            nonlocal ended
            if message["type"] == "http.response.start":
                client.start(message["status"], list(message.get("headers", ())))
            elif message.get("more_body", False):
                await client.write(message.get("body", b""))
            else:
                ended = True
                await client.end(message.get("body", b""))

        scope: Message = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "scheme": "http",
            "root_path": "",
            "method": client.method,
            "path": client.path,
            "raw_path": None,
            "query_string": client.query,
            "headers": client.headers,
            "client": None,
            "server": None,
        }
        await application(scope, receive, send)

    return serve
