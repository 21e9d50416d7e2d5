"""An upstream that speaks every wire and always says the same, whatever it is sent.

For tests of what goes in: it reads nothing of a request but its path and whether a stream is wanted, so
no body can upset it.
"""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import TracebackType
from typing import Any

_USAGE = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
_PARTS = {"content": {"role": "model", "parts": [{"text": "yes"}]}, "finishReason": "STOP", "index": 0}
_OLLAMA = {"model": "m", "created_at": "2026-01-01T00:00:00Z", "done": True, "done_reason": "stop"}
_RESPONSE = {
    "id": "resp_1",
    "object": "response",
    "status": "completed",
    "output": [
        {
            "type": "message",
            "id": "msg_1",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": "yes", "annotations": []}],
        }
    ],
}
_MESSAGE = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m"}


def _chunk(text: str, reason: str | None) -> dict[str, Any]:
    choice = {"index": 0, "delta": {"content": text}, "text": text, "finish_reason": reason}
    return {"id": "1", "created": 1, "model": "m", "choices": [choice], "usage": _USAGE if reason else None}


WHOLE: dict[str, Any] = {
    "/chat/completions": {
        **_chunk("yes", "stop"),
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "yes"}, "finish_reason": "stop"}
        ],
    },
    "/completions": _chunk("yes", "stop"),
    "/embeddings": {
        "data": [{"index": 0, "embedding": [0.5, 1]}],
        "model": "m",
        "usage": {"prompt_tokens": 1, "total_tokens": 1},
    },
    "/messages": {
        **_MESSAGE,
        "content": [{"type": "text", "text": "yes"}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 1, "output_tokens": 1},
    },
    "/responses": _RESPONSE,
    "generateContent": {"candidates": [_PARTS]},
    "/api/chat": {**_OLLAMA, "message": {"role": "assistant", "content": "yes"}},
    "/api/generate": {**_OLLAMA, "response": "yes"},
    "/api/embed": {"model": "m", "embeddings": [[0.5, 1]]},
}
_SSE: dict[str, list[Any]] = {
    "/completions": [_chunk("yes", None), _chunk("", "stop"), "[DONE]"],
    "/messages": [
        {"type": "message_start", "message": {**_MESSAGE, "content": [], "usage": {"input_tokens": 1}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "yes"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}},
        {"type": "message_stop"},
    ],
    "/responses": [
        {"type": "response.created", "response": {**_RESPONSE, "status": "in_progress", "output": []}},
        {"type": "response.output_text.delta", "delta": "yes"},
        {"type": "response.completed", "response": _RESPONSE},
    ],
    "streamGenerateContent": [{"candidates": [_PARTS]}],
}


def _stream(path: str) -> bytes | None:
    for end, events in _SSE.items():
        if path.endswith(end):
            lines = ["data: " + (it if isinstance(it, str) else json.dumps(it)) for it in events]
            return "\n\n".join([*lines, ""]).encode()
    return None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        path = self.path.partition("?")[0]
        wants = b'"stream":true' in body.replace(b" ", b"") or "stream" in path
        stream = _stream(path) if wants else None
        if stream is None:
            found = next(answer for end, answer in WHOLE.items() if path.endswith(end))
            stream = json.dumps(found).encode()
        self.send_response(200)
        kind = "text/event-stream" if stream.startswith(b"data:") else "application/json"
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(stream)))
        self.end_headers()
        self.wfile.write(stream)

    def log_message(self, *_: object) -> None:
        pass


class Parrot:
    """Listens on a free port of loopback."""

    def __enter__(self) -> "Parrot":
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def deployment(self, name: str, provider: str, **more: Any) -> dict[str, Any]:
        """A deployment of the native configuration for this upstream."""
        return {
            "name": name,
            "provider": provider,
            "url": f"http://127.0.0.1:{self._server.server_address[1]}/v1",
            "model": "m",
            "tier": "local",
            "boundary": "device",
            **more,
        }
