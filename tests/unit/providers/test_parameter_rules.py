"""A deployment's parameter rules mean one thing, whoever serves the request: each case here is asked of every
provider on every route that it has, passed by the native side or translated, through the code that makes
the request of an attempt. What is looked at is the thing that a rule is about, wherever the wire has it.
"""

import asyncio
import json
from types import SimpleNamespace
from typing import Any, NamedTuple, cast

import msgspec
import orjson
import pytest

from hybridgw.config.schema import DeploymentSettings, ModelSettings, Settings, Source
from hybridgw.core import Boundary, Route
from hybridgw.dialects import DIALECTS
from hybridgw.native import Principal, Router, StateFile
from hybridgw.pipeline.attempt import Attempt
from hybridgw.pipeline.call import Call
from hybridgw.pipeline.exchange import _request
from hybridgw.pipeline.translation import translation_of
from hybridgw.providers.registry import PROVIDERS
from hybridgw.routing.plan import Plan

USER = [{"role": "user", "content": "hello"}]
ROUTES: dict[Route, dict[str, Any]] = {
    Route.CHAT: {"messages": USER}, Route.COMPLETIONS: {"prompt": "hello"},
    Route.MESSAGES: {"messages": USER}, Route.RESPONSES: {"input": "hello"},
    Route.OLLAMA_CHAT: {"messages": USER}, Route.OLLAMA_GENERATE: {"prompt": "hello"},
}  # fmt: skip
SERVED = [
    (provider, route)
    for provider, row in PROVIDERS.items()
    for route in ROUTES
    if row.exchange(route, "/v1") is not None
]

# Where a client of the route says the thing.
NESTED = {Route.OLLAMA_CHAT, Route.OLLAMA_GENERATE}
WORDS: dict[Route, dict[str, str]] = {
    Route.MESSAGES: {"stop": "stop_sequences"},
    Route.RESPONSES: {"limit": "max_output_tokens"},
    **{
        route: {"limit": "options.num_predict", "temperature": "options.temperature", "stop": "options.stop"}
        for route in NESTED
    },
}
# Where any wire tells it.
PLACES = {
    "limit": (
        "max_tokens", "max_completion_tokens", "max_output_tokens", "options.num_predict",
        "generationConfig.maxOutputTokens",
    ),
    "temperature": ("temperature", "options.temperature", "generationConfig.temperature"),
    "stop": ("stop", "stop_sequences", "options.stop", "generationConfig.stopSequences"),
}  # fmt: skip
CHATS = {"limit": "max_tokens", "temperature": "temperature", "stop": "stop"}
SAMPLE: dict[str, tuple[Any, Any, Any]] = {
    "limit": (77, 88, 99), "temperature": (0.125, 0.25, 0.5), "stop": (["SAID"], ["UNSAID"], ["FORCED"]),
}  # fmt: skip
"""By the client, as a default, forced."""
# A stop that the wire of these has no word for.
NO_STOP = {("litert_lm", None), ("openai", Route.RESPONSES)}


class Case(NamedTuple):
    """`said`: the client's value, null or nothing; what of `told` is the thing's value afterwards."""

    name: str
    said: str
    rules: tuple[str, ...]
    told: str
    dropped: bool = False


CASES = [
    Case("nothing", "none", (), "none"),
    Case("the client counts", "value", (), "client"),
    Case("a default is for what is unsaid", "none", ("default",), "default"),
    Case("a default yields to the client", "value", ("default",), "client"),
    Case("null says nothing", "null", ("default",), "default"),
    Case("a drop takes what the client says", "value", ("drop",), "none", True),
    Case("a drop of what is unsaid", "none", ("drop",), "none"),
    Case("a drop of null", "null", ("drop",), "none"),
    Case("a drop is not filled up again", "value", ("drop", "default"), "none", True),
    Case("a drop forbids the default, too", "none", ("drop", "default"), "none"),
    Case("force replaces the client", "value", ("force",), "forced"),
    Case("force replaces nothing", "none", ("force",), "forced"),
    Case("force replaces null", "null", ("force",), "forced"),
    Case("force comes before a default", "none", ("default", "force"), "forced"),
    Case("force comes after a drop", "value", ("drop", "force"), "forced", True),
    Case("force comes after a drop of nothing", "none", ("drop", "force"), "forced"),
    Case("all of them", "value", ("drop", "default", "force"), "forced", True),
]


class Sent(NamedTuple):
    body: dict[str, Any]
    dropped: tuple[str, ...]
    bytes: bytes


def sent(provider: str, route: Route, body: dict[str, Any], model: str = "up", **rules: Any) -> Sent:
    """What the backend gets, and what the client is told that it did not get."""
    entry = DeploymentSettings(
        name="local/m", model_name="m", provider=provider, model=model, base_url="http://127.0.0.1:9/v1",
        tier="local", boundary="device", identity="0" * 15 + "1", sampling=True, **rules,
    )  # fmt: skip
    settings = Settings(
        source=Source(kind="native"), deployments=(entry,), models=(ModelSettings(name="m", groups=((0,),)),)
    )
    plan = Plan(settings, 1)
    state = StateFile.anonymous(2, 4)
    router = Router(plan.native, state, state.claim(10, 1, 0), None)
    data = json.dumps({"model": "m", **ROUTES[route], **body}).encode()
    decision = router.decide(data, Principal("p", 1, int(Boundary.EXTERNAL)), int(route), None, 0, 0, 0)
    permit = decision.permit
    upstream = plan.upstreams[0]
    exchange = upstream.exchanges[route]
    assert exchange is not None
    call = cast(
        Call,
        SimpleNamespace(
            dialect=DIALECTS[route], decision=decision, permit=permit, plan=plan, writer=None, memory=None,
            dropped=(), head_sent=False, content_sent=False, route=route, forwarded={}, query="",
            warning=None,
        ),
    )  # fmt: skip
    attempt = Attempt(call, decision, permit)
    attempt.exchange = exchange
    attempt.translation = translation_of(attempt, exchange)
    made = asyncio.run(_request(attempt, 0, False))
    return Sent(orjson.loads(made.body), tuple(attempt.dropped), made.body)


def at(body: dict[str, Any], path: str) -> Any:
    outer, _, inner = path.partition(".")
    value = body.get(outer)
    return value.get(inner) if inner and isinstance(value, dict) else value


def saying(path: str, value: Any) -> dict[str, Any]:
    outer, _, inner = path.partition(".")
    return {outer: {inner: value}} if inner else {outer: value}


def rules_of(case: Case, thing: str, name: str) -> dict[str, Any]:
    _, unsaid, forced = SAMPLE[thing]
    made: dict[str, Any] = {}
    if "drop" in case.rules:
        made["drop_params"] = (name,)
    if "default" in case.rules:
        made["defaults"] = {name: unsaid}
    if "force" in case.rules:
        made["extra_body"] = {name: forced}
    return made


@pytest.mark.parametrize("thing", PLACES)
@pytest.mark.parametrize(("provider", "route"), SERVED)
@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_one_meaning(case: Case, provider: str, route: Route, thing: str) -> None:
    if thing == "stop" and ((provider, None) in NO_STOP or (provider, route) in NO_STOP):
        pytest.skip("this wire has no word for it")
    if thing == "stop" and route is Route.RESPONSES and case.told == "client":
        pytest.skip("its clients have no word for it")
    client, unsaid, forced = SAMPLE[thing]
    word = WORDS.get(route, {}).get(thing, CHATS[thing])
    body = {} if case.said == "none" else saying(word, client if case.said == "value" else None)
    found = sent(provider, route, body, **rules_of(case, thing, CHATS[thing]))
    told = [value for path in PLACES[thing] if (value := at(found.body, path)) is not None]
    if provider == "anthropic" and thing == "limit" and case.told == "none":
        assert told == [4096], "it demands one"
    else:
        expected = {"client": client, "default": unsaid, "forced": forced}.get(case.told)
        assert told == ([] if expected is None else [expected])
    assert found.dropped == ((word,) if case.dropped else ())


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
@pytest.mark.parametrize("said", ["max_tokens", "max_completion_tokens"])
@pytest.mark.parametrize("provider", PROVIDERS)
def test_two_names_of_one_thing(provider: str, said: str, name: str) -> None:
    def limits(**rules: Any) -> tuple[list[Any], tuple[str, ...]]:
        found = sent(provider, Route.CHAT, {said: 77}, **rules)
        return [found.body[it] for it in ("max_tokens", "max_completion_tokens") if it in found.body] or [
            value for path in PLACES["limit"] if (value := at(found.body, path)) is not None
        ], found.dropped

    none = [4096] if provider == "anthropic" else []
    assert limits(drop_params=(name,)) == (none, (said,))
    assert limits(defaults={name: 88}) == ([77], ())
    assert limits(extra_body={name: 99}) == ([99], ())


@pytest.mark.parametrize("provider", ["ollama", "llama_cpp_python", "tgi"])
@pytest.mark.parametrize(
    "rules", [{"defaults": {"max_completion_tokens": 5}}, {"extra_body": {"max_completion_tokens": 5}}]
)
def test_a_backend_that_reads_one_name_gets_what_is_configured_under_the_other(
    provider: str, rules: dict[str, Any]
) -> None:
    for route in (Route.CHAT, Route.COMPLETIONS, Route.MESSAGES):
        body = sent(provider, route, {}, **rules).body
        assert "max_completion_tokens" not in body
        assert 5 in (body.get("max_tokens"), at(body, "options.num_predict"))


@pytest.mark.parametrize("provider", [it for it, route in SERVED if route is Route.CHAT])
def test_what_the_backend_has_no_word_for_is_not_held_against_the_client(provider: str) -> None:
    """Neither in the list, nor where nothing may be dropped."""
    rules: dict[str, Any] = {"defaults": {"verbosity": "low", "seed": 5, "logit_bias": {"17": 1}}}
    assert sent(provider, Route.CHAT, {}, **rules).dropped == ()


@pytest.mark.parametrize(("provider", "route"), SERVED)
def test_without_rules_bytes_pass(provider: str, route: Route) -> None:
    exchange = PROVIDERS[provider].exchange(route, "/v1")
    assert exchange is not None
    if exchange.outbound is not None:
        pytest.skip("translated")
    body = {"temperature": None, "max_tokens": 5, "own": 1.0}
    found = sent(provider, route, body)
    client = json.dumps({"model": "up", **ROUTES[route], **body}).encode()
    if route in NESTED:
        # What Ollama is always told stands behind the client's last member.
        assert found.bytes.startswith(client[:-1] + b",")
        assert found.body.keys() - orjson.loads(client).keys() == {"truncate", "options"}
        assert found.body["options"].keys() == {"num_ctx"}
    else:
        assert found.bytes == client


THOUGHT: dict[Route, tuple[dict[str, Any], str]] = {
    Route.CHAT: ({"reasoning_effort": "high"}, "reasoning_effort"),
    Route.RESPONSES: ({"reasoning": {"effort": "high"}}, "reasoning.effort"),
    Route.MESSAGES: ({"thinking": {"type": "enabled", "budget_tokens": 20000}}, "thinking"),
    Route.OLLAMA_CHAT: ({"think": "high"}, "think"),
}
TELLS_THOUGHT = ("reasoning_effort", "reasoning", "thinking", "output_config", "think", "generationConfig")


@pytest.mark.parametrize(
    ("provider", "route"),
    [it for it in SERVED if it[1] in THOUGHT and it[0] not in ("tgi", "llama_cpp_python")],
)
def test_how_to_think_is_one_thing(provider: str, route: Route) -> None:
    said, word = THOUGHT[route]
    models = {"openai": "gpt-5", "anthropic": "claude-opus-5", "gemini": "gemini-3-pro"}
    model = models.get(provider, "gpt-oss")

    def told(body: dict[str, Any], **rules: Any) -> tuple[str, tuple[str, ...]]:
        asked = {**body, **saying(WORDS.get(route, {}).get("limit", "max_tokens"), 3000)}
        found = sent(provider, route, asked, model, thinking=True, **rules)
        return json.dumps({it: found.body.get(it) for it in TELLS_THOUGHT}).lower(), found.dropped

    _, untold = told({})
    text, dropped = told(said, drop_params=("reasoning_effort",))
    assert dropped == (word, *untold)
    assert "high" not in text
    assert "20000" not in text
    text, dropped = told({}, defaults={"reasoning_effort": "low"})
    assert dropped == untold
    assert "low" in text or '"think": true' in text
    text, dropped = told(said, defaults={"reasoning_effort": "low"})
    assert '"low"' not in text
    text, dropped = told(said, extra_body={"reasoning_effort": "low"})
    assert "high" not in text
    assert "low" in text or '"think": true' in text


@pytest.mark.parametrize(
    ("provider", "route"), [it for it in SERVED if it[1] in (Route.CHAT, Route.RESPONSES, Route.OLLAMA_CHAT)]
)
def test_the_form_of_an_answer(provider: str, route: Route) -> None:
    schema = {"type": "object", "properties": {"mark": {"type": "string"}}}
    form = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
    assert "mark" in json.dumps(sent(provider, route, {}, defaults={"response_format": form}).body)
    assert "mark" in json.dumps(sent(provider, route, {}, extra_body={"response_format": form}).body)
    said: dict[Route, dict[str, Any]] = {
        Route.CHAT: {"response_format": form},
        Route.RESPONSES: {"text": {"format": {"type": "json_schema", "name": "n", "schema": schema}}},
        Route.OLLAMA_CHAT: {"format": schema},
    }
    found = sent(provider, route, said[route], drop_params=("response_format",))
    assert "mark" not in json.dumps(found.body)
    words = {Route.CHAT: "response_format", Route.RESPONSES: "text.format", Route.OLLAMA_CHAT: "format"}
    assert found.dropped == (words[route],)


@pytest.mark.parametrize(("provider", "route"), SERVED)
def test_a_client_that_wants_a_parameter_left_out_gets_no_default_but_what_is_forced(
    provider: str, route: Route
) -> None:
    name = "temperature"
    asked = {"additional_drop_params": [name], name: 0.125}
    if route in NESTED:
        asked = {"additional_drop_params": [name], "options": {}}

    def told(**rules: Any) -> list[Any]:
        found = sent(provider, route, asked, **rules).body
        return [value for path in PLACES[name] if (value := at(found, path)) is not None]

    if route not in NESTED:
        assert told(defaults={name: 0.25}) == []
    assert told(extra_body={name: 0.5}) == [0.5]


def test_a_name_that_is_not_chats_goes_out_as_it_is_written() -> None:
    written: tuple[dict[str, Any], ...] = tuple(
        {it: {"zz_own": {"a": 1}}} for it in ("defaults", "extra_body")
    )
    for provider, route in SERVED:
        for rules in written:
            found = sent(provider, route, {}, **rules)
            assert found.body["zz_own"] == {"a": 1}, (provider, route)
            assert found.dropped == ()


@pytest.mark.parametrize("route", ROUTES)
def test_options_of_ollamas_are_parameters_each_for_itself(route: Route) -> None:
    word = WORDS.get(route, {}).get("temperature", "temperature")
    for rule in ("defaults", "extra_body"):
        rules: dict[str, Any] = {rule: {"options": {"num_gpu": 7, "temperature": 0.5}}}
        options = sent("ollama", route, saying(word, 0.125), **rules).body["options"]
        assert options["num_gpu"] == 7
        assert options["temperature"] == (0.125 if rule == "defaults" else 0.5)


def test_plans_without_rules_hold_none() -> None:
    for provider, row in PROVIDERS.items():
        entry = DeploymentSettings(
            name="local/m", model_name="m", provider=provider, model="up", base_url="http://127.0.0.1:9/v1",
            tier="local", boundary="device", identity="0" * 15 + "1",
        )  # fmt: skip
        settings = Settings(source=Source(kind="native"), deployments=(entry,))
        rules = msgspec.json.decode(Plan(settings, 1).native)["deployments"][0]["parameters"]
        if not row.renames and provider != "ollama":
            assert rules == {}
