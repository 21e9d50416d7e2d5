"""What a worker has learnt of its backends by asking them: one memory for each kind of lesson.

A lesson is about a deployment and the model that it was asked for, since behind a deployment that takes any
model (`*`) one model's limits say nothing of the next one's. It holds for an hour, as the lessons that all
workers share do: engines are updated, and one refused request more in an hour costs little. Deployments are
named by their identity, which outlives a reload.

Clients choose the names of models behind `*`, so each deployment has room for a few, the oldest of which give
way, and a name that is no name teaches nothing.
"""

from typing import Generic, TypeVar

Lesson = TypeVar("Lesson")

HOLDS_NS = 3600 * 1_000_000_000
"""Nanoseconds."""
MODELS = 128
"""Of one deployment."""
DEPLOYMENTS = 4096
"""More than a plan has; those of former plans give way."""
_LONGEST_NAME = 256


class Lessons(Generic[Lesson]):
    """One kind of lesson, by deployment and model."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[str, dict[str, tuple[int, Lesson]]] = {}

    def of(self, deployment: str, model: str, now_ns: int) -> Lesson | None:
        """What is known, on the clock of `time.monotonic_ns`; None for nothing, or nothing any more."""
        known = self._known.get(deployment)
        if known is None or (found := known.get(model)) is None:
            return None
        until, lesson = found
        return lesson if now_ns < until else None

    def learn(self, deployment: str, model: str, lesson: Lesson, now_ns: int) -> None:
        """Know this from now on, for an hour."""
        if len(model) > _LONGEST_NAME:
            return
        _make_room(self._known, deployment, DEPLOYMENTS)
        known = self._known.setdefault(deployment, {})
        _make_room(known, model, MODELS)
        known[model] = now_ns + HOLDS_NS, lesson


def _make_room(known: dict[str, Lesson], name: str, most: int) -> None:
    """Let `name` be the last one, and those that were learnt first give way to it."""
    if name in known:
        known[name] = known.pop(name)
    elif len(known) >= most:
        del known[next(iter(known))]
