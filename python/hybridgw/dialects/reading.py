"""What every reader of a JSON request needs: a decoder's complaint in the client's terms.

The native side has accepted the body already, so what is wrong here is a type, a missing member or a
value that does not exist. A client gets its path as it wrote it (`messages[2].content[0].type`).
"""

from typing import TypeVar

import msgspec

from hybridgw.errors import RequestError

T = TypeVar("T")
Raw = msgspec.Raw

_NUMBER = frozenset(b"-0123456789")
_WHAT = (
    ("Object missing required field", "missing_field"),
    ("Invalid value", "invalid_value"),
    ("Invalid enum value", "invalid_value"),
    ("Expected", "wrong_type"),
)


def decoded(decoder: msgspec.json.Decoder[T], body: bytes, prefix: str = "") -> T:
    """`body` as `decoder` reads it; a RequestError names the member that is wrong, below `prefix`."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise _fault(str(error), prefix) from None


def given(members: dict[str, Raw], name: str) -> Raw | None:
    """The value of a member as it was written, None where it is null or absent."""
    value = members.get(name)
    return None if value is None or bytes(value) == b"null" else value


def number(members: dict[str, Raw], name: str) -> Raw | None:
    """A number as it was written; RequestError for anything else."""
    value = given(members, name)
    if value is not None and bytes(value)[0] not in _NUMBER:
        raise RequestError("wrong_type", f"`{name}` must be a number", field=name)
    return value


def _fault(complaint: str, prefix: str) -> RequestError:
    """The complaint is the decoder's: `Expected `str`, got `int` - at `$.messages[0].role``."""
    said, _, place = complaint.partition(" - at `$")
    field = (prefix + place.rstrip("`")).lstrip(".")
    code = next((code for words, code in _WHAT if said.startswith(words)), "invalid_value")
    if code == "missing_field":
        name = said.partition("`")[2].rstrip("`")
        field = f"{field}.{name}" if field else name
    return RequestError(code, said[:200] + (f" at `{field}`" if field else ""), field=field or None)
