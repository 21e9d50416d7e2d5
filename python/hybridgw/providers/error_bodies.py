"""Everything that an error object says, wherever its backend put it.

Backends agree that an error is a JSON object and on little else. The *why* stands in `code`, `type`,
`status`, `reason`, in `innererror` (Azure), in a list of `details` with reasons and violated quotas
(Google), in `metadata` with another provider's whole error inside a text (OpenRouter), in `error_type`
(TGI), or in the sentence alone. All of it is gathered here into one set of words and one sentence;
`failures` judges them and looks at no body.

Nothing that is read here is trusted: sizes are bounded, and a shape that nobody knows is no error.
"""

from collections.abc import Iterator

import msgspec
import orjson

LONGEST_MESSAGE = 2000
_DEEPEST = 4
_MOST_DETAILS = 32
_WORDS = ("code", "type", "status", "reason", "error_type", "quotaId", "quotaMetric", "subject", "error_code")
"""Members whose value is a word that says why."""
_INSIDE = ("innererror", "inner_error", "metadata", "details", "violations", "raw", "error", "errors")
"""Members in which more of them may stand."""


class Said(msgspec.Struct):
    """What an error said."""

    message: str = ""
    """For a person."""
    why: frozenset[str] = frozenset()
    """Codes, types and reasons, in lower case."""
    kind: str = ""
    """The `type` as it was written."""
    param: str | None = None
    wait: float | None = None
    """Seconds, where the body says how long."""
    is_error: bool = False
    """Whether the body was an error object at all, and not a page of some server on the way."""


def read(body: bytes) -> Said:
    """What this body says; an empty Said when it is no error object."""
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return Said()
    return said(answer)


def said(answer: object) -> Said:
    """The same of an error that was decoded, or stood inside an answer."""
    if isinstance(answer, list) and answer:
        answer = answer[0]
    if not isinstance(answer, dict):
        return Said()
    inner = answer.get("error", answer)
    if isinstance(inner, str):
        kind = _text(answer.get("error_type"))
        return Said(message=inner, why=frozenset({kind.lower()} - {""}), kind=kind, is_error=True)
    if not isinstance(inner, dict):
        return Said()
    message = _text(inner.get("message") or inner.get("detail"))
    if not message and inner is answer:
        return Said()
    words: set[str] = set()
    wait: float | None = None
    for member in _members(inner, _DEEPEST):
        words.update(word for name in _WORDS if (word := _text(member.get(name)).lower()))
        delay = member.get("retryDelay")
        if isinstance(delay, str) and delay.endswith("s"):
            wait = _seconds(delay[:-1])
        raw = member.get("message")
        if member is not inner and isinstance(raw, str) and raw and raw not in message:
            # The provider behind a reseller says more than the reseller does.
            message = f"{message}: {raw}" if message else raw
    param = inner.get("param")
    return Said(
        message=message[: 2 * LONGEST_MESSAGE],
        why=frozenset(words),
        kind=_text(inner.get("type")),
        param=param if isinstance(param, str) else None,
        wait=wait,
        is_error=True,
    )


def _members(value: object, depth: int) -> Iterator[dict[str, object]]:
    """The objects in which an error says why, outermost first."""
    if isinstance(value, str) and value[:1] in "{[" and len(value) <= 64 * 1024:
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            return
    if depth < 0:
        return
    if isinstance(value, list):
        for item in value[:_MOST_DETAILS]:
            yield from _members(item, depth - 1)
    elif isinstance(value, dict):
        yield value
        for name in _INSIDE:
            inside = value.get(name)
            if inside:
                yield from _members(inside, depth - 1)


def _text(value: object) -> str:
    if isinstance(value, str):
        return value[: 2 * LONGEST_MESSAGE]
    return "" if value is None or isinstance(value, dict | list | bool) else str(value)[:64]


def _seconds(text: str) -> float | None:
    return float(text) if text.replace(".", "", 1).isdigit() and len(text) <= 20 else None
