"""Framing of server-sent events, for code that handles whole events.

The native relay cuts a byte stream into whole events; what it hands on is split here. Bytes in,
bytes out: an event is decoded by whoever understands its payload, and by nobody else.
"""


def split(events: bytes) -> list[bytes]:
    """The payloads (`data`) of complete events, in order; comments and other fields are left out.

    Several data lines of one event are joined with a line feed, as the format says.
    """
    payloads = []
    lines: list[bytes] = []
    for line in events.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n"):
        if line.startswith(b"data:"):
            lines.append(line[6:] if line[5:6] == b" " else line[5:])
        elif not line and lines:
            payloads.append(b"\n".join(lines))
            lines = []
    return payloads


def event(payload: bytes) -> bytes:
    """One event without a name. The payload must hold no line feed, as JSON written here does not."""
    return b"data: " + payload + b"\n\n"


DONE = b"data: [DONE]\n\n"
