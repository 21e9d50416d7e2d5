"""Nothing that a protocol has is lost in silence: whoever serves a request, each member of it reaches the
backend, under its own name or in other words, or is named in `x-hybridgw-dropped`.

The members come from the types of the vendors' own SDKs, so that a new version of one of them adds its
members to this test. The values are this test's own; a member without one fails here.
"""

import json
from typing import Any

import ollama
import orjson
import pytest
from anthropic.types import message_create_params as messages_types
from openai.types import completion_create_params as text_types
from openai.types import embedding_create_params as embedding_types
from openai.types.chat import completion_create_params as chat_types
from openai.types.responses import response_create_params as responses_types

from hybridgw.config.schema import DeploymentSettings, ModelSettings, Settings, Source
from hybridgw.core import Boundary, Route
from hybridgw.native import Principal, Router, StateFile
from hybridgw.providers.registry import PROVIDERS
from hybridgw.routing.plan import Plan
from tests.support.translating import Talk

SCHEMA = {"type": "object", "properties": {"mark": {"type": "string"}}}
CALLED = [{"type": "function", "function": {"name": "look", "parameters": SCHEMA, "strict": True}}]
USER = [{"role": "user", "content": "hello"}]
CHAT: dict[str, Any] = {
    "messages": USER, "audio": {"voice": "alloy", "format": "wav"}, "frequency_penalty": 0.125,
    "function_call": {"name": "look"}, "functions": [{"name": "look", "parameters": SCHEMA}],
    "logit_bias": {"17": 3}, "logprobs": True, "max_completion_tokens": 777, "max_tokens": 776,
    "metadata": {"k": "v"}, "modalities": ["text"], "moderation": {"model": "m"}, "n": 2,
    "parallel_tool_calls": False, "prediction": {"type": "content", "content": "p"},
    "presence_penalty": 0.375, "prompt_cache_key": "pck", "prompt_cache_options": {"mode": "explicit"},
    "prompt_cache_retention": "24h", "reasoning_effort": "high",
    "response_format": {"type": "json_schema", "json_schema": {"name": "out", "schema": SCHEMA}},
    "safety_identifier": "who1", "seed": 4242, "service_tier": "flex", "stop": ["END"], "store": True,
    "stream_options": {"include_usage": True}, "temperature": 0.625, "tool_choice": "required",
    "tools": CALLED, "top_logprobs": 3, "top_p": 0.875, "user": "who2", "verbosity": "low",
    "web_search_options": {"search_context_size": "low"},
}  # fmt: skip
TEXT: dict[str, Any] = {
    "prompt": "hello", "best_of": 3, "echo": True, "frequency_penalty": 0.125, "logit_bias": {"17": 3},
    "logprobs": 2, "max_tokens": 776, "n": 2, "presence_penalty": 0.375, "seed": 4242, "stop": ["END"],
    "stream_options": {"include_usage": True}, "suffix": "behind", "temperature": 0.625, "top_p": 0.875,
    "user": "who2",
}  # fmt: skip
EMBEDDINGS: dict[str, Any] = {"input": "hello", "dimensions": 77, "encoding_format": "float", "user": "who2"}
RESPONSES: dict[str, Any] = {
    "input": "hello", "access_programs": ["p"], "background": False,
    "context_management": [{"type": "compaction"}],
    "conversation": None, "image": None, "include": ["reasoning.encrypted_content"],
    "instructions": "be brief",
    "max_output_tokens": 777, "max_tool_calls": 3, "metadata": {"k": "v"}, "moderation": {"model": "m"},
    "parallel_tool_calls": False, "previous_response_id": None, "prompt": None, "prompt_cache_key": "pck",
    "prompt_cache_options": {"mode": "explicit"}, "prompt_cache_retention": "24h",
    "reasoning": {"effort": "high"}, "safety_identifier": "who1", "service_tier": "flex", "store": False,
    "stream_options": {"include_obfuscation": False}, "temperature": 0.625,
    "text": {"format": {"type": "json_schema", "name": "out", "schema": SCHEMA}, "verbosity": "low"},
    "tool_choice": "required", "tools": [{"type": "function", "name": "look", "parameters": SCHEMA}],
    "top_logprobs": 3, "top_p": 0.875, "truncation": "disabled", "user": "who2",
}  # fmt: skip
MESSAGES: dict[str, Any] = {
    "messages": USER, "cache_control": {"type": "ephemeral"}, "container": "c1", "diagnostics": {"x": 1},
    "inference_geo": "eu", "max_tokens": 777, "metadata": {"user_id": "who1"},
    "output_config": {"effort": "high"}, "service_tier": "auto", "speed": "fast",
    "stop_sequences": ["END"], "system": "be brief", "thinking": {"type": "enabled", "budget_tokens": 2048},
    "tool_choice": {"type": "any"}, "tools": [{"name": "look", "input_schema": SCHEMA}],
    "user_profile_id": "u1", "workspace_id": "w1",
}  # fmt: skip
OLLAMA: dict[str, Any] = {
    "messages": USER, "format": "json", "keep_alive": "5m", "logprobs": True,
    "options": {"temperature": 0.625, "mirostat": 1}, "think": True,
    "tools": [{"type": "function", "function": {"name": "look", "parameters": SCHEMA}}], "top_logprobs": 3,
}  # fmt: skip
GENERATE: dict[str, Any] = {
    "prompt": "hello", "context": None, "format": "json", "height": None, "images": None, "keep_alive": "5m",
    "logprobs": True, "options": {"temperature": 0.625}, "raw": False, "steps": None, "suffix": None,
    "system": "be brief", "template": None, "think": True, "top_logprobs": 3, "width": None,
}  # fmt: skip
EMBED: dict[str, Any] = {
    "input": "hello",
    "dimensions": 77,
    "keep_alive": "5m",
    "options": {"num_thread": 2},
    "truncate": True,
}
HANDED_OVER = {"model", "stream"}
"""The gateway's own business in every request."""
BODIES = {
    Route.CHAT: (CHAT, chat_types.CompletionCreateParamsBase.__annotations__),
    Route.COMPLETIONS: (TEXT, text_types.CompletionCreateParamsBase.__annotations__),
    Route.EMBEDDINGS: (EMBEDDINGS, embedding_types.EmbeddingCreateParams.__annotations__),
    Route.RESPONSES: (RESPONSES, responses_types.ResponseCreateParamsBase.__annotations__),
    Route.MESSAGES: (MESSAGES, messages_types.MessageCreateParamsBase.__annotations__),
    Route.OLLAMA_CHAT: (OLLAMA, ollama._types.ChatRequest.model_fields),
    Route.OLLAMA_GENERATE: (GENERATE, ollama._types.GenerateRequest.model_fields),
    Route.OLLAMA_EMBED: (EMBED, ollama._types.EmbedRequest.model_fields),
}
# Two names for one thing, of which a body has the newer.
APART: dict[str, tuple[str, ...]] = {
    "tools": ("functions", "function_call"),
    "max_completion_tokens": ("max_tokens",),
}
MARKS = {
    "messages": "hello", "input": "hello", "prompt": "hello", "instructions": "be brief",
    "system": "be brief", "tools": "look", "functions": "look", "stop_sequences": "END",
    "max_output_tokens": "777",
    "max_tokens": "77", "max_completion_tokens": "777", "temperature": "0.625", "seed": "4242",
    "response_format": "mark", "text": "mark", "suffix": "behind", "options": "0.625", "dimensions": "77",
    "context_management": "compaction", "metadata": "who1",
}  # fmt: skip
"""What of a value must be found where its name is not."""
TOLD_AS: dict[str, tuple[str, ...]] = {
    "tool_choice": ("any", "required", "ANY"),
    "function_call": ("tool_choice", "allowedFunctionNames"), "stop_sequences": ("stop",),
    "parallel_tool_calls": ("disable_parallel_tool_use",), "logprobs": ("responseLogprobs", "top_logprobs"),
    "top_logprobs": ("logprobs",), "top_p": ("topP",), "stop": ("END",), "n": ("candidateCount",),
    "frequency_penalty": ("frequencyPenalty",), "presence_penalty": ("presencePenalty",),
    "reasoning_effort": ("think", "thinking", "effort"),
    "reasoning": ("reasoning_effort", "think", "effort", "thinkingConfig"),
    "thinking": ("reasoning_effort", "think", "thinkingConfig"), "think": ("reasoning_effort", "thinking"),
    "output_config": ("reasoning_effort", "think", "thinkingConfig"),
    "format": ("response_format", "responseMimeType"),
    "user": ("user_id", "safety_identifier"), "safety_identifier": ("user_id", "user"),
    "metadata": ("user",), "options": ("temperature",), "response_format": ("format", "output_config"),
}  # fmt: skip
# What means nothing where it says what is done anyway, or speaks of the gateway's own answer.
MOOT = frozenset(
    {"background", "store", "truncation", "stream_options", "include", "raw", "encoding_format", "keep_alive"}
)
ECHOED = {Route.RESPONSES: {"metadata"}}
"""What the gateway itself gives back in its answer, and no backend could do more about."""


def bodies(route: Route) -> list[dict[str, Any]]:
    """One with all newer members, one with the older ones in their place."""
    said = {name: value for name, value in BODIES[route][0].items() if value is not None}
    older = [name for newer, names in APART.items() if newer in said for name in names if name in said]
    newest = {name: value for name, value in said.items() if name not in older}
    if not older:
        return [newest]
    taken = {newer for newer, names in APART.items() if any(name in older for name in names)}
    # The oldest functions are called one at a time, whatever else is said.
    taken |= {"tool_choice", "parallel_tool_calls"}
    return [newest, {name: value for name, value in said.items() if name not in taken}]


@pytest.mark.parametrize("route", BODIES)
def test_this_test_knows_all_members(route: Route) -> None:
    values, members = BODIES[route]
    assert set(members) - HANDED_OVER == set(values)


def router(provider: str) -> Router:
    address = "http://127.0.0.1:9/v1"
    entry = DeploymentSettings(
        name="local/m", model_name="m", provider=provider, model="up", base_url=address, tier="local",
        boundary="device", identity="0" * 15 + "1",
    )  # fmt: skip
    embeds = DeploymentSettings(
        name="local/e", model_name="e", provider=provider, model="up", base_url=address, tier="local",
        boundary="device", identity="0" * 15 + "2", mode="embedding",
    )  # fmt: skip
    models = (ModelSettings(name="m", groups=((0,),)), ModelSettings(name="e", groups=((1,),)))
    settings = Settings(source=Source(kind="native"), deployments=(entry, embeds), models=models)
    state = StateFile.anonymous(2, 4)
    return Router(Plan(settings, 1).native, state, state.claim(10, 1, 0), None)


def lost(asked: dict[str, Any], sent: bytes, dropped: set[str]) -> set[str]:
    """Members of which nothing is left and nothing said."""
    keys = names(orjson.loads(sent))
    text = sent.decode()
    gone = set()
    for name in asked:
        found = name in keys or name in dropped or name in MOOT
        found = found or (name in MARKS and MARKS[name] in text)
        others = TOLD_AS.get(name, ())
        found = found or any(other in keys or other in dropped or f'"{other}"' in text for other in others)
        if not found:
            gone.add(name)
    return gone


def names(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set(value) | {name for each in value.values() for name in names(each)}
    return {name for each in value for name in names(each)} if isinstance(value, list) else set()


PASSED = [
    (provider, route)
    for provider, row in PROVIDERS.items()
    for route in Route
    if (exchange := row.exchange(route, "/v1")) is not None and exchange.outbound is None
]
TRANSLATED = [
    (provider, route)
    for provider, row in PROVIDERS.items()
    for route in BODIES
    if (exchange := row.exchange(route, "/v1")) is not None and exchange.outbound is not None
]


@pytest.mark.parametrize(("provider", "route"), PASSED)
def test_where_bytes_pass(provider: str, route: Route) -> None:
    exchange = PROVIDERS[provider].exchange(route, "/v1")
    assert exchange is not None
    embeds = route in (Route.EMBEDDINGS, Route.OLLAMA_EMBED)
    for asked in bodies(route):
        body = json.dumps({"model": "e" if embeds else "m", **asked}).encode()
        everybody = Principal("p", 1, int(Boundary.EXTERNAL))
        permit = router(provider).decide(body, everybody, int(route), None, 0, 0, 0).permit
        if permit.converted:
            assert {"functions", "function_call"} & asked.keys()
            talk = Talk(route, permit.body())
            talk.through(provider)
            sent, dropped = talk.sent, {*(permit.untold() or ()), *talk.attempt.dropped}
            assert "functions" not in orjson.loads(sent)
        else:
            sent, dropped = permit.body(), set(permit.untold() or ())
            if exchange.translator is not None:
                sent = exchange.translator().request(sent)
        assert not lost(asked, sent, dropped)


@pytest.mark.parametrize(("provider", "route"), TRANSLATED)
def test_where_a_request_is_translated(provider: str, route: Route) -> None:
    for asked in bodies(route):
        if provider in ("anthropic", "gemini", "openrouter", "litert_lm"):
            # More than one answer is refused there.
            asked = {
                name: value for name, value in asked.items() if name not in ("n", "best_of", "echo", "suffix")
            }
        elif provider == "ollama" and route is Route.COMPLETIONS:
            # Asked as a chat: what only completions have is refused.
            asked = {
                name: value for name, value in asked.items() if name not in ("best_of", "echo", "suffix")
            }
        talk = Talk(route, asked | {"model": "m", "stream": False})
        talk.through(provider)
        assert not lost(asked, talk.sent, set(talk.attempt.dropped)) - ECHOED.get(route, set())
