"""Between two wires: what an attempt does to a request and its answer when bytes do not pass through.

`Direct` wraps a translator between two particular wires. `Through` joins the client's dialect and the
provider's outbound at the hub; neither knows the other. The writer belongs to the client and lives as
long as its answer: an attempt that got no further than heartbeats may be followed by another.

An answer that a translator cannot read is the upstream's failure: somebody else may be asked, and the
client is told of a bad gateway rather than of a bug.
"""

import re
from collections.abc import Callable
from typing import Protocol, TypeVar

import msgspec

from hybridgw.core import Outcome, Route, Shape
from hybridgw.dialects.base import Writer
from hybridgw.dialects.openai import completion_as_events
from hybridgw.errors import RequestError, UpstreamError
from hybridgw.pipeline.call import Call
from hybridgw.pipeline.images import inline_images
from hybridgw.providers import configured
from hybridgw.providers.base import Backend, Exchange, Translator
from hybridgw.providers.failures import hide
from hybridgw.routing.plan import Upstream
from hybridgw.transport.seam import Headers
from hybridgw.wire import Ask, Event, Failure
from hybridgw.wire.ask import direct_results
from hybridgw.wire.parameters import Said

T = TypeVar("T")


class Translation(Protocol):
    """One attempt between two wires."""

    async def request(self, body: bytes) -> tuple[str, Headers, bytes]:
        """Target, headers and body for the backend."""

    def less(self, backend: Backend) -> None:
        """The next request is for this backend, which refuses more than was known."""

    def whole(self, body: bytes) -> bytes:
        """A complete answer, for a client that wants one."""

    def whole_as_stream(self, body: bytes) -> bytes:
        """A complete answer, for a client that wants a stream, and all of it."""

    def feed(self, events: bytes) -> bytes:
        """The next complete events."""

    def close(self) -> bytes:
        """What is due once the stream has ended properly."""


def translation_of(call: Call, upstream: Upstream, exchange: Exchange) -> Translation | None:
    """How this attempt is translated; None where bytes pass through."""
    if exchange.outbound is not None:
        return _Through(call, upstream, exchange)
    call.writer, call.dropped = None, ()
    if exchange.translator is not None:
        return _Direct(call, exchange, exchange.translator())
    return None


class _Direct:
    def __init__(self, call: Call, exchange: Exchange, translator: Translator) -> None:
        self._call = call
        self._exchange = exchange
        self._translator = translator

    async def request(self, body: bytes) -> tuple[str, Headers, bytes]:
        return self._exchange.target, (), asked(self._translator.request, body)

    def less(self, backend: Backend) -> None:
        """Its body has the backend's names already."""

    def whole(self, body: bytes) -> bytes:
        return _told(self._translator.whole, body)

    def whole_as_stream(self, body: bytes) -> bytes:
        decision = self._call.decision
        return as_stream(self.whole(body), self._call, decision is not None and decision.include_usage)

    def feed(self, events: bytes) -> bytes:
        return _told(self._translator.feed, events)

    def close(self) -> bytes:
        return b""


class _Through:
    def __init__(self, call: Call, upstream: Upstream, exchange: Exchange) -> None:
        assert exchange.outbound is not None
        self._call = call
        self._upstream = upstream
        self._exchange = exchange
        self._backend = upstream.backend
        self._outbound = exchange.outbound(upstream.backend)

    async def request(self, body: bytes) -> tuple[str, Headers, bytes]:
        call = self._call
        ask: Ask = asked(call.dialect.read, body)
        by_responses = self._exchange.shape is Shape.RESPONSES
        if call.decision is not None:
            # The body asks for usage because the journal wants it, whether the client did or not.
            ask.include_usage = call.decision.include_usage
            ask.prompt_tokens = call.decision.prompt_tokens
            if call.decision.nested:
                unsaid = self._upstream.nested.left_unsaid(call.decision.nested, by_responses=by_responses)
                ask.drop(*unsaid)
        if (by_responses or not self._upstream.nested.names) and any(it.name for it in ask.messages):
            ask.drop("name")
        direct_results(ask.messages)
        if self._upstream.inline_images:
            await inline_images(call, ask, self._upstream.own_media)
        configured.apply(ask, self._rules(), Said(call.route, body))
        target = self._exchange.target + self._outbound.path(ask)
        headers = self._outbound.headers(ask)
        data = asked(lambda _: self._outbound.request(ask), b"")
        if ask.dropped and call.plan.settings.translation.unsupported == "error":
            raise unsupported(ask.dropped[0])
        call.dropped = tuple(ask.dropped)
        if call.memory is not None:
            call.memory.announce(ask)
        if call.writer is None or not call.head_sent:
            # One that was given an answer which failed all the same still holds what it was given.
            call.writer = call.dialect.writer(ask)
        return target, headers, data

    def _rules(self) -> Backend:
        """The deployment's, and what the client itself wants left out: it is no default's turn then."""
        leaves = self._call.permit.leaves if self._call.permit is not None else None
        backend = self._backend
        return msgspec.structs.replace(backend, drops=(*backend.drops, *leaves)) if leaves else backend

    def less(self, backend: Backend) -> None:
        assert self._exchange.outbound is not None
        self._backend = backend
        self._outbound = self._exchange.outbound(backend)

    @property
    def _writer(self) -> Writer:
        assert self._call.writer is not None
        return self._call.writer

    def whole(self, body: bytes) -> bytes:
        return _told(self._whole, body)

    def whole_as_stream(self, body: bytes) -> bytes:
        return _told(lambda it: self._write(self._outbound.whole(it)) + self._writer.close(), body)

    def feed(self, events: bytes) -> bytes:
        return _told(self._feed, events)

    def close(self) -> bytes:
        return _told(lambda _: self._write(self._outbound.close()) + self._writer.close(), b"")

    def _whole(self, body: bytes) -> bytes:
        return self._writer.whole(self._checked(self._outbound.whole(body)))

    def _feed(self, events: bytes) -> bytes:
        return self._write(self._outbound.feed(events))

    def _write(self, events: list[Event]) -> bytes:
        self._checked(events)
        if self._call.head_sent:
            # The writer went on where a heartbeat stands: it cannot take back what it is given now.
            self._call.content_sent = True
        return self._writer.feed(events)

    def _checked(self, events: list[Event]) -> list[Event]:
        """The events; a failure among them ends the attempt. The relay sees most of them before."""
        for event in events:
            if type(event) is Failure:
                said = hide(event.message, self._upstream.secrets)
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
