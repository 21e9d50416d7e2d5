"""OpenAI's Responses dialect, which Codex CLI, the Agents SDK and the Vercel AI SDK speak first.

Errors before an answer are those of Chat. Inside a stream they are `response.failed`: a bare `error`
event is ignored by some of its clients, and a failed response without one is not raised by others, so
where bytes pass through and the response's own id is not known both are sent.
"""

import secrets

import msgspec

from hybridgw.dialects.base import Dialect, Fault, Writer
from hybridgw.dialects.openai import OPENAI
from hybridgw.dialects.responses_read import read
from hybridgw.dialects.responses_write import ResponsesWriter, failed_message
from hybridgw.wire import Ask


class Responses:
    """One stateless instance serves all requests."""

    name = "responses"
    heartbeat = OPENAI.heartbeat
    stream_type = OPENAI.stream_type

    def error(self, fault: Fault) -> bytes:
        """As Chat has it, but `code` is the reason in every catalogue: coding agents act on that word."""
        return OPENAI.error(msgspec.structs.replace(fault, code=fault.why))

    def status(self, fault: Fault) -> int:
        """As the catalogue has it."""
        return fault.status

    def error_event(self, fault: Fault) -> bytes:
        """For a stream whose bytes passed through: an error that the SDKs raise on, then the failed
        response that coding agents wait for."""
        code, message = fault.why, failed_message(fault)
        flat = {"code": code, "message": message, "param": fault.param}
        error = {"type": "error", "sequence_number": _LATE, **flat, "error": {"type": fault.type, **flat}}
        failed = {
            "type": "response.failed",
            "sequence_number": _LATE + 1,
            "response": {
                "id": "resp_" + secrets.token_hex(24),
                "object": "response",
                "created_at": 0,
                "status": "failed",
                "error": {"code": code, "message": message},
                "incomplete_details": None,
                "output": [],
                "usage": None,
            },
        }
        encode = msgspec.json.encode
        return b"event: error\ndata: %b\n\nevent: response.failed\ndata: %b\n\n" % (
            encode(error),
            encode(failed),
        )

    def read(self, body: bytes) -> Ask:
        """A Responses request."""
        return read(body)

    def writer(self, ask: Ask) -> Writer:
        """A Responses answer."""
        return ResponsesWriter(ask)


_LATE = 1_000_000
"""Numbers have to rise, and those of the events that passed through were not counted."""


class ResponsesAsChat:
    """Clients that post a Responses body to the chat route and read Chat: Cursor does."""

    name = "responses_as_chat"

    def __init__(self, chat: Dialect) -> None:
        self._chat = chat
        self.heartbeat = chat.heartbeat
        self.stream_type = chat.stream_type

    def error(self, fault: Fault) -> bytes:
        """As Chat has it."""
        return self._chat.error(fault)

    def status(self, fault: Fault) -> int:
        """As Chat has it."""
        return self._chat.status(fault)

    def error_event(self, fault: Fault) -> bytes:
        """As Chat has it."""
        return self._chat.error_event(fault)

    def read(self, body: bytes) -> Ask:
        """A Responses request."""
        return read(body)

    def writer(self, ask: Ask) -> Writer:
        """A Chat answer."""
        return self._chat.writer(ask)


RESPONSES = Responses()
