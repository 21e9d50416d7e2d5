"""What the gate promises, under scripted policies: one answer for the client, each attempt settled once.

Real plan, router, journal and transport; the upstreams play scripts, and so does the policy: how long answers
are held, and what each of them is worth.
"""

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hybridgw.core import Route, Verdict
from hybridgw.native import Decision
from hybridgw.pipeline.attempt import Attempt
from hybridgw.pipeline.call import Call
from hybridgw.pipeline.phase import Phase
from hybridgw.pipeline.policy import Hold
from tests.support.inside import Inside
from tests.support.player import DONE, STREAM_HEAD, Player, chunk, first, whole
from tests.support.waiting import until

USAGE = (
    b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"played","choices":[],'
    b'"usage":{"prompt_tokens":%d,"completion_tokens":2,"total_tokens":9}}\n\n'
)
BROKEN = whole(b'{"error":{"message":"broken"}}', "500 Broken")


class Scripted:
    """A hold for all answers, and a verdict for each, in the order in which they are judged."""

    def __init__(self, hold: Hold, *verdicts: Verdict) -> None:
        self._hold = hold
        self._verdicts = list(verdicts)

    def hold(self, decision: Decision) -> Hold | None:
        return self._hold

    def verdict(self, attempt: Attempt) -> Verdict:
        return self._verdicts.pop(0)


def said(word: str, prompt: int) -> tuple[bytes, bytes]:
    """An answer of two words as the begin and the end of a stream."""
    return first(word + "1 "), chunk(word + "2", '"stop"') + USAGE % prompt + DONE


def stream(word: str, prompt: int) -> bytes:
    return STREAM_HEAD + b"".join(said(word, prompt))


def piece(word: str, prompt: int) -> bytes:
    message = {"role": "assistant", "content": word + "1 " + word + "2"}
    return whole(
        json.dumps(
            {
                "id": "c", "object": "chat.completion", "created": 1, "model": "played",
                "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": prompt, "completion_tokens": 2, "total_tokens": 9},
            }
        ).encode()
    )  # fmt: skip


@pytest.fixture
def players() -> Iterator[list[Player]]:
    with Player() as one, Player() as two, Player() as three:
        yield [one, two, three]


Ran = tuple[int, str, Inside]


def serve(
    folder: Path,
    players: list[Player],
    policy: Scripted | None,
    *,
    route: Route = Route.CHAT,
    streams: bool = True,
    leaves_after: float | None = None,
    native: Callable[[dict[str, Any]], None] | None = None,
    server: dict[str, str] | None = None,
) -> Ran:
    """Status and text of the answer to one request, once all of it is over."""
    names = ["local/a", "private/b", "cloud/c"]
    config = {
        "timeouts": {"first_token": "3s", "idle": "3s", "connect": "1s"},
        "server": {"heartbeat": "10s", "commit_after": "10s", **(server or {})},
        "breaker": {"enabled": False},
        "deployments": [player.deployment(name) for player, name in zip(players, names, strict=True)],
        "models": [{"name": "m", "deployments": names, "strategy": "priority", "retries": 0}],
    }
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": streams, "max_tokens": 9}

    async def run() -> Ran:
        async with Inside(folder, config, native=native) as inside:
            if policy is not None:
                inside.worker.policy = policy
            status, answer = await inside.post(route, body, leaves_after=leaves_after)
            assert inside.worker.active == set()
            busy = [cell["in_flight"] for cell in inside.worker.state.breakers(0)]
            assert not any(busy)
            return status, answer.decode(), inside

    return asyncio.run(run())


def told(inside: Inside) -> list[tuple[str, bool, int]]:
    return [(end["outcome"], bool(end["content_sent"]), end["prompt_tokens"]) for end in inside.ends()]


ROUTES = pytest.mark.parametrize("route", [Route.CHAT, Route.MESSAGES, Route.OLLAMA_CHAT])
STREAMS = pytest.mark.parametrize("streams", [True, False])
WHOLE: Hold = ("whole", 0)


@ROUTES
@STREAMS
def test_an_answer_that_is_not_good_enough_is_replaced(
    tmp_path: Path, players: list[Player], route: Route, streams: bool
) -> None:
    says = stream if streams else piece
    players[0].plays(says("weak", 11))
    players[1].plays(says("good", 12))
    policy = Scripted(WHOLE, Verdict.SHORT, Verdict.GOOD)
    status, text, inside = serve(tmp_path, players, policy, route=route, streams=streams)
    assert status == 200
    assert "good1" in text
    assert "good2" in text
    assert "weak" not in text
    assert text.count("event: message_start") == (route is Route.MESSAGES and streams)
    assert inside.heads[-1]["x-hybridgw-tier"] == "private"
    assert told(inside) == [("SUCCESS", False, 11), ("SUCCESS", True, 12)]
    weak, good = inside.ends()
    assert (weak["bytes_sent"], good["bytes_sent"]) == (0, len(text))


@ROUTES
@STREAMS
@pytest.mark.parametrize(
    ("second", "third", "wins"),
    [
        (Verdict.FILTERED, Verdict.EMPTY, 0),
        (Verdict.FILTERED, Verdict.CUT, 2),
        (Verdict.SHORT, Verdict.EMPTY, 1),
        (Verdict.CUT, Verdict.FILTERED, 1),
    ],
)
def test_the_best_is_released(
    tmp_path: Path,
    players: list[Player],
    route: Route,
    streams: bool,
    second: Verdict,
    third: Verdict,
    wins: int,
) -> None:
    says = stream if streams else piece
    for player, word, prompt in zip(players, ("one", "two", "six"), (11, 12, 13), strict=True):
        player.plays(says(word, prompt))
    policy = Scripted(WHOLE, Verdict.CUT, second, third)
    status, text, inside = serve(tmp_path, players, policy, route=route, streams=streams)
    assert status == 200
    assert [word for word in ("one", "two", "six") if word + "1" in text] == [("one", "two", "six")[wins]]
    assert inside.heads[-1]["x-hybridgw-tier"] == ("local", "private", "cloud")[wins]
    assert told(inside) == [("SUCCESS", at == wins, 11 + at) for at in range(3)]


@ROUTES
@STREAMS
def test_a_held_answer_outlives_the_failure_of_the_next(
    tmp_path: Path, players: list[Player], route: Route, streams: bool
) -> None:
    players[0].plays((stream if streams else piece)("weak", 11))
    players[1].plays(BROKEN)
    players[2].plays(BROKEN)
    status, text, inside = serve(
        tmp_path, players, Scripted(WHOLE, Verdict.SHORT), route=route, streams=streams
    )
    assert status == 200
    assert "weak1" in text
    assert "weak2" in text
    assert "broken" not in text
    assert told(inside) == [("SUCCESS", True, 11), ("SERVER_ERROR", False, 0), ("SERVER_ERROR", False, 0)]


@ROUTES
def test_of_two_streams_under_way_the_other_is_cancelled(
    tmp_path: Path, players: list[Player], route: Route
) -> None:
    players[0].plays(STREAM_HEAD + said("weak", 11)[0], "hold")
    players[1].plays(stream("good", 12))
    policy = Scripted(("tokens", 1), Verdict.SHORT, Verdict.GOOD)
    status, text, inside = serve(tmp_path, players, policy, route=route)
    assert status == 200
    assert "good2" in text
    assert "weak" not in text
    assert told(inside) == [("CANCELLED", False, 0), ("SUCCESS", True, 12)]
    until(lambda: players[0].left == 1)


@ROUTES
def test_a_stream_under_way_goes_on_when_the_other_fails(
    tmp_path: Path, players: list[Player], route: Route
) -> None:
    begin, end = said("weak", 11)
    players[0].plays(STREAM_HEAD + begin, 0.3, end)
    players[1].plays(BROKEN)
    players[2].plays(STREAM_HEAD)
    status, text, inside = serve(tmp_path, players, Scripted(("tokens", 1), Verdict.SHORT), route=route)
    assert status == 200
    assert "weak1" in text
    assert "weak2" in text
    assert told(inside) == [("SUCCESS", True, 11), ("SERVER_ERROR", False, 0), ("TRUNCATED", False, 0)]


@STREAMS
def test_a_client_that_leaves_cancels_both(tmp_path: Path, players: list[Player], streams: bool) -> None:
    """The first answer is all there, so its attempt succeeded; what the client left are both of them."""
    players[0].plays((stream if streams else piece)("weak", 11))
    players[1].plays("hold")
    policy = Scripted(WHOLE, Verdict.SHORT)
    status, text, inside = serve(tmp_path, players, policy, streams=streams, leaves_after=0.4)
    assert (status, text) == (0, "")
    assert told(inside) == [("SUCCESS", False, 11), ("CANCELLED", False, 0)]
    until(lambda: players[1].left == 1)


def test_a_client_that_leaves_two_streams_under_way(tmp_path: Path, players: list[Player]) -> None:
    players[0].plays(STREAM_HEAD + said("weak", 11)[0], "hold")
    players[1].plays(STREAM_HEAD, "hold")
    policy = Scripted(("tokens", 1), Verdict.SHORT)
    status, text, inside = serve(tmp_path, players, policy, leaves_after=0.4)
    assert (status, text) == (0, "")
    assert told(inside) == [("CANCELLED", False, 0), ("CANCELLED", False, 0)]
    # Settled by the request, which has a clock, and not by being dropped.
    assert inside.ends()[0]["duration_us"] > 200_000


@ROUTES
def test_heartbeats_go_on_during_a_hold(tmp_path: Path, players: list[Player], route: Route) -> None:
    begin, end = said("weak", 11)
    players[0].plays(STREAM_HEAD + begin, 0.3, end)
    players[1].plays(0.3, stream("good", 12))
    policy = Scripted(WHOLE, Verdict.SHORT, Verdict.GOOD)
    server = {"commit_after": "60ms", "heartbeat": "60ms"}
    status, text, inside = serve(tmp_path, players, policy, route=route, server=server)
    assert status == 200
    beat = {
        Route.CHAT: ": hybridgw", Route.MESSAGES: "event: ping", Route.OLLAMA_CHAT: '"done":false',
    }[route]  # fmt: skip
    assert text.index(beat) < text.index("good1")
    assert "weak" not in text
    assert "good2" in text
    assert text.count("event: message_start") == (route is Route.MESSAGES)
    head = inside.heads[-1]
    assert "x-request-id" in head
    for name in ("tier", "deployment", "boundary", "attempts"):
        assert f"x-hybridgw-{name}" not in head
    assert told(inside) == [("SUCCESS", False, 11), ("SUCCESS", True, 12)]


def test_a_hold_by_time_ends_while_the_upstream_is_silent(tmp_path: Path, players: list[Player]) -> None:
    """What came in time goes out at once, and the read that was under way is not lost."""
    begin, end = said("slow", 11)
    players[0].plays(STREAM_HEAD + begin, 0.5, end)
    status, text, inside = serve(tmp_path, players, Scripted(("time", 100), Verdict.GOOD))
    assert status == 200
    assert "slow1" in text
    assert text.endswith("data: [DONE]\n\n")
    assert told(inside) == [("SUCCESS", True, 11)]
    (end_of_it,) = inside.ends()
    assert end_of_it["bytes_sent"] == len(text)


def test_a_stand_in_that_cannot_carry_the_request_leaves_the_held_answer(
    tmp_path: Path, players: list[Player]
) -> None:
    players[0].plays(stream("weak", 11))
    players[1].plays(whole(b'{"error":{"message":"no such thing"}}', "400 Bad"))
    status, text, inside = serve(tmp_path, players, Scripted(WHOLE, Verdict.SHORT))
    assert status == 200
    assert "weak2" in text
    assert told(inside) == [("SUCCESS", True, 11), ("REQUEST_REJECTED", False, 0)]


@STREAMS
def test_the_native_policy_judges_by_the_plan(tmp_path: Path, players: list[Player], streams: bool) -> None:
    says = stream if streams else piece
    players[0].plays(says("weak", 11))
    enough = says("good", 12)
    for spelt in (b'"completion_tokens":2', b'"completion_tokens": 2'):
        enough = enough.replace(spelt, spelt[:-1] + b"7")
    players[1].plays(enough)

    def hold(plan: dict[str, Any]) -> None:
        for model in plan["models"]:
            model["hold"] = {"until": "whole", "least_tokens": 5}

    status, text, inside = serve(tmp_path, players, None, streams=streams, native=hold)
    assert status == 200
    assert "good2" in text
    assert told(inside) == [("SUCCESS", False, 11), ("SUCCESS", True, 12)]


@STREAMS
def test_of_several_failures_the_first_is_told(tmp_path: Path, players: list[Player], streams: bool) -> None:
    for player, word in zip(players, ("one", "two", "three"), strict=True):
        player.plays(whole(b'{"error":{"message":"failed %b"}}' % word.encode(), "500 Broken"))
    status, text, inside = serve(tmp_path, players, None, streams=streams)
    assert status == 502
    assert "failed one" in text
    assert "two" not in text
    assert "three" not in text
    assert told(inside) == [("SERVER_ERROR", False, 0)] * 3


def test_a_request_moves_only_along_its_ways() -> None:
    walk = list(Phase)
    call = Call.__new__(Call)
    for after in walk[1:]:
        call.move(after)
        assert call.phase is after
    for before, after in (
        (Phase.COMMITTED, Phase.ASKING),
        (Phase.COMMITTED, Phase.COMMITTED),
        (Phase.ENDED, Phase.COMMITTED),
        (Phase.DECIDED, Phase.COMMITTED),
        (Phase.ADMITTED, Phase.DECIDED),
    ):
        call.phase = before
        with pytest.raises(AssertionError, match=f"{before.name} to {after.name}"):
            call.move(after)
        assert call.phase is before
