"""However the network cuts a response, the same comes out: the protocol driven without a socket."""

import asyncio
from itertools import pairwise
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridgw.core import Outcome, Timeouts
from hybridgw.errors import UpstreamError
from hybridgw.transport import BoundaryNetworks, TransportLimits
from hybridgw.transport.lean_connection import LeanConnection
from hybridgw.transport.pool import Pool
from tests.support.loops import run
from tests.support.transports import post

LIMITS = Timeouts(connect=1.0, first_token=5.0, idle=5.0, total=5.0)


class Wire:
    """The transport side of a connection, in memory."""

    def __init__(self) -> None:
        self.written = b""
        self.closing = False

    def get_extra_info(self, name: str) -> Any:
        return ("127.0.0.1", 1) if name == "peername" else None

    def write(self, data: bytes) -> None:
        self.written += data

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return self.closing

    def abort(self) -> None:
        self.closing = True

    def pause_reading(self) -> None:
        """Not reached: the bodies here are small."""

    resume_reading = pause_reading


Result = tuple[int, list[tuple[bytes, bytes]], bytes, int, bool]
"""Status, headers, body, outcome (-1 for none), whether the connection was kept."""


async def deliver(raw: bytes, cuts: list[int]) -> Result:
    host = Pool(BoundaryNetworks(), TransportLimits()).host("127.0.0.1", 1)
    connection = LeanConnection(host, asyncio.get_running_loop())
    wire = Wire()
    connection.connection_made(cast("asyncio.Transport", cast(Any, wire)))
    sending = asyncio.ensure_future(connection.exchange("local/test", b"head", post(b"body"), LIMITS))
    await asyncio.sleep(0)
    assert wire.written == b"headbody"
    edges = [0, *sorted(cut for cut in cuts if 0 < cut < len(raw)), len(raw)]
    for start, end in pairwise(edges):
        if end > start and not wire.closing:
            connection.data_received(raw[start:end])
    if not wire.closing:
        connection.eof_received()
    status, headers, body, outcome = 0, [], b"", -1
    try:
        response = await sending
        status, headers = response.status, response.headers
        while data := await response.read():
            body += data
    except UpstreamError as error:
        outcome = error.outcome
    kept = bool(host.idle)
    connection.connection_lost(None)
    return status, headers, body, outcome, kept


FRAMES = st.sampled_from(
    [
        b"content-length: 11\r\n\r\nhello world",
        b"content-length: 12\r\n\r\nhello world",
        b"transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n",
        b"transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nsum: 1\r\n\r\n",
        b"transfer-encoding: chunked\r\n\r\n5\r\nhelloX",
        b"\r\nuntil the end",
        b"content-length: x\r\n\r\n",
    ]
)
STATUS = st.sampled_from(
    [b"HTTP/1.1 200 OK\r\n", b"HTTP/1.0 200 OK\r\n", b"HTTP/1.1 204 No\r\n", b"HTP/1.1 2\r\n"]
)
FIELDS = st.sampled_from([b"", b"Server: x\r\n", b"Connection: close\r\n", b"Connection: keep-alive\r\n"])
INTERIM = st.sampled_from([b"", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 E\r\nLink: a\r\n\r\n"])


@given(INTERIM, STATUS, FIELDS, FRAMES, st.lists(st.integers(1, 160), max_size=12))
def test_any_split_gives_the_same(
    interim: bytes, status: bytes, fields: bytes, frame: bytes, cuts: list[int]
) -> None:
    raw = interim + status + fields + frame

    async def main() -> tuple[Result, Result, Result]:
        return await deliver(raw, []), await deliver(raw, cuts), await deliver(raw, list(range(len(raw))))

    one, some, every = run(main())
    # Whether the connection was kept may differ: bytes behind a message can be seen with it or later.
    assert one[:4] == some[:4] == every[:4]


def test_connection_lost_before_the_request() -> None:
    """A server that closes at once, seen before the request is written."""

    async def main() -> None:
        host = Pool(BoundaryNetworks(), TransportLimits()).host("127.0.0.1", 1)
        connection = LeanConnection(host, asyncio.get_running_loop())
        connection.connection_made(cast("asyncio.Transport", cast(Any, Wire())))
        connection.connection_lost(ConnectionResetError())
        with pytest.raises(UpstreamError) as caught:
            await connection.exchange("local/test", b"head", post(b""), LIMITS)
        assert caught.value.outcome == Outcome.RESET
        connection.abort()
        assert host.pool.open == 0

    run(main())


@given(st.binary(max_size=300), st.lists(st.integers(1, 300), max_size=6))
def test_garbage_never_breaks_the_connection_object(raw: bytes, cuts: list[int]) -> None:
    status, _, _, outcome, kept = run(deliver(raw, cuts))
    assert (status, kept) == (0, False) and outcome >= 0


@given(st.data())
def test_mutated_responses_end_in_an_answer_or_an_outcome(data: st.DataObject) -> None:
    raw = bytearray(data.draw(STATUS) + data.draw(FIELDS) + data.draw(FRAMES))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    status, _, body, outcome, _ = run(
        deliver(bytes(raw), data.draw(st.lists(st.integers(1, 160), max_size=6)))
    )
    assert outcome >= 0 or status >= 200
    assert len(body) <= len(raw)
