"""Numbered words shared with the native crate (a test compares names and numbers)."""

from enum import IntEnum


class Boundary(IntEnum):
    """How far data travels. Ordered: a request may reach boundaries up to its ceiling."""

    DEVICE = 0
    ORGANIZATION = 1
    EXTERNAL = 2


class Level(IntEnum):
    """How sensitive the content of a request is."""

    PUBLIC = 0
    INTERNAL = 1
    REGULATED = 2


class Route(IntEnum):
    """The kind of endpoint that a client called."""

    CHAT = 0
    COMPLETIONS = 1
    EMBEDDINGS = 2
    RESPONSES = 3
    MESSAGES = 4
    OLLAMA_CHAT = 5
    OLLAMA_GENERATE = 6
    OLLAMA_EMBED = 7


class Shape(IntEnum):
    """The protocol of a backend's answer: what the native relay has to expect."""

    CHAT = 0
    COMPLETIONS = 1
    EMBEDDINGS = 2
    RESPONSES = 3
    MESSAGES = 4
    OLLAMA = 5
    GEMINI = 6


class Verdict(IntEnum):
    """What an answer is worth that was held back, the worst first. The native crate judges."""

    EMPTY = 0
    FILTERED = 1
    CUT = 2
    SHORT = 3
    GOOD = 4


class Outcome(IntEnum):
    """The end of one attempt. What each means to breaker and retry stands in the native crate."""

    SUCCESS = 0
    CONNECT_FAILED = 1
    RESET = 2
    SERVER_ERROR = 3
    FIRST_TOKEN_TIMEOUT = 4
    STALLED = 5
    TRUNCATED = 6
    STREAM_ERROR = 7
    THROTTLED = 8
    OUT_OF_CREDIT = 9
    CREDENTIAL_REJECTED = 10
    REQUEST_REJECTED = 11
    CONTEXT_EXCEEDED = 12
    CONTENT_FILTERED = 13
    CANCELLED = 14
    LOCAL_FAULT = 15
    BOUNDARY_REFUSED = 16
    TOTAL_TIMEOUT = 17
    MALFORMED = 18
    DRAINING = 19
    CLIENT_TIMEOUT = 20
    REFUSED_HERE = 21
    NOT_SERVED = 22
    LOADING = 23
