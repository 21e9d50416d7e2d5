"""The gate between what upstreams answer and what the client gets.

An answer is held back until the hold is over that its decision asks for; then the native side gives a verdict
on what was seen of it, and the gate commits it or has another deployment asked. A held answer is kept while
that happens: where the other one fails or is worse, the best is released. What never happens: two answers in
one response, or a byte of one that may still be taken back.

The default is a hold until the first content, where nothing is judged: only a failure before it goes
elsewhere. `hold` is None then, and one comparison is all that a stream pays.
"""

import time
from collections.abc import Sequence

from hybridgw.core import Outcome, Verdict
from hybridgw.errors import UpstreamError
from hybridgw.native import Decision, Permit, Relay
from hybridgw.pipeline.attempt import Attempt
from hybridgw.pipeline.call import Call
from hybridgw.pipeline.phase import Phase

_MOST_HELD = 8 * 1024 * 1024
"""Bytes of a stream at which its hold is over whatever the decision says."""


class Gate:
    """Of one request. Owns its attempts."""

    __slots__ = ("_call", "_decision", "current", "hold", "kept")

    def __init__(self, call: Call, decision: Decision) -> None:
        self._call = call
        self._decision = decision
        self.hold = call.worker.policy.hold(decision)
        """Kind and amount; None: until the first content."""
        self.current: Attempt | None = None
        self.kept: Sequence[Attempt] = ()
        """Attempts whose answers are held back while another one is asked."""

    def begin(self, permit: Permit) -> Attempt:
        """The next attempt."""
        self._call.move(Phase.ASKING)
        attempt = Attempt(self._call, self._decision, permit)
        self.current = self._call.attempt = attempt
        return attempt

    def is_over(self, relay: Relay, size: int, attempt: Attempt) -> bool:
        """Whether the hold of a stream of which something was read ends before the stream does. Only asked
        where there is one."""
        assert self.hold is not None
        kind, amount = self.hold
        if size > _MOST_HELD:
            return True
        if kind == "tokens":
            return relay.events >= amount
        return kind == "time" and self.left(attempt) <= 0

    @property
    def by_time(self) -> bool:
        """Whether the hold ends at a time, whatever has arrived."""
        return self.hold is not None and self.hold[0] == "time"

    def left(self, attempt: Attempt) -> float:
        """Seconds until a hold by time is over."""
        assert self.hold is not None
        return self.hold[1] / 1000 - (time.monotonic_ns() - attempt.asked_ns) / 1e9

    def judge(self, attempt: Attempt) -> Permit | None:
        """The hold of this attempt is over: the permit of another deployment, where its answer is not good
        enough and there is one; the answer is kept then."""
        if self.hold is None:
            return None
        attempt.verdict = self._call.worker.policy.verdict(attempt)
        if attempt.verdict == Verdict.GOOD:
            return None
        permit = self._decision.escalate(
            attempt.verdict, time.monotonic_ns(), time.time_ns(), self._call.worker.draw(64)
        )
        if permit is not None:
            self.kept = (*self.kept, attempt)
            if attempt.response is not None:
                # Nothing is read from it for a while, which is not its fault.
                attempt.response.arm(attempt.upstream.stream_timeouts.total, Outcome.STALLED)
        return permit

    def choose(self, attempt: Attempt) -> Attempt:
        """The best of this attempt and those that are kept. Of equals it is the last: whoever was asked
        later was asked for being better."""
        if not self.kept:
            return attempt
        every = (*self.kept, attempt)
        best = max(reversed(every), key=lambda it: it.verdict)
        return self._release(best, every)

    def release(self) -> Attempt:
        """The best of those that are kept, because nothing better came."""
        return self._release(max(reversed(self.kept), key=lambda it: it.verdict), self.kept)

    def _release(self, best: Attempt, every: Sequence[Attempt]) -> Attempt:
        self.kept = tuple(attempt for attempt in every if attempt is not best)
        best.released = True
        if best.response is not None:
            best.response.arm(best.upstream.stream_timeouts.idle, Outcome.STALLED)
        self.current = self._call.attempt = best
        return best

    def after(self, attempt: Attempt, error: UpstreamError) -> Permit | None:
        """Settle a failed attempt; the permit of the next one, or None when nothing may be tried."""
        if attempt.committed or attempt.released:
            attempt.settle(Outcome(error.outcome), error.status)
            return None
        return self._decision.next(
            error.outcome,
            error.status or attempt.status,
            int((error.retry_after or 0) * 1000),
            0,
            False,
            time.monotonic_ns(),
            time.time_ns(),
            self._call.worker.draw(64),
        )

    def commit(self, attempt: Attempt) -> None:
        """This answer goes to the client, and the others do not."""
        call = self._call
        call.move(Phase.COMMITTED)
        attempt.committed = True
        attempt.permit.commit()
        call.writer = attempt.writer
        if attempt.translation is None and not attempt.body:
            call.relay = attempt.relay
        if self.kept:
            kept, self.kept = self.kept, ()
            for other in kept:
                other.discard()

    def done(self, attempt: Attempt) -> None:
        """Nothing more is read from an attempt, unless its answer is kept."""
        if not self.kept or attempt not in self.kept:
            attempt.close()

    def settle(self, outcome: Outcome) -> None:
        """The request ends so: every attempt that has not ended does."""
        if self.current is not None:
            self.current.settle(outcome)
        kept, self.kept = self.kept, ()
        for attempt in kept:
            attempt.settle(outcome)
            attempt.close()
