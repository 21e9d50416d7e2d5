"""Between two wires: what an attempt does to a request and its answer when bytes do not pass through.

`Direct` wraps a translator between two particular wires. `Through` joins the client's dialect and the
provider's outbound at the hub; neither knows the other. Reading and writing are two steps: what a backend
says is understood while its answer is held back, and written once it is committed.

An answer that a translator cannot read is the upstream's failure: somebody else may be asked, and the
client is told of a bad gateway rather than of a bug.
"""

import re
from collections.abc import Callable
from typing import TypeVar

import msgspec

from hybridgw.core import Outcome, Route, Shape
from hybridgw.dialects.base import Writer
from hybridgw.dialects.openai import completion_as_events
from hybridgw.errors import RequestError, UpstreamError
from hybridgw.pipeline.attempt import Attempt
from hybridgw.pipeline.call import Call
from hybridgw.pipeline.images import inline_images
from hybridgw.pipeline.translation_seam import Translation
from hybridgw.providers import configured
from hybridgw.providers.base import Backend, Exchange, Translator
from hybridgw.providers.failures import hide
from hybridgw.transport.seam import Headers
from hybridgw.wire import Ask, Event, Failure
from hybridgw.wire.ask import direct_results
from hybridgw.wire.parameters import Said

T = TypeVar("T")


def translation_of(attempt: Attempt, exchange: Exchange) -> Translation | None:
    """How this attempt is translated; None where bytes pass through."""
    if exchange.outbound is not None:
        return _Through(attempt, exchange)
    attempt.writer, attempt.dropped = None, ()
    if exchange.translator is not None:
        return _Direct(attempt, exchange, exchange.translator())
    return None


class _Direct:
    """Between two wires. Its translator reads and writes in one step and belongs to the attempt, so there is
    nothing that a held answer could spoil."""

    def __init__(self, attempt: Attempt, exchange: Exchange, translator: Translator) -> None:
        self._call = attempt.call
        self._decision = attempt.decision
        self._exchange = exchange
        self._translator = translator

    async def request(self, body: bytes) -> tuple[str, Headers, bytes]:
        return self._exchange.target, (), asked(self._translator.request, body)

    def less(self, backend: Backend) -> None:
        """Its body has the backend's names already."""

    def read(self, events: bytes) -> bytes:
        return _told(self._translator.feed, events)

    def read_end(self) -> bytes:
        return b""

    def write(self, held: bytes) -> bytes:
        return held

    def write_end(self) -> bytes:
        return b""

    def feed(self, events: bytes) -> bytes:
        return _told(self._translator.feed, events)

    def close(self) -> bytes:
        return b""

    def read_whole(self, body: bytes) -> bytes:
        return _told(self._translator.whole, body)

    def write_whole(self, held: bytes) -> bytes:
        return held

    def write_as_stream(self, held: bytes) -> bytes:
        return as_stream(held, self._call, self._decision.include_usage)


class _Through:
    """Through the hub. The outbound belongs to the attempt and reads while its answer is held; the writer
    belongs to the client and gets nothing before the answer is committed."""

    def __init__(self, attempt: Attempt, exchange: Exchange) -> None:
        assert exchange.outbound is not None
        self._attempt = attempt
        self._exchange = exchange
        self._backend = attempt.upstream.backend
        self._outbound = exchange.outbound(attempt.upstream.backend)

    async def request(self, body: bytes) -> tuple[str, Headers, bytes]:
        attempt = self._attempt
        call, decision = attempt.call, attempt.decision
        ask: Ask = asked(call.dialect.read, body)
        by_responses = self._exchange.shape is Shape.RESPONSES
        nested = attempt.upstream.nested
        # The body asks for usage because the journal wants it, whether the client did or not.
        ask.include_usage = decision.include_usage
        ask.prompt_tokens = decision.prompt_tokens
        if decision.nested:
            ask.drop(*nested.left_unsaid(decision.nested, by_responses=by_responses))
        if (by_responses or not nested.names) and any(it.name for it in ask.messages):
            ask.drop("name")
        direct_results(ask.messages)
        if attempt.upstream.inline_images:
            await inline_images(call, ask, attempt.upstream.own_media)
        configured.apply(ask, self._rules(), Said(call.route, body))
        target = self._exchange.target + self._outbound.path(ask)
        headers = self._outbound.headers(ask)
        data = asked(lambda _: self._outbound.request(ask), b"")
        if ask.dropped and call.plan.settings.translation.unsupported == "error":
            raise unsupported(ask.dropped[0])
        attempt.dropped = tuple(ask.dropped)
        if call.memory is not None:
            call.memory.announce(ask)
        # A writer in which a heartbeat has begun the answer goes on with it, whoever gives that.
        attempt.writer = call.dialect.writer(ask) if call.writer is None else call.writer
        return target, headers, data

    def _rules(self) -> Backend:
        """The deployment's, and what the client itself wants left out: it is no default's turn then."""
        leaves = self._attempt.permit.leaves
        backend = self._backend
        return msgspec.structs.replace(backend, drops=(*backend.drops, *leaves)) if leaves else backend

    def less(self, backend: Backend) -> None:
        assert self._exchange.outbound is not None
        self._backend = backend
        self._outbound = self._exchange.outbound(backend)

    @property
    def _writer(self) -> Writer:
        writer = self._attempt.writer
        assert writer is not None
        return writer

    def read(self, events: bytes) -> list[Event]:
        return _told(lambda it: self._checked(self._outbound.feed(it)), events)

    def read_end(self) -> list[Event]:
        return _told(lambda _: self._checked(self._outbound.close()), b"")

    def write(self, held: list[Event]) -> bytes:
        return _told(lambda _: self._writer.feed(held), b"")

    def write_end(self) -> bytes:
        return _told(lambda _: self._writer.close(), b"")

    def feed(self, events: bytes) -> bytes:
        return _told(self._feed, events)

    def close(self) -> bytes:
        return _told(
            lambda _: self._writer.feed(self._checked(self._outbound.close())) + self._writer.close(), b""
        )

    def read_whole(self, body: bytes) -> list[Event]:
        return _told(lambda it: self._checked(self._outbound.whole(it)), body)

    def write_whole(self, held: list[Event]) -> bytes:
        return _told(lambda _: self._writer.whole(held), b"")

    def write_as_stream(self, held: list[Event]) -> bytes:
        return _told(lambda _: self._writer.feed(held) + self._writer.close(), b"")

    def _feed(self, events: bytes) -> bytes:
        return self._writer.feed(self._checked(self._outbound.feed(events)))

    def _checked(self, events: list[Event]) -> list[Event]:
        """The events; a failure among them ends the attempt. The relay sees most of them before."""
        for event in events:
            if type(event) is Failure:
                said = hide(event.message, self._attempt.upstream.secrets)
                raise UpstreamError(Outcome.STREAM_ERROR, said or "the upstream failed", status=200)
        return events


def unsupported(name: str) -> RequestError:
    """Where nothing may be dropped."""
    message = f"`{name}` cannot be carried to the backend of this model"
    return RequestError("unsupported_parameter", message, field=name)


def as_stream(body: bytes, call: Call, include_usage: bool) -> bytes:
    """A complete answer in OpenAI's wire as the events of a stream."""
    return _told(
        lambda it: completion_as_events(it, chat=call.route is Route.CHAT, include_usage=include_usage), body
    )


def asked(read: Callable[[bytes], T], body: bytes) -> T:
    """`read(body)`, where what cannot be read is the request's fault."""
    try:
        return read(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        # It was read once already, by rules that let half a surrogate pair pass where it is only carried
        # and that have a limit of their own for nesting.
        raise RequestError(
            "invalid_value", "the body holds text that cannot be translated for the backend of this model"
        ) from None


def _told(read: Callable[[bytes], T], answer: bytes) -> T:
    """`read(answer)`, where what cannot be read, or written for the client, is the upstream's fault."""
    if not answer.isascii():
        answer = _as_text(answer)
    if b"\\ud" in answer or b"\\uD" in answer:
        answer = _SURROGATES(_paired, answer)
    try:
        return read(answer)
    except (msgspec.MsgspecError, RecursionError, ValueError):
        raise UpstreamError(
            Outcome.MALFORMED, "the upstream's answer cannot be translated", status=200
        ) from None


def _as_text(answer: bytes) -> bytes:
    """`answer` in UTF-8. Bytes that are none (half a character, as some engines send at the end of a
    token) become the mark that clients who read the backend themselves would see."""
    try:
        answer.decode()
    except UnicodeDecodeError:
        return answer.decode("utf-8", "replace").encode()
    return answer


_SURROGATES = re.compile(
    rb"\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[dD][89a-fA-F][0-9a-fA-F]{2}"
).sub
"""Escaped backslashes, which begin no escape, surrogate pairs, and halves of one."""


def _paired(found: re.Match[bytes]) -> bytes:
    return b"\\ufffd" if found.end() - found.start() == 6 else found.group()
