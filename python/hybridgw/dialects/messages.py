"""Anthropic's dialect: Messages, which Claude Code and Anthropic's SDKs speak.

Its errors have types and statuses of their own: overload is 529, and a bad gateway plain
500. There is no place for the member at fault, so the message begins with it. A prompt that is too
long must say so in these very words: agents compact their conversation when they read them.
"""

from typing import Any

import orjson

from hybridgw.dialects.base import Fault, Writer
from hybridgw.dialects.messages_read import read_messages
from hybridgw.dialects.messages_write import PING, MessagesWriter
from hybridgw.wire import Ask

_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_STATUSES = {502: 500, 503: 529}
_TOO_LONG = "prompt is too long"
_KNOWN = (_TOO_LONG, "input length and `max_tokens` exceed context limit")
"""The second says that the prompt fits, but not the limit of the answer beside it."""


class Messages:
    """One stateless instance serves all requests."""

    name = "messages"
    heartbeat = PING
    stream_type = b"text/event-stream; charset=utf-8"

    def error(self, fault: Fault) -> bytes:
        """`{"type": "error", "error": {type, message}, "request_id"}`"""
        status = self.status(fault)
        kind = _TYPES.get(status, "api_error" if status >= 500 else "invalid_request_error")
        if fault.why == "upstream_timeout":
            kind = "timeout_error"
        message = fault.message
        if fault.why == "context_length_exceeded":
            message = message if message.startswith(_KNOWN) else f"{_TOO_LONG}: {message}"
        elif fault.param and fault.param not in message:
            message = f"{fault.param}: {message}"
        body: dict[str, Any] = {"type": "error", "error": {"type": kind, "message": message}}
        if fault.request_id is not None:
            body["request_id"] = fault.request_id
        return orjson.dumps(body)

    def status(self, fault: Fault) -> int:
        """The catalogue's status in this dialect's words."""
        return _STATUSES.get(fault.status, fault.status)

    def error_event(self, fault: Fault) -> bytes:
        """The same object under the name on which both SDKs raise."""
        return b"event: error\ndata: " + self.error(fault) + b"\n\n"

    def read(self, body: bytes) -> Ask:
        """A Messages request."""
        return read_messages(body)

    def writer(self, ask: Ask) -> Writer:
        """A message, whole or as events."""
        return MessagesWriter(ask, self.error_event)


MESSAGES = Messages()
