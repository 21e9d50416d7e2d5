"""The official Python SDK against the gateway, and the README as a newcomer would use it."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from hybridgw.config.schema import ServerSettings
from tests.integration.conftest import config
from tests.support.demo import Demo
from tests.support.gateway import ROOT, Gateway
from tests.support.player import END, STREAM_HEAD, Player, chunk

MESSAGES: Any = [{"role": "user", "content": "hello"}]
TOOLS: Any = [
    {"type": "function", "function": {"name": "lookup", "parameters": {"type": "object", "properties": {}}}}
]


@pytest.fixture(scope="module")
def serving(demo: Demo) -> Iterator[Gateway]:
    """Chat, and embeddings of an engine that answers in floats only."""
    upstreams = [
        demo.deployment("local"),
        demo.deployment("private"),
        demo.deployment("cloud", mode="embedding"),
    ]
    models = [
        {"name": "m", "deployments": ["local/m", "private/m"], "retries": 0},
        {"name": "vectors", "deployments": ["cloud/m"]},
    ]
    with Gateway(config(demo, deployments=upstreams, models=models)) as running:
        yield running


@pytest.fixture
def client(serving: Gateway) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{serving.url}/v1", api_key="none", timeout=10) as sdk:
        yield sdk


def test_chat(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model="m", messages=MESSAGES)
    assert answer.choices[0].finish_reason == "stop"
    assert "local demo model" in (answer.choices[0].message.content or "")
    assert answer.usage is not None
    assert answer._request_id


def test_a_stream_and_its_helper(client: openai.OpenAI) -> None:
    parts = [
        chunk.choices[0].delta.content or ""
        for chunk in client.chat.completions.create(model="m", messages=MESSAGES, stream=True)
    ]
    with client.chat.completions.stream(model="m", messages=MESSAGES) as stream:
        for _ in stream:
            pass
        final = stream.get_final_completion()
    assert final.choices[0].message.content == "".join(parts)


def test_tool_calls_stream_whole(client: openai.OpenAI) -> None:
    ask: Any = [{"role": "user", "content": "please use a tool"}]
    with client.chat.completions.stream(model="m", messages=ask, tools=TOOLS) as stream:
        final = stream.get_final_completion()
    (call,) = final.choices[0].message.tool_calls or []
    assert call.function.name == "lookup"
    assert final.choices[0].finish_reason == "tool_calls"


def test_usage_comes_when_it_was_asked_for(client: openai.OpenAI) -> None:
    chunks = list(
        client.chat.completions.create(
            model="m", messages=MESSAGES, stream=True, stream_options={"include_usage": True}
        )
    )
    assert chunks[-1].usage is not None
    assert not chunks[-1].choices


def test_n_stop_and_logprobs(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(
        model="m", messages=MESSAGES, n=2, stop=["demo"], logprobs=True, top_logprobs=2
    )
    assert len(answer.choices) == 2
    assert "demo" not in (answer.choices[0].message.content or "")
    assert answer.choices[0].logprobs is not None


def test_embeddings_arrive_as_numbers_whatever_the_wire(client: openai.OpenAI) -> None:
    (implicit,) = client.embeddings.create(model="vectors", input="x").data
    (explicit,) = client.embeddings.create(model="vectors", input="x", encoding_format="float").data
    assert implicit.embedding == pytest.approx(explicit.embedding, rel=1e-6)
    assert len(implicit.embedding) > 1


@pytest.fixture(scope="module")
def slow(demo: Demo, player: Player) -> Iterator[Gateway]:
    """An upstream that may be silent, and heartbeats at a fiftieth of their defaults."""
    more: dict[str, Any] = {
        "server": {"commit_after": "200ms", "heartbeat": "300ms", "drain": "5s"},
        "timeouts": {"first_token": "5s", "idle": "5s", "total": "9s", "connect": "1s"},
        "deployments": [player.deployment()],
        "models": [{"name": "m", "deployments": ["local/m"]}],
    }
    with Gateway(config(demo, **more)) as running:
        yield running


def test_a_silent_upstream_is_waited_for(player: Player, slow: Gateway) -> None:
    """Before the first token and in the middle; the defaults are known to fit what proxies tolerate."""
    assert ServerSettings().commit_after <= 10 <= ServerSettings().heartbeat <= 15
    script = (STREAM_HEAD, 1.0, chunk("late"), 1.0, chunk("later") + END)
    player.plays(*script)
    with (
        openai.OpenAI(base_url=f"{slow.url}/v1", api_key="none", timeout=10, max_retries=0) as sdk,
        sdk.chat.completions.stream(model="m", messages=MESSAGES) as stream,
    ):
        for _ in stream:
            pass
        final = stream.get_final_completion()
    assert final.choices[0].message.content == "latelater"
    player.plays(*script)
    connection = slow.connect()
    body = json.dumps({"model": "m", "messages": MESSAGES, "stream": True})
    began = time.monotonic()
    connection.request("POST", "/v1/chat/completions", body, {"content-type": "application/json"})
    response = connection.getresponse()
    assert time.monotonic() - began < 0.9, "the head is out before the first token"
    data = response.read()
    connection.close()
    before, _, after = data.partition(b"late")
    assert before.count(b": hybridgw\n\n") >= 2
    assert after.count(b": hybridgw\n\n") >= 2
    assert data.endswith(b"data: [DONE]\n\n")


def test_the_body_ends_with_done_whatever_the_upstream_does(player: Player, slow: Gateway) -> None:
    """openai-node reads to the end of the body before it reports a finished answer."""
    player.plays(STREAM_HEAD + chunk("hi") + END, "hold")
    connection = slow.connect()
    body = json.dumps({"model": "m", "messages": MESSAGES, "stream": True})
    connection.request("POST", "/v1/chat/completions", body, {"content-type": "application/json"})
    response = connection.getresponse()
    while response.readline() != b"data: [DONE]\n":
        pass
    done = time.monotonic()
    assert response.read() == b"\n"
    assert time.monotonic() - done < 0.05
    connection.close()


def test_errors_are_the_sdks_own_classes(demo: Demo, client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as missing:
        client.chat.completions.create(model="nope", messages=MESSAGES)
    assert missing.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError) as bad:
        client.chat.completions.create(model="m", messages="hi")  # type: ignore[arg-type]
    assert bad.value.param == "messages"
    demo.fault("local", "truncate-after=3;gap=20ms", count=1)
    with pytest.raises(openai.APIError, match="early"):
        list(client.chat.completions.create(model="m", messages=MESSAGES, stream=True))


def test_the_sdk_may_outlast_a_backend_that_restarts(demo: Demo, client: openai.OpenAI) -> None:
    for tier in ("local", "private"):
        demo.fault(tier, "status=500")
    with pytest.raises(openai.InternalServerError):
        client.chat.completions.create(model="m", messages=MESSAGES)
    # Everybody was asked in each of its three attempts: a 500 may pass, and an agent would end otherwise.
    assert [len(demo.requests(tier)) for tier in ("local", "private")] == [3, 3]


def test_hints_through_extra_body(demo: Demo, client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(
        model="m", messages=MESSAGES, extra_body={"hybridgw": {"tier": "private"}}
    )
    assert "private" in (answer.choices[0].message.content or "")
    assert "hybridgw" not in demo.requests("private")[0]["body"]


def test_the_model_list(client: openai.OpenAI) -> None:
    assert {"m", "auto", "vectors"} <= {model.id for model in client.models.list()}
    assert client.models.retrieve("m").id == "m"


def blocks(language: str) -> list[str]:
    text = (ROOT / "README.md").read_text()
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def test_the_readmes_python_prints_an_answer(serving: Gateway) -> None:
    (script,) = blocks("python")
    assert "127.0.0.1:4000" in script
    script = script.replace("127.0.0.1:4000", f"127.0.0.1:{serving.port}")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    assert "demo answer" in done.stdout


def test_the_readmes_curl_prints_an_answer(serving: Gateway) -> None:
    (command,) = [block for block in blocks("sh") if "curl" in block]
    command = command.replace("127.0.0.1:4000", f"127.0.0.1:{serving.port}")
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=30)
    assert '"content":"This is a demo answer' in done.stdout, done.stdout


def test_the_readmes_configuration_loads(serving: Gateway) -> None:
    path = serving.folder / "readme.yaml"
    # Everything that the page shows, as one file.
    path.write_text("".join(blocks("yaml")))
    command = [sys.executable, "-m", "hybridgw.cli", "check", "--no-resolve", str(path)]
    environ = {"PYTHONPATH": str(ROOT / "python"), "HYBRIDGW_MASTER_KEY": "sk-x", "PATH": ""}
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, env=environ)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(path))
