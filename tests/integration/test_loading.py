"""Engines that load a model, or answer one request after the other, behind short first-token limits."""

import json
import threading

from tests.support.gateway import Answer, Gateway
from tests.support.ollama_engine import Model, OllamaEngine
from tests.support.player import ANSWER, END, STREAM_HEAD, Player, chunk, whole
from tests.support.waiting import until

STREAM = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "hello"}]}
WHOLE = {"model": "m", "messages": STREAM["messages"]}
LOAD = 1.2
LIMIT = 0.3
LOADED = (STREAM_HEAD, LOAD, chunk("loaded"), END)
OLLAMA_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\nconnection: close\r\n\r\n"
OLLAMA = (
    b'{"model":"played","message":{"role":"assistant","content":"loaded"},"done":false}\n'
    b'{"model":"played","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop",'
    b'"prompt_eval_count":5,"eval_count":1}\n'
)


def config(*deployments: dict[str, object], **limits: object) -> dict[str, object]:
    names = [deployment["name"] for deployment in deployments]
    return {
        "timeouts": {"first_token": LIMIT, "connect": "1s", **limits},
        "health": {"enabled": False},
        "deployments": list(deployments),
        "models": [{"name": "m", "deployments": names, "retries": 3}],
    }


def test_a_load_longer_than_the_first_token_limit_is_answered() -> None:
    with Player() as engine, Gateway(config(engine.deployment())) as gateway:
        engine.plays(*LOADED)
        answer = gateway.post("/v1/chat/completions", STREAM)
        assert b"loaded" in answer.body
        assert len(engine.requests) == 1
        assert engine.left == 0


def test_so_is_one_of_an_ollama_and_of_an_answer_in_one_piece() -> None:
    with Player() as engine:
        engine.model_list = whole(b'{"models":[{"name":"played:latest","model":"played:latest"}]}')
        ollama = engine.deployment(provider="ollama", url=f"http://127.0.0.1:{engine.port}")
        with Gateway(config(ollama)) as gateway:
            engine.plays(LOAD, OLLAMA_HEAD + OLLAMA)
            assert b"loaded" in gateway.post("/v1/chat/completions", STREAM).body
            engine.plays(LOAD, OLLAMA_HEAD + OLLAMA.splitlines()[0].replace(b'"done":false', b'"done":true'))
            assert b"loaded" in gateway.post("/v1/chat/completions", WHOLE).body
            assert len(engine.requests) == 2


def test_the_next_candidate_answers_and_the_load_goes_on() -> None:
    with Player() as engine, Player() as other:  # noqa: SIM117
        with Gateway(config(engine.deployment(), other.deployment("private/m"))) as gateway:
            engine.plays(LOAD, STREAM_HEAD, chunk("loaded"), END, "keep")
            other.plays(STREAM_HEAD, chunk("meanwhile"), END)
            answer = gateway.post("/v1/chat/completions", STREAM)
            assert b"meanwhile" in answer.body
            assert len(engine.requests) == 1
            assert engine.left == 0, "the gateway has hung up on the load"
            # And once it is loaded it answers.
            engine.plays(STREAM_HEAD, chunk("ready"), END)
            assert b"ready" in gateway.post("/v1/chat/completions", STREAM).body


def test_an_engine_that_says_that_it_loads_is_asked_again() -> None:
    loading = json.dumps({"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}})
    with Player() as engine, Gateway(config(engine.deployment())) as gateway:
        for _ in range(2):
            engine.plays(whole(loading.encode(), "503 Service Unavailable"))
        engine.plays(whole(ANSWER))
        answer = gateway.post("/v1/chat/completions", WHOLE)
        assert (answer.status, answer.headers.get("x-hybridgw-attempts")) == (200, None)
        assert len(engine.requests) == 3


def test_a_load_limit_ends_the_wait_and_is_named() -> None:
    with Player() as engine, Gateway(config(engine.deployment(), load=0.6)) as gateway:
        engine.plays("hold")
        answer = gateway.post("/v1/chat/completions", STREAM)
        assert answer.status == 504
        assert "timeouts.load: 0.6 s" in answer.json["error"]["message"]
        assert len(engine.requests) == 1, "the same engine is not asked twice"


def test_an_external_upstream_is_not_waited_for() -> None:
    with Player() as cloud, Gateway(config(cloud.deployment(boundary="external"))) as gateway:
        for _ in range(3):
            cloud.plays("hold")
        answer = gateway.post("/v1/chat/completions", STREAM)
        assert answer.status == 504
        assert f"timeouts.first_token: {LIMIT} s" in answer.json["error"]["message"]
        assert len(cloud.requests) == 1


def test_an_external_upstream_that_is_late_is_closed_where_somebody_else_answers() -> None:
    """What goes on there is paid for."""
    with Player() as cloud, Player() as other:  # noqa: SIM117
        with Gateway(config(cloud.deployment(boundary="external"), other.deployment("private/m"))) as gateway:
            cloud.plays("hold")
            other.plays(STREAM_HEAD, chunk("meanwhile"), END)
            assert b"meanwhile" in gateway.post("/v1/chat/completions", STREAM).body
            until(lambda: cloud.left == 1)


class OneSlot(Player):
    """Answers one request after the other, as Ollama does with one slot."""

    def __init__(self) -> None:
        super().__init__()
        self._slot = threading.Lock()

    def _play(self, connection: object) -> bool:
        with self._slot:
            return super()._play(connection)  # type: ignore[arg-type]


def test_two_titles_and_a_chat_on_one_slot_are_all_answered() -> None:
    answers: list[Answer] = []
    with OneSlot() as engine, Gateway(config(engine.deployment())) as gateway:
        for _ in range(3):
            engine.plays(LIMIT, STREAM_HEAD, LIMIT, chunk("turn"), END)

        def ask() -> None:
            answers.append(gateway.post("/v1/chat/completions", STREAM))

        threads = [threading.Thread(target=ask) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [b"turn" in answer.body for answer in answers] == [True] * 3
        assert len(engine.requests) == 3


def test_a_model_that_is_not_resident_gets_the_load_limit_although_somebody_else_could_answer() -> None:
    """The first-token limit that nobody wrote is ten minutes here: which of the two limits is in force
    shows when the written one is over."""
    with OllamaEngine({"played:latest": Model()}) as engine, Player() as other:
        url = f"http://127.0.0.1:{engine.port}"
        ollama: dict[str, object] = {"name": "local/m", "provider": "ollama", "url": url, "model": "played"}
        settings = config(ollama, other.deployment("private/m"))
        for loading, load, who in ((0.6, "20s", b"ok"), (2.0, "300ms", b"meanwhile")):
            engine.loading = loading
            engine.loaded.clear()
            with Gateway({**settings, "timeouts": {"load": load}, "health": {"enabled": True}}) as gateway:
                other.plays(STREAM_HEAD, chunk("meanwhile"), END)
                assert who in gateway.post("/v1/chat/completions", STREAM).body
            other.forget()
