"""Sending small complete answers: errors, lists, health pages.

Each carries a request id under both names that SDKs look for, so that whoever reports a failure has
something to quote; where there is a decision it is the id under which the journal knows the request.
"""

import secrets

import msgspec
import orjson

from hybridgw.dialects import Dialect, Fault
from hybridgw.front.seam import Client, Headers

JSON = b"application/json"


def _new_id() -> str:
    return "req-" + secrets.token_hex(12)


def _ids(name: str) -> tuple[tuple[bytes, bytes], ...]:
    """A request's id under the names that OpenAI's and Anthropic's SDKs read."""
    return ((b"x-request-id", name.encode()), (b"request-id", name.encode()))


async def send_bytes(
    client: Client,
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
    client.start(status, [(b"content-type", content_type), (b"content-length", b"%d" % len(body)), *headers])
    await client.end(b"" if head_only else body)


async def send_json(client: Client, value: object, status: int = 200, *, head_only: bool = False) -> None:
    """One complete JSON answer."""
    await send_bytes(client, status, orjson.dumps(value), head_only=head_only)


async def send_fault(
    client: Client,
    dialect: Dialect,
    fault: Fault,
    headers: tuple[tuple[bytes, bytes], ...] = (),
    *,
    head_only: bool = False,
) -> None:
    """An error in the caller's dialect, with the headers that the SDKs obey."""
    status, head, body = fault_answer(dialect, fault, headers)
    client.start(status, head)
    await client.end(b"" if head_only else body)


def fault_answer(
    dialect: Dialect, fault: Fault, headers: tuple[tuple[bytes, bytes], ...] = ()
) -> tuple[int, Headers, bytes]:
    """Status, headers and body of an error."""
    name = fault.request_id
    if name is None:
        name = _new_id()
        fault = msgspec.structs.replace(fault, request_id=name)
    body = dialect.error(fault)
    head = [
        (b"content-type", JSON),
        (b"content-length", b"%d" % len(body)),
        *_ids(name),
        *headers,
        *fault.headers,
    ]
    if fault.retry_after is not None:
        # Whole seconds, rounded up: a client that comes too early is refused again.
        head.append((b"retry-after", b"%d" % max(1, -int(-fault.retry_after // 1))))
    if fault.should_retry is not None:
        head.append((b"x-should-retry", b"true" if fault.should_retry else b"false"))
    if (fault.own_status or fault.status) in (408, 413, 431) or fault.why == "bad_request":
        # The rest of the request may still be on its way: this connection is of no use any more.
        head.append((b"connection", b"close"))
    return dialect.status(fault), head, body
