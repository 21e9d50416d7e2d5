"""Answers to browsers of allowed origins; nothing at all for the others.

The headers that the official SDKs send from a browser are listed by name: a preflight that misses
one of them fails the whole request.
"""

from hybridgw.pipeline.call import Message, Send
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


def allowing(plan: Plan, origin: bytes, send: Send) -> Send:
    """`send` with the headers by which a browser lets its page read the answer."""
    if not origin_allowed(plan, origin):
        return send

    async def send_with_origin(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [
                *message["headers"],
                (b"access-control-allow-origin", origin),
                (b"access-control-expose-headers", _EXPOSED),
                (b"vary", b"origin"),
            ]
        await send(message)

    return send_with_origin


async def preflight(plan: Plan, facts: Facts, send: Send) -> None:
    """204 either way: a page of a foreign origin learns nothing but that it is not allowed."""
    allowed = facts.origin is not None and origin_allowed(plan, facts.origin)
    await send_bytes(send, 204, b"", headers=_PREFLIGHT if allowed else ())
