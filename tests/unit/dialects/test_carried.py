"""State of a backend that a client carries: ours comes back, anything else is nothing."""

import pytest

from hybridgw.dialects.carried import Carried, pack, unpack


@pytest.mark.parametrize(
    "carried",
    [Carried("sig="), Carried(redacted="EmwK"), Carried(calls={"call_1": "thought/sig"}), Carried()],
)
def test_there_and_back(carried: Carried) -> None:
    opaque = pack(carried)
    assert unpack(opaque) == carried
    assert opaque.isascii() and '"' not in opaque and "\\" not in opaque


@pytest.mark.parametrize(
    "opaque", [None, "", "gAAAAABo", "hybridgw1.", "hybridgw1.%%%", "hybridgw1.W10=", "hybridgw1.é"]
)
def test_another_providers_is_nothing(opaque: str | None) -> None:
    assert unpack(opaque) == Carried()
