"""One attempt of a request: the permit for it, how its upstream is asked, and what came back.

Everything that belongs to one upstream stands here and not at the call, so that two attempts may be alive at
once: one whose answer is held back while a better one is asked for. What belongs to the client (the phase,
the head, the bytes sent) stays with the call.
"""

import asyncio
import time
from typing import TYPE_CHECKING, Any

from hybridgw.core import Outcome, Verdict
from hybridgw.dialects.base import Writer
from hybridgw.native import Decision, Permit, Relay
from hybridgw.pipeline.translation_seam import Translation
from hybridgw.providers.base import Exchange
from hybridgw.transport.seam import UpstreamResponse

if TYPE_CHECKING:
    from hybridgw.pipeline.call import Call

_LOOK = 1.0
"""Seconds between two looks for another deployment."""


class Attempt:
    """Owned by the gate, from the permit to the settlement.

    What starts the same for every attempt is a default of the class: what most never touch costs them
    nothing."""

    exchange: Exchange
    """How the upstream is asked; set once that is known."""
    relay: Relay
    """What observes the answer; set once its head is here."""
    translation: "Translation | None" = None
    """None where bytes pass through."""
    response: UpstreamResponse | None = None
    status = 0
    """Of the last response head; 0 while there was none."""
    asked_ns = 0
    writer: Writer | None = None
    """Would write this answer for the client."""
    dropped: tuple[str, ...] = ()
    """Parameters that the backend was not told."""
    warning = b""
    """What the client should know of an answer that is none of an error's business."""
    held: Any = b""
    """What was read and not sent: bytes that pass, or what the translation has read."""
    body = False
    """Whether `held` is an answer in one piece to a request for a stream."""
    complete = False
    """Whether `held` is all of the answer."""
    pending: "asyncio.Task[bytes] | None" = None
    """A read that was under way when the hold ended."""
    verdict = Verdict.GOOD
    released = False
    """It was held back, and is to be sent after all."""
    committed = False

    def __init__(self, call: "Call", decision: Decision, permit: Permit) -> None:
        self.call = call
        self.decision = decision
        self.permit = permit
        self.upstream = call.plan.upstreams[permit.deployment]

    def settle(self, outcome: Outcome, status: int = 0) -> None:
        """The attempt has ended so. Again: no change."""
        sent = self.call.bytes_sent if self.committed else 0
        self.permit.finish(
            outcome, status or self.status, sent, self.committed, time.monotonic_ns(), time.time_ns()
        )

    def close(self) -> None:
        """Nothing more is read: the exchange ends, and what stood for it lets go of this attempt."""
        if self.pending is not None:
            self.pending.cancel()
            self.pending = None
        response, self.response = self.response, None
        if response is not None:
            response.close()
        self.translation = None

    def discard(self) -> None:
        """Another answer goes to the client."""
        self.settle(Outcome.CANCELLED)
        self.close()

    def patience(self) -> float:
        """Seconds for which the attempt may go on without content beyond its first-token limit; 0 when
        another deployment is to be asked, or the time for loading a model is over. A short while at a time:
        another one may come up meanwhile."""
        now = time.monotonic_ns()
        left = self.upstream.stream_timeouts.load - (now - self.asked_ns) / 1e9
        if left <= 0 or self.decision.may_move(now):
            return 0.0
        return min(left, _LOOK)
