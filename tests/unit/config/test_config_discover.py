"""Discovery against small servers: engines are recognised by what they answer, and nothing a port
does can delay or break the search."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridgw.config.discover import Engine, Ports, discover, find_engines
from hybridgw.config.probe import MAX_BYTES, parse

NONE = Ports(ollama=(), llama_server=(), vllm=(), lm_studio=(), litert_lm=())
Routes = dict[str, Any]
Serve = Callable[..., int]


def answer(body: Any, headers: str = "", status: str = "200 OK") -> bytes:
    content = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(content)}\r\n{headers}\r\n".encode() + content


def respond(connection: socket.socket, routes: Routes) -> None:
    with connection:
        connection.settimeout(2)
        try:
            request = connection.recv(4096)
            path = request.split(b" ")[1].decode() if b" " in request else ""
            reply = routes.get(path, answer({"detail": "Not Found"}, status="404 Not Found"))
            if callable(reply):
                reply(connection)
            else:
                connection.sendall(reply)
        except OSError:
            return


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts a server on a free port of this host that answers fixed paths; gives the port."""
    with ExitStack() as stack:

        def start(routes: Routes) -> int:
            listener = stack.enter_context(closing(socket.create_server(("127.0.0.1", 0))))

            def accept() -> None:
                while True:
                    try:
                        connection, _ = listener.accept()
                    except OSError:
                        return
                    threading.Thread(target=respond, args=(connection, routes), daemon=True).start()

            threading.Thread(target=accept, daemon=True).start()
            stack.callback(listener.shutdown, socket.SHUT_RDWR)
            return int(listener.getsockname()[1])

        yield start


def models(*ids: str, **rest: Any) -> bytes:
    return answer({"object": "list", "data": [{"id": i, "object": "model", **rest} for i in ids]})


OLLAMA: Routes = {
    "/api/version": answer({"version": "0.33.0"}),
    "/api/tags": answer(
        {
            "models": [
                {"name": "qwen3:8b", "capabilities": ["completion", "tools"]},
                {"name": "gpt-oss:120b-cloud"},
                {"name": "far:latest", "remote_host": "https://ollama.com"},
                {"name": "nomic-embed-text:latest", "capabilities": ["embedding"]},
            ]
        }
    ),
}
LLAMA: Routes = {
    "/props": answer({"default_generation_settings": {"n_ctx": 8192}, "total_slots": 1}),
    "/v1/models": models("tiny.gguf", owned_by="llamacpp"),
}
VLLM: Routes = {
    "/version": answer({"version": "0.32.0"}),
    "/v1/models": models("meta/llama", owned_by="vllm", max_model_len=131072),
}
PLAIN: Routes = {"/v1/models": models("tiny", owned_by="me")}
STUDIO: Routes = {
    "/api/v0/models": answer(
        {"data": [{"id": "phi-4", "type": "llm", "state": "loaded", "max_context_length": 16384}]}
    )
}


def names(found: list[Engine]) -> list[tuple[str, str]]:
    return [(e.kind, e.provider) for e in found]


def test_every_engine_by_its_own_endpoints(serve: Serve) -> None:
    ports = Ports(
        ollama=(serve(OLLAMA),),
        llama_server=(serve(LLAMA),),
        vllm=(serve(VLLM), serve(PLAIN)),
        lm_studio=(serve(STUDIO),),
        litert_lm=(serve({}),),
    )
    found = find_engines(2.0, ports)
    assert names(found) == [
        ("Ollama", "ollama"), ("llama-server", "llama_server"), ("vLLM", "vllm"),
        ("OpenAI-compatible server", "openai_compatible"), ("LM Studio", "openai_compatible"),
        ("LiteRT-LM", "litert_lm"),
    ]  # fmt: skip
    windows = [m.context_window for e in found[1:5] for m in e.models]
    assert windows == [8192, 131072, None, 16384]


def test_never_by_port_alone(serve: Serve) -> None:
    page = {
        p: answer(b"<html>hello</html>") for p in ("/", "/v1/models", "/api/version", "/api/tags", "/props")
    }
    everything = [serve(r) for r in ({}, page, OLLAMA, LLAMA, VLLM, STUDIO)]
    assert names(find_engines(2.0, msgspec.structs.replace(NONE, ollama=tuple(everything)))) == [
        ("Ollama", "ollama")
    ]
    found = find_engines(2.0, msgspec.structs.replace(NONE, llama_server=tuple(everything)))
    assert names(found) == [("llama-server", "llama_server")]
    assert names(find_engines(2.0, msgspec.structs.replace(NONE, lm_studio=tuple(everything)))) == [
        ("LM Studio", "openai_compatible")
    ]


def test_settings_of_what_was_found(serve: Serve) -> None:
    port = serve(OLLAMA)
    settings = discover({}, 2.0, ports=msgspec.structs.replace(NONE, ollama=(port,)))
    assert [(d.name, d.tier, d.boundary, d.mode) for d in settings.deployments] == [
        ("local/qwen3:8b", "local", "device", "chat"),
        ("cloud/gpt-oss:120b-cloud", "cloud", "external", "chat"),
        ("cloud/far:latest", "cloud", "external", "chat"),
        ("local/nomic-embed-text:latest", "local", "device", "embedding"),
    ]
    assert settings.deployments[0].base_url == f"http://127.0.0.1:{port}/v1"
    groups = {m.name: m.groups for m in settings.models}
    assert groups["auto"] == ((0,), (1,), (2,))
    assert groups["local"] == ((0,),)
    assert groups["local/nomic-embed-text:latest"] == ((3,),)


def test_one_model_on_two_ports_gets_two_names(serve: Serve) -> None:
    settings = discover({}, 2.0, ports=msgspec.structs.replace(NONE, vllm=(serve(PLAIN), serve(PLAIN))))
    assert len({d.name for d in settings.deployments}) == 2


def test_cloud_keys_are_listed_and_used_only_when_allowed() -> None:
    environ = {"OPENAI_API_KEY": "sk-a", "ANTHROPIC_API_KEY": "sk-b", "GEMINI_API_KEY": ""}
    settings = discover(environ, ports=NONE)
    assert not settings.deployments
    assert [n.key for n in settings.notices] == ["OPENAI_API_KEY", "ANTHROPIC_API_KEY"]
    allowed = discover(environ, ports=NONE, allow_cloud=True)
    assert {d.boundary for d in allowed.deployments} == {"external"}
    assert [d.api_key for d in allowed.deployments if not d.unusable] == ["sk-a", "sk-a", "sk-b"]
    assert not allowed.problems


def drip(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    for _ in range(20):
        connection.sendall(b"x-a: b\r\n")
        time.sleep(0.05)


def flood(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    for _ in range(64):
        connection.sendall(b"x" * 65536)


def silent(connection: socket.socket) -> None:
    connection.settimeout(1.5)
    connection.recv(1)


HOSTILE: dict[str, Any] = {
    "silent": silent,
    "drip": drip,
    "flood": flood,
    "closed": lambda connection: None,
    "garbage": b"\x00\x01\x02" * 100,
    "not http": b"SSH-2.0-OpenSSH_9.6\r\n",
    "cut short": b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{",
    "huge length": b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n{}",
    "deep": answer(b"[" * 100_000),
    "redirect": answer(b"", "Location: http://192.0.2.1/\r\n", "302 Found"),
    "wrong types": answer({"version": 7, "models": 7, "data": 7}),
    "odd items": answer(
        {"version": "1", "models": [None, 7, {"name": "a\nb"}, {"name": ""}, {"name": "x" * 999}]}
    ),
}


@pytest.mark.parametrize("kind", sorted(HOSTILE))
def test_hostile_ports(serve: Serve, kind: str) -> None:
    paths = ("/api/version", "/api/tags", "/props", "/v1/models", "/version", "/api/v0/models")
    port = serve(dict.fromkeys(paths, HOSTILE[kind]))
    start = time.monotonic()
    found = find_engines(
        0.25, Ports(ollama=(port,), llama_server=(port,), vllm=(port,), lm_studio=(port,), litert_lm=())
    )
    # The deadline is 0.25 s; the bound is generous because the machine may be busy.
    assert time.monotonic() - start < 2.0
    assert all(not engine.models for engine in found)


def test_an_engine_beside_a_silent_port_is_still_found(serve: Serve) -> None:
    stuck = serve({"/api/version": silent, "/api/tags": silent})
    found = find_engines(1.0, msgspec.structs.replace(NONE, ollama=(stuck, serve(OLLAMA))))
    assert names(found) == [("Ollama", "ollama")]


def test_chunked_answers() -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    good = parse(head + b'5\r\n{"a":\r\n3;x=y\r\n 1}\r\n0\r\n\r\n')
    assert good is not None
    assert good.body == {"a": 1}
    for bad in (b"zz\r\n", b"5\r\nab", b"fffffff\r\n", b"-1\r\n", b""):
        assert parse(head + bad) is None


@given(st.binary(max_size=300) | st.binary(max_size=200).map(lambda b: b"HTTP/1.1 200 OK\r\n" + b))
def test_parsing_never_raises(data: bytes) -> None:
    parse(data)


def test_answers_are_bounded() -> None:
    assert parse(b"HTTP/1.1 200 OK\r\n\r\n" + b" " * MAX_BYTES) is None
