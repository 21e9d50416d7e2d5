"""An upstream that answers each request with the next script: exact bytes, pauses, and an end.

For integration tests whose fault is a matter of bytes that no imitation of a model would send. It
runs in a thread, one connection after another in threads of their own, and every answer ends its
connection unless the script keeps it.

    with Player() as upstream:
        upstream.plays(b"HTTP/1.1 200 OK\\r\\n...", 0.1, b"more")
"""

import contextlib
import socket
import threading
import time
from types import TracebackType
from typing import Any

Script = tuple["bytes | float | str", ...]


class _ModelList(Exception):
    """The request is no part of a test."""


class _OwnQuestion(Exception):
    """A gateway asks what an engine is, by itself."""


_OWN_QUESTIONS = (
    b"GET /api/ps ", b"POST /api/show ", b"GET /props ", b"GET /v1/models ", b"GET /api/v0/models ",
)  # fmt: skip


class Player:
    """`bytes` are sent, a number is a pause in seconds, `hold` waits until the gateway leaves, `reset`
    ends with RST, `keep` waits for the next request on the same connection."""

    def __init__(self) -> None:
        self.requests: list[bytes] = []
        """Bodies, oldest first."""
        self.heads: list[bytes] = []
        """Request lines and headers as they came, of the same requests."""
        self.left = 0
        """How often the gateway left while an answer was held."""
        self.model_list = b""
        """The answer to `GET /api/tags`, which takes no script and is not noted: a gateway asks whenever
        one of its processes loads the configuration. Empty: such a request is like any other."""
        self._scripts: list[Script] = []

    def __enter__(self) -> "Player":
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = int(self._socket.getsockname()[1])
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Closed under a thread that accepts, its number may become the next player's, whose first request
        # this one would take.
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._acceptor.join()
        self._socket.close()

    def plays(self, *script: bytes | float | str) -> None:
        """The answer to the next request that has none yet."""
        self._scripts.append(script)

    def forget(self) -> None:
        """Scripts that nobody has asked for yet are not played."""
        self._scripts.clear()

    def deployment(self, name: str = "local/m", **more: Any) -> dict[str, Any]:
        """A deployment of the native configuration for this upstream."""
        return {
            "name": name,
            "provider": "openai_compatible",
            "url": f"http://127.0.0.1:{self.port}/v1",
            "model": "played",
            "tier": name.partition("/")[0],
            "boundary": "device",
            **more,
        }

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as reader:
            try:
                while self._take(reader) and self._play(connection):
                    pass
            except _OwnQuestion:
                connection.sendall(
                    b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                )
            except _ModelList:
                connection.sendall(self.model_list)
            except OSError:
                self.left += 1

    def _take(self, reader: Any) -> bool:
        length = 0
        head = b""
        while (line := reader.readline()) not in (b"\r\n", b""):
            head += line
            if line.lower().startswith(b"content-length:"):
                length = int(line[15:])
        if not line:
            return False
        if self.model_list and head.startswith(b"GET /api/tags "):
            raise _ModelList
        if head.startswith(_OWN_QUESTIONS):
            reader.read(length)
            raise _OwnQuestion
        self.heads.append(head)
        self.requests.append(reader.read(length))
        return True

    def _play(self, connection: socket.socket) -> bool:
        for step in self._scripts.pop(0) if self._scripts else ():
            if isinstance(step, bytes):
                connection.sendall(step)
            elif isinstance(step, float):
                time.sleep(step)
            elif step == "hold":
                while connection.recv(4096):
                    pass
                self.left += 1
                return False
            elif step == "reset":
                connection.setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00"
                )
                return False
            elif step == "keep":
                return True
        return False


def whole(body: bytes, status: str = "200 OK", *headers: str, kept: bool = False) -> bytes:
    """A complete JSON answer. It says that its connection ends, as every answer of a script does that
    does not keep it (`kept`): a gateway must not meet that by chance."""
    if not kept:
        headers = (*headers, "connection: close")
    lines = [f"HTTP/1.1 {status}", "content-type: application/json", f"content-length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
DONE = b"data: [DONE]\n\n"


def chunk(text: str, finish: str = "null") -> bytes:
    """One event of a chat stream."""
    return (
        b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"played","choices":'
        b'[{"index":0,"delta":{"content":"%b"},"finish_reason":%b}]}\n\n' % (text.encode(), finish.encode())
    )


def first(text: str) -> bytes:
    """The first event of a chat stream, with the role as the protocol has it."""
    return chunk(text).replace(b'"delta":{', b'"delta":{"role":"assistant",')


ANSWER = (
    b'{"id":"c","object":"chat.completion","created":1,"model":"played","choices":[{"index":0,"message":'
    b'{"role":"assistant","content":"played"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,'
    b'"completion_tokens":1,"total_tokens":2}}'
)
END = chunk("", '"stop"') + DONE
