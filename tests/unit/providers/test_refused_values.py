"""What an upstream complains of: that a member is there, which lasts, or what it says, which does not."""

import pytest

from hybridgw.providers.refusals import about_a_value, refused


@pytest.mark.parametrize(
    "answer",
    [
        b'{"error":{"message":"Unsupported value: \'temperature\' does not support 0.7 with this model. Only '
        b'the default (1) value is supported.","param":"temperature","code":"unsupported_value"}}',
        b'{"error":{"message":"max_tokens of 999999 is not allowed, the maximum is 4096",'
        b'"param":"max_tokens"}}',
        b'{"error":{"message":"reasoning_effort \'minimal\' is not supported. Supported values are: '
        b'low, high","param":"reasoning_effort"}}',
    ],
)
def test_a_value_that_is_refused(answer: bytes) -> None:
    assert refused(400, answer)
    assert about_a_value(answer)


@pytest.mark.parametrize(
    "answer",
    [
        b'{"error":{"message":"Unsupported parameter: \'max_tokens\' is not supported with this model. '
        b'Use \'max_completion_tokens\' instead.","param":"max_tokens","code":"unsupported_parameter"}}',
        b'{"error":{"message":"Unrecognized request argument supplied: stream_options","param":null}}',
        b'{"detail":[{"type":"extra_forbidden","loc":["body","stream_options"],"msg":"Extra inputs are '
        b'not permitted"}]}',
    ],
)
def test_a_member_that_is_refused(answer: bytes) -> None:
    assert refused(400, answer)
    assert not about_a_value(answer)
