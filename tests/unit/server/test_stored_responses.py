"""What a body leans on is seen however it is spelled."""

import pytest

from hybridgw.errors import RequestError
from hybridgw.server.stored_responses import _check_alone, _look

ALONE = [
    b'{"input":"previous_response_id"}',
    b'{"input":"x","previous_response_id":null,"conversation":null}',
    b'{"input":{"previous_response_id":"r"}}',
    b'{"input":"\\ud800"}',
    b"[]",
    b"{",
    b"\xef\xbb\xbf{}",
    b'{"input":' + b"[" * 100_000,
]
LEANING = [
    b'{"input":"x","previous_response_id":"r"}',
    b'{"previous\\u005fresponse_id":"r","input":"x"}',
    b'{"input":"\\ud800","previous_response_id":"r"}',
    b'{"input":"\\ud800 ' + b"9" * 10 + b'","n":' + b"9" * 5000 + b',"previous\\u005fresponse_id":"r"}',
    b'{"input":"x","conversation":{"id":"c"}}',
    b'{"input":"x","previous_response_id":""}',
    b'{"input":"x","previous_response_id":0}',
]


@pytest.mark.parametrize("body", ALONE, ids=range(len(ALONE)))
def test_a_request_that_stands_alone(body: bytes) -> None:
    _check_alone(_look(body))


@pytest.mark.parametrize("body", LEANING, ids=range(len(LEANING)))
def test_a_request_that_leans_on_a_memory(body: bytes) -> None:
    with pytest.raises(RequestError) as caught:
        _check_alone(_look(body))
    assert caught.value.code == "unsupported_parameter"
    assert caught.value.field in ("previous_response_id", "conversation")
