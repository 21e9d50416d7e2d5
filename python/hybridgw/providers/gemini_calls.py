"""Names, ids and signatures of tool calls, where Gemini and its clients differ.

Gemini 3 refuses a call that comes back without the signature it was made with, and no client has a
place for one. All of them echo ids, so the signature travels in the id: `call_…__thought__…`. It is
written in the alphabet that every wire allows in an id, and comes back letter by letter. Ids that
another gateway made in the same form (LiteLLM, with plain base64) are read as well.

A name that Gemini does not take (`server/tool`) is sent in letters that it does, and given back.
"""

import hashlib
import re
from collections.abc import Iterable

SKIP = "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I="
"""`skip_thought_signature_validator`: stands for a signature that never existed, where the call was
made by another model."""

_MARK = "__thought__"
_TO_ID = str.maketrans("+/", "-_")
_FROM_ID = str.maketrans("-_", "+/")
_LONGEST = 64
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,63}").fullmatch
_BAD_LETTERS = re.compile(r"[^A-Za-z0-9_.:-]")


def signed_id(call_id: str, signature: str) -> str:
    """An id that carries a signature."""
    letters = signature.rstrip("=").translate(_TO_ID)
    # What base64 does not spell this way is carried as it is, behind a letter that base64 cannot
    # begin with.
    return f"{call_id}{_MARK}{letters if _signature(letters) == signature else '=' + signature}"


def split_id(call_id: str) -> tuple[str, str | None]:
    """The id as Gemini knows it, and the signature that it carries."""
    bare, mark, letters = call_id.partition(_MARK)
    if not mark or not letters:
        return call_id, None
    return bare, _signature(letters)


def _signature(letters: str) -> str:
    if letters[:1] == "=":
        return letters[1:]
    plain = letters.rstrip("=").translate(_FROM_ID)
    return plain + "=" * (-len(plain) % 4)


def sent_name(name: str) -> str:
    """The name as Gemini takes it; always the same for the same name."""
    if _NAME(name):
        return name
    # Two names may become the same letters; a few digits of the whole name tell them apart.
    digits = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    letters = _BAD_LETTERS.sub("_", name)
    if not (letters[:1].isalpha() or letters[:1] == "_"):
        letters = "_" + letters
    return f"{letters[: _LONGEST - 9]}_{digits}"


def renamed(names: Iterable[str]) -> dict[str, str]:
    """Sent names that are not the client's own, to the client's."""
    return {sent: name for name in names if (sent := sent_name(name)) != name}
