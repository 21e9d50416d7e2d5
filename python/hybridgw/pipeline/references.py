"""References to items (`item_reference`) in a Responses request, replaced by the items themselves.

Some clients (the Vercel AI SDK, by default) send what the model said before as ids alone. An item that
stands in the request needs no second copy; any other one comes from the caller's own stored responses, with
the level that its text had. No reference ever goes on to a backend: what that remembers belongs to our
account with it, not to the key that asks, and nobody here judged how sensitive it is.

So what any backend may take for a reference is one, however it is written: with a name in another letter
case, with a name twice, beside values of other types or text that cannot be decoded. What is written clearly
is replaced, and what is not is refused.
"""

import json
import re
from typing import Any

import msgspec

from hybridgw.core import Level
from hybridgw.errors import RequestError
from hybridgw.ledger.response_store import ResponseStore

ADVICE = (
    "send the item itself: clients do so with `store: false` "
    "(Vercel AI SDK: `providerOptions: { openai: { store: false } }`)"
)
_LONGEST_SHOWN = 64
_REFERENCE = "item_reference"
_PICTURE = "image_generation_call"
"""A picture that a model made. Without its `result` it stands for the one that OpenAI keeps."""
_DOTTED = {"\u0130": "i", "\u0131": "i"}
"""Letters that some decoders fold to one of ASCII. `str.lower` leaves the second and splits the first."""
_SPELT = (b"\\u004", b"\\u005", b"\\u006", b"\\u007", b"\\u013", b"\xc4\xb0", b"\xc4\xb1")
"""One of these is in every text that names an `id` or an `item_reference` in other bytes than its letters."""
_untold = re.compile(rb'"(?:type|role)"\s*:\s*null')


class _Brief(msgspec.Struct):
    """What tells a reference from an item. OpenAI takes one without a `type`, too."""

    type: str | None = None
    role: str | None = None
    id: str | None = None


class _Reading(msgspec.Struct):
    """What an item is to the readers that a backend may have."""

    id: str | None
    refers: bool = False
    doubtful: bool = False
    """A reference, to some of them, that is not written clearly enough to be replaced for all."""


_briefs = msgspec.json.Decoder(list[_Brief])
_several = msgspec.json.Decoder(list[msgspec.Raw])
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_json = msgspec.json.encode


def refers(raw: msgspec.Raw) -> bool:
    """Whether an `input` holds a reference. Every Responses request pays for this, so items are only looked
    at where one could have an `id`, and closely where one could be a reference in disguise."""
    text = bytes(raw)
    if text[:1] == b'"':
        return False
    plain = text.lower()
    spelt = any(sign in plain or sign in text for sign in _SPELT)
    if not spelt and b'"id"' not in plain:
        return False
    named = _REFERENCE.encode() in plain or _PICTURE.encode() in plain
    if not spelt and not named and not (b"null" in plain and _untold.search(plain)):
        try:
            if all(item.type or item.role for item in _briefs.decode(text)):
                return False
        except (msgspec.MsgspecError, RecursionError):
            pass
    return any(item.refers for item in _look(text))


def resolved(store: ResponseStore | None, key: int, body: bytes) -> tuple[bytes, Level]:
    """The body with every reference replaced, and the highest level of what came from the store. With a
    store this reads the disk: not on the event loop. RequestError names the item that nobody has, and the
    one that cannot be replaced."""
    try:
        members = _members.decode(body)
        raw = bytes(members["input"])
        items = _several.decode(raw)
    except (msgspec.MsgspecError, RecursionError):
        # Half a surrogate pair somewhere in the body, or a lone object in place of a list.
        raise _doubtful("input") from None
    readings = _look(raw)
    present = {reading.id for reading in readings if not reading.refers}
    level = Level.PUBLIC
    out: list[bytes] = []
    for at, (reading, item) in enumerate(zip(readings, items, strict=True)):
        if not reading.refers:
            out.append(bytes(item))
        elif reading.doubtful:
            raise _doubtful(f"input[{at}]")
        elif reading.id not in present:
            present.add(reading.id)
            found = None if store is None or not reading.id else store.find_item(key, reading.id)
            if found is None:
                raise _unknown(reading.id or "", f"input[{at}]", stores=store is not None)
            level = max(level, Level(found[0]))
            out.append(found[1])
    members["input"] = msgspec.Raw(b"[%b]" % b",".join(out))
    return b"{%b}" % b",".join(b"%b:%b" % (_json(name), bytes(raw)) for name, raw in members.items()), level


class _Pairs(list[tuple[str, Any]]):
    """The members of an object, with all that stand there twice."""


def _look(text: bytes) -> list[_Reading]:
    """All items of an `input`. What has another type than items have is for others to refuse."""
    try:
        items = json.loads(text, object_pairs_hook=_Pairs, parse_int=str, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError):
        return [_Reading(None, refers=True, doubtful=True)]
    if isinstance(items, _Pairs):
        items = [items]
    if not isinstance(items, list):
        return []
    return [_read(item) if isinstance(item, _Pairs) else _Reading(None) for item in items]


def _read(item: _Pairs) -> _Reading:
    said: dict[str, list[Any]] = {"type": [], "role": [], "id": [], "result": []}
    exact = dict.fromkeys(said, 0)
    for name, value in item:
        folded = _folded(name)
        if folded in said:
            said[folded].append(value)
            exact[folded] += name == folded

    def may_lack(name: str) -> bool:
        return not exact[name] or any(value is None for value in said[name])

    kinds = {_folded(kind) for kind in said["type"] if isinstance(kind, str)}
    named = any(said["id"])
    nameless = named and may_lack("type") and may_lack("role")
    absent = named and _PICTURE in kinds and not (said["result"] and all(said["result"]))
    clear = all(len(said[name]) == exact[name] < 2 for name in ("type", "role", "id"))
    id_ = next((value for value in said["id"] if isinstance(value, str)), None)
    if not (_REFERENCE in kinds or nameless or absent):
        return _Reading(id_)
    clear = clear and kinds <= set(said["type"]) and (id_ is not None or not named)
    return _Reading(id_, refers=True, doubtful=not clear)


def _folded(name: str) -> str:
    """A name as a decoder reads it that does not mind upper and lower case."""
    return "".join(_DOTTED.get(letter) or letter.lower() for letter in name)


def _doubtful(field: str) -> RequestError:
    return RequestError(
        "invalid_value",
        f"`{field}` refers to an item in a way that two readers may understand differently; write `type` and "
        f"`id` once, in small letters, in a list of objects, without half a surrogate pair; or {ADVICE}",
        field=field,
    )


def _unknown(name: str, field: str, *, stores: bool) -> RequestError:
    shown = "".join(c if c.isalnum() or c in "_-." else "?" for c in name[:_LONGEST_SHOWN])
    if stores:
        message = f"Item with id '{shown}' not found: it is in no stored response of this key; {ADVICE}"
        return RequestError("invalid_value", message, field=field)
    message = f"`{field}` refers to an item, and responses are not stored here (`responses.store`); {ADVICE}"
    return RequestError("unsupported_parameter", message, field=field)
