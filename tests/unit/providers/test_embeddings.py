"""Embeddings of engines: base64 where it was asked for, no token ids."""

import array
import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridgw.errors import RequestError
from hybridgw.providers.embeddings import Embeddings

ANSWER = (
    b'{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.5,-1.25]}],"model":"m","x":1.0}'
)


def test_floats_stay_floats_and_bytes_stay_bytes() -> None:
    for asked in (b'{"model":"m","input":"x"}', b'{"model":"m","input":"x","encoding_format":"float"}'):
        embeddings = Embeddings()
        assert embeddings.request(asked) is asked
        assert embeddings.whole(ANSWER) is ANSWER


def test_floats_become_base64_where_that_was_asked_for() -> None:
    embeddings = Embeddings()
    embeddings.request(b'{"model":"m","input":["x"],"encoding_format":"base64"}')
    answer = embeddings.whole(ANSWER)
    assert b'"x":1.0' in answer
    (item,) = json.loads(answer)["data"]
    assert array.array("f", base64.b64decode(item["embedding"])).tolist() == [0.5, -1.25]
    assert item["index"] == 0
    assert embeddings.whole(answer) is answer, "already base64"


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), max_size=20))
def test_every_float_survives(values: list[float]) -> None:
    embeddings = Embeddings()
    embeddings.request(b'{"input":"x","encoding_format":"base64"}')
    body = json.dumps({"data": [{"embedding": values}]}).encode()
    (item,) = json.loads(embeddings.whole(body))["data"]
    assert array.array("f", base64.b64decode(item["embedding"])).tolist() == values


@pytest.mark.parametrize("ids", [[1, 2, 3], [[1, 2], [3]], [[0]]])
def test_token_ids_are_refused_by_name(ids: object) -> None:
    with pytest.raises(RequestError) as caught:
        Embeddings().request(json.dumps({"model": "m", "input": ids}).encode())
    assert caught.value.field == "input"
    assert "check_embedding_ctx_length" in caught.value.message


@pytest.mark.parametrize("text", ["1 2 3", ["1", "2"], "", []])
def test_text_is_text_whatever_it_looks_like(text: object) -> None:
    Embeddings().request(json.dumps({"model": "m", "input": text}).encode())
