"""G: Embeddings, models."""

import base64
import struct
from typing import Any

import pytest

from tests.conformance import wire
from tests.conformance.registry import case
from tests.conformance.stage import MASTER_KEY, Stage
from tests.conformance.wire import whole

VECTOR = [0.25, -1.5, 3.0]
"""Numbers that 32 bits hold exactly."""
NATIVE = whole(wire.encoded({"model": "played", "embeddings": [VECTOR], "prompt_eval_count": 1}))
FLOATS = whole(
    wire.encoded(
        {
            "object": "list",
            "data": [{"object": "embedding", "index": 0, "embedding": VECTOR}],
            "model": "played",
            "usage": {"prompt_tokens": 1, "total_tokens": 1},
        }
    )
)


def _scripted(stage: Stage) -> None:
    """Whichever of its two APIs the gateway asks."""
    stage.stub("embedder").plays(FLOATS)


def _embed(stage: Stage, **body: Any) -> Any:
    answer = stage.post("/v1/embeddings", {"model": "embedder", "input": "hello", **body})
    assert answer.status == 200, answer.body
    return answer.json


@case(
    "G01",
    "The default of both SDKs, base64 that their callers never see, from a backend that answers in floats",
    client="HTTP openai-python openai-node",
    backend="ollama",
    feature="embeddings",
)
def _(stage: Stage) -> None:
    with stage.python().openai as sdk:
        _scripted(stage)
        (one,) = sdk.embeddings.create(model="embedder", input="hello").data
        assert one.embedding == VECTOR
    _scripted(stage)
    told = _embed(stage, encoding_format="base64")
    assert base64.b64decode(told["data"][0]["embedding"]) == struct.pack("<3f", *VECTOR)
    assert told["data"][0]["index"] == 0
    _scripted(stage)
    told = stage.node().ask("embeddings", stage.gateway().url, {"model": "embedder", "input": "hello"})
    assert told["data"][0]["embedding"] == VECTOR


@case(
    "G02",
    "Floats where floats were asked for",
    client="HTTP openai-python",
    backend="ollama",
    feature="embeddings",
)
def _(stage: Stage) -> None:
    for asked in ({"encoding_format": "float"}, {}):
        _scripted(stage)
        assert _embed(stage, **asked)["data"][0]["embedding"] == VECTOR
    with stage.python().openai as sdk:
        _scripted(stage)
        answer = sdk.embeddings.create(model="embedder", input="hello", encoding_format="float")
        assert answer.data[0].embedding == pytest.approx(VECTOR)
        assert answer.usage.prompt_tokens == 1


@case(
    "G03", "Token ids never reach a model that they were not made for", backend="ollama", feature="embeddings"
)
def _(stage: Stage) -> None:
    for ids in ([[1, 2, 3]], [1, 2, 3]):
        _scripted(stage)
        answer = stage.post("/v1/embeddings", {"model": "embedder", "input": ids})
        if answer.status == 200:
            sent = stage.stub("embedder").last.json["input"]
            assert all(isinstance(text, str) for text in ([sent] if isinstance(sent, str) else sent))
        else:
            error = wire.error(answer, 400, "unsupported_parameter")
            assert error["param"] == "input"
            assert "check_embedding_ctx_length=False" in error["message"]
            assert not stage.asked()
        stage.clear()


@case(
    "G04",
    "One model list that the SDKs of both families parse",
    client="openai-python anthropic-python openai-node anthropic-js",
    feature="models",
)
def _(stage: Stage) -> None:
    names = {"openai_compatible", "anthropic", "openrouter/a/b:free", "pair"}
    with stage.python().openai as sdk:
        listed = list(sdk.models.list())
        assert names <= {model.id for model in listed}
        assert all((model.object, bool(model.created)) == ("model", True) for model in listed)
        assert sdk.models.retrieve("pair").id == "pair"
    with stage.python().anthropic as claude:
        page = claude.models.list()
        assert names <= {model.id for model in page}
        assert all((model.type, bool(model.display_name)) == ("model", True) for model in page)
        assert page.has_more is False
    node = stage.node()
    assert names <= set(node.ask("models", stage.gateway().url, {}))
    assert names <= set(node.ask("anthropicModels", stage.gateway().url, {}))
    assert not stage.asked()


@case(
    "G05",
    "Model ids with slashes and colons, raw and percent-encoded",
    client="HTTP openai-python",
    feature="models",
)
def _(stage: Stage) -> None:
    name = "openrouter/a/b:free"
    bodies = set()
    for spelt in (name, "openrouter%2Fa%2Fb%3Afree", "openrouter%2fa/b%3afree"):
        answer = stage.gateway().get(f"/v1/models/{spelt}")
        assert (spelt, answer.status) == (spelt, 200)
        assert answer.json["id"] == name
        bodies.add(answer.body)
    assert len(bodies) == 1
    with stage.python().openai as sdk:
        assert sdk.models.retrieve(name).id == name
    wire.error(stage.gateway().get("/v1/models/openrouter%2Fnope"), 404, "model_not_found")


@case(
    "G06",
    "A key that is restricted to one model sees one",
    feature="models",
)
def _(stage: Stage) -> None:
    answer = stage.gateway("keyed").get("/v1/models", authorization=f"Bearer {MASTER_KEY}")
    assert len(answer.json["data"]) == 1
