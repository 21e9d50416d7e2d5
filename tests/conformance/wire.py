"""Bytes that backends send, and readers that are strict about the bytes that clients get."""

import json
from typing import Any

from tests.support.gateway import Answer
from tests.support.player import ANSWER, DONE, END, STREAM_HEAD, chunk, first, whole

__all__ = ["ANSWER", "DONE", "END", "STREAM_HEAD", "chunk", "first", "whole"]

NDJSON_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\nconnection: close\r\n\r\n"


def encoded(value: Any) -> bytes:
    """Compact JSON."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def event(value: Any) -> bytes:
    """An event without a name."""
    return b"data: " + encoded(value) + b"\n\n"


def named(value: dict[str, Any]) -> bytes:
    """An event named after its type."""
    return b"event: " + str(value["type"]).encode() + b"\n" + event(value)


def line(value: Any) -> bytes:
    """A line of NDJSON."""
    return encoded(value) + b"\n"


def delta(value: dict[str, Any], finish: str | None = None, **more: Any) -> bytes:
    """A chunk of a chat stream with this delta."""
    choice = {"index": 0, "delta": value, "finish_reason": finish}
    common = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "played"}
    return event({**common, "choices": [choice], **more})


def usage(prompt: int = 9, completion: int = 2, **more: Any) -> dict[str, Any]:
    """Usage in OpenAI's words."""
    counts = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    return {**counts, **more}


def usage_chunk(**counts: Any) -> bytes:
    """The last chunk of a chat stream that was asked for usage."""
    common = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "played"}
    return event({**common, "choices": [], "usage": usage(**counts)})


def completion(message: dict[str, Any], finish: str = "stop", **more: Any) -> bytes:
    """A whole chat answer."""
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    common = {"id": "c", "object": "chat.completion", "created": 1, "model": "played"}
    return whole(encoded({**common, "choices": [choice], "usage": usage(), **more}))


def tool_call(name: str, arguments: str, identity: str) -> dict[str, Any]:
    """A tool call of a whole answer or of history."""
    return {"id": identity, "type": "function", "function": {"name": name, "arguments": arguments}}


def function(name: str, **properties: Any) -> dict[str, Any]:
    """A tool definition in Chat's words."""
    parameters = {"type": "object", "properties": properties}
    return {"type": "function", "function": {"name": name, "parameters": parameters}}


# --- what clients get -----------------------------------------------------------------------------


def payloads(answer: Answer) -> list[Any]:
    """The payloads of a chat stream; `[DONE]` as text. Every event must be one `data:` line, ended by one
    empty line, and nothing may stand between events but comments."""
    assert answer.status == 200, answer.body
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert answer.body.endswith(b"\n\n"), answer.body[-80:]
    found: list[Any] = []
    for block in answer.body[:-2].split(b"\n\n"):
        if block.startswith(b":"):
            continue
        assert block.startswith(b"data: "), block
        assert b"\n" not in block, block
        data = block[6:]
        found.append("[DONE]" if data == b"[DONE]" else json.loads(data))
    return found


def named_payloads(answer: Answer) -> list[Any]:
    """The payloads of a stream whose events are all named after their type (Messages, Responses)."""
    assert answer.status == 200, answer.body
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.body.endswith(b"\n\n"), answer.body[-80:]
    found = []
    for block in answer.body[:-2].split(b"\n\n"):
        if block.startswith(b":"):
            continue
        name, data = block.split(b"\n")
        assert name.startswith(b"event: "), block
        assert data.startswith(b"data: "), block
        payload = json.loads(data[6:])
        assert payload["type"] == name[7:].decode(), block
        found.append(payload)
    return found


def lines(answer: Answer) -> list[Any]:
    """The lines of an NDJSON answer; there may be no blank one."""
    assert answer.status == 200, answer.body
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    assert answer.body.endswith(b"\n"), answer.body[-80:]
    return [json.loads(text) for text in answer.body[:-1].split(b"\n")]


def text(chunks: list[Any]) -> str:
    """The content of the first choice of a chat stream."""
    deltas = [one["choices"][0]["delta"] for one in chunks if one != "[DONE]" and one.get("choices")]
    return "".join(one.get("content") or "" for one in deltas)


def error(answer: Answer, status: int, code: str | None) -> dict[str, Any]:
    """The error object of a failed answer, which has all four members and this status and code."""
    assert answer.headers["content-type"] == "application/json"
    body: dict[str, Any] = answer.json
    assert set(body) == {"error"}, body
    _checked(body["error"])
    assert (answer.status, body["error"]["code"]) == (status, code), body
    found: dict[str, Any] = body["error"]
    return found


def error_event(chunks: list[Any], code: str | None = None) -> dict[str, Any]:
    """The error that ends a chat stream: the last event, the only one, and no `[DONE]`."""
    assert "[DONE]" not in chunks
    assert [one for one in chunks if "error" in one] == chunks[-1:], chunks
    _checked(chunks[-1]["error"])
    if code is not None:
        assert chunks[-1]["error"]["code"] == code
    found: dict[str, Any] = chunks[-1]["error"]
    return found


def _checked(said: Any) -> None:
    assert set(said) == {"message", "type", "param", "code"}, said
    assert isinstance(said["message"], str)
    assert said["message"]
    assert isinstance(said["type"], str)
    assert said["code"] is None or isinstance(said["code"], str)
    assert said["param"] is None or isinstance(said["param"], str)
