"""Answers to browsers of allowed origins; nothing at all for the others.

The headers that the official SDKs send from a browser are listed by name: a preflight that misses
one of them fails the whole request.
"""

from hybridgw.front.seam import Client
from hybridgw.routing.plan import Plan
from hybridgw.server.auth import origin_allowed
from hybridgw.server.request import Facts
from hybridgw.server.respond import send_bytes

_ALLOWED_HEADERS = (
    # credentials and HTTP itself
    "authorization", "x-api-key", "api-key", "x-goog-api-key", "x-litellm-api-key", "content-type",
    "content-encoding", "accept", "user-agent", "idempotency-key", "x-request-id", "x-client-request-id",
    "traceparent", "http-referer", "x-title",
    # the APIs' own
    "openai-organization", "openai-project", "openai-beta", "anthropic-version", "anthropic-beta",
    "anthropic-dangerous-direct-browser-access", "x-goog-api-client",
    # what the SDKs that Stainless generates say of themselves
    *(
        f"x-stainless-{name}"
        for name in (
            "lang", "package-version", "os", "arch", "runtime", "runtime-version", "async", "helper",
            "helper-method", "stream-helper", "poll-helper", "custom-poll-interval", "custom-event-handler",
            "raw-response", "retry-count", "timeout", "read-timeout",
        )
    ),
    # hints
    "x-hybridgw-tier", "x-hybridgw-task-type", "x-hybridgw-sensitivity", "x-hybridgw-latency",
    "x-hybridgw-conversation", "x-litellm-timeout", "x-litellm-stream-timeout", "x-litellm-num-retries",
    "x-litellm-tags",
)  # fmt: skip
_PREFLIGHT = (
    (b"access-control-allow-methods", b"GET, HEAD, POST, DELETE, OPTIONS"),
    (b"access-control-allow-headers", ", ".join(_ALLOWED_HEADERS).encode()),
    (b"access-control-max-age", b"600"),
)
_EXPOSED = (
    b"x-request-id, request-id, retry-after, x-should-retry, x-hybridgw-level, x-hybridgw-tokens, "
    b"x-hybridgw-deployment, x-hybridgw-tier, x-hybridgw-boundary, x-hybridgw-dropped, x-hybridgw-attempts"
)


def allow(plan: Plan, origin: bytes, client: Client) -> None:
    """Give the answer, whatever it will be, the headers by which a browser lets its page read it."""
    if origin_allowed(plan, origin):
        client.more_headers = (
            (b"access-control-allow-origin", origin),
            (b"access-control-expose-headers", _EXPOSED),
            (b"vary", b"origin"),
        )


async def preflight(plan: Plan, facts: Facts, client: Client) -> None:
    """204 either way: a page of a foreign origin learns nothing but that it is not allowed."""
    allowed = facts.origin is not None and origin_allowed(plan, facts.origin)
    await send_bytes(client, 204, b"", headers=_PREFLIGHT if allowed else ())
