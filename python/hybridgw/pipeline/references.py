"""References to items (`item_reference`) in a Responses request, replaced by the items themselves.

Some clients (the Vercel AI SDK, by default) send what the model said before as ids alone. An item that
stands in the request needs no second copy; any other one comes from the caller's own stored responses, with
the level that its text had. No reference ever goes on to a backend: what that remembers belongs to our
account with it, not to the key that asks, and nobody here judged how sensitive it is.
"""

import msgspec

from hybridgw.core import Level
from hybridgw.errors import RequestError
from hybridgw.ledger.response_store import ResponseStore

ADVICE = (
    "send the item itself: clients do so with `store: false` "
    "(Vercel AI SDK: `providerOptions: { openai: { store: false } }`)"
)
_LONGEST_SHOWN = 64


class _Brief(msgspec.Struct):
    """What tells a reference from an item. OpenAI takes one without a `type`, too."""

    type: str | None = None
    role: str | None = None
    id: str | None = None

    @property
    def refers(self) -> bool:
        return self.type == "item_reference" or (self.type is None and self.role is None and bool(self.id))


_briefs = msgspec.json.Decoder(list[_Brief])
_brief = msgspec.json.Decoder(_Brief)
_several = msgspec.json.Decoder(list[msgspec.Raw])
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_json = msgspec.json.encode


def refers(raw: msgspec.Raw) -> bool:
    """Whether an `input` holds a reference. Every Responses request pays for this, so items are only looked
    at where one could have an `id`: written as it is, or with one of its letters escaped."""
    text = bytes(raw)
    if text[:1] == b'"' or not (b'"id"' in text or b"\\u006" in text):
        return False
    return any(item.refers for item in _look(raw))


def resolved(store: ResponseStore | None, key: int, body: bytes) -> tuple[bytes, Level]:
    """The body with every reference replaced, and the highest level of what came from the store. With a
    store this reads the disk: not on the event loop. RequestError names the item that nobody has."""
    members = _members.decode(body)
    raw = members["input"]
    briefs, items = _look(raw), _several.decode(raw)
    present = {brief.id for brief in briefs if not brief.refers}
    level = Level.PUBLIC
    out: list[bytes] = []
    for at, (brief, item) in enumerate(zip(briefs, items, strict=True)):
        if not brief.refers:
            out.append(bytes(item))
        elif brief.id not in present:
            present.add(brief.id)
            found = None if store is None or not brief.id else store.find_item(key, brief.id)
            if found is None:
                raise _unknown(brief.id or "", f"input[{at}]", stores=store is not None)
            level = max(level, Level(found[0]))
            out.append(found[1])
    members["input"] = msgspec.Raw(b"[%b]" % b",".join(out))
    return b"{%b}" % b",".join(b"%b:%b" % (_json(name), bytes(raw)) for name, raw in members.items()), level


def _look(raw: msgspec.Raw) -> list[_Brief]:
    """All items in brief. What has another type than items have is for others to refuse."""
    try:
        return _briefs.decode(raw)
    except (msgspec.MsgspecError, RecursionError):
        pass
    briefs = []
    try:
        for item in _several.decode(raw):
            try:
                briefs.append(_brief.decode(item))
            except (msgspec.MsgspecError, RecursionError):
                briefs.append(_Brief(type="?"))
    except (msgspec.MsgspecError, RecursionError):
        return []
    return briefs


def _unknown(name: str, field: str, *, stores: bool) -> RequestError:
    shown = "".join(c if c.isalnum() or c in "_-." else "?" for c in name[:_LONGEST_SHOWN])
    if stores:
        message = f"Item with id '{shown}' not found: it is in no stored response of this key; {ADVICE}"
        return RequestError("invalid_value", message, field=field)
    message = f"`{field}` refers to an item, and responses are not stored here (`responses.store`); {ADVICE}"
    return RequestError("unsupported_parameter", message, field=field)
