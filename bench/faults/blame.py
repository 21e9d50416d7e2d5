"""`python -m bench.faults.blame`: how far one refusal reaches.

An upstream that refuses one answer in a hundred, refuses one request, or meets a client without patience
is not down. Each case runs on a gateway of its own with one deployment and nobody to fall back to, so a
request that the gateway holds back for another's failure fails and is counted. Faults fall by a seed.

Promises: with 1 % of refusals at most 1.5 % of requests fail, whatever `retry-after` says; one 403 and a
client's own time limits fail nobody else.
"""

import argparse
import asyncio
import json
import random
import sys
import threading
import time
from typing import Any, NamedTuple, Self

from bench.compare.gateways import chat_body
from bench.faults.harness import Gateway, Promises
from bench.load import LoadResult
from bench.upstream import request

_SHARE = 0.01
_MOST_FAILED = 1.5
"""Percent."""
_LATENCY = 0.02
"""Seconds before every answer: more than the patience of the clients that have none."""
_IMPATIENT = 8
_MARK = "this one is refused"
_BODY = json.dumps(
    {
        "id": "c",
        "object": "chat.completion",
        "created": 1,
        "model": "scripted",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "yes"}, "finish_reason": "stop"}
        ],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }
)


class Case(NamedTuple):
    """Which answer the upstream gives to a share of its requests."""

    name: str
    status: str = ""
    """Empty: it answers everything."""
    headers: str = ""
    retries: int = 1
    """Of the gateway; 1 is its default."""


CASES = (
    Case("1 % of 429", "429 Too Many Requests"),
    Case("1 % of 429 with retry-after: 10", "429 Too Many Requests", "retry-after: 10\r\n"),
    Case("1 % of 500", "500 Internal Server Error"),
    Case("1 % of 503 with retry-after: 10", "503 Service Unavailable", "retry-after: 10\r\n"),
    Case("1 % of 429, no retries", "429 Too Many Requests", retries=0),
    Case("1 % of 429 with retry-after: 10, no retries", "429 Too Many Requests", "retry-after: 10\r\n", 0),
    Case("1 % of 500, no retries", "500 Internal Server Error", retries=0),
)


class Scripted:
    """The upstream, in a thread. A context manager; `url` ends with `/v1`."""

    def __init__(self, case: Case, seed: int) -> None:
        self._case = case
        self._draw = random.Random(seed)
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.asked = 0
        self.refused = 0
        self.url = ""

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait(5)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    def _run(self) -> None:
        async def begin() -> None:
            server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
            self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
            self._ready.set()

        self._loop.run_until_complete(begin())
        self._loop.run_forever()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
                body = await reader.readexactly(int(length or b"0"))
                await asyncio.sleep(_LATENCY)
                status, headers, answer = self._answer(head, body)
                size = f"content-type: application/json\r\ncontent-length: {len(answer)}\r\n"
                writer.write(f"HTTP/1.1 {status}\r\n{size}{headers}\r\n{answer}".encode())
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def _answer(self, head: bytes, body: bytes) -> tuple[str, str, str]:
        if not head.startswith(b"post "):  # what the gateway asks by itself
            return "404 Not Found", "", "{}"
        self.asked += 1
        if _MARK.encode() in body:
            return "403 Forbidden", "", "<html>blocked</html>"
        if self._case.status and self._draw.random() < _SHARE:
            self.refused += 1
            return self._case.status, self._case.headers, '{"error":{"message":"scripted"}}'
        return "200 OK", "", _BODY


def main() -> int:
    """Exit status 1 if a promise was broken."""
    parser = argparse.ArgumentParser(prog="bench.faults.blame")
    parser.add_argument("--rate", type=float, default=100.0, help="requests per second")
    parser.add_argument("--seconds", type=float, default=15.0, help="of each case")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--write", action="store_true", help="keep the result in bench/results")
    options = parser.parse_args()
    found = Promises()
    for case in CASES:
        result, upstream = _case(case, options)
        share = 100 * _failed(result) / max(1, result.ok + _failed(result))
        found.figure(f"{case.name}: failed, %", round(share, 3))
        found.figure(f"{case.name}: causes; refused by the upstream", [dict(result.causes), upstream.refused])
        found.promise(f"{case.name}: at most {_MOST_FAILED} % fail", result.ok > 0 and share <= _MOST_FAILED)
    for name, fields, expected, times in (
        ("one 403", {"messages": [{"role": "user", "content": _MARK}]}, {400}, 1),
        ("client timeouts", {"timeout": 0.001}, {504}, _IMPATIENT),
    ):
        result, statuses = _among_others(fields, times, options)
        found.figure(f"{name}: status; others failed", [statuses, _failed(result)])
        found.promise(f"{name}: told to that client alone", set(statuses) == expected)
        found.promise(f"{name}: no other is affected", result.ok > 0 and _failed(result) == 0)
    return found.finish("faults-blame", write=options.write)


def _case(case: Case, options: argparse.Namespace) -> tuple[LoadResult, Scripted]:
    with Scripted(case, options.seed) as upstream, _gateway(upstream, case.retries) as gateway:
        return _measured(gateway, options), upstream


def _among_others(
    fields: dict[str, Any], times: int, options: argparse.Namespace
) -> tuple[LoadResult, list[int]]:
    """The load of the others, and the statuses of `times` odd requests in the middle of it."""
    statuses: list[int] = []
    body = json.dumps(json.loads(chat_body()) | fields)
    with Scripted(Case("none"), options.seed) as upstream, _gateway(upstream, 1) as gateway:

        def odd() -> None:
            time.sleep(options.seconds / 3)
            path = "/v1/chat/completions"
            statuses.extend(
                request(gateway.port, "POST", path, body, gateway.headers)[0] for _ in range(times)
            )

        thread = threading.Thread(target=odd)
        thread.start()
        result = _measured(gateway, options)
        thread.join()
    return result, statuses


def _gateway(upstream: Scripted, retries: int) -> Gateway:
    return Gateway(urls={"a": upstream.url}, retries=retries)


def _failed(result: LoadResult) -> int:
    """Requests without an answer, refused ones included."""
    return sum(count for cause, count in result.causes.items() if cause != "ok")


def _measured(gateway: Gateway, options: argparse.Namespace) -> LoadResult:
    client = gateway.load(stream=False, rate=options.rate, seconds=options.seconds, timeout=20.0)
    output, _ = client.communicate(timeout=options.seconds + 60)
    return LoadResult.load(json.loads(output))


if __name__ == "__main__":
    sys.exit(main())
