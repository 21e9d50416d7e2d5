"""`/api/embed` from a backend with OpenAI's embeddings."""

import json

import pytest

from hybridgw.core import Route
from hybridgw.errors import RequestError
from hybridgw.providers import PROVIDERS
from hybridgw.providers.ollama_embed import OllamaEmbed


@pytest.mark.parametrize("given", ["hello", ["a", "b"]])
def test_texts(given: object) -> None:
    body = json.dumps({"model": "m", "input": given, "truncate": True, "keep_alive": "5m", "dimensions": 8})
    assert json.loads(OllamaEmbed().request(body.encode())) == {
        "model": "m", "input": given, "encoding_format": "float", "dimensions": 8,
    }  # fmt: skip


@pytest.mark.parametrize("given", [[1, 2], [[1, 2]], 7, None, [["a"]]])
def test_token_ids_are_refused(given: object) -> None:
    with pytest.raises(RequestError) as caught:
        OllamaEmbed().request(json.dumps({"model": "m", "input": given}).encode())
    assert caught.value.field == "input"


def test_vectors_come_in_order_and_keep_their_text() -> None:
    body = (
        b'{"object":"list","model":"e","data":[{"index":1,"embedding":[3.50]},{"index":0,"embedding":[1e-9,2]}],'
        b'"usage":{"prompt_tokens":4,"total_tokens":4}}'
    )
    answer = OllamaEmbed().whole(body)
    assert b'"embeddings":[[1e-9,2],[3.50]]' in answer
    told = json.loads(answer)
    assert (told["model"], told["prompt_eval_count"]) == ("e", 4)
    assert type(told["total_duration"]) is int


def test_base64_is_decoded() -> None:
    body = b'{"model":"e","data":[{"index":0,"embedding":"AAAAPwAAAMA="}]}'
    assert json.loads(OllamaEmbed().whole(body))["embeddings"] == [[0.5, -2.0]]


@pytest.mark.parametrize("name", ["openai", "vllm", "llama_server", "openai_compatible"])
def test_who_embeds_for_ollama_clients(name: str) -> None:
    exchange = PROVIDERS[name].exchange(Route.OLLAMA_EMBED, "/v1")
    assert exchange is not None
    assert exchange.target == "/v1/embeddings"
    assert exchange.translator is OllamaEmbed
