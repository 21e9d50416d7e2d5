"""Gemini's own API: the fixtures in `tests/golden/gemini` are what travels, made by hand from its
reference; the tables here are the cases that bite."""

import base64
import contextlib
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridgw.core import Route, Shape
from hybridgw.errors import RequestError
from hybridgw.providers import Backend, provider_named
from hybridgw.providers.gemini import Gemini
from hybridgw.providers.gemini_calls import SKIP, sent_name, signed_id, split_id
from hybridgw.wire import (
    Ask,
    Audio,
    Event,
    Failure,
    File,
    Finish,
    Format,
    Image,
    Message,
    Part,
    Start,
    Text,
    TextDelta,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolDelta,
    ToolResult,
    ToolStart,
    Usage,
)
from tests.support.translating import configure

GOLDEN = Path(__file__).parents[2] / "golden" / "gemini"
Raw = msgspec.Raw
SIGNATURE = "CpQB+/x8abc="
SCHEMA = Raw(b'{"type":"object","properties":{"c":{"type":"string","maxLength":1.0}},"$defs":{}}')


def user(*parts: Part | str) -> Message:
    return Message("user", [Text(part) if isinstance(part, str) else part for part in parts])


def assistant(*parts: Part | str) -> Message:
    return Message("assistant", [Text(part) if isinstance(part, str) else part for part in parts])


def result(call_id: str, *parts: Text | Image | File, error: bool = False) -> Message:
    return Message("tool", [ToolResult(call_id, list(parts), error)])


def system(text: str) -> Message:
    return Message("system", [Text(text)])


def ask(*messages: Message, model: str = "gemini-3-pro-preview", **more: Any) -> Ask:
    return Ask(model=model, messages=list(messages) or [user("hi")], **more)


def gemini(**backend: Any) -> Gemini:
    ids = iter(f"call_{number}" for number in range(9))
    return Gemini(Backend(**backend), make_id=lambda: next(ids))


def sent(asked: Ask, **backend: Any) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(gemini(**backend).request(asked))
    return body


def shown(events: list[Event]) -> list[list[Any]]:
    """Events as a fixture holds them."""
    return [
        [type(event).__name__, {k: v for k, v in msgspec.to_builtins(event).items() if v not in (None, "")}]
        for event in events
    ]


PLAIN = ask(
    system("Be brief."),
    user("What is on it?", Image(media_type="image/png", data="iVBORw0KGgo=")),
    max_tokens=256, temperature=Raw(b"0.20"), top_p=Raw(b"0.9"), top_k=Raw(b"40"), seed=Raw(b"7"),
    stop=["END"], n=1, logprobs=True, top_logprobs=1, presence_penalty=Raw(b"0"),
    format=Format("json_schema", "answer", SCHEMA),
)  # fmt: skip
TOOLS = ask(
    user("Weather?"),
    assistant("Let me see.",
              ToolCall(signed_id("fc1", SIGNATURE), "get", '{"c": "Oslo", "n": 1.0}'),
              ToolCall("call_b", "srv/list files", "")),
    result("call_b", Text("no such place"), error=True),
    result(signed_id("fc1", SIGNATURE), Text("4 C")),
    system("Answer in German."),
    user("And tomorrow?"),
    tools=[Tool("get", "Looks it up.", SCHEMA), Tool("srv/list files"), Tool("note", custom=True)],
    tool_choice=ToolChoice("named", "get"),
)  # fmt: skip
THINKING = ask(
    user("Hard one"), assistant(Thinking("hmm", "sig"), "42"), user("Why?"),
    model="gemini-2.5-flash", effort="low",
)  # fmt: skip


@pytest.mark.parametrize(
    ("name", "asked"), [("plain", PLAIN), ("tools", TOOLS), ("thinking", THINKING), ("error", ask())]
)
def test_golden(name: str, asked: Ask) -> None:
    fixture = json.loads((GOLDEN / f"{name}.json").read_text())
    outbound = gemini()
    assert json.loads(outbound.request(asked)) == fixture["request"]
    assert shown(outbound.whole(json.dumps(fixture["answer"], indent=2).encode())) == fixture["events"]


STREAM = (GOLDEN / "stream.sse").read_bytes()


@pytest.mark.parametrize("ends", [b"\n\n", b"\r\n\r\n"])
@pytest.mark.parametrize("pieces", ["whole", "by event"])
def test_golden_stream(pieces: str, ends: bytes) -> None:
    outbound = gemini()
    outbound.request(TOOLS)
    events = [event + ends for event in STREAM.split(b"\n\n") if event]
    fed = [b"".join(events)] if pieces == "whole" else events
    read = [event for piece in fed for event in outbound.feed(piece)] + outbound.close()
    assert shown(read) == json.loads((GOLDEN / "stream.json").read_text())


def test_numbers_schemas_and_arguments_keep_their_text() -> None:
    body = gemini().request(TOOLS)
    assert b'"args":{"c": "Oslo", "n": 1.0}' in body
    assert bytes(SCHEMA) in body
    assert b'"temperature":0.20' in gemini().request(PLAIN)


def test_a_signature_comes_back_as_it_went_out() -> None:
    outbound = gemini()
    events = outbound.whole(answer(call("get", {"c": 1}, signature=SIGNATURE)))
    (start,) = [event for event in events if isinstance(event, ToolStart)]
    assert start.id.replace("-", "").replace("_", "").isalnum()
    body = sent(ask(user("x"), assistant(ToolCall(start.id, "get", "{}")), result(start.id, Text("y"))))
    said, told = body["contents"][1]["parts"][0], body["contents"][2]["parts"][0]
    assert said["thoughtSignature"] == SIGNATURE
    assert said["functionCall"]["id"] == told["functionResponse"]["id"] == "call_0"


@given(st.text(min_size=1), st.from_regex(r"[A-Za-z0-9-]{1,40}", fullmatch=True))
def test_any_signature_survives_its_id(signature: str, call_id: str) -> None:
    assert split_id(signed_id(call_id, signature)) == (call_id, signature)


@given(st.binary(min_size=1))
def test_base64_is_carried_in_letters_that_every_wire_allows(data: bytes) -> None:
    signature = base64.b64encode(data).decode()
    carried = signed_id("call_1", signature)
    assert carried.replace("-", "").replace("_", "").isalnum()
    assert split_id(carried)[1] == signature
    # As another gateway writes it.
    assert split_id(f"call_1__thought__{signature}") == ("call_1", signature)


def calls_of(body: dict[str, Any]) -> list[str | None]:
    return [
        part.get("thoughtSignature")
        for content in body["contents"]
        for part in content["parts"]
        if "functionCall" in part
    ]


@pytest.mark.parametrize(
    ("model", "ids", "expected"),
    [
        ("gemini-3-pro-preview", ["a", "b"], [SKIP, None]),
        ("gemini-flash-latest", ["a"], [SKIP]),
        ("gemini-3.1-flash", [signed_id("a", SIGNATURE), "b"], [SIGNATURE, None]),
        ("gemini-2.5-pro", ["a", "b"], [None, None]),
        ("gemini-2.5-pro", [signed_id("a", SIGNATURE)], [SIGNATURE]),
    ],
)
def test_calls_that_another_model_made(model: str, ids: list[str], expected: list[str | None]) -> None:
    calls = [ToolCall(call_id, "f", "{}") for call_id in ids]
    body = sent(ask(user("x"), assistant(*calls), *(result(i, Text("r")) for i in ids), model=model))
    assert calls_of(body) == expected


def inline(kind: str, data: str) -> dict[str, Any]:
    return {"inlineData": {"mimeType": kind, "data": data}}


def parts(body: dict[str, Any], at: int = -1) -> Any:
    return body["contents"][at]["parts"]


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (Image(media_type="image/webp", data="AAAA"), inline("image/webp", "AAAA")),
        (Image(data="/9j/4AAQ"), inline("image/jpeg", "/9j/4AAQ")),
        (Image(url="https://generativelanguage.googleapis.com/v1beta/files/x"),
         {"fileData": {"fileUri": "https://generativelanguage.googleapis.com/v1beta/files/x"}}),
        (Audio("UklG", "wav"), inline("audio/wav", "UklG")),
        (File("application/pdf", "a.pdf", "JVBE"), inline("application/pdf", "JVBE")),
        (File(text="notes"), {"text": "notes"}),
        (File("text/csv", file_id="files/7"),
         {"fileData": {"fileUri": "https://generativelanguage.googleapis.com/v1beta/files/7",
                       "mimeType": "text/csv"}}),
    ],
)  # fmt: skip
def test_parts(part: Part, expected: dict[str, Any]) -> None:
    assert parts(sent(ask(user("see", "", part)))) == [{"text": "see"}, expected]


@pytest.mark.parametrize(
    ("messages", "code", "field"),
    [
        ([user("a"), user("b", Image(url="https://a.example/x.png"))],
         "unsupported_content", "messages[1].content[1]"),
        ([user(Image(data="????"))], "unsupported_content", "messages[0].content[0]"),
        ([user(File(url="https://a.example/x.pdf"))], "unsupported_content", "messages[0].content[0]"),
        ([user(File(file_id="file-abc"))], "unsupported_content", "messages[0].content[0]"),
        ([user("a"), result("nobody", Text("x"))], "invalid_value", "messages[1].tool_call_id"),
        ([user("")], "invalid_value", "messages"),
        ([user("a"), assistant("b", ToolCall("c", "f", "{}"), ToolCall("d", "f", '{"a":'))],
         "invalid_value", "messages[1].tool_calls[1].function.arguments"),
        ([user("a"), assistant(ToolCall("d", "f", "[1]"))],
         "invalid_value", "messages[1].tool_calls[0].function.arguments"),
        ([user("a"), assistant(ToolCall("d", "f", "{}")), result("d", Image(url="http://a.example/x.png"))],
         "unsupported_content", "messages[2].content[0]"),
    ],
)  # fmt: skip
def test_what_cannot_be_carried_is_refused_by_name(messages: list[Message], code: str, field: str) -> None:
    with pytest.raises(RequestError) as caught:
        gemini().request(ask(*messages))
    assert (caught.value.code, caught.value.field) == (code, field)


def test_turns() -> None:
    body = sent(
        ask(
            system("one"), system("two"), user("a"), user("b"), assistant("c"), assistant("d"),
            system("late"), user("e"), system("last"),
        )
    )  # fmt: skip
    assert body["systemInstruction"] == {"parts": [{"text": "one"}, {"text": "two"}]}
    turns = [(each["role"], [part["text"] for part in each["parts"]]) for each in body["contents"]]
    assert turns == [("user", ["a", "b"]), ("model", ["c", "d"]), ("user", ["late", "e", "last"])]


def test_instructions_alone_are_a_turn() -> None:
    body = sent(ask(system("Say hello.")))
    assert body == {"contents": [{"role": "user", "parts": [{"text": "Say hello."}]}]}


def test_images_of_a_result_stand_where_the_model_looks() -> None:
    image = Image(media_type="image/png", data="AAAA")
    picture = inline("image/png", "AAAA")
    messages = (
        user("x"),
        assistant(ToolCall("a", "f", "{}")),
        result("a", Text("ok"), Text("2"), image),
        user("y"),
    )
    new = sent(ask(*messages))["contents"]
    assert new[2]["parts"][0]["functionResponse"]["parts"] == [picture]
    assert new[2]["parts"][0]["functionResponse"]["response"] == {"output": "ok\n2"}
    old = sent(ask(*messages, model="gemini-2.5-flash"))["contents"]
    assert "parts" not in old[2]["parts"][0]["functionResponse"]
    assert old[3] == {"role": "user", "parts": [picture, {"text": "y"}]}


@pytest.mark.parametrize(
    ("choice", "expected", "names"),
    [
        (ToolChoice("auto"), {"mode": "AUTO"}, ["a", "b"]),
        (ToolChoice("none"), {"mode": "NONE"}, ["a", "b"]),
        (ToolChoice("required"), {"mode": "ANY"}, ["a", "b"]),
        (ToolChoice("named", "b"), {"mode": "ANY", "allowedFunctionNames": ["b"]}, ["a", "b"]),
        (ToolChoice("required", allowed=("a",)), {"mode": "ANY", "allowedFunctionNames": ["a"]}, ["a", "b"]),
        (ToolChoice("auto", allowed=("a",)), {"mode": "AUTO"}, ["a"]),
    ],
)
def test_tool_choice(choice: ToolChoice, expected: dict[str, Any], names: list[str]) -> None:
    body = sent(ask(tools=[Tool("a"), Tool("b")], tool_choice=choice))
    assert body["toolConfig"] == {"functionCallingConfig": expected}
    assert [each["name"] for each in body["tools"][0]["functionDeclarations"]] == names


THOUGHTS = {"includeThoughts": True}


@pytest.mark.parametrize(
    ("model", "said", "expected"),
    [
        ("gemini-3-pro-preview", {}, None),
        ("gemini-3-pro-preview", {"effort": "low"}, {"thinkingLevel": "LOW", **THOUGHTS}),
        ("gemini-3-pro-preview", {"effort": "medium"}, {"thinkingLevel": "HIGH", **THOUGHTS}),
        ("gemini-3.1-pro", {"effort": "medium"}, {"thinkingLevel": "MEDIUM", **THOUGHTS}),
        ("gemini-3.1-pro", {"effort": "none"}, {"thinkingLevel": "LOW"}),
        ("gemini-3-flash", {"effort": "none"}, {"thinkingLevel": "MINIMAL"}),
        ("gemini-3-flash", {"effort": "xhigh"}, {"thinkingLevel": "HIGH", **THOUGHTS}),
        ("gemini-4-flash", {"effort": "max"}, {"thinkingLevel": "XHIGH", **THOUGHTS}),
        ("gemini-flash-latest", {"effort": "minimal"}, {"thinkingLevel": "MINIMAL", **THOUGHTS}),
        ("gemini-3-flash", {"thinking": "adaptive"}, THOUGHTS),
        ("gemini-3-flash", {"thinking": "enabled", "thinking_budget": 5000},
         {"thinkingLevel": "MEDIUM", **THOUGHTS}),
        ("gemini-3-flash", {"thinking": "disabled"}, {"thinkingLevel": "MINIMAL"}),
        ("gemini-3-flash", {"effort": "high", "show_thinking": False}, {"thinkingLevel": "HIGH"}),
        ("gemini-2.5-flash", {"effort": "none"}, {"thinkingBudget": 0}),
        ("gemini-2.5-pro", {"effort": "none"}, {"thinkingBudget": 128}),
        ("gemini-2.5-flash", {"effort": "medium"}, {"thinkingBudget": 8192, **THOUGHTS}),
        ("gemini-2.5-flash", {"thinking": "enabled", "thinking_budget": 99999},
         {"thinkingBudget": 24576, **THOUGHTS}),
        ("gemini-2.5-flash", {"thinking": "adaptive"}, {"thinkingBudget": -1, **THOUGHTS}),
        ("gemini-2.0-flash", {"effort": "none"}, None),
    ],
)  # fmt: skip
def test_thinking(model: str, said: dict[str, Any], expected: dict[str, Any] | None) -> None:
    asked = ask(model=model, **said)
    assert sent(asked).get("generationConfig", {}).get("thinkingConfig") == expected
    assert asked.dropped == []


@pytest.mark.parametrize(
    ("said", "dropped"),
    [
        ({"user": "u"}, ["user"]),
        ({"service_tier": "flex"}, ["service_tier"]),
        ({"verbosity": "low"}, ["verbosity"]),
        (
            {"tools": [Tool("f", strict=True)], "parallel": False},
            ["parallel_tool_calls", "tools.function.strict"],
        ),
        ({"extra": {"logit_bias": Raw(b"{}"), "store": Raw(b"null")}}, ["logit_bias"]),
        ({"model": "gemini-2.0-flash", "effort": "high"}, ["reasoning_effort"]),
        ({"n": 2}, []),
    ],
)
def test_what_it_is_not_told_is_noted(said: dict[str, Any], dropped: list[str]) -> None:
    asked = ask(**said)
    body = sent(asked)
    assert asked.dropped == dropped
    assert body.get("generationConfig", {}).get("candidateCount") == (2 if "n" in said else None)


def test_members_of_its_own_and_what_is_configured() -> None:
    asked = ask(temperature=Raw(b"0.5"), top_p=Raw(b"0.1"), extra={"safety_settings": Raw(b"[1.0]")})
    outbound = gemini(
        defaults={"temperature": 1, "max_tokens": 9, "stop": "x"},
        force={"labels": {"a": "b"}, "reasoning_effort": "low"},
        drops=("top_p",),
    )
    body = outbound.request(configure(asked, outbound._backend, "temperature", "top_p"))
    assert b'"safetySettings":[1.0]' in body
    decoded = json.loads(body)
    assert decoded["labels"] == {"a": "b"}
    assert decoded["generationConfig"] == {
        "maxOutputTokens": 9, "temperature": 0.5, "stopSequences": ["x"],
        "thinkingConfig": {"thinkingLevel": "LOW", "includeThoughts": True},
    }  # fmt: skip
    assert asked.dropped == ["top_p"]


@pytest.mark.parametrize(
    ("model", "stream", "query", "path"),
    [
        ("gemini-3-pro", False, "", "/models/gemini-3-pro:generateContent"),
        ("gemini-3-pro", True, "", "/models/gemini-3-pro:streamGenerateContent?alt=sse"),
        ("tunedModels/a-b", True, "?x=1", "/tunedModels/a-b:streamGenerateContent?alt=sse&x=1"),
        ("a?b#c d", False, "?x=1", "/models/a%3Fb%23c%20d:generateContent?x=1"),
    ],
)
def test_path(model: str, stream: bool, query: str, path: str) -> None:
    assert gemini(query=query).path(ask(model=model, stream=stream)) == path


def test_the_row() -> None:
    provider = provider_named("gemini")
    assert provider is not None
    exchange = provider.exchange(Route.MESSAGES, "/v1beta")
    assert exchange is not None
    assert (exchange.target, exchange.shape, exchange.outbound) == ("/v1beta", Shape.GEMINI, Gemini)
    assert (provider.key_header, provider.inline_images) == ("x-goog-api-key", True)


def test_names_that_it_cannot_spell() -> None:
    names = ["srv/list files", "srv_list files", "1st", "x" * 80, "fine.name-1:a"]
    wired = [sent_name(name) for name in names]
    assert len(set(wired)) == len(names)
    assert all(len(name) <= 64 and not name[0].isdigit() and "/" not in name for name in wired)
    assert wired[-1] == names[-1]
    outbound = gemini()
    outbound.request(ask(tools=[Tool(name) for name in names]))
    events = outbound.whole(answer(*(call(name, {}) for name in wired)))
    assert [event.name for event in events if isinstance(event, ToolStart)] == names


def call(name: str, args: object, *, signature: str | None = None, **more: Any) -> dict[str, Any]:
    part: dict[str, Any] = {"functionCall": {"name": name, "args": args, **more}}
    return part if signature is None else {**part, "thoughtSignature": signature}


def answer(*said: dict[str, Any], reason: str | None = "STOP", **more: Any) -> bytes:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": list(said)}}
    if reason is not None:
        candidate["finishReason"] = reason
    return json.dumps({"candidates": [candidate], **more}).encode()


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("STOP", "stop"),
        (None, "stop"),
        ("MAX_TOKENS", "length"),
        ("SAFETY", "content_filter"),
        ("RECITATION", "content_filter"),
        ("IMAGE_SAFETY", "content_filter"),
        ("MODEL_ARMOR", "content_filter"),
        ("SOMETHING_NEW", "stop"),
    ],
)
def test_reasons(reason: str | None, expected: str) -> None:
    assert gemini().whole(answer({"text": "x"}, reason=reason))[-1] == Finish(expected)


@pytest.mark.parametrize("reason", ["MALFORMED_FUNCTION_CALL", "OTHER", "MISSING_THOUGHT_SIGNATURE"])
def test_an_answer_that_was_given_up_is_a_failure(reason: str) -> None:
    for events in (
        gemini().whole(answer({"text": "x"}, reason=reason)),
        gemini().feed(b"data: " + answer({"text": "x"}, reason=reason) + b"\n\n"),
    ):
        failure = events[-1]
        assert isinstance(failure, Failure) and failure.message
        assert (failure.type, failure.code) == ("upstream_error", reason.lower())


def test_a_call_is_why_it_stopped() -> None:
    events = gemini().whole(answer({"text": "See."}, call("f", {"a": [1.0]}), call("g", None, id="fc9")))
    assert events[-1] == Finish("tool_calls")
    assert [event for event in events if isinstance(event, ToolStart)] == [
        ToolStart(0, "call_0", "f"), ToolStart(1, "fc9", "g"),
    ]  # fmt: skip
    told = [event.arguments for event in events if isinstance(event, ToolDelta)]
    assert told == ['{"a": [1.0]}', "{}"]
    assert gemini().whole(answer(call("f", {}), reason="MAX_TOKENS"))[-1] == Finish("length")


def test_arguments_lose_their_line_breaks_and_nothing_else() -> None:
    args = b'{\n "n": 1.0,\n "big": 12345678901234567890123\n}'
    body = b'{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":%b}}]}}]}' % args
    (delta,) = [event for event in gemini().whole(body) if isinstance(event, ToolDelta)]
    assert delta.arguments == '{"n":1.0,"big":12345678901234567890123}'


def test_a_custom_tool_is_a_function_with_one_text() -> None:
    tool = Tool("note", "Notes.", custom=True, format=Raw(b'{"type":"text"}'))
    history = (user("x"), assistant(ToolCall("c", "note", 'a "b"', custom=True)), result("c", Text("ok")))
    body = sent(ask(*history, tools=[tool]))
    (declared,) = body["tools"][0]["functionDeclarations"]
    assert declared["parametersJsonSchema"]["required"] == ["input"]
    assert declared["description"] == 'Notes.\n\nThe input must follow this format: {"type":"text"}'
    assert body["contents"][1]["parts"][0]["functionCall"]["args"] == {"input": 'a "b"'}
    # Unwrapped by whoever writes for the client.
    events = gemini().whole(answer(call("note", {"input": "a\nb"})))
    assert ToolDelta(0, '{"input": "a\\nb"}') in events


def test_a_blocked_prompt_is_an_empty_answer() -> None:
    body = b'{"promptFeedback":{"blockReason":"SAFETY"},"usageMetadata":{"promptTokenCount":4}}'
    events = gemini().whole(body)
    assert events[0] == Start()
    assert events[-2:] == [Finish("content_filter"), Usage(prompt=4)]


@pytest.mark.parametrize("body", [b"{}", b'{"candidates":[]}', b'{"candidates":[{"index":0}]}'])
def test_an_answer_without_any_is_a_failure(body: bytes) -> None:
    assert isinstance(gemini().whole(body)[-1], Failure)


def test_usage_counts_thoughts_beside_the_answer() -> None:
    usage = {"promptTokenCount": 10, "candidatesTokenCount": 5, "thoughtsTokenCount": 7}
    told = gemini().whole(answer({"text": "x"}, usageMetadata=usage))[-1]
    assert isinstance(told, Usage)
    assert told.chat()["total_tokens"] == 22
    assert (told.completion, told.reasoning) == (12, 7)


ERROR = {"error": {"code": 429, "message": "slow down", "status": "RESOURCE_EXHAUSTED"}}


@pytest.mark.parametrize(
    "before", [b"", b'data: {"candidates":[{"content":{"parts":[{"text":"x"}]}}]}\r\n\r\n']
)
@pytest.mark.parametrize(
    ("framing", "indent"),
    [(b"data: %b\n\n", None), (b"%b\n", None), (b"%b\n", 2), (b"[%b\n]\n", None), (b"[%b\n]\n", 2)],
)
def test_an_error_in_a_stream_however_it_is_framed(before: bytes, framing: bytes, indent: int | None) -> None:
    body = before + framing % json.dumps(ERROR, indent=indent).encode()
    events = gemini().feed(body)
    assert events[-1] == Failure("slow down", "RESOURCE_EXHAUSTED", "429")
    assert bool(before) == any(isinstance(event, TextDelta) for event in events)


def test_several_candidates_and_their_logprobs() -> None:
    logprobs = {
        "chosenCandidates": [{"token": "a", "logProbability": -0.10}],
        "topCandidates": [{"candidates": [{"token": "a", "logProbability": -0.10}]}],
    }
    body = {
        "candidates": [
            {"content": {"parts": [{"text": "a"}]}, "finishReason": "STOP", "logprobsResult": logprobs},
            {"content": {"parts": [{"text": "b"}]}, "finishReason": "MAX_TOKENS", "index": 1},
        ]
    }
    text = json.dumps(body).replace("-0.1", "-0.10").encode()
    events = gemini().whole(text)
    first, second = (event for event in events if isinstance(event, TextDelta))
    assert first.logprobs is not None and b'"logprob":-0.10' in bytes(first.logprobs)
    assert (second.text, second.choice) == ("b", 1)
    assert [event for event in events if isinstance(event, Finish)] == [Finish("stop"), Finish("length", 1)]


def test_a_drawn_image_is_not_lost() -> None:
    events = gemini().whole(answer({"inlineData": {"mimeType": "image/png", "data": "AAAA"}}))
    assert TextDelta("![image](data:image/png;base64,AAAA)") in events


@given(st.binary(max_size=200))
def test_foreign_bytes_are_read_or_refused(data: bytes) -> None:
    for read in (gemini().feed, gemini().whole):
        with contextlib.suppress(msgspec.MsgspecError, RecursionError):
            read(data)


@pytest.mark.parametrize("name", ["../../admin", "a/../b", "..", "a//b", "./a", ""])
def test_a_name_that_leads_elsewhere_is_refused(name: str) -> None:
    with pytest.raises(RequestError) as caught:
        Gemini(Backend()).path(Ask(model=name, messages=[]))
    assert caught.value.field == "model"


def test_a_name_cannot_choose_the_method() -> None:
    path = Gemini(Backend()).path(Ask(model="x:batchEmbedContents?y#z", messages=[]))
    assert path == "/models/x%3AbatchEmbedContents%3Fy%23z:generateContent"
