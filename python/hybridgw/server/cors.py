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
    b"authorization, content-type, accept, user-agent, x-api-key, api-key, x-goog-api-key, "
    b"anthropic-version, anthropic-beta, openai-organization, openai-project, openai-beta, "
    b"x-request-id, x-client-request-id, x-stainless-lang, x-stainless-package-version, x-stainless-os, "
    b"x-stainless-arch, x-stainless-runtime, x-stainless-runtime-version, x-stainless-async, "
    b"x-stainless-helper-method, x-stainless-poll-helper, x-stainless-custom-poll-interval, "
    b"x-stainless-retry-count, x-stainless-timeout, x-stainless-read-timeout, x-hybridgw-tier, "
    b"x-hybridgw-task-type, x-hybridgw-sensitivity, x-hybridgw-latency, x-hybridgw-conversation"
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
                (b"access-control-expose-headers", b"x-request-id, retry-after, x-should-retry"),
                (b"vary", b"origin"),
            ]
        await send(message)

    return send_with_origin


async def preflight(plan: Plan, facts: Facts, send: Send) -> None:
    """204 either way: a page of a foreign origin learns nothing but that it is not allowed."""
    allowed = facts.origin is not None and origin_allowed(plan, facts.origin)
    headers = (
        (
            (b"access-control-allow-methods", b"GET, POST, OPTIONS"),
            (b"access-control-allow-headers", _ALLOWED_HEADERS),
            (b"access-control-max-age", b"600"),
        )
        if allowed
        else ()
    )
    await send_bytes(send, 204, b"", headers=headers)
