"""Takes thoughts that no model of Anthropic's signed out of a request that passes through to it.

A conversation that a local model began may go on there. Its thoughts carry a signature of ours, since
clients want one, and Anthropic would answer the whole request with a 400. Everything else keeps its
text: only the members around a removed thought are put together anew.
"""

import msgspec

from hybridgw.wire import OWN_SIGNATURE

Raw = msgspec.Raw

_MARK = OWN_SIGNATURE.encode()
_members = msgspec.json.Decoder(dict[str, Raw])
_items = msgspec.json.Decoder(list[Raw])
_encode = msgspec.json.Encoder().encode


class _Block(msgspec.Struct):
    type: str = ""
    signature: str = ""


_block = msgspec.json.Decoder(_Block)


def without_own_thoughts(body: bytes) -> bytes:
    """The body without them; the very same object where there are none, or where it is no request."""
    if _MARK not in body:
        return body
    try:
        members = _members.decode(body)
        messages = [_message(item) for item in _items.decode(members["messages"])]
    except (msgspec.MsgspecError, RecursionError, KeyError):
        return body
    members["messages"] = Raw(_encode([message for message in messages if message is not None]))
    return _encode(members)


def _message(message: Raw) -> Raw | None:
    """A message without its own thoughts; None if it had nothing else."""
    if _MARK not in bytes(message):
        return message
    members = _members.decode(message)
    content = members.get("content", Raw(b"null"))
    if not bytes(content).startswith(b"["):
        return message
    blocks = _items.decode(content)
    kept = [block for block in blocks if not _is_own(block)]
    if len(kept) == len(blocks):
        return message
    if not kept:
        return None
    members["content"] = Raw(_encode(kept))
    return Raw(_encode(members))


def _is_own(block: Raw) -> bool:
    if _MARK not in bytes(block) or not bytes(block).startswith(b"{"):
        return False
    try:
        read = _block.decode(block)
    except msgspec.ValidationError:
        return False
    return read.type == "thinking" and read.signature.startswith(OWN_SIGNATURE)
