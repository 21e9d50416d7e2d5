"""The demo on real sockets: connections, control from the side, what the log knows, the program itself."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import uvloop

from hybridgw import demo

ROOT = Path(__file__).parents[3]
CHAT = {"model": "demo-local", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 3}


def request(method: str, path: str, body: Any = None, **headers: str) -> bytes:
    raw = b"" if body is None else json.dumps(body).encode()
    lines = [f"{method} {path} HTTP/1.1", "host: demo", f"content-length: {len(raw)}"]
    lines += [f"{k.replace('_', '-')}: {v}" for k, v in headers.items()]
    return "\r\n".join((*lines, "", "")).encode() + raw


async def answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    """One response, chunk coding removed."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in head[1:] if line)}
    if headers.get("transfer-encoding") == "chunked":
        body = b""
        while size := int(await reader.readline(), 16):
            body += (await reader.readexactly(size + 2))[:-2]
        await reader.readline()
    elif "content-length" in headers:
        body = await reader.readexactly(int(headers["content-length"]))
    else:
        body = await reader.read()
    return int(head[0].split()[1]), headers, body


async def once(one: demo.Upstream, *args: Any, **headers: str) -> tuple[int, dict[str, str], bytes]:
    reader, writer = await asyncio.open_connection(one.host, one.port)
    try:
        writer.write(request(*args, **headers))
        return await answer(reader)
    finally:
        writer.close()


def serving(test: Callable[[demo.Fleet], Awaitable[None]], **options: Any) -> Callable[[], None]:
    """Run an async test against local, cloud and instant upstreams that answer at once."""

    async def body() -> None:
        fleet = await demo.serve({"local": 0, "cloud": 0, "instant": 0}, **({"speed": 0.0} | options))
        try:
            async with asyncio.timeout(10):
                await test(fleet)
        finally:
            await fleet.close()

    def run() -> None:
        uvloop.run(body())

    run.__doc__ = test.__doc__
    return run


async def _endpoints(fleet: demo.Fleet) -> None:
    """Every endpoint answers in its shape, and anything else is a 404 in the error shape."""
    one = fleet["local"]
    for path in ("/v1/chat/completions", "/chat/completions"):
        status, headers, body = await once(one, "POST", path, CHAT)
        assert (status, headers["content-type"]) == (200, "application/json")
        assert json.loads(body)["choices"][0]["message"]["content"] == "This is a "
    status, headers, body = await once(one, "POST", "/v1/chat/completions", CHAT | {"stream": True})
    assert headers["content-type"].startswith("text/event-stream")
    assert body.endswith(b"data: [DONE]\n\n") and body.count(b"data: ") == 6
    _, _, body = await once(one, "POST", "/v1/completions", {"model": "m", "prompt": "x", "max_tokens": 2})
    assert json.loads(body)["choices"][0]["text"] == "This is "
    _, _, body = await once(one, "GET", "/v1/models")
    assert [m["id"] for m in json.loads(body)["data"]] == ["demo-local"]
    assert (await once(one, "GET", "/v1/models/demo-local"))[0] == 200
    assert (await once(one, "GET", "/health"))[0] == 200
    for method, path in (("GET", "/v1/models/none"), ("GET", "/api/version"), ("POST", "/v1/nothing")):
        status, _, body = await once(one, method, path, {} if method == "POST" else None)
        assert status == 404 and json.loads(body)["error"]["type"] == "invalid_request_error"
    status, _, body = await once(one, "POST", "/v1/chat/completions", "not an object")
    assert status == 400


async def _keep_alive(fleet: demo.Fleet) -> None:
    """Pipelined requests are answered in order on one connection, split anywhere."""
    one = fleet["local"]
    reader, writer = await asyncio.open_connection(one.host, one.port)
    wire = b"".join(
        request("POST", "/v1/chat/completions", CHAT | {"max_tokens": n, "stream": n % 2 == 0})
        for n in range(1, 7)
    )
    for start in range(0, len(wire), 97):
        writer.write(wire[start : start + 97])
        await writer.drain()
        await asyncio.sleep(0)
    for n in range(1, 7):
        _, _, body = await answer(reader)
        if n % 2 == 0:
            words = body.count(b'"content":"') - 1
        else:
            words = len(json.loads(body)["choices"][0]["message"]["content"].split())
        assert words == n
    writer.close()


async def _faults(fleet: demo.Fleet) -> None:
    """From a header, from the body, and from the side for the next requests that fit."""
    one = fleet["local"]
    path = "/v1/chat/completions"
    status, headers, _ = await once(one, "POST", path, CHAT, x_demo_fault="status=429;retry-after=7")
    assert (status, headers["retry-after"]) == (429, "7")
    assert (await once(one, "POST", path, CHAT | {"demo_fault": {"status": 418}}))[0] == 418
    assert (await once(one, "POST", path, CHAT, x_demo_fault="nonsense"))[0] == 400
    await once(one, "POST", "/demo/faults", {"status": 503, "count": 2, "model": "demo-local"})
    codes = [(await once(one, "POST", path, body))[0] for body in (CHAT | {"model": "x"}, CHAT, CHAT, CHAT)]
    assert codes == [200, 503, 503, 200]
    one.control.plan("status=500")
    assert [(await once(one, "POST", path, CHAT))[0] for _ in range(2)] == [500, 500]
    assert (await once(fleet["cloud"], "POST", path, CHAT))[0] == 200
    await once(one, "DELETE", "/demo/faults")
    assert (await once(one, "POST", path, CHAT))[0] == 200
    assert (await once(one, "POST", "/demo/faults", {"bogus": 1}))[0] == 400
    with pytest.raises(ConnectionResetError):
        await once(one, "POST", path, CHAT, x_demo_fault="reset-before-head")
    with pytest.raises(asyncio.IncompleteReadError):
        await once(one, "POST", path, CHAT, x_demo_fault="close-before-head")


async def _log(fleet: demo.Fleet) -> None:
    """What arrived, byte for byte up to a limit, and how each answer ended."""
    one = fleet["local"]
    path = "/v1/chat/completions"
    await once(one, "POST", path, CHAT, x_test="yes")
    reader, writer = await asyncio.open_connection(one.host, one.port)
    writer.write(request("POST", path, CHAT | {"stream": True, "demo_fault": "stall-after=1"}))
    await reader.readuntil(b"\r\n\r\n")
    assert one.control.answering == 1
    writer.close()
    for _ in range(1000):
        if not one.control.answering:
            break
        await asyncio.sleep(0.001)
    _, _, body = await once(one, "GET", "/demo/requests")
    seen = json.loads(body)
    assert (seen["arrived"], seen["aborted"], seen["answering"]) == (2, 1, 0)
    first, second = seen["requests"]
    assert json.loads(first["body"]) == CHAT and first["ended"] == "complete"
    assert ["x-test", "yes"] in first["headers"]
    assert second["ended"] == "aborted" and second["fault"] == {"stall-after": 1}
    await once(one, "POST", path, CHAT | {"pad": "x" * 100_000})
    last = one.control.log[-1].view()
    assert last["body_bytes"] > 100_000 and len(last["body"]) == 65536
    await once(one, "DELETE", "/demo/requests")
    assert json.loads((await once(one, "GET", "/demo/requests"))[2])["requests"] == []


async def _instant(fleet: demo.Fleet) -> None:
    """The same bytes each time, a body of 425 bytes, and the pace it was told."""
    one = fleet["instant"]
    path = "/v1/chat/completions"
    bodies = {(await once(one, "POST", path, CHAT))[2] for _ in range(3)}
    assert [len(body) for body in bodies] == [425]
    assert b"This is a demo answer" in bodies.pop()
    _, _, body = await once(one, "POST", path, CHAT | {"stream": True})
    assert body.count(b'"content":"') == 65 and body.endswith(b"data: [DONE]\n\n")
    await once(one, "POST", "/demo/faults", {"events": 5, "gap": "20ms"})
    before = asyncio.get_running_loop().time()
    _, _, body = await once(one, "POST", path, CHAT | {"stream": True})
    assert body.count(b'"content":"') == 6
    assert asyncio.get_running_loop().time() - before > 0.07
    assert (await once(one, "POST", "/demo/faults", {"status": 500}))[0] == 400
    reader, writer = await asyncio.open_connection(one.host, one.port)
    writer.write(request("POST", path, CHAT | {"stream": True}) + request("POST", path, CHAT) * 3)
    lengths = [len((await answer(reader))[2]) for _ in range(4)]
    assert lengths[1:] == [425] * 3 and lengths[0] > 1000
    writer.close()


async def _raw(fleet: demo.Fleet) -> None:
    """HTTP/1.0 clients, HEAD, 100-continue, and bytes that are not HTTP."""
    one = fleet["local"]
    for wire, expected in (
        (b"HEAD /health HTTP/1.1\r\nconnection: close\r\n\r\n", b"30\r\nconnection: close\r\n\r\n"),
        (b"nonsense\r\n\r\n", b"HTTP/1.1 400"),
        (b'POST /v1/completions HTTP/1.0\r\ncontent-length: 9\r\n\r\n{"model":', b"HTTP/1.1 400"),
    ):
        reader, writer = await asyncio.open_connection(one.host, one.port)
        writer.write(wire)
        assert expected in await reader.read()
        writer.close()
    old = json.dumps(CHAT | {"stream": True}).encode()
    reader, writer = await asyncio.open_connection(one.host, one.port)
    writer.write(b"POST /v1/chat/completions HTTP/1.0\r\ncontent-length: %d\r\n\r\n" % len(old) + old)
    raw = await reader.read()
    assert b"chunked" not in raw and raw.endswith(b"data: [DONE]\n\n")
    writer.close()
    reader, writer = await asyncio.open_connection(one.host, one.port)
    body = json.dumps(CHAT).encode()
    writer.write(
        b"POST /v1/chat/completions HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: %d\r\n\r\n"
        % len(body)
    )
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100")
    writer.write(body)
    assert (await answer(reader))[0] == 200
    writer.close()


async def _back_pressure(fleet: demo.Fleet) -> None:
    """A reader that does not read stops the writer, and gets every byte once it reads."""
    one = fleet["local"]
    reader, writer = await asyncio.open_connection(one.host, one.port, limit=1024)
    writer.write(
        request(
            "POST", "/v1/chat/completions", CHAT | {"stream": True, "demo_fault": "huge-event=8MB;events=3"}
        )
    )
    await asyncio.sleep(0.05)
    assert one.control.answering == 1
    total = 0
    while chunk := await reader.read(65536):
        total += len(chunk)
        if chunk.endswith(b"0\r\n\r\n"):
            break
    assert total > 8_000_000
    writer.close()


test_endpoints = serving(_endpoints)
test_keep_alive = serving(_keep_alive)
test_faults = serving(_faults)
test_log = serving(_log)
test_instant = serving(_instant)
test_raw = serving(_raw)
test_back_pressure = serving(_back_pressure)


async def _fingerprints(fleet: demo.Fleet) -> None:
    """Asked to, it answers what an engine alone answers."""
    assert json.loads((await once(fleet["local"], "GET", "/api/version"))[2]) == {"version": "0.0.0-demo"}
    assert (await once(fleet["local"], "GET", "/"))[2] == b"Ollama is running"


test_fingerprints = serving(_fingerprints, engine=demo.Engine.OLLAMA)


def test_an_occupied_port_leaves_nothing_behind() -> None:
    """All or nothing: a half-started fleet would announce ports that do not answer."""

    async def body() -> None:
        first = await demo.serve({"local": 0})
        with pytest.raises(OSError):
            await demo.serve({"cloud": 0, "local": first["local"].port})
        await first.close()

    uvloop.run(body())


@pytest.mark.parametrize("end", ["sigterm", "lifeline"])
def test_the_program_announces_and_stops(end: str) -> None:
    """One line of JSON when all ports listen; ends on SIGTERM and when its parent's pipe closes."""
    read, write = os.pipe()
    env = os.environ | {"PYTHONPATH": str(ROOT / "python")}
    command = [sys.executable, "-m", "hybridgw.demo", "--private-port", "0", "--lifeline-fd", str(read)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=env, pass_fds=(read,)) as child:
        os.close(read)
        assert child.stdout is not None
        announced = json.loads(child.stdout.readline())
        assert announced["pid"] == child.pid
        assert list(announced["ports"]) == ["private"]
        assert announced["models"] == {"private": ["demo-private"]}
        if end == "sigterm":
            child.send_signal(signal.SIGTERM)
        else:
            os.close(write)
        assert child.wait(5) == 0
    if end == "sigterm":
        os.close(write)


def test_the_official_client_understands_it() -> None:
    """openai-python: documents, streams with its accumulator, tool calls, embeddings, errors."""
    openai = pytest.importorskip("openai")

    async def body() -> None:
        fleet = await demo.serve({"local": 0}, speed=0)
        client = openai.AsyncOpenAI(base_url=fleet["local"].url + "/v1", api_key="none", max_retries=0)
        messages = [{"role": "user", "content": "please use a tool"}]
        done = await client.chat.completions.create(model="m", messages=messages, n=2, logprobs=True)
        assert "demo answer" in done.choices[1].message.content
        tools = [
            {
                "type": "function",
                "function": {"name": "f", "parameters": {"type": "object", "properties": {}}},
            }
        ]
        async with client.chat.completions.stream(
            model="m", messages=messages, tools=tools, stream_options={"include_usage": True}
        ) as stream:
            final = await stream.get_final_completion()
        assert final.choices[0].message.tool_calls[0].function.name == "f"
        assert final.usage.total_tokens > 0
        vectors = await client.embeddings.create(model="m", input=["a", "b"])
        assert len(vectors.data[1].embedding) == 32
        assert [m.id async for m in client.models.list()] == ["demo-local"]
        fleet["local"].control.plan("status=429;retry-after=1", count=1)
        with pytest.raises(openai.RateLimitError):
            await client.chat.completions.create(model="m", messages=messages)
        await client.close()
        await fleet.close()

    uvloop.run(body())
