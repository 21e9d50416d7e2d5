"""Inbound: the wire protocols that clients speak.

A dialect knows how its clients read an error, a broken stream and a silence. It does no I/O and
does not choose statuses; it renders what it is given.
"""

from collections.abc import Mapping

from hybridgw.core import Route
from hybridgw.dialects.base import Dialect, Fault, Writer
from hybridgw.dialects.messages import MESSAGES
from hybridgw.dialects.openai import OPENAI

DIALECTS: Mapping[Route, Dialect] = {
    Route.CHAT: OPENAI,
    Route.COMPLETIONS: OPENAI,
    Route.EMBEDDINGS: OPENAI,
    Route.MESSAGES: MESSAGES,
}
"""By the route that was called."""

__all__ = ["DIALECTS", "MESSAGES", "OPENAI", "Dialect", "Fault", "Writer"]
