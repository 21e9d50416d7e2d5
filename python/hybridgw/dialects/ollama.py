"""Ollama's own dialect: `/api/chat`, `/api/generate`, `/api/embed`.

Errors are one text, in an answer as in a stream. A stream is lines of JSON, of which clients parse
every single one: a blank line breaks them, and silence is kept alive by an empty chunk.
"""

from hybridgw.dialects.base import Fault, Writer
from hybridgw.dialects.ollama_read import read_chat, read_generate
from hybridgw.dialects.ollama_write import OllamaWriter, error_line
from hybridgw.wire import Ask

# Before anybody knows what model answers, and when; both members must be there.
_UNKNOWN = b'{"model":"","created_at":"1970-01-01T00:00:00Z",'


class Ollama:
    """One stateless instance for each of its two conversations."""

    name = "ollama"
    stream_type = b"application/x-ndjson"

    def __init__(self, *, generate: bool) -> None:
        self._generate = generate
        empty = b'"response":""' if generate else b'"message":{"role":"assistant","content":""}'
        self.heartbeat = _UNKNOWN + empty + b',"done":false}\n'

    def error(self, fault: Fault) -> bytes:
        """`{"error": text}`."""
        return error_line(fault)

    def status(self, fault: Fault) -> int:
        """Our own: no other proxy's clients speak this dialect, and Ollama's know 404 as "pull it first"."""
        return fault.own_status or fault.status

    def error_event(self, fault: Fault) -> bytes:
        """The same as the last line."""
        return error_line(fault) + b"\n"

    def read(self, body: bytes) -> Ask:
        """A request of this conversation."""
        return read_generate(body) if self._generate else read_chat(body)

    def writer(self, ask: Ask) -> Writer:
        """Writes lines, or one object."""
        return OllamaWriter(ask, generate=self._generate)


OLLAMA_CHAT = Ollama(generate=False)
OLLAMA_GENERATE = Ollama(generate=True)
