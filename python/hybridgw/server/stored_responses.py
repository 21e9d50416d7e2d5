"""Responses that are stored: those that a request leans on, and the pages that show and remove them.

Without a store a request that leans on one is refused here, also where its bytes would pass through to
a backend that remembers by itself: what that backend remembers belongs to our account with it, not to
the key that asks, and nobody here ever judged how sensitive it is.

`GET` and `DELETE /v1/responses/{id}` and `GET …/input_items` answer for the caller's own key; what
belongs to another one does not exist.
"""

import asyncio
import functools
import json
from collections.abc import Awaitable
from typing import Any
from urllib.parse import parse_qs

import msgspec

from hybridgw.core import Level
from hybridgw.errors import Refused, RequestError
from hybridgw.front.seam import Client
from hybridgw.ledger.response_store import ResponseStore, Stored
from hybridgw.pipeline import Call, answer
from hybridgw.pipeline.memory import Memory, expanded, tightened
from hybridgw.pipeline.references import refers, resolved
from hybridgw.pipeline.run import ClientGone
from hybridgw.server.auth import authenticate
from hybridgw.server.lifecycle import Lifecycle
from hybridgw.server.request import Facts
from hybridgw.server.respond import send_bytes, send_json
from hybridgw.server.speaks import plain

_OFF_THE_LOOP = 1024 * 1024
"""Bytes. Below it, finding three members of a body takes less than handing it over."""
_BEGINNINGS = ("/v1/responses/", "/responses/")
_MOST_ITEMS = 100
_NULL = b"null"
_UNSAID = msgspec.Raw(_NULL)


class _Leaning(msgspec.Struct):
    """The members that say what a request has to do with others."""

    previous_response_id: msgspec.Raw = _UNSAID
    conversation: msgspec.Raw = _UNSAID
    store: msgspec.Raw = _UNSAID
    input: msgspec.Raw = _UNSAID


_leaning = msgspec.json.Decoder(_Leaning)
_text = msgspec.json.Decoder(str)
_items = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])


def recall_and_answer(call: Call, body: bytes, hints: dict[str, str] | None) -> Awaitable[None]:
    """Serve a Responses request: with its history, where it refers to one. Not itself a coroutine: where
    nothing is stored none is to stand between the server and the answer."""
    if call.worker.responses is None and len(body) <= _OFF_THE_LOOP:
        leaning = _look(body)
        _check_alone(leaning)
        if leaning is not None and refers(leaning.input):
            body, _ = resolved(None, 0, body)
        return answer(call, body, hints)
    return _recall(call, body, hints)


async def _recall(call: Call, body: bytes, hints: dict[str, str] | None) -> None:
    try:
        body, hints = await _recalled(call, body, hints)
    except asyncio.CancelledError:
        if call.cause is None:
            raise
        call.resumed()
        if call.cause == "draining":
            raise Refused("draining", "the gateway is stopping", retry_after=1.0) from None
        call.worker.state.count_client_abort(call.worker.slot)
        raise ClientGone from None
    answering = answer(call, body, hints)
    del body  # The native side holds the one retained copy.
    await answering


async def _recalled(
    call: Call, body: bytes, hints: dict[str, str] | None
) -> tuple[bytes, dict[str, str] | None]:
    run = call.worker.loop.run_in_executor
    leaning = _look(body) if len(body) <= _OFF_THE_LOOP else await run(None, _look, body)
    store = call.worker.responses
    if leaning is None:
        return body, hints  # The decision says what is wrong with a body that is none.
    if store is None:
        _check_alone(leaning)
        if refers(leaning.input):
            body, _ = await run(None, resolved, None, 0, body)
        return body, hints
    if bytes(leaning.conversation) != _NULL:
        raise _unsupported("conversation")
    kept = bytes(leaning.store) != b"false"
    previous: Stored | None = None
    if bytes(leaning.previous_response_id) != _NULL:
        name = _name(leaning.previous_response_id)
        body, previous = await run(store.thread, expanded, store, call.principal.key, body, name)
    level = Level.PUBLIC
    referring = refers(leaning.input)
    if referring:
        body, level = await run(store.thread, resolved, store, call.principal.key, body)
    limit = call.plan.settings.server.max_body
    call.hold(max(call.held, len(body)))
    if (previous is not None or referring) and len(body) > limit:
        raise RequestError(
            "request_too_large", f"with its history the body is larger than the limit of {limit} bytes"
        )
    if kept and not store.opened:
        # Before anybody is asked: an answer that cannot be stored would end the conversation.
        await run(store.thread, store.open)
    memory = Memory(store, call.principal.key, body, previous)
    memory.level = max(memory.level, level)
    if kept:
        call.memory = memory
    return body, tightened(hints, memory.level)


def _check_alone(leaning: _Leaning | None) -> None:
    """RequestError for a request that leans on what nobody stored."""
    if leaning is not None:
        for name in ("previous_response_id", "conversation"):
            if bytes(getattr(leaning, name)) != _NULL:
                raise _unsupported(name)


def _look(body: bytes) -> _Leaning | None:
    """What a body leans on; None for one that is no JSON object."""
    try:
        return _leaning.decode(body)
    except (msgspec.MsgspecError, RecursionError):
        pass
    # Half a surrogate pair, which passes through elsewhere: rare, so this may be slow.
    try:
        members = json.loads(body, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        return None
    if not isinstance(members, dict):
        return None
    return _Leaning(
        **{
            name: msgspec.Raw(json.dumps(members[name]).encode())
            for name in _Leaning.__struct_fields__
            if name in members
        }
    )


def _name(raw: msgspec.Raw) -> str:
    try:
        return _text.decode(raw)
    except msgspec.MsgspecError:
        field = "previous_response_id"
        raise RequestError("wrong_type", f"`{field}` must be a string", field=field) from None


def _unsupported(name: str) -> RequestError:
    return RequestError(
        "unsupported_parameter",
        f"`{name}` needs what is not stored here; send all items as `input`",
        field=name,
    )


def page_of(lifecycle: Lifecycle, path: str, method: str) -> bool:
    """Whether a path below `/v1/responses/` is one of the pages here, for this method."""
    if not path.startswith(_BEGINNINGS):
        return False
    _, _, rest = path.partition("/responses/")
    name, _, what = rest.partition("/")
    if name and what == "cancel" and method == "POST":
        return True
    if lifecycle.worker.responses is None or not name or what not in ("", "input_items") or method == "POST":
        return False
    takes = ("GET", "HEAD") if what else ("GET", "HEAD", "DELETE")
    if method not in takes:
        listed = ", ".join(takes)
        raise RequestError(
            "method_not_allowed", f"{path[:200]} takes {listed}", headers=((b"allow", listed.encode()),)
        )
    return True


async def page(lifecycle: Lifecycle, facts: Facts, client: Client) -> None:
    """Show a stored response or its input, or remove it."""
    worker = lifecycle.worker
    store = worker.responses
    principal = authenticate(worker.plan, facts)
    _, _, rest = plain(client.path).partition("/responses/")
    name, _, what = rest.partition("/")
    if store is None:
        # Also what a request to cancel meets: nothing runs in the background here.
        raise RequestError("response_not_found", f"no responses are stored, so there is none {name[:200]!r}")
    run = functools.partial(worker.loop.run_in_executor, store.thread)
    head_only = client.method == "HEAD"
    if client.method == "DELETE":
        if not await run(store.delete, principal.key, name):
            raise _missing(name)
        await send_json(client, {"id": name, "object": "response", "deleted": True})
    elif what == "cancel":
        if await run(store.find, principal.key, name) is None:
            raise _missing(name)
        raise RequestError("invalid_value", "Cannot cancel a response that was not made in the background.")
    elif what:
        query = parse_qs(client.query.decode("latin-1"))
        listed = await run(_listed, store, principal.key, name, query)
        await send_bytes(client, 200, listed, head_only=head_only)
    else:
        row = await run(store.find, principal.key, name)
        if row is None:
            raise _missing(name)
        await send_bytes(client, 200, row.response, head_only=head_only)


def _missing(name: str) -> RequestError:
    return RequestError("response_not_found", f"Response with id {name[:200]!r} not found.")


def _listed(store: ResponseStore, key: int, name: str, asked: dict[str, list[str]]) -> bytes:
    """A page of what a response was an answer to. In the store's thread."""
    row = store.find(key, name)
    if row is None:
        raise _missing(name)
    items = [_shown(item, name, place) for place, item in enumerate(_items.decode(row.input))]
    names = [bytes(item["id"]) for item in items]
    order = asked.get("order", ["desc"])[-1]
    if order not in ("asc", "desc"):
        raise RequestError("invalid_value", "order is asc or desc", field="order")
    if order == "desc":
        items.reverse()
        names.reverse()
    start = 0
    if "after" in asked:
        after = msgspec.json.encode(asked["after"][-1])
        if after not in names:
            raise RequestError("invalid_value", "no item of this response has that id", field="after")
        start = names.index(after) + 1
    said = asked.get("limit", ["20"])[-1]
    limit = int(said) if said.isascii() and said.isdigit() and len(said) < 10 else 0
    if not 0 < limit <= _MOST_ITEMS:
        raise RequestError("invalid_value", f"limit is a number from 1 to {_MOST_ITEMS}", field="limit")
    shown = items[start : start + limit]
    answer: dict[str, Any] = {
        "object": "list",
        "data": shown,
        "first_id": shown[0]["id"] if shown else None,
        "last_id": shown[-1]["id"] if shown else None,
        "has_more": start + limit < len(items),
    }
    return msgspec.json.encode(answer)


def _shown(item: dict[str, msgspec.Raw], response: str, place: int) -> dict[str, msgspec.Raw]:
    """An item as the API shows it: with the type, the id and the parts that a client may leave out."""
    kind = item.get("type", msgspec.Raw(b'"message"'))
    shown = {**item, "type": kind}
    if "id" not in item:
        shown["id"] = msgspec.Raw(b'"item_%b_%d"' % (response.removeprefix("resp_").encode(), place))
    content = bytes(item.get("content", b""))
    if bytes(kind) == b'"message"' and content[:1] == b'"':
        what = b"output_text" if bytes(item.get("role", b"")) == b'"assistant"' else b"input_text"
        shown["content"] = msgspec.Raw(b'[{"type":"%b","text":%b}]' % (what, content))
    return shown
