"""The upstream that is none: an answer that the configuration holds, in the dialect of Chat.

People write `mock_response` to try a file, or a client, without a model. What makes it safe is that no
socket is behind it: neither the prompt nor a key can go anywhere, whatever else the entry says. A text
that names one of LiteLLM's exceptions stands for that failure.
"""

from typing import Any

import msgspec

from hybridgw.core import Outcome
from hybridgw.transport.seam import STREAM_REQUEST, UpstreamRequest, UpstreamResponse

_ERRORS = {
    "litellm.RateLimitError": (429, "rate_limit_exceeded"),
    "litellm.InternalServerError": (500, "internal_error"),
    "litellm.ContextWindowExceededError": (400, "context_length_exceeded"),
}
_USAGE = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}


class MockedResponse(UpstreamResponse):
    """See `UpstreamResponse`: complete from the beginning."""

    __slots__ = ("_body",)

    def __init__(self, text: str, model: str, request: UpstreamRequest) -> None:
        self.status, code = _ERRORS.get(text, (200, ""))
        self.headers = [(b"content-type", b"application/json")]
        self.peer = ""
        if code:
            error = {"message": f"mocked: {text}", "type": "server_error", "code": code}
            self._body = msgspec.json.encode({"error": error})
        elif request.headers[: len(STREAM_REQUEST)] == STREAM_REQUEST:
            self.headers = [(b"content-type", b"text/event-stream")]
            self._body = _stream(text, model, request)
        else:
            self._body = msgspec.json.encode(_whole(text, model, request))

    async def read(self) -> bytes:
        body, self._body = self._body, b""
        return body

    def arm(self, seconds: float, outcome: Outcome) -> None:
        """Nothing can be late."""

    def touch(self) -> None:
        """Nothing can be late."""

    def close(self) -> None:
        self._body = b""


def _is_chat(request: UpstreamRequest) -> bool:
    return "/chat/" in request.target


def _frame(model: str, request: UpstreamRequest, chunk: bool) -> dict[str, Any]:
    kind = f"chat.completion{'.chunk' if chunk else ''}" if _is_chat(request) else "text_completion"
    return {"id": "chatcmpl-mock", "object": kind, "created": 0, "model": model}


def _whole(text: str, model: str, request: UpstreamRequest) -> dict[str, Any]:
    content = {"message": {"role": "assistant", "content": text}} if _is_chat(request) else {"text": text}
    choice = {"index": 0, **content, "finish_reason": "stop"}
    return {**_frame(model, request, False), "choices": [choice], "usage": _USAGE}


def _stream(text: str, model: str, request: UpstreamRequest) -> bytes:
    chat = _is_chat(request)
    first = {"delta": {"role": "assistant", "content": text}} if chat else {"text": text}
    last: dict[str, Any] = {"delta": {}} if chat else {"text": ""}
    frame = _frame(model, request, True)
    events = (
        {**frame, "choices": [{"index": 0, **first, "finish_reason": None}]},
        {**frame, "choices": [{"index": 0, **last, "finish_reason": "stop"}]},
        {**frame, "choices": [], "usage": _USAGE},
    )
    return (
        b"".join(b"data: " + msgspec.json.encode(event) + b"\n\n" for event in events) + b"data: [DONE]\n\n"
    )
