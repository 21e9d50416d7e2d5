"""`GenerateContentResponse`, once or many times, as events of the hub.

A stream is the same object again and again, each with what is new; so one reader serves both. A reason
to finish may come before the last content, and usage is cumulative: both are held until the end. An
answer that Gemini gave up on (a call that it could not write) is a failure, not a short answer.

Calls come whole. Their arguments keep the text that Google sent, without its line breaks.
"""

import secrets
from collections.abc import Callable
from typing import Annotated, Any

import msgspec

from hybridgw.providers.gemini_calls import signed_id
from hybridgw.wire import (
    Event,
    Failure,
    Finish,
    Start,
    TextDelta,
    ThinkingDelta,
    ToolDelta,
    ToolStart,
    Usage,
)
from hybridgw.wire.usage import GeminiUsage

_EMPTY = msgspec.Raw(b"{}")


class _Call(msgspec.Struct):
    name: str = ""
    id: str | None = None
    args: msgspec.Raw = _EMPTY


class _Blob(msgspec.Struct, rename="camel"):
    mime_type: str = ""
    data: str = ""


class _Part(msgspec.Struct, rename="camel"):
    text: str | None = None
    thought: bool = False
    thought_signature: str | None = None
    function_call: _Call | None = None
    inline_data: _Blob | None = None


class _Content(msgspec.Struct):
    parts: list[_Part] | None = None


class _Token(msgspec.Struct, rename="camel"):
    token: str = ""
    log_probability: msgspec.Raw = msgspec.Raw(b"-9999.0")


class _Tops(msgspec.Struct):
    candidates: list[_Token] = []


class _Logprobs(msgspec.Struct, rename="camel"):
    chosen_candidates: list[_Token] = []
    top_candidates: list[_Tops] = []


class _Candidate(msgspec.Struct, rename="camel"):
    content: _Content | None = None
    finish_reason: str | None = None
    finish_message: str | None = None
    index: Annotated[int, msgspec.Meta(ge=0, le=255)] = 0
    """Bounded, because a writer tells of every choice before this one."""
    logprobs_result: _Logprobs | None = None


class _Feedback(msgspec.Struct, rename="camel"):
    block_reason: str | None = None


class _Error(msgspec.Struct):
    code: int | str = ""
    message: str = ""
    status: str = ""


class _Answer(msgspec.Struct, rename="camel"):
    candidates: list[_Candidate] | None = None
    prompt_feedback: _Feedback | None = None
    usage_metadata: GeminiUsage | None = None
    model_version: str = ""
    response_id: str = ""
    error: _Error | None = None


_answer = msgspec.json.Decoder(_Answer)
_answers = msgspec.json.Decoder(list[_Answer])

_FILTERED = frozenset(
    {"SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "LANGUAGE", "MODEL_ARMOR", "NO_IMAGE"}
)
_FAILED = frozenset(
    {
        "MALFORMED_FUNCTION_CALL",
        "UNEXPECTED_TOOL_CALL",
        "TOO_MANY_TOOL_CALLS",
        "MISSING_THOUGHT_SIGNATURE",
        "MALFORMED_RESPONSE",
        "OTHER",
    }
)


def new_id() -> str:
    """For a call to which Gemini gave no id."""
    return f"call_{secrets.token_hex(12)}"


class Reader:
    """One answer."""

    __slots__ = ("_calls", "_finish", "_make_id", "_names", "_started", "_usage")

    def __init__(self, names: dict[str, str], make_id: Callable[[], str] = new_id) -> None:
        self._names = names
        """Names as they were sent, to the client's, where these differ."""
        self._make_id = make_id
        self._started = False
        self._calls: dict[int, int] = {}
        """How many calls each choice has made."""
        self._finish: dict[int, str] = {}
        self._usage: GeminiUsage | None = None

    def whole(self, body: bytes) -> list[Event]:
        """A complete answer."""
        events = self.feed(body)
        if events and isinstance(events[-1], Failure):
            return events
        if not self._finish:
            if all(isinstance(event, Start | Usage) for event in events):
                return [*events, Failure("the upstream's answer holds no candidate")]
            # It did not say why it ended, but here it is, and complete.
            self._finish[0] = "stop"
        return events + self.close()

    def feed(self, payload: bytes) -> list[Event]:
        """One response object; an error may stand in a list of one."""
        if payload.lstrip()[:1] == b"[":
            events: list[Event] = []
            for answer in _answers.decode(payload):
                self._read(answer, events)
                if events and isinstance(events[-1], Failure):
                    break
            return events
        events = []
        self._read(_answer.decode(payload), events)
        return events

    def close(self) -> list[Event]:
        """What was held."""
        events: list[Event] = []
        for choice in sorted(self._finish.keys() | self._calls.keys()):
            reason = self._finish.get(choice, "stop")
            # Gemini stops for a call as it stops for anything.
            called = reason == "stop" and self._calls.get(choice)
            events.append(Finish("tool_calls" if called else reason, choice))
        if self._usage is not None:
            events.append(Usage.from_gemini(self._usage))
        return events

    def _read(self, answer: _Answer, events: list[Event]) -> None:
        error = answer.error
        if error is not None:
            events.append(Failure(error.message, error.status, str(error.code)))
            return
        if not self._started:
            self._started = True
            events.append(Start(answer.response_id, answer.model_version))
            if answer.usage_metadata is not None:
                # Some clients are told at the start what the prompt cost.
                events.append(Usage.from_gemini(answer.usage_metadata))
        if answer.usage_metadata is not None:
            self._usage = answer.usage_metadata
        if answer.candidates:
            for candidate in answer.candidates:
                failure = self._candidate(candidate, events)
                if failure is not None:
                    events.append(failure)
                    return
        elif answer.prompt_feedback is not None and answer.prompt_feedback.block_reason:
            self._finish[0] = "content_filter"

    def _candidate(self, candidate: _Candidate, events: list[Event]) -> Failure | None:
        choice = candidate.index
        logprobs = candidate.logprobs_result
        told = None if logprobs is None else _logprobs(logprobs)
        content = candidate.content
        if content is not None and content.parts:
            for part in content.parts:
                if part.text is not None:
                    if part.thought:
                        if part.text:
                            events.append(ThinkingDelta(part.text, choice))
                    elif part.text or told is not None:
                        events.append(TextDelta(part.text, choice, told))
                        told = None
                elif part.function_call is not None:
                    self._call(part.function_call, part.thought_signature, choice, events)
                elif part.inline_data is not None and part.inline_data.mime_type.startswith("image/"):
                    # No client of text has a place for it but its text.
                    blob = part.inline_data
                    events.append(TextDelta(f"![image](data:{blob.mime_type};base64,{blob.data})", choice))
        if told is not None:
            events.append(TextDelta("", choice, told))
        reason = candidate.finish_reason
        if reason is None or reason == "FINISH_REASON_UNSPECIFIED":
            return None
        if reason in _FAILED:
            return Failure(
                candidate.finish_message or f"the model gave up: {reason.lower().replace('_', ' ')}",
                "upstream_error",
                reason.lower(),
            )
        if reason == "MAX_TOKENS":
            self._finish[choice] = "length"
        elif reason in _FILTERED or reason.startswith("IMAGE_"):
            self._finish[choice] = "content_filter"
        else:
            self._finish[choice] = "stop"
        return None

    def _call(self, call: _Call, signature: str | None, choice: int, events: list[Event]) -> None:
        index = self._calls.get(choice, 0)
        self._calls[choice] = index + 1
        name = self._names.get(call.name, call.name)
        call_id = call.id or self._make_id()
        if signature:
            call_id = signed_id(call_id, signature)
        events.append(ToolStart(index, call_id, name, choice, signature))
        events.append(ToolDelta(index, _arguments(call.args), choice))


def _arguments(args: msgspec.Raw) -> str:
    raw = bytes(args)
    if raw == b"null":
        return "{}"
    if b"\n" in raw:
        raw = msgspec.json.format(raw, indent=-1)
    return raw.decode()


def _logprobs(result: _Logprobs) -> msgspec.Raw:
    """OpenAI's object for it."""
    content = []
    for at, chosen in enumerate(result.chosen_candidates):
        tops = result.top_candidates[at].candidates if at < len(result.top_candidates) else []
        content.append({**_token(chosen), "top_logprobs": [_token(top) for top in tops]})
    return msgspec.Raw(msgspec.json.encode({"content": content, "refusal": None}))


def _token(token: _Token) -> dict[str, Any]:
    return {
        "token": token.token,
        "logprob": token.log_probability,
        "bytes": list(token.token.encode("utf-8", "surrogatepass")),
    }
