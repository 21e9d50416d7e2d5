"""Upstreams that send what no model should: never an answer that was not one, never our own fault."""

import json
from collections.abc import Iterator

import pytest

from tests.integration.conftest import config
from tests.integration.test_faults import CHAT, STREAM, events, text
from tests.support.demo import Demo
from tests.support.gateway import Gateway
from tests.support.player import ANSWER, DONE, END, STREAM_HEAD, Player, chunk, whole

KEY = "sk-upstream-0123456789abcdef"
HEADER = "token-9876543210fedcba"
PATH = "/v1/chat/completions"


@pytest.fixture(scope="module")
def odd(demo: Demo, player: Player) -> Iterator[Gateway]:
    """The player first, a demo behind it; `/v1/completions` of the player only over chat."""
    played = player.deployment(api_key=KEY, headers={"x-tenant": HEADER})
    over = player.deployment("local/over", provider="litert_lm", model="over", max_parallel=0)
    embedder = player.deployment("local/e", model="embedder", mode="embedding")
    models = [
        {"name": "m", "deployments": ["local/m", "private/m"], "retries": 0},
        {"name": "over", "deployments": ["local/over"], "retries": 0},
        {"name": "e", "deployments": ["local/e"], "retries": 0},
    ]
    deployments = [played, over, embedder, demo.deployment("private")]
    with Gateway(config(demo, deployments=deployments, models=models)) as running:
        yield running


@pytest.mark.parametrize(
    "answer",
    [
        whole(b"{not json}"),
        whole(ANSWER[:-1]),
        # Nothing but the close ends this one, and it ends in a brace.
        b"HTTP/1.0 200 OK\r\ncontent-type: application/json\r\n\r\n" + ANSWER[: ANSWER.index(b"}") + 1],
        whole(b"[]"),
        whole(b""),
    ],
)
def test_a_cut_off_answer_is_never_a_success(odd: Gateway, player: Player, answer: bytes) -> None:
    player.plays(answer)
    told = odd.post(PATH, CHAT)
    assert told.status == 200
    assert told.headers["x-hybridgw-tier"] == "private"


def test_white_space_before_an_answer_is_legal(odd: Gateway, player: Player) -> None:
    """Some hosts send it to keep the connection open while the client waits."""
    player.plays(b"HTTP/1.0 200 OK\r\n\r\n", b"\n\n", 0.02, b"  \n" + ANSWER)
    told = odd.post(PATH, CHAT)
    assert told.headers["x-hybridgw-tier"] == "local"
    assert told.body == b"\n\n  \n" + ANSWER


def test_a_stream_whose_only_event_is_cut_off_is_no_answer(odd: Gateway, player: Player) -> None:
    player.plays(STREAM_HEAD + chunk("half").rstrip())
    found = events(odd.post(PATH, STREAM).body)
    assert found[-1] == "[DONE]"
    assert "half" not in text(found)
    assert "private" in text(found)


def test_events_that_are_no_json_are_no_beginning(odd: Gateway, player: Player) -> None:
    player.plays(STREAM_HEAD + b"data: Internal Server Error\n\n", 0.05, chunk("hello") + END)
    found = events(odd.post(PATH, STREAM).body)
    assert found[-1] == "[DONE]"
    assert "private" in text(found)


def test_nothing_follows_an_error_event(odd: Gateway, player: Player) -> None:
    """Some engines send the terminal even then, and in the same packet."""
    error = b'data: {"error":{"message":"no [DONE] for %b"}}\n\n' % KEY.encode()
    player.plays(STREAM_HEAD + chunk("hello"), 0.05, chunk("more") + error + DONE)
    told = odd.post(PATH, STREAM)
    found = events(told.body)
    assert text(found) == "hellomore"
    assert found[-1]["error"]["message"] == "no [DONE] for ***"


@pytest.mark.parametrize(
    "error",
    [
        '{"error":{"message":"bad key %s","param":"%s"}}',
        '{"error":{"message":"' + "x" * 1990 + '%s","param":"%s"}}',
    ],
)
@pytest.mark.parametrize("status", ["200 OK", "400 Bad Request", "500 Oops"])
@pytest.mark.parametrize("secret", [KEY, HEADER])
def test_no_credential_is_quoted(
    odd: Gateway, player: Player, demo: Demo, error: str, status: str, secret: str
) -> None:
    demo.fault("private", "status=500", count=1)
    player.plays(whole((error % (secret, secret)).encode(), status))
    told = odd.post(PATH, CHAT)
    assert secret[:12].encode() not in told.body
    assert secret not in odd.log()


@pytest.mark.parametrize("change", [(b'"c"', b"null"), (b'"created":1', b'"created":1.5')])
def test_a_document_for_a_stream_may_be_sloppy(
    odd: Gateway, player: Player, change: tuple[bytes, bytes]
) -> None:
    player.plays(whole(ANSWER.replace(*change)))
    told = odd.post(PATH, STREAM)
    assert told.headers["x-hybridgw-tier"] == "local"
    assert text(events(told.body)) == "played"


@pytest.mark.parametrize("choices", [b"null", b"7", b'[{"message":7}]', b'[{"message":{"tool_calls":7}}]'])
def test_a_document_that_cannot_be_told_as_a_stream_is_no_answer(
    odd: Gateway, player: Player, choices: bytes
) -> None:
    player.plays(whole(b'{"id":"c","choices":%b}' % choices))
    told = odd.post(PATH, STREAM)
    assert told.status == 200
    assert "private" in text(events(told.body))


COMPLETION = {"model": "over", "prompt": "once"}


@pytest.mark.parametrize("choices", [b"null", b'[{"message":{"content":["a"]}}]', b'[{"index":null}]'])
def test_an_answer_that_cannot_be_translated_is_a_bad_gateway(
    odd: Gateway, player: Player, choices: bytes
) -> None:
    player.plays(whole(b'{"id":"c","choices":%b}' % choices))
    told = odd.post("/v1/completions", COMPLETION)
    assert (told.status, told.json["error"]["code"]) == (502, "upstream_error")


def test_an_event_that_cannot_be_translated_ends_the_stream(odd: Gateway, player: Player) -> None:
    player.plays(STREAM_HEAD + chunk("hello"), 0.05, b"data: nonsense\n\n" + END)
    found = events(odd.post("/v1/completions", {**COMPLETION, "stream": True}).body)
    assert found[0]["choices"][0]["text"] == "hello"
    assert found[-1]["error"]["code"] == "upstream_error"


def test_a_prompt_is_the_same_text_however_it_is_spelt(odd: Gateway, player: Player) -> None:
    player.plays(whole(ANSWER))
    told = odd.post("/v1/completions", b'{"model":"over","prompt":["\\u0061\\/\\ud83d\\ude00"]}')
    assert told.status == 200, told.body
    assert json.loads(player.requests[-1])["messages"] == [{"role": "user", "content": "a/\U0001f600"}]


def test_a_prompt_that_is_no_text_is_refused_where_it_must_be_translated(odd: Gateway) -> None:
    """Half a surrogate pair is legal JSON, and carried where bodies only pass through."""
    told = odd.post("/v1/completions", b'{"model":"over","prompt":"\\ud800"}')
    assert (told.status, told.json["error"]["code"]) == (400, "invalid_value")


@pytest.mark.parametrize("data", [b"null", b"7", b'[{"embedding":[1,"x"]}]'])
def test_embeddings_that_cannot_be_encoded_are_a_bad_gateway(
    odd: Gateway, player: Player, data: bytes
) -> None:
    player.plays(whole(b'{"object":"list","data":%b}' % data))
    told = odd.post("/v1/embeddings", {"model": "e", "input": "x", "encoding_format": "base64"})
    assert (told.status, told.json["error"]["code"]) == (502, "upstream_error")


def test_an_encoding_of_the_wrong_type_is_for_the_backend_to_judge(odd: Gateway, player: Player) -> None:
    player.plays(whole(b'{"error":{"message":"what?"}}', "400 Bad Request"))
    told = odd.post("/v1/embeddings", {"model": "e", "input": "x", "encoding_format": 5})
    assert told.status == 400


def test_a_request_that_somebody_worked_on_is_not_sent_again(odd: Gateway, player: Player) -> None:
    """A kept connection that is lost at once was stale; one that is lost later took the request along."""
    before = len(player.requests)
    player.plays(whole(ANSWER, kept=True), "keep")
    assert odd.post(PATH, CHAT).headers["x-hybridgw-tier"] == "local"
    player.plays(1.1, "reset")
    assert odd.post(PATH, CHAT).headers["x-hybridgw-tier"] == "private"
    assert len(player.requests) == before + 2
