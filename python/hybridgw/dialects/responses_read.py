"""A Responses request as an `Ask`.

Items are read by `responses_turns`, tools by `responses_tools`. Requests that lean on what a server
remembers are refused by name, since this side remembers nothing by itself; parameters that would have
changed the answer are listed. Members that change nothing for the caller (`store`, `metadata`, cache keys)
are understood and end here.
"""

from typing import Literal, cast

import msgspec

from hybridgw.dialects.namespaces import Names, Origin
from hybridgw.dialects.reading import Raw, decoded, given, number
from hybridgw.dialects.responses_tools import read_choice, read_tools
from hybridgw.dialects.responses_turns import Turns
from hybridgw.errors import RequestError
from hybridgw.wire import Ask, Format, Message, Text

_EFFORTS = frozenset({"none", "minimal", "low", "medium", "high", "xhigh", "max"})
_VERBOSITIES = frozenset({"low", "medium", "high"})
_REMEMBERED = ("previous_response_id", "conversation", "prompt")
_HARMLESS = frozenset(
    {
        "store", "metadata", "safety_identifier", "client_metadata", "background", "truncation",
    }
)  # fmt: skip
_ANSWERED = ("max_tool_calls", "context_management", "moderation")
"""What would have changed the answer and exists nowhere else."""


_FORGOTTEN = b'"previous_response_id":null,"store":false'


class ResponsesAsk(Ask, kw_only=True):
    """An Ask with what the answer has to repeat."""

    echo: bytes = b""
    """Members of the response object that repeat the request, without braces."""
    summaries: bool = False
    """Whether the client asked for summaries of thoughts; otherwise they are told as they are."""
    renamed: dict[str, Origin] = msgspec.field(default_factory=dict)
    """Tools that the backend knows by another name, and what the client calls them."""

    def remembered(self, previous: str | None) -> None:
        """The answer will be stored, after the one called `previous`, and says so."""
        told = b'"previous_response_id":%b,"store":true' % msgspec.json.encode(previous)
        # The first is ours: before it stands one string, where every quotation mark is escaped.
        self.echo = self.echo.replace(_FORGOTTEN, told, 1)


class _Form(msgspec.Struct):
    type: str = "text"
    name: str = "output"
    schema: Raw = Raw()
    strict: bool | None = None
    description: str | None = None


class _TextMember(msgspec.Struct):
    format: _Form | None = None
    verbosity: str | None = None


class _Reasoning(msgspec.Struct):
    effort: str | None = None
    summary: str | None = None
    generate_summary: str | None = None


class _StreamOptions(msgspec.Struct):
    include_usage: bool | None = None


_decoder = msgspec.json.Decoder
_members = _decoder(dict[str, Raw])
_text = _decoder(_TextMember)
_reasoning = _decoder(_Reasoning)
_include = _decoder(list[str])
_stream_options = _decoder(_StreamOptions)
_str = _decoder(str)
_int = _decoder(int)
_bool = _decoder(bool)


def read(body: bytes) -> ResponsesAsk:
    """The request, apart from its wire. RequestError names the field that is wrong."""
    members = {name: raw for name, raw in _members.decode(body).items() if given(raw) is not None}
    for name in _REMEMBERED:
        if name in members:
            raise RequestError(
                "unsupported_parameter",
                f"`{name}` needs stored responses, and none are stored here; send all items as `input`",
                field=name,
            )
    take = members.pop
    ask = ResponsesAsk(model=decoded(_str, take("model", Raw(b'""')), "model"), messages=[])
    _read_switches(ask, members)
    instructions = take("instructions", None)
    if instructions is not None:
        text = decoded(_str, instructions, "instructions")
        if text:
            ask.messages.append(Message("system", [Text(text)]))
    names = Names()
    tools, choice = take("tools", None), take("tool_choice", None)
    if tools is not None:
        read_tools(ask, names, tools, "tools")
    if choice is not None:
        read_choice(ask, names, choice)
    text_member, reasoning = take("text", None), take("reasoning", None)
    form = _read_text(ask, text_member) if text_member is not None else None
    if reasoning is not None:
        _read_reasoning(ask, reasoning)
    given_input = take("input", None)
    if given_input is None:
        raise RequestError("missing_field", "`input` is required", field="input")
    Turns(ask, names).read(given_input)
    ask.renamed = names.renamed
    ask.echo = _echo(members, instructions, tools, choice, text_member, form, reasoning)
    ask.extra = {name: raw for name, raw in members.items() if name not in _TAKEN}
    return ask


def _read_switches(ask: ResponsesAsk, members: dict[str, Raw]) -> None:
    """Members that are one value. They stay in `members`, to be repeated."""
    get = members.get
    if (raw := get("stream")) is not None:
        ask.stream = decoded(_bool, raw, "stream")
    if (raw := get("stream_options")) is not None:
        ask.include_usage = bool(decoded(_stream_options, raw, "stream_options").include_usage)
    if (raw := get("max_output_tokens")) is not None:
        limit = decoded(_int, raw, "max_output_tokens")
        ask.max_tokens = limit if limit >= 0 else None  # -1 is "no limit" to local engines
    if (raw := get("temperature")) is not None:
        ask.temperature = number(raw, "temperature")
    if (raw := get("top_p")) is not None:
        ask.top_p = number(raw, "top_p")
    if (raw := get("parallel_tool_calls")) is not None:
        ask.parallel = decoded(_bool, raw, "parallel_tool_calls")
    if (raw := get("include")) is not None:
        ask.logprobs = "message.output_text.logprobs" in decoded(_include, raw, "include")
    if (raw := get("top_logprobs")) is not None:
        count = decoded(_int, raw, "top_logprobs")
        ask.top_logprobs = count if ask.logprobs else None
        if count and not ask.logprobs:
            ask.drop("top_logprobs")
    if (raw := get("user")) is not None:
        ask.user = decoded(_str, raw, "user")
    if (raw := get("service_tier")) is not None:
        ask.service_tier = decoded(_str, raw, "service_tier")
    if (raw := get("background")) is not None and decoded(_bool, raw, "background"):
        raise RequestError(
            "unsupported_parameter", "`background` needs responses that are stored", field="background"
        )
    if (raw := get("truncation")) is not None and decoded(_str, raw, "truncation") != "disabled":
        ask.drop("truncation")
    for name in _ANSWERED:
        if name in members:
            ask.drop(name)


_TAKEN = _HARMLESS | {
    "stream", "stream_options", "max_output_tokens", "temperature", "top_p", "parallel_tool_calls",
    "include", "top_logprobs", "user", "service_tier", *_ANSWERED,
}  # fmt: skip


def _read_text(ask: ResponsesAsk, raw: Raw) -> _TextMember:
    member: _TextMember = decoded(_text, raw, "text")
    form = member.format
    if form is not None and form.type != "text":
        if form.type not in ("json_object", "json_schema"):
            raise RequestError(
                "invalid_value",
                "`text.format.type` is text, json_object or json_schema",
                field="text.format.type",
            )
        schema = given(form.schema)
        if form.type == "json_schema" and schema is None:
            raise RequestError(
                "missing_field", "`text.format.schema` is required", field="text.format.schema"
            )
        kind = cast(Literal["json_object", "json_schema"], form.type)
        ask.format = Format(kind, form.name, schema, form.strict, form.description)
    if member.verbosity is not None:
        if member.verbosity not in _VERBOSITIES:
            raise RequestError(
                "invalid_value", "`text.verbosity` is low, medium or high", field="text.verbosity"
            )
        ask.verbosity = member.verbosity
    return member


def _read_reasoning(ask: ResponsesAsk, raw: Raw) -> None:
    reasoning = decoded(_reasoning, raw, "reasoning")
    if reasoning.effort is not None:
        if reasoning.effort not in _EFFORTS:
            raise RequestError(
                "invalid_value",
                "`reasoning.effort` is none, minimal, low, medium, high, xhigh or max",
                field="reasoning.effort",
            )
        ask.effort = reasoning.effort
    ask.summaries = (reasoning.summary or reasoning.generate_summary) is not None


_ECHOED = (
    ("background", b"false"), ("max_output_tokens", b"null"), ("max_tool_calls", b"null"),
    ("metadata", b"{}"), ("parallel_tool_calls", b"true"), ("service_tier", b'"default"'),
    ("temperature", b"null"), ("top_logprobs", b"0"), ("top_p", b"null"), ("truncation", b'"disabled"'),
    ("user", b"null"),
)  # fmt: skip
_PLAIN = b'{"format":{"type":"text"}}'


def _echo(
    members: dict[str, Raw],
    instructions: Raw | None,
    tools: Raw | None,
    choice: Raw | None,
    text: Raw | None,
    form: _TextMember | None,
    reasoning: Raw | None,
) -> bytes:
    """What every client of OpenAI's finds repeated in its answer, in the client's own bytes. A copy: the
    request must not be held for as long as it is answered."""
    if text is None:
        shown = _PLAIN
    elif form is not None and form.format is None:
        said = b',"verbosity":"%b"' % form.verbosity.encode() if form.verbosity else b""
        shown = _PLAIN[:-1] + said + b"}"
    else:
        shown = bytes(text)
    get = members.get
    parts = [
        b'"instructions":%b' % (b"null" if instructions is None else bytes(instructions)),
        _FORGOTTEN,
        b'"reasoning":%b' % (b'{"effort":null,"summary":null}' if reasoning is None else bytes(reasoning)),
        b'"text":%b' % shown,
        b'"tool_choice":%b' % (b'"auto"' if choice is None else bytes(choice)),
        b'"tools":%b' % (b"[]" if tools is None else bytes(tools)),
    ]
    parts += [
        b'"%b":%b' % (name.encode(), unsaid if (raw := get(name)) is None else bytes(raw))
        for name, unsaid in _ECHOED
    ]
    # Written over several lines by some clients; an event has to be one line.
    return b",".join(parts).replace(b"\n", b" ").replace(b"\r", b" ")
