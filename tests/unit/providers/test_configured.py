"""What a deployment's configuration says of a request, whatever wire its backend speaks."""

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from hybridgw.providers import configured
from hybridgw.providers.anthropic import Anthropic
from hybridgw.providers.base import Backend, Outbound
from hybridgw.providers.gemini import Gemini
from hybridgw.providers.ollama import Ollama
from hybridgw.wire import Ask, Format, Message, Text

Raw = msgspec.Raw


def ask(**said: Any) -> Ask:
    return Ask(model="m", messages=[Message("user", [Text("q")])], **said)


def applied(asked: Ask, **backend: Any) -> Ask:
    configured.apply(asked, Backend(**backend))
    return asked


def test_a_default_is_for_what_is_unsaid_and_force_for_everything() -> None:
    values = {"temperature": 0.50, "max_tokens": 9, "stop": "END", "reasoning_effort": "low", "min_p": 0.1}
    said = {
        "temperature": Raw(b"1.0"), "max_tokens": 5, "stop": ["x"], "effort": "high",
        "extra": {"min_p": Raw(b"1.0")},
    }  # fmt: skip
    told = {
        "temperature": Raw(b"0.5"), "max_tokens": 9, "stop": ["END"], "effort": "low",
        "extra": {"min_p": Raw(b"0.1")},
    }  # fmt: skip
    assert applied(ask(), defaults=values) == ask(**told)
    assert applied(ask(**said), defaults=values) == ask(**said)
    assert applied(ask(**said), force=values) == ask(**told)
    assert applied(ask(**told), force={"max_completion_tokens": 7}).max_tokens == 7


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("seed", {"seed": Raw(b"7")}),
        ("max_completion_tokens", {"max_tokens": 5}),
        ("reasoning_effort", {"effort": "low"}),
        ("n", {"n": 2}),
        ("stop", {"stop": ["x"]}),
        ("logprobs", {"logprobs": True}),
        ("parallel_tool_calls", {"parallel": False}),
        ("response_format", {"format": Format("json_object")}),
        ("logit_bias", {"extra": {"logit_bias": Raw(b"{}")}}),
    ],
)
def test_what_must_not_be_said_is_taken_out_and_listed(name: str, said: dict[str, Any]) -> None:
    assert applied(ask(**said), drops=(name,)) == ask(dropped=[name])
    assert applied(ask(), drops=(name,)) == ask(), "nobody said it, so nothing was dropped"


def test_a_dropped_name_may_have_a_default_of_its_own() -> None:
    assert applied(ask(seed=Raw(b"7")), drops=("seed",), defaults={"seed": 1}).seed == Raw(b"1")


def test_a_reader_that_knew_no_such_name_was_wrong_to_call_it_dropped() -> None:
    """The native side sets configured members in bodies of every dialect; Messages has no `seed`."""
    assert applied(ask(dropped=["seed", "other"]), defaults={"seed": 1}).dropped == ["other"]


MAKERS: list[Callable[[Backend], Outbound]] = [Anthropic, Gemini, Ollama]


@pytest.mark.parametrize("make", MAKERS)
def test_requests_do_not_share_what_is_configured(make: Callable[[Backend], Outbound]) -> None:
    backend = Backend(defaults={"stop": ["END"], "min_p": 1}, drops=("n", "stop"), force={"labels": {}})
    first, second = ask(), ask()
    make(backend).request(first)
    first.stop.append("more")
    first.extra["more"] = Raw(b"1")
    make(backend).request(second)
    assert second.stop == ["END"]
    assert "more" not in second.extra


@pytest.mark.parametrize("make", MAKERS)
def test_every_wire_is_told(make: Callable[[Backend], Outbound]) -> None:
    backend = Backend(defaults={"max_tokens": 77, "stop": "END"}, sampling=True, force={"top_k": 3})
    said = json.loads(make(backend).request(asked := ask(top_k=Raw(b"9"))))
    where = said.get("generationConfig") or said.get("options") or said
    assert {77, 3} <= {value for value in where.values() if isinstance(value, int)}
    assert ["END"] in where.values()
    assert asked.dropped == []
