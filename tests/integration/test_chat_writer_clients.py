"""What our writer says, read by the official client's own accumulator and echoed back to our reader."""

import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from tests.integration.conftest import config
from tests.integration.test_chat_backends import TOOLS, delta, stream
from tests.support.demo import Demo
from tests.support.gateway import Gateway
from tests.support.player import DONE, Player


@pytest.fixture(scope="module")
def client(demo: Demo, player: Player) -> Iterator[openai.OpenAI]:
    """Everything through the hub: LiteRT-LM's answers never pass."""
    deployment = player.deployment(provider="litert_lm", max_parallel=9)
    models = [{"name": "m", "deployments": ["local/m"], "retries": 0}]
    with (
        Gateway(config(demo, deployments=[deployment], models=models)) as running,
        openai.OpenAI(base_url=running.url + "/v1", api_key="none", max_retries=0) as client,
    ):
        yield client


def call(at: int, **said: object) -> dict[str, object]:
    return {"index": at, **said}


def test_the_stream_helper_joins_two_interleaved_calls(client: openai.OpenAI, player: Player) -> None:
    player.plays(
        stream(
            delta(role="assistant", reasoning_content="Hm"),
            delta(role="assistant", reasoning_content="m."),
            delta(tool_calls=[call(0, id="A", type="function", function={"name": "f", "arguments": ""})]),
            delta(tool_calls=[call(1, id="B", type="function", function={"name": "f", "arguments": '{"b"'})]),
            delta(tool_calls=[call(0, function={"arguments": '{"a":1}'})]),
            delta(tool_calls=[call(1, function={"arguments": ":2}"})]),
            delta("tool_calls"),
            {
                "id": "c",
                "choices": [],
                "usage": {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11},
            },
            done=DONE,
        )
    )
    messages: list[Any] = [{"role": "user", "content": "hi"}]
    with client.chat.completions.stream(
        model="m",
        messages=messages,
        tools=TOOLS,  # type: ignore[arg-type]
        stream_options={"include_usage": True},
    ) as chunks:
        final = chunks.get_final_completion()
    (choice,) = final.choices
    assert choice.finish_reason == "tool_calls"
    assert choice.message.role == "assistant"
    assert [(c.id, c.function.name, c.function.arguments) for c in choice.message.tool_calls or ()] == [
        ("A", "f", '{"a":1}'),
        ("B", "f", '{"b":2}'),
    ]
    assert final.usage is not None and final.usage.prompt_tokens == 9

    # The whole message comes back, as agents send it, with the answers behind it.
    echoed = json.loads(choice.message.model_dump_json(exclude_none=True))
    for made in echoed["tool_calls"]:
        made.pop("index", None)
        made["function"].pop("parsed_arguments", None)
    results: list[Any] = [
        {"role": "tool", "tool_call_id": name, "content": name.lower()} for name in ("A", "B")
    ]
    player.plays(stream(delta(content="done"), delta("stop")))
    with client.chat.completions.stream(model="m", messages=[*messages, echoed, *results]) as chunks:
        assert chunks.get_final_completion().choices[0].message.content == "done"
    received = json.loads(player.requests[-1])["messages"]
    assert [message["role"] for message in received] == ["user", "assistant", "tool", "tool"]
    assert [made["id"] for made in received[1]["tool_calls"]] == ["A", "B"]


def test_the_oldest_functions(client: openai.OpenAI, player: Player) -> None:
    """A12: asked in the oldest way, answered so."""
    made = [call(0, id="A", type="function", function={"name": "f", "arguments": "{}"})]
    player.plays(stream(delta(tool_calls=made), delta("tool_calls")))
    answer = client.chat.completions.create(
        model="m",
        messages=[{"role": "user", "content": "hi"}],
        functions=[{"name": "f", "parameters": {"type": "object"}}],
        stream=True,
    )
    chunks = [chunk.choices[0] for chunk in answer]
    assert next(c.delta.function_call.name for c in chunks if c.delta.function_call) == "f"
    assert chunks[-1].finish_reason == "function_call"
    assert json.loads(player.requests[-1])["tools"][0]["function"]["name"] == "f"


def test_a_failure_in_the_middle_raises(client: openai.OpenAI, player: Player) -> None:
    player.plays(stream(delta(content="a"), done=b""))
    answer = client.chat.completions.create(
        model="m", messages=[{"role": "user", "content": "hi"}], stream=True
    )
    with pytest.raises(openai.APIError):
        list(answer)
