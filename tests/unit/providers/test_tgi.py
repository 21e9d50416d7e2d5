"""TGI: a list where clients write a text, and nothing else changed."""

import pytest

from hybridgw.core import Route, Shape
from hybridgw.errors import RequestError
from hybridgw.providers import PROVIDERS
from hybridgw.providers.tgi import StopList


@pytest.mark.parametrize(
    ("stop", "sent"), [(b'"X"', b'["X"]'), (b'["X","Y"]', b'["X","Y"]'), (b"null", b"null")]
)
def test_stop_is_a_list(stop: bytes, sent: bytes) -> None:
    body = b'{"model":"m","temperature":0.10,"stop":%b,"mystery":{"a":1}}' % stop
    assert StopList().request(body) == body.replace(stop, sent)


def test_without_stop_it_is_the_very_body() -> None:
    body = b'{ "model": "m" }'
    assert StopList().request(body) is body


def test_several_answers_are_refused() -> None:
    with pytest.raises(RequestError) as caught:
        StopList().request(b'{"n":2}')
    assert caught.value.field == "n"


@pytest.mark.parametrize(
    ("route", "path"), [(Route.CHAT, "/v1/chat/completions"), (Route.COMPLETIONS, "/v1/completions")]
)
def test_its_answers_pass(route: Route, path: str) -> None:
    exchange = PROVIDERS["tgi"].exchange(route, "/v1")
    assert exchange is not None
    assert (exchange.target, exchange.shape, exchange.translator) == (path, Shape(route), StopList)
    assert StopList().whole(b"x") == StopList().feed(b"x") == b"x"
