"""A deployment: one concrete upstream, provider + model + key + base URL.

Frozen, built once per configuration. The native plan knows the same deployments by index; what
stands here is what is needed to talk to one: address, credentials, time limits.
"""

from typing import Any
from urllib.parse import urlsplit

import msgspec

from hybridgw.core.enums import Boundary

FOREVER = 10.0 * 365 * 24 * 3600
"""Seconds that no exchange takes: where there is no limit. Infinity could not be written as JSON."""


class Timeouts(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds by phase. `first_token` starts when the request was sent, `idle` at each content."""

    connect: float = 3.0
    first_token: float = 60.0
    idle: float = 60.0
    total: float = FOREVER
    load: float = 0.0
    """How long after sending an attempt without content goes on while nobody else could answer. 0: not
    at all, `first_token` is the end."""
    keys: tuple[str, str, str] = ("timeouts.first_token", "timeouts.idle", "timeouts.total")
    """How the configuration calls `first_token`, `idle` and `total`, for messages."""


class Target(msgspec.Struct, frozen=True):
    """Where to connect: a parsed base URL. `path` has no trailing slash."""

    scheme: str
    host: str
    port: int
    path: str

    @classmethod
    def parse(cls, url: str) -> "Target":
        """Parse an http(s) base URL; a ValueError names what is wrong with it."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https"):
            raise ValueError(f"{url!r}: a base URL starts with http:// or https://")
        if not parts.hostname:
            raise ValueError(f"{url!r}: a base URL names a host")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError(f"{parts.hostname}: a base URL carries no user, query or fragment")
        port = parts.port or (443 if parts.scheme == "https" else 80)
        return cls(parts.scheme, parts.hostname, port, parts.path.rstrip("/"))

    @property
    def authority(self) -> str:
        """The value of a Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        default = 443 if self.scheme == "https" else 80
        return host if self.port == default else f"{host}:{self.port}"


class Deployment(msgspec.Struct, frozen=True, kw_only=True):
    """One upstream, ready to be called."""

    index: int
    """Position in the plan: what the native side calls it."""
    id: str
    """16 hex digits: the identity that survives reloads (provider, model, key, base URL)."""
    name: str
    """`tier/name` as shown to people."""
    provider: str
    model: str
    """The name that the upstream knows."""
    tier: str
    boundary: Boundary
    target: Target
    headers: tuple[tuple[bytes, bytes], ...] = ()
    """Static request headers, names in lower case, credentials included: never logged."""
    proxy: str | None = None
    tls_verify: bool = True
    timeouts: Timeouts = Timeouts()
    mock: str | None = None
    """Its answer, instead of asking anybody."""

    def __repr__(self) -> str:
        return f"Deployment({self.name}, {self.provider}, {self.boundary.name}, {self.target.authority})"

    def __rich_repr__(self) -> Any:
        yield "name", self.name
