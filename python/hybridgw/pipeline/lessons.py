"""What was learnt of backends by asking them, and where it is remembered: for an hour, since engines are
updated and one refused request more in an hour costs little.

Of a deployment with one model the state file remembers it, for all workers. Behind a deployment that takes
any model (`*`) one model's limits say nothing of the next one's, so there each worker remembers it by
deployment and model. Deployments are named by their identity, which outlives a reload.

Clients choose the names of models behind `*`, so each deployment has room for a few, the oldest of which give
way, and a name that is no name teaches nothing.
"""

from typing import Generic, TypeVar

from hybridgw.core import Deployment
from hybridgw.native import Permit

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


class Learnt:
    """All kinds of lessons. `now_ns` is always the clock of `time.monotonic_ns`."""

    __slots__ = ("_chat_only", "_most_inputs", "_refused")

    def __init__(self) -> None:
        self._most_inputs: Lessons[int] = Lessons()
        self._chat_only: Lessons[bool] = Lessons()
        self._refused: Lessons[int] = Lessons()

    def refused(self, deployment: Deployment, permit: Permit, now_ns: int) -> int:
        """Members that the model refuses, as bits (`providers.refusals`)."""
        if not takes_any(deployment):
            return permit.refused(now_ns)
        return self._refused.of(deployment.id, permit.model, now_ns) or 0

    def most_inputs(self, deployment: Deployment, permit: Permit, now_ns: int) -> int:
        """Inputs of one request for embeddings that the model takes; 0 where nothing was learnt."""
        if not takes_any(deployment):
            return permit.most_inputs(now_ns)
        return self._most_inputs.of(deployment.id, permit.model, now_ns) or 0

    def lacks_responses(self, deployment: Deployment, permit: Permit, now_ns: int) -> bool:
        """Whether the server turned out to have no `/v1/responses`."""
        if not takes_any(deployment):
            return permit.lacks_responses(now_ns)
        return self._chat_only.of(deployment.id, permit.model, now_ns) is not None

    def learn(
        self,
        deployment: Deployment,
        permit: Permit,
        now_ns: int,
        *,
        refused: int = 0,
        most_inputs: int = 0,
        lacks_responses: bool = False,
    ) -> None:
        """Remember with what the model answered: without the members `refused`, with `most_inputs` at once,
        without Responses. What is 0 or False teaches nothing."""
        if not takes_any(deployment):
            if refused:
                permit.refuse(refused, now_ns)
            if most_inputs or lacks_responses:
                permit.learn_limits(now_ns, most_inputs=most_inputs, lacks_responses=lacks_responses)
            return
        name, model = deployment.id, permit.model
        if refused:
            known = self._refused.of(name, model, now_ns) or 0
            self._refused.learn(name, model, known | refused, now_ns)
        if most_inputs:
            self._most_inputs.learn(name, model, most_inputs, now_ns)
        if lacks_responses:
            self._chat_only.learn(name, model, True, now_ns)


def takes_any(deployment: Deployment) -> bool:
    """Whether the client chooses the model: what one refuses says nothing of the others."""
    return "*" in deployment.model


def _make_room(known: dict[str, Lesson], name: str, most: int) -> None:
    """Let `name` be the last one, and those that were learnt first give way to it."""
    if name in known:
        known[name] = known.pop(name)
    elif len(known) >= most:
        del known[next(iter(known))]
