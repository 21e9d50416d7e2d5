"""Nothing sensitive leaves the device by accident, whatever the route, the field or the disguise.

A card number stands in every text-bearing field of every route. With a local engine it is answered
there; with the local engine down it waits (503), and where no deployment could ever see it it is
refused (403; 400 in Messages and Responses). The external stub is asked nothing in any of these cases,
and the same request without the number flows.
"""

import base64
import json
import re
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from hybridgw.native import prompt_hash
from tests.integration.conftest import config
from tests.support.demo import Demo
from tests.support.gateway import Gateway
from tests.support.player import Player, whole
from tests.support.waiting import until

CARD = "4716 2938 5501 7768"
PLAIN = "the weather in Lisbon"
DISGUISES = {
    "plain": CARD,
    "dashes": CARD.replace(" ", "-"),
    "no separators": CARD.replace(" ", ""),
    "full width": "".join(chr(ord(c) + 0xFEE0) if c.isdigit() else c for c in CARD),
    "zero width": "\u200b".join(CARD.replace(" ", "")),
    "url escapes": "number=" + CARD.replace(" ", "%20"),
    "html escapes": "".join(f"&#{ord(c)};" if c.isdigit() else c for c in CARD),
    "base64": base64.b64encode(f"my card is {CARD} thanks".encode()).decode(),
}


def user(text: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": text}]


def messages(content: Any) -> dict[str, Any]:
    return {"max_tokens": 5, "messages": user(content)}


def tool(description: str) -> list[dict[str, Any]]:
    return [{"type": "function", "function": {"name": "f", "description": description, "parameters": {}}}]


# Every text-bearing field of every route, as a function from a text to a body.
FIELDS: dict[tuple[str, str], Any] = {
    ("chat", "content"): lambda t: {"messages": user(t)},
    ("chat", "part"): lambda t: {"messages": user([{"type": "text", "text": t}])},
    ("chat", "system"): lambda t: {"messages": [{"role": "system", "content": t}, *user("hi")]},
    ("chat", "assistant"): lambda t: {"messages": [{"role": "assistant", "content": t}, *user("hi")]},
    ("chat", "name"): lambda t: {"messages": [{"role": "user", "name": t, "content": "hi"}]},
    ("chat", "tool result"): lambda t: {
        "messages": [*user("hi"), {"role": "tool", "tool_call_id": "c", "content": t}]
    },
    ("chat", "tool arguments"): lambda t: {
        "messages": [
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {
                        "id": "c",
                        "type": "function",
                        "function": {"name": "f", "arguments": json.dumps({"q": t})},
                    }
                ],
            },
            *user("hi"),
        ]
    },
    ("chat", "tool definition"): lambda t: {"messages": user("hi"), "tools": tool(t)},
    ("chat", "response format"): lambda t: {
        "messages": user("hi"),
        "response_format": {"type": "json_schema", "json_schema": {"name": "x", "description": t}},
    },
    ("chat", "stop"): lambda t: {"messages": user("hi"), "stop": [t]},
    ("chat", "metadata"): lambda t: {"messages": user("hi"), "metadata": {"note": t}},
    ("chat", "user"): lambda t: {"messages": user("hi"), "user": t},
    ("chat", "unknown field"): lambda t: {"messages": user("hi"), "x_new": {"deep": [t]}},
    ("chat", "key of an object"): lambda t: {"messages": user("hi"), "x_new": {t: 1}},
    ("chat", "identifier"): lambda t: {"messages": user("hi"), "safety_identifier": t},
    ("chat", "status"): lambda t: {"messages": user([{"type": "text", "text": "hi", "status": t}])},
    ("chat", "claims to be a data URL"): lambda t: {"messages": user(f"data:x;base64, {t}")},
    ("chat", "claims to be media"): lambda t: {
        "messages": user([{"type": "text", "text": "hi", "data": f"{'A' * 64} {t}"}])
    },
    ("completions", "prompt"): lambda t: {"prompt": t},
    ("completions", "suffix"): lambda t: {"prompt": "hi", "suffix": t},
    ("embeddings", "input"): lambda t: {"input": ["hi", t]},
    ("messages", "content"): lambda t: messages(t),
    ("messages", "system"): lambda t: {**messages("hi"), "system": [{"type": "text", "text": t}]},
    ("messages", "system in between"): lambda t: {
        "max_tokens": 5,
        "messages": [*user("hi"), {"role": "system", "content": t}, *user("go on")],
    },
    ("messages", "tool result"): lambda t: {
        "max_tokens": 5,
        "messages": [
            *user("hi"),
            {"role": "assistant", "content": [{"type": "tool_use", "id": "c", "name": "f", "input": {}}]},
            *user([{"type": "tool_result", "tool_use_id": "c", "content": [{"type": "text", "text": t}]}]),
        ],
    },
    ("messages", "tool use"): lambda t: {
        "max_tokens": 5,
        "messages": [
            *user("hi"),
            {
                "role": "assistant",
                "content": [{"type": "tool_use", "id": "c", "name": "f", "input": {"q": t}}],
            },
            *user([{"type": "tool_result", "tool_use_id": "c", "content": "done"}]),
        ],
    },
    ("messages", "document"): lambda t: messages(
        [
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": t}},
            {"type": "text", "text": "hi"},
        ]
    ),
    ("responses", "input"): lambda t: {"input": t},
    ("responses", "instructions"): lambda t: {"input": "hi", "instructions": t},
    ("responses", "item"): lambda t: {
        "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": t}]}]
    },
    ("responses", "call output"): lambda t: {
        "input": [
            {"role": "user", "content": "hi"},
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c", "output": t},
        ]
    },
    ("responses", "call arguments"): lambda t: {
        "input": [
            {"role": "user", "content": "hi"},
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": json.dumps({"q": t})},
            {"type": "function_call_output", "call_id": "c", "output": "done"},
        ]
    },
    ("ollama chat", "content"): lambda t: {"messages": user(t), "stream": False},
    ("ollama generate", "prompt"): lambda t: {"prompt": t, "stream": False},
    ("ollama generate", "system"): lambda t: {"prompt": "hi", "system": t, "stream": False},
    ("ollama generate", "suffix"): lambda t: {"prompt": "hi", "suffix": t, "stream": False},
    ("ollama embed", "input"): lambda t: {"input": ["hi", t]},
}
PATHS = {
    "chat": "/v1/chat/completions",
    "completions": "/v1/completions",
    "embeddings": "/v1/embeddings",
    "messages": "/v1/messages",
    "responses": "/v1/responses",
    "ollama chat": "/api/chat",
    "ollama generate": "/api/generate",
    "ollama embed": "/api/embed",
}


def _openai(answer: Any) -> bool:
    return bool(answer["error"]["code"] == "policy_denied")


def _messages(answer: Any) -> bool:
    return bool(answer["type"] == "error" and answer["error"]["type"] == "invalid_request_error")


def _ollama(answer: Any) -> bool:
    return isinstance(answer["error"], str)


DENIED = {
    route: _messages if route == "messages" else _ollama if route.startswith("ollama") else _openai
    for route in PATHS
}
STATUS = {"messages": 400, "responses": 400}
"""Agents that speak these take a 403 for a key that is no good."""
EMBEDS = ("embeddings", "ollama embed")


def upstreams(demo: Demo) -> dict[str, Any]:
    """A local engine for everything, and a stub that counts as external for everything."""
    out = {"boundary": "external"}
    deployments = [
        demo.deployment("local"),
        {**demo.deployment("local", mode="embedding"), "name": "local/e", "model": "demo-embed"},
        demo.deployment("cloud", **out),
        {**demo.deployment("cloud", mode="embedding", **out), "name": "cloud/e", "model": "demo-embed"},
    ]
    models = []
    for route in PATHS:
        kind = "e" if route in EMBEDS else "m"
        models.append({"name": route, "deployments": [f"local/{kind}", f"cloud/{kind}"], "retries": 0})
        models.append({"name": f"cloud-{route}", "deployments": [f"cloud/{kind}"]})
    return {"deployments": deployments, "models": models}


@pytest.fixture(scope="module")
def private(demo: Demo) -> Iterator[Gateway]:
    with Gateway(config(demo, **upstreams(demo))) as running:
        yield running


def ask(gateway: Gateway, route: str, model: str, body: dict[str, Any]) -> Any:
    return gateway.post(PATHS[route], {"model": model, **body})


@pytest.mark.parametrize(("route", "field"), FIELDS)
def test_a_card_number_stays_on_the_device_in_every_field(
    demo: Demo, private: Gateway, route: str, field: str
) -> None:
    body = FIELDS[route, field](CARD)
    answer = ask(private, route, route, body)
    assert answer.headers.get("x-hybridgw-level", "regulated") == "regulated"
    assert answer.headers.get("x-hybridgw-tier", "local") == "local"
    refused = ask(private, route, f"cloud-{route}", body)
    assert refused.status == STATUS.get(route, 403), refused.body
    assert refused.headers["x-hybridgw-level"] == "regulated"
    assert "regulated (found: card" in refused.body.decode()
    assert DENIED[route](refused.json), refused.body
    assert refused.headers["x-should-retry"] == "false"
    assert CARD not in refused.body.decode()
    assert not demo.requests("cloud"), "nothing may have left"
    flows = ask(private, route, f"cloud-{route}", FIELDS[route, field](PLAIN))
    assert flows.status < 403, flows.body
    assert len(demo.requests("cloud")) == (flows.status == 200), "what a backend cannot take is refused here"


@pytest.mark.parametrize("disguise", DISGUISES)
def test_disguises_do_not_help(demo: Demo, private: Gateway, disguise: str) -> None:
    body = {"messages": user(f"please pay with {DISGUISES[disguise]} today")}
    assert ask(private, "chat", "cloud-chat", body).status == 403
    assert not demo.requests("cloud")


def test_json_escapes_do_not_help(demo: Demo, private: Gateway) -> None:
    escaped = "".join(f"\\u{ord(c):04x}" for c in CARD)
    raw = b'{"model":"cloud-chat","messages":[{"role":"user","content":"%b"}]}' % escaped.encode()
    assert private.post(PATHS["chat"], raw).status == 403
    assert not demo.requests("cloud")


@pytest.mark.parametrize("split", [4, 9, 14])
def test_a_number_in_two_parts_or_two_messages_is_one_number(
    demo: Demo, private: Gateway, split: int
) -> None:
    first, second = CARD[:split], CARD[split:]
    parts = [{"type": "text", "text": first}, {"type": "text", "text": second}]
    assert ask(private, "chat", "cloud-chat", {"messages": user(parts)}).status == 403
    assert ask(private, "chat", "cloud-chat", {"messages": [*user(first), *user(second)]}).status == 403
    assert not demo.requests("cloud")


def test_with_the_local_engine_down_it_waits_and_does_not_travel(demo: Demo, private: Gateway) -> None:
    for stream in (False, True):
        demo.fault("local", "status=503", count=1)
        body = {"messages": user(f"card {CARD}"), "stream": stream}
        answer = ask(private, "chat", "chat", body)
        assert (answer.status, answer.json["error"]["code"]) == (503, "overloaded")
        assert int(answer.headers["retry-after"]) >= 1
        assert not demo.requests("cloud")
    demo.fault("local", "status=503", count=1)
    assert ask(private, "chat", "chat", {"messages": user(PLAIN)}).status == 200
    assert len(demo.requests("cloud")) == 1


IMAGE = "iVBORw0KGgo" * 8
UNREADABLE: dict[str, Any] = {
    "data URL": {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{IMAGE}"}},
    "reference": {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
    "source": {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}},
    "bytes": {"type": "image", "image": IMAGE},
    "file": {"type": "file", "file": {"file_id": "file-1"}},
    "stored file": {"type": "media", "file_uri": "gs://bucket/scan.pdf"},
}


@pytest.mark.parametrize("media", UNREADABLE)
def test_media_that_cannot_be_read_is_not_public(demo: Demo, private: Gateway, media: str) -> None:
    body = {"messages": user([{"type": "text", "text": "what is this"}, UNREADABLE[media]])}
    assert ask(private, "chat", "cloud-chat", body).status == 403
    here = ask(private, "chat", "chat", body)
    # What has to be fetched for a local engine may not be there.
    assert here.status == 400 or here.headers["x-hybridgw-level"] == "internal"
    assert not demo.requests("cloud")


def test_text_in_small_media_is_read(demo: Demo, private: Gateway) -> None:
    url = "data:text/plain;base64," + base64.b64encode(f"my card is {CARD} thanks".encode()).decode()
    body = {"messages": user([{"type": "image_url", "image_url": {"url": url}}])}
    assert ask(private, "chat", "chat", body).headers["x-hybridgw-level"] == "regulated"


@pytest.mark.parametrize("field", ["prompt_token_ids", "input_ids", "context"])
def test_token_ids_are_not_public(demo: Demo, private: Gateway, field: str) -> None:
    assert ask(private, "embeddings", "cloud-embeddings", {"input": [[1, 2, 3]]}).status == 403
    assert ask(private, "chat", "cloud-chat", {"messages": user("hi"), field: [1]}).status == 403
    assert not demo.requests("cloud")


def test_numbers_in_a_row_are_one_number(demo: Demo, private: Gateway) -> None:
    body = {"messages": user("hi"), "x_new": [int(group) for group in CARD.split()]}
    assert ask(private, "chat", "cloud-chat", body).status == 403
    assert not demo.requests("cloud")


def test_a_hint_tightens_and_never_loosens(demo: Demo, private: Gateway) -> None:
    tight = {"messages": user(PLAIN), "hybridgw": {"sensitivity": "regulated"}}
    assert ask(private, "chat", "cloud-chat", tight).status == 403
    loose = {"messages": user(f"card {CARD}"), "hybridgw": {"sensitivity": "public"}}
    assert ask(private, "chat", "cloud-chat", loose).status == 403
    assert not demo.requests("cloud")


def test_the_journal_knows_the_level_and_not_the_text(demo: Demo, private: Gateway) -> None:
    answer = ask(private, "chat", "chat", {"messages": user(f"card {CARD}")})
    (entry,) = [e for e in private.journal() if e["id"] == answer.headers["x-request-id"]]
    assert (entry["level"], entry["ceiling"]) == ("regulated", "device")
    for path in private.state_dir.glob("journal/**/*.journal"):
        assert CARD.encode() not in path.read_bytes()
    assert CARD not in private.log()


def test_under_observe_it_is_reported_and_travels(demo: Demo) -> None:
    with Gateway(config(demo, **upstreams(demo), privacy={"mode": "observe"})) as watching:
        answer = ask(watching, "chat", "cloud-chat", {"messages": user(f"card {CARD}")})
        assert answer.status == 200
        assert answer.headers["x-hybridgw-level"] == "regulated"
        # Announced once the gateway listens, which may be after its first answer.
        until(lambda: "observe" in watching.log())


def test_own_patterns_and_levels(demo: Demo) -> None:
    privacy = {
        "patterns": [{"name": "project", "pattern": "PRJ-[0-9]{6}", "level": "internal"}],
        "levels": {"email": "regulated"},
    }
    with Gateway(config(demo, **upstreams(demo), privacy=privacy)) as own:
        for text in ("about PRJ-123456", "mail jane.doe@example.org"):
            assert ask(own, "chat", "cloud-chat", {"messages": user(text)}).status == 403, text
        assert ask(own, "chat", "cloud-chat", {"messages": user("about PRJ-12")}).status == 200


@pytest.mark.parametrize("provider", ["openai", "anthropic", "gemini", "ollama"])
def test_the_name_of_a_model_that_a_client_chooses_is_text(player: Player, provider: str) -> None:
    out = player.deployment("cloud/any", provider=provider, model="*", boundary="external")
    near = player.deployment("local/any", provider=provider, model="*")
    models = [{"name": f"{at}/*", "deployments": [f"{at}/any"]} for at in ("cloud", "local")]
    with Gateway({"deployments": [out, near], "models": models, "health": {"enabled": False}}) as running:
        body = {"messages": user("hi"), "max_tokens": 5}
        before = len(player.heads)
        refused = running.post(PATHS["chat"], {**body, "model": f"cloud/my card {CARD}"})
        assert (refused.status, refused.json["error"]["code"]) == (403, "policy_denied")
        assert len(player.heads) == before, "nothing may have left"
        for model in ("cloud/gpt-5", f"local/my card {CARD}"):
            player.plays(whole(b'{"error":{"message":"no"}}', "404 Not Found"))
            assert running.post(PATHS["chat"], {**body, "model": model}).status == 404
        assert len(player.heads) == before + 2
        assert {entry["model"] for entry in running.journal()} == {"cloud/gpt-5", "cloud/*", "local/*"}
        for path in running.state_dir.glob("journal/**/*.journal"):
            assert CARD.encode() not in path.read_bytes()
        # Half a surrogate pair passes where it is only carried, and is the client's error elsewhere.
        player.plays(whole(b'{"error":{"message":"no"}}', "404 Not Found"))
        half = b'{"model":"local/x","max_tokens":5,"messages":[{"role":"user","content":"\\ud800"}]}'
        assert running.post(PATHS["chat"], half).status in (400, 404)


@pytest.mark.parametrize(
    ("said", "sent"),
    [
        ("context-1m-2025-08-07, fine-grained-tool-streaming-2025-05-14", True),
        (f"beta, my card {CARD}", False),
        (CARD, False),
    ],
)
def test_a_header_that_is_passed_on_holds_names_and_no_text(player: Player, said: str, sent: bool) -> None:
    cloud = player.deployment("cloud/m", provider="anthropic", boundary="external")
    with Gateway({"deployments": [cloud], "models": [{"name": "m", "deployments": ["cloud/m"]}]}) as running:
        player.plays(whole(b'{"error":{"message":"no"}}', "404 Not Found"))
        headers = {"anthropic-beta": said, "anthropic-version": "2026-10-21"}
        assert running.post(PATHS["messages"], {"model": "m", **messages("hi")}, headers).status == 404
        head = player.heads[-1].decode()
        assert (f"anthropic-beta: {said}\r\n" in head) is sent
        assert "anthropic-version: 2026-10-21\r\n" in head
        assert CARD not in head


def test_a_header_that_is_passed_on_is_scanned(player: Player) -> None:
    """What looks like the name of a feature may hold a number all the same."""
    cloud = player.deployment("cloud/m", provider="anthropic", boundary="external")
    models = [{"name": "m", "deployments": ["cloud/m"]}]
    patterns = [{"name": "tag", "pattern": "internal-[0-9]+", "level": "internal"}]
    settings = {
        "deployments": [cloud],
        "models": models,
        "privacy": {"profile": "strict", "patterns": patterns},
    }
    with Gateway(settings) as running:
        before = len(player.heads)
        for text in ("card:" + CARD.replace(" ", "-"), "a-1, x:internal-77"):
            headers = {"anthropic-beta": text}
            answer = running.post(PATHS["messages"], {"model": "m", **messages("hi")}, headers)
            assert answer.json["error"]["type"] != "not_found_error", answer.body
        assert len(player.heads) == before, "nothing may have left"
        # What Claude Code sends is no finding under any profile.
        player.plays(whole(b'{"error":{"message":"no"}}', "404 Not Found"))
        real = "claude-code-20250219,oauth-2025-04-20,interleaved-thinking-2025-05-14,tools-2025-06-27"
        headers = {"anthropic-beta": real, "anthropic-version": "2023-06-01"}
        assert running.post(PATHS["messages"], {"model": "m", **messages("hi")}, headers).status == 404


MEDIA = base64.b64encode(b"\xff\xd8\xff\xe0" + bytes(range(256)) * 8).decode()
SEALS = {
    ("chat", "signature"): user([{"type": "text", "text": "hi", "signature": MEDIA}]),
    ("chat", "thought_signature"): [{"role": "user", "content": "hi", "thought_signature": MEDIA}],
    ("chat", "images"): [{"role": "user", "content": "hi", "Images": [MEDIA]}],
    ("messages", "signature"): user([{"type": "text", "text": "hi", "signature": MEDIA}]),
    ("messages", "encrypted_content"): user([{"type": "text", "text": "hi", "encrypted_content": MEDIA}]),
}


@pytest.mark.parametrize(("route", "field"), SEALS, ids=lambda it: str(it))
def test_media_under_the_name_of_a_seal_are_media(
    demo: Demo, private: Gateway, route: str, field: str
) -> None:
    body = {"max_tokens": 5, "messages": SEALS[route, field]}
    answer = ask(private, route, "cloud-chat", body)
    assert answer.status in (400, 403), answer.body
    assert not demo.requests("cloud")


def refusals(gateway: Gateway) -> dict[str, float]:
    """The metric by kind."""
    page = gateway.request("GET", "/metrics").body.decode()
    found = re.findall(r'^hybridgw_privacy_refusals_total{kind="(\w+)"} ([\d.]+)$', page, re.M)
    return {kind: float(count) for kind, count in found}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("route", ["chat", "messages", "responses", "ollama chat"])
def test_a_refusal_says_what_was_found_and_where(
    demo: Demo, private: Gateway, route: str, stream: bool
) -> None:
    talk = [*user("hello"), {"role": "assistant", "content": "hi"}, *user(f"it is {CARD}")]
    body = {"input" if route == "responses" else "messages": talk, "max_tokens": 5, "stream": stream}
    before = refusals(private)
    answer = ask(private, route, "cloud-chat" if "chat" in route else f"cloud-{route}", body)
    assert (answer.status, answer.headers["x-should-retry"]) == (STATUS.get(route, 403), "false")
    assert answer.headers["x-hybridgw-level"] == "regulated"
    after = refusals(private)
    assert {kind: after[kind] - before[kind] for kind in after if after[kind] != before[kind]} == {"card": 1}
    said = answer.body.decode()
    member = "input" if route == "responses" else "messages"
    assert f"found: card; first in {member}[2]" in said
    assert "hybridgw scan" in said and "privacy.levels" in said
    assert f"refused by policy: regulated, found card in {member}[2]" in private.log()
    assert CARD not in said + private.log()
    pictures = {"messages": user([UNREADABLE["data URL"]]), "max_tokens": 5}
    assert "internal (found: media)" in ask(private, "chat", "cloud-chat", pictures).body.decode()


PROMPT = f"You help staff. Example of a booking: {CARD}, my patient has diabetes."


@pytest.mark.parametrize("route", ["chat", "messages", "responses"])
def test_a_trusted_prompt_is_not_looked_through(demo: Demo, route: str) -> None:
    """A system text that the operator read; every other text is, wherever it stands."""
    trusted = {"trusted_prompts": [prompt_hash(PROMPT.encode())]}

    def body(system: str, said: str) -> dict[str, Any]:
        if route == "chat":
            return {"messages": [{"role": "system", "content": system}, *user(said)]}
        if route == "messages":
            return {**messages(said), "system": [{"type": "text", "text": system}]}
        return {"instructions": system, "input": said}

    with Gateway(config(demo, privacy=trusted, **upstreams(demo))) as own:
        cloud = f"cloud-{route}"
        assert ask(own, route, cloud, body(f"{PROMPT}\n", "hi")).status == 200
        for refused in (body(f"{PROMPT} More.", "hi"), body(PROMPT, f"it is {CARD}"), body("hi", PROMPT)):
            assert ask(own, route, cloud, refused).status == STATUS.get(route, 403)


def _started(gateway: Gateway) -> str:
    """The log once the start was announced."""
    log = gateway.log()
    return log if "listening on" in log else ""


def test_media_where_nobody_is_near(demo: Demo) -> None:
    """A configuration of clouds alone has nobody to lock to. Text that was found stays locked."""
    far = demo.deployment("cloud", boundary="external")
    models = [{"name": "m", "deployments": ["cloud/m"]}]
    media = {"messages": user([UNREADABLE["data URL"]])}
    cases: list[tuple[dict[str, str], int]] = [({}, 200), ({"unknown": "internal"}, 403)]
    for privacy, status in cases:
        with Gateway(config(demo, deployments=[far], models=models, privacy=privacy)) as own:
            assert ask(own, "chat", "m", media).status == status
            assert ask(own, "chat", "m", {"messages": user(CARD)}).status == 403
            log = until(partial(_started, own))
            assert "REFUSED" in log and "privacy: {mode: enforce}" in log
    near = {**upstreams(demo), "privacy": {"unknown": "public"}}
    with Gateway(config(demo, **near)) as own:
        assert ask(own, "chat", "cloud-chat", media).status == 200
