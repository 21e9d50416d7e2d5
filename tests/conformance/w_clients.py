"""W: What well-known applications send, beyond the table: section 7 of the protocol guide.

Where an application is no library that a test can hold, its requests are replayed as it sends them.
"""

import json
from typing import Any

from tests.conformance import wire
from tests.conformance.c_errors import failed
from tests.conformance.d_anthropic import PLAIN as MESSAGES_PLAIN
from tests.conformance.registry import case
from tests.conformance.stage import MASTER_KEY, MESSAGES, RESPONSES, USER, Stage
from tests.conformance.wire import ANSWER, DONE, END, STREAM_HEAD, chunk, delta, whole

THINKING = (
    delta({"role": "assistant", "content": ""})
    + delta({"reasoning_content": "hm"})
    + delta({"content": "hi"})
    + delta({}, "stop")
)


@case("W01", "Open WebUI: the model list, a stream, and its title task", feature="chat")
def _(stage: Stage) -> None:
    for path in ("/v1/models", "/models"):
        listed = stage.gateway("keyed").get(path, authorization=f"Bearer {MASTER_KEY}").json
        assert "openai_compatible" in {one["id"] for one in listed["data"]}
    stage.stub().plays(STREAM_HEAD, THINKING + DONE)
    found = wire.payloads(stage.chat(stream=True, settings="keyed"))
    assert found[1]["choices"][0]["delta"]["reasoning_content"] == "hm"
    stage.stub().plays(whole(ANSWER))
    title: Any = {"stream": False, "max_tokens": 50, "metadata": {"task": "title_generation"}}
    assert stage.chat(settings="keyed", **title).body == ANSWER


@case(
    "W02",
    "LangChain: invoke, stream, tools, and an error that it raises",
    client="langchain-openai",
    feature="chat",
)
def _(stage: Stage) -> None:
    model = stage.python().langchain("openai_compatible")
    stage.stub().plays(whole(ANSWER))
    answer = model.invoke("hello")
    assert answer.content == "played"
    assert answer.usage_metadata["total_tokens"] == 2
    stage.stub().plays(STREAM_HEAD, chunk("pla") + chunk("yed") + END)
    assert "".join(part.content for part in model.stream("hello")) == "played"
    # It asks for no usage of its own here; it is counted all the same.
    assert stage.stub().last.json["stream_options"] == {"include_usage": True}
    calls = [wire.tool_call("f", '{"q": "x"}', "call_1")]
    stage.stub().plays(wire.completion({"content": None, "tool_calls": calls}, "tool_calls"))
    (call,) = model.bind_tools([wire.function("f", q={"type": "string"})]).invoke("hello").tool_calls
    assert (call["name"], call["args"], call["id"]) == ("f", {"q": "x"}, "call_1")
    stage.stub().plays(STREAM_HEAD, chunk("pla"))
    try:
        list(model.stream("hello"))
    except Exception as error:
        assert "early" in str(error)
    else:
        raise AssertionError("it was taken for success")


@case(
    "W03",
    "openai-python's stream helper with two interleaved tool calls",
    client="openai-python openai-node",
    feature="tools",
)
def _(stage: Stage) -> None:
    def part(index: int, arguments: str) -> dict[str, Any]:
        return {"index": index, "function": {"arguments": arguments}}

    names = {0: "f", 1: "g"}
    opened = [
        {"index": at, "id": f"call_{at}", "type": "function", "function": {"name": name, "arguments": ""}}
        for at, name in names.items()
    ]
    fragments = [opened, [part(1, '{"b":')], [part(0, '{"a":')], [part(0, "1}"), part(1, "2}")]]
    events = delta({"role": "assistant", "content": None})
    events += b"".join(delta({"tool_calls": one}) for one in fragments) + delta({}, "tool_calls") + DONE
    tools = [wire.function(name) for name in names.values()]
    asked: Any = {"model": "openai_compatible", "messages": USER, "tools": tools}
    expected = [("call_0", "f", '{"a":1}'), ("call_1", "g", '{"b":2}')]
    with stage.python().openai as sdk:
        stage.stub().plays(STREAM_HEAD, events)
        with sdk.chat.completions.stream(**asked) as helper:
            made = helper.get_final_completion().choices[0].message.tool_calls or []
    assert [(one.id, one.function.name, one.function.arguments) for one in made] == expected
    stage.stub().plays(STREAM_HEAD, events)
    told = stage.node().ask("chatHelper", stage.gateway().url, asked)["choices"][0]["message"]["tool_calls"]
    assert [(one["id"], one["function"]["name"], one["function"]["arguments"]) for one in told] == expected


@case("W04", "Cline and Roo: usage of every stream, cached tokens, reasoning", feature="usage")
def _(stage: Stage) -> None:
    cached = wire.usage_chunk(prompt=70, completion=30, prompt_tokens_details={"cached_tokens": 60})
    stage.stub().plays(STREAM_HEAD, THINKING + cached + DONE)
    found = wire.payloads(stage.chat(stream=True, stream_options={"include_usage": True}, temperature=0))
    # It reads `choices[0]` of every chunk but the last.
    assert all(one["choices"] for one in found[:-2])
    assert found[-2]["usage"]["prompt_tokens_details"]["cached_tokens"] == 60
    developer = [{"role": "developer", "content": "Be brief."}, *USER]
    stage.stub("openai").plays(whole(ANSWER))
    assert stage.chat("openai", messages=developer).status == 200
    # What answers on this machine under OpenAI's name is an engine, whose template knows no developer.
    assert stage.stub("openai").last.json["messages"] == [developer[0] | {"role": "system"}, *USER]


@case(
    "W05",
    "Continue: completions with a suffix, and error messages that people can read",
    feature="completions",
)
def _(stage: Stage) -> None:
    body = b'{"id":"c","object":"text_completion","created":1,"choices":[{"index":0,"text":"x"}]}'
    stage.stub().plays(whole(body))
    ask = {
        "model": "openai_compatible",
        "prompt": "def f(",
        "suffix": "):",
        "stop": ["\n\n"],
        "max_tokens": 8,
    }
    answer = stage.post("/v1/completions", ask)
    assert answer.body == body
    assert stage.stub().last.path == "/v1/completions"
    assert {name: stage.stub().last.json[name] for name in ask} == {**ask, "model": "played"}
    stage.stub().plays(failed("400 Bad Request", message="prompt: no such token"))
    assert stage.post("/v1/completions", ask).json["error"]["message"] == "prompt: no such token"


@case("W06", "Claude Code: the probe, the model list, and both ways to send a key", feature="models")
def _(stage: Stage) -> None:
    probe = stage.gateway("keyed").request("HEAD", "/")
    assert (probe.status, probe.body) == (200, b"")
    for headers in ({"authorization": f"Bearer {MASTER_KEY}"}, {"x-api-key": MASTER_KEY}):
        listed = stage.gateway("keyed").request("GET", "/v1/models?limit=1000", headers=headers)
        assert listed.status == 200
        assert listed.json["data"][0]["type"] == "model"


@case(
    "W07",
    "Claude Code: a turn with tools, to Anthropic and to a local model",
    backend="anthropic openai_compatible",
    feature="messages",
)
def _(stage: Stage) -> None:
    ask: dict[str, Any] = {
        "max_tokens": 32_000,
        "stream": True,
        "system": [
            {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1; cch=abc;"},
            {"type": "text", "text": "You are a shell.", "cache_control": {"type": "ephemeral"}},
        ],
        "messages": [
            {
                "role": "user",
                "content": [{"type": "text", "text": "list", "cache_control": {"type": "ephemeral"}}],
            },
            {
                "role": "assistant",
                "content": [
                    {"type": "text", "text": "Listing."},
                    {"type": "tool_use", "id": "toolu_01", "name": "Bash", "input": {"command": "ls"}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "toolu_01", "content": "a.txt", "is_error": False},
                    {"type": "text", "text": "and now?"},
                ],
            },
        ],
        "tools": [{"name": "Bash", "description": "d", "input_schema": {"type": "object", "properties": {}}}],
        "thinking": {"type": "adaptive", "display": "omitted"},
        "context_management": {"edits": []},
        "metadata": {"user_id": "u"},
    }
    headers = {"anthropic-version": "2023-06-01", "anthropic-beta": "claude-code-20250219,x"}
    stage.stub("anthropic").plays(STREAM_HEAD, MESSAGES_PLAIN)
    answer = stage.post(f"{MESSAGES}?beta=true", {"model": "anthropic", **ask}, headers=headers)
    assert answer.body == MESSAGES_PLAIN
    assert stage.stub("anthropic").last.json == {**ask, "model": "played"}
    stage.stub().plays(STREAM_HEAD, chunk("hi") + END)
    answer = stage.post(f"{MESSAGES}?beta=true", {"model": "openai_compatible", **ask}, headers=headers)
    assert wire.named_payloads(answer)[-1]["type"] == "message_stop"
    system, user, assistant, result, rest = stage.stub().last.json["messages"]
    assert (system["role"], system["content"]) == ("system", "You are a shell.")
    assert [one["role"] for one in (user, assistant, result, rest)] == ["user", "assistant", "tool", "user"]
    assert assistant["tool_calls"][0]["id"] == result["tool_call_id"] == "toolu_01"
    assert json.loads(assistant["tool_calls"][0]["function"]["arguments"]) == {"command": "ls"}
    assert b"cache_control" not in stage.stub().last.body


@case("W08", "Codex: a turn as it sends one, ended by response.completed", feature="responses")
def _(stage: Stage) -> None:
    shell = {
        "type": "function",
        "name": "shell",
        "strict": False,
        "parameters": {"type": "object", "properties": {}},
    }
    ask = {
        "model": "openai_compatible",
        "instructions": "You are a coding agent.",
        "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "list"}]}],
        "tools": [shell, {"type": "web_search"}],
        "tool_choice": "auto",
        "parallel_tool_calls": False,
        "reasoning": {"effort": "medium", "summary": "auto"},
        "store": False,
        "stream": True,
        "include": ["reasoning.encrypted_content"],
        "prompt_cache_key": "k",
    }
    stage.stub().plays(STREAM_HEAD, THINKING + wire.usage_chunk() + DONE)
    answer = stage.post(RESPONSES, ask, headers={"accept": "text/event-stream"})
    found = wire.named_payloads(answer)
    assert "web_search" in answer.headers["x-hybridgw-dropped"]
    done = [one["item"]["type"] for one in found if one["type"] == "response.output_item.done"]
    assert done == ["reasoning", "message"]
    assert found[-1]["type"] == "response.completed"
    sent = stage.stub().last.json
    assert sent["messages"][0]["content"] == "You are a coding agent."
    assert (sent["parallel_tool_calls"], sent["reasoning_effort"]) == (False, "medium")
    assert [tool["function"]["name"] for tool in sent["tools"]] == ["shell"]


@case(
    "W09",
    "Ollama's generate and embed",
    client="ollama-python",
    backend="openai_compatible ollama",
    feature="ollama",
)
def _(stage: Stage) -> None:
    sdk = stage.python().ollama
    stage.stub().plays(whole(ANSWER))
    assert sdk.generate(model="openai_compatible", prompt="hello", system="Be brief.").response == "played"
    assert [one["role"] for one in stage.stub().last.json["messages"]] == ["system", "user"]
    stage.stub("embedder").plays(
        whole(wire.encoded({"model": "played", "embeddings": [[0.25, -1.5]], "prompt_eval_count": 1}))
    )
    assert sdk.embed(model="embedder", input="hello").embeddings == [[0.25, -1.5]]
