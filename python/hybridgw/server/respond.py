"""Sending small complete answers: errors, lists, health pages.

Each carries a request id under both names that SDKs look for, so that whoever reports a failure has
something to quote; where there is a decision it is the id under which the journal knows the request.
"""

import secrets

import msgspec
import orjson

from hybridgw.dialects import Dialect, Fault
from hybridgw.pipeline.call import Send

JSON = b"application/json"


def _new_id() -> str:
    return "req-" + secrets.token_hex(12)


def _ids(name: str) -> tuple[tuple[bytes, bytes], ...]:
    """A request's id under the names that OpenAI's and Anthropic's SDKs read."""
    return ((b"x-request-id", name.encode()), (b"request-id", name.encode()))


async def send_bytes(
    send: Send,
    status: int,
    body: bytes,
    *,
    content_type: bytes = JSON,
    headers: tuple[tuple[bytes, bytes], ...] = (),
    head_only: bool = False,
) -> None:
    """One complete answer."""
    if not any(name == b"x-request-id" for name, _ in headers):
        headers = (*_ids(_new_id()), *headers)
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [
                (b"content-type", content_type),
                (b"content-length", b"%d" % len(body)),
                *headers,
            ],
        }
    )
    await send({"type": "http.response.body", "body": b"" if head_only else body, "more_body": False})


async def send_json(send: Send, value: object, status: int = 200, *, head_only: bool = False) -> None:
    """One complete JSON answer."""
    await send_bytes(send, status, orjson.dumps(value), head_only=head_only)


async def send_fault(
    send: Send,
    dialect: Dialect,
    fault: Fault,
    headers: tuple[tuple[bytes, bytes], ...] = (),
    *,
    head_only: bool = False,
) -> None:
    """An error in the caller's dialect, with the headers that the SDKs obey."""
    name = fault.request_id
    if name is None:
        name = _new_id()
        fault = msgspec.structs.replace(fault, request_id=name)
    extra = [*_ids(name), *headers, *fault.headers]
    if fault.retry_after is not None:
        # Whole seconds, rounded up: a client that comes too early is refused again.
        extra.append((b"retry-after", b"%d" % max(1, -int(-fault.retry_after // 1))))
    if fault.should_retry is not None:
        extra.append((b"x-should-retry", b"true" if fault.should_retry else b"false"))
    if (fault.own_status or fault.status) in (408, 413, 431) or fault.why == "bad_request":
        # The rest of the request may still be on its way: this connection is of no use any more.
        extra.append((b"connection", b"close"))
    await send_bytes(
        send, dialect.status(fault), dialect.error(fault), headers=tuple(extra), head_only=head_only
    )
