"""TGI speaks Chat but for a detail of its requests: `stop` must be a list, where clients write a text.

Its answers pass unchanged, so this is no translation through the hub.
"""

import msgspec

from hybridgw.errors import RequestError

_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


class StopList:
    """One exchange."""

    def request(self, body: bytes) -> bytes:
        """The same body where `stop` is no text."""
        members = _members.decode(body)
        if bytes(members.get("n", b"1")) not in (b"1", b"null"):
            raise RequestError("unsupported_parameter", "this backend gives one answer", field="n")
        stop = bytes(members.get("stop", b""))
        if stop[:1] != b'"':
            return body
        members["stop"] = msgspec.Raw(b"[" + stop + b"]")
        return msgspec.json.encode(members)

    def whole(self, body: bytes) -> bytes:
        """The same answer."""
        return body

    def feed(self, events: bytes) -> bytes:
        """The same events."""
        return events
