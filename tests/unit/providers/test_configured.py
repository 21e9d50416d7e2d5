"""What a deployment's configuration says of a request at the hub. Its meaning on every wire is the table of
`test_parameter_rules`; here is how it gets into the hub."""

import json
from typing import Any

import msgspec
import pytest

from hybridgw.core import Route
from hybridgw.providers import configured
from hybridgw.providers.base import Backend
from hybridgw.wire import Ask, Format, Message, Text
from hybridgw.wire.parameters import Said
from tests.support.translating import configure

Raw = msgspec.Raw
SCHEMA = {"type": "object"}
FORM = {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA, "strict": True}}


def ask(**said: Any) -> Ask:
    return Ask(model="m", messages=[Message("user", [Text("q")])], **said)


@pytest.mark.parametrize(
    ("name", "value", "member", "told"),
    [
        ("temperature", 0.50, "temperature", Raw(b"0.5")),
        ("max_tokens", 9, "max_tokens", 9),
        ("max_completion_tokens", 9, "max_tokens", 9),
        ("stop", "END", "stop", ["END"]),
        ("stop", ["a", "b"], "stop", ["a", "b"]),
        ("reasoning_effort", "low", "effort", "low"),
        ("thinking", {"type": "enabled", "budget_tokens": 7}, "thinking_budget", 7),
        ("n", 2, "n", 2),
        ("user", "u", "user", "u"),
        ("logprobs", True, "logprobs", True),
        ("top_logprobs", 3, "top_logprobs", 3),
        ("parallel_tool_calls", False, "parallel", False),
        ("response_format", {"type": "json_object"}, "format", Format("json_object")),
        ("response_format", FORM, "format", Format("json_schema", "n", Raw(b'{"type":"object"}'), True)),
    ],
)
def test_what_has_a_place_is_put_there(name: str, value: Any, member: str, told: Any) -> None:
    for backend in (Backend(defaults={name: value}), Backend(force={name: value})):
        asked = configure(ask(), backend)
        assert getattr(asked, member) == told
        assert asked.configured == {name: value}
        asked.drop(name)
        assert asked.dropped == [], "its client never said it"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("seed", {"seed": Raw(b"7")}),
        ("max_completion_tokens", {"max_tokens": 5}),
        ("reasoning_effort", {"effort": "low", "thinking": "enabled", "thinking_budget": 5}),
        ("thinking", {"effort": "low", "thinking": "enabled", "thinking_budget": 5}),
        ("n", {"n": 2}),
        ("stop", {"stop": ["x"]}),
        ("logprobs", {"logprobs": True}),
        ("parallel_tool_calls", {"parallel": False}),
        ("response_format", {"format": Format("json_object")}),
        ("logit_bias", {"extra": {"logit_bias": Raw(b"{}")}}),
    ],
)
def test_what_must_not_be_said_is_taken_out_and_listed(name: str, said: dict[str, Any]) -> None:
    assert configure(ask(**said), Backend(drops=(name,)), name) == ask(dropped=[name])
    assert configure(ask(), Backend(drops=(name,))) == ask(), "nobody said it, so nothing was dropped"


def test_a_client_that_said_what_is_usual_said_it() -> None:
    """`n: 1` and `logprobs: false` look in the hub as if nobody had said anything."""
    backend = Backend(defaults={"n": 3, "logprobs": True})
    assert configure(ask(), backend).n == 3
    assert configure(ask(), backend, "n", "logprobs") == ask()


def test_requests_do_not_share_what_is_configured() -> None:
    backend = Backend(defaults={"stop": ["END"], "min_p": 1}, drops=("n",), force={"labels": {}})
    first = configure(ask(), backend)
    first.stop.append("more")
    first.configured["more"] = 1
    second = configure(ask(), backend)
    assert second.stop == ["END"]
    assert "more" not in second.configured
    assert "more" not in backend.defaults["stop"]  # type: ignore[operator]


@pytest.mark.parametrize(
    ("route", "body", "name", "words"),
    [
        (Route.CHAT, {"max_completion_tokens": 1, "max_tokens": 2}, "max_tokens",
         ["max_tokens", "max_completion_tokens"]),
        (Route.CHAT, {"max_tokens": None}, "max_tokens", []),
        (Route.MESSAGES, {"thinking": {"type": "enabled"}, "output_config": {"effort": "low"}},
         "reasoning_effort", ["output_config.effort", "thinking"]),
        (Route.MESSAGES, {"metadata": {"user_id": "u"}}, "user", ["metadata.user_id"]),
        (Route.RESPONSES, {"max_output_tokens": 1}, "max_tokens", ["max_output_tokens"]),
        (Route.RESPONSES, {"text": {"format": None}}, "response_format", []),
        (Route.OLLAMA_CHAT, {"options": {"num_predict": 1}}, "max_tokens", ["options.num_predict"]),
        (Route.OLLAMA_CHAT, {"options": "odd"}, "stop", []),
        (Route.OLLAMA_GENERATE, {"keep_alive": "1h"}, "keep_alive", ["keep_alive"]),
    ],
)  # fmt: skip
def test_a_client_has_words_of_its_own(
    route: Route, body: dict[str, Any], name: str, words: list[str]
) -> None:
    assert Said(route, json.dumps(body).encode()).names(name) == words


def test_without_rules_a_body_is_not_read() -> None:
    configured.apply(ask(), Backend(), Said(Route.CHAT, b"no JSON"))
