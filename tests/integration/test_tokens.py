"""Length: counted exactly, told to the client, and used to choose who can take the request."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.conftest import config
from tests.support.demo import Demo
from tests.support.gateway import Gateway


def user(text: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": text}]


@pytest.fixture(scope="module")
def sized(demo: Demo) -> Iterator[Gateway]:
    """A small model whose vocabulary is known, a larger one, and one of another maker."""
    local = {**demo.deployment("local"), "model": "gpt-4o", "context_window": 100}
    private = {**demo.deployment("private"), "model": "gpt-4o-large", "context_window": 100_000}
    other = {**demo.deployment("cloud"), "model": "qwen", "context_window": 100}
    models = [
        {"name": "small", "deployments": ["local/m"], "context_fallbacks": ["large"]},
        {"name": "large", "deployments": ["private/m"]},
        {"name": "only-small", "deployments": ["local/m"]},
        {"name": "both", "deployments": ["local/m", "private/m"]},
        {"name": "other", "deployments": ["cloud/m"]},
    ]
    with Gateway(config(demo, deployments=[local, private, other], models=models)) as running:
        yield running


def ask(gateway: Gateway, model: str, text: str, **more: Any) -> Any:
    return gateway.post("/v1/chat/completions", {"model": model, "messages": user(text), **more})


LONG = "hello world " * 200


def test_the_client_is_told_how_long_its_prompt_is(sized: Gateway) -> None:
    # "hello world" is 2 tokens of o200k, a message costs 4 and an answer 3 more.
    assert ask(sized, "small", "hello world").headers["x-hybridgw-tokens"] == "9"


def test_what_certainly_does_not_fit_goes_to_the_context_fallback_at_once(demo: Demo, sized: Gateway) -> None:
    answer = ask(sized, "small", LONG)
    assert (answer.status, answer.headers["x-hybridgw-tier"]) == (200, "private")
    assert not demo.requests("local"), "it was not asked in vain"
    assert ask(sized, "both", LONG).headers["x-hybridgw-tier"] == "private"
    assert ask(sized, "both", "short").headers["x-hybridgw-tier"] == "local"


def test_the_reserved_answer_counts(sized: Gateway) -> None:
    assert ask(sized, "small", "short", max_tokens=50).headers["x-hybridgw-tier"] == "local"
    assert ask(sized, "small", "hello world " * 20, max_tokens=90).headers["x-hybridgw-tier"] == "private"


def test_without_anything_larger_it_is_a_400_that_says_why(demo: Demo, sized: Gateway) -> None:
    answer = ask(sized, "only-small", LONG)
    assert (answer.status, answer.json["error"]["code"]) == (400, "context_length_exceeded")
    assert answer.json["error"]["param"] == "messages"
    assert not demo.requests("local")


def test_another_makers_model_is_not_refused_on_a_guess(demo: Demo, sized: Gateway) -> None:
    assert ask(sized, "other", LONG).status == 200
    assert demo.requests("cloud")


def test_the_token_counter(demo: Demo, sized: Gateway) -> None:
    def count(body: Any) -> Any:
        return sized.post("/utils/token_counter", body)

    answer = count({"model": "small", "messages": user("hello world")}).json
    assert (answer["total_tokens"], answer["tokenizer_type"], answer["exact"]) == (9, "o200k_base", True)
    assert count({"model": "small", "prompt": "hello world"}).json["total_tokens"] >= 2
    assert count({"model": "nope", "messages": user("x")}).status == 404
    for nonsense in (b"nonsense", b"[]", b"", b"\xff", b"[" * 9000, b'{"model":"small"}'):
        assert count(nonsense).status == 400, nonsense[:20]
    form = {"content-type": "text/plain"}
    assert sized.post("/utils/token_counter", {"model": "small", "prompt": "x"}, form).status == 415
    for tier in ("local", "private", "cloud"):
        assert not demo.requests(tier)


def test_the_journal_holds_the_estimate(sized: Gateway) -> None:
    answer = ask(sized, "small", "hello world")
    (entry,) = [e for e in sized.journal() if e["id"] == answer.headers["x-request-id"]]
    assert entry["estimated_tokens"] == 9
