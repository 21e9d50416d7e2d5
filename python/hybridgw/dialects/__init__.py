"""Inbound: the wire protocols that clients speak.

A dialect knows how its clients read an error, a broken stream and a silence. It does no I/O and
does not choose statuses; it renders what it is given.
"""

from collections.abc import Mapping

from hybridgw.core import Route
from hybridgw.dialects.base import Dialect, Fault, Writer
from hybridgw.dialects.completions import COMPLETIONS
from hybridgw.dialects.messages import MESSAGES
from hybridgw.dialects.ollama import OLLAMA_CHAT, OLLAMA_GENERATE
from hybridgw.dialects.openai import OPENAI
from hybridgw.dialects.responses import RESPONSES, ResponsesAsChat

DIALECTS: Mapping[Route, Dialect] = {
    Route.CHAT: OPENAI,
    Route.COMPLETIONS: COMPLETIONS,
    Route.EMBEDDINGS: OPENAI,
    Route.RESPONSES: RESPONSES,
    Route.MESSAGES: MESSAGES,
    Route.OLLAMA_CHAT: OLLAMA_CHAT,
    Route.OLLAMA_GENERATE: OLLAMA_GENERATE,
    Route.OLLAMA_EMBED: OLLAMA_GENERATE,
}
"""By the route that was called."""

RESPONSES_AS_CHAT: Dialect = ResponsesAsChat(DIALECTS[Route.CHAT])
"""For bodies with `input` on the chat route."""

__all__ = ["DIALECTS", "MESSAGES", "OPENAI", "RESPONSES_AS_CHAT", "Dialect", "Fault", "Writer"]
