"""What a translator cannot read is the request's fault, not a bug."""

import pytest

from hybridgw.dialects.completions import COMPLETIONS
from hybridgw.errors import RequestError
from hybridgw.pipeline.translation import asked


@pytest.mark.parametrize(
    "prompt", [b'"\\ud800"', b"[" * 5000 + b"]" * 5000, b'{"a":' * 5000 + b"1" + b"}" * 5000]
)
def test_a_body_that_cannot_be_translated_is_refused(prompt: bytes) -> None:
    with pytest.raises(RequestError) as caught:
        asked(COMPLETIONS.read, b'{"model":"m","prompt":%b}' % prompt)
    assert caught.value.code == "invalid_value"
