"""One request for embeddings as several, where its backend takes fewer inputs at once.

Each input is embedded by itself, so the answers in their order are the answer: numbered through, with the
usage of all. How many a backend takes is configured (`max_inputs`), known of its kind, or learnt from its
refusal. Nothing else may be divided: the parts of any other request mean something together.

Where a later piece fails, what was answered before is paid for. The next attempt asks for the rest only, if
it puts the same question to the same model in the same protocol; all else would mix vectors of two kinds.
"""

import re
from typing import Any

import msgspec
import orjson

from hybridgw.errors import UpstreamError
from hybridgw.transport.seam import UpstreamRequest

Raw = msgspec.Raw

_members = msgspec.json.Decoder(dict[str, Raw])
_items = msgspec.json.Decoder(list[Raw])
_encode = msgspec.json.Encoder().encode
_ANSWER_LISTS = ("data", "embeddings")
_SUMS = ("prompt_eval_count", "total_duration", "load_duration")
_SAYS_MOST = re.compile(
    r"(?:batch size|array too long|number of inputs|too many inputs|input array).{0,160}?"
    r"(?:maximum(?: allowed)?(?: batch size| length| of)?|larger than|at most|exceeds?|up to|max(?:imum)? is)"
    r"\D{0,12}(\d{1,6})"
).search
_LONGEST = 4096
_MOST_PIECES = 64
"""Beyond it, the backend's own refusal is the answer: one request must not become a thousand."""
_MOST_BESIDE = 64 * 1024
"""Bytes beside the inputs, of which each piece has a copy."""


class Parts(msgspec.Struct):
    """A request that is asked in pieces, and how far that has come."""

    question: tuple[object, ...]
    """What all pieces ask, the inputs left out (`question_of`)."""
    rest: list[UpstreamRequest]
    """Pieces without an answer, in their order."""
    inputs: int = 0
    """How many inputs are answered."""
    answers: list[bytes] = []
    """To these, in their order."""

    def answered(self, answer: bytes) -> None:
        """The first piece has its answer. ValueError, TypeError, AttributeError, KeyError for one without a
        vector for each of its inputs."""
        here = len(_items.decode(_members.decode(self.rest[0].body)["input"]))
        if len(_vectors(orjson.loads(answer))[1]) != here:
            raise ValueError("not a vector for each input")
        del self.rest[0]
        self.inputs += here
        self.answers.append(answer)


def question_of(protocol: tuple[object, ...], body: bytes) -> tuple[object, ...]:
    """All that makes vectors comparable: how and whom we ask (`protocol`), and what is asked beside the
    inputs."""
    members = _members.decode(body)
    return *protocol, frozenset((name, bytes(raw)) for name, raw in members.items() if name != "input")


def pieces(body: bytes, most: int, answered: int = 0) -> list[bytes]:
    """The body without its first inputs, which are `answered`: alone where it has no more than `most` inputs
    (0: any number), else one for each so many."""
    if not most and not answered:
        return [body]
    members = _members.decode(body)
    inputs = bytes(members.get("input", b""))
    # A list of numbers is one text as token ids.
    if inputs[:1] != b"[" or inputs[1:].lstrip()[:1] not in (b'"', b"["):
        return [body]
    items = _items.decode(inputs)[answered:]
    few = not most or len(items) <= most
    if few or len(items) > most * _MOST_PIECES or len(body) - len(inputs) > _MOST_BESIDE:
        return [_encode(members | {"input": Raw(_encode(items))})] if answered else [body]
    starts = range(0, len(items), most)
    return [_encode(members | {"input": Raw(_encode(items[at : at + most]))}) for at in starts]


def _vectors(answer: Any) -> tuple[str, list[Any]]:
    """The list of an answer, and its name; ValueError for no answer of this kind."""
    if not isinstance(answer, dict):
        raise ValueError("no object")
    name = next((name for name in _ANSWER_LISTS if isinstance(answer.get(name), list)), None)
    if name is None:
        raise ValueError("no embeddings")
    return name, answer[name]


def joined(answers: list[bytes]) -> bytes:
    """The answers to all pieces as one. ValueError where one is no answer of this kind."""
    read = [orjson.loads(answer) for answer in answers]
    if not all(isinstance(answer, dict) for answer in read):
        raise ValueError("no object")
    first: dict[str, Any] = read[0]
    name, _ = _vectors(first)
    if name == "data":
        every = [
            item for answer in read for item in sorted(answer[name], key=lambda item: item.get("index", 0))
        ]
        first[name] = [item | {"index": at} for at, item in enumerate(every)]
    else:
        first[name] = [vector for answer in read for vector in answer[name]]
    usages = [answer.get("usage") for answer in read]
    if all(isinstance(usage, dict) for usage in usages):
        first["usage"] = {key: _sum(usages, key) for key in usages[0]}
    for key in _SUMS:
        if key in first:
            first[key] = _sum(read, key)
    return orjson.dumps(first)


def most_of(error: UpstreamError) -> int:
    """How many inputs at once the backend takes, if that is what it complained of; else 0."""
    if error.status not in (400, 413, 422):
        return 0
    found = _SAYS_MOST(error.message[:_LONGEST].lower())
    return int(found[1]) if found else 0


def _sum(parts: list[Any], key: str) -> Any:
    values = [part.get(key) for part in parts]
    return sum(values) if all(isinstance(value, (int, float)) for value in values) else values[0]
