"""Outside of the enumerated edits, what an upstream gets is what the client sent, to the byte."""

import json
import random
from collections.abc import Callable

from tests.unit.native.conftest import Worker, deployment

BODIES = 1000
NAMES = [
    "temperature",
    "stop",
    "user",
    "seed",
    "logit_bias",
    "x-y",
    "a b",
    "é",
    "\U0001f600",
    "response_format",
]
TEXTS = ["", "plain", 'quo"te', "back\\slash", "line\nfeed", "é\u2028", "\U0001f600", "\x7f", '{"model":"m"}']
NUMBERS = ["0", "-0.0", "1.0", "1e2", "1E+400", "123456789012345678901234567890", "0.1e-7", "-5"]


def _value(dice: random.Random, depth: int) -> str:
    """A JSON value as text, so that numbers and escapes are spelled in ways of their own."""
    kind = dice.randrange(8 if depth else 5)
    if kind == 0:
        return dice.choice(NUMBERS)
    if kind == 1:
        return dice.choice(["null", "true", "false", "[]", "{}", '"\\ud800"', '"\\u0041"', '"\\/"'])
    if kind < 5:
        return json.dumps(dice.choice(TEXTS), ensure_ascii=dice.random() < 0.5)
    gap = dice.choice(["", " ", "\n\t", "\r\n  "])
    if kind < 7:
        return f"[{gap}" + f"{gap},".join(_value(dice, depth - 1) for _ in range(dice.randrange(4))) + "]"
    # Keys of nested objects may repeat: that is the upstream's business.
    keys = [json.dumps(dice.choice(TEXTS)) for _ in range(dice.randrange(4))]
    members = [f"{key}:{gap}{_value(dice, depth - 1)}" for key in keys]
    return "{" + f",{gap}".join(members) + f"{gap}}}"


def _body(dice: random.Random) -> tuple[bytes, bytes]:
    """A body, and the same bytes with the upstream's name of the model."""
    names = dice.sample(NAMES, dice.randrange(len(NAMES)))
    members = [f"{json.dumps(name, ensure_ascii=dice.random() < 0.5)} : {_value(dice, 4)}" for name in names]
    members.append(f'"messages":[{_value(dice, 5)}]')
    dice.shuffle(members)
    place = dice.randint(0, len(members))
    space = dice.choice(["", " ", "\n\t", "\r\n  "])

    def assemble(model: str) -> bytes:
        whole = [*members[:place], f'"model":{space}"{model}"', *members[place:]]
        return (space + "{" + space + f"{space},{space}".join(whole) + space + "}" + space).encode()

    return assemble("m"), assemble("up0")


def test_a_thousand_bodies_differ_in_the_model_alone(worker: Callable[..., Worker]) -> None:
    w = worker(deployment(0, ask_usage=False))
    for seed in range(BODIES):
        body, expected = _body(random.Random(seed))
        assert w.decide(body).permit.body() == expected, f"seed {seed}"


def test_the_list_of_edits(worker: Callable[..., Worker]) -> None:
    w = worker(
        deployment(
            0,
            parameters={
                "0": {
                    "defaults": [
                        [["max_tokens"], 64, [["max_completion_tokens"]]],
                        [["stream"], True, []],
                        [["top_p"], 0.50, []],
                    ],
                    "renames": {"max_completion_tokens": "max_tokens"},
                    "drops": [["logit_bias"]],
                    "force": [[["user"], "gateway"]],
                }
            },
        )
    )
    body = (
        b'{"hybridgw": {"tier": "local"},  "model":"m", "messages":[1.0, 1e2, "\\ud800"], "stream": true,'
        b' "max_completion_tokens" : 5, "logit_bias":{}, "user":"me", "seed":123456789012345678901}'
    )
    spliced = w.decide(body).permit.body()
    read = json.loads(spliced)
    assert read.pop("messages") == [1.0, 100.0, "\ud800"]
    assert read == {
        "model": "up0",
        "stream": True,
        "max_tokens": 5,
        "user": "gateway",
        "seed": 123456789012345678901,
        "top_p": 0.5,
        "stream_options": {"include_usage": True},
    }
    assert b'[1.0, 1e2, "\\ud800"]' in spliced
    assert b'"seed":123456789012345678901' in spliced


def test_a_stream_default_never_turns_an_answer_into_a_stream(worker: Callable[..., Worker]) -> None:
    w = worker(deployment(0, parameters={"0": {"defaults": [[["stream"], True, []]]}}))
    decision = w.decide(b'{"model":"m","messages":[]}')
    assert not decision.stream
    assert decision.permit.body() == b'{"model":"up0","messages":[]}'
