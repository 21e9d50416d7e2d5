"""Where a request stands: one phase at a time, and the ways from each to the next.

A request was once a set of flags, each set in another file; which of their combinations could occur was for
the reader to find out. Phases cannot contradict one another, and a way that is not in the table is a bug in
the pipeline, which fails loudly instead of sending half of two answers.

Beside the phase stands one fact that is none of its own: whether the head of the response is out. A heartbeat
may send it in any phase between ASKING and COMMITTED.
"""

from enum import IntEnum


class Phase(IntEnum):
    """In the order in which a request goes through them."""

    ADMITTED = 0
    """The key is known; the body is still arriving: nothing else may wait for the client."""
    READ = 1
    """The body is here."""
    DECIDED = 2
    """Who may be asked is known, and a permit is held."""
    ASKING = 3
    """An attempt is on its way to its upstream."""
    HOLDING = 4
    """An upstream answers with 200. Nothing of it has gone to the client."""
    COMMITTED = 5
    """One answer was chosen and goes to the client. Nothing can be taken back."""
    ENDED = 6
    """The response is complete, or was given up: nothing more can be said to the client."""


_WAYS = {
    Phase.ADMITTED: (Phase.READ, Phase.ENDED),
    Phase.READ: (Phase.DECIDED, Phase.ENDED),
    Phase.DECIDED: (Phase.ASKING, Phase.ENDED),
    # Failed, and another one is asked; or an answer that was held back before is released.
    Phase.ASKING: (Phase.ASKING, Phase.HOLDING, Phase.COMMITTED, Phase.ENDED),
    Phase.HOLDING: (Phase.ASKING, Phase.COMMITTED, Phase.ENDED),
    Phase.COMMITTED: (Phase.ENDED,),
    Phase.ENDED: (),
}

WAYS = tuple(sum(1 << following for following in _WAYS[phase]) for phase in Phase)
"""For each phase the ones that may follow it, as bits."""


def moved(before: Phase, after: Phase) -> Phase:
    """`after`, where that may follow `before`; AssertionError elsewhere."""
    if not WAYS[before] >> after & 1:
        raise AssertionError(f"a request cannot go from {before.name} to {after.name}")
    return after
