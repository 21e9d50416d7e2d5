"""What a response head tells beside the answer, where a client had a hand in it."""

import pytest

from hybridgw.pipeline.head import dropped


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (("seed", "tools.web_search", "input[0]"), b"seed,tools.web_search,input[0]"),
        (("a\r\nset-cookie: x",), b"a??set-cookie:?x"),
        (("x,y", "\x00\x7f", "caf\u00e9"), b"x?y,??,caf?"),
        (("n" * 65536,), b"n" * 64),
        (("a",) * 65536, b",".join([b"a"] * 64)),
    ],
)
def test_names_of_a_clients_choosing_stay_inside_their_header(names: tuple[str, ...], told: bytes) -> None:
    assert dropped(names) == told
