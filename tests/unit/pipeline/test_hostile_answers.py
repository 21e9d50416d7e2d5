"""Whatever a backend answers, a client gets valid words of its own dialect, or the backend's failure."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridgw.core import Route
from hybridgw.errors import UpstreamError
from hybridgw.native import Relay
from hybridgw.providers.registry import PROVIDERS
from tests.support.hostile import RAW, SEEDS, VALUES, Seed, nodes, replaced
from tests.support.translating import Talk, whole

MESSAGES = [{"role": "user", "content": "hi"}]
FUNCTIONS = [{"type": "function", "function": {"name": name, "parameters": {}}} for name in ("f", "g")]
ASKED: dict[Route, dict[str, Any]] = {
    Route.CHAT: {
        "messages": MESSAGES,
        "tools": [FUNCTIONS[0], {"type": "custom", "custom": {"name": "g"}}],
        "stream_options": {"include_usage": True},
    },
    Route.COMPLETIONS: {"prompt": "hi"},
    Route.RESPONSES: {
        "input": "hi",
        "tools": [{"type": "custom", "name": "g"}],
        "reasoning": {"summary": "auto"},
    },
    Route.MESSAGES: {
        "max_tokens": 9,
        "messages": MESSAGES,
        "thinking": {"type": "adaptive"},
        "tools": [{"name": "f", "input_schema": {}}],
    },
    Route.OLLAMA_CHAT: {"messages": MESSAGES, "tools": FUNCTIONS},
    Route.OLLAMA_GENERATE: {"prompt": "hi"},
}


def check(out: bytes, route: Route) -> None:
    """Every event that was written is one, and its data is JSON."""
    if route in (Route.OLLAMA_CHAT, Route.OLLAMA_GENERATE):
        for line in out.splitlines():
            json.loads(line)
        return
    assert not out or out.endswith(b"\n\n")
    for event in out.split(b"\n\n"):
        for line in event.split(b"\n") if event else ():
            assert line.startswith((b"event: ", b"data: ")), line
            if line.startswith(b"data: ") and line != b"data: [DONE]":
                json.loads(line[6:])


def streamed(seed: Seed, route: Route, payloads: list[bytes]) -> None:
    """As the relay and the pipeline take it."""
    made = Talk(route, ASKED[route]).through(seed.provider)
    relay = Relay(PROVIDERS[seed.provider].shape, False)
    for payload in payloads:
        events = relay.feed(seed.framed(payload))
        if relay.error is not None or relay.too_large or (relay.unreadable and not relay.content):
            return
        if events:
            check(made.feed(bytes(events)), route)
    check(made.close(), route)


def answered(seed: Seed, route: Route, body: bytes) -> None:
    relay = Relay(PROVIDERS[seed.provider].shape, False)
    answer = bytes(relay.observe(body))
    if relay.error is None and not relay.unreadable:
        json.loads(whole(Talk(route, ASKED[route]).through(seed.provider), answer))


HOSTILE = st.sampled_from((*VALUES, *RAW))
ROUTES = st.sampled_from(tuple(ASKED))


@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: seed.provider)
@given(st.data())
@settings(max_examples=150)
def test_a_stream_with_something_else_in_one_place(seed: Seed, data: st.DataObject) -> None:
    payloads = [json.dumps(event).encode() for event in seed.stream]
    at = data.draw(st.integers(0, len(payloads) - 1))
    path = data.draw(st.sampled_from(tuple(nodes(seed.stream[at]))))
    payloads[at] = replaced(seed.stream[at], path, data.draw(HOSTILE))
    again = data.draw(st.integers(0, len(payloads) - 1))
    payloads.insert(data.draw(st.integers(0, len(payloads))), payloads[again])
    try:
        streamed(seed, data.draw(ROUTES), payloads)
    except UpstreamError as error:
        assert error.status == 200


@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: seed.provider)
@given(st.data())
@settings(max_examples=100)
def test_an_answer_with_something_else_in_one_place(seed: Seed, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(tuple(nodes(seed.whole))))
    body = replaced(seed.whole, path, data.draw(HOSTILE))
    try:
        answered(seed, data.draw(ROUTES), body)
    except UpstreamError as error:
        assert error.status == 200


@pytest.mark.parametrize("route", ASKED)
@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: seed.provider)
def test_the_seeds_themselves_are_answers(seed: Seed, route: Route) -> None:
    streamed(seed, route, [json.dumps(event).encode() for event in seed.stream])
    answered(seed, route, json.dumps(seed.whole).encode())
