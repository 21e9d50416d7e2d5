"""What a backend must see again and Responses has no member for, carried in `encrypted_content`.

A signature of a thought, a thought that only its maker can read, the signature of a tool call:
without them the next turn is refused by the backend that made them. Responses clients keep the
`encrypted_content` of reasoning items and send it back unread, which is what it is for, so no store
is needed. Content that is not ours (another provider's) reads as nothing and goes to nobody.
"""

import base64
import binascii

import msgspec

_MARK = "hybridgw1."


class Carried(msgspec.Struct, omit_defaults=True):
    """The opaque state of one reasoning item."""

    signature: str | None = None
    redacted: str | None = None
    calls: dict[str, str] = {}
    """Signatures of tool calls by call id."""


_read = msgspec.json.Decoder(Carried)


def pack(carried: Carried) -> str:
    """As one opaque word."""
    return _MARK + base64.urlsafe_b64encode(msgspec.json.encode(carried)).decode()


def unpack(opaque: str | None) -> Carried:
    """What `pack` wrote; empty for anything else."""
    if opaque is None or not opaque.startswith(_MARK):
        return Carried()
    try:
        return _read.decode(base64.urlsafe_b64decode(opaque[len(_MARK) :]))
    except (msgspec.MsgspecError, binascii.Error, ValueError):
        return Carried()
