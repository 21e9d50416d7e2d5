"""What every reader of a JSON request needs: members as they were written, and a decoder's complaint in
the client's terms.

The native side has accepted the body already, so what is wrong here is a type, a missing member or a
value that does not exist. A client gets its path as it wrote it (`messages[2].content[0].type`). Nothing
here may copy a value to look at it: one may be an image of megabytes.
"""

from typing import TypeVar

import msgspec

from hybridgw.errors import RequestError
from hybridgw.wire import LONGEST_TOOL_NAME

T = TypeVar("T")
Raw = msgspec.Raw

_NUMBER = frozenset(b"-0123456789")
_WHAT = (
    ("Object missing required field", "missing_field"),
    ("Invalid value", "invalid_value"),
    ("Invalid enum value", "invalid_value"),
    ("Expected", "wrong_type"),
)


def decoded(decoder: msgspec.json.Decoder[T], body: bytes | Raw, place: str = "") -> T:
    """`body` as `decoder` reads it; a RequestError names the member that is wrong, below `place`."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise _fault(str(error), place) from None


def given(value: Raw | None) -> Raw | None:
    """A value as it was written, None where it is null or absent (an empty `Raw` is a struct's absence)."""
    if value is None:
        return None
    size = len(memoryview(value))
    return None if not size or (size == 4 and bytes(value) == b"null") else value


def member(decoder: msgspec.json.Decoder[T], value: Raw | None, field: str) -> T | None:
    """A value of one type; None where it is null or absent."""
    value = given(value)
    return None if value is None else decoded(decoder, value, field)


def number(value: Raw | None, field: str) -> Raw | None:
    """A number as it was written; RequestError for anything else."""
    value = given(value)
    if value is not None and memoryview(value)[0] not in _NUMBER:
        raise RequestError("wrong_type", f"`{field}` must be a number", field=field)
    return value


def needed(text: str | None, field: str, *, empty: bool = False) -> str:
    """A text that must be there; RequestError where it is not. `empty`: it may say nothing."""
    if text is None or not (text or empty):
        raise RequestError("missing_field", f"`{field}` is missing" + " or empty" * (not empty), field=field)
    return text


def tool_name(name: str | None, field: str) -> str:
    """A tool's name; RequestError for one that no backend takes."""
    name = needed(name, field)
    if len(name) > LONGEST_TOOL_NAME:
        raise RequestError(
            "invalid_value", f"`{field}` is longer than {LONGEST_TOOL_NAME} characters", field=field
        )
    return name


def _fault(complaint: str, place: str) -> RequestError:
    """The complaint is the decoder's: `Expected `str`, got `int` - at `$.messages[0].role``."""
    said, _, below = complaint.partition(" - at `$")
    field = (place + below.rstrip("`")).lstrip(".")
    code = next((code for words, code in _WHAT if said.startswith(words)), "invalid_value")
    if code == "missing_field":
        name = said.partition("`")[2].rstrip("`")
        field = f"{field}.{name}" if field else name
    return RequestError(code, said[:200] + (f" at `{field}`" if field else ""), field=field or None)
