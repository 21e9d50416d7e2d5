"""What one Responses request leans on, and what it leaves for the next.

A request with `previous_response_id` is put together again before anything is decided: the stored
items stand in front of its own, so that history is scanned, counted and translated like everything
else, and the level it once had tightens what it may have now (instructions, which made it so, may be
gone). When the answer is complete it is stored before its last bytes leave: a client may refer to it
as soon as it has read them, and may reach another worker.

An answer that cannot be stored is given all the same. The log says which one, without its text.
"""

import asyncio
import logging

import msgspec

from hybridgw import sse
from hybridgw.core import Boundary, Level
from hybridgw.dialects.responses_read import ResponsesAsk
from hybridgw.errors import GatewayError, RequestError
from hybridgw.ledger.response_store import ResponseStore, Stored
from hybridgw.native import Decision
from hybridgw.wire import Ask

_log = logging.getLogger(__name__)

SENSITIVITY = "x-hybridgw-sensitivity"
_LEVELS = {level.name.lower(): level for level in Level}
_PATIENCE = 2.0
"""Seconds for which the end of an answer waits for the disk."""
_LONGEST_ID = 256
_UNSAID = msgspec.Raw(b"null")


class _Final(msgspec.Struct):
    type: str = ""
    response: msgspec.Raw = _UNSAID


class _Response(msgspec.Struct):
    id: str
    status: str = ""
    model: str = ""
    output: msgspec.Raw = _UNSAID


_final = msgspec.json.Decoder(_Final)
_response = msgspec.json.Decoder(_Response)
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_several = msgspec.json.Decoder(list[msgspec.Raw])
_json = msgspec.json.encode


class _NotStored(Exception):
    """Why; without a word of what was said."""


class Memory:
    """Of one request. `body` is the one that is decided; keeping it here keeps no second copy."""

    __slots__ = ("_body", "_key", "_previous", "_store", "level")

    def __init__(self, store: ResponseStore, key: int, body: bytes, previous: Stored | None = None) -> None:
        self._store = store
        self._key = key
        self._body = body
        self._previous = previous
        self.level = Level.PUBLIC if previous is None else Level(previous.level)
        """What is at least to be said of the request."""

    def announce(self, ask: Ask) -> None:
        """The answer to a request that is translated tells that it will be stored."""
        if isinstance(ask, ResponsesAsk):
            ask.remembered(None if self._previous is None else self._previous.id)

    async def keep(self, decision: Decision, answer: bytes, *, observing: bool) -> None:
        """Store an answer: the whole of it, or the last events of a stream. Raises nothing."""
        level = max(self.level, binding_level(decision, observing=observing))
        loop = asyncio.get_running_loop()
        saving = loop.run_in_executor(self._store.thread, self._save, answer, level)
        await asyncio.wait((saving,), timeout=_PATIENCE)
        if not saving.done():
            _log.warning("response %s: the disk is slow; it may not be there when asked for", decision.id)

    def _save(self, answer: bytes, level: Level) -> None:
        """In the store's thread."""
        name = "?"
        try:
            told = response_in(answer)
            if told is None:
                return
            response = _response.decode(told)
            if response.status not in ("completed", "incomplete"):
                return
            name = _shown(response.id)
            if not 0 < len(response.id) <= _LONGEST_ID:
                raise _NotStored("its id is no id")
            items = b"[%b]" % items_of(_members.decode(self._body).get("input", _UNSAID))
            row = Stored(response.id, int(level), response.model, items, bytes(told))
            if not self._store.save(self._key, row):
                raise _NotStored("it is larger than responses.max_bytes")
        except Exception as error:
            # Nobody waits for the reason, and the answer must not suffer from it.
            _log.warning("response %s was not stored, nothing can refer to it: %s", name, _reason(error))


def expanded(store: ResponseStore, key: int, body: bytes, previous: str) -> tuple[bytes, Stored]:
    """The body with its history in front, and what it leans on. Reads the disk: not on the event loop."""
    try:
        members = _members.decode(body)
    except (msgspec.MsgspecError, RecursionError):
        raise RequestError(
            "invalid_value", "the body holds text that cannot be joined with what is stored"
        ) from None
    found = store.find(key, previous)
    if found is None:
        raise RequestError(
            "previous_response_not_found",
            f"Previous response with id '{_shown(previous)}' not found.",
            field="previous_response_id",
        )
    members.pop("previous_response_id", None)
    output = _response.decode(found.response).output
    lists = (items_of(msgspec.Raw(found.input)), items_of(output), items_of(members.get("input", _UNSAID)))
    members["input"] = msgspec.Raw(b"[%b]" % b",".join(filter(None, lists)))
    return b"{%b}" % b",".join(b"%b:%b" % (_json(name), bytes(raw)) for name, raw in members.items()), found


def items_of(raw: msgspec.Raw) -> bytes:
    """The items of an `input`, joined; a text is a message of the user."""
    text = bytes(raw).strip()
    if text == b"null":
        return b""
    if text[:1] == b'"':
        return b'{"type":"message","role":"user","content":[{"type":"input_text","text":%b}]}' % text
    try:
        return b",".join(map(bytes, _several.decode(text)))
    except msgspec.ValidationError:
        raise RequestError(
            "wrong_type", "`input` must be a string or a list of items", field="input"
        ) from None


def response_in(answer: bytes) -> msgspec.Raw | None:
    """The response object of a complete answer: the object itself, or the one in its last event."""
    if answer.lstrip()[:1] == b"{":
        return msgspec.Raw(answer)
    for payload in reversed(sse.split(answer)):
        if payload[:1] == b"{":
            final = _final.decode(payload)
            if final.type in ("response.completed", "response.incomplete"):
                return final.response
    return None


def tightened(hints: dict[str, str] | None, level: Level) -> dict[str, str] | None:
    """The client's hints, with a sensitivity of at least `level`. A word that is none stays as it is, to
    be refused."""
    if level == Level.PUBLIC:
        return hints
    said = (hints or {}).get(SENSITIVITY, "public")
    if _LEVELS.get(said, Level.REGULATED) >= level:
        return hints
    return {**(hints or {}), SENSITIVITY: level.name.lower()}


def binding_level(decision: Decision, *, observing: bool) -> Level:
    """How sensitive the request is to be for whatever builds on it. Where levels are only reported it is
    what still bound it: the client's own word."""
    if not observing:
        return Level(decision.level)
    return Level(Boundary.EXTERNAL - decision.ceiling)


def _shown(name: str) -> str:
    """A client's or an upstream's word, fit for a message."""
    return "".join(c if c.isalnum() or c in "_-." else "?" for c in name[:_LONGEST_ID])


def _reason(error: Exception) -> str:
    """Only words of our own: others may quote the text."""
    if isinstance(error, GatewayError | _NotStored):
        return str(error)
    return "it cannot be read" if isinstance(error, msgspec.MsgspecError) else type(error).__name__
