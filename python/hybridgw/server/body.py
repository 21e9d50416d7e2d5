"""Reading a request body: bounded in bytes, whatever the chunks.

The time limit is the watchdog's: it knows since when the call waits, and aborts it.
"""

from hybridgw.errors import RequestError
from hybridgw.pipeline.call import Call


async def read_body(call: Call, limit: int, declared: int) -> bytes:
    """The whole body. RequestError `request_too_large` above `limit` bytes, `bad_request` when it
    ends early: the client left, or its framing is broken and the server gave up on it. A client
    that left does not see that answer, one that sent nonsense shall."""
    if declared > limit:
        raise _too_large(limit)
    message = await call.receive()
    if message["type"] == "http.disconnect":
        raise _cut_short()
    body: bytes = message.get("body", b"")
    # The server frames by the declared length, so nothing can follow it: what it would say in one
    # more message is known.
    if len(body) == declared or not message.get("more_body", False):
        if len(body) > limit:
            raise _too_large(limit)
        return body
    # One growing buffer: a list of one-byte chunks would cost forty times their length.
    whole = bytearray(body)
    while True:
        if len(whole) > limit:
            raise _too_large(limit)
        message = await call.receive()
        if message["type"] == "http.disconnect":
            raise _cut_short()
        whole += message.get("body", b"")
        call.received = len(whole)
        if not message.get("more_body", False):
            if len(whole) > limit:
                raise _too_large(limit)
            return bytes(whole)


def _cut_short() -> RequestError:
    return RequestError("bad_request", "the body ended early or is framed wrongly")


def _too_large(limit: int) -> RequestError:
    return RequestError("request_too_large", f"the body is larger than the limit of {limit} bytes")
