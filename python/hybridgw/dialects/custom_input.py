"""The input of a custom tool, out of the JSON in which a backend's function call holds it.

A backend without custom tools is offered a function with one string parameter `input`; its
arguments arrive as fragments of `{"input":"…"}`, and the client waits for the bare text. The string
is decoded as it arrives. What is no such object is the input itself: nothing that a model said may be
lost because it was not said in JSON.
"""

import re

import msgspec

_BEGIN = re.compile(r'\s*\{\s*"input"\s*:\s*"').match
_MAYBE = re.compile(r'\s*(?:\{\s*(?:"(?:i(?:n(?:p(?:u(?:t(?:"\s*(?::\s*)?)?)?)?)?)?)?)?)?\Z').match
_UNDECIDED = 64
"""Characters after which an object should have said what it is."""
# Complete pieces of a JSON string. The first half of a surrogate pair waits for what follows it.
_COMPLETE = re.compile(
    r'(?:[^"\\]+|\\[^u]|\\u(?![dD][89abAB])[0-9a-fA-F]{4}|\\u[dD][89abAB][0-9a-fA-F]{2}'
    r"(?:\\u[0-9a-fA-F]{4}|(?=[^\\]|\\[^u])))*"
).match
_ESCAPE = 12
"""Characters of the longest escape: a surrogate pair."""
_string = msgspec.json.Decoder(str)


class CustomInput:
    """One call. `feed` gives what is certain so far, `close` the rest."""

    def __init__(self) -> None:
        self._held = ""
        """Undecided: the beginning of an object, or an escape that is not complete."""
        self._inside = False
        self._plain = False
        self.complete = False
        """Whether the string has ended: what follows can only close the object."""

    @property
    def cut(self) -> bool:
        """Whether it is a string that has not ended."""
        return self._inside and not self.complete

    def feed(self, fragment: str) -> str:
        """The next text of the input; often the fragment itself."""
        if self.complete:
            return ""
        if self._plain:
            return fragment
        held = self._held + fragment
        if not self._inside:
            begun = _BEGIN(held)
            if begun is None:
                self._plain = len(held) > _UNDECIDED or _MAYBE(held) is None
                self._held = "" if self._plain else held
                return held if self._plain else ""
            self._inside = True
            held = held[begun.end() :]
        return self._decode(held)

    def close(self) -> str:
        """What is left when the call is complete, or was cut off: an undecided beginning is the input."""
        left, self._held = self._held, ""
        return self._decode(left, last=True) if self._inside else left

    def _decode(self, held: str, *, last: bool = False) -> str:
        said = []
        at = 0
        while True:
            found = _COMPLETE(held, at)
            assert found is not None  # it matches nothing, too
            said.append(_decoded(found.group()))
            at = found.end()
            left = len(held) - at
            if held[at : at + 1] == '"':
                self.complete = True
                at = len(held)
            elif left > _ESCAPE or (left and last):
                # An escape that JSON does not know: said as it stands.
                said.append(held[at])
                at += 1
                continue
            self._held = held[at:]
            return "".join(said)


def _decoded(text: str) -> str:
    if "\\" not in text:
        return text
    try:
        return _string.decode(f'"{text}"')
    except msgspec.MsgspecError:
        # Half a surrogate pair, an unknown escape, a bare line feed: no JSON, but still what was said.
        return text
