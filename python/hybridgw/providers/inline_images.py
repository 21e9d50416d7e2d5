"""A Chat body whose remote images become data, and of which all else keeps its text.

For engines that read Chat themselves and would fetch whatever a client names. Only the lists of parts
are opened; every value in them that is no such URL is carried as it is written. What an engine might
fetch and the gateway does not (video, audio, documents) is refused: passed on, it would be fetched from
inside the network. Members are found by their names and not by `type`, which some engines do not read.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from hybridgw.errors import RequestError

_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_several = msgspec.json.Decoder(list[msgspec.Raw])
_text = msgspec.json.Decoder(str)

_IMAGES = frozenset({"image_url", "image", "url"})

_Members = dict[str, Any]


class RemoteImages:
    """One body. Reading it refuses what nobody may fetch."""

    def __init__(self, body: bytes) -> None:
        self.wanted: list[tuple[str, str]] = []
        """URLs of images, each with the field in which it stands."""
        self._places: list[tuple[_Members, str, str]] = []
        """Where these stand: members, name, URL."""
        self._body: _Members = dict(_members.decode(body))
        messages = self._body.get("messages")
        if messages is not None and _first(messages) == b"[":
            self._body["messages"] = [
                self._message(message, f"messages[{number}]")
                for number, message in enumerate(_several.decode(messages))
            ]

    def body(self, data: Mapping[str, str]) -> bytes:
        """The body with a data URL in the place of each URL."""
        for members, name, url in self._places:
            members[name] = data[url]
        return msgspec.json.encode(self._body)

    def _message(self, message: msgspec.Raw, field: str) -> Any:
        if _first(message) != b"{":
            return message
        members: _Members = dict(_members.decode(message))
        content = members.get("content")
        if content is None or _first(content) != b"[":
            return message
        members["content"] = [
            self._part(part, f"{field}.content[{at}]") for at, part in enumerate(_several.decode(content))
        ]
        return members

    def _part(self, part: msgspec.Raw, field: str) -> Any:
        if _first(part) != b"{":
            return part
        members: _Members = dict(_members.decode(part))
        for name, value in list(members.items()):
            if name not in _IMAGES and not name.endswith("_url"):
                continue
            first = _first(value)
            if first == b'"':
                self._take(members, name, _text.decode(value), name, field)
            elif first == b"{":
                inner: _Members = dict(_members.decode(value))
                url = inner.get("url")
                if url is not None and _first(url) == b'"':
                    members[name] = inner
                    self._take(inner, "url", _text.decode(url), name, field)
        return members

    def _take(self, members: _Members, name: str, url: str, kind: str, field: str) -> None:
        scheme = url[:8].lower()
        if scheme.startswith("data:"):
            return
        if not scheme.startswith(("http://", "https://")):
            if name == "image" and "://" not in url[:64]:
                # Data without a head, as some engines take it; it names no place.
                return
            raise RequestError("invalid_value", "is neither an http(s) nor a data URL", field=field)
        if kind not in _IMAGES:
            raise RequestError(
                "unsupported_content", f"`{kind}` is not fetched for the backend of this model", field=field
            )
        self.wanted.append((url, field))
        self._places.append((members, name, url))


def _first(value: msgspec.Raw) -> bytes:
    """The byte that tells the kind of a value, without a copy of what may be megabytes."""
    return bytes(memoryview(value)[:1])
