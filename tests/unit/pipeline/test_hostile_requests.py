"""Whatever a client sends, a backend is sent JSON, or the client is told which member is wrong."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridgw.core import Route
from hybridgw.errors import RequestError
from hybridgw.server.catalogue import CATALOGUE
from tests.support.hostile import RAW, VALUES, nodes, replaced
from tests.support.rich import BODIES
from tests.support.translating import Talk

PROVIDERS = ("openai", "openrouter", "vllm", "litert_lm", "anthropic", "gemini", "ollama")
# The native side has refused what is no UTF-8.
HOSTILE = st.sampled_from((*VALUES, *(value for value in RAW if value.isascii())))


@pytest.mark.parametrize("route", BODIES)
@given(st.data())
@settings(max_examples=200)
def test_a_request_with_something_else_in_one_place(route: Route, data: st.DataObject) -> None:
    body = {"model": "m", "stream": True, **BODIES[route]}
    path = data.draw(st.sampled_from(tuple(nodes(body))))
    raw = replaced(body, path, data.draw(HOSTILE))
    talk = Talk(route, raw)
    try:
        talk.through(data.draw(st.sampled_from(PROVIDERS)), thinking=data.draw(st.sampled_from([None, True])))
    except RequestError as error:
        assert error.code in CATALOGUE
        assert error.field is None or error.field.isprintable()
        assert len(error.message) < 1000
    else:
        json.loads(talk.sent)
        assert all(isinstance(name, str) for name in talk.attempt.dropped)
