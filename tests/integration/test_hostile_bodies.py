"""A body with something else in one place: an answer, or an error in the caller's own words, on every route.

Never an internal error, and nothing in the log: what a client can send is no bug of ours.
"""

import copy
import json
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridgw.core import Route
from tests.support.gateway import Gateway
from tests.support.hostile import RAW, VALUES, nodes, replaced
from tests.support.parrot import Parrot
from tests.support.rich import BODIES

RESPONSES = copy.deepcopy(BODIES[Route.RESPONSES])
del RESPONSES["input"][1]["content"][2]  # few backends take documents
SEEDS: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": BODIES[Route.CHAT],
    "/v1/chat/completions#input": RESPONSES,
    "/v1/completions": BODIES[Route.COMPLETIONS],
    "/v1/responses": RESPONSES,
    "/v1/messages": BODIES[Route.MESSAGES],
    "/v1/messages/count_tokens": BODIES[Route.MESSAGES],
    "/api/chat": BODIES[Route.OLLAMA_CHAT],
    "/api/generate": BODIES[Route.OLLAMA_GENERATE],
    "/api/show": {"model": "vllm", "verbose": True},
    "/v1/embeddings": {"input": ["a", "b"], "encoding_format": "base64", "dimensions": 2, "user": "u"},
    "/api/embed": {"input": ["a"], "truncate": True, "options": {}, "keep_alive": 1},
    "/api/embeddings": {"prompt": "hi", "options": {}},
    "/utils/token_counter": BODIES[Route.CHAT],
}
PROVIDERS = ("openai", "openai_compatible", "vllm", "tgi", "litert_lm", "ollama", "anthropic", "gemini")
HOSTILE = st.sampled_from((*VALUES, *RAW))


@pytest.fixture(scope="module")
def connection() -> Iterator[HTTPConnection]:
    with Parrot() as parrot:
        deployments = [parrot.deployment(name, name) for name in PROVIDERS]
        deployments.append(parrot.deployment("embed", "openai_compatible", mode="embedding"))
        models = [{"name": each["name"], "deployments": [each["name"]]} for each in deployments]
        quiet = {"health": {"enabled": False}, "breaker": {"enabled": False}}
        with Gateway({"deployments": deployments, "models": models, **quiet}) as gateway:
            connection = gateway.connect()
            yield connection
            connection.close()


def asked(connection: HTTPConnection, path: str, body: bytes) -> tuple[int, bytes]:
    connection.request("POST", path, body, {"content-type": "application/json"})
    answer = connection.getresponse()
    return answer.status, answer.read()


def body_of(path: str, model: str, **more: Any) -> dict[str, Any]:
    return {"model": "embed" if "embed" in path else model, **SEEDS[path], **more}


@pytest.mark.parametrize("path", SEEDS)
def test_the_seeds_themselves_are_answered(connection: HTTPConnection, path: str) -> None:
    for provider in PROVIDERS:
        body = json.dumps(body_of(path, provider)).encode()
        status, told = asked(connection, path.partition("#")[0], body)
        assert status == 200, (provider, told)


@pytest.mark.parametrize("path", SEEDS)
@given(st.data())
@settings(max_examples=40)
def test_a_body_with_something_else_in_one_place(
    connection: HTTPConnection, path: str, data: st.DataObject
) -> None:
    body = body_of(path, data.draw(st.sampled_from(PROVIDERS)), stream=data.draw(st.booleans()))
    place = data.draw(st.sampled_from(tuple(nodes(body))))
    status, told = asked(connection, path.partition("#")[0], replaced(body, place, data.draw(HOSTILE)))
    assert status in (200, 400, 404), (status, told)
    if status == 200:
        assert b"internal error" not in told
        return
    error = json.loads(told)["error"]
    if path.startswith("/api/"):
        assert isinstance(error, str)
    elif path.startswith("/v1/messages"):
        assert error["type"] in ("invalid_request_error", "not_found_error")
        assert isinstance(error["message"], str)
    else:
        assert error.keys() == {"message", "type", "param", "code"}
