"""What the gate asks of a policy: how long an answer is held back, and what it is worth then.

Production has one policy: the native side, which decides both from the plan and from what the relay has seen.
It stands behind two methods because the gate's own promises (which answer goes out, which ends how) must hold
for any policy, and are tested with scripted ones.
"""

from typing import TYPE_CHECKING, Protocol

from hybridgw.core import Verdict
from hybridgw.native import Decision

if TYPE_CHECKING:
    from hybridgw.pipeline.attempt import Attempt

Hold = tuple[str, int]
"""`tokens` and how many, `time` and milliseconds, or `whole` and 0."""


class Policy(Protocol):
    """Stateless; one serves all requests of a worker."""

    def hold(self, decision: Decision) -> Hold | None:
        """How long the answers to a request are held back; None: until the first content."""

    def verdict(self, attempt: "Attempt") -> Verdict:
        """What the answer of an attempt is worth whose hold is over."""


class _Native:
    def hold(self, decision: Decision) -> Hold | None:
        return decision.hold

    def verdict(self, attempt: "Attempt") -> Verdict:
        return Verdict(attempt.permit.verdict)


NATIVE: Policy = _Native()
