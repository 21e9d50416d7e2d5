"""Which members stay at the gateway, for whose clients, and what becomes of what they ask for."""

import json
from typing import Any

import pytest

from hybridgw.config.schema import DeploymentSettings, ModelSettings, Settings, Source, SourceKind
from hybridgw.core import Boundary, Route
from hybridgw.native import Decision, Principal, Router, StateFile
from hybridgw.routing.plan import Plan

# What clients of a LiteLLM proxy send, as that proxy's own documentation and tests have it.
OF_LITELLM: dict[str, Any] = {
    "litellm_metadata": {"tags": ["a"]}, "no-log": True, "additional_drop_params": ["seed"],
    "request_timeout": 7.5, "prompt_id": "p", "enable_json_schema_validation": True,
    "litellm_disabled_callbacks": ["x"], "caching": True, "ttl": 60, "mock_response": "m",
    "mock_timeout": True, "mock_testing_fallbacks": True, "policies": ["p"], "rpm": 5, "tpm": 6,
    "base_model": "b", "tags": ["t"], "num_retries": 1, "guardrails": ["g"], "priority": 1,
}  # fmt: skip
# Of these clients hear nothing: they are done, or there is nothing to do.
DONE = {
    "litellm_metadata", "no-log", "additional_drop_params", "request_timeout", "litellm_disabled_callbacks",
    "tags", "num_retries",
}  # fmt: skip


def decide(kind: SourceKind, body: dict[str, Any], route: Route = Route.CHAT) -> Decision:
    entry = DeploymentSettings(
        name="local/m", model_name="m", provider="demo", model="up", base_url="http://127.0.0.1:9/v1",
        tier="local", boundary="device", identity="0" * 15 + "1",
    )  # fmt: skip
    models = (ModelSettings(name="m", groups=((0,),)),)
    settings = Settings(source=Source(kind=kind), deployments=(entry,), models=models)
    state = StateFile.anonymous(2, 4)
    router = Router(Plan(settings, 1).native, state, state.claim(10, 1, 0), None)
    everybody = Principal("p", 1, int(Boundary.EXTERNAL))
    return router.decide(json.dumps({"model": "m", **body}).encode(), everybody, int(route), None, 0, 0, 0)


@pytest.mark.parametrize(
    ("route", "body"),
    [
        (Route.CHAT, {"messages": []}),
        (Route.COMPLETIONS, {"prompt": "x"}),
        (Route.RESPONSES, {"input": "x"}),
        (Route.MESSAGES, {"messages": [], "max_tokens": 1}),
        (Route.OLLAMA_CHAT, {"messages": []}),
    ],
)
def test_none_of_them_travels_and_what_is_not_done_is_said(route: Route, body: dict[str, Any]) -> None:
    decision = decide("litellm", {**body, **OF_LITELLM, "seed": 3}, route)
    sent = json.loads(decision.permit.body())
    assert sent.keys() == {"model", *body}
    assert set(decision.unheeded) == OF_LITELLM.keys() - DONE
    assert decision.permit.untold() == ["seed"]
    assert decision.timeout_ms == 7500


def test_elsewhere_these_names_belong_to_backends() -> None:
    decision = decide("native", {"messages": [], "ttl": 60, "priority": 1, "request_timeout": 7})
    names = {"model", "messages", "ttl", "priority", "request_timeout"}
    assert json.loads(decision.permit.body()).keys() == names
    assert (decision.unheeded, decision.timeout_ms) == ([], 0)


def test_what_answers_at_all_is_never_left_out() -> None:
    left = ["messages", "model", "a.b", "x"]
    decision = decide("native", {"messages": [], "additional_drop_params": left, "x": 1})
    assert json.loads(decision.permit.body()).keys() == {"model", "messages"}
    assert set(decision.unheeded) == {"additional_drop_params"}
