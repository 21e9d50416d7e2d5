"""Paths as people type them, and whose words an error is told in."""

import pytest

from hybridgw.core import Route
from hybridgw.dialects import DIALECTS, OPENAI
from hybridgw.server.speaks import dialect_of, plain


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("/v1/chat/completions", "/v1/chat/completions"),
        ("/v1//chat/completions", "/v1/chat/completions"),
        ("//v1/chat//completions//", "/v1/chat/completions"),
        ("/v1/v1/messages", "/v1/messages"),
        ("/v1/v1/v1/messages/count_tokens", "/v1/messages/count_tokens"),
        ("/v1/chat/v1/v1", "/v1/chat/v1/v1"),
        ("/", "/"),
        ("", "/"),
        ("/v1/", "/v1"),
        ("/v1/v1", "/v1"),
        ("/v11/v1", "/v11/v1"),
    ],
)
def test_the_plain_form_of_a_path(typed: str, meant: str) -> None:
    assert plain(typed) == meant
    assert plain(meant) == meant


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/v1/messages", Route.MESSAGES),
        ("/messages/batches", Route.MESSAGES),
        ("/v1/messages/count_tokens", Route.MESSAGES),
        ("/api/tags", Route.OLLAMA_CHAT),
        ("/v1/api/chat", Route.OLLAMA_CHAT),
        ("/v1/responses", Route.CHAT),
        ("/apiary", Route.CHAT),
        ("/v2/messages", Route.CHAT),
        ("/", Route.CHAT),
    ],
)
def test_a_path_is_answered_in_the_words_of_its_family(path: str, route: Route) -> None:
    assert dialect_of(path) is DIALECTS.get(route, OPENAI)
