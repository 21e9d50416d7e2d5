"""Outbound: how to talk to each kind of backend.

A provider is data plus, where its wire differs from the client's, a translator. It prepares what
is sent and reads what comes back; it never opens a socket, reads a clock or knows a client.
"""

from hybridgw.providers.base import (
    CONVERSATIONS,
    Backend,
    EngineLoad,
    Exchange,
    Outbound,
    Provider,
    Translator,
)
from hybridgw.providers.registry import PROVIDERS, provider_named

__all__ = [
    "CONVERSATIONS",
    "PROVIDERS",
    "Backend",
    "EngineLoad",
    "Exchange",
    "Outbound",
    "Provider",
    "Translator",
    "provider_named",
]
